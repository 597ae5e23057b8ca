"""Results below a cell: few are shown one below the other, many in a gallery that looks into them when asked.

What came back was written by a job elsewhere and is not trusted: nothing of it is run, unpickled or unpacked, text is
escaped, and everything is bounded in what is read, decoded and put into the notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.jobs import Result, Results
    from pollinator_magic.notebook.gallery.listing import Listing

__all__ = ["FEW", "result_bundle", "results_bundle", "show_results", "static_results"]

FEW = 12
"""Up to here all results are shown, as outputs that are saved with the notebook."""
SAVED_BYTES = 16 << 20
"""How much the previews of one cell may take in the notebook."""


def show_results(results: Results) -> None:
    """Display what a job brought back, in the output of the cell that is running."""
    from pollinator_magic.notebook.gallery.listing import Listing

    listing = Listing.of(results)
    if not listing.names:
        return
    if len(listing.names) <= FEW:
        _show_few(listing)
    else:
        _show_many(listing)


def static_results(results: Results, *, limit: int = 100, here: Path | None = None) -> str:
    """Return HTML without scripts that lists results, `limit` at most, and shows the first pictures and tables.

    `here` is the directory of the notebook, by default the current one.
    """
    from pollinator_magic.notebook.gallery import static

    return static.static_results(results, limit=limit, here=here)


def results_bundle(results: Results) -> dict[str, Any]:
    """Return the list of results as MIME types: what `job.results` shows as the value of a cell."""
    from pollinator_magic.notebook.gallery import static
    from pollinator_magic.notebook.gallery.listing import Listing

    listing = Listing.of(results)
    return {"text/html": static.list_html(listing), "text/plain": static.names_plain(listing)}


def result_bundle(result: Result) -> dict[str, Any]:
    """Return one result's preview as MIME types: what `job.results["name"]` shows as the value of a cell."""
    from pollinator_magic.notebook.gallery import static
    from pollinator_magic.notebook.gallery.kinds import preview
    from pollinator_magic.notebook.gallery.listing import size_in_words

    return static.bundle(result, preview(result), size_in_words(result.path))


def _show_few(listing: Listing) -> None:
    """Display the list, then what can be shown of each, within what a notebook should hold."""
    from IPython.display import display

    from pollinator_magic.notebook.gallery import static
    from pollinator_magic.notebook.gallery.kinds import preview

    results = [listing.result(name) for name in listing.names]
    found = [(result, preview(result), listing.size_in_words(result.name)) for result in results]
    display(static.listed(listing, found), raw=True)
    room = SAVED_BYTES
    visible = [one for one in found if one[1].html]
    for result, shown, size in visible:
        mark = {"pollinator": {"result": result.name.encode("utf-8", "replace").decode()}}
        if shown.cost > room:
            note = f"{static.plain_caption(result, shown, size)}; left out, so that the notebook stays small"
            display({"text/plain": note}, raw=True, metadata=mark)
            continue
        room -= shown.cost
        if shown.alone and len(visible) > 1:
            line = static.caption(result, shown, size)
            display({"text/html": line, "text/plain": static.plain_caption(result, shown, size)}, raw=True)
        display(static.bundle(result, shown, size), raw=True, metadata=mark)


def _show_many(listing: Listing) -> None:
    """Display the record, folded up, and below it the gallery, where there is a front end for widgets.

    They are two outputs: of one that has a widget, JupyterLab shows nothing else when the kernel is gone.
    """
    from IPython import get_ipython
    from IPython.display import display

    from pollinator_magic.notebook.gallery import static

    live = getattr(get_ipython(), "kernel", None) is not None
    record = static.record_html(listing, folded=live)
    display({"text/html": record, "text/plain": static.names_plain(listing)}, raw=True)
    if live:
        from pollinator_magic.notebook.gallery.widget import Gallery

        display({**Gallery(listing).view, "text/plain": "(a gallery of them, while the kernel runs)"}, raw=True)
