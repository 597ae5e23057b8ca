"""SVG, shown as a picture: there it can neither run scripts nor load anything. Except what would stop the page.

An SVG may refer to its own parts, and they to others: a few hundred bytes can ask for billions of shapes, and the page
stands still until all are drawn. So what it asks for is counted first.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from pollinator_magic.jobs.results import human_size
from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem, one_line
from pollinator_magic.notebook.gallery.text import RECORD_LINES, beginning, lines_of

if TYPE_CHECKING:
    from pathlib import Path

SVG_BYTES = 2 << 20
SHAPES = 60_000
"""How many shapes may have to be drawn; of parts within parts each counts for several, as they take longer."""
_NESTED = 4

_REFERENCE = re.compile(r"""url\(\s*['"]?#([^)'"\s]+)""")
_UNCOUNTED = re.compile(r"<!ENTITY|data:image/svg|<style[^<]*url\(", re.IGNORECASE)


@dataclass
class _Part:
    """An element that can be referred to, with what is in it; the first one is the whole."""

    shapes: int = 0
    inside: list[int] = field(default_factory=list)
    """The parts in it, by their places."""
    references: Counter[str] = field(default_factory=Counter)


def svg(path: Path) -> Preview:
    """Show an SVG as a picture; raise Problem if it is none, or asks for too much."""
    found = beginning(path, SVG_BYTES)
    if found is None or "<svg" not in found.text:
        raise Problem("not an SVG")
    if not found.whole:
        raise Problem(f"an SVG of more than {human_size(SVG_BYTES)}, shown as text;")
    if _UNCOUNTED.search(found.text):
        raise Problem("an SVG with entities, pictures or styles that can grow without end; shown as text;")
    data = path.read_bytes()
    try:
        shapes = _shapes(data)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise Problem(f"a damaged SVG ({one_line(str(error), 100)}), shown as text;") from None
    if shapes > SHAPES:
        raise Problem("an SVG that asks for more shapes than are drawn here, shown as text;")
    encoded = base64.b64encode(data).decode()
    return Preview(
        Kind.PICTURE,
        "SVG",
        html=f'<img alt="SVG" style="max-width:100%;height:auto" src="data:image/svg+xml;base64,{encoded}">',
        plain="\n".join(lines_of(found.text)[:RECORD_LINES]),
    )


def _shapes(data: bytes) -> int:
    """Count the shapes that have to be drawn, as far as the bound."""
    parts, places = _read(data)
    asked: dict[int, int] = {}
    pending = [(0, False)]
    while pending:  # without recursion: parts may refer to each other in a chain of any length
        place, ready = pending.pop()
        part = parts[place]
        referred = [(places[name], times) for name, times in part.references.items() if name in places]
        if ready:
            # What is not known yet refers back to this part; browsers draw nothing of such a circle.
            within = sum(asked.get(inner, 0) for inner in part.inside)
            total = part.shapes + within + sum(times * asked.get(to, 0) * _NESTED for to, times in referred)
            asked[place] = min(total, SHAPES + 1)
        elif place not in asked:
            asked[place] = 0
            pending.append((place, True))
            pending += [(other, False) for other in (*part.inside, *(to for to, _ in referred))]
    return asked[0]


def _read(data: bytes) -> tuple[list[_Part], dict[str, int]]:
    """Return the parts, and the places of those that have names."""
    parts = [_Part()]
    places: dict[str, int] = {}
    around = [0]
    named: list[bool] = []

    def begin(_: str, attributes: dict[str, str]) -> None:
        name = attributes.get("id")
        named.append(name is not None)
        if name is not None:
            places.setdefault(name, len(parts))
            parts[around[-1]].inside.append(len(parts))
            around.append(len(parts))
            parts.append(_Part())
        part = parts[around[-1]]
        part.shapes += 1
        for key, value in attributes.items():
            if key.rpartition(":")[2] == "href" and value.startswith("#"):
                part.references[value[1:]] += 1
            part.references.update(_REFERENCE.findall(value))

    def end(_: str) -> None:
        if named.pop():
            around.pop()

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.Parse(data, True)
    return parts, places
