"""What executors would refuse or leave waiting, found before anything is sent (protocol sections 6.3, 8 and 12).

Reading a project is tolerant; this is where its values are judged, each with an error that names the key and line, or
the option, that it came from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pollinator_magic.project import units
from pollinator_magic.project.naming import executor_name_problem, is_plain, project_name_problem, source_problem
from pollinator_magic.project.scripts import requirements_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.errors import PollinatorError
    from pollinator_magic.project.project import Project
    from pollinator_magic.project.values import Origin

_CPU = re.compile(r"[1-9][0-9]{1,14}m")
_MEM = re.compile(r"[1-9][0-9]{0,14}[MG]i")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_GPU_NAME = re.compile(r"[A-Za-z0-9_.-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?|[0-9A-Fa-f:]{2,39}")


def validate(project: Project, *, source_given: bool = False) -> None:
    """Raise ProjectError, or UsageError for what options say, if no executor could run this project as it is.

    `source_given`: the source file is about to be written, so it need not exist yet.
    """
    for check in (_name, _executors, _amounts, _environment):
        for error in check(project):
            raise error
    for error in _source(project, given=source_given):
        raise error


def validate_tunnel(project: Project) -> None:
    """Raise ProjectError if the section `tunnel` does not say where a port of a job is, or how to get there."""
    for error in _tunnel(project):
        raise error


def is_host_name(text: str) -> bool:
    """Whether this can be the name or the address of a host; nothing else is given to SSH, least of all an option."""
    return _HOST.fullmatch(text) is not None


def _name(project: Project) -> Iterator[PollinatorError]:
    origin = project.origin("projectname")
    if not project.name:
        yield _missing(origin, "Give the project a name, e.g. my-project.")
        return
    problem = project_name_problem(project.name, shared_results=project.shared_results)
    if problem:
        yield origin.error(problem)


def _executors(project: Project) -> Iterator[PollinatorError]:
    for name in project.executors:
        problem = executor_name_problem(name)
        if problem:
            yield project.origin("conditions.executorNames").error(problem)


def _amounts(project: Project) -> Iterator[PollinatorError]:
    conditions = project.conditions
    for key, count in (("nodes", conditions.nodes), ("processesPerNode", conditions.processes_per_node)):
        origin = project.origin(f"conditions.{key}")
        if count == 0 and origin.is_missing:
            yield _missing(origin, "Write 1 unless the program runs in parallel.")
        elif count < 1:
            yield origin.error(f"must be a positive whole number, not {count}")
        elif count > units.MAXIMUM_RANKS:
            yield origin.error(f"must be at most {units.MAXIMUM_RANKS}, not {count}", "More would never be scheduled.")
    yield from _walltime(project)
    yield from _amount(project, "cpu", conditions.cpu, _CPU, units.parse_cpu)
    yield from _amount(project, "mem", conditions.mem, _MEM, units.parse_mem)
    if not 0 <= conditions.gpu.count <= 10**6:
        yield project.origin("conditions.gpu.count").error(f"must be a whole number, not {conditions.gpu.count}")
    if not _GPU_NAME.fullmatch(conditions.gpu.name):
        problem = f"{conditions.gpu.name!r} may only hold letters, digits and the characters . _ -"
        yield project.origin("conditions.gpu.name").error(problem)


def _walltime(project: Project) -> Iterator[PollinatorError]:
    origin, walltime_s = project.origin("conditions.walltime"), project.conditions.walltime_s
    if walltime_s == 0 and origin.is_missing:
        yield _missing(origin, "Write the seconds that the job may take at most, e.g. 600.")
        return
    problem = units.walltime_problem(walltime_s)
    if problem:
        yield origin.error(problem)


def _amount(
    project: Project, key: str, text: str, accepted: re.Pattern[str], parse: Callable[[str], str]
) -> Iterator[PollinatorError]:
    """Judge an amount that goes to the executor as it is written: being readable is not enough."""
    origin = project.origin(f"conditions.{key}")
    example = {"cpu": "1000m", "mem": "1000Mi"}[key]
    if not text:
        yield _missing(origin, f"Write what each process needs, e.g. {example}.")
    elif not accepted.fullmatch(text):
        try:
            hint = f"Write {parse(text)}."
        except units.Malformed:
            hint = {"cpu": "Use thousandths of a core, e.g. 1000m.", "mem": "Use Mi or Gi, e.g. 4Gi."}[key]
        kind = {"cpu": "an amount of CPU", "mem": "a memory size"}[key]
        yield origin.error(f"{text!r} is not {kind} that executors understand", hint)


def _environment(project: Project) -> Iterator[PollinatorError]:
    environment = project.environment
    image, cmd = project.origin("environment.docker"), project.origin("environment.cmd")
    if not environment.image.strip():
        yield _missing(image, "Name a container image, e.g. python:3.12-bookworm.")
    elif not _IMAGE.fullmatch(environment.image):
        yield image.error(f"{environment.image!r} is not the name of a container image")
    if not environment.cmd.strip():
        yield _missing(cmd, "Write the command that runs the program, e.g. python3.")
    if project.shared_results and not is_plain(requirements_command(environment.pip)):
        yield project.origin("environment.pip").error(
            "can only hold plain names of packages where all jobs share their results",
            "Remove `results: shared` from project.yaml, or install them with --init.",
        )


def _source(project: Project, *, given: bool) -> Iterator[PollinatorError]:
    name, origin = project.environment.source, project.origin("environment.source")
    if not name:
        return
    problem = source_problem(name)
    if problem:
        yield origin.error(problem)
    elif project.shared_results and len(name.split()) > 1:
        yield origin.error(f"{name!r} holds spaces", "Rename it, or remove `results: shared` from project.yaml.")
    elif not given and not (project.src / name).is_file():
        yield origin.error(f"{name!r} is not a file in {str(project.src)!r}")


def _tunnel(project: Project) -> Iterator[PollinatorError]:
    tunnel = project.tunnel
    if tunnel is None:
        return
    remote = project.origin("tunnel.remotePort")
    if tunnel.remote_port == 0 and remote.is_missing:
        yield _missing(remote, "Write the port on which the program listens, e.g. 8888.")
    ports = {
        "remotePort": tunnel.remote_port,
        "localPort": tunnel.local_port,
        "jumpHostPort": tunnel.jump_host_port,
    }
    for key, port in ports.items():
        origin = project.origin(f"tunnel.{key}")
        if not origin.is_missing and not 1 <= port <= 65535:
            yield origin.error(f"must be a port from 1 to 65535, not {port}")
    for key, host in (("jumpHost", tunnel.jump_host), ("host", tunnel.host)):
        if host and not is_host_name(host):
            yield project.origin(f"tunnel.{key}").error(f"{host!r} is not the name of a host")
    if tunnel.user and not _USER.fullmatch(tunnel.user):
        yield project.origin("tunnel.user").error(f"{tunnel.user!r} is not the name of a user")
    if tunnel.jump_host_port and not tunnel.jump_host:
        yield project.origin("tunnel.jumpHostPort").error("needs tunnel.jumpHost", "Name the host to log in on.")


def _missing(origin: Origin, hint: str) -> PollinatorError:
    return origin.error("is missing" if origin.is_missing else "is empty", hint)
