"""What is shown of one result: a bounded, harmless picture of it in HTML and in plain text.

What a job left is not trusted. Whatever of a file or of its name is shown goes through `clean` or `escape` first; what
cannot be shown is a `Problem`, whose message stands in place of the preview.
"""

from __future__ import annotations

import html as _html
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from pollinator_magic.jobs.log import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.notebook.gallery.tables import Table

NAME_LENGTH = 160
"""How much of a name is shown, in characters."""
ABOUT_LENGTH = 300

# Colours, which `printable` keeps for terminals; characters that reverse what follows them; halves of characters, which
# no message to the notebook can hold.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m|\x1b")
_FORGING = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")
_BREAKS = re.compile(r"[\s\u2028\u2029]+")


class Kind(str, Enum):
    """What a result is, in the words that the user chooses by."""

    PICTURE = "picture"
    TABLE = "table"
    ARRAY = "array"
    DATA = "data"
    TEXT = "text"
    AUDIO = "audio"
    VIDEO = "video"
    PDF = "PDF"
    PAGE = "web page"
    NOTEBOOK = "notebook"
    ARCHIVE = "archive"
    OTHER = "other"

    def __str__(self) -> str:
        return self.value


class Problem(Exception):
    """A result cannot be shown as what it seems to be; the message says why, in one line."""


@dataclass(frozen=True)
class Preview:
    """What is shown of a result. Everything is bounded, and escaped where it is HTML."""

    kind: Kind
    about: str
    """One line of plain text: what it is (`640 x 480 pixels, PNG`), or why it cannot be shown."""
    html: str = ""
    """The content; empty where name, size and `about` must do."""
    plain: str = ""
    """The content as text."""
    record: str | None = None
    """The content as HTML for records that no browser may ever style or run; None where `html` does for that too."""
    alone: Mapping[str, str] = field(default_factory=dict)
    """The content as a MIME type of its own (base64 by type), which the notebook shows better than the HTML."""
    table: Table | None = None
    """The rows that were loaded, for sorting."""

    @property
    def static(self) -> str:
        """The content for a record: HTML that is readable without styles, scripts and frames."""
        return self.html if self.record is None else self.record

    @property
    def cost(self) -> int:
        """About how many bytes it takes in a notebook."""
        return sum(map(len, self.alone.values())) or len(self.html) + len(self.plain)


def clean(text: str) -> str:
    """Return text without what could forge or break a display: controls, colours, reversed text, half characters."""
    return _FORGING.sub("\ufffd", _COLOURS.sub("", printable(text)))


def one_line(text: str, length: int = ABOUT_LENGTH) -> str:
    """Return the beginning of clean text on one line."""
    text = _BREAKS.sub(" ", clean(text[: length * 4])).strip()
    return text if len(text) <= length else text[: length - 1] + "…"


def shown_name(name: str) -> str:
    """Return the name of a file as it can be shown: of a long one its beginning and its end."""
    text = one_line(name, 4096)
    half = NAME_LENGTH // 2
    return text if len(text) <= NAME_LENGTH else f"{text[: half - 1]}…{text[-half:]}"


def escape(text: str) -> str:
    """Return clean text as HTML."""
    return _html.escape(clean(text), quote=True)


def plural(number: int, thing: str) -> str:
    """Write a number of things for people: `1 row`, `1,234 rows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
