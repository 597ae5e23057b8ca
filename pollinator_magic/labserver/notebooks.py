"""What notebooks are called by now that have submitted jobs: the ledger is told when their names change.

A kernel does not hear of its notebook's new name. The Jupyter server does: it renames the file, and knows the session
of a kernel that lives by the name that the notebook has then.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pollinator_magic.jobs.ledger import Entry
    from pollinator_magic.labserver.threads import Threads

_CONTENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"


class Notebooks:
    """The notebooks of a Jupyter server that shows the directory `root`. To be made in its loop."""

    def __init__(self, root: Path, settings: Mapping[str, Any], threads: Threads) -> None:
        self._root = root
        self._sessions = settings["session_manager"]
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._checking: asyncio.Task[None] | None = None
        settings["event_logger"].add_listener(schema_id=_CONTENTS, listener=self._on_contents)

    def check(self) -> None:
        """Compare, soon, what the ledger says of kernels that live with their sessions. May be called in any thread."""
        with suppress(RuntimeError):  # the server ends, and its loop is closed
            self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._checking = self._loop.create_task(self._check())

    async def _check(self) -> None:
        paths: dict[str, set[str]] = {}
        for session in await self._sessions.list_sessions():
            paths.setdefault(session["kernel"]["id"], set()).add(session["path"])
        await self._threads.ask(_correct, self._root, paths)

    async def _on_contents(self, logger: object, schema_id: str, data: dict[str, Any]) -> None:  # noqa: ARG002  theirs
        if data.get("action") == "rename":
            before, after = (str(data.get(key) or "").strip("/") for key in ("source_path", "path"))
            await self._threads.ask(_follow, self._root / before, self._root / after)


def _correct(root: Path, paths: Mapping[str, set[str]]) -> None:
    """Tell the ledger what the notebooks of these kernels are called; one kernel of several notebooks tells nothing."""
    known = _notebooks()
    now = {kernel: root / path for kernel, (path, *others) in paths.items() if kernel in known and not others}
    _rename({kernel: path for kernel, path in now.items() if path != known[kernel] and path.is_file()})


def _follow(before: Path, after: Path) -> None:
    """Tell the ledger of a notebook, or of a directory of notebooks, that was renamed."""
    below = {kernel: path for kernel, path in _notebooks().items() if path.is_relative_to(before)}
    _rename({kernel: after / path.relative_to(before) for kernel, path in below.items()})


def _notebooks() -> dict[str, Path]:
    """Return the notebooks that the ledger knows, by their kernels."""
    from pollinator_magic.jobs.ledger import Ledger

    entries: Mapping[str, Entry] = Ledger().read()
    return {entry.kernel: entry.notebook for entry in entries.values() if entry.kernel and entry.notebook is not None}


def _rename(names: Mapping[str, Path]) -> None:
    from pollinator_magic.jobs.ledger import Ledger

    if names:
        Ledger().rename(names)
