"""What a project asks for, as values, and where each value was written.

An error about a value is useful only if it says which line or which option to change, so every value keeps its origin:
`Origin.error` words a problem for the place it came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError, ProjectError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT_FILE = "project.yaml"


@dataclass(frozen=True)
class Origin:
    """Where a value was written: a key in a line of project.yaml, or an option."""

    name: str
    """`conditions.mem` or `--mem`."""
    line: int | None = None
    """Counted from 1; None for options and for keys that are missing."""
    is_option: bool = False

    @property
    def is_missing(self) -> bool:
        """Whether the value was written nowhere: it is what a missing key stands for."""
        return self.line is None and not self.is_option

    def error(self, problem: str, hint: str = "") -> PollinatorError:
        """Return the error to raise: `problem` continues a sentence that begins with the key or option."""
        subject = self.name if self.is_option else f"{PROJECT_FILE}: {self.name}".rstrip(" :")
        line = f" (line {self.line})" if self.line else ""
        message = f"{subject} {problem}{line}" + (f". {hint}" if hint else "")
        return UsageError(message) if self.is_option else ProjectError(message)


class Results(str, Enum):
    """Where the jobs of a project leave their results (the key `results`)."""

    PER_JOB = "per-job"
    """Every job has a directory and a label of its own."""
    SHARED = "shared"
    """All jobs share one, as with the Pollinator command-line tool."""


@dataclass(frozen=True)
class GpuRequest:
    """Accelerators per node; `name` is what the executor calls the model, "" for any."""

    count: int = 0
    name: str = ""


@dataclass(frozen=True)
class Conditions:
    """What an executor must be and have; the defaults are those of a key that is missing."""

    executor_names: tuple[str, ...] | None = None
    """Any of these may run the job; None or empty: any executor at all."""
    nodes: int = 0
    processes_per_node: int = 0
    cpu: str = ""
    """Per process, in thousandths of a core: `1000m`."""
    mem: str = ""
    """`1000Mi` or `4Gi`."""
    walltime_s: int = 0
    gpu: GpuRequest = GpuRequest()


@dataclass(frozen=True)
class Environment:
    """What is run, and in what."""

    image: str = ""
    rebuild_image: bool = False
    init: str = ""
    """Shell commands that prepare the environment before the program starts (`init-cmd`)."""
    cmd: str = ""
    source: str = ""
    """The program, relative to `cfs/src`; "" to run `cmd` alone."""
    pip: tuple[str, ...] = ()
    """Requirements that the job installs before it runs; only from options."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the job; only from options."""


@dataclass(frozen=True)
class Runner:
    """How a Python cell is run as a notebook would run it, and which variables go in and come back."""

    inputs: Mapping[str, object] = field(default_factory=dict)
    """Variables that the cell finds set, by name."""
    from_steps: Mapping[str, str] = field(default_factory=dict)
    """The same for those that a step before this one brings back: the name of the step."""
    outputs: tuple[str, ...] = ()
    """Names of variables that come back."""
    allow_pickle: bool = False
    """Whether what has no safe form may travel as a pickle, which can run any code when it is read."""
    line_offset: int = 0
    """How many lines of the notebook's cell come before the first one of the file: users count them."""


@dataclass(frozen=True)
class Tunnel:
    """An SSH forward to a port of a running job, by default on the first of its nodes; "" and 0 are missing keys."""

    user: str = ""
    jump_host: str = ""
    """Where to log in, and the port is reached from there; without it one logs in on the node itself."""
    jump_host_port: int = 0
    ssh_key: str = ""
    """A file with a private key, relative to the project."""
    local_port: int = 0
    remote_port: int = 0
    host: str = ""
    """Where the job's port is, whatever nodes its executor names; the command-line tool does not know this key."""
