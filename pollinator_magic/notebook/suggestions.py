"""What could be meant: the values that an option or an argument of a magic may have, each with a word about it.

Everything comes from memory or from a bounded look at files; what the colonies have is asked of the lookout.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.notebook.cellnames import names_of
from pollinator_magic.notebook.eyes import Topic

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.notebook.lookout import Lookout

_FILES = 500  # so many names are looked at, at most
_OFFERED = 200
_CARRIED_FROM = {"numpy", "pandas", "pyarrow", "PIL", "decimal", "fractions", "uuid", "datetime", "collections"}
_CARRIED = {
    *(bool, int, float, complex, str, bytes, bytearray, type(None)),
    *(list, tuple, dict, set, frozenset, range),
}
_GPU_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_OF_IPYTHON = {"In", "Out", "exit", "quit", "get_ipython", "open"}
_EXAMPLES = {
    "nodes": ("1", "2", "4", "8"),
    "ppn": ("1", "2", "4", "8"),
    "cpu": ("500m", "1000m", "2000m", "4000m", "8000m"),
    "mem": ("1Gi", "4Gi", "16Gi", "64Gi"),
    "walltime": ("10m", "1h", "1h30m", "12h", "1d"),
}
_LANGUAGES = {
    "python3": "Python",
    "bash": "a shell script",
    "sh": "a shell script",
    "Rscript": "R",
    "julia": "Julia",
    "node": "JavaScript",
    "octave": "Octave",
    "perl": "Perl",
    "ruby": "Ruby",
}
_USUAL_ENDINGS = [".csv", ".json", ".png", ".txt"]
_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Suggestion:
    """A text that could stand at the cursor, and a word about it."""

    text: str
    about: str = ""


@dataclass(frozen=True)
class Place:
    """Where it is asked."""

    variables: Mapping[str, object]
    directory: Path
    lookout: Lookout
    body: str = ""
    """The program of the cell."""
    prefix: str = ""
    """What is there already of the value."""
    given: tuple[str, ...] = ()
    """The words before it."""
    subcommand: str = ""


def values(action: argparse.Action, place: Place) -> Iterable[Suggestion]:
    """Return what an option or argument may be; nothing where anything could be."""
    if action.choices is not None:
        return [Suggestion(str(choice), action.help or "") for choice in action.choices]
    source = _BY_METAVAR.get(str(action.metavar)) or _BY_NAME.get(action.dest)
    return source(place) if source else [Suggestion(text, "for example") for text in _EXAMPLES.get(action.dest, ())]


def is_list(action: argparse.Action) -> bool:
    """Whether several values may be written with commas between them."""
    return action.metavar == "EXECUTOR" or action.dest in {"inputs", "outputs", "patterns", "packages", "after"}


# --- what the colonies have -------------------------------------------------------------------------------------------


def _executors(place: Place) -> list[Suggestion]:
    known = place.lookout.glance(Topic.EXECUTORS).executors
    return [Suggestion(view.name, view.summary) for view in known] or [Suggestion("local", "embedded colony")]


def _gpus(place: Place) -> list[Suggestion]:
    known = place.lookout.glance(Topic.EXECUTORS).executors
    named = {view.gpu_name: view for view in known if view.gpus and _GPU_NAME.fullmatch(view.gpu_name)}
    counts = [Suggestion(str(count), "of any kind") for count in (1, 2, 4, 8)]
    return counts + [Suggestion(f"{name}:1", f"{view.name} has {view.gpu}") for name, view in sorted(named.items())]


def _processes(place: Place) -> list[Suggestion]:
    from pollinator_magic.jobs import Job

    found = list(place.lookout.glance(Topic.PROCESSES).processes)
    held = {name: value for name, value in place.variables.items() if isinstance(value, Job) and name[:1] != "_"}
    if place.subcommand == "cancel":
        found = [process for process in found if not process.status.closed]
        held = {name: job for name, job in held.items() if not job.process.status.closed}
    variables = [Suggestion(name, f"Job {job.short_id} · {_about(job.process)}") for name, job in held.items()]
    graphs = _graphs(found) if place.subcommand in {"attach", "cancel", "graph"} else []
    return variables + graphs + [Suggestion(process.processid[:12], _about(process)) for process in found]


def _graphs(processes: Iterable[Process]) -> list[Suggestion]:
    """Return the graphs that these processes are steps of."""
    steps: dict[str, list[str]] = {}
    for process in processes:
        if process.processgraphid:
            steps.setdefault(process.processgraphid, []).append(process.spec.nodename)
    return [Suggestion(graph[:12], f"graph of {', '.join(sorted(names))}") for graph, names in steps.items()]


def _about(process: Process) -> str:
    from datetime import datetime, timezone

    from pollinator_magic.screen import describe_state, human_duration

    ago = ""
    if process.submitted_at is not None:
        ago = f"{human_duration((datetime.now(timezone.utc) - process.submitted_at).total_seconds())} ago"
    where = ", ".join(process.spec.conditions.executornames or ())
    return " · ".join(part for part in (describe_state(process), ago, where) if part)


# --- what the notebook has --------------------------------------------------------------------------------------------


def _inputs(place: Place) -> list[Suggestion]:
    read = names_of(place.body).read
    anything = "--allow-pickle" in place.given
    found = [
        Suggestion(name, _described(value))
        for name, value in place.variables.items()
        if not name.startswith("_") and name not in _OF_IPYTHON and (_is_carried(value) or anything)
    ]
    return sorted(found, key=lambda suggestion: (suggestion.text not in read, suggestion.text))


def _is_carried(value: object) -> bool:
    kind = type(value)
    return kind in _CARRIED or kind.__module__.partition(".")[0] in _CARRIED_FROM


def _described(value: object) -> str:
    """Say what a variable holds, without computing anything."""
    kind = type(value).__name__
    if isinstance(value, (list, tuple, dict, set, str, bytes)):
        return f"{kind} of {len(value)}"
    with contextlib.suppress(Exception):  # an object may do anything when it is asked, and it is only asked its size
        shape, dtype = getattr(value, "shape", ()), getattr(value, "dtype", "")
        return " ".join([kind, " x ".join(str(int(length)) for length in shape), str(dtype)]).strip()
    return kind


def _outputs(place: Place) -> list[Suggestion]:
    return [Suggestion(name, "assigned in the cell") for name in names_of(place.body).assigned]


def _steps(_place: Place) -> list[Suggestion]:
    from pollinator_magic.notebook.collected import collected

    after = {name: ", ".join(step.after) for name, step in collected.steps.items()}
    return [Suggestion(name, f"step, after {before}" if before else "step") for name, before in after.items()]


def _each(place: Place) -> list[Suggestion]:
    names = names_of(place.body)
    return [Suggestion(f"{name}=", "read in the cell") for name in names.read if name not in names.assigned]


# --- files ------------------------------------------------------------------------------------------------------------


def _sources(place: Place) -> list[Suggestion]:
    return [Suggestion(name, "cfs/src") for name in _below(place.directory / "cfs" / "src")]


def _results(place: Place) -> list[Suggestion]:
    names = list(_below(place.directory / "cfs" / "result"))
    endings = sorted({Path(name).suffix for name in names if Path(name).suffix}) or _USUAL_ENDINGS
    patterns = [Suggestion(f"*{ending}", "every such result") for ending in endings]
    return patterns + [Suggestion(name, "in cfs/result") for name in names]


def _below(root: Path) -> Iterator[str]:
    """Yield the names of the files below a directory, but hidden ones; of a large one, only of a part of it."""
    looked = 0
    for directory, subdirectories, files in os.walk(root):
        subdirectories[:] = sorted(name for name in subdirectories if not name.startswith("."))
        for name in sorted(files):
            looked += 1
            if looked > _FILES:
                return
            if not name.startswith("."):
                yield (Path(directory) / name).relative_to(root).as_posix()


def _paths(wanted: Callable[[str], bool]) -> Callable[[Place], list[Suggestion]]:
    """Return a source of paths that begin as what is there: directories, and the files that are wanted."""

    def source(place: Place) -> list[Suggestion]:
        parent, _, _ = place.prefix.rpartition("/")
        before = place.prefix[: len(parent) + 1] if "/" in place.prefix else ""
        found = []
        try:
            with os.scandir(place.directory / Path(before).expanduser()) as entries:
                for _, entry in zip(range(_FILES), entries, strict=False):
                    if entry.is_dir():
                        found.append(Suggestion(f"{before}{entry.name}/", "directory"))
                    elif wanted(entry.name):
                        found.append(Suggestion(before + entry.name, "file"))
        except OSError:
            return []
        shown = [one for one in found if not one.text[len(before) :].startswith(".") or one.about == "file"]
        return sorted(shown, key=lambda one: (one.about != "file", one.text))

    return source


def _is_environment(name: str) -> bool:
    return name.endswith(".env") or name.startswith(".env")


def _commands(_place: Place) -> list[Suggestion]:
    return [Suggestion(name, about) for name, about in _LANGUAGES.items()]


_BY_METAVAR: dict[str, Callable[[Place], list[Suggestion]]] = {"EXECUTOR": _executors, "ID": _processes}
_BY_NAME: dict[str, Callable[[Place], list[Suggestion]]] = {
    "gpu": _gpus,
    "command": _commands,
    "source": _sources,
    "patterns": _results,
    "inputs": _inputs,
    "outputs": _outputs,
    "each": _each,
    "step": _steps,
    "after": _steps,
    "map_file": _paths(lambda name: name.lower().endswith(_TABLES)),
    "file": _paths(_is_environment),
    "to": _paths(lambda _name: False),
    "fs_dir": _paths(lambda _name: False),
    "config": _paths(lambda name: name.endswith(".toml")),
    "env_file": _paths(_is_environment),
}
