"""The executor picker: choose where the cells that follow run, from a table that keeps itself up to date.

Made of core widgets only, so that it works wherever ipywidgets do. The list is a list box of the browser, which stays
quick with hundreds of executors; for the keyboard there is a field with the names too, because JupyterLab takes the
keys of a list box for itself. What is shown is decided in `notebook.executors`; what is known of the colonies comes
from the lookout, in whose thread the table is redrawn.
"""

from __future__ import annotations

import html
import threading
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from IPython import get_ipython
from ipywidgets import HTML, Box, Button, Combobox, Dropdown, HBox, Layout, Select, Text, VBox
from traitlets import CUnicode, TraitError, observe, validate

from pollinator_magic.colonies.envelope import printable
from pollinator_magic.errors import did_you_mean
from pollinator_magic.notebook import executors as table
from pollinator_magic.notebook.eyes import Topic
from pollinator_magic.notebook.lookout import shared
from pollinator_magic.project import units
from pollinator_magic.project.units import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.jobs.executors import ExecutorView
    from pollinator_magic.notebook.eyes import Known
    from pollinator_magic.notebook.lookout import Lookout, Watch

_RESOURCES: dict[str, tuple[Callable[[str], object], str]] = {
    "nodes": (units.parse_count, "1"),
    "cpu": (units.parse_cpu, "2000m"),
    "mem": (units.parse_mem, "4Gi"),
    "gpu": (units.parse_gpu, "1 or A100:2"),
    "walltime": (units.parse_walltime, "10m"),
}
_FEWEST_ROWS, _MOST_ROWS = 4, 12
_STATIC_PATIENCE_S = 2.0  # what a saved notebook shows is worth a moment
_STYLE = """<style>
.pollinator-picker select[size], .pollinator-picker .pollinator-head {
  font-family: var(--jp-code-font-family, Menlo, Consolas, 'DejaVu Sans Mono', monospace); font-size: 12px;
  line-height: 18px; white-space: pre;
}
.pollinator-picker select[size] { padding: 0; width: 100%; }
.pollinator-picker select[size] option { padding: 0 4px; min-height: 18px; }
.pollinator-picker .pollinator-head { padding: 0 5px; opacity: 0.7; }
.pollinator-picker code.pollinator-line {
  user-select: all; padding: 2px 6px; border-radius: 3px; background: rgba(127, 127, 127, 0.18);
  font-family: var(--jp-code-font-family, monospace); font-size: 13px;
}
</style>"""


class ExecutorPicker(VBox):  # type: ignore[misc]  # ipywidgets have no types
    """Choose the executor and the resources of the cells that follow.

    The traits are text as it is written on the line of a cell; "" leaves the matter to project.yaml. A value that
    cannot be meant is refused with TraitError, and the picker says why.
    """

    executor = CUnicode("", help="The chosen executor.")
    nodes = CUnicode("", help="Number of nodes.")
    cpu = CUnicode("", help="CPU of each process, e.g. 2000m.")
    mem = CUnicode("", help="Memory of each node, e.g. 4Gi.")
    gpu = CUnicode("", help="GPUs of each node, e.g. 1 or A100:2.")
    walltime = CUnicode("", help="Longest run: seconds, or 10m, 2h, 1h30m.")

    def __init__(self, *, lookout: Lookout | None = None, **kwargs: Any) -> None:
        self._lookout = lookout or shared()
        self._known: Known = self._lookout.look(Topic.EXECUTORS)
        self._watch: Watch | None = None
        self._drawing = False
        self._guard = threading.RLock()  # the lookout's thread redraws while the kernel's handles clicks
        self._make_parts()
        super().__init__(children=self._arranged(), **kwargs)
        self.add_class("pollinator-picker")
        for name, value in _defaults().items():
            if name not in kwargs:
                with suppress(TraitError):  # `%config` takes anything; a cell would refuse it
                    setattr(self, name, value)
        self._draw()

    @property
    def line(self) -> str:
        """The first line of a cell that asks for what is chosen."""
        return table.cell_line(self.executor, self._resources())

    def use(self) -> None:
        """Make what is chosen the default of the cells that follow in this notebook."""
        magics = _magics()
        if magics is None:
            self._say("Load the magics first: %load_ext pollinator_magic", wrong=True)
            return
        for name in ("executor", *_RESOURCES):
            setattr(magics, name, getattr(self, name))
        where = f"on {self.executor}" if self.executor else "where project.yaml says"
        asked = ", ".join(f"{name} {value}" for name, value in self._resources().items())
        self._say(f"Cells that begin with a bare %%pollinate now run {where}{f' ({asked})' if asked else ''}.")

    def show_live(self) -> None:
        """Keep the table up to date from now on; displaying the picker does it."""
        if self._watch is None:
            self._watch = self._lookout.watch(self._told)

    def close(self) -> None:
        """Take the picker away; it looks at the colony no more."""
        self._stop()
        super().close()

    def __repr__(self) -> str:
        return f"ExecutorPicker({self.line!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Show the widget, and beside it the table for where there are no widgets, or no kernel any more."""
        self._told(self._lookout.look(Topic.EXECUTORS, _STATIC_PATIENCE_S))
        views = table.chosen(self._known.executors, self._filter.value, self._order.value)
        as_html, as_text = table.static_table(
            views, f"{self._standing()} ({datetime.now().astimezone():%Y-%m-%d %H:%M})"
        )
        still = {"text/html": as_html, "text/plain": as_text}
        if getattr(get_ipython(), "kernel", None) is None:
            return still
        self.show_live()
        return {**(super()._repr_mimebundle_(**kwargs) or {}), **still}

    # --- what happens -------------------------------------------------------------------------------------------------

    def _told(self, known: Known) -> None:
        """Show what the lookout has seen; called in its thread."""
        if self.comm is None:  # closed by somebody else, e.g. `Widget.close_all()`
            self._stop()
            return
        with self._guard:
            self._known = known
            self._draw()

    def _stop(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def _sought(self, _change: Any) -> None:
        self._lookout.look(Topic.EXECUTORS)  # tells it that somebody is there
        self._draw()

    def _picked(self, change: Any) -> None:
        with self._guard:
            if not self._drawing and change.new is not None:
                self._lookout.look(Topic.EXECUTORS)
                self.executor = change.new

    def _typed(self, name: str, text: str) -> None:
        with suppress(TraitError):  # the picker says what is wrong
            setattr(self, name, text)
            self._say("")

    @validate("executor")
    def _known_executor(self, proposal: Any) -> str:
        name = str(proposal.value).strip()
        names = [view.name for view in self._known.executors]
        if not name or name in names or self._known.problem or not self._known.complete:
            return name
        raise self._refusal(f"No executor named {name!r}.{did_you_mean(name, names)}")

    @validate(*_RESOURCES)
    def _possible(self, proposal: Any) -> str:
        name, text = proposal.trait.name, str(proposal.value).strip()
        try:
            if text:
                _RESOURCES[name][0](text)
        except Malformed as malformed:
            raise self._refusal(f"--{name} {malformed}") from None
        return text

    def _refusal(self, text: str) -> TraitError:
        self._say(text, wrong=True)
        return TraitError(printable(text))

    @observe("executor", *_RESOURCES)
    def _changed(self, change: Any) -> None:
        if change.name in self._fields:
            self._fields[change.name].value = change.new
        self._say("")
        self._draw()

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._filter = Text(placeholder="filter: name, type, place, A100 …", layout=Layout(width="280px"))
        self._order = Dropdown(options=list(table.ORDERS), description="sort by", layout=Layout(width="190px"))
        self._order.style.description_width = "50px"
        self._standing_line = HTML()
        self._head = HTML()
        self._list = Select(options=(), rows=_FEWEST_ROWS, layout=Layout(width="auto", height="auto"))
        self._fields = {"executor": self._field("executor", "local", Combobox)}
        self._fields |= {name: self._field(name, example) for name, (_, example) in _RESOURCES.items()}
        self._detail = HTML()
        self._line = HTML()
        self._use = Button(description="Use for this notebook", button_style="primary", layout=Layout(width="auto"))
        self._message = HTML()
        self._filter.observe(self._sought, "value")
        self._order.observe(self._sought, "value")
        self._list.observe(self._picked, "value")
        self._use.on_click(lambda _button: self.use())

    def _field(self, name: str, example: str, kind: type = Text) -> Any:
        field = kind(
            description=name, placeholder=f"e.g. {example}", continuous_update=False, layout=Layout(width="210px")
        )
        field.style.description_width = "60px"
        field.observe(lambda change: self._typed(name, change.new), "value")
        return field

    def _arranged(self) -> list[Any]:
        above = HBox([self._filter, self._order, self._standing_line], layout=Layout(flex_flow="row wrap"))
        whole = VBox([self._head, self._list], layout=Layout(flex="0 0 auto", width="max-content", min_width="100%"))
        listed = Box([whole], layout=Layout(flex="1 1 520px", min_width="0", overflow="auto"))
        asked = VBox(list(self._fields.values()), layout=Layout(flex="0 0 auto", padding="14px 0 0 8px"))
        middle = HBox([listed, asked], layout=Layout(flex_flow="row wrap", align_items="flex-start"))
        below = HBox([self._use, self._message], layout=Layout(flex_flow="row wrap", align_items="center"))
        return [HTML(_STYLE, layout=Layout(display="none")), above, middle, self._detail, self._line, below]

    def _draw(self) -> None:
        """Show everything as it is now; what has not changed sends nothing."""
        with self._guard, self._as_drawing():
            views = table.chosen(self._known.executors, self._filter.value, self._order.value)
            self._draw_list(views)
            picked = next((view for view in self._known.executors if view.name == self.executor), None)
            self._detail.value = table.detail(picked) if picked else _quiet(self._unchosen())
            self._line.value = f'<code class="pollinator-line">{html.escape(self.line)}</code>'
            wrong = bool(self._known.problem)
            self._standing_line.value = (_wrong if wrong else _quiet)(self._standing())

    def _draw_list(self, views: list[ExecutorView]) -> None:
        header, labels = table.lines(views)
        options = tuple(zip(labels, (view.name for view in views), strict=True))
        chosen = self.executor if any(view.name == self.executor for view in views) else None
        self._head.value = f'<div class="pollinator-head">{html.escape(header)}</div>'
        if options != self._list.options or chosen != self._list.value:
            with self._list.hold_sync():
                self._list.index = None  # else new options would choose their first one
                self._list.options = options
                self._list.value = chosen
                self._fields["executor"].options = sorted(view.name for view in self._known.executors)
                self._list.rows = min(max(len(options), _FEWEST_ROWS), _MOST_ROWS)

    @contextmanager
    def _as_drawing(self) -> Iterator[None]:
        """Let what is set meanwhile not count as chosen by the user."""
        before, self._drawing = self._drawing, True
        try:
            yield
        finally:
            self._drawing = before

    def _standing(self) -> str:
        """Say what the table shows, and since when it may be out of date."""
        known = self._known
        if known.problem:
            return f"{known.problem} Asking again; what is shown was known before."
        if not known.complete:
            return f"Asking colony {known.colony!r} …" if known.colony else "Looking …"
        if not known.colony:
            return "This machine. `%pollinator connect FILE` adds a colony."
        count = sum(not view.embedded for view in known.executors)
        return f"{count} executor{'' if count == 1 else 's'} of colony {known.colony!r}, and this machine."

    def _unchosen(self) -> str:
        if self.executor and self._known.complete:
            return f"The executor {self.executor!r} is not there any more; jobs for it would wait."
        if not self._list.options and self._filter.value:
            return f"No executor matches {self._filter.value!r}."
        return "Choose an executor from the list."

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._message.value = (_wrong if wrong else _quiet)(text) if text else ""

    def _resources(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in _RESOURCES if getattr(self, name)}


def _magics() -> Any:
    """Return the magics of this notebook, or None where they are not loaded."""
    shell = get_ipython()
    return shell.magics_manager.registry.get("PollinateMagics") if shell is not None else None


def _defaults() -> dict[str, str]:
    """Return what cells run with now."""
    magics = _magics()
    return {name: getattr(magics, name) for name in ("executor", *_RESOURCES)} if magics is not None else {}


def _quiet(text: str) -> str:
    return f'<span style="opacity:0.7">{html.escape(printable(text))}</span>'


def _wrong(text: str) -> str:
    return f'<span style="color:#cf222e">{html.escape(printable(text))}</span>'
