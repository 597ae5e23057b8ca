"""NumPy files: shape and type from their headers, and the first values of a memory-mapped array. Never a pickle."""

from __future__ import annotations

import ast
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from pollinator_magic.jobs.results import human_size
from pollinator_magic.notebook.gallery.limited import Limited
from pollinator_magic.notebook.gallery.preview import (
    Kind,
    Preview,
    Problem,
    escape,
    one_line,
    plural,
    shown_name,
)
from pollinator_magic.notebook.gallery.text import block, record

if TYPE_CHECKING:
    from pathlib import Path

HEADER_BYTES = 10_000
"""The longest header of an array that is read, as NumPy itself has it."""
VALUES = 8
"""How many values of each of the last two dimensions are shown."""
MEMBERS = 50
"""How many arrays of an .npz are listed."""
ITEM_BYTES = 256
"""The largest items (of text, or of records) that are shown."""
NPZ_BYTES = 16 << 20
"""How much of an .npz is read for its headers."""

_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True)
class Header:
    """What an array says of itself."""

    shape: tuple[int, ...]
    descr: str | list[Any]
    """The type, as NumPy writes it: `<f8`, or a list of named fields."""

    @property
    def pickled(self) -> bool:
        """Whether its values are Python objects, which only unpickling could bring back."""
        return "O" in _types_in(self.descr)

    @property
    def about(self) -> str:
        """Shape and type in words."""
        if self.pickled:
            return f"{self._shape} of pickled Python objects, which are not opened"
        return f"{self._shape} of {_type_name(self.descr)}"

    @property
    def _shape(self) -> str:
        return " × ".join(f"{length:,}" for length in self.shape) if self.shape else "one value"


def _types_in(descr: Any) -> str:
    """Return the letters of all types in a description of a type."""
    if isinstance(descr, str):
        return descr.strip("<>|=0123456789")[:1]
    if isinstance(descr, tuple) and descr:
        return _types_in(descr[0])
    return "".join(_types_in(field[1]) for field in descr) if isinstance(descr, list) else "?"


def _type_name(descr: str | list[Any]) -> str:
    if isinstance(descr, list):
        return f"records ({', '.join(one_line(str(field[0]), 30) for field in descr[:10])})"
    names = {"f": "float", "i": "int", "u": "uint", "c": "complex"}
    letter, digits = descr.strip("<>|=")[:1], descr.strip("<>|=")[1:]
    if letter in names and digits.isdecimal():
        return f"{names[letter]}{int(digits[:3]) * 8}"
    return {"b": "bool", "U": "text", "S": "bytes", "M": "datetime64", "m": "timedelta64"}.get(
        letter, one_line(descr, 40)
    )


def read_header(file: BinaryIO) -> Header:
    """Read the header of an array; raise Problem if there is none."""
    start = file.read(8)
    if len(start) < 8 or not start.startswith(_MAGIC):
        raise Problem("not a NumPy array")
    size, code = (2, "<H") if start[6] == 1 else (4, "<I")
    raw = file.read(size)
    length = struct.unpack(code, raw)[0] if len(raw) == size else 0
    if not 0 < length <= HEADER_BYTES:
        raise Problem("a NumPy array with a damaged header")
    try:
        said = ast.literal_eval(file.read(length).decode("utf-8" if start[6] >= 3 else "latin-1").strip())
        header = Header(tuple(said["shape"]), said["descr"])
        sound = all(type(n) is int and 0 <= n < 1 << 62 for n in header.shape) and len(header.shape) <= 64
        sound = sound and bool(_types_in(header.descr))
    except (ValueError, SyntaxError, TypeError, KeyError, IndexError, RecursionError, MemoryError):
        sound = False
    if not sound:
        raise Problem("a NumPy array with a damaged header")
    return header


def npy(path: Path) -> Preview:
    """Show the array of an .npy file; raise Problem if it is none."""
    with path.open("rb") as file:
        header = read_header(file)
    if header.pickled:
        return Preview(Kind.ARRAY, header.about)
    text, remark = _values(path)
    if not text:
        return Preview(Kind.ARRAY, header.about + remark)
    kept = record(text.splitlines(), cut=False)
    return Preview(Kind.ARRAY, header.about + remark, html=block(escape(text)), plain=text, record=kept)


def _values(path: Path) -> tuple[str, str]:
    """Return the first values as text, and what is to be said about them."""
    try:
        import numpy as np
    except ImportError:
        return "", "; NumPy would show its values here: pip install numpy"
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError):
        return "", "; the file is shorter than that: damaged, or not whole"
    if not array.size:
        return "", "; empty"
    if array.dtype.itemsize > ITEM_BYTES:
        return "", "; its items are too large to be shown"
    leading = max(array.ndim - 2, 0)
    first = np.asarray(array[(0,) * leading + (slice(VALUES),) * (array.ndim - leading)])
    lines = np.array2string(first, max_line_width=110).splitlines()[: 5 * VALUES]
    where = ", ".join(["0"] * leading + [f":{VALUES}"] * (array.ndim - leading))
    return "\n".join(line[:200] for line in lines), f"; [{where}] shown" if first.size < array.size else ""


def npz(path: Path) -> Preview:
    """List the arrays of an .npz file; raise Problem if it is none."""
    rows, total = [], 0
    with path.open("rb") as raw:
        try:
            with zipfile.ZipFile(Limited(raw, NPZ_BYTES)) as archive:
                names = archive.namelist()
                total = len(names)
                for name in names[:MEMBERS]:
                    with archive.open(name) as member:
                        rows.append((name.removesuffix(".npy"), _member(member), archive.getinfo(name).file_size))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
            raise Problem(f"not a whole .npz file: {one_line(str(error), 100)}") from None
    cells = "".join(
        f'<tr><td style="text-align:left">{escape(shown_name(name))}</td>'
        f'<td style="text-align:left">{escape(about)}</td><td>{human_size(size)}</td></tr>'
        for name, about, size in rows
    )
    more = f"; the first {MEMBERS} listed" if total > MEMBERS else ""
    lines = "\n".join(f"{shown_name(name)}  {about}" for name, about, _ in rows)
    return Preview(
        Kind.ARRAY, plural(total, "array") + more, html=f'<table style="margin:0">{cells}</table>', plain=lines
    )


def _member(file: Any) -> str:
    try:
        return read_header(file).about
    except Problem as problem:
        return str(problem)
