"""Results below a cell: pictures as pictures, tables and text as bounded previews, everything by name and size.

What came back was written by a job elsewhere and is not trusted: text is escaped, nothing of it becomes markup, SVG is
shown as a picture (where it cannot run scripts), and what is large is named but not put into the notebook.
"""

from __future__ import annotations

import base64
import csv
import html
import itertools
import json
from typing import TYPE_CHECKING, Any

from IPython.display import display

from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.results import human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.jobs import Result, Results

MAX_PREVIEWS = 12
MAX_PICTURE = 4 << 20
MAX_TEXT = 256 << 10
"""How much of a text file is read for its preview, in bytes."""
LINES = 20
COLUMNS = 12
CELL = 60
_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
_TABLES = {".csv": ",", ".tsv": "\t"}


def show_results(results: Results) -> None:
    """Display the list of results, then a preview of each of the first dozen that can have one."""
    if not results:
        return
    found = list(results.values())
    rows = "".join(
        f'<tr><td style="text-align:left">{html.escape(result.name)}</td><td>{human_size(result.size)}</td></tr>'
        for result in found
    )
    names = "\n".join(f"  {result.name}  {human_size(result.size)}" for result in found)
    title = results.count
    display({"text/html": f"<b>{title}</b><table>{rows}</table>", "text/plain": f"{title}\n{names}"}, raw=True)
    previews = ((result, preview(result)) for result in found)
    for result, bundle in itertools.islice(((r, b) for r, b in previews if b is not None), MAX_PREVIEWS):
        display(bundle, raw=True, metadata={"pollinator": {"result": result.name}})


def preview(result: Result) -> dict[str, Any] | None:
    """Return a MIME bundle that shows the result, or None where its name and size must do."""
    ending = result.path.suffix.lower()
    if ending in _PICTURES:
        return _picture(result, _PICTURES[ending])
    if ending == ".svg":
        return _svg(result)
    if ending in _TABLES:
        return _table(result, _TABLES[ending])
    if ending == ".json":
        return _json(result)
    return _text(result)


def _picture(result: Result, kind: str) -> dict[str, Any] | None:
    if not 0 < result.size <= MAX_PICTURE:
        return None
    return {kind: base64.b64encode(result.bytes()).decode(), "text/plain": f"<picture {result.name}>"}


def _svg(result: Result) -> dict[str, Any] | None:
    if not 0 < result.size <= MAX_PICTURE:
        return None
    data = base64.b64encode(result.bytes()).decode()
    name = html.escape(result.name, quote=True)
    picture = f'<img alt="{name}" src="data:image/svg+xml;base64,{data}">'
    return {"text/html": picture, "text/plain": f"<picture {result.name}>"}


def _table(result: Result, separator: str) -> dict[str, Any] | None:
    text = _beginning(result)
    if text is None:
        return None
    try:
        rows = list(itertools.islice(csv.reader(text.splitlines(), delimiter=separator), LINES + 1))
    except csv.Error:
        return _text(result)
    if not rows:
        return None
    head, *body = [[_clip(cell) for cell in row[:COLUMNS]] for row in rows]
    header = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in body)
    more = "first " if len(rows) > LINES or len(text) >= MAX_TEXT else ""
    title = f"{html.escape(result.name)}: {more}{len(body)} row{'' if len(body) == 1 else 's'}"
    table = f"<table><caption>{title}</caption><thead><tr>{header}</tr></thead><tbody>{lines}</tbody></table>"
    plain = "\n".join("\t".join(row) for row in [head, *body])
    return {"text/html": table, "text/plain": f"{result.name}\n{plain}"}


def _json(result: Result) -> dict[str, Any] | None:
    if result.size > MAX_TEXT:
        return _text(result)
    try:
        text = _first_lines(json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(result.json()))
    except (ValueError, RecursionError):
        return _text(result)
    # JSON can spell half a character, which no message to the notebook can hold.
    return _lines(result, text.encode("utf-8", "replace").decode("utf-8").splitlines())


def _first_lines(pieces: Iterator[str]) -> str:
    """Join pieces until there are more lines than are shown: deep JSON grows a hundredfold when it is indented."""
    text, ends = [], 0
    while ends <= LINES and (piece := next(pieces, None)) is not None:
        text.append(piece)
        ends += piece.count("\n")
    return "".join(text)


def _text(result: Result) -> dict[str, Any] | None:
    text = _beginning(result)
    return None if text is None else _lines(result, text.splitlines())


def _lines(result: Result, lines: list[str]) -> dict[str, Any]:
    more = "\n…" if len(lines) > LINES else ""
    shown = "\n".join(printable(line[:500]) for line in lines[:LINES]) + more
    block = f"<details open><summary>{html.escape(result.name)}</summary><pre>{html.escape(shown)}</pre></details>"
    return {"text/html": block, "text/plain": f"{result.name}\n{shown}"}


def _beginning(result: Result) -> str | None:
    """Return the first part of a file as text; None if it is empty or no text."""
    with result.path.open("rb") as file:
        data = file.read(MAX_TEXT)
    if not data or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character that the bound has cut in two is no reason to call the file binary.
        return data[: error.start].decode("utf-8") if error.start > len(data) - 4 else None


def _clip(text: str) -> str:
    text = printable(text)
    return text if len(text) <= CELL else text[: CELL - 1] + "…"
