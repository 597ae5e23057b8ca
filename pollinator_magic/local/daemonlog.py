"""The daemon's log: a file of the user's alone, in which no text can pass itself off as an entry.

Names, and what others answer, come from outside. Whatever they hold, an entry begins with its time at the beginning of
a line, all further lines of it are indented, and there are no control characters.
"""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, cast

from pollinator_magic.local.home import private

if TYPE_CHECKING:
    from io import TextIOWrapper


class PrivateLog(RotatingFileHandler):
    """A log file, and its predecessors, that nobody else can read."""

    def _open(self) -> TextIOWrapper:
        opened = open(  # noqa: SIM115  the handler closes it
            self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors, opener=private
        )
        return cast("TextIOWrapper", opened)


class OneEntry(logging.Formatter):
    """Formats an entry so that it is one for whoever reads the log, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry; what belongs to it begins with its time or with spaces."""
        lines = super().format(record).splitlines()
        return "\n    ".join(_visible(line) for line in lines)


def _visible(line: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
