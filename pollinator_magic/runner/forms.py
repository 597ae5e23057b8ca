"""In which form a value is kept: the safest that gives it back exactly and that the other side reads."""

from __future__ import annotations

from . import content, plain, records
from .problems import TooLarge, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .content import Sink, Write


class Form:
    """One way to keep a value: what writes its content, and what a reader must know."""

    def __init__(self, kind: str, write: Write, size: int | None = None, *, as_: Any = None) -> None:
        self.kind = kind
        self.write = write
        self.size = size
        """Bytes at least, as far as known before writing."""
        self._as = as_

    def about(self, name: str, written: Sink) -> dict[str, Any]:
        """Return what a record says of the content, for a reader."""
        return {
            "format": self.kind,
            "file": records.content_of(name, self.kind),
            "size": written.size,
            "sha256": written.sha256,
            "as": self._as,
        }


def forms_of(value: Any, reads: list[str] | None, *, allow_pickle: bool, limit: int | None) -> list[Form]:
    """Return the forms in which a value will be written, the best one first; raise Unsupported or TooLarge.

    `reads` are the formats that the other side reads, None if that is not known.
    """
    forms = _plain_forms(value) or _other_forms(value, reads, allow_pickle=allow_pickle, limit=limit)
    size = forms[0].size
    if limit is not None and size is not None and size > limit:
        raise TooLarge(size, limit)
    return forms


def _plain_forms(value: Any) -> list[Form]:
    """Return the form of text, bytes or a plain value; nothing for any other, even if it is only deep in a list."""
    if type(value) is str and plain.is_unicode(value):
        text = value.encode()
        return [Form("text", lambda sink: content.put(text, sink), len(text))]
    if type(value) in {bytes, bytearray}:
        return [Form("bytes", lambda sink: content.put(value, sink), len(value), as_=type(value).__name__)]
    try:
        skeleton = plain.dumps(plain.Encoder()(value))
    except Unsupported:
        return []
    return [Form("json", lambda sink: content.put(skeleton, sink), len(skeleton))]


def _other_forms(value: Any, reads: list[str] | None, *, allow_pickle: bool, limit: int | None) -> list[Form]:
    from . import rich  # only now: for a plain value it would take longer to import than everything else

    try:
        return rich.forms(value, reads)
    except Unsupported:
        if not allow_pickle:
            raise
    from . import pickles

    return [Form("pickle", pickles.write(value), pickles.size(value, limit))]
