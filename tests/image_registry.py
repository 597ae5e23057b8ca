"""A registry of images on a free port of the loopback device, for tests: what podman and docker ask, and no more.

Each image has the tools of busybox, and a variable VERSION that counts how often it was published.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.containers import image_config, image_layer, small_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_UNKNOWN = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Registry:
    """What the registry holds; `requests` is what it was asked."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.hold = threading.Event()
        """While this is set, layers are begun and not finished."""
        self._base = image_layer()
        self._layers: set[str] = set()
        self._blobs: dict[str, bytes] = {}
        self._manifests: dict[str, bytes] = {}
        self._versions: dict[str, int] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"localhost:{self._server.server_port}"

    def publish(self, name: str) -> str:
        """Put a new version of an image there; return its full name."""
        self._versions[name] = self._versions.get(name, 0) + 1
        version = str(self._versions[name])
        layers = [self._base, small_layer("etc/version", f"{name} {version}\n".encode())]
        config = image_config(*layers, VERSION=version)
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob(config, _CONFIG),
            "layers": [self._blob(layer, _LAYER) for layer in layers],
        }
        self._layers.update(_digest(layer) for layer in layers)
        repository, _, tag = name.partition(":")
        content = json.dumps(manifest).encode()
        self._manifests[f"/v2/{repository}/manifests/{tag}"] = content
        self._manifests[f"/v2/{repository}/manifests/{_digest(content)}"] = content
        return f"{self.address}/{name}"

    def layers_asked_for(self) -> int:
        """Return how often layers were asked for."""
        return sum(request.rpartition("/")[2] in self._layers for request in self.requests)

    def close(self) -> None:
        self.hold.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _blob(self, content: bytes, kind: str) -> dict[str, object]:
        self._blobs[_digest(content)] = content
        return {"mediaType": kind, "digest": _digest(content), "size": len(content)}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.requests.append(self.path)
                found, kind = registry._found(self.path)
                content = _UNKNOWN if found is None else found
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", "application/json" if found is None else kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                half = len(content) // 2
                self.wfile.write(content[:half])
                while kind == _LAYER and registry.hold.is_set():
                    threading.Event().wait(0.05)
                self.wfile.write(content[half:])

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *args) -> None:
                pass

        return Handler

    def _found(self, path: str) -> tuple[bytes | None, str]:
        if path == "/v2/":
            return b"{}", "application/json"
        if path in self._manifests:
            return self._manifests[path], _MANIFEST
        digest = path.rpartition("/")[2]
        return self._blobs.get(digest), _LAYER if digest in self._layers else "application/octet-stream"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def running_registry() -> Iterator[Registry]:
    """Have a registry until the block ends."""
    registry = Registry()
    try:
        yield registry
    finally:
        registry.close()
