"""The rich outputs of a job in its cell: each has a place, which the program can fill anew.

A program's names for its outputs are kept apart from the notebook's own, or a job could write over other cells. What it
shows is bounded, in number and together in size, because it stays in the notebook's file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.display import display

from pollinator_magic.jobs.results import human_size
from pollinator_magic.notebook.outputs import MAX_CONTENT, safe_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pollinator_magic.jobs import Results
    from pollinator_magic.jobs.events import Displayed

MAX_OUTPUTS = 50
MAX_BYTES = 8 << 20
"""The most that the outputs of a job may take in the notebook's file, together."""
NO_MORE = (
    f"[More than {MAX_OUTPUTS} outputs, or {human_size(MAX_BYTES)} of them: of the rest only their names are shown. "
    "Files in result/ have no such limit.]\n"
)
_MAX_FILE = 4 * MAX_CONTENT
_MAX_VALUES = 2_000_000
"""In a stored output; a list of nothing takes fifty times its text."""


@dataclass(eq=False)
class _Place:
    event: Displayed
    """What is to be shown there."""
    handle: Any = None
    size: int = 0
    waiting: bool = False
    """Whether it shows something older than its event."""


class InlineOutputs:
    """The outputs of one job. `replaceable`: whether one can be shown in the place of another."""

    def __init__(self, *, replaceable: bool) -> None:
        self._replaceable = replaceable
        self._places: list[_Place] = []
        self._named: dict[str, _Place] = {}
        self._full = False

    def is_replacement(self, event: Displayed) -> bool:
        """Whether it goes where something is shown already."""
        return event.update and event.display_id in self._named

    def replace(self, event: Displayed) -> None:
        """Show an output in its place at the next `refresh`; until then another may take its turn."""
        place = self._named[event.display_id]
        place.event, place.waiting = event, True

    def add(self, event: Displayed) -> str:
        """Show an output in a new place; return the text to be shown instead if there can be no more."""
        place = _Place(event)
        data = {"text/plain": f"{event.text} (comes with the results)"} if event.file else event.data
        if len(self._places) < MAX_OUTPUTS and self._show(place, data, event.metadata):
            self._places.append(place)
            if event.display_id:
                self._named[event.display_id] = place
            return ""
        note, self._full = "" if self._full else NO_MORE, True
        return f"{note}{event.text}\n"

    def refresh(self) -> bool:
        """Show what has been replaced since, and say whether anything was; for a few times a second at most."""
        return self._replaceable and self._show_waiting()

    def finish(self) -> None:
        """Show the last state of everything."""
        self._show_waiting()

    def fill(self, results: Results) -> None:
        """Show the outputs that came as files, with the results."""
        for place in self._places:
            if place.event.file:
                data, metadata, problem = _stored(results.root, place.event.file)
                if problem or not self._show(place, data, metadata):
                    reason = problem or "too large together with the others"
                    self._show(place, {"text/plain": f"{place.event.text} (not shown: {reason})"}, {})

    def _show_waiting(self) -> bool:
        # What is replaced by a file stays until the results bring it.
        waiting = [place for place in self._places if place.waiting and not place.event.file]
        for place in waiting:
            place.waiting = False
            if not self._show(place, place.event.data, place.event.metadata):
                self._show(place, {}, {})
        return bool(waiting)

    def _show(self, place: _Place, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> bool:
        """Show something in a place; return False, and leave it as it is, if there is no room for it."""
        bundle, about = safe_bundle(data, metadata, text=place.event.text)
        size = len(json.dumps([bundle, about]))
        if size > MAX_BYTES - sum(other.size for other in self._places if other is not place):
            return False
        place.size = size
        if place.handle is None or not self._replaceable:
            place.handle = display(bundle, metadata=about, raw=True, display_id=True)
        else:
            place.handle.update(bundle, metadata=about, raw=True)
        return True


def _stored(root: Path, name: str) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    """Read an output that the job left as a file; return its bundle, its metadata, and what is wrong with it."""
    path = root / name
    try:
        if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
            return {}, {}, "it did not come back"
        if path.stat().st_size > _MAX_FILE:
            return {}, {}, f"{human_size(path.stat().st_size)} are too much for a notebook"
        text = path.read_bytes()
        if sum(text.count(mark) for mark in (b",", b"[", b"{")) > _MAX_VALUES:
            return {}, {}, "too many values for a notebook"
        content = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return {}, {}, "it did not come back whole"
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, dict):
        return {}, {}, "it did not come back whole"
    metadata = content.get("metadata")
    return data, metadata if isinstance(metadata, dict) else {}, ""
