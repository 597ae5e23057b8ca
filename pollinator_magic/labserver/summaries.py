"""What pages are told of jobs and executors.

Everything that comes from a colony is text from outside: it is made printable and bounded here. Environment values that
look like secrets are not told.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from pollinator_magic.colonies.envelope import printable
from pollinator_magic.colonies.models import AttributeType, ProcessState, parse_time
from pollinator_magic.hidden import is_secret
from pollinator_magic.jobs.parameters import VARIABLE, describe, parameters_of
from pollinator_magic.labserver.index import Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from pollinator_magic.colonies.models import Process
    from pollinator_magic.jobs.executors import ExecutorView
    from pollinator_magic.jobs.ledger import Entry
    from pollinator_magic.labserver.index import State

HIDDEN = "…"
MOST_EXECUTORS = 500
_SHORT = 120  # characters of a name
_PARAMETERS = 200
_ERRORS, _ERROR = 20, 4000
_ATTRIBUTES, _ATTRIBUTE = 100, 1000
_TEXT, _ITEMS, _DEPTH = 4000, 200, 12  # of a specification
_WHOLE = 200_000  # characters of a specification
_STATES: dict[ProcessState, State] = {
    ProcessState.WAITING: "waiting",
    ProcessState.RUNNING: "running",
    ProcessState.SUCCESS: "success",
    ProcessState.CANCELLED: "cancelled",
}
_PROJECT = re.compile(r"/pollinator/([^/]+)/")
_NUMBER = re.compile(r"[0-9a-fA-F]{64}")  # a key of a colony's user, or the name that a project was given
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")


@dataclass(frozen=True)
class Describer:
    """Who looks, and from where: what makes a job somebody's own, and its notebook one of this server."""

    identity: str
    root: Path
    origins: Mapping[str, Entry] = field(default_factory=dict)
    """Where processes were submitted, by their ids."""

    @cached_property
    def _roots(self) -> tuple[Path, Path]:
        return self.root, self.root.resolve()

    def knowing(self, origins: Mapping[str, Entry]) -> Describer:
        """Return the same with other origins."""
        return replace(self, origins=origins)

    def summary(self, process: Process) -> Summary:
        """Return a job as lists show it."""
        conditions, origin = process.spec.conditions, self.origins.get(process.processid)
        names = ", ".join(conditions.executornames or ())
        return Summary(
            id=printable(process.processid, 64),
            state=state_of(process),
            executor=printable(names or conditions.executortype or "any", _SHORT),
            submitted=_milliseconds(process.submitted_at),
            started=_milliseconds(process.started_at),
            ended=_milliseconds(process.ended_at),
            retries=process.retries,
            by=printable(process.initiatorname, _SHORT),
            mine=process.initiatorid == self.identity,
            project=printable(origin.project.name if origin else _project_of(process), _SHORT),
            notebook=self._below_root(origin.notebook) if origin else "",
            cell=printable(origin.cell, _SHORT) if origin else "",
            parameters=printable(describe(told_parameters(process)), _PARAMETERS),
            step=printable(process.spec.nodename, _SHORT) if process.processgraphid else "",
            graph=printable(process.processgraphid, 64),
        )

    def with_origin(self, job: Summary) -> Summary:
        """Return the job with what is known by now of where it was submitted."""
        origin = self.origins[job.id]
        return msgspec.structs.replace(
            job,
            project=printable(origin.project.name, _SHORT),
            notebook=self._below_root(origin.notebook),
            cell=printable(origin.cell, _SHORT),
        )

    def _below_root(self, notebook: Path | None) -> str:
        """Return where a notebook lies below the server's directory; nothing if it lies elsewhere."""
        if notebook is None:
            return ""
        root, resolved = self._roots
        if ".." in notebook.parts or not notebook.is_relative_to(root):  # there may be another way to it
            try:
                notebook, root = notebook.resolve(), resolved
            except (OSError, RuntimeError):
                return ""
        text = notebook.relative_to(root).as_posix() if notebook.is_relative_to(root) else ""
        return text if text.isprintable() else ""


def details(job: Summary, process: Process, *, why: str, dashboard: str, now: int) -> dict[str, Any]:
    """Return everything that a page shows of one job."""
    return {
        **msgspec.to_builtins(job),
        "errors": [visible(error, _ERROR) for error in process.errors[:_ERRORS]],
        "attributes": [
            {"key": printable(one.key, _SHORT), "value": _not_secret(one.key, visible(one.value, _ATTRIBUTE))}
            for one in [each for each in process.attributes if each.attributetype != AttributeType.ENV][:_ATTRIBUTES]
        ],
        "spec": told_spec(process),
        "why": printable(why),
        "waitDeadline": _milliseconds(parse_time(process.waitdeadline)),
        "execDeadline": _milliseconds(parse_time(process.execdeadline)),
        "dashboard": dashboard,
        "now": now,
    }


def told_spec(process: Process) -> dict[str, Any]:
    """Return the function specification as it was submitted, without secrets, and bounded."""
    spec: dict[str, Any] = msgspec.to_builtins(process.spec)
    if any(is_secret(name) for name in parameters_of(process.spec.env)):
        spec["env"][VARIABLE] = HIDDEN  # it holds all of them
    for part in ("env", "kwargs"):
        spec[part] = {name: _not_secret(name, value) for name, value in (spec[part] or {}).items()}
    left = [_WHOLE]
    return {name: _bounded(value, left) for name, value in spec.items()}


def executors_told(views: Iterable[ExecutorView]) -> list[dict[str, Any]]:
    """Return executors as pages show them, without those that are gone."""
    from pollinator_magic.jobs.executors import Condition

    present = [view for view in views if view.condition not in {Condition.GONE, Condition.REJECTED}]
    return [
        {
            "name": printable(view.name, _SHORT),
            "type": view.type,
            "place": view.place,
            "condition": view.condition.value,
            "alive": view.condition.alive,
            "usable": view.usable,
            "nodes": view.nodes,
            "cpu": view.cpu,
            "mem": view.mem,
            "gpu": view.gpu,
            "hardware": view.hardware,
            "running": view.work.running_text,
            "waiting": view.work.waiting_text,
            "heard": None if view.heard_s is None else round(view.heard_s, 1),
        }
        for view in present[:MOST_EXECUTORS]
    ]


def state_of(process: Process) -> State:
    """Return the state; one of a newer server counts as failed, as everywhere."""
    return _STATES.get(process.status, "failed")


def visible(text: str, most: int) -> str:
    """Return text of several lines without what could forge what is shown."""
    shown = "".join(one if one.isprintable() or one in "\n\t" else " " for one in text[:most])
    return shown if len(text) <= most else f"{shown}…"


def _bounded(value: object, left: list[int], depth: int = _DEPTH) -> object:
    """Return JSON that a page can show, with an ellipsis where it was cut.

    `left` counts down the characters that may still be shown.
    """
    left[0] -= min(len(value), _TEXT) + 1 if isinstance(value, str) else 1
    if left[0] < 0 or depth == 0:
        return HIDDEN
    if isinstance(value, str):
        return visible(value, _TEXT)
    if isinstance(value, dict):
        return {visible(str(key), _SHORT): _bounded(one, left, depth - 1) for key, one in list(value.items())[:_ITEMS]}
    if isinstance(value, list):
        shown = [_bounded(one, left, depth - 1) for one in value[:_ITEMS]]
        return shown if len(value) <= _ITEMS else [*shown, HIDDEN]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _not_secret(name: str, value: Any) -> Any:
    """Return a value, or what stands for it if it looks like a secret by its name or by itself."""
    if is_secret(name):
        return HIDDEN
    if not isinstance(value, str):
        return value
    return HIDDEN if _NUMBER.fullmatch(value.strip()) else _PASSWORD_IN_ADDRESS.sub(HIDDEN, value)


def told_parameters(process: Process) -> dict[str, Any]:
    """Return what a sweep has set for the process; what looks like a secret is hidden."""
    return {name: _not_secret(name, value) for name, value in parameters_of(process.spec.env).items()}


def _project_of(process: Process) -> str:
    """Return the name of the project, as it is in the labels of what the process works with; most are long numbers."""
    mounts = process.spec.fs
    labels = [*(mount.label for mount in mounts.snapshots), *(mount.label for mount in mounts.dirs)]
    name = next((match[1] for label in labels if (match := _PROJECT.match(label))), "")
    return name[:12] if _NUMBER.fullmatch(name) else name


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else max(0, round(moment.timestamp() * 1000))
