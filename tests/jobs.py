"""Running jobs in tests, and looking at what they left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollinator_magic.jobs import Job, LogText, submit

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.jobs import Session
    from pollinator_magic.project import Project

WAIT_S = 60
ENDLESS = "import time\nprint('begun', flush=True)\nwhile True: time.sleep(0.1)"


def waiting_for(file: Path, *, says: str = "", then: str = "") -> str:
    """A program that says something, if anything, waits until there is this file, and does something then.

    It looks for a file rather than reads from a pipe: a test that ends lets go all that wait, also those that have not
    begun yet, and an interrupt reaches them at once.
    """
    said = f"print({says!r}, flush=True)\n" if says else ""
    return f"import os, time\n{said}while not os.path.exists({str(file)!r}): time.sleep(0.02)\n{then}"


def run(session: Session, project: Project, source: str | None = None) -> Job:
    return submit(session, project, source=source).wait(WAIT_S)


def write(directory: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def own_lines(job: Job) -> list[str]:
    """The log without the executor's remark on the image that it does not use."""
    return [line for line in job.log if "is not used" not in line]


def contents(job: Job) -> dict[str, bytes]:
    return {name: result.bytes() for name, result in job.results.items()}


def follow_until_text(job: Job) -> None:
    """Return when the program has begun to talk."""
    for event in job.follow():
        if isinstance(event, LogText) and "begun" in event.text:
            return
    raise AssertionError(f"it ended before it began: {job.log}")
