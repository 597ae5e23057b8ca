"""Sends rich outputs to the notebook while the job runs: small ones in the log, large ones as files of the results."""

from __future__ import annotations

import os
from _thread import RLock

from .imports import own_imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .log import Stream
    from .settings import Settings

IN_LOG = 64 * 1024
"""The most characters of log that one output may take."""
FILE = 64 * 1024 * 1024
"""The largest file of one output, in bytes."""
FILES = 512 * 1024 * 1024
"""The most bytes in the files of all outputs."""
OUTPUTS = 1000
UPDATES = 5000
"""How many times outputs may be replaced, all together."""

_HOPELESS = 1024 * 1024
"""Characters of JSON that are not worth an attempt to compress them to IN_LOG."""


class Publisher:
    """Publishes what `display` and its relatives are given."""

    def __init__(self, settings: Settings, log: Stream) -> None:
        self.active = settings.displays
        self._settings = settings
        self._log = log
        self._counts = {False: 0, True: 0}
        self._file_bytes = 0
        self._files = 0
        self._full = False
        self._process = os.getpid()
        self._renew_lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def publish(
        self, data: dict[str, Any], metadata: dict[str, Any], text: str, display_id: str = "", *, update: bool = False
    ) -> None:
        """Publish a bundle; `text` is the line for those who see only text."""
        if not self.active:
            return
        with self._lock:
            if not display_id and set(data) <= {"text/plain"}:
                self._log.print(data.get("text/plain", text) + "\n")
            elif not self._log.is_log:
                self._log.print(text + "\n")
            elif self._may_publish(update=update):
                self._send({"data": data, "metadata": metadata, "display_id": display_id, "update": update}, text)

    def _may_publish(self, *, update: bool) -> bool:
        self._counts[update] += 1
        if not self._full and self._counts[update] > (UPDATES if update else OUTPUTS):
            self._full = True
            what = f"{UPDATES} updates of outputs" if update else f"{OUTPUTS} outputs"
            self._log.print(f"[More than {what}: the rest is not shown. Files in result/ have no such limit.]\n")
        return not self._full

    def _send(self, content: dict[str, Any], text: str) -> None:
        with own_imports():
            import json

            from . import wire
        encoded = ""
        packed = json.dumps(content)
        if len(packed) <= _HOPELESS:
            encoded = wire.encode(wire.DISPLAY, content, text, os.urandom(4).hex())
        if not encoded or len(encoded) > IN_LOG:
            try:
                file = self._store(packed.encode("ascii"))
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                self._log.print(f"{text} (not shown: {reason})\n")
                return
            stored = {"file": file, "types": sorted(content["data"]), "size": len(packed)}
            stored.update(display_id=content["display_id"], update=content["update"])
            encoded = wire.encode(wire.STORED, stored, text, os.urandom(4).hex())
        self._log.write(encoded)

    def _store(self, content: bytes) -> str:
        """Write a file whole or not at all; return its path below the results. Raises OSError or ValueError."""
        if len(content) > FILE:
            raise ValueError(f"larger than {FILE >> 20} MiB; write it to a file in result/ instead")
        if self._file_bytes + len(content) > FILES:
            raise ValueError(f"all outputs together are larger than {FILES >> 20} MiB; write files in result/ instead")
        self._files += 1
        process = os.getpid()
        name = f"{self._files}.json" if process == self._process else f"{process}-{self._files}.json"
        if self._settings.rank:
            name = f"{self._settings.rank}-{name}"
        directory = os.path.join(self._settings.hidden, "outputs")
        write_whole(directory, name, content)
        self._file_bytes += len(content)
        return f"{os.path.basename(self._settings.hidden)}/outputs/{name}"

    def _renew_lock(self) -> None:
        # A forked child cannot wait for a thread of its parent.
        self._lock = RLock()


def write_whole(directory: str, name: str, content: bytes) -> None:
    """Make a file that nobody sees half-written; raises OSError."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    partial = f"{path}.{os.getpid()}.part"
    try:
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except OSError:
        if os.path.exists(partial):
            os.unlink(partial)
        raise


def human_size(size: int) -> str:
    """Return bytes as people read them."""
    if size < 1024:
        return f"{size} bytes"
    return f"{size / 1024:.1f} KiB" if size < 1024 * 1024 else f"{size / (1024 * 1024):.1f} MiB"
