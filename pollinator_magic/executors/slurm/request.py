"""What is asked of Slurm for a task: the options of sbatch and of srun, as words that no shell sees."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.amounts import MEBIBYTE

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.executors.engine import Task
    from pollinator_magic.executors.slurm.settings import SlurmSettings

_GPU_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class RequestRefused(PollinatorError):
    """A request that cannot be put to Slurm."""


def sbatch_options(task: Task, settings: SlurmSettings, directory: Path) -> list[str]:
    """Return what sbatch is told before the name of the script; raise RequestRefused.

    The job's name is the process's id and its directory that of the attempt: by both together it is found again. Its
    time begins when it starts and the process's time has begun before, when it was assigned: so a limit that is no
    longer than the walltime never comes before the worker's own.
    """
    options = [
        "--parsable",
        f"--job-name={task.process_id}",
        f"--chdir={directory}",
        f"--output={directory}/log",
        f"--error={directory}/noise",
        "--input=/dev/null",
        "--open-mode=append",  # what was printed before a requeue stays
        "--export=ALL",
        "--requeue" if settings.requeue else "--no-requeue",
        f"--nodes={task.nodes}",
        f"--ntasks={task.ranks}",
        f"--ntasks-per-node={task.processes_per_node}",
        f"--cpus-per-task={_processors(task)}",
    ]
    if task.memory_bytes and settings.request_memory:
        options.append(f"--mem={math.ceil(task.memory_bytes / MEBIBYTE)}M")  # an M of Slurm is a MiB
    if task.walltime_s:
        options.append(f"--time={math.ceil(task.walltime_s / 60)}")
    if task.gpus:
        options += _accelerators(task, settings)
    options += site_options(settings)
    return options


def site_options(settings: SlurmSettings) -> list[str]:
    """Return what the site says of every job."""
    named = [(name, getattr(settings, name)) for name in ("partition", "account", "qos", "constraint")]
    return [*(f"--{name}={value}" for name, value in named if value), *settings.directives]


def launch_words(task: Task, settings: SlurmSettings, srun: str) -> list[str]:
    """Return the words before the command that make it run as all ranks; none where there is one only.

    A single rank is started by the batch script itself: it has the whole allocation there, and what it prints arrives
    without waiting for the end of a line.
    """
    if task.ranks == 1 and not settings.srun_options:
        return []
    return [
        srun,
        f"--nodes={task.nodes}",
        f"--ntasks={task.ranks}",
        f"--ntasks-per-node={task.processes_per_node}",
        f"--cpus-per-task={_processors(task)}",  # srun does not take it from the job any more since 22.05
        "--kill-on-bad-exit=1",
        "--export=ALL",
        *settings.srun_options,
    ]


def _processors(task: Task) -> int:
    return max(1, math.ceil(task.cpu_millis / 1000))


def _accelerators(task: Task, settings: SlurmSettings) -> list[str]:
    if settings.gpu_option == "none":
        raise RequestRefused("The job asks for GPUs, and this executor offers none. Choose another one.")
    name = settings.gpu_names.get(task.gpu_name, task.gpu_name)
    if name and not _GPU_NAME.fullmatch(name):
        raise RequestRefused(f"{task.gpu_name!r} is not the name of a GPU. Use one that the executor names.")
    amount = f"{name}:{task.gpus}" if name else str(task.gpus)
    return [f"--gres=gpu:{amount}" if settings.gpu_option == "gres" else f"--gpus-per-node={amount}"]
