"""Remembers on disk what is running, so that the next worker can end what a killed one (and its guardian) left."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.executors import sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)


class Leftovers:
    """One small file a job: its id, and its sessions with what tells them from later ones."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def note(self, process_id: str, running: Sequence[int] = ()) -> None:
        """Write down that a job runs in these sessions; without any before the first one is started."""
        record = {"process": process_id, "sessions": [[pid, sessions.birth(pid)] for pid in running]}
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self._directory / f"{process_id}.json", json.dumps(record).encode())

    def forget(self, process_id: str) -> None:
        """Remove the note of a job that has ended."""
        (self._directory / f"{process_id}.json").unlink(missing_ok=True)

    def sweep(self) -> None:
        """Kill what is still running of the jobs noted here. A number that means another process now is let be."""
        for file in self._directory.glob("*.json"):
            try:
                record = json.loads(file.read_text(encoding="utf-8"))
                running = [(int(pid), str(birth)) for pid, birth in record["sessions"]]
                process_id = str(record["process"])
            except (ValueError, KeyError, TypeError):
                running, process_id = [], file.stem  # the worker died while it wrote
            _log.info("Ending what an earlier worker left of process %r.", process_id)
            for pid, birth in running:
                if birth and sessions.birth(pid) == birth:
                    sessions.kill(pid)
            sessions.kill_marked(process_id)
            file.unlink(missing_ok=True)
