"""How a task becomes commands on this host: paths, the shell line, the environment. Pure functions.

The job believes that it sees the meta-filesystem at `/cfs`; on a bare host it is some directory, so wherever a path in
the command, its arguments or its environment starts with the mount prefix, that directory is put in its place.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from pollinator_magic.executors.sessions import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pollinator_magic.executors.engine import Task

STANDARD_MOUNT = "/cfs"
"""Clients write paths below this one, whatever the mount of the specification is."""

_INHERITED = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TMP", "TEMP", "XDG_CACHE_HOME"),
        *("LANG", "LANGUAGE", "TZ"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    )
)
_INHERITED_PREFIXES = ("LC_", "PIP_")
_BEFORE_A_PATH = r"""(?:(?<=[\s"'`=:,;(<>|&\[{@])|(?<=-[A-Za-z])|^)"""
_AFTER_A_MOUNT = r"(?![\w.+~@%-])"


def map_paths(text: str, mount: str, root: str) -> str:
    """Replace the mount prefix by `root` wherever a path starts; `/data/cfs`, `./cfs` and `/cfs2` are other paths."""
    mounts = sorted({STANDARD_MOUNT, mount}, key=len, reverse=True)
    prefix = "|".join(re.escape(name) for name in mounts)
    return re.sub(rf"{_BEFORE_A_PATH}(?:{prefix}){_AFTER_A_MOUNT}", lambda _: root, text)


def shell_line(task: Task, root: str) -> str:
    """Return what a shell shall execute: the command as it is, then each argument as one word."""
    words = [map_paths(argument, task.mount, root) for argument in task.args]
    return " ".join([map_paths(task.command, task.mount, root), *map(shlex.quote, words)])


def environment(task: Task, root: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a job: a few of the worker's, none of its secrets, then the task's own."""
    kept = {
        name: value for name, value in inherited.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
    own = {name: map_paths(value, task.mount, root) for name, value in task.env.items()}
    return {**kept, "PYTHONUNBUFFERED": "1", **own, MARK: task.process_id}


def rank_variables(task: Task, rank: int, rendezvous_port: int) -> dict[str, str]:
    """Return what tells a rank which one it is.

    A single rank gets Slurm's variables only: those of MPI and of torch would make libraries look for companions.
    """
    local, node = rank % task.processes_per_node, rank // task.processes_per_node
    slurm = {
        "SLURM_PROCID": rank,
        "SLURM_NTASKS": task.ranks,
        "SLURM_NPROCS": task.ranks,
        "SLURM_LOCALID": local,
        "SLURM_NODEID": node,
        "SLURM_JOB_NUM_NODES": task.nodes,
        "SLURM_NNODES": task.nodes,
        "SLURM_NTASKS_PER_NODE": task.processes_per_node,
    }
    several = {
        "PMI_RANK": rank,
        "PMI_SIZE": task.ranks,
        "OMPI_COMM_WORLD_RANK": rank,
        "OMPI_COMM_WORLD_SIZE": task.ranks,
        "OMPI_COMM_WORLD_LOCAL_RANK": local,
        "OMPI_COMM_WORLD_LOCAL_SIZE": task.processes_per_node,
        "RANK": rank,
        "WORLD_SIZE": task.ranks,
        "LOCAL_RANK": local,
        "LOCAL_WORLD_SIZE": task.processes_per_node,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": rendezvous_port,
    }
    chosen = slurm if task.ranks == 1 else {**slurm, **several}
    return {name: str(value) for name, value in chosen.items()}
