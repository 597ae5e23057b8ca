"""What an output of a job may become in the notebook. Everything in it comes from elsewhere and is not to be trusted.

A front end shows the richest type that it knows of those in a bundle, so that every one must be harmless by itself:
what could act is taken apart, framed or left out; what is not what it says, or is too large, is named in the text.
"""

from __future__ import annotations

import base64
import binascii
import html
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pollinator_magic.jobs.log import printable
from pollinator_magic.jobs.results import human_size
from pollinator_magic.notebook.markup import clean_html, inert_markdown, inert_tex, sandboxed_frame, shown_html
from pollinator_magic.notebook.pictures import picture_type

__all__ = ["MAX_CONTENT", "safe_bundle", "sandboxed_frame", "static_html"]

MAX_CONTENT = 6 << 20
"""The most characters of one type of one output: they all end up in the notebook's file."""
MAX_TEXT = 32 << 10
MAX_DEPTH = 100
MAX_VALUES = 200_000
"""The most values in one JSON document."""

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_SVG = "image/svg+xml"
_VEGA = re.compile(r"application/vnd\.vega(?:lite)?\.v\d{1,2}\+json")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_MARKUP = re.compile(r"<[^<>]*>")
_MAX_SIDE = 10_000


class Unshowable(ValueError):
    """Content that is not shown; says why."""


def safe_bundle(
    data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, *, text: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what may be published of the MIME bundle of a job, and its metadata; there is always a `text/plain`.

    `text` stands for an output that has no text of its own.
    """
    plain = _plain(data.get("text/plain")) or _plain(text)
    bundle: dict[str, Any] = {}
    problems = []
    for kind, content in data.items():
        if kind == "text/plain" or (kind == _SVG and "text/html" in data):
            continue  # as in the notebook itself: HTML goes before its picture
        try:
            as_kind, shown = _shown(str(kind), content, plain)
        except Unshowable as problem:
            problems.append(f"({printable(str(kind))[:80]}: {problem})")
        else:
            bundle[as_kind] = shown
    if not bundle:
        plain = "\n".join(filter(None, [plain, *problems[:5]]))
    bundle["text/plain"] = plain or f"<{', '.join(bundle) or 'output'}>"
    return bundle, _sizes(bundle, metadata or {})


def static_html(data: Mapping[str, Any]) -> str:
    """Return HTML without scripts, styles or frames that shows a bundle, safe or not, as well as such HTML can."""
    for kind in (*_PICTURES, _SVG, "text/html"):
        try:
            if kind in data and (shown := _static(kind, data[kind])):
                return shown
        except Unshowable:
            continue
    text = _COLOUR.sub("", _plain(data.get("text/plain"))) or f"<{', '.join(map(str, data)) or 'output'}>"[:200]
    return f"<pre>{html.escape(text)}</pre>"


def _static(kind: str, content: Any) -> str:
    if kind == _SVG:
        return _svg(content)
    if kind != "text/html":
        return f'<img src="data:{kind};base64,{_picture(kind, content)}">'
    shown = clean_html(_text(content)) or ""
    return shown if "<img" in shown or _MARKUP.sub("", shown).strip() else ""


def _shown(kind: str, content: Any, plain: str) -> tuple[str, Any]:
    """Return the type and the content by which content of a type may be published; raise Unshowable."""
    if kind in _PICTURES:
        return kind, _picture(kind, content)
    if kind == _SVG:
        return "text/html", _svg(content)
    if kind == "text/html":
        return kind, shown_html(_text(content), _COLOUR.sub("", plain)[:1000])
    if kind == "text/markdown":
        return kind, inert_markdown(printable(_text(content)))
    if kind in {"text/latex", "text/x-latex"}:
        return "text/latex", _tex(content)
    if kind in {"application/json", "application/vnd.plotly.v1+json"}:
        return kind, _json(content)
    if kind == "application/geo+json":
        return kind, _json(content, html.escape)  # its names and values are shown as HTML
    if _VEGA.fullmatch(kind):
        return kind, _vega(content)
    raise Unshowable("not shown here")


def _plain(content: Any) -> str:
    text = _valid(content) if isinstance(content, str) else ""
    return printable(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…")


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise Unshowable("not a text")
    if len(content) > MAX_CONTENT:
        raise Unshowable(f"{human_size(len(content))} are too much to show here")
    return _valid(content)


def _valid(text: str) -> str:
    """Return the text without halves of characters, which no message to the notebook can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _picture(kind: str, content: Any) -> str:
    try:
        content_bytes = base64.b64decode("".join(_text(content).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        if isinstance(error, Unshowable):
            raise
        raise Unshowable("not a picture") from None
    if picture_type(content_bytes) != kind:
        raise Unshowable("not such a picture, or too large a one")
    return base64.b64encode(content_bytes).decode("ascii")


def _svg(content: Any) -> str:
    """As the source of a picture an SVG can neither run scripts nor load anything."""
    text = _text(content)
    if "<svg" not in text[:4096] or "<!ENTITY" in text:
        raise Unshowable("not a picture")
    return f'<img src="data:{_SVG};base64,{base64.b64encode(text.encode()).decode("ascii")}">'


def _tex(content: Any) -> str:
    text = inert_tex(printable(_text(content)))
    if text is None:
        raise Unshowable("reaches beyond a formula")
    return text


def _json(content: Any, text: Callable[[str], str] = str) -> Any:
    """Return a copy that every front end can take: bounded, no deeper than they show it, valid JSON and Unicode."""
    left = itertools.count(MAX_VALUES, -1)

    def copied(value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Unshowable(f"nested deeper than {MAX_DEPTH}")
        if next(left) <= 0:
            raise Unshowable(f"more than {MAX_VALUES:,} values")
        if isinstance(value, str):
            return text(_valid(value))
        if isinstance(value, Mapping):
            return {text(_valid(str(key))): copied(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [copied(part, depth + 1) for part in value]
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        return value if isinstance(value, int) and abs(value) < 1 << 64 else None

    copy = copied(content, 0)
    size = len(json.dumps(copy))
    if size > MAX_CONTENT:
        raise Unshowable(f"{human_size(size)} are too much to show here")
    return copy


def _vega(content: Any) -> Any:
    """Return a figure that holds its data: loading is done by the page, as the user, and a figure could pass it on."""
    figure = _json(content)
    if not isinstance(figure, dict):
        raise Unshowable("not a figure")
    figure.pop("usermeta", None)  # settings of the program that draws, addresses and HTML among them
    if any(key in {"url", "href"} for key in _keys(figure)):
        raise Unshowable("a figure that loads from elsewhere")
    return figure


def _keys(value: Any) -> Iterator[str]:
    """Go through the keys at all depths, but not of the data themselves."""
    if isinstance(value, dict):
        yield from value
        parts = [part for key, part in value.items() if key not in {"values", "datasets"}]
    else:
        parts = value if isinstance(value, list) else []
    for part in parts:
        yield from _keys(part)


def _sizes(bundle: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Of what a program says about its output, only how large pictures are to be shown."""
    sizes = {}
    for kind in _PICTURES:
        said = metadata.get(kind)
        if kind in bundle and isinstance(said, Mapping):
            sides = {side: said.get(side) for side in ("width", "height")}
            known = {side: n for side, n in sides.items() if isinstance(n, int | float) and 0 < n <= _MAX_SIDE}
            if known:
                sizes[kind] = known
    return sizes
