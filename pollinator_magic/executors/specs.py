"""From a process to what an engine runs, or to one message that says all that is wrong with its specification.

The rules are those of the official executors (protocol.md, section 12), so that a job that runs here runs there.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.models import AttributeType
from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.hostcommand import STANDARD_MOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.colonies.models import Conditions, FunctionSpec, Process

EXECUTE = "execute"
SYNC = "sync"
"""A function that only brings files to the executor."""
STATE_DIRECTORY = ".executor"
"""Below the executor's file system, where it keeps what is its own."""

_JOB_ID = "SLURM-JOBID"  # no shell lets anybody set this one, so where it is an executor has been
_ATTACHED = (("NODES", _JOB_ID, "HOME"), ("NODES", _JOB_ID), (_JOB_ID, "HOME"), (_JOB_ID,))
_MEMORY = re.compile(r"(\d+)(Mi|Gi)")
_CPU = re.compile(r"\d{2,}m")
_IDENTITY = re.compile(r"[0-9A-Za-z_-]+")
_UNITS = {"Mi": 1024**2, "Gi": 1024**3}


class SpecRefused(PollinatorError):
    """A function specification that cannot be run; the message says everything that is wrong with it."""


def task_of(process: Process, *, attached: Mapping[str, str] | None = None) -> Task:
    """Return what an engine shall run; raise SpecRefused for a specification that executors do not accept.

    `attached` is what this executor has said on the process before (see `own_environment`).
    """
    spec = process.spec
    problems = list(_problems(spec))
    if not _IDENTITY.fullmatch(process.processid):
        problems.append("the process has no usable id")
    if problems:
        raise SpecRefused(f"This function specification cannot be run: {'; '.join(problems)}.")
    words: Mapping[str, Any] = spec.kwargs or {}
    conditions = spec.conditions
    return Task(
        process_id=process.processid,
        command=words.get("cmd", ""),
        args=tuple(map(str, words.get("args") or ())),
        mount=spec.fs.mount or STANDARD_MOUNT,
        init_command=(words.get("init-cmd") or "").strip(),
        image=(words.get("docker-image") or "").strip(),
        rebuild_image=words.get("rebuild-image") is True,
        nodes=conditions.nodes,
        processes_per_node=conditions.processespernode,
        cpu_millis=int(conditions.cpu[:-1]),
        memory_bytes=_memory_bytes(conditions.mem),
        gpus=max(0, conditions.gpu.count),
        gpu_name=conditions.gpu.name,
        walltime_s=conditions.walltime,
        env=own_environment(process, attached or {}),
    )


def own_environment(process: Process, attached: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the specification alone.

    A server keeps them as attributes, and adds those that an executor attaches to say where an attempt runs, which
    cannot replace one of the specification. This executor knows what it has `attached` itself. That of another one
    comes after the specification's, in the order in which executors attach it.
    """
    variables = dict(process.spec.env or {})
    in_order = [one.key for one in process.attributes if one.attributetype == AttributeType.ENV]
    for name in attached or _of_an_attempt(in_order):
        if name not in attached or variables.get(name) == attached[name]:
            variables.pop(name, None)
    return variables


def _of_an_attempt(names: Sequence[str]) -> Sequence[str]:
    """Return the last ones of these names if they are those that an executor attaches."""
    return next((which for which in _ATTACHED if tuple(names[-len(which) :]) == which), ())


def directory_below(root: Path, directory: str) -> Path:
    """Return where a directory of the specification lies; only for one that was accepted."""
    return root.joinpath(*PurePosixPath(directory).parts[1:])


def for_process(text: str, process_id: str) -> str:
    """Fill the process's id into a label or directory."""
    return text.replace("{processid}", process_id)


def _problems(spec: FunctionSpec) -> Iterator[str]:
    if spec.funcname not in {EXECUTE, SYNC}:
        yield f"there is no function {spec.funcname!r} here, only {EXECUTE!r}"
        return
    if spec.funcname == EXECUTE:
        yield from _wrong_command(spec)
    yield from _wrong_conditions(spec.conditions)
    if spec.maxexectime <= 0:
        yield f"maxexectime must be more than 0, not {spec.maxexectime}"
    elif spec.conditions.walltime < spec.maxexectime:
        yield f"walltime ({spec.conditions.walltime} s) must not be less than maxexectime ({spec.maxexectime} s)"
    if spec.maxretries <= 0:
        yield f"maxretries must be more than 0, not {spec.maxretries}"
    yield from _wrong_files(spec)


def _wrong_conditions(conditions: Conditions) -> Iterator[str]:
    for name in ("nodes", "processespernode", "walltime"):
        if getattr(conditions, name) < 1:
            yield f"{name} must be at least 1, not {getattr(conditions, name)}"
    if not _CPU.fullmatch(conditions.cpu):
        yield f"cpu must be at least 10 thousandths of a processor, like 1000m, not {conditions.cpu!r}"
    if not _MEMORY.fullmatch(conditions.mem):
        yield f"mem must be a size in Mi or Gi, like 500Mi, not {conditions.mem!r}"


def _wrong_command(spec: FunctionSpec) -> Iterator[str]:
    words: Mapping[str, Any] = spec.kwargs or {}
    for name in ("cmd", "init-cmd", "docker-image"):
        if not isinstance(words.get(name) or "", str):
            yield f"{name} must be a text, not {words[name]!r}"
    if not words.get("cmd"):
        yield "there is no cmd, so nothing to run"
    arguments = words.get("args") or []
    if not isinstance(arguments, list) or any(not isinstance(word, str | int | float) for word in arguments):
        yield f"args must be a list of texts, not {arguments!r}"
    variables = spec.env or {}
    texts = [*words.values(), *(arguments if isinstance(arguments, list) else ()), *variables, *variables.values()]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        yield "a command or variable contains a NUL character"
    if any(not name or "=" in name for name in variables):
        yield "a variable has a name that is empty or contains ="


def _wrong_files(spec: FunctionSpec) -> Iterator[str]:
    files = spec.fs
    if files.mount and not _is_clean(files.mount):
        yield f"the mount must be an absolute directory other than /, not {files.mount!r}"
    mounted = [(one.dir, one.label) for one in files.snapshots] + [(one.dir, one.label) for one in files.dirs]
    for directory, label in mounted:
        if not _is_clean(directory) or PurePosixPath(directory).parts[1] == STATE_DIRECTORY:
            yield f"files cannot be put into {directory!r}"
        if not label:
            yield f"{directory!r} has no label"


def _is_clean(directory: str) -> bool:
    path = PurePosixPath(directory)
    return path.is_absolute() and len(path.parts) > 1 and ".." not in path.parts and "\0" not in directory


def _memory_bytes(text: str) -> int:
    match = _MEMORY.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else 0
