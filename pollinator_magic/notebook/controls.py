"""The widget of a card: its text, and buttons. Only what comes with ipywidgets, which is imported when one is made.

Whether a click arrives while a cell runs depends on the kernel. While a cell is awaited, ipykernel 7.4 lets the main
thread handle it; 7.0 to 7.3 need a front end that sends clicks to a thread of their own, as JupyterLab does. While a
cell blocks only such a thread can, and 7.4 must be kept from sending the click to the blocked one instead. ipykernel 6
handles clicks between cells only.

A page that has our extension cancels by way of its server, whatever the kernel is doing: it finds the button by its
classes, and shows it where it would be of no use to other pages.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.notebook.face import Face

WIDGET = "application/vnd.jupyter.widget-view+json"

_retired: deque[Controls] = deque()
_KEPT = 20
"""So many widgets outlive their job: a page that was reloaded meanwhile hears of them, but not of the static card."""


class Controls:
    """The live part of one card. Its methods may be called in any thread; callbacks come in any thread, too."""

    def __init__(self, text: str, *, on_cancel: Callable[[], None], on_leave: Callable[[], None]) -> None:
        import ipywidgets as widgets

        # Layouts and styles are shared, because a notebook may keep each of them for each card.
        self._narrow = widgets.Layout(flex="0 0 auto", width="auto")
        self._hidden: Any = None
        self._wide = widgets.Layout(flex="1 1 auto", width="auto", min_width="0")
        self._text = widgets.HTML(text, layout=self._wide)
        self._cancel = widgets.Button(description="Cancel", tooltip="Cancel this job", layout=self._narrow)
        self._cancel.add_class("pollinator-cancel")
        self._leave = widgets.Button(
            description="Detach",
            tooltip="Let the job go on, and go on with the next cell",
            layout=self._narrow,
            style=self._cancel.style,
        )
        self._cancel.on_click(lambda _button: on_cancel())
        self._leave.on_click(lambda _button: on_leave())
        self._left = [self._text]
        """What stands left of the buttons."""
        self._box = widgets.HBox(self._left, layout=self._wide)
        _keep_on_subshell(self._cancel, self._leave)

    @property
    def bundle(self) -> dict[str, Any]:
        """The widget as a display holds it."""
        return view_of(self._box)

    def text(self, text: str) -> None:
        """Show this HTML."""
        self._text.value = text

    def buttons(self, *, cancel: bool, leave: bool, heard: bool = True) -> None:
        """Offer these; if no click will be `heard`, only to pages that need no kernel for it."""
        self._cancel.layout = self._narrow if heard else self._unseen()
        offered = [button for button, wanted in ((self._cancel, cancel), (self._leave, leave)) if wanted]
        put(self._box, [*self._left, *offered])

    def _unseen(self) -> Any:
        """Return a layout that the style sheet of our extension overrules."""
        if self._hidden is None:
            import ipywidgets as widgets

            self._hidden = widgets.Layout(flex="0 0 auto", width="auto", display="none")
        return self._hidden

    def cancelling(self, *, now: bool) -> None:
        """Show that the job is being cancelled, or, if that has failed, that it can be tried again."""
        self._cancel.description = "Cancelling…" if now else "Cancel"
        self._cancel.disabled = now

    def retire(self, text: str) -> None:
        """Show the last text, without buttons, to pages that cannot be given anything else."""
        self.text(text)
        self.buttons(cancel=False, leave=False)
        for button in (self._cancel.style, self._cancel, self._leave, self._hidden):
            if button is not None:
                button.close()
        _retired.append(self)
        if len(_retired) > _KEPT:
            _retired.popleft().close()

    def close(self) -> None:
        """Close all widgets."""
        for widget in (self._text.style, self._text, self._box, self._narrow, self._wide):
            widget.close()


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
        self._below = widgets.HTML(layout=self._wide, style=self._text.style)
        self._left = [self._text, self._name]
        self._whole = widgets.VBox([self._box], layout=self._wide)

    @property
    def bundle(self) -> dict[str, Any]:
        """The widget as a display holds it."""
        return view_of(self._whole)

    def show(self, face: Face) -> None:
        """Show the job; what has not changed is not touched."""
        self.text(face.headline_html)
        self._name.value = f"· {face.name_html}"
        self._below.value = face.body_html
        put(self._whole, [self._box, self._below] if face.body_html else [self._box])

    def retire(self, text: str) -> None:
        """Show the last text, without buttons, to pages that cannot be given anything else."""
        put(self._whole, [self._box])
        self._left = [self._text]
        super().retire(text)
        for widget in (self._name, self._below):
            widget.close()

    def close(self) -> None:
        """Close all widgets."""
        super().close()
        self._whole.close()


def view_of(widget: Any) -> dict[str, Any]:
    """Return a widget as a display holds it."""
    return {WIDGET: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}


def put(box: Any, children: list[Any]) -> None:
    """Let a box have these children, if it does not have them already."""
    if box.children != tuple(children):
        box.children = children


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
