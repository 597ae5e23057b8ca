"""The card of a group: the one display of all its jobs, from before the first file moves until the last job ends."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pollinator_magic.notebook.groupface import GroupFace
from pollinator_magic.notebook.manycard import ManyCard, ManyControls

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.jobs.group import Group


class GroupControls(ManyControls[GroupFace]):
    """The live part of a group's card."""

    def __init__(self, *, on_cancel: Callable[[], None], on_leave: Callable[[], None]) -> None:
        import ipywidgets as widgets

        super().__init__("Cancel all", on_cancel=on_cancel, on_leave=on_leave)
        self._cancel.tooltip = "Cancel all jobs of this group that have not ended"
        self._leave.tooltip = "Let the jobs go on, and go on with the next cell"
        self._rows = widgets.HTML(layout=self._wide, style=self._text.style)
        self._put_in_fold("the jobs", self._rows)

    def show(self, face: GroupFace) -> None:
        """Show the group."""
        self.text(face.head_html())
        self._rows.value = face.rows_html()

    def close(self) -> None:
        """Close all widgets."""
        super().close()
        self._rows.close()


class GroupCard(ManyCard[GroupFace]):
    """The card of one group."""

    _not_cancelled = "Not all jobs could be cancelled"

    def __init__(self) -> None:
        super().__init__(GroupFace())
        self._group: Group | None = None

    def grow(self, group: Group) -> None:
        """Show this group; more of its jobs may have been submitted since the last time."""
        with self._guard:
            begins, self._group = self._group is None, group
            self._face = replace(self._face, sending=bool(group.missing))
            self._look()
            if not begins:
                self._stale = True
                return
            self._face = replace(self._face, moving=None)
            self._since_s = time.monotonic()
            if self.live and not self._face.closed:
                self._enliven(lambda: GroupControls(on_cancel=self._cancel, on_leave=self._leave))
                self._show()

    def begin(self) -> None:
        """Show that all jobs have been submitted that can be."""
        with self._guard:
            self._face = replace(self._face, sending=False)
            self._look()
            self._show()

    def finish(self, *, listed: bool) -> None:
        """Show what has become of all jobs, and become static; `listed` as in `GroupFace`."""
        with self._guard:
            self._face = replace(self._face, sending=False, listed=listed)
            self._conclude()

    def _cancel_it(self) -> None:
        if self._group is not None:
            self._group.cancel()

    def _seen(self) -> GroupFace:
        if self._group is None:
            return self._face
        where = ", ".join(self._group.executor_names) or "any executor"
        return replace(self._face, where=where, rows=tuple(self._group.rows()))
