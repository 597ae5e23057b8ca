"""What is asked of the process that looks for what may be collected, and what it answers (see `finding`)."""

from __future__ import annotations

import msgspec

from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.local.limits import Limits  # noqa: TC001  msgspec reads the annotations


class Question(msgspec.Struct, frozen=True):
    """What is looked through; moments are seconds since 1970."""

    database: str
    bucket: str
    """The directory of the objects."""
    limits: Limits
    now: float


class Found(msgspec.Struct, frozen=True):
    """What may go, by the numbers of the database."""

    processes: list[list[int]] = []
    """Oldest first; those of one process graph together."""
    snapshots: dict[int, str] = {}
    """Ids by number."""
    files: dict[int, str] = {}
    """Labels by number, older revisions first."""
    objects: list[str] = []
    """Names of old objects that no file has."""
    halves: list[str] = []
    """Names of files beside the objects whose writing was begun and not finished, long ago."""
    directories: list[str] = []
    """Where ended jobs had files of their own on the executor, none of which an open one uses."""
    last_process: int = 0
    """What was submitted, or added, later has not been looked at."""
    last_file: int = 0


prepare_reading(Question, Found)
