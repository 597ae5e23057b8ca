"""The names of results, found without asking any file for its status, in an order that people expect.

A directory of a hundred thousand files costs a walk over their names, once; sizes are asked of those that are shown.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pollinator_magic.jobs.results import Result, human_size
from pollinator_magic.notebook.gallery.kinds import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pollinator_magic.jobs import Results
    from pollinator_magic.notebook.gallery.preview import Kind

LISTED = 200_000
"""How many results are listed; of more, these are the first that were found, shallow directories first."""
COMPARED_BYTES = 4096

_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Listing:
    """The names of the results below `root`."""

    root: Path
    names: tuple[str, ...]
    complete: bool
    """Whether that is all of them."""
    here: Path = field(default_factory=Path.cwd)
    """The directory of the notebook, from which names lead to files."""
    find: Callable[[str], Path] | None = None
    """Says where a result is, where that is not its name below the root."""

    @classmethod
    def of(cls, results: Results, most: int = LISTED, *, here: Path | None = None) -> Listing:
        """List the results, `most` of them if there are more; `here` is by default the current directory."""
        found = list(itertools.islice(results.scan(), most + 1))
        names = tuple(sorted(found[:most], key=natural))
        return cls(results.root, names, len(found) <= most, here or Path.cwd(), results.path)

    @property
    def count(self) -> str:
        """How many there are, in words."""
        number = f"{len(self.names):,} result{'' if len(self.names) == 1 else 's'}"
        return number if self.complete else f"more than {number}; the others are not listed"

    @property
    def folders(self) -> dict[str, Sequence[str]]:
        """The names in each directory at the top, which stand together; those outside of any under the empty name."""
        return {folder: tuple(names) for folder, names in itertools.groupby(self.names, folder_of)}

    @property
    def kinds(self) -> Counter[Kind]:
        """How many results of each kind there are, from their names."""
        return Counter(map(kind_of, self.names))

    def result(self, name: str) -> Result:
        """Return the result of that name."""
        return Result(name, self.path(name))

    def size(self, name: str) -> int | None:
        """Return the size of a result in bytes; None if it is gone, or is no file any more."""
        return size_of(self.path(name))

    def size_in_words(self, name: str) -> str:
        """Return the size of a result for people."""
        return size_in_words(self.path(name))

    def path(self, name: str) -> Path:
        """Return where the result of that name is."""
        return self.root / name if self.find is None else self.find(name)


def size_of(path: Path) -> int | None:
    """Return the size of a file in bytes; None if it is gone, or is no file any more."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def size_in_words(path: Path) -> str:
    """Return the size of a file for people."""
    size = size_of(path)
    return "gone" if size is None else human_size(size)


def natural(name: str) -> tuple[tuple[bool, list[tuple[bool, int, str]], str], ...]:
    """Order names as people do: `plot-2` before `plot-10`, the files of a directory before its directories."""
    *directories, last = name.split("/")
    return (*((True, _pieces(part), part) for part in directories), (False, _pieces(last), last))


def _pieces(text: str) -> list[tuple[bool, int, str]]:
    pieces = filter(None, _DIGITS.split(text))
    return [(False, int(piece), "") if piece.isdecimal() else (True, 0, piece.lower()) for piece in pieces]


def folder_of(name: str) -> str:
    """Return the directory at the top that a name lies in, with its slash, or nothing."""
    top, slash, _ = name.partition("/")
    return top + slash if slash else ""


def link_to(result: Result, here: Path) -> str | None:
    """Return the address of a result from a notebook in the directory `here`; None where JupyterLab cannot open it.

    Jupyter does not open what lies in hidden directories, where each job's results are kept. Of the newest job they are
    in `cfs/result` as well, which is where the link leads if the file there is the same.
    """
    for path in (result.path, *_twins(result)):
        try:
            parts = path.relative_to(here).parts
        except ValueError:
            continue
        if not any(part.startswith(".") for part in parts):
            return "/".join(quote(os.fsencode(part), safe="") for part in parts)
    return None


def _twins(result: Result) -> list[Path]:
    """Return where else the same file lies."""
    depth = result.name.count("/") + 1
    parents = result.path.parents
    if len(parents) < depth + 4 or [parents[depth - 1].name, parents[depth + 1].name] != ["result", "jobs"]:
        return []
    twin = parents[depth + 3] / "cfs" / "result" / result.name
    return [twin] if _alike(result.path, twin) else []


def _alike(one: Path, other: Path) -> bool:
    """Compare size, beginning and end: enough to tell the results of two jobs apart, at no cost."""
    try:
        with one.open("rb") as first, other.open("rb") as second:
            size = os.fstat(first.fileno()).st_size
            if size != os.fstat(second.fileno()).st_size:
                return False
            for position in (0, max(size - COMPARED_BYTES, 0)):
                first.seek(position)
                second.seek(position)
                if first.read(COMPARED_BYTES) != second.read(COMPARED_BYTES):
                    return False
    except OSError:
        return False
    return True
