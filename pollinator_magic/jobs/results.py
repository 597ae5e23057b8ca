"""What a job brought back: a mapping of names to files, and the newest job's copy in `cfs/result`.

Every job's results live in a directory of their own below the project's state; `cfs/result` shows those of the newest
job that was followed. A file that the user changed there by hand is never lost: it is kept beside the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections import deque
from collections.abc import Collection, ItemsView, Iterator, Mapping, ValuesView
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.cfs.index import Signature
from pollinator_magic.cfs.transfer import opened, prepare, remove
from pollinator_magic.colonies.envelope import printable
from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.errors import ProjectError, ResultError, TransferError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import PIL.Image

    from pollinator_magic.cfs.held import Directory
    from pollinator_magic.project import Project

HIDDEN = ".pollinator"
"""The directory among the results that is none of the user's: displays, and values that are read by `variables`."""
_RECORD = "result.json"
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True)
class Result:
    """One file that a job left in its result directory. `name` is its path there, with slashes.

    What reads a kind of file raises ResultError for one that is damaged or of another kind.
    """

    name: str
    path: Path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size

    def bytes(self) -> bytes:
        """Return the content."""
        return self.path.read_bytes()

    def text(self, encoding: str = "utf-8") -> str:
        """Return the content as text; what is not `encoding` is replaced."""
        return self.path.read_text(encoding=encoding, errors="replace")

    def json(self) -> Any:
        """Return the content of a JSON file."""
        with self._reading("JSON"):
            return json.loads(self.bytes())

    def array(self) -> np.ndarray[Any, Any]:
        """Return the array of a `.npy` file; pickles inside are refused."""
        with self._reading("a .npy array of numbers or text", self._or_pickle()):
            import numpy as np

            loaded: np.ndarray[Any, Any] = np.load(self.path, allow_pickle=False)
            return loaded

    def _or_pickle(self) -> str:
        return f" If it holds Python objects and you trust the job: numpy.load({str(self.path)!r}, allow_pickle=True)."

    def image(self) -> PIL.Image.Image:
        """Return the picture, by Pillow."""
        with self._reading("a whole picture"):
            import PIL.Image

            image = PIL.Image.open(self.path)
            image.load()  # or what is missing at its end would be found only where it is used
            return image

    def table(self) -> pd.DataFrame:
        """Return the data frame of a `.parquet`, `.csv` or `.tsv` file, by pandas."""
        ending = self.path.suffix.lower()
        if ending == ".parquet":
            with self._reading("a whole Parquet file"):
                import pandas as pd

                return pd.read_parquet(self.path)
        with self._reading("a table"):
            import pandas as pd

            return pd.read_csv(self.path, sep="\t" if ending == ".tsv" else ",")

    @contextmanager
    def _reading(self, kind: str, hint: str = "") -> Iterator[None]:
        """Say of whatever is raised that the file is not of this kind, and where it is."""
        try:
            yield
        except ImportError as error:
            raise ResultError(
                f"Reading the result {self.name!r} needs {error.name or 'a package'}, which is not installed here: "
                "pip install 'pollinator-magic[data]' has all that results need.",
                name=self.name,
            ) from None
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  what reads damaged files raises whatever is nearest
            why = printable(f"{type(error).__name__}: {error}", 120)
            raise ResultError(
                f"The result {self.name!r} is not {kind} ({why}). Its bytes are in {str(self.path)!r}.{hint}",
                name=self.name,
            ) from None

    def load(self) -> Any:
        """Return what the file holds, by its ending.

        `.csv`, `.tsv` and `.parquet` give a pandas DataFrame, `.json` what it says, `.npy` an array, pictures a Pillow
        image, anything else text, or bytes where it is none. Nothing that could run code is ever executed. Raises
        ResultError for a file that is damaged, or is not what its ending says.
        """
        ending = self.path.suffix.lower()
        if ending in {".csv", ".tsv", ".parquet"}:
            return self.table()
        if ending == ".json":
            return self.json()
        if ending == ".npy":
            return self.array()
        if ending in _PICTURES:
            return self.image()
        try:
            return self.path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return self.bytes()


class Results(Mapping[str, Result]):
    """The files of a result directory by name (`sub/dir/name` for deeper ones), in order of their names.

    `files`, if given, are all that count: the directory may hold others. What is below `.pollinator` is no result.
    """

    def __init__(self, root: Path, files: Collection[Path] | None = None) -> None:
        self.root = root
        self._files = files

    def scan(self) -> Iterator[str]:
        """Yield the names as they are found, those of shallow directories first; no file is asked for its status."""
        if self._files is not None:
            known = (path for path in self._files if path.is_file() and not path.is_symlink())
            names = (path.relative_to(self.root).as_posix() for path in known)
            yield from (name for name in names if not name.startswith(f"{HIDDEN}/"))
            return
        pending = deque([""])
        while pending:
            directory = pending.popleft()
            try:
                entries = os.scandir(self.root / directory)
            except OSError:
                continue  # gone meanwhile, or nested more deeply than the system can name
            with entries:
                for entry in entries:
                    if (not directory and entry.name == HIDDEN) or entry.name.startswith(PART_PREFIX):
                        continue  # what a download that was killed has left is no result
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{directory}{entry.name}/")
                    elif entry.is_file(follow_symlinks=False):
                        yield directory + entry.name

    def path(self, name: str) -> Path:
        """Return where a result of this name is."""
        return self.root / name

    def _names(self) -> list[str]:
        return sorted(self.scan())

    def __getitem__(self, name: str) -> Result:
        if name not in self._names():
            raise KeyError(f"The job left no result {name!r}; it left: {', '.join(self._names()) or 'nothing'}")
        return Result(name, self.path(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def values(self) -> ValuesView[Result]:
        """Return the files. Found in one walk: looked up one by one, each would take a walk of its own."""
        return self._found().values()

    def items(self) -> ItemsView[str, Result]:
        """Return names and files, found in one walk."""
        return self._found().items()

    def _found(self) -> dict[str, Result]:
        return {name: Result(name, self.path(name)) for name in self._names()}

    def __repr__(self) -> str:
        return "\n".join([self.count, *(f"  {result.name}  {human_size(result.size)}" for result in self.values())])

    @property
    def count(self) -> str:
        """How many there are, in words."""
        number = len(self)
        return f"{number} result{'' if number == 1 else 's'}"


class StepResults(Results):
    """The results of several jobs as those of one: each name begins with that of the step, `fit/curve.csv`."""

    def __init__(self, root: Path, steps: Mapping[str, Results]) -> None:
        """`root` is a directory that all of them are in."""
        super().__init__(root)
        self._steps = steps

    def scan(self) -> Iterator[str]:
        """Yield the names as they are found, step by step."""
        for step, results in self._steps.items():
            yield from (f"{step}/{name}" for name in results.scan())

    def path(self, name: str) -> Path:
        """Return where a result of this name is."""
        step, _, rest = name.partition("/")
        return self._steps[step].path(rest)


def human_size(size: float) -> str:
    """Write a number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


class _Shown(msgspec.Struct):
    """What `show` put into a directory: name -> SHA-256."""

    files: dict[str, str] = {}


prepare_reading(_Shown)


def show(results: Results, directory: Path, state: Path) -> None:
    """Make `directory` show these results in place of those of the job before.

    What was shown before and is unchanged goes (it stays in its own job's directory); what the user changed or added
    stays, under another name where a result needs its place. Raises UnsafeName rather than write through a link that
    leads out of `directory`, TransferError where a file or directory of the user's is in the way.
    """
    record = state / _RECORD
    shown = _read_record(record).files
    with opened(directory) as root:
        for name, checksum in shown.items():
            path = directory / name
            if path.is_file() and _sha256(path) == checksum:
                remove(root, name, Signature.of(path.stat()))
        prepare(root, list(results))
        now = {result.name: _sha256(result.path) for result in results.values()}
        # Before the first of them is there: were this process killed in between, they would be taken for the user's.
        _write_record(record, now)
        for result in results.values():
            above, _, name = result.name.rpartition("/")
            with root.directory(above) as place:
                _step_aside(place, name)
                _copy(result.path, place, name)


def show_in(project: Project, results: Results, which: str) -> None:
    """Make `cfs/result` of the project show these results; raise ProjectError, which says `which`, if it cannot be."""
    try:
        with project.lock():
            show(results, project.result, project.state)
    except (OSError, TransferError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).removesuffix(".")
        raise ProjectError(f"{which}, but could not be copied to {str(project.result)!r}: {reason}.") from None


def _copy(source: Path, place: Directory, name: str) -> None:
    part = PART_PREFIX + secrets.token_hex(8)
    try:
        with source.open("rb") as content, place.create(part) as sink:
            shutil.copyfileobj(content, sink, 1 << 20)
        place.replace(part, name)
    except BaseException:
        with suppress(OSError):
            place.unlink(part)
        raise


def _write_record(path: Path, files: dict[str, str]) -> None:
    write_atomically(path, msgspec.json.encode(_Shown(files=files)))


def _read_record(path: Path) -> _Shown:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Shown)
    except (OSError, msgspec.DecodeError):
        return _Shown()


def _step_aside(place: Directory, name: str) -> None:
    """Rename what is in the way of a result, so that nothing of the user's is overwritten."""
    if not place.has(name):
        return
    wanted, number = PurePath(name), 1
    while place.has(other := f"{wanted.stem}.local-{number}{wanted.suffix}"):
        number += 1
    place.replace(name, other)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
