"""The private keys by which a tunnel logs in: those of the agent, and files.

A key with a passphrase is opened before the job is submitted, because nobody may be there any more when it starts. The
passphrase is forgotten at once; what it has opened stays in memory as long as the tunnel may have to connect again.
"""

from __future__ import annotations

import asyncio
import base64
import getpass
import os
import sys
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh

from pollinator_magic.errors import TunnelError
from pollinator_magic.hidden import Hidden
from pollinator_magic.tunnels.hostkeys import shown
from pollinator_magic.tunnels.patience import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    KeyPairs = Sequence[asyncssh.SSHKeyPair | asyncssh.SSHKey | tuple[asyncssh.SSHKey, str]]

DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
TRIES = 3
_LARGEST = 1 << 20  # bytes of one file
_AGENT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class KeyFile:
    """A file with a private key, or with the public one of a key that only an agent has."""

    path: Path
    public: asyncssh.SSHKey | None = None
    private: asyncssh.SSHKey | None = None
    encrypted: bool = False
    """Whether it has a passphrase, and was not opened."""
    problem: str = ""
    """Why it cannot be used, what to do about it included."""

    @property
    def name(self) -> str:
        """What people call it."""
        return shown(self.path)

    def opened(self, passphrase: str) -> KeyFile:
        """Return it with its key; raise KeyError for a wrong passphrase, TunnelError if none would help."""
        text = _text(self.path)
        if "BEGIN OPENSSH PRIVATE KEY" in text and find_spec("bcrypt") is None:
            raise TunnelError(
                f"{self.name} has a passphrase, for which the package bcrypt is needed: pip install bcrypt. "
                f"Or let an agent open it: `ssh-add {self.name}` in a terminal."
            )
        try:
            return replace(self, private=asyncssh.import_private_key(text, passphrase), encrypted=False)
        except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError, ValueError):
            raise KeyError(self.name) from None  # a wrong passphrase makes anything of a key


@dataclass(frozen=True)
class KeyRing:
    """The keys that may be tried, beside those of the agent.

    `named`: the section names one, so that no other key of the agent is offered to anybody.
    """

    files: tuple[KeyFile, ...] = ()
    named: bool = False

    async def offers(self, agent_path: str | None, more: Sequence[Path], *, only: bool) -> Offers:
        """Return what to try at one server: `more` are files that ssh_config names for it, with `only` nothing else."""
        known = {file.path for file in self.files}
        files = [*self.files, *(look_at(path) for path in more if path not in known)]
        agent = await _connect(agent_path)
        pairs: list[asyncssh.SSHKeyPair] = []
        if agent is not None:
            with suppress(ValueError, OSError, asyncio.TimeoutError):
                pairs = list(await within(_AGENT_TIMEOUT_S, agent.get_keys()))
        if self.named or only:
            wanted = {file.public.public_data for file in files if file.public is not None}
            pairs = [pair for pair in pairs if _public_data(pair) in wanted]
        return Offers(agent, pairs, files)


class Offers:
    """What is tried at one server, in this order, each once; what was tried and what not is remembered."""

    def __init__(
        self, agent: asyncssh.SSHAgentClient | None, pairs: Sequence[asyncssh.SSHKeyPair], files: Sequence[KeyFile]
    ) -> None:
        self._agent = agent
        self._pairs, self._files = list(pairs), list(files)
        self.tried: list[str] = []
        self.others: set[str] = set()
        """Ways to log in, other than by a key, that the server would have accepted."""
        self._offers = self._each()

    async def next(self) -> KeyPairs | None:
        """Return the next key to try, None if there is none."""
        return await anext(self._offers, None)

    def close(self) -> None:
        """Let the agent go."""
        if self._agent is not None:
            self._agent.close()

    def describe(self) -> str:
        """Say what was tried, and why what is there was not."""
        tried = f"Tried: {', '.join(self.tried)}." if self.tried else "There was no key to try."
        held = {_public_data(pair) for pair in self._pairs}
        not_tried = [
            f"{file.name} was not tried: {file.problem or _locked(file)}"
            for file in self._files
            if (file.problem or file.encrypted) and not (file.public and file.public.public_data in held)
        ]
        agent = [] if self._agent is not None else ["No agent was asked."]
        return " ".join([tried, *agent, *not_tried])

    async def _each(self) -> AsyncIterator[KeyPairs]:
        for pair in self._pairs:
            self.tried.append(f"{pair.get_comment() or pair.get_algorithm()} of the agent")
            yield [pair]
        for file in self._files:
            if file.private is not None:
                self.tried.append(file.name)
                yield _with_certificate(file.private, file.path)


def look_at(path: Path) -> KeyFile:
    """Look at a file without opening a key that has a passphrase."""
    file = KeyFile(path)
    if not path.is_file():
        return replace(file, problem="there is no such file.")
    try:
        text = _text(path)
    except OSError as error:
        return replace(file, problem=f"{error.strerror or error}.")
    public = _public(path, text)
    if "PRIVATE KEY" not in text:
        return replace(file, public=public) if public else replace(file, problem="it holds no key.")
    if problem := _too_open(path):
        return replace(file, public=public, problem=problem)
    try:
        private = asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
        if "assphrase" in str(error):
            return replace(file, public=public, encrypted=True)
        return replace(file, public=public, problem=f"it cannot be read as a private key ({error}).")
    return replace(file, public=private.convert_to_public(), private=private)


def ring_of(named: Path | None, configured: Sequence[Path], agent_path: str | None, ask: Ask) -> KeyRing:
    """Find the keys, and have `ask` ask for a passphrase where otherwise no key could be used.

    Raises TunnelError if the key that was named cannot be used, or if a passphrase is wrong again and again.
    """
    files = [look_at(path) for path in ([named] if named else configured or _default_files())]
    if named and files[0].problem:
        raise TunnelError(f"The key {files[0].name} of the tunnel cannot be used: {files[0].problem}")
    held = _held(agent_path)
    locked = [file for file in files if file.encrypted and not (file.public and file.public.public_data in held)]
    usable = [file for file in files if file not in locked and not file.problem]
    if locked and not usable and (named or configured or not held):
        opened = _open(locked[0], ask)
        if opened is None and named:
            raise TunnelError(
                f"{locked[0].name} has a passphrase, and nobody can be asked for it here. "
                f"Let an agent open it: `ssh-add {locked[0].name}` in a terminal."
            )
        files = [opened if file is locked[0] and opened else file for file in files]
    if named and files[0].private is None and not (files[0].public and files[0].public.public_data in held):
        raise TunnelError(f"{files[0].name} holds a public key only, and no agent has the private one. Use `ssh-add`.")
    return KeyRing(tuple(files), named=named is not None)


def ask_in_front_end(prompt: str) -> str | None:
    """Ask for a passphrase in the terminal or below the cell, unseen; None if there is nobody to ask."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would be seen
            return Hidden(getpass.getpass(prompt))
    except (EOFError, OSError, NotImplementedError, getpass.GetPassWarning):
        return None


def agent_path_of(configured: object) -> str | None:
    """Return where the agent listens: what ssh_config says (`IdentityAgent`), else SSH_AUTH_SOCK; None for no agent."""
    path = configured if isinstance(configured, str) and configured != "SSH_AUTH_SOCK" else None
    if configured is None:
        return None
    path = path or os.environ.get("SSH_AUTH_SOCK") or ""
    return str(Path(path).expanduser()) if path else "" if sys.platform == "win32" else None


def _open(file: KeyFile, ask: Ask) -> KeyFile | None:
    for _ in range(TRIES):
        passphrase = ask(f"Passphrase of {file.name}, for the tunnel: ")
        if passphrase is None:
            return None
        with suppress(KeyError):
            return file.opened(passphrase)
    raise TunnelError(f"That was not the passphrase of {file.name}, {TRIES} times. Run it again to try once more.")


def _held(agent_path: str | None) -> set[bytes]:
    """Return the public keys whose private ones the agent has."""
    held: set[bytes] = set()

    async def ask() -> None:
        agent = await _connect(agent_path)
        if agent is not None:
            with suppress(ValueError, OSError):
                held.update(_public_data(pair) for pair in await agent.get_keys())
            agent.close()

    # In a thread, because in a notebook the caller's has an event loop already; an agent may also hang.
    thread = threading.Thread(target=lambda: asyncio.run(ask()), name="pollinator-agent", daemon=True)
    thread.start()
    thread.join(_AGENT_TIMEOUT_S)
    return set(held)


async def _connect(agent_path: str | None) -> asyncssh.SSHAgentClient | None:
    if agent_path is None:
        return None
    try:
        return await within(_AGENT_TIMEOUT_S, asyncssh.connect_agent(agent_path))
    except (OSError, ValueError, asyncssh.Error, asyncio.TimeoutError):
        return None


def _public_data(pair: asyncssh.SSHKeyPair) -> bytes:
    """Return the public key of what an agent offers, of a certificate the one that it is for."""
    if "-cert-" in pair.get_algorithm():
        text = f"{pair.get_algorithm()} {base64.b64encode(pair.public_data).decode()}"
        with suppress(asyncssh.KeyImportError):
            return bytes(asyncssh.import_certificate(text).key.public_data)
    return bytes(pair.public_data)


def _public(path: Path, text: str) -> asyncssh.SSHKey | None:
    """Return the public key in a file, which the newer form of private keys has unencrypted, or beside it."""
    with suppress(asyncssh.KeyImportError, ValueError):
        return asyncssh.import_public_key(text)
    with suppress(OSError, asyncssh.KeyImportError, ValueError):
        return asyncssh.read_public_key(f"{path}.pub")
    return None


def _with_certificate(key: asyncssh.SSHKey, path: Path) -> KeyPairs:
    certificate = Path(f"{path}-cert.pub")
    return [(key, str(certificate))] if certificate.is_file() else [key]


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return Hidden(file.read(_LARGEST).decode("ascii", "replace"))


def _too_open(path: Path) -> str:
    """Say what is wrong with the permissions of a private key, by OpenSSH's rule; nothing if they are right."""
    if os.name != "posix":
        return ""
    status = path.stat()
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        return f"others may read it (mode {status.st_mode & 0o777:04o}). Use `chmod 600 {shown(path)}`."
    return ""


def _locked(file: KeyFile) -> str:
    return f"it has a passphrase. Let an agent open it: `ssh-add {file.name}`."


def _default_files() -> list[Path]:
    paths = [Path(name).expanduser() for name in DEFAULT_FILES]
    return [path for path in paths if path.exists()]


if TYPE_CHECKING:
    Ask = Callable[[str], str | None]
