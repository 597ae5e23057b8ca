"""Which files of a synchronised directory stay where they are: defaults, and `.pollinatorignore` in gitignore syntax.

An ignored path takes no part in anything: it is not uploaded, and what lies under that path on the server is neither
downloaded nor removed. The one exception is a file that was synchronised before it was ignored: it counts as deleted
here.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pollinator_magic.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".pollinatorignore"

PART_PREFIX = ".pollinator-part-"
"""How the temporary files of downloads begin; they are never synchronised."""

DEFAULTS = (
    ".git",
    ".hg",
    ".svn",
    "__pycache__",
    "*.pyc",
    ".ipynb_checkpoints",
    ".DS_Store",
    "*.swp",
    "*~",
    ".venv",
    "node_modules",
    ".mypy_cache",
    ".pytest_cache",
    ".pollinator",
)
"""Names, at any depth, of files and directories that nobody wants in a job. `!name` in a `.pollinatorignore` wins."""

_OWN = re.compile(re.escape(PART_PREFIX) + r".*|\.cfs")  # .cfs: the markers of the Go tools, which never upload them


class Ignore:
    """Decides about paths below one root. Directories end in a slash."""

    def __init__(self, specs: Sequence[tuple[str, GitIgnoreSpec]] = (), *, defaults: bool = True) -> None:
        self._specs = tuple(specs)
        self._defaults = defaults

    @classmethod
    def nothing(cls) -> Ignore:
        """Ignore only what this project and the Go tools put there themselves."""
        return cls(defaults=False)

    @classmethod
    def for_root(cls, root: Path, *, files: Sequence[Path] = (), patterns: Sequence[str] = ()) -> Ignore:
        """Ignore the defaults, then `files`, then `patterns`, then `root`'s own `.pollinatorignore`; the last one wins.

        Patterns in a file are relative to the directory of that file, which is `root` or one above it; `patterns` are
        relative to `root`. Files that do not exist count as empty. Raises ProjectError for one that cannot be read.
        """
        from pathspec import GitIgnoreSpec  # only when there is something to synchronise

        specs = []
        for file in (*files, None, root / IGNORE_FILE):
            lines = patterns if file is None else _lines(file)
            if not any(line.strip() for line in lines):
                continue
            try:
                spec = GitIgnoreSpec.from_lines(lines)
            except ValueError as error:
                raise ProjectError(f"{file or 'patterns'}: {error}") from None
            specs.append((_prefix(root, file.parent) if file else "", spec))
        return cls(specs)

    @classmethod
    def for_source(cls, root: Path, *, files: Sequence[Path] = ()) -> Ignore:
        """Ignore as `for_root` does, but not `.pollinator`: in `cfs/src` it carries the scripts that start the job."""
        return cls.for_root(root, files=files, patterns=["!.pollinator/"])

    def __contains__(self, path: str) -> bool:
        """Whether `path` itself is ignored; directories above it have been asked about before (see `covers`)."""
        name = path.rstrip("/").rpartition("/")[2]
        if _OWN.fullmatch(name):
            return True
        for prefix, spec in reversed(self._specs):
            verdict = spec.check_file(prefix + path).include
            if verdict is not None:
                return verdict
        return self._defaults and _is_default(name)

    def covers(self, path: str) -> bool:
        """Whether `path` or any directory above it is ignored."""
        parents = [f"{parent}/" for parent in PurePosixPath(path).parents if parent.name]
        return any(each in self for each in (*reversed(parents), path))


@functools.lru_cache(maxsize=4096)
def _is_default(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in DEFAULTS)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ProjectError(f"Cannot read {str(file)!r}: {reason}.") from None


def _prefix(root: Path, directory: Path) -> str:
    """Return the path from `directory` down to `root`, as patterns of `directory` see it."""
    if root == directory:
        return ""
    return root.resolve().relative_to(directory.resolve()).as_posix() + "/"
