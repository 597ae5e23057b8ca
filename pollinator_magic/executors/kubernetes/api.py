"""Requests to a cluster, over the configuration, credentials and connections of the official client.

Replies are read here (`models`) and not by the client's classes, which are not the same in all of its versions.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import msgspec

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.kubernetes import models
from pollinator_magic.executors.kubernetes.texts import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import urllib3

    from pollinator_magic.executors.kubernetes.settings import KubernetesSettings

R = TypeVar("R", models.JobList, models.PodList, models.EventList, models.NodeList)
T = TypeVar("T")

MISSING = "The package kubernetes is not installed. Install it: pip install 'pollinator-magic[kubernetes]'"

_CONNECT_S = 10.0
_ANSWER_S = 30.0
_SILENCE_S = 300.0
_LARGEST_ANSWER = 64 << 20
_CHUNK = 64 << 10
_PAGE = "500"
_CONNECTIONS = 128  # that are kept for the next request
_TOKEN_NAMES = ("BearerToken", "authorization")  # version 36.0.0 of the client writes one and reads the other
_FORBIDDEN = re.compile(r'cannot ([a-z]+) resource "([a-z/]+)"')
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Unreachable(OSError):
    """The API server has not answered, or failed: it may do better later."""


class Refused(OSError):
    """The API server has said no, and would say it again. `str` is its reason in the user's words."""

    def __init__(self, status: int, message: str) -> None:
        missing = _FORBIDDEN.search(message) if status == 403 else None
        if missing:
            message = (
                f"The executor's account may not {missing[1]} {missing[2]} in this namespace. "
                "Its administrator grants that with a Role (docs/examples/kubernetes/rbac.yaml)."
            )
        super().__init__(message)
        self.status = status


class Api:
    """The API of a cluster, in one namespace. Every method may be called from any thread; each is one request.

    They raise Unreachable and Refused.
    """

    def __init__(self, client: Any, namespace: str) -> None:
        self.namespace = namespace
        self._configuration = client.configuration
        self._pool: urllib3.PoolManager = client.rest_client.pool_manager
        self._refreshing = threading.Lock()

    @property
    def address(self) -> str:
        """Where the API server is."""
        return str(self._configuration.host)

    def get(self, kind: type[T], path: str) -> T:
        """Read one object."""
        return _read(kind, self._ask("GET", path))

    def list(self, kind: type[R], path: str, **query: str) -> R:
        """Read all objects of a list, however many pages it has."""
        found: list[Any] = []
        page = _read(kind, self._ask("GET", path, {**query, "limit": _PAGE}))
        while True:
            found += page.items or []
            if not page.metadata.continue_:
                return kind(items=found)
            page = _read(kind, self._ask("GET", path, {**query, "limit": _PAGE, "continue": page.metadata.continue_}))

    def create(self, kind: type[T], path: str, manifest: Mapping[str, Any]) -> T:
        """Make an object."""
        return _read(kind, self._ask("POST", path, body=manifest))

    def delete(self, path: str, *, query: Mapping[str, str] | None = None, **options: Any) -> bool:
        """Have something deleted; return whether it was there."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        try:
            self._ask("DELETE", path, query, body)
        except Refused as refusal:
            if refusal.status == 404:
                return False
            raise
        return True

    def stream(self, path: str, **query: str) -> Stream:
        """Open an answer that may go on for as long as somebody writes it."""
        return Stream(self._open("GET", path, query, None, silence_s=_SILENCE_S))

    def jobs(self, name: str = "") -> str:
        """Return the path of the jobs, or of one."""
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs" + (f"/{name}" if name else "")

    def core(self, resource: str, *names: str) -> str:
        """Return the path of things of the core API: pods, services, events."""
        return "/".join([f"/api/v1/namespaces/{self.namespace}/{resource}", *names])

    def close(self) -> None:
        """Give back the connections."""
        self._pool.clear()

    def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> bytes:
        import urllib3

        response = self._open(method, path, query or {}, body, silence_s=_ANSWER_S)
        try:
            data = response.read(_LARGEST_ANSWER + 1)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            response.close()
            raise Unreachable(f"The Kubernetes API at {self.address} broke off its answer: {error}") from error
        response.release_conn()
        if len(data) > _LARGEST_ANSWER:
            response.close()
            raise Unreachable("The Kubernetes API gives more than any list of jobs can be.")
        return data

    def _open(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None, *, silence_s: float
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; return an answer that is good, not yet read."""
        import urllib3

        url = f"{self.address.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json, */*", "Content-Type": "application/json", **self._credentials()}
        try:
            response = self._pool.request(
                method,
                url,
                body=json.dumps(body).encode() if body is not None else None,
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_S, read=silence_s),
                retries=False,
                redirect=False,  # credentials are for this server
                preload_content=False,
            )
            if response.status < 300:
                return response
            text = response.read(_CHUNK)
            response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"The Kubernetes API at {self.address} does not answer: {_reason(error)}") from error
        message = _message(text) or f"The Kubernetes API has answered with status {response.status}."
        if response.status in {400, 403, 404, 405, 409, 410, 415, 422}:
            raise Refused(response.status, message)
        if response.status == 401:
            message = "it does not accept the credentials of this executor"
        raise Unreachable(f"The Kubernetes API at {self.address} cannot answer: {message}")

    def _credentials(self) -> dict[str, str]:
        with self._refreshing:  # asking for them may read a file anew, or run a program
            try:
                found = [self._configuration.get_api_key_with_prefix(name) for name in _TOKEN_NAMES]
            except Exception as error:  # whatever a program for credentials does wrong
                raise Unreachable(f"There are no credentials for the Kubernetes API: {error}") from error
        return next(({"Authorization": str(token)} for token in found if token), {})


class Stream:
    """An answer as it comes. `chunks` is for one thread, `stop` for any."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self._closing = threading.Lock()
        self._closed = False

    def chunks(self) -> Iterator[bytes]:
        """Yield what comes until the answer is whole; raise Unreachable if it breaks off, or nothing comes for long."""
        import urllib3

        try:
            yield from self._response.stream(_CHUNK)  # what is there, not until it is so much
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"An answer of the Kubernetes API broke off: {error}") from error
        finally:
            with self._closing:
                self._closed = True
                self._response.close()

    def stop(self) -> None:
        """End it, also while somebody waits for more."""
        with self._closing, suppress(OSError):
            if not self._closed:  # its number could be another file's by now
                with socket.socket(fileno=os.dup(self._response.fileno())) as end:
                    end.shutdown(socket.SHUT_RDWR)


def connect(settings: KubernetesSettings) -> Api:
    """Read the configuration; raise ConfigurationError where there is none that can be used."""
    try:
        import kubernetes
    except ImportError as error:
        raise ConfigurationError(MISSING + ".") from error
    config: Any = kubernetes.config  # typed in some versions
    configuration = kubernetes.client.Configuration()
    configuration.connection_pool_maxsize = _CONNECTIONS
    inside = not (settings.kubeconfig or settings.context) and "KUBERNETES_SERVICE_HOST" in os.environ
    file, context = settings.kubeconfig or None, settings.context or None
    namespace = settings.namespace
    try:
        if inside:
            config.load_incluster_config(client_configuration=configuration)
            namespace = namespace or _OWN_NAMESPACE.read_text(encoding="utf-8").strip()
        else:
            config.load_kube_config(config_file=file, context=context, client_configuration=configuration)
            namespace = namespace or _namespace_of(config.list_kube_config_contexts(file), context)
    except Exception as error:  # the client raises what it likes for a file that is not right
        named = settings.kubeconfig or "the usual kubeconfig file"
        where = "the account of this pod" if inside else named
        raise ConfigurationError(
            f"The configuration of Kubernetes ({where}) cannot be used: {str(error) or type(error).__name__}. "
            "Set kubeconfig and context in [kubernetes]."
        ) from error
    return Api(kubernetes.client.ApiClient(configuration), namespace or "default")


def _namespace_of(contexts: Any, name: str | None) -> str:
    known, current = contexts
    chosen = next((one for one in known if one["name"] == name), current)
    return str(chosen["context"].get("namespace") or "")


def _read(kind: type[T], data: bytes) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise Unreachable(f"What answers is not the Kubernetes API: {error}") from error


def _message(text: bytes) -> str:
    """Return what a refusal says, in one line that is not endless."""
    try:
        message = msgspec.json.decode(text, type=models.Refusal).message or ""
    except msgspec.MsgspecError:
        message = text.decode("utf-8", errors="replace")
    return one_line(message)


def _reason(error: Exception) -> str:
    """Return what is wrong with a connection, without the address that is named already."""
    inner = getattr(error, "reason", None) or error
    return one_line(re.sub(r"^<[^>]*>: |^\(?HTTPS?Connection[^)]*\): ", "", str(inner)))
