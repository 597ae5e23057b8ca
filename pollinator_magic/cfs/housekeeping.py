"""What a project no longer needs on its colony: decided here, on values; nothing is read or removed.

Nothing on a colony is ever collected by itself. Every run leaves a revision of what was changed, its object, a snapshot
and a label of results. What may go follows from three things: what is there (`Stock`), what jobs refer to (`Needs`),
and how old something must be.

- A snapshot goes if no needed job refers to it and nobody has given it a name of its own.
- A revision goes if a newer one has replaced it, or if it was made for one snapshot alone, and no snapshot of the
  colony that stays lists it.
- The results of a run go as a whole, once it has ended and nothing that is needed mounts them.
- An object goes if no revision that stays has it: revisions made for one snapshot share those of the sources.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import ProcessState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pollinator_magic.colonies.models import Process

_RUN = re.compile(r"[0-9a-f]{32,64}")
_RANDOM = re.compile(r"[0-9a-f]{64}")
_SOURCE, _RESULT = "src", "result"
_LASTING = frozenset({_SOURCE, "data", _RESULT})


class Labels:
    """Labels, of which one can ask quickly whether another one is in or around them."""

    def __init__(self, labels: Iterable[str]) -> None:
        self._labels = {label.rstrip("/") for label in labels}
        self._around = {above for label in self._labels for above in _from_top(label)}

    def touch(self, label: str) -> bool:
        """Whether one of the labels is this one, lies in it, or holds it."""
        label = label.rstrip("/")
        return label in self._around or any(above in self._labels for above in _from_top(label))


def _from_top(label: str) -> Iterator[str]:
    """Yield all that a label lies in, and itself."""
    end = label.find("/")
    while end != -1:
        yield label[:end]
        end = label.find("/", end + 1)
    yield label


class Kind(Enum):
    """What a label of a project is for."""

    SOURCE = "src"
    LASTING = "data and shared results"
    """The newest revision of every file stays for ever."""
    APART = "a copy for one snapshot"
    RUN = "results of one run"


@dataclass(frozen=True)
class Territory:
    """The labels of one project, all below `home`. Labels of projects whose names begin alike are none of it."""

    home: str

    def kind(self, label: str) -> Kind | None:
        """Say what a label is for; None if it is not the project's."""
        first, *others = self._parts(label)
        if first in _LASTING:
            return Kind.SOURCE if first == _SOURCE else Kind.LASTING
        if len(others) < 2:
            return None
        if first == "snapshots" and _RANDOM.fullmatch(others[0]) and others[1] == _SOURCE:
            return Kind.APART
        if first == "jobs" and _RUN.fullmatch(others[0]) and others[1] == _RESULT:
            return Kind.RUN
        return None

    def run_of(self, label: str) -> str | None:
        """Return the label that holds all results of the run that this label belongs to."""
        if self.kind(label) is not Kind.RUN:
            return None
        return f"{self.home}/jobs/{self._parts(label)[1]}/{_RESULT}"

    def is_in(self, label: str) -> bool:
        """Whether files of the project may be in this label or below it."""
        return self.kind(label) is not None or f"{self.home}/".startswith(f"{label.rstrip('/')}/")

    def is_for_jobs(self, snapshot: Frozen) -> bool:
        """Whether a snapshot was made for a job of the project; those that people make have names that say something.

        The official tools name those of jobs as this package does: 64 random hexadecimal characters.
        """
        return self.kind(snapshot.label) in {Kind.SOURCE, Kind.APART} and bool(_RANDOM.fullmatch(snapshot.name))

    def _parts(self, label: str) -> list[str]:
        inside = label[len(self.home) + 1 :] if label.startswith(f"{self.home}/") else ""
        return inside.split("/")


@dataclass(frozen=True)
class Frozen:
    """A snapshot. Moments are seconds since 1970 by the server's clock; one that is not known is infinitely late."""

    id: str
    label: str
    name: str
    fileids: frozenset[str]
    added: float = math.inf


@dataclass(frozen=True)
class Revision:
    """A revision of a file."""

    label: str
    name: str
    object: str
    size: int
    fileid: str = ""
    """"" where only a listing was needed: then it is the newest."""
    added: float = math.inf
    superseded: float | None = None
    """When the next revision came; None for the newest one."""


@dataclass(frozen=True)
class Stock:
    """What is there: every snapshot of the colony, and every revision of the project."""

    snapshots: tuple[Frozen, ...] = ()
    revisions: tuple[Revision, ...] = ()
    """Those that are only readable by their id, because a snapshot lists them, too."""
    orphans: Mapping[str, int] = field(default_factory=dict)
    """Objects, with their sizes, whose metadata has been removed already, as far as is remembered here."""


@dataclass(frozen=True)
class Needs:
    """What jobs that wait, run or are kept refer to."""

    snapshots: frozenset[str] = frozenset()
    """Ids."""
    labels: frozenset[str] = frozenset()
    """Labels that are mounted: what is in them and above them is needed."""
    running_since: Mapping[str, float] = field(default_factory=dict)
    """For labels that running jobs mount, when the first of them began: it may still fetch what was newest then."""
    texts: tuple[str, ...] = ()
    """Specifications that are submitted later: what they name is needed."""

    def __or__(self, other: Needs) -> Needs:
        since = dict(self.running_since)
        for label, moment in other.running_since.items():
            since[label] = min(moment, since.get(label, math.inf))
        return Needs(self.snapshots | other.snapshots, self.labels | other.labels, since, self.texts + other.texts)

    def snapshot(self, snapshot_id: str) -> bool:
        """Whether this snapshot is needed."""
        return snapshot_id in self.snapshots or any(snapshot_id in text for text in self.texts)

    def label(self, label: str) -> bool:
        """Whether something in this label, or around it, is needed."""
        return self._mounted.touch(label) or any(label in text for text in self.texts)

    def since(self, label: str) -> float:
        """Return when the first running job began that mounts this label; infinity if there is none."""
        return min(
            (moment for one, moment in self.running_since.items() if Labels([one]).touch(label)), default=math.inf
        )

    @cached_property
    def _mounted(self) -> Labels:
        return Labels(self.labels)


@dataclass(frozen=True)
class Plan:
    """What to remove. Nothing in it is needed by anything that is not in it."""

    snapshots: tuple[Frozen, ...] = ()
    revisions: tuple[Revision, ...] = ()
    """To be removed one by one."""
    results: Mapping[str, tuple[Revision, ...]] = field(default_factory=dict)
    """Files of runs, by the run's label, to be removed with all their revisions."""
    objects: Mapping[str, int] = field(default_factory=dict)
    """Names and sizes of the objects that nothing refers to any more when the rest has been removed."""
    later: Mapping[str, int] = field(default_factory=dict)
    """Orphans that something still refers to."""

    def __bool__(self) -> bool:
        return bool(self.snapshots or self.revisions or self.results or self.objects)

    @property
    def files(self) -> list[tuple[str, str]]:
        """Label and name of every result file."""
        return sorted({(one.label, one.name) for files in self.results.values() for one in files})

    @property
    def size(self) -> int:
        """Bytes of all the objects."""
        return sum(self.objects.values())


def needs_of(processes: Iterable[Process]) -> Needs:
    """Return what these processes refer to."""
    snapshots: set[str] = set()
    labels: set[str] = set()
    since: dict[str, float] = {}
    for process in processes:
        files = process.spec.fs
        snapshots.update(mount.snapshotid for mount in files.snapshots)
        mounted = {mount.label.replace("{processid}", process.processid) for mount in files.dirs}
        labels |= mounted
        if process.status is ProcessState.RUNNING:
            began = process.started_at.timestamp() if process.started_at else 0.0
            for label in mounted:
                since[label] = min(began, since.get(label, math.inf))
    return Needs(frozenset(snapshots), frozenset(labels), since)


def runs_of(territory: Territory, revisions: Iterable[Revision]) -> dict[str, list[Revision]]:
    """Return the revisions of results by the label of their run."""
    found = defaultdict(list)
    for one in revisions:
        run = territory.run_of(one.label)
        if run is not None:
            found[run].append(one)
    return dict(found)


def plan(territory: Territory, stock: Stock, needs: Needs, ended: Mapping[str, float], *, before: float) -> Plan:
    """Return what may go of what is older than `before`.

    `ended` says of runs, by their labels, when they ended; of others the results stay.
    """
    snapshots = tuple(
        one
        for one in stock.snapshots
        if territory.is_for_jobs(one) and one.added < before and not needs.snapshot(one.id)
    )
    gone = {one.id for one in snapshots}
    staying = [one for one in stock.snapshots if one.id not in gone]
    listed = frozenset().union(*(one.fileids for one in staying))
    since = {label: needs.since(label) for label in {one.label for one in stock.revisions}}
    revisions = tuple(
        one
        for one in stock.revisions
        if one.fileid and one.fileid not in listed and _needless_since(territory, one, since[one.label]) < before
    )
    frozen = Labels(one.label for one in staying)
    results = {
        run: tuple(files)
        for run, files in runs_of(territory, stock.revisions).items()
        if ended.get(run, math.inf) < before and not needs.label(run) and not frozen.touch(run)
    }
    leaving = {*revisions, *(one for files in results.values() for one in files)}
    referred = {one.object for one in stock.revisions if one not in leaving}
    loose = {**stock.orphans, **{one.object: one.size for one in leaving if one.object}}
    return Plan(
        snapshots=snapshots,
        revisions=revisions,
        results=results,
        objects={name: size for name, size in loose.items() if name not in referred},
        later={name: size for name, size in stock.orphans.items() if name in referred},
    )


def _needless_since(territory: Territory, revision: Revision, running_since: float) -> float:
    """Return since when nothing but snapshots can need a revision; infinity if something else still does."""
    kind = territory.kind(revision.label)
    if kind is Kind.APART:
        return revision.added
    if kind in {None, Kind.RUN} or revision.superseded is None or revision.superseded >= running_since:
        return math.inf
    return revision.superseded
