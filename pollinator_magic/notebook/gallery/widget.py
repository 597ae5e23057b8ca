"""The gallery: a list of results to choose from, and beside it what the chosen one holds.

It is made of core widgets only, so that it works in every front end that has them. Only one page of names is ever in
the list, only their sizes are asked for, and only the chosen result is looked into.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from pollinator_magic.notebook.gallery.kinds import kind_of, preview
from pollinator_magic.notebook.gallery.preview import Preview, shown_name
from pollinator_magic.notebook.gallery.static import caption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.notebook.gallery.listing import Listing

PAGE = 100
"""How many results are in the list at a time."""
SIZED = 5_000
"""Up to how many results can be sorted by size, for which each has to be asked."""
FOLDERS = 100
"""How many directories can be chosen."""

# No value is None: that is how a control says that nothing at all is chosen.
_ANY = ""
_ALL = "/"
_UNSORTED = -1
_BY_NAME, _BY_SIZE, _BY_KIND = "by name", "by size", "by kind"
_HINT = "<i>Choose a file to look into it.</i>"


class Gallery:
    """A browsable list of results; `view` is what a cell displays."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._matching: Sequence[str] = listing.names
        self._chosen: str | None = None
        self._preview: Preview | None = None
        self._filling = False
        self._make_list()
        self._make_pane()
        self.widget = self._arranged()
        self._refilter()

    @property
    def view(self) -> dict[str, Any]:
        """The MIME type by which front ends find the widget."""
        model = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {"application/vnd.jupyter.widget-view+json": model}

    # --- the list --------------------------------------------------------------------------------------------------

    def _make_list(self) -> None:
        kinds = sorted(self._listing.kinds.items(), key=lambda item: -item[1])
        folders = list(self._listing.folders.items())[:FOLDERS]
        self.filter = widgets.Text(placeholder="filter: name or *.csv", layout=_wide("12em"))
        self.kind = widgets.Dropdown(
            options=[("all kinds", _ANY), *((f"{kind} ({number:,})", kind.value) for kind, number in kinds)],
            layout=_wide("9em"),
        )
        self.folder = widgets.Dropdown(
            options=[
                ("all directories", _ALL),
                *((f"{shown_name(folder) or './'} ({len(names):,})", folder) for folder, names in folders),
            ],
            layout=_wide("11em"),
        )
        self.order = widgets.Dropdown(options=[_BY_NAME, _BY_SIZE, _BY_KIND], layout=_wide("7em"))
        self.descending = _toggle("Reverse the order")
        self.entries = widgets.Select(options=[], rows=18, layout=widgets.Layout(width="auto"))
        self.back = _button("angle-left", "The names before these")
        self.forth = _button("angle-right", "The names after these")
        self.where = widgets.HTML()
        self._start = 0
        for control in (self.filter, self.kind, self.folder, self.order, self.descending):
            control.observe(self._refilter, "value")
        self.entries.observe(self._entry_chosen, "index")
        self.back.on_click(lambda _: self._turn_to(self._start - PAGE))
        self.forth.on_click(lambda _: self._turn_to(self._start + PAGE))

    def _refilter(self, _: object = None) -> None:
        """List anew what matches the filter, in the chosen order."""
        names: Sequence[str] = self._listing.names
        if self.folder.value != _ALL:
            names = self._listing.folders.get(self.folder.value, ())
        if self.kind.value:
            names = [name for name in names if kind_of(name).value == self.kind.value]
        if wanted := self.filter.value.strip().lower():
            names = [name for name in names if _matches(name.lower(), wanted)]
        self._matching = self._ordered(names)
        self._turn_to(0)

    def _ordered(self, names: Sequence[str]) -> Sequence[str]:
        reverse = self.descending.value
        if self.order.value == _BY_SIZE and len(names) <= SIZED:
            return sorted(names, key=lambda name: self._listing.size(name) or 0, reverse=reverse)
        if self.order.value == _BY_KIND:
            return sorted(names, key=lambda name: kind_of(name).value, reverse=reverse)
        return names[::-1] if reverse else names

    def _turn_to(self, start: int) -> None:
        """Put the page of names that begins at `start` into the list."""
        self._start = max(min(start, len(self._matching) - 1), 0) // PAGE * PAGE
        page = self._matching[self._start : self._start + PAGE]
        self._filling = True
        try:
            self.entries.index = None
            self.entries.options = [
                (f"{shown_name(name)} · {self._listing.size_in_words(name)}", name) for name in page
            ]
            if self._chosen in page:
                self.entries.index = page.index(self._chosen)
        finally:
            self._filling = False
        total, end = len(self._matching), self._start + len(page)
        self.back.disabled, self.forth.disabled = self._start == 0, end >= total
        position = f"{self._start + 1:,} to {end:,} of {total:,}" if page else "nothing matches"
        if self.order.value == _BY_SIZE and total > SIZED:
            position += f"<br>by size at most {SIZED:,} are sorted: filter first"
        if not self._listing.complete:
            position += "; there are more, which are not listed"
        self.where.value = f"<small>{position}</small>"
        self._update_steps()

    def _entry_chosen(self, change: dict[str, Any]) -> None:
        if not self._filling and change["new"] is not None:
            self.choose(self.entries.value)

    # --- what the chosen one holds ---------------------------------------------------------------------------------

    def _make_pane(self) -> None:
        self.previous = _button("chevron-up", "The result before this one")
        self.next = _button("chevron-down", "The result after this one")
        self.column = widgets.Dropdown(options=[("not sorted", _UNSORTED)], layout=_wide("13em"))
        self.largest = _toggle("Largest first")
        self.sorting = widgets.HBox(
            [widgets.HTML("<small>sort rows by</small>"), self.column, self.largest], layout=_hidden()
        )
        self.pane = widgets.HTML(_framed(_HINT), layout=widgets.Layout(width="auto", min_width="0"))
        self.previous.on_click(lambda _: self._step(-1))
        self.next.on_click(lambda _: self._step(1))
        for control in (self.column, self.largest):
            control.observe(self._resort, "value")

    def choose(self, name: str) -> None:
        """Show what a result holds."""
        self._chosen = name
        result = self._listing.result(name)
        self._preview = preview(result)
        table = self._preview.table
        self._filling = True
        try:
            self.largest.value = False
            options = list(enumerate(table.names)) if table else []
            self.column.options = [
                ("not sorted", _UNSORTED),
                *((shown_name(title) or f"column {index + 1}", index) for index, title in options),
            ]
        finally:
            self._filling = False
        self.sorting.layout.display = "" if table else "none"
        self._show(self._preview)
        self._update_steps()

    def _show(self, shown: Preview) -> None:
        assert self._chosen is not None  # noqa: S101  only a chosen result is shown
        size = self._listing.size_in_words(self._chosen)
        self.pane.value = _framed(caption(self._listing.result(self._chosen), shown, size) + shown.html)

    def _resort(self, _: object = None) -> None:
        if self._filling or self._preview is None or self._preview.table is None:
            return
        table = self._preview.table
        if self.column.value != _UNSORTED:
            table = table.sorted_by(self.column.value, descending=self.largest.value)
        self._show(table.preview())

    def _step(self, by: int) -> None:
        """Choose the result before or after the chosen one, turning the page where need be."""
        if not self._matching:
            return
        position = 0
        if self._chosen in self._matching:
            position = self._matching.index(self._chosen) + by
        if 0 <= position < len(self._matching):
            self._chosen = self._matching[position]
            self._turn_to(position)
            self.choose(self._matching[position])

    def _update_steps(self) -> None:
        matching = self._matching
        self.previous.disabled = not matching or self._chosen in {None, matching[0]}
        self.next.disabled = not matching or self._chosen == matching[-1]

    def _arranged(self) -> widgets.VBox:
        if len(self.folder.options) <= 2:
            self.folder.layout.display = "none"
        controls = [self.filter, self.kind, self.folder, self.order, self.descending]
        turning = widgets.HBox([self.back, self.where, self.forth], layout=widgets.Layout(align_items="center"))
        left = widgets.VBox(
            [self.entries, turning], layout=widgets.Layout(width="32%", min_width="15em", margin="0 1em 0 0")
        )
        steps = widgets.HBox([self.previous, self.next, self.sorting], layout=widgets.Layout(align_items="center"))
        right = widgets.VBox([steps, self.pane], layout=widgets.Layout(flex="1 1 24em", min_width="0"))
        wrapping = widgets.Layout(flex_flow="row wrap", align_items="center")
        return widgets.VBox(
            [
                widgets.HBox(controls, layout=wrapping),
                widgets.HBox([left, right], layout=widgets.Layout(align_items="flex-start")),
            ]
        )


def _matches(name: str, wanted: str) -> bool:
    if any(character in wanted for character in "*?["):
        return fnmatch.fnmatchcase(name, wanted) or fnmatch.fnmatchcase(name.rpartition("/")[2], wanted)
    return all(word in name for word in wanted.split())


def _framed(content: str) -> str:
    """Return HTML that looks in a widget as it does in an output."""
    # As wide as there is room, and never wider: what is in it scrolls.
    style = "line-height:1.45;padding:0 1px 0 0;overflow:hidden;width:0;min-width:100%;box-sizing:border-box"
    return f'<div class="jp-RenderedHTMLCommon" style="{style}">{content}</div>'


def _button(icon: str, tooltip: str) -> widgets.Button:
    return widgets.Button(icon=icon, tooltip=tooltip, layout=_wide("2.6em"))


def _toggle(tooltip: str) -> widgets.ToggleButton:
    return widgets.ToggleButton(icon="sort-amount-desc", tooltip=tooltip, layout=_wide("3.2em"))


def _wide(width: str) -> widgets.Layout:
    return widgets.Layout(width=width, flex="0 0 auto")


def _hidden() -> widgets.Layout:
    return widgets.Layout(display="none", align_items="center")
