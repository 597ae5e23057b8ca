"""Values that hold arrays, frames and pictures: a skeleton of JSON, and the parts in files of their own, in one zip.

`value.json` is written as in `plain` and `columns`; a part is `{"$part": "3.npy"}` in it. Nothing in the zip is
compressed, so that it cannot stand for more than it has.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO

from . import arrays, columns, pictures, plain, tables
from .problems import Unreadable, Unsupported, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from .content import Sink, Write

SKELETON = "value.json"
_PART = re.compile(r"[0-9]{1,9}\.(npy|png|parquet)")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # equal values are equal files


class Tree:
    """A value as JSON, with the parts that JSON cannot hold; raises Unsupported.

    `reads` are the formats that the other side reads, None for any.
    """

    def __init__(self, value: Any, reads: list[str] | None = None) -> None:
        self.parts: list[tuple[str, Write]] = []
        self.size = 0
        """Bytes of the skeleton and of those parts of which it is known."""
        self._reads = reads
        self._skeleton = plain.dumps(plain.Encoder(self._leaf)(value))
        self.size += len(self._skeleton)

    def write_json(self, sink: Sink) -> None:
        """Write the skeleton alone, which is everything if there are no parts."""
        sink.write(self._skeleton)

    def write_zip(self, sink: Sink) -> None:
        """Write the skeleton and the parts."""
        only_written: Any = sink
        with zipfile.ZipFile(only_written, "w", zipfile.ZIP_STORED) as archive:
            members: list[tuple[str, Write]] = [(SKELETON, self.write_json), *self.parts]
            for name, write in members:
                about = zipfile.ZipInfo(name, _EARLIEST)
                member: Any
                with archive.open(about, "w", force_zip64=True) as member:
                    write(member)

    def _leaf(self, value: Any, encode: plain.Encode) -> Any:
        if arrays.is_array(value):
            arrays.check_array(value)
            return self._part("npy", lambda sink: arrays.write_array(value, sink), int(value.nbytes))
        if columns.is_pandas(value):
            require(self._reads, "columns")
            return columns.encode(value, encode)
        if arrays.is_scalar(value):
            return arrays.scalar(value, encode)
        if pictures.is_picture(value):
            pictures.check_picture(value)
            return self._part("png", lambda sink: pictures.write_picture(value, sink))
        if tables.is_table(value):
            tables.check_table(value)
            return self._part("parquet", lambda sink: tables.write_table(value, sink))
        raise unsupported(value)

    def _part(self, ending: str, write: Write, size: int = 0) -> Any:
        require(self._reads, {"png": "image"}.get(ending, ending))
        name = f"{len(self.parts)}.{ending}"
        self.parts.append((name, write))
        self.size += size
        return {"$part": name}


NEEDS = {"npy": "numpy", "image": "Pillow", "parquet": "pyarrow", "columns": "pandas"}
"""The package that reads a format."""


def require(reads: list[str] | None, form: str) -> None:
    """Raise Unsupported if the other side does not read a format."""
    if reads is not None and form not in reads:
        raise Unsupported(f"reading it needs {NEEDS[form]}, which is not installed on the other side")


def read_json(file: BinaryIO, size: int) -> Any:
    """Return a value without parts, of `size` bytes; raise Unreadable."""
    _check_skeleton(size)
    return plain.loads(file.read(size), _TAGS)


def read_tree(file: BinaryIO, size: int) -> Any:
    """Return the value in a zip of `size` bytes; raise Unreadable."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = {about.filename: about for about in archive.infolist()}
            _check_members(members, len(archive.infolist()), size)
            skeleton = archive.read(SKELETON)
            return plain.loads(skeleton, {**_TAGS, "$part": lambda name: _read_part(archive, members, name)})
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001  a damaged zip makes zipfile raise whatever is nearest
        raise Unreadable(f"its content is not a zip that was written here ({type(error).__name__})") from None


def _check_members(members: dict[str, zipfile.ZipInfo], count: int, size: int) -> None:
    """Refuse what is compressed, or overlaps: it could be more than the file has bytes."""
    stored = all(about.compress_type == zipfile.ZIP_STORED for about in members.values())
    honest = all(about.file_size == about.compress_size for about in members.values())
    if not stored or not honest or count != len(members) or sum(about.file_size for about in members.values()) > size:
        raise Unreadable("its content is a zip that says it has more than it has bytes")
    if SKELETON not in members:
        raise Unreadable(f"its content has no {SKELETON}")
    _check_skeleton(members[SKELETON].file_size)


def _check_skeleton(size: int) -> None:
    if size > plain.MAX_JSON:
        raise Unreadable(f"it has more JSON than is read here ({size} bytes)")


def _read_part(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: Any) -> Any:
    found, about = _PART.fullmatch(name), members.pop(name, None)  # each once: or one part could fill all memory
    if not found or about is None:
        raise Unreadable("a part of it is missing, or is in it twice")
    with archive.open(about) as member:
        if found[1] == "npy":
            return arrays.read_array(member, about.file_size)  # type: ignore[arg-type]  # it is read from
        whole = io.BytesIO(member.read())
    return pictures.read_picture(whole) if found[1] == "png" else tables.read_table(whole)


_TAGS: dict[str, Callable[[Any], Any]] = {**columns.TAGS, "$numpy": arrays.read_scalar}
