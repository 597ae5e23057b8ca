"""What a Python cell brought back as values: the variables of `--out`, and the value of its last expression.

They lie beside the results, in a directory that is not shown as one of them, each with a record that says what it is,
or why it is not there (see `runner.records`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.envelope import printable
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import VariableError
from pollinator_magic.jobs.results import HIDDEN
from pollinator_magic.project.files import make_directory, write_if_changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.jobs.job import Job
    from pollinator_magic.project import Project

_OUTPUTS = "out"
_VALUE = "value"
FILES = (f"{HIDDEN}/{_VALUE}.*", f"{HIDDEN}/{_OUTPUTS}/*")
"""What a job's values are in, as patterns of its results."""
_MOST = 1000
"""Variables that are looked at: nobody asks for more, but a job could write more."""


class Variables(Mapping[str, Any]):
    """The variables that came back, by name; each is read when it is asked for."""

    def __init__(self, job: Job, directory: Path) -> None:
        self._job = job
        self._directory = directory
        self._loaded: dict[str, Any] = {}

    @cached_property
    def problems(self) -> dict[str, str]:
        """Why variables did not come back, by name."""
        return {name: record["problem"] for name, record in self._records.items() if "problem" in record}

    def __getitem__(self, name: str) -> Any:
        if name not in self._records:
            there = ", ".join(self._records) or "none"
            raise KeyError(f"Variable {name!r} was not asked for with --out; these were: {there}")
        if name not in self._loaded:
            self._loaded[name] = self._load(self._directory / _OUTPUTS, name, f"Variable {name!r}")
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._records and name not in self.problems

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._records if name not in self.problems)

    def __len__(self) -> int:
        return len(self._records) - len(self.problems)

    def __repr__(self) -> str:
        lines = [f"{len(self)} variable{'' if len(self) == 1 else 's'}"]
        lines += [f"  {name}  {_in_words(self._records[name])}" for name in self]
        lines += [f"  {name}  is not here: {printable(problem)}" for name, problem in self.problems.items()]
        return "\n".join(lines)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def value(self) -> Any:
        """Return the value of the cell's last expression, None if there was none; raise VariableError."""
        from pollinator_magic.runner import records

        if not Path(records.file_of(self._directory, _VALUE)).exists():
            if self._job.succeeded:
                return None
            raise self._error("The cell has no value: its process did not end successfully", None)
        return self._load(self._directory, _VALUE, "The value of the cell")

    def _load(self, directory: Path, name: str, what: str) -> Any:
        from pollinator_magic.runner.variables import Unreadable, load, read_record

        of = name if directory != self._directory else None
        try:
            record = read_record(directory, name)
            if "problem" in record:
                raise self._error(f"{what} did not come back: {record['problem']}", of)
            if record["format"] == "pickle" and not self._job.allow_pickle:
                raise self._error(
                    f"{what} came back as a pickle, and reading one can run any code. "
                    "If you trust this job and whatever it ran, set job.allow_pickle = True and ask again",
                    of,
                )
            return load(directory, name, allow_pickle=self._job.allow_pickle)
        except Unreadable as problem:
            raise self._error(f"{what} came back, but cannot be read here: {problem}", of) from None

    def _error(self, message: str, name: str | None) -> VariableError:
        said = printable(message, 600).removesuffix(".")
        return VariableError(f"{said} (process {self._job.short_id}).", process_id=self._job.id, name=name)

    @cached_property
    def _records(self) -> dict[str, dict[str, Any]]:
        """What the records say, by the names of the variables, in order."""
        from pollinator_magic.runner.records import is_name
        from pollinator_magic.runner.variables import Unreadable, read_record

        directory, found = self._directory / _OUTPUTS, {}
        files = itertools.islice(directory.glob("*.json"), _MOST) if directory.is_dir() else ()
        for name in sorted(file.stem for file in files if is_name(file.stem)):
            try:
                found[name] = read_record(directory, name)
            except Unreadable as problem:
                found[name] = {"name": name, "problem": str(problem)}
        return found


def note_asked(job: Job, names: Sequence[str]) -> None:
    """Remember, here and not on the server, which variables the user has asked for."""
    if job.project is not None and names:
        file = _asked_file(job.project, job.id)
        make_directory(file.parent)
        write_if_changed(file, "".join(f"{name}\n" for name in names))


def asked(job: Job) -> tuple[str, ...]:
    """Return the variables that the user of this project has asked for: a job may write others."""
    try:
        return () if job.project is None else tuple(_asked_file(job.project, job.id).read_text("utf-8").split())
    except OSError:
        return ()


def _asked_file(project: Project, job_id: str) -> Path:
    return project.state / "jobs" / job_id / "asked.txt"


def require_closed(job: Job) -> None:
    """Raise VariableError while the process is open."""
    status = job.refresh().status
    if not status.closed:
        waiting = "has not started yet" if status is ProcessState.WAITING else "is still running"
        raise VariableError(f"Process {job.short_id} {waiting}: call job.wait() first.", process_id=job.id, name=None)


def _in_words(record: Mapping[str, Any]) -> str:
    """Say what a variable is; the record comes from the job, and may say anything."""
    shape = record.get("shape")
    kind = printable(str(record.get("type") or record["format"]), 60)
    sides = printable(" x ".join(map(str, shape[:8])), 60) if isinstance(shape, list) else ""
    return f"{kind} {sides}".rstrip()
