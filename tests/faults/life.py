"""The life of a project, lived while something goes wrong, and what must be true afterwards.

Push, submit, follow, pull; and again, after files were changed, added and deleted. A step that raises is repeated once,
after the fault was lifted, as a user would; it must succeed then.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import JobFailed, PollinatorError, SubmissionUnclear
from pollinator_magic.jobs import LogText, submit
from pollinator_magic.project import Project, data_label, source_label
from tests.faults.drawing import draw
from tests.faults.grounds import EXECUTOR
from tests.faults.points import points

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pollinator_magic.jobs import Job, Session
    from tests.faults.grounds import Grounds
    from tests.faults.proxy import AfterBytes, AtRequest, Traffic

    T = TypeVar("T")

_REMEDY = re.compile(
    r"\b(Run (it |the cell )?again|Try again|Check|[Ss]et|Look for|Submit|Ask|Free|Rename|`%pollinator \w+)"
)
_TRYING_AGAIN = re.compile(r"\n[^\n]* Until it works, it is tried again, for \d+ minutes at the most\.\n")
_PROGRAM = """\
echo "$COLONIES_PROCESS_ID" >> {runs}
number=0
while [ $number -lt 60 ]; do number=$((number + 1)); echo "line $number of {name}"; done
mkdir -p result/deep
cat src/part* > result/sources
cat data/* > result/deep/data
: > result/empty
echo last words
"""


@dataclass
class Life:
    """A project of `files` small files, and everything that became of it."""

    grounds: Grounds
    directory: Path
    files: int = 4
    session: Session | None = None
    """By default one of its own, whose connections are new."""
    jobs: list[Job] = field(default_factory=list)
    errors: list[PollinatorError] = field(default_factory=list)
    _changes: int = 0
    unclear: int = 0
    """How many submissions nobody could tell the fate of."""
    failed: int = 0
    """How many jobs were closed as failed, with an error that says what to do."""

    def __post_init__(self) -> None:
        self.session = self.session or self.grounds.session()
        project = Project.create(self.directory / "project", EXECUTOR, sample_files=False)
        text = project.file.read_text()
        project.file.write_text(text.replace("cmd: python3", "cmd: sh").replace("source: main.py", "source: main.sh"))
        self.project = Project.open(project.root)
        self.runs = self.directory / "runs"
        for number in range(self.files):
            (self.project.src / f"part{number}").write_text(f"source {number}\n")
        (self.project.data / "one").write_text("first data\n")
        (self.project.data / "two").write_text("second data\n")
        self._program("run 0")

    def once(self) -> None:
        """Push, submit, follow and pull once."""
        for _ in range(3):
            job = self.step(self._submit)
            self.jobs.append(job)
            log = self._follow(job)
            if job.succeeded:
                break
            self._note(self._failure(job))  # a failure of the executor's surroundings: to be run again
            self.failed += 1
            self.grounds.lift()
        assert job.succeeded, job.process.errors
        assert self._own(log) == self._expected_log()
        self.step(job.fetch_results)
        self.step(job.show_results)
        self._check_results(job)

    def change(self) -> None:
        """Change a file, add one, delete one, in `src` and in `data`."""
        self._changes += 1
        now, before = self._changes, self._changes - 1
        (self.project.src / "part0").write_text(f"source 0, changed {now} times\n")
        (self.project.src / f"part-new-{now}").write_text("new\n")
        (self.project.src / (f"part-new-{before}" if before else "part1")).unlink()
        (self.project.data / f"new-{now}").write_text("new data\n")
        (self.project.data / (f"new-{before}" if before else "two")).unlink()
        self._program(f"run {now}")

    def step(self, action: Callable[[], T]) -> T:
        """Do something, and if that fails once more, after the fault was lifted."""
        try:
            return action()
        except PollinatorError as error:
            self._note(error)
            self.grounds.lift()
            return action()

    def check(self) -> None:
        """Hold everything that is left against what must be true (the issue's invariants)."""
        self._check_runs()
        self._check_acknowledged()
        self._check_tree(self.project.root)
        self._check_tree(self.grounds.directory / "fs")

    def close(self) -> None:
        """Close the session."""
        self.session.close()

    def _program(self, name: str) -> None:
        self.name = name
        (self.project.src / "main.sh").write_text(_PROGRAM.format(runs=self.runs, name=name))

    def _submit(self) -> Job:
        try:
            return submit(self.session, self.project)
        except SubmissionUnclear:
            self.unclear += 1
            raise

    def _follow(self, job: Job) -> str:
        """Follow to the end; what was given out, of all tries together."""
        said: list[str] = []

        def follow() -> None:
            # one by one, so that what came before an error is kept
            said.extend(event.text for event in job.follow(resume=bool(said)) if isinstance(event, LogText))

        self.step(follow)
        return "".join(said)

    def _note(self, error: PollinatorError) -> None:
        self.errors.append(error)
        assert _REMEDY.search(str(error)), f"no remedy in {type(error).__name__}: {error}"
        assert len(str(error)) < 1000, str(error)

    def _failure(self, job: Job) -> JobFailed:
        try:
            job.raise_unless_successful()
        except JobFailed as error:
            return error
        raise AssertionError("it succeeded")

    def _expected_log(self) -> str:
        lines = [f"line {number} of {self.name}\n" for number in range(1, 61)]
        return "".join([*self._remark(), *lines, "last words\n"])

    def _remark(self) -> list[str]:
        image = self.project.environment.image
        text = f"This executor runs jobs directly on the host; the image {image} is not used.\n"
        return [text] if image else []

    def _expected_results(self) -> dict[str, str]:
        return {
            "sources": "".join(file.read_text() for file in sorted(self.project.src.glob("part*"))),
            "deep/data": "".join(file.read_text() for file in sorted(self.project.data.iterdir())),
            "empty": "",
        }

    def _check_results(self, job: Job) -> None:
        expected = self._expected_results()
        assert {name: result.text() for name, result in job.results.items()} == expected
        shown = {
            file.relative_to(self.project.result).as_posix(): file.read_text()
            for file in self.project.result.rglob("*")
            if file.is_file()
        }
        assert shown == expected
        kept = (self.project.log / f"{job.id}.log").read_text()
        assert self._own(kept) == self._expected_log()
        truth = "".join(entry.message for entry in self.grounds.truth.client.logs(job.id))
        assert self._own(truth) == self._expected_log()

    @staticmethod
    def _own(log: str) -> str:
        """Return a log without what the executor says of files that it could not carry at once."""
        return _TRYING_AGAIN.sub("", log)

    def _check_runs(self) -> None:
        """No job run twice; every submission that was acknowledged is one process, and none is there besides."""
        runs = Counter(self.runs.read_text().split())
        ids = {job.id for job in self.jobs}
        assert max(runs.values()) == 1, f"run twice: {runs}"
        assert {job.id for job in self.jobs if job.succeeded} <= runs.keys()
        assert len(ids) == len(self.jobs)
        there = {
            process.processid
            for state in (ProcessState.WAITING, ProcessState.RUNNING, ProcessState.SUCCESS, ProcessState.FAILED)
            for process in self.grounds.truth.client.history(state, seconds=3600)
            if any(f"/{self.project.name}/" in mount.label for mount in process.spec.fs.dirs)
        }
        assert ids <= there
        assert len(there) <= len(ids) + self.unclear, f"{len(there)} processes for {len(ids)} jobs"

    def _check_acknowledged(self) -> None:
        """What the metadata-filesystem says to hold is what is here, and its objects hold exactly that."""
        files = self.grounds.truth.filesystem
        project = self.project
        for label, root in ((source_label(project), project.src), (data_label(project), project.data)):
            listed = files._labels.list(label)
            for path, stored in listed.items():
                assert not stored.size or self.grounds.content(stored.object) == stored.checksum, f"{label}/{path}"
            here = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}
            assert listed.keys() == here, label

    def _check_tree(self, root: Path) -> None:
        for file in root.rglob("*"):
            assert not file.name.startswith(PART_PREFIX), file
            assert file.suffix not in {".tmp", ".part"}, file


WAYS = ("client_colony", "client_s3", "executor_colony", "executor_s3")
"""The proxies of the grounds."""


def clean_traffic(grounds: Grounds, directory: Path, *, files: int = 4) -> dict[str, tuple[Traffic, Traffic]]:
    """Live without faults; return what went each way in a first run, and in one after changes."""
    life = Life(grounds, directory, files)
    runs = []
    for _ in range(2):
        with grounds.fault(grounds.client_colony, None):
            life.once()
            runs.append([getattr(grounds, way).traffic for way in WAYS])
        life.change()
    life.close()
    cold, warm = runs
    return {way: (cold[number], warm[number]) for number, way in enumerate(WAYS)}


def endure(grounds: Grounds, way: str, fault: AtRequest | AfterBytes, life: Life) -> bool:
    """Run once while this goes wrong on this way, and check everything; return whether it has shown."""
    proxy = getattr(grounds, way)
    try:
        with grounds.fault(proxy, fault):
            life.once()
            shown = proxy.traffic.happened > 0
        life.check()
    except Exception as error:
        raise AssertionError(f"{fault} at {way}, {proxy.traffic}, after {life.errors}: {error!r}") from error
    return shown


RUNS = 4
"""So many runs of one project, the first one from nothing, each with a fault of its own."""


def lives(way: str, count: int) -> list[list[int]]:
    """Return the fault points of this way, those of one life together."""
    drawn = points(f"network-{way}", count)
    return [drawn[at : at + RUNS] for at in range(0, len(drawn), RUNS)]


def live_through(
    grounds: Grounds, clean: dict[str, tuple[Traffic, Traffic]], life: Life, way: str, seeds: list[int]
) -> None:
    """Run a project once for each fault point, and check everything after each."""
    cold, warm = clean[way]
    traffic = cold
    for seed in seeds:
        endure(grounds, way, draw(seed, traffic, store=way.endswith("s3")), life)
        life.change()
        traffic = warm
