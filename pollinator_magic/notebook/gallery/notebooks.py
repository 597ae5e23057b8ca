"""Notebooks: their cells, and what their outputs say as text. Nothing is run, and no output's HTML is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem, escape, one_line, plural
from pollinator_magic.notebook.gallery.text import block, excerpt, highlighted, lines_of, record

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK_BYTES = 8 << 20
"""The largest notebook that is opened."""
CELLS = 40
CELL_LINES = 30
"""How many lines of a cell's source, and of each of its outputs, are shown."""
OUTPUTS = 5
"""How many outputs of a cell are shown."""
_MARGIN = "margin:0 0 .6em 0"


def notebook(path: Path) -> Preview:
    """Show the cells of a notebook; raise Problem if it is none."""
    if path.stat().st_size > NOTEBOOK_BYTES:
        raise Problem(f"a notebook of more than {NOTEBOOK_BYTES >> 20} MiB, which is not looked into")
    try:
        said = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise Problem("not a sound notebook") from None
    if not isinstance(said, dict) or not isinstance(said.get("cells"), list):
        raise Problem("not a notebook of version 4")
    cells = [cell for cell in said["cells"] if isinstance(cell, dict)]
    language = _language(said)
    about = plural(len(cells), "cell") + (f"; the first {CELLS} shown" if len(cells) > CELLS else "")
    parts = [_cell(cell, language) for cell in cells[:CELLS]]
    lines = [line for cell in cells[:CELLS] for line in _source(cell)]
    return Preview(
        Kind.NOTEBOOK,
        about,
        html=f'<div style="max-height:36em;overflow:auto">{"".join(parts)}</div>',
        plain=excerpt(lines, cut=len(cells) > CELLS),
        record=record(lines, cut=len(cells) > CELLS),
    )


def _language(said: dict[str, Any]) -> str | None:
    metadata = said.get("metadata")
    information = metadata.get("language_info") if isinstance(metadata, dict) else None
    name = information.get("name") if isinstance(information, dict) else None
    known = {"python": "python", "r": "r", "julia": "julia", "bash": "bash", "javascript": "javascript"}
    return known.get(name.lower()) if isinstance(name, str) else "python"


def _cell(cell: dict[str, Any], language: str | None) -> str:
    kind = cell.get("cell_type")
    lines = _source(cell)
    languages = {"code": language, "markdown": "markdown"}
    shown = block(highlighted("\n".join(lines), languages.get(str(kind))))
    outputs = cell.get("outputs") if kind == "code" else None
    said = [_output(output) for output in outputs[:OUTPUTS]] if isinstance(outputs, list) else []
    count = cell.get("execution_count")
    label = f"[{count}]" if type(count) is int else "[ ]" if kind == "code" else one_line(str(kind), 20)
    return f'<div style="{_MARGIN}"><small>{escape(label)}</small>{shown}{"".join(said)}</div>'


def _source(cell: dict[str, Any]) -> list[str]:
    return _cut(_joined(cell.get("source")))


def _output(output: Any) -> str:
    """Show an output by what it says as text; of pictures and other rich ones, that they are there."""
    if not isinstance(output, dict):
        return ""
    data = output.get("data")
    if output.get("output_type") == "error":
        text = f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}"
    elif isinstance(data, dict):
        rich = [one_line(str(kind), 60) for kind in list(data)[:4] if kind != "text/plain"]
        text = "\n".join(filter(None, [_joined(data.get("text/plain")), f"({', '.join(rich)})" if rich else ""]))
    else:
        text = _joined(output.get("text"))
    return f'<pre style="margin:.2em 0 0 1.2em;white-space:pre-wrap">{escape(chr(10).join(_cut(text)))}</pre>'


def _joined(said: Any) -> str:
    """Return text, which a notebook may hold in pieces."""
    if isinstance(said, list):
        return "".join(piece for piece in said[: 20 * CELL_LINES] if isinstance(piece, str))
    return said if isinstance(said, str) else ""


def _cut(text: str) -> list[str]:
    lines = lines_of(text)
    return lines if len(lines) <= CELL_LINES else [*lines[:CELL_LINES], "…"]
