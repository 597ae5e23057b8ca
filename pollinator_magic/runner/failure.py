"""How an exception that ends the program is shown: the user's own lines, with the numbers that the cell has."""

from __future__ import annotations

import os

from .bundle import shortened, type_name
from .imports import own_imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 32 * 1024
"""Characters of a readable traceback."""
LONGEST_VALUE = 4000
"""Characters of the message by itself."""
_FIRST_LINES, _LAST_LINES = 80, 160

_COMMANDS = (
    "Lines that begin with % or ! are commands of the notebook, which a job does not know. To install packages, use "
    "`%%pollinate … --pip NAME`; to run a program, `subprocess.run([…])`; everything else of the kind goes into a cell "
    "of its own."
)


class Failure:
    """An exception that the cell in `source`, whose code names the file `filename`, did not handle."""

    def __init__(self, error: BaseException, *, source: bytes, filename: str, line_offset: int) -> None:
        self._error = error
        self._source = source
        self._filename = filename
        self._line_offset = line_offset

    def describe(self) -> tuple[dict[str, Any], str]:
        """Return the payload of RAISED, and the readable text."""
        error = self._error
        mark = f"<{os.urandom(8).hex()}>"
        with own_imports():  # all of it: more is imported on the way
            import linecache
            import traceback

            # The file may have been changed or removed since.
            lines = [line + "\n" for line in self._lines()]
            linecache.cache[self._filename] = (len(self._source), None, lines, self._filename)
            described = traceback.TracebackException(type(error), error, error.__traceback__)
            _mark(described, self._filename, mark, set())
            text = _bounded("".join(described.format()))
        text = self._with_cell_lines(text, mark)
        line = self._line()
        if isinstance(error, SyntaxError) and self._is_command(line):
            text += _COMMANDS + "\n"
        payload = {
            "name": type_name(error),
            "value": self._message()[:LONGEST_VALUE],
            "traceback": text,
            "line": None if line is None else line + self._line_offset,
        }
        return payload, text

    def _with_cell_lines(self, text: str, mark: str) -> str:
        """Put "Cell line 5" for what the standard library says of the marked file."""
        start = f'File "{mark}", line '
        first, *rest = text.split(start)
        pieces = [first]
        for piece in rest:
            digits = len(piece) - len(piece.lstrip("0123456789"))
            number = int(piece[:digits] or 0) + self._line_offset
            after = piece[digits:]
            module = ", in <module>"
            pieces.append(f"Cell line {number}{after[len(module) :] if after.startswith(module) else after}")
        return "".join(pieces)

    def _line(self) -> int | None:
        """Return the line of the file where it happened: the innermost one of the cell."""
        error = self._error
        if isinstance(error, SyntaxError) and error.filename == self._filename:
            return error.lineno
        line = None
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self._filename:
                line = trace.tb_lineno
            trace = trace.tb_next
        return line

    def _is_command(self, line: int | None) -> bool:
        lines = self._lines()
        return line is not None and 0 < line <= len(lines) and lines[line - 1].lstrip().startswith(("%", "!"))

    def _message(self) -> str:
        error = self._error
        try:
            return str(error.msg if isinstance(error, SyntaxError) else error)
        except Exception:  # noqa: BLE001  `__str__` may raise anything
            return "<exception str() failed>"

    def _lines(self) -> list[str]:
        with own_imports():
            import tokenize
        try:
            encoding, _ = tokenize.detect_encoding(iter(self._source.splitlines(keepends=True)).__next__)
        except (SyntaxError, StopIteration):
            encoding = "utf-8"
        return self._source.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _mark(described: Any, filename: str, mark: str, seen: set[int]) -> None:
    """Rename the cell's file in an exception and all that it is chained to or holds."""
    pending = [described]
    while pending:
        node = pending.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        for frame in node.stack:
            if frame.filename == filename:
                frame.line  # noqa: B018  read now, under the name by which it is known
                frame.filename = mark
        if getattr(node, "filename", None) == filename:
            node.filename = mark
        pending += [node.__cause__, node.__context__, *(getattr(node, "exceptions", None) or ())]


def _bounded(text: str) -> str:
    """Return the text with its middle left out if it is very long, as after a deep recursion."""
    lines = text.split("\n")
    if len(lines) > _FIRST_LINES + _LAST_LINES:
        left_out = len(lines) - _FIRST_LINES - _LAST_LINES
        lines[_FIRST_LINES:-_LAST_LINES] = [f"  … {left_out:,} lines left out …"]
    return shortened("\n".join(lines), LONGEST)
