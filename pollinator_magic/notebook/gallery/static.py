"""Results as HTML and text that need nothing: no widgets, no scripts, no kernel, and hardly any styles.

This is what a saved notebook keeps, what a code-hosting site shows, and what stands in records of jobs.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pollinator_magic.notebook.gallery.kinds import kind_of, preview
from pollinator_magic.notebook.gallery.listing import Listing, link_to
from pollinator_magic.notebook.gallery.preview import Kind, Preview, escape, one_line, plural, shown_name
from pollinator_magic.notebook.markup import NO_TEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pollinator_magic.jobs import Result, Results

LIMIT = 100
"""How many results a record lists."""
FOLDER_LIMIT = 20
"""How many directories a record lists, and how many results of each."""
RECORD_BYTES = 1 << 20
"""How much the previews in a record may take."""
RECORD_PREVIEWS = {Kind.PICTURE: 4, Kind.TABLE: 2}
"""How many of which kind a record shows."""

_LEFT = 'style="text-align:left"'  # JupyterLab aligns to the right, which is for numbers
_WHOLE = 'style="white-space:nowrap"'  # a size in two lines is hard to read


def linked(result: Result, here: Path | None = None) -> str:
    """Return the name of a result as HTML, leading to the file where JupyterLab can open it, from a notebook `here`."""
    name = escape(shown_name(result.name))
    address = link_to(result, here or Path.cwd())
    return name if address is None else f'<a href="{escape(address)}" target="_blank" rel="noopener">{name}</a>'


def caption(result: Result, shown: Preview, size: str, here: Path | None = None) -> str:
    """Return the line above a preview: name, what it is, size."""
    about = f"<small>· {escape(shown.about)} · {size}</small>"
    return f'<div {NO_TEX} style="margin:.2em 0 .4em 0"><b>{linked(result, here)}</b> {about}</div>'


def plain_caption(result: Result, shown: Preview, size: str) -> str:
    """Return the line above a preview as text."""
    return f"{shown_name(result.name)} · {one_line(shown.about)} · {size}"


def bundle(result: Result, shown: Preview, size: str) -> dict[str, Any]:
    """Return a preview as MIME types for an output of the notebook."""
    plain = plain_caption(result, shown, size)
    if shown.alone:
        return {**shown.alone, "text/plain": plain}
    content = f"<div {NO_TEX}>{caption(result, shown, size)}{shown.html}</div>"
    return {"text/html": content, "text/plain": f"{plain}\n{shown.plain}".rstrip()}


def listed(listing: Listing, found: Sequence[tuple[Result, Preview, str]]) -> dict[str, str]:
    """Return a short list of results that have been looked at, as MIME types."""
    rows = "".join(
        f"<tr><td {_LEFT}>{linked(result)}</td><td {_LEFT}>{escape(shown.about)}</td><td {_WHOLE}>{size}</td></tr>"
        for result, shown, size in found
    )
    lines = [f"  {plain_caption(*one)}" for one in found]
    return {
        "text/html": f'<div {NO_TEX}><b>{escape(listing.count)}</b><table style="margin:0">{rows}</table></div>',
        "text/plain": "\n".join([listing.count, *lines]),
    }


def static_results(results: Results, *, limit: int = LIMIT, here: Path | None = None) -> str:
    """Return HTML without scripts that lists results, `limit` at most, and shows the first pictures and tables."""
    listing = Listing.of(results, here=here)
    return record_html(listing, limit) if listing.names else ""


def record_html(listing: Listing, limit: int = LIMIT, *, folded: bool = False) -> str:
    """Return a list of results, and the first pictures and tables, as HTML; folded up where more stands below it."""
    content = names_html(listing, limit) + "".join(_previews(listing))
    count = f"<b>{escape(listing.count)}</b>"
    if folded:
        summary = f"<summary>{count}: the list, the first pictures and tables</summary>"
        return f"<details {NO_TEX}>{summary}{content}</details>"
    return f"<div {NO_TEX}>{count}{content}</div>"


def list_html(listing: Listing) -> str:
    """Return a list of results as HTML, with how many there are."""
    return f"<div {NO_TEX}><b>{escape(listing.count)}</b>{names_html(listing)}</div>"


def names_html(listing: Listing, limit: int = LIMIT) -> str:
    """Return a list of names and sizes as HTML, those in directories below those outside of any."""
    folders = dict(listing.folders)
    outside = folders.pop("", ())
    parts = []
    if outside:
        parts.append(_rows(listing, outside, limit))
    room = max(limit - len(outside), 0)
    for folder, names in itertools.islice(folders.items(), FOLDER_LIMIT):
        most = min(FOLDER_LIMIT, room)
        room -= min(len(names), most)
        summary = f"<summary>{escape(shown_name(folder))} ({plural(len(names), 'result')})</summary>"
        parts.append(f"<details>{summary}{_rows(listing, names, most)}</details>")
    if len(folders) > FOLDER_LIMIT:
        parts.append(f"<div>… {len(folders) - FOLDER_LIMIT:,} more directories</div>")
    return f"<div>{''.join(parts)}</div>"


def _rows(listing: Listing, names: Sequence[str], most: int) -> str:
    rows = "".join(
        f"<tr><td {_LEFT}>{linked(listing.result(name), listing.here)}</td><td {_LEFT}>{kind_of(name)}</td>"
        f"<td {_WHOLE}>{listing.size_in_words(name)}</td></tr>"
        for name in names[:most]
    )
    more = f"<div>… {len(names) - most:,} more, not listed here</div>" if len(names) > most else ""
    table = f'<table style="margin:0">{rows}</table>' if rows else ""
    return table + more


def names_plain(listing: Listing, limit: int = LIMIT) -> str:
    """Return a list of names and sizes as text."""
    lines = [f"  {shown_name(name)}  {listing.size_in_words(name)}" for name in listing.names[:limit]]
    hidden = len(listing.names) - limit
    return "\n".join([listing.count, *lines, *[f"  … {hidden:,} more"] * (hidden > 0)])


def _previews(listing: Listing) -> Iterable[str]:
    """Yield the first pictures and tables, as long as they take little."""
    room = RECORD_BYTES
    for kind, most in RECORD_PREVIEWS.items():
        for name in itertools.islice((name for name in listing.names if kind_of(name) is kind), most):
            result = listing.result(name)
            shown = preview(result)
            if shown.static and len(shown.static) <= room:
                room -= len(shown.static)
                size = listing.size_in_words(name)
                yield f"<div>{caption(result, shown, size, listing.here)}{shown.static}</div>"
