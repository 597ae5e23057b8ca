"""JSON as a tree that opens and closes, of files of any size and depth.

Python's own parser needs the whole file and a stack as deep as the file is nested. This reader goes through the
beginning of a file with a stack of its own, keeps a bounded part of what it passes, and counts the rest.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem, escape, one_line, plural
from pollinator_magic.notebook.gallery.text import RECORD_LINES, beginning, theme_colour

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TREE_BYTES = 512 << 10
"""How much of a file is read."""
NODES = 1_500
"""How many values are kept altogether."""
CHILDREN = 100
"""How many values of one object or array are kept."""
DEPTH = 20
VALUE = 200
"""How much of a text is shown, in characters."""
OPEN = 2
"""How many levels are open at first."""

_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|NaN|-?Infinity")
_STRINGS = json.JSONDecoder(strict=False)
_CLOSERS = {"{": "}", "[": "]"}


@dataclass
class Node:
    """A value; of an object or array, what is kept of it and how much there is."""

    label: str
    """Its name in an object."""
    text: str
    """A scalar as it was written; of an object or array, the bracket that opens it."""
    children: list[Node] = field(default_factory=list)
    count: int = 0
    whole: bool = True
    """Whether its end was read."""
    kept: bool = False
    """Whether it is part of the tree; what is deeper or later than that is only counted."""

    @property
    def nested(self) -> bool:
        """Whether it is an object or an array."""
        return self.text in _CLOSERS

    @property
    def about(self) -> str:
        """What a container holds, in words."""
        things = plural(self.count, "key" if self.text == "{" else "item")
        return f"{self.text} {things if self.whole else f'at least {things}'} {_CLOSERS[self.text]}"


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._kept = 0
        self._open: list[Node] = []

    def read(self) -> tuple[Node, ValueError | None]:
        """Return the tree as far as it could be read, and why no further."""
        root = Node("", "")
        try:
            root = self._begin("")
            root.kept = True
            while self._open:
                self._next()
            if self._peek():
                raise self._error("the end")
        except ValueError as error:
            for node in self._open:
                node.whole = False
            return (self._open[0] if self._open else root), error
        return root, None

    def _next(self) -> None:
        """Read one more value of the innermost container, or its end."""
        inner = self._open[-1]
        if self._peek() == _CLOSERS[inner.text]:
            self._at += 1
            self._open.pop()
            return
        if inner.count:
            self._expect(",")
        label = ""
        if inner.text == "{":
            if self._peek() != '"':
                raise self._error("a name in quotes")
            label = self._string()
            self._expect(":")
        node = self._begin(label)
        inner.count += 1
        depth = len(self._open) - node.nested
        # The deeper, the sooner there is no room: the first of many branches must not take that of the others.
        room = len(inner.children) < CHILDREN and depth <= DEPTH and self._kept < NODES // depth
        if inner.kept and room:
            node.kept = True
            inner.children.append(node)
            self._kept += 1

    def _begin(self, label: str) -> Node:
        """Read a scalar, or the bracket that opens a container, which is then the innermost."""
        first = self._peek()
        if first in _CLOSERS:
            self._at += 1
            node = Node(label, first)
            self._open.append(node)
            return node
        if first == '"':
            return Node(label, json.dumps(self._string(), ensure_ascii=False))
        found = _SCALAR.match(self._text, self._at)
        if found is None:
            raise self._error("a value")
        self._at = found.end()
        return Node(label, one_line(found[0], VALUE))

    def _string(self) -> str:
        value, self._at = _STRINGS.raw_decode(self._text, self._at)
        text = str(value)
        return text if len(text) <= VALUE else text[: VALUE - 1] + "…"

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise self._error(repr(character))
        self._at += 1

    def _peek(self) -> str:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _error(self, wanted: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(f"expecting {wanted}", self._text, self._at)


def read_tree(text: str) -> tuple[Node, ValueError | None]:
    """Read JSON text; return what is kept of it and, if it is not sound to its end, what is wrong."""
    return _Reader(text).read()


def json_file(path: Path) -> Preview:
    """Show a JSON file as a tree; raise Problem if it is none, and if it is broken."""
    found = beginning(path, TREE_BYTES)
    if found is None:
        raise Problem("binary")
    root, error = read_tree(found.text)
    if error is not None and (found.whole or not root.count):
        raise Problem(f"not sound JSON: {one_line(str(error), 120)}")
    about = root.about if root.nested else "one value"
    if not found.whole:
        about += f"; only the first {TREE_BYTES >> 10} KiB were read"
    return Preview(
        Kind.DATA,
        about + found.remark,
        html=f'<div style="max-height:32em;overflow:auto">{tree_html(root)}</div>',
        plain=tree_plain(root),
        record=f"<pre>{escape(tree_plain(root))}</pre>",
    )


def tree_html(node: Node, depth: int = 0) -> str:
    """Return a tree as nested lists that open and close."""
    label = f'<b style="font-weight:600">{escape(node.label)}</b>: ' if node.label else ""
    if not node.nested:
        colour = theme_colour("Token.Literal.String" if node.text.startswith('"') else "Token.Literal.Number")
        return f'{label}<code style="background:none;color:{colour}">{escape(node.text)}</code>'
    if not node.children:
        return f"{label}<span>{escape(node.about) if node.count else node.text + _CLOSERS[node.text]}</span>"
    items = "".join(f"<li>{tree_html(child, depth + 1)}</li>" for child in node.children)
    hidden = node.count - len(node.children)
    items += f"<li>… {plural(hidden, 'more value')}</li>" if hidden else ""
    return (
        f"<details{' open' if depth < OPEN else ''}><summary>{label}{escape(node.about)}</summary>"
        f'<ul style="list-style:none;margin:0;padding-left:1.4em">{items}</ul></details>'
    )


def tree_plain(root: Node) -> str:
    """Return the first lines of a tree as indented text."""
    lines: list[str] = []
    for line in _lines(root, ""):
        if len(lines) == RECORD_LINES:
            lines.append("…")
            break
        lines.append(line)
    return "\n".join(lines)


def _lines(node: Node, indent: str) -> Iterator[str]:
    label = f"{one_line(node.label)}: " if node.label else ""
    yield f"{indent}{label}{one_line(node.about if node.nested else node.text)}"
    for child in node.children:
        yield from _lines(child, indent + "  ")
