"""What the embedded colony may collect: `python -m pollinator_magic.local.finding`, a process of its own.

It only reads, and says what it has found. In the daemon, looking through many thousand records would make requests
wait: for the interpreter, which one thread has at a time, and for its search for unreachable objects.

The rules for snapshots, revisions and results are those of `%pollinator clean` (`cfs.housekeeping`), project by
project: every process that stays is one whose needs count.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pollinator_magic.cfs.housekeeping import Frozen, Needs, Revision, Stock, Territory, needs_of, plan, runs_of
from pollinator_magic.colonies.models import File, Process, Snapshot, parse_time
from pollinator_magic.local.collectable import Found, Question
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.operations.files import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.cfs.housekeeping import Plan
    from pollinator_magic.colonies.models import DirMount

_AT_ONCE = 1000  # rows
_HOME = re.compile(r"(/pollinator/.+?)/(?:src|data|result|snapshots/[0-9a-f]{64}|jobs/[0-9a-f]{32,64})(?:/|$)")
_OBJECT = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"\.[0-9a-f]{64}\.part|\.rclone_temp_.+")  # what the directory store and rclone write to first
_NICE = 10


@dataclass(frozen=True)
class _Seen:
    """A process, as far as it matters here."""

    number: int
    colony: str
    ended: float
    """Seconds since 1970; infinity while it is open."""
    graph: int | None
    """The number of its process graph, if it belongs to one."""
    needs: Needs
    runs: frozenset[str]
    """Labels of its own results."""
    directories: frozenset[str]
    """Where it has files of its own, below the executor's directory."""
    mounts: frozenset[str]


class Finder:
    """Looks through a home, once."""

    def __init__(self, question: Question) -> None:
        self._limits = question.limits
        self._now = question.now
        self._bucket = Path(question.bucket)
        self._database = Database(Path(question.database), Facts(), readonly=True)

    def find(self) -> Found:
        """Return what may go."""
        self._database.run("BEGIN")  # everything is seen as it is at one moment
        seen = list(self._processes())
        going = self._too_old_or_too_many(seen)
        snapshots, files = self._needless(seen, {number for group in going for number in group})
        objects, halves = self._unused()
        return Found(
            processes=going,
            snapshots=snapshots,
            files=dict(sorted(files.items())),
            objects=objects,
            halves=halves,
            directories=self._unused_directories(seen),
            last_process=max((one.number for one in seen), default=0),
            last_file=self._database.one("SELECT coalesce(max(sequencenr), 0) FROM files")[0],
        )

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    # --- processes -------------------------------------------------------------------------------------------------

    def _processes(self) -> Iterator[_Seen]:
        decoder = msgspec.json.Decoder(Process)
        columns = "number, colonyname, graph, document"
        for number, colony, graph, document in self._rows("processes", "number", columns):
            process = decoder.decode(document)
            files = process.spec.fs
            yield _Seen(
                number=number,
                colony=colony,
                ended=_moment(process.endtime) if process.status.closed else math.inf,
                graph=graph,
                needs=(needs := needs_of([process])),
                runs=frozenset(run for label in needs.labels if (run := _run_of(label))),
                directories=frozenset(place for mount in files.dirs if (place := _own_directory(mount))),
                mounts=frozenset([*(mount.dir for mount in files.dirs), *(mount.dir for mount in files.snapshots)]),
            )

    def _too_old_or_too_many(self, seen: list[_Seen]) -> list[list[int]]:
        """Return the processes that are beyond a limit, oldest first."""
        limits = self._limits
        groups: defaultdict[tuple[int | None, int], list[_Seen]] = defaultdict(list)
        for one in seen:
            groups[one.graph, 0 if one.graph else one.number].append(one)
        ended = [(max(one.ended for one in group), group) for group in groups.values()]
        ended = sorted((pair for pair in ended if pair[0] < math.inf), key=lambda pair: pair[0])
        left = sum(len(group) for _, group in ended)
        sizes = self._log_sizes()
        logs = sum(sizes.values())
        going = []
        for moment, group in ended:
            too_old = limits.jobs_older is not None and moment < self._now - limits.jobs_older
            too_many = limits.jobs is not None and left > limits.jobs
            too_much = limits.logs is not None and logs > limits.logs
            if not (too_old or too_many or too_much):
                break
            going.append([one.number for one in group])
            left -= len(group)
            logs -= sum(sizes.get(one.number, 0) for one in group)
        return going

    def _log_sizes(self) -> dict[int, int]:
        """Return how many bytes the logs of processes have; nothing while the database is too small to matter."""
        pages, size = self._database.one("PRAGMA page_count")[0], self._database.one("PRAGMA page_size")[0]
        if self._limits.logs is None or pages * size <= self._limits.logs:
            return {}
        found: defaultdict[int, int] = defaultdict(int)
        for process, length in self._rows("logs", "timestamp", "process, length(CAST(message AS BLOB))"):
            if process is not None:
                found[process] += length
        return found

    # --- the disk --------------------------------------------------------------------------------------------------

    def _unused(self) -> tuple[list[str], list[str]]:
        """Return old objects that no file has, and what was never written to its end."""
        if self._limits.leftovers_older is None:
            return [], []
        used = {row[0] for row in self._rows("files", "sequencenr", "object")}
        before = self._now - self._limits.leftovers_older
        objects: list[str] = []
        halves: list[str] = []
        with suppress(FileNotFoundError):
            for path in self._bucket.iterdir():
                is_half = _PART.fullmatch(path.name) is not None
                if not is_half and (path.name in used or not _OBJECT.fullmatch(path.name)):
                    continue
                with suppress(OSError):
                    if path.stat().st_mtime < before:
                        (halves if is_half else objects).append(path.name)
        return objects, halves

    def _unused_directories(self, seen: list[_Seen]) -> list[str]:
        if self._limits.leftovers_older is None:
            return []
        before = self._now - self._limits.leftovers_older
        used = {mount for one in seen if one.ended == math.inf for mount in one.mounts}
        around = {place[:end] for place in used for end in _ends(place)}
        old = {place for one in seen if one.ended < before for place in one.directories}
        return sorted(old - around)

    # --- files -----------------------------------------------------------------------------------------------------

    def _needless(self, seen: list[_Seen], going: set[int]) -> tuple[dict[int, str], dict[int, str]]:
        """Return the snapshots and the files that nobody needs when the processes of these numbers are gone."""
        by_colony: defaultdict[str, list[_Seen]] = defaultdict(list)
        for one in seen:
            if one.number not in going:
                by_colony[one.colony].append(one)
        needs = {colony: _together(staying) for colony, staying in by_colony.items()}
        ended = {run for one in seen if one.number in going for run in one.runs}
        frozen = list(self._snapshots())
        snapshots: dict[int, str] = {}
        files: dict[int, str] = {}
        for colony, home in self._projects(frozen):
            territory = Territory(home)
            around = {one: number for number, where, one in frozen if where == colony and territory.is_in(one.label)}
            numbers = self._revisions(colony, territory)
            stock = Stock(tuple(around), tuple(numbers))
            work = self._plan(territory, stock, needs.get(colony, Needs()), ended)
            snapshots.update((around[one], one.id) for one in work.snapshots)
            of_runs = [one for found in work.results.values() for one in found]
            files.update((numbers[one], one.label) for one in (*work.revisions, *of_runs))
        return snapshots, files

    def _projects(self, frozen: list[tuple[int, str, Frozen]]) -> set[tuple[str, str]]:
        """Return colony and home label of every project."""
        labels = self._database.all("SELECT DISTINCT colonyname, label FROM files")
        labels += [(colony, one.label) for _, colony, one in frozen]
        return {(colony, match[1]) for colony, label in labels if (match := _HOME.match(label))}

    def _plan(self, territory: Territory, stock: Stock, needs: Needs, ended: set[str]) -> Plan:
        """Return what a project does not need any more; `ended` are runs of which nothing shall stay."""
        older = self._limits.files_older
        before = 0.0 if older is None else self._now - older
        moments = {
            run: -math.inf if run in ended else max(one.added for one in files)
            for run, files in runs_of(territory, stock.revisions).items()
        }
        return plan(territory, stock, needs, moments, before=before)

    def _snapshots(self) -> Iterator[tuple[int, str, Frozen]]:
        for number, colony, document in self._rows("snapshots", "number", "number, colonyname, document"):
            one = msgspec.json.decode(document, type=Snapshot)
            ids = frozenset(one.fileids)
            yield number, colony, Frozen(one.snapshotid, one.label, one.name, ids, _moment(one.added))

    def _revisions(self, colony: str, territory: Territory) -> dict[Revision, int]:
        """Return the revisions of a project with their numbers."""
        by_name: defaultdict[tuple[str, str], list[tuple[int, bool, File]]] = defaultdict(list)
        condition, parameters = below(territory.home)
        columns = "sequencenr, removed, document"
        for number, removed, document in self._rows(
            "files", "sequencenr", columns, f"colonyname = ? AND {condition}", colony, *parameters
        ):
            file = msgspec.json.decode(document, type=File)
            if territory.kind(file.label) is not None:
                by_name[file.label, file.name].append((number, bool(removed), file))
        found: dict[Revision, int] = {}
        for (label, name), versions in by_name.items():
            next_came: float | None = None
            for number, removed, file in reversed(versions):
                added, content = _moment(file.added), file.ref.s3object.object
                superseded = added if removed else next_came
                found[Revision(label, name, content, file.size, file.fileid, added, superseded)] = number
                next_came = next_came if removed else added
        return found

    def _rows(self, table: str, key: str, columns: str, condition: str = "1", *parameters: object) -> Iterator[Any]:
        """Yield the rows of a table in the order of their numbers."""
        last = -1
        sql = f"SELECT {key}, {columns} FROM {table} WHERE {key} > ? AND {condition} ORDER BY {key} LIMIT {_AT_ONCE}"  # noqa: S608  constants
        while rows := self._database.all(sql, last, *parameters):
            for row in rows:
                yield row[1:]
            last = rows[-1][0]


def main() -> None:
    """Read a question from standard input, and write what was found to standard output."""
    os.nice(_NICE)
    finder = Finder(msgspec.json.decode(sys.stdin.buffer.read(), type=Question))
    try:
        sys.stdout.buffer.write(msgspec.json.encode(finder.find()))
    finally:
        finder.close()


def _ends(path: str) -> list[int]:
    """Return where the directories that a path lies in, and the path itself, end."""
    return [*(place for place, letter in enumerate(path) if letter == "/"), len(path)]


def _together(seen: list[_Seen]) -> Needs:
    since: dict[str, float] = {}
    for one in seen:
        for label, moment in one.needs.running_since.items():
            since[label] = min(moment, since.get(label, math.inf))
    return Needs(
        frozenset().union(*(one.needs.snapshots for one in seen)),
        frozenset().union(*(one.needs.labels for one in seen)),
        since,
    )


def _run_of(label: str) -> str | None:
    match = _HOME.match(label)
    return Territory(match[1]).run_of(label) if match else None


def _own_directory(mount: DirMount) -> str | None:
    """Return the directory that only one run uses, if this is where its results are made."""
    match = _HOME.match(mount.label)
    if match is None or Territory(match[1]).run_of(mount.label) != mount.label:
        return None
    run = mount.label.rsplit("/", 2)[1]
    own = f"{match[1]}/{run}"
    return own if mount.dir == f"{own}/result" else None


def _moment(text: str) -> float:
    moment = parse_time(text)
    return moment.timestamp() if moment else math.inf


if __name__ == "__main__":
    main()
