"""How to reach a cluster, and as whom: the account of the executor's own pod, or what a kubeconfig file says.

A pod finds its account in three files and two variables. A kubeconfig file is the official client's to read, who knows
all the ways in which credentials come; but for that it loads 35 to 80 MiB that nothing else needs here. So it does that
in a process of its own, which this module is as a program, and which tells what it has found as JSON:

    python -m pollinator_magic.executors.kubernetes.account FILE CONTEXT
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pollinator_magic.errors import ConfigurationError

if TYPE_CHECKING:
    import urllib3

MISSING = "The package kubernetes is not installed. Install it: pip install 'pollinator-magic[kubernetes]'"

_OF_A_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_NAMES = ("BearerToken", "authorization")  # version 36.0.0 of the client writes one and reads the other
_READ_WITHIN_S = 120.0  # a program for credentials may ask somebody else
_WRONG = 3


class Account(msgspec.Struct, frozen=True):
    """Where a cluster is, and what it has to be shown. Certificates and keys are PEM texts; "" is none."""

    address: str
    namespace: str = ""
    authorization: str = ""
    authorities: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True
    check_name: bool = True
    server_name: str = ""
    proxy: str = ""
    proxy_headers: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Account({self.address})"

    @property
    def headers(self) -> dict[str, str]:
        """What says who is asking."""
        return {"Authorization": self.authorization} if self.authorization else {}

    def connections(self, most: int) -> urllib3.PoolManager:
        """Return connections to the cluster, of which `most` are kept; raise OSError for what cannot be used."""
        from urllib3 import PoolManager, ProxyManager

        options: dict[str, Any] = {"maxsize": most}
        if self.address.startswith("https:"):
            options["ssl_context"] = self._trust()
            if self.server_name:
                options["server_hostname"] = self.server_name
            if not self.check_name:
                options["assert_hostname"] = False
        if self.proxy.startswith("socks"):
            from urllib3.contrib.socks import SOCKSProxyManager

            return SOCKSProxyManager(self.proxy, headers=self.proxy_headers, **options)
        if self.proxy:
            return ProxyManager(self.proxy, proxy_headers=self.proxy_headers, **options)
        return PoolManager(**options)

    def _trust(self) -> ssl.SSLContext:
        from urllib3.util import create_urllib3_context

        context = create_urllib3_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.authorities:
            context.load_verify_locations(cadata=self.authorities)
        else:
            context.load_default_certs()
        if self.certificate:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # readable for nobody else
                file.write(f"{self.certificate}\n{self.key}")
                file.flush()
                context.load_cert_chain(file.name)
        return context


def in_a_pod() -> bool:
    """Whether this process runs in a pod of a cluster."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def of_this_pod() -> Account:
    """Return the account of the pod that this process runs in; raise OSError if it cannot be used."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = (_OF_A_POD / "token").read_text(encoding="utf-8").strip()
    if not token:
        raise OSError(f"{_OF_A_POD / 'token'} is empty")
    return Account(
        address=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=(_OF_A_POD / "namespace").read_text(encoding="utf-8").strip(),
        authorization=f"Bearer {token}",
        authorities=(_OF_A_POD / "ca.crt").read_text(encoding="utf-8"),
    )


def of_kubeconfig(file: str, context: str) -> Account:
    """Return what a kubeconfig file says, empty for the usual one, and a context of it, empty for the current one.

    Raises OSError with what is wrong with it, ConfigurationError without the official client.
    """
    if find_spec("kubernetes") is None:
        raise ConfigurationError(MISSING + ".")
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, file, context],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_READ_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"reading it took longer than {_READ_WITHIN_S:.0f} s") from None
    if done.returncode == 0:
        return msgspec.json.decode(done.stdout, type=Account)
    said = done.stdout if done.returncode == _WRONG else done.stderr
    raise OSError(said.decode(errors="replace").strip() or f"reading it ended with exit status {done.returncode}")


def main(file: str, context: str) -> int:
    """Print an account, or what is wrong."""
    sys.stdout, told = sys.stderr, sys.stdout  # what a program for credentials prints is none of it
    try:
        account = _read(file or None, context or None)
    except Exception as error:  # noqa: BLE001  the client raises what it likes for a file that is not right
        told.write(str(error) or type(error).__name__)
        return _WRONG
    told.write(msgspec.json.encode(account).decode())
    return 0


def _read(file: str | None, context: str | None) -> Account:
    # Where it is installed, the client would take seconds to load a package that is of no use here.
    without: dict[str, Any] = {"kubernetes_validate": None}
    sys.modules.update(without)
    import kubernetes

    config: Any = kubernetes.config  # typed in some versions
    found: Any = kubernetes.client.Configuration()
    config.load_kube_config(config_file=file, context=context, client_configuration=found)
    contexts, current = config.list_kube_config_contexts(file)
    chosen = next((one for one in contexts if one["name"] == context), current)
    tokens = (found.get_api_key_with_prefix(name) for name in _TOKEN_NAMES)
    proxied = isinstance(kubernetes.client.ApiClient(found).rest_client.pool_manager, _proxy_managers())
    return Account(
        address=str(found.host),
        namespace=str(chosen["context"].get("namespace") or ""),
        authorization=next((str(token) for token in tokens if token), ""),
        authorities=_text(found.ssl_ca_cert),
        certificate=_text(found.cert_file),
        key=_text(found.key_file),
        verify=bool(found.verify_ssl),
        check_name=found.assert_hostname is not False,
        server_name=found.tls_server_name or "",
        proxy=(found.proxy or "") if proxied else "",  # the client knows who needs none
        proxy_headers=dict(found.proxy_headers or {}) if proxied else {},
    )


def _proxy_managers() -> tuple[type, ...]:
    from urllib3 import ProxyManager

    try:
        from urllib3.contrib.socks import SOCKSProxyManager
    except ImportError:
        return (ProxyManager,)
    return ProxyManager, SOCKSProxyManager


def _text(file: str | None) -> str:
    """Return what is in a file; the client writes some itself, and removes them when this process ends."""
    return Path(file).read_text(encoding="utf-8") if file else ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
