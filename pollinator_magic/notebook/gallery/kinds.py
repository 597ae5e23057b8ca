"""Which preview a result gets: by its ending, checked against its content; by its content where that says nothing.

A preview never raises and never runs anything. What is not what its name says is shown as what it is, and said so.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pollinator_magic.notebook.gallery import (
    archives,
    arrays,
    columns,
    media,
    notebooks,
    pictures,
    tables,
    text,
    trees,
    vectors,
)
from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem, one_line

if TYPE_CHECKING:
    from pollinator_magic.jobs import Result

_Previewer = Callable[[Path], Preview]
log = logging.getLogger(__name__)

_PICTURES = ("png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff")
_ARCHIVES = ("zip", "tar", "tgz", "tar.gz", "tbz2", "tar.bz2", "txz", "tar.xz", "whl", "jar")
_SOURCES = tuple(ending[1:] for ending in text.LANGUAGES if ending not in {".json", ".html", ".htm"})
_TEXTS = ("txt", "log", "out", "err", "csl", "bib", "rst", "dat", "lst", *_SOURCES)

_BY_ENDING: dict[str, tuple[Kind, _Previewer]] = {
    **dict.fromkeys(_TEXTS, (Kind.TEXT, text.text_preview)),
    **dict.fromkeys(_PICTURES, (Kind.PICTURE, pictures.picture)),
    "svg": (Kind.PICTURE, vectors.svg),
    "csv": (Kind.TABLE, tables.separated),
    "tsv": (Kind.TABLE, tables.separated),
    "parquet": (Kind.TABLE, columns.parquet),
    "feather": (Kind.TABLE, columns.feather),
    "arrow": (Kind.TABLE, columns.feather),
    "npy": (Kind.ARRAY, arrays.npy),
    "npz": (Kind.ARRAY, arrays.npz),
    "json": (Kind.DATA, trees.json_file),
    "geojson": (Kind.DATA, trees.json_file),
    "jsonl": (Kind.TABLE, tables.json_lines),
    "ndjson": (Kind.TABLE, tables.json_lines),
    "ipynb": (Kind.NOTEBOOK, notebooks.notebook),
    "html": (Kind.PAGE, media.page),
    "htm": (Kind.PAGE, media.page),
    "pdf": (Kind.PDF, media.pdf),
    **{ending[1:]: (Kind.AUDIO, media.sound) for ending in media.SOUNDS},
    **{ending[1:]: (Kind.VIDEO, media.film) for ending in media.FILMS},
    **dict.fromkeys(_ARCHIVES, (Kind.ARCHIVE, archives.archive)),
}

# What files are that are only named, by ending or by their first bytes.
_NAMED = {
    "h5": "HDF5",
    "hdf5": "HDF5",
    "nc": "NetCDF",
    "zarr": "Zarr",
    "pkl": "pickle: opening it could run code",
    "pickle": "pickle: opening it could run code",
    "joblib": "pickle: opening it could run code",
    "pt": "PyTorch: opening it could run code",
    "pth": "PyTorch: opening it could run code",
    "safetensors": "tensors",
    "onnx": "ONNX model",
    "gz": "compressed by gzip",
    "xz": "compressed by xz",
    "zst": "compressed by Zstandard",
    "exe": "program",
    "so": "program library",
}
_MAGIC: tuple[tuple[bytes, str, _Previewer | None], ...] = (
    (b"%PDF-", "PDF", media.pdf),
    (b"PAR1", "Parquet", columns.parquet),
    (b"ARROW1", "Feather", columns.feather),
    (b"\x93NUMPY", "NumPy array", arrays.npy),
    (b"PK\3\4", "zip archive", archives.archive),
    (b"\x89HDF\r\n\x1a\n", "HDF5", None),
    (b"CDF", "NetCDF", None),
    (b"\x7fELF", "program", None),
    (b"MZ", "program", None),
    (b"\x1f\x8b", "compressed by gzip", None),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", None),
    (b"\x80\4\x95", "pickle: opening it could run code", None),
    (b"\x80\5\x95", "pickle: opening it could run code", None),
    (b"SQLite format 3\0", "SQLite database", None),
)


def ending_of(name: str) -> str:
    """Return the ending of a name, lower case and without the dot: `tar.gz` is one."""
    parts = PurePosixPath(name).name.lower().split(".")
    if len(parts) > 2 and ".".join(parts[-2:]) in _BY_ENDING:
        return ".".join(parts[-2:])
    return parts[-1] if len(parts) > 1 else ""


def kind_of(name: str) -> Kind:
    """Say what a result is, from its name alone."""
    ending = ending_of(name)
    return _BY_ENDING[ending][0] if ending in _BY_ENDING else Kind.OTHER


def preview(result: Result) -> Preview:
    """Return what is to be shown of a result. Never raises."""
    try:
        return _preview(result.path, ending_of(result.name))
    except Problem as problem:
        return Preview(kind_of(result.name), one_line(str(problem)))
    except OSError as error:
        return Preview(kind_of(result.name), f"cannot be read: {one_line(error.strerror or str(error))}")
    except Exception as error:  # a file from elsewhere, in the libraries of others: nothing of it may end a cell
        log.debug("No preview of %r", result.name, exc_info=True)
        return Preview(kind_of(result.name), f"cannot be shown: {type(error).__name__}: {one_line(str(error), 120)}")


def _preview(path: Path, ending: str) -> Preview:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise Problem("not a regular file")
    kind, previewer = _BY_ENDING.get(ending, (Kind.OTHER, _by_content))
    if not status.st_size:
        return Preview(kind, "empty")
    if ending in _NAMED:
        return Preview(Kind.OTHER, _NAMED[ending])
    try:
        return previewer(path)
    except Problem as problem:
        if previewer is _by_content:
            raise
        return _otherwise(path, kind, str(problem))


def _otherwise(path: Path, kind: Kind, problem: str) -> Preview:
    """Show what is not what its name says by its content, with what is wrong with it."""
    remark = f"{problem.removesuffix(';')}; "
    with path.open("rb") as file:
        head = file.read(16)
    if pictures.picture_format(head) and kind is not Kind.PICTURE:
        return _said(pictures.picture(path), remark)
    known = next((name for magic, name, _ in _MAGIC if head.startswith(magic)), None)
    if known is None and (found := text.beginning(path, 4096)) is not None and found.text.strip():
        return text.text_preview(path, kind=kind, remark=remark)
    if problem == "binary":
        return Preview(Kind.OTHER, known or "binary")
    return Preview(kind, f"{problem}{f'; it begins like: {known}' if known else ''}")


def _said(shown: Preview, remark: str) -> Preview:
    return replace(shown, about=remark + shown.about)


def _by_content(path: Path) -> Preview:
    """Show a file whose name says nothing."""
    with path.open("rb") as file:
        head = file.read(16)
    if pictures.picture_format(head):
        return pictures.picture(path)
    for magic, name, previewer in _MAGIC:
        if head.startswith(magic):
            return previewer(path) if previewer else Preview(Kind.OTHER, name)
    try:
        return text.text_preview(path)
    except Problem:
        return Preview(Kind.OTHER, "binary")
