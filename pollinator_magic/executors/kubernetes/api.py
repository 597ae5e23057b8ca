"""Requests to a cluster, as the account that the official client or the executor's own pod has (`account`).

Replies are read here (`models`) and not by the client's classes, which are not the same in all of its versions.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import msgspec

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.kubernetes import account, models
from pollinator_magic.executors.kubernetes.texts import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import urllib3

    from pollinator_magic.executors.kubernetes.account import Account
    from pollinator_magic.executors.kubernetes.settings import KubernetesSettings

R = TypeVar("R", models.JobList, models.PodList, models.EventList, models.NodeList)
T = TypeVar("T")

_CONNECT_S = 10.0
_ANSWER_S = 30.0
_SILENCE_S = 300.0
_LARGEST_ANSWER = 64 << 20
_CHUNK = 64 << 10
_PAGE = "500"
_CONNECTIONS = 128  # that are kept for the next request
_RENEW_S = 30.0
"""So long after credentials were asked for, nobody asks for others."""
_FORBIDDEN = re.compile(r'cannot ([a-z]+) resource "([a-z/]+)"')


class Unreachable(OSError):
    """The API server has not answered, or failed: it may do better later."""


class Refused(OSError):
    """The API server has said no, and would say it again. `str` is its reason in the user's words."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        missing = _FORBIDDEN.search(message) if status == 403 else None
        if missing:
            message = (
                f"The executor's account may not {missing[1]} {missing[2]} in this namespace. "
                "Its administrator grants that with a Role (docs/examples/kubernetes/rbac.yaml)."
            )
        super().__init__(message)
        self.status = status
        self.reason = reason
        """One word of Kubernetes' own: what tells two refusals of the same status apart."""


class Api:
    """The API of a cluster, in one namespace. Every method may be called from any thread; each is one request.

    They raise Unreachable and Refused. `read` gives the account, and is asked again when its credentials are not
    accepted any more; it raises OSError.
    """

    def __init__(self, read: Callable[[], Account], namespace: str) -> None:
        self._read = read
        self._account = read()
        self._pool = self._account.connections(_CONNECTIONS)
        self._read_at = time.monotonic()
        self._renewing = threading.Lock()
        self.namespace = namespace or self._account.namespace or "default"

    @property
    def address(self) -> str:
        """Where the API server is."""
        return self._account.address

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
        """Make an object; Refused with the status 409 says that there is one of its name."""
        try:
            return _read(kind, self._ask("POST", path, body=manifest))
        except Refused as refusal:
            if refusal.status == 409 and refusal.reason != "AlreadyExists":  # two at a time have changed a quota
                raise Unreachable(f"The Kubernetes API at {self.address} cannot answer: {refusal}") from refusal
            raise

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

        data = json.dumps(body).encode() if body is not None else None
        tried = self._account
        try:
            response = self._send(method, path, query, data, silence_s)
            if response.status == 401 and self._renew(tried):
                response.close()
                response = self._send(method, path, query, data, silence_s)
            if response.status < 300:
                return response
            text = response.read(_CHUNK)
            response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"The Kubernetes API at {self.address} does not answer: {_reason(error)}") from error
        said, reason = _refusal(text)
        message = said or f"The Kubernetes API has answered with status {response.status}."
        if response.status in {400, 403, 404, 405, 409, 410, 413, 415, 422}:
            raise Refused(response.status, message, reason)
        if response.status == 401:
            message = "it does not accept the credentials of this executor"
        raise Unreachable(f"The Kubernetes API at {self.address} cannot answer: {message}")

    def _send(
        self, method: str, path: str, query: Mapping[str, str], data: bytes | None, silence_s: float
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        url = f"{self.address.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
        return self._pool.request(
            method,
            url,
            body=data,
            headers={"Accept": "application/json, */*", "Content-Type": "application/json", **self._account.headers},
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=silence_s),
            retries=False,
            redirect=False,  # credentials are for this server
            preload_content=False,
        )

    def _renew(self, refused: Account) -> bool:
        """Read the account again, because this one was refused; return whether there is another now."""
        with self._renewing:
            if self._account is refused and time.monotonic() - self._read_at > _RENEW_S:
                try:
                    now = self._read()
                    if now != self._account:
                        self._pool, self._account = now.connections(_CONNECTIONS), now
                except OSError as error:
                    raise Unreachable(f"There are no credentials for the Kubernetes API: {error}") from error
                finally:
                    self._read_at = time.monotonic()
            return self._account is not refused


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
    file, context = settings.kubeconfig, settings.context
    inside = acts_as_its_pod(settings)
    try:
        return Api(account.of_this_pod if inside else lambda: account.of_kubeconfig(file, context), settings.namespace)
    except OSError as error:
        where = "the account of this pod" if inside else file or "the usual kubeconfig file"
        raise ConfigurationError(
            f"The configuration of Kubernetes ({where}) cannot be used: {error}. Set kubeconfig and context in "
            "[kubernetes]."
        ) from error


def acts_as_its_pod(settings: KubernetesSettings) -> bool:
    """Whether the executor is itself a pod and no other configuration was chosen; then no package is needed."""
    return account.in_a_pod() and not (settings.kubeconfig or settings.context)


def _read(kind: type[T], data: bytes) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise Unreachable(f"What answers is not the Kubernetes API: {error}") from error


def _refusal(text: bytes) -> tuple[str, str]:
    """Return what a refusal says, in one line that is not endless, and its reason in a word of Kubernetes' own."""
    try:
        refusal = msgspec.json.decode(text, type=models.Refusal)
    except msgspec.MsgspecError:
        return one_line(text.decode("utf-8", errors="replace")), ""
    return one_line(refusal.message or ""), refusal.reason or ""


def _reason(error: Exception) -> str:
    """Return what is wrong with a connection, without the address that is named already."""
    inner = getattr(error, "reason", None) or error
    return one_line(re.sub(r"^<[^>]*>: |^\(?HTTPS?Connection[^)]*\): ", "", str(inner)))
