"""Which colony and which object store: values, and how the environment names them (protocol.md, section 2).

Nothing here talks to a server. The embedded colony makes its own `Connection` (see `local`).
"""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.address import Server
from pollinator_magic.errors import ConfigurationError
from pollinator_magic.hidden import Hidden, hide_secrets, process_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.colonies.keys import PrivateKey

__all__ = [
    "Connection",
    "DirectorySettings",
    "S3Settings",
    "Server",
    "StorageSettings",
    "connection_from_environment",
    "home_directory",
    "is_configured",
    "owner_key_from_environment",
    "read_env_file",
]

_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:]+\]?")
_ENDPOINT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_S3_KEY = re.compile(r"[\x21-\x7e]+")  # it goes into a header
_QUOTED = re.compile(r"""(["'])(.*?)\1(?:\s+#.*)?""")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


@dataclass(frozen=True)
class S3Settings:
    """An S3 bucket. The keys are not shown."""

    endpoint: str
    """`host:port`, without a scheme."""
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str = ""
    tls: bool = True
    verify: bool = True

    def __post_init__(self) -> None:
        """Keep the keys out of what shows the values of attributes."""
        object.__setattr__(self, "access_key", Hidden(self.access_key))
        object.__setattr__(self, "secret_key", Hidden(self.secret_key))

    def __str__(self) -> str:
        return f"bucket {self.bucket!r} at {self.endpoint}"


@dataclass(frozen=True)
class DirectorySettings:
    """A directory that holds the objects as plain files (the embedded colony's default)."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


StorageSettings = S3Settings | DirectorySettings


@dataclass(frozen=True)
class Connection:
    """Everything needed to act in one colony as one user."""

    server: Server
    colony: str
    key: PrivateKey
    storage: StorageSettings | None
    """None where only jobs without files can be handled."""
    dashboard_url: str = ""
    embedded: bool = False
    """Whether this is the embedded colony, which runs jobs with the submitting kernel's own interpreter."""


def connection_from_environment(environment: Mapping[str, str] | None = None) -> Connection:
    """Read `COLONIES_*` and `AWS_S3_*`; raise ConfigurationError that names every variable that is missing."""
    from pollinator_magic.colonies.keys import PrivateKey

    env = environment = process_environment() if environment is None else hide_secrets(environment)
    needed = ("COLONIES_SERVER_HOST", "COLONIES_COLONY_NAME", "COLONIES_PRVKEY")
    missing = [name for name in needed if not env.get(name)]
    if missing:
        raise ConfigurationError(
            f"No colony is configured: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. "
            "Load an environment file with `%pollinator connect FILE`, or use the executor `local`, which needs none."
        )
    return Connection(
        server=_server(env),
        colony=env["COLONIES_COLONY_NAME"],
        key=PrivateKey.from_hex(env["COLONIES_PRVKEY"]),
        storage=_storage(env),
        dashboard_url=env.get("COLONYOS_DASHBOARD_URL", "").rstrip("/"),
    )


def owner_key_from_environment(environment: Mapping[str, str] | None = None) -> PrivateKey | None:
    """Return the colony owner's key (COLONIES_COLONY_PRVKEY), which executors register with; None if it is not set."""
    from pollinator_magic.colonies.keys import PrivateKey

    environment = process_environment() if environment is None else hide_secrets(environment)
    text = environment.get("COLONIES_COLONY_PRVKEY")
    return PrivateKey.from_hex(text) if text else None


def is_configured(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the environment names a colony at all."""
    env = os.environ if environment is None else environment
    return bool(env.get("COLONIES_SERVER_HOST"))


def read_env_file(path: Path) -> dict[str, str]:
    """Read `NAME=value` and `export NAME=value` lines, quoted or not; nothing is executed or expanded.

    Raises ConfigurationError with the line number for anything else. The message never quotes the line: it may hold
    a key.
    """
    try:
        lines = [Hidden(line.strip()) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"Cannot read the environment file {str(path)!r}: {reason}.") from None
    variables: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if not match:
            raise ConfigurationError(f"{path.name}, line {number}: expected NAME=value or export NAME=value.")
        variables |= hide_secrets({match[1]: _unquote(match[2].strip())})
    return variables


def _unquote(value: str) -> str:
    quoted = _QUOTED.fullmatch(value)
    if quoted:
        return quoted[2]
    return value.split(" #", 1)[0].rstrip()


def _server(env: Mapping[str, str]) -> Server:
    host = env["COLONIES_SERVER_HOST"].strip()
    if not _HOST.fullmatch(host):
        raise ConfigurationError(
            f"COLONIES_SERVER_HOST must be a host name without scheme, port or path, not {host!r}. "
            "The port goes into COLONIES_SERVER_PORT, https or http into COLONIES_TLS."
        )
    first, second = _boolean(env, "COLONIES_TLS"), _boolean(env, "COLONIES_SERVER_TLS")
    if first is not None and second is not None and first != second:
        warnings.warn(
            f"COLONIES_TLS and COLONIES_SERVER_TLS differ; using COLONIES_TLS={str(first).lower()}.", stacklevel=3
        )
    tls = first if first is not None else second
    use_tls = True if tls is None else tls
    return Server(host, _port(env, default=443 if use_tls else 80), tls=use_tls)


def _port(env: Mapping[str, str], *, default: int) -> int:
    for name in ("COLONIES_SERVER_HTTP_PORT", "COLONIES_SERVER_PORT"):
        text = env.get(name, "").strip()
        if text:
            if not text.isdecimal() or not 0 < int(text) < 65536:
                raise ConfigurationError(f"{name} must be a port number between 1 and 65535, not {text!r}.")
            return int(text)
    return default


def _boolean(env: Mapping[str, str], name: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(env.get(name, "").strip().lower())


def _storage(env: Mapping[str, str]) -> StorageSettings | None:
    directory = env.get("POLLINATOR_OBJECTS_DIR")
    if directory:
        return DirectorySettings(Path(directory))
    endpoint = env.get("AWS_S3_ENDPOINT", "").strip()
    if not endpoint:
        return None
    needed = ("AWS_S3_ACCESSKEY", "AWS_S3_SECRETKEY", "AWS_S3_BUCKET")
    missing = [name for name in needed if not env.get(name)]
    if missing:
        raise ConfigurationError(
            f"AWS_S3_ENDPOINT is set, but {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not: "
            "files could not be carried to the colony."
        )
    for name in needed[:2]:
        if not _S3_KEY.fullmatch(env[name].strip()):
            raise ConfigurationError(f"{name} holds a space or a character that is in no key. Copy the key again.")
    place = endpoint.split("://", 1)[-1].rstrip("/")
    if not _ENDPOINT.fullmatch(place):
        raise ConfigurationError(f"AWS_S3_ENDPOINT must be a host and port, such as s3.example.org:443, not {place!r}.")
    tls = _boolean(env, "AWS_S3_TLS")
    return S3Settings(
        endpoint=place,
        bucket=env["AWS_S3_BUCKET"],
        access_key=env["AWS_S3_ACCESSKEY"].strip(),
        secret_key=env["AWS_S3_SECRETKEY"].strip(),
        region=env.get("AWS_S3_REGION") or env.get("AWS_S3_REGION_KEY") or "",
        tls=endpoint.startswith("https://") if tls is None and "://" in endpoint else tls is not False,
        verify=_boolean(env, "AWS_S3_SKIPVERIFY") is not True,
    )


def home_directory() -> Path:
    """Return where the embedded colony and the user's ledger are: POLLINATOR_HOME, or the user's data directory."""
    configured = os.environ.get("POLLINATOR_HOME")
    if configured:
        return Path(configured).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("pollinator_magic"))
