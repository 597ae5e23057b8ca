"""The widget of a card: its text, and buttons. Only what comes with ipywidgets, which is imported when one is made.

Whether a click arrives while a cell runs depends on the kernel. While a cell is awaited, ipykernel 7.4 lets the main
thread handle it; 7.0 to 7.3 need a front end that sends clicks to a thread of their own, as JupyterLab does. While a
cell blocks only such a thread can, and 7.4 must be kept from sending the click to the blocked one instead. ipykernel 6
handles clicks between cells only.

A page that has our extension cancels by way of its server, whatever the kernel is doing: it finds the button by its
classes, and shows it where it would be of no use to other pages.

Once they are shown, boxes hold what they hold, and nothing is closed soon: a page that is still making the views would
fail at those that are gone. What is not to be seen has a layout that hides it.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.notebook.face import Face

WIDGET = "application/vnd.jupyter.widget-view+json"

_CANCEL = "pollinator-cancel"
_retired: deque[Controls] = deque()
_KEPT = 20
"""So many widgets outlive their job: a page that was reloaded meanwhile hears of them, but not of the static card."""


class Controls:
    """The live part of one card. Its methods may be called in any thread; callbacks come in any thread, too."""

    def __init__(self, text: str, *, on_cancel: Callable[[], None], on_leave: Callable[[], None]) -> None:
        import ipywidgets as widgets

        # Layouts and styles are shared, because a notebook may keep each of them for each card.
        self._narrow = widgets.Layout(flex="0 0 auto", width="auto")
        self._hidden = widgets.Layout(flex="0 0 auto", width="auto", display="none")
        self._wide = widgets.Layout(flex="1 1 auto", width="auto", min_width="0")
        self._text = widgets.HTML(text, layout=self._wide)
        self._cancel = widgets.Button(description="Cancel", tooltip="Cancel this job", layout=self._hidden)
        self._cancel.add_class(_CANCEL)
        self._leave = widgets.Button(
            description="Detach",
            tooltip="Let the job go on, and go on with the next cell",
            layout=self._hidden,
            style=self._cancel.style,
        )
        self._cancel.on_click(lambda _button: on_cancel())
        self._leave.on_click(lambda _button: on_leave())
        self._box = widgets.HBox([self._text, self._cancel, self._leave], layout=self._wide)
        _keep_on_subshell(self._cancel, self._leave)

    @property
    def bundle(self) -> dict[str, Any]:
        """The widget as a display holds it."""
        return view_of(self._box)

    def text(self, text: str) -> None:
        """Show this HTML."""
        self._text.value = text

    def buttons(self, *, leave: bool, heard: bool) -> None:
        """Offer to cancel, and to leave; if no click will be `heard`, only to pages that need no kernel for it.

        Such pages know the button by its class, and overrule its layout.
        """
        self.show_if(self._cancel, heard, self._narrow)
        self.show_if(self._leave, leave, self._narrow)

    def show_if(self, widget: Any, shown: object, layout: Any) -> None:
        """Show a widget in this layout, or hide it."""
        widget.layout = layout if shown else self._hidden

    def cancelling(self, *, now: bool) -> None:
        """Show that the job is being cancelled, or, if that has failed, that it can be tried again."""
        self._cancel.description = "Cancelling…" if now else "Cancel"
        self._cancel.disabled = now

    def retire(self, text: str) -> None:
        """Show the last text, and nothing else, to pages that cannot be given anything else."""
        self.text(text)
        self._cancel.remove_class(_CANCEL)
        for widget in self._parts():
            widget.layout = self._hidden
        self._text.layout = self._wide
        _retired.append(self)
        if len(_retired) > _KEPT:
            _retired.popleft().close()

    def _parts(self) -> list[Any]:
        """Return what is hidden when there is only the last text to show."""
        return [self._cancel, self._leave]

    def close(self) -> None:
        """Close all widgets."""
        for widget in (*self._parts(), self._text, self._box):
            widget.close()
        for shared in (self._cancel.style, self._text.style, self._narrow, self._wide, self._hidden):
            shared.close()


class JobControls(Controls):
    """The live part of a job's card.

    What ticks, what is there to be copied, and what is read are apart: none is replaced when another one changes.
    """

    def __init__(self, job_id: str, *, on_cancel: Callable[[], None], on_leave: Callable[[], None]) -> None:
        import ipywidgets as widgets

        super().__init__("", on_cancel=on_cancel, on_leave=on_leave)
        self._cancel.add_class(f"pollinator-job-{job_id}")
        self._text.layout = self._narrow
        self._name = widgets.HTML(layout=self._wide, style=self._text.style)
        self._box.children = [self._text, self._name, self._cancel, self._leave]
        self._below = widgets.HTML(layout=self._hidden, style=self._text.style)
        self._whole = widgets.VBox([self._box, self._below], layout=self._wide)

    @property
    def bundle(self) -> dict[str, Any]:
        """The widget as a display holds it."""
        return view_of(self._whole)

    def show(self, face: Face) -> None:
        """Show the job; what has not changed is not touched."""
        self.text(face.headline_html)
        self._name.value = f"· {face.name_html}"
        self._below.value = face.body_html
        self.show_if(self._below, face.body_html, self._wide)

    def _parts(self) -> list[Any]:
        return [*super()._parts(), self._name, self._below]

    def close(self) -> None:
        """Close all widgets."""
        super().close()
        self._whole.close()


def view_of(widget: Any) -> dict[str, Any]:
    """Return a widget as a display holds it."""
    return {WIDGET: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}


def clicks_arrive_while_a_cell_runs() -> bool:
    """Whether a button can do anything before the cell that is running has ended."""
    version: tuple[int, ...] = getattr(sys.modules.get("ipykernel"), "version_info", (0,))
    return version[0] >= 7


def _keep_on_subshell(*buttons: Any) -> None:
    """Leave a click with the thread that the front end sent it to: ipykernel 7.4 would take it to the blocked one."""
    for button in buttons:
        comm = button.comm
        if hasattr(comm, "_reply_subshell_for"):  # private, and gone again one day
            comm._reply_subshell_for = None  # noqa: SLF001
