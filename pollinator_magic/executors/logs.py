"""What an executor says of itself on standard error: lines to read, or one JSON object a line.

An entry is one line that begins with its time, whatever texts of others are in it. Secrets that the executor holds are
taken out of every entry, wherever they came from.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_PACKAGE = "pollinator_magic"
_FIELDS = ("job", "node")
"""What entries may say besides, by `extra` of the logging functions: the engine's name of a job, and where it runs."""
_process: ContextVar[str] = ContextVar("process", default="")


@contextmanager
def about(process_id: str) -> Iterator[None]:
    """Say in every entry of this thread, until the block ends, that it is about this process."""
    token = _process.set(process_id)
    try:
        yield
    finally:
        _process.reset(token)


def speaking_of(process_id: str, work: Callable[[], None]) -> Callable[[], None]:
    """Return the same work, for a thread of its own, whose entries say that they are about this process."""

    def run() -> None:
        with about(process_id):
            work()

    return run


@contextmanager
def logging_to_stderr(
    executor: str, *, form: Literal["text", "json"], level: str, secrets: Collection[str]
) -> Iterator[None]:
    """Log what this package says from `level` on, and warnings of everything else, until the block ends."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter((JsonLines if form == "json" else TextLines)(executor, secrets))
    root, ours = logging.getLogger(), logging.getLogger(_PACKAGE)
    before = root.level, ours.level, threading.excepthook
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(level.upper())
    logging.captureWarnings(True)
    threading.excepthook = _log_exception
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        ours.setLevel(before[1])
        threading.excepthook = before[2]
        logging.captureWarnings(False)


class _Lines(logging.Formatter):
    def __init__(self, executor: str, secrets: Collection[str]) -> None:
        super().__init__()
        self._executor = executor
        # The longest first: one may be part of another.
        self._secrets = sorted({str(secret) for secret in secrets if secret}, key=len, reverse=True)

    def _facts(self, record: logging.LogRecord) -> dict[str, str]:
        """Return what an entry is about, but its message."""
        facts = {"executor": self._executor, "process": _process.get()}
        facts |= {name: str(getattr(record, name, "")) for name in _FIELDS}
        return {name: self._clean(text) for name, text in facts.items() if text}

    def _message(self, record: logging.LogRecord) -> str:
        return self._clean(record.getMessage())

    def _traceback(self, record: logging.LogRecord) -> str:
        parts = [self.formatException(record.exc_info)] if record.exc_info else []
        return self._clean("\n".join(parts))

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


class TextLines(_Lines):
    """`TIME LEVEL message [executor host, process 1f…]`; what follows a first line is indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry."""
        facts = ", ".join(f"{name} {text}" for name, text in self._facts(record).items() if name != "executor")
        text = f"{_time(record)} {record.levelname} {self._message(record)}{f' [{facts}]' if facts else ''}"
        lines = [*text.splitlines(), *self._traceback(record).splitlines()]
        return "\n    ".join(map(_visible, lines))


class JsonLines(_Lines):
    """One JSON object a line: time, level, logger, message, executor, process, job, error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry."""
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._message(record),
            **self._facts(record),
        }
        if traceback := self._traceback(record):
            entry["error"] = traceback
        return json.dumps(entry)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _visible(line: str) -> str:
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)


def _log_exception(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        logging.getLogger(_PACKAGE).error(
            "A thread (%s) has ended unexpectedly.",
            arguments.thread.name if arguments.thread else "unknown",
            exc_info=(arguments.exc_type, arguments.exc_value, arguments.exc_traceback),
        )
