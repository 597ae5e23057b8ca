"""`--cached`: which process has run the same cell before, under the same conditions and with the same inputs.

A run is known by its fingerprint: everything that the colony is asked for, but for the ids that differ from run to run,
with every file of `cfs/src`, as it was frozen, and of `cfs/data`. Every submission is noted in one small file of the
project's state; whether it ended well, and whether its results are still there, is asked when it is looked up.

A snapshot freezes `src`, but jobs read `data` as it is when they start. So a process does not count if other data was
submitted from here before it had ended.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock, Timeout

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.errors import NotFound
from pollinator_magic.jobs.job import Job

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from pollinator_magic.colonies.models import FunctionSpec
    from pollinator_magic.jobs.session import Session
    from pollinator_magic.project import Project

_log = logging.getLogger(__name__)

_SCHEME = 1
"""Of fingerprints: those of another one are never equal."""
MOST = 2000  # submissions that are remembered: two sweeps of the largest size
_PATIENCE_S = 5
_TRIES = 3  # processes of one fingerprint that are asked about


@dataclass(frozen=True)
class Inputs:
    """Digests of all files of `cfs/src` and of `cfs/data`."""

    source: str
    data: str


class Submitted(msgspec.Struct, frozen=True, array_like=True):
    """A submission as it is remembered."""

    fingerprint: str
    process: str
    """Its id."""
    data: str
    """The digest of `cfs/data`."""
    begun: float
    """When it began to be carried, in seconds since 1970 by the clock here: pushes come one after the other."""
    since: float
    """The same by the server's clock: from then on the colony may have held this data."""


@dataclass(frozen=True)
class Found:
    """A process with the same fingerprint."""

    process: str
    data_until: float
    """When the data that it was submitted with may have been replaced, if it was, as `Submitted.since`."""


class _File(msgspec.Struct):
    scheme: int = _SCHEME
    submitted: list[Submitted] = []
    """Oldest first."""


prepare_reading(_File)


def fingerprint(session: Session, spec: FunctionSpec, inputs: Inputs) -> str:
    """Return what is the same only for the same run; `spec` must hold no id that differs from run to run."""
    connection = session.connection
    everything = [
        _SCHEME,
        str(connection.server),
        connection.colony,
        inputs.source,
        inputs.data,
        msgspec.to_builtins(spec),
    ]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


class Cache:
    """What a project has submitted. Kernels may use it at the same time; a memory that fails never fails a run."""

    def __init__(self, state: Path) -> None:
        self._file = state / "submitted.json"

    def note(self, submitted: Sequence[Submitted]) -> None:
        """Remember submissions, and forget the oldest."""
        try:
            with self._locked():
                known = self._read()
                write_atomically(self._file, msgspec.json.encode(_File(submitted=[*known, *submitted][-MOST:])))
        except (OSError, Timeout) as error:
            _log.info("What was submitted cannot be remembered for --cached: %s", error)

    def forget(self, processes: Collection[str]) -> None:
        """Forget these processes, whose results are about to be removed."""
        gone = set(processes)
        try:
            with self._locked():
                known = self._read()
                kept = [one for one in known if one.process not in gone]
                if len(kept) < len(known):
                    write_atomically(self._file, msgspec.json.encode(_File(submitted=kept)))
        except (OSError, Timeout) as error:
            _log.info("What is removed cannot be forgotten for --cached: %s", error)

    def find(self, fingerprints: Sequence[str]) -> list[list[Found]]:
        """Return for each fingerprint the processes that had it, newest first."""
        found: dict[str, list[Found]] = {one: [] for one in fingerprints}
        oldest_first = sorted(self._read(), key=lambda one: one.begun)
        until = math.inf
        newer: Submitted | None = None
        for one in reversed(oldest_first):
            if newer is not None and newer.data != one.data:
                until = newer.since
            if one.fingerprint in found:
                found[one.fingerprint].append(Found(one.process, until))
            newer = one
        return [found[one] for one in fingerprints]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep others out for the moment of writing: the project's lock may be held for a whole upload."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._file.with_suffix(".lock"), timeout=_PATIENCE_S):
            yield

    def _read(self) -> list[Submitted]:
        try:
            file = msgspec.json.decode(self._file.read_bytes(), type=_File)
        except (OSError, ValueError):  # absent or damaged: nothing is known
            return []
        return file.submitted if file.scheme == _SCHEME else []


def usable(session: Session, project: Project, found: Sequence[Found]) -> Job | None:
    """Return the newest of these processes that ended well and whose results can still be had, as a job."""
    for one in found[:_TRIES]:
        try:
            job = Job(session, session.client.process(one.process), project)
        except NotFound:
            continue
        ended = job.process.ended_at
        if job.succeeded and ended is not None and ended.timestamp() <= one.data_until and _has_results(job, project):
            return job
    return None


def _has_results(job: Job, project: Project) -> bool:
    """Whether what the job left is in the colony, or was brought here: then there is a directory even for nothing."""
    if job.result_label is not None and job.session.client.labels_below(job.result_label):
        return True
    return (project.state / "jobs" / job.id / "result").is_dir()
