"""Archives: the names and sizes of what is in them. Nothing is extracted.

Only the directory of a zip and the headers of a tar are read; of a compressed tar, as much as has to be unpacked to get
from one header to the next, within a bound.
"""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

from pollinator_magic.jobs.results import human_size
from pollinator_magic.notebook.gallery.limited import Limited
from pollinator_magic.notebook.gallery.preview import Kind, Preview, Problem, escape, one_line, plural, shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MEMBERS = 100
"""How many members are listed."""
DIRECTORY_BYTES = 4 << 20
"""The largest directory of a zip that is read."""
UNPACKED_BYTES = 32 << 20
"""How much of a compressed tar is unpacked to find its headers."""

_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


def archive(path: Path) -> Preview:
    """List a zip or a tar, compressed or not; raise Problem if it is neither."""
    with path.open("rb") as raw:
        head = raw.read(512)
        raw.seek(0)
        try:
            if head.startswith(b"PK"):
                return _listed(_in_zip(raw))
            return _listed(_in_tar(raw, head))
        except _DAMAGED as error:
            raise Problem(f"not a whole archive: {one_line(str(error), 100)}") from None
        except NotImplementedError as error:
            raise Problem(one_line(str(error), 100)) from None


def _in_zip(raw: IO[bytes]) -> Iterator[tuple[str, int]]:
    with zipfile.ZipFile(Limited(raw, DIRECTORY_BYTES)) as opened:
        yield from ((member.filename, member.file_size) for member in opened.infolist())


def _in_tar(raw: IO[bytes], head: bytes) -> Iterator[tuple[str, int]]:
    opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), None)
    source = Limited(opener(raw) if opener else raw, UNPACKED_BYTES)
    # Read as a stream, a tar is unpacked from front to back; only one that is not compressed can be skipped through.
    with tarfile.open(fileobj=source, mode="r|" if opener else "r:") as opened:
        yield from ((member.name + "/" * member.isdir(), member.size) for member in opened)


def _listed(members: Iterator[tuple[str, int]]) -> Preview:
    """List what there is; what goes wrong after the first members is said below them."""
    rows: list[tuple[str, int]] = []
    remark = ""
    try:
        for member in itertools.islice(members, MEMBERS):
            rows.append(member)  # noqa: PERF402  those before a damaged one are kept
        more = sum(1 for _ in itertools.islice(members, 100 * MEMBERS))
        number = plural(len(rows) + more, "member")
        if more:
            remark = f"; the first {MEMBERS} listed"
        if more == 100 * MEMBERS:
            number = f"more than {number}"
    except (Problem, *_DAMAGED) as error:
        if not rows:
            raise
        number, remark = f"at least {plural(len(rows), 'member')}", f"; then: {one_line(str(error), 100)}"
    cells = "".join(
        f'<tr><td style="text-align:left">{escape(shown_name(name))}</td><td>{human_size(size)}</td></tr>'
        for name, size in rows
    )
    lines = "\n".join(f"{shown_name(name)}  {human_size(size)}" for name, size in rows[:20])
    table = f'<div style="max-height:24em;overflow:auto"><table style="margin:0">{cells}</table></div>'
    return Preview(Kind.ARCHIVE, number + remark, html=table, plain=lines)
