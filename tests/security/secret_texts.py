"""Secrets, in the forms in which they could come to light, and a search for them in all that was said."""

from __future__ import annotations

import base64
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TESTS = Path(__file__).parents[1]


def forms(secret: str) -> set[bytes]:
    """Return what to look for: the text in any case, its bytes, and the base64 of both wherever they begin."""
    raw = {secret.encode(), secret.lower().encode(), secret.upper().encode()}
    with suppress(ValueError):
        raw.add(bytes.fromhex(secret))
    found = {form for form in raw if len(form) >= 12}
    for form in raw:
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + form)
            found.add(encoded[4 if before else 0 : -4])  # without what depends on what is beside it
    for_addresses = {form.replace(b"+", b"-").replace(b"/", b"_") for form in found}
    return {form for form in found | for_addresses if len(form) >= 12}


class Search:
    """What was said, by where."""

    def __init__(self) -> None:
        self.said: dict[str, bytes] = {}

    def add(self, where: str, what: str | bytes) -> None:
        self.said[where] = what if isinstance(what, bytes) else what.encode("utf-8", "surrogatepass")

    def add_files(self, where: str, files: Iterable[Path]) -> None:
        for file in files:
            with suppress(OSError):
                if file.is_file():
                    self.add(f"{where}: {file}", file.read_bytes())

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """Return where a secret was said; which one is not told."""
        looked_for = {form for secret in secrets for form in forms(secret)}
        return [where for where, said in self.said.items() if any(form in said for form in looked_for)]


def frames_of(error: BaseException) -> Iterator[str]:
    """Yield what a debugger shows of an error and those before it: every variable of every frame but the tests'."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    pending = [shown]
    while pending:
        one = pending.pop()
        yield from one.format_exception_only()
        for frame in one.stack:
            if not Path(frame.filename).is_relative_to(TESTS):
                yield f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"
        pending += [other for other in (one.__cause__, one.__context__) if other is not None]
