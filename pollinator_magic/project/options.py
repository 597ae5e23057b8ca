"""How options change a project: where the value of each goes, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from pollinator_magic.project import units
from pollinator_magic.project.naming import executor_name_problem, is_encodable, source_problem, variable_problem
from pollinator_magic.project.units import Malformed
from pollinator_magic.project.values import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pollinator_magic.project.project import Project


class Options(TypedDict, total=False):
    """What can be asked for one job, over what project.yaml says; None and what is missing change nothing."""

    executors: Sequence[str] | None
    nodes: str | int | None
    ppn: str | int | None
    """Processes on each node."""
    cpu: str | None
    mem: str | None
    gpu: str | int | None
    walltime: str | int | None
    """`90` (seconds), `10m`, `1h30m`."""
    image: str | None
    cmd: str | None
    init: str | None
    source: str | None
    pip: Sequence[str] | None
    """Requirements that the job installs before it runs."""
    env: Mapping[str, str] | None
    """Environment variables of the job."""


def with_options(project: Project, options: Options) -> Project:
    """Return the project as `options` change it; raise UsageError that names the option."""
    changes: dict[str, dict[str, Any]] = {"conditions": {}, "environment": {}}
    origins = dict(project.origins)
    for name, value in options.items():
        if name not in _OPTIONS:
            raise TypeError(f"with_options() has no option {name!r}")
        if value is None:
            continue
        option = _OPTIONS[name]
        origin = Origin(option.shown, is_option=True)
        try:
            changes[option.section][option.field] = option.parse(value)
        except Malformed as malformed:
            raise origin.error(malformed.problem, malformed.hint) from None
        origins.update(dict.fromkeys(option.keys, origin))
    return replace(
        project,
        conditions=replace(project.conditions, **changes["conditions"]),
        environment=replace(project.environment, **changes["environment"]),
        origins=origins,
    )


def _text(text: str) -> str:
    if not is_encodable(text):
        raise Malformed("holds characters that commands cannot have")
    return text


def _executors(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(_checked(name, executor_name_problem(name)) for name in names)


def _source(name: str) -> str:
    return _checked(name, source_problem(name) if name else None)


def _requirements(requirements: Iterable[str]) -> tuple[str, ...]:
    stripped = tuple(requirement.strip() for requirement in requirements)
    if not all(requirement.isprintable() and requirement for requirement in stripped):
        raise Malformed("must be names of packages, separated by commas", "For example: --pip numpy,scipy")
    return stripped


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: _checked(value, variable_problem(name, value)) for name, value in variables.items()}


def _checked(value: str, problem: str | None) -> str:
    if problem is not None:
        raise Malformed(problem)
    return value


@dataclass(frozen=True)
class _Option:
    shown: str
    section: str
    field: str
    keys: tuple[str, ...]
    """The keys of project.yaml that it stands for."""
    parse: Callable[[Any], object]


_OPTIONS = {
    "executors": _Option("EXECUTOR", "conditions", "executor_names", ("conditions.executorNames",), _executors),
    "nodes": _Option("--nodes", "conditions", "nodes", ("conditions.nodes",), units.parse_count),
    "ppn": _Option("--ppn", "conditions", "processes_per_node", ("conditions.processesPerNode",), units.parse_count),
    "cpu": _Option("--cpu", "conditions", "cpu", ("conditions.cpu",), units.parse_cpu),
    "mem": _Option("--mem", "conditions", "mem", ("conditions.mem",), units.parse_mem),
    "gpu": _Option("--gpu", "conditions", "gpu", ("conditions.gpu.count", "conditions.gpu.name"), units.parse_gpu),
    "walltime": _Option("--walltime", "conditions", "walltime_s", ("conditions.walltime",), units.parse_walltime),
    "image": _Option("--image", "environment", "image", ("environment.docker",), _text),
    "cmd": _Option("--cmd", "environment", "cmd", ("environment.cmd",), _text),
    "init": _Option("--init", "environment", "init", ("environment.init-cmd",), _text),
    "source": _Option("--source", "environment", "source", ("environment.source",), _source),
    "pip": _Option("--pip", "environment", "pip", ("environment.pip",), _requirements),
    "env": _Option("--env", "environment", "variables", ("environment.env",), _variables),
}
