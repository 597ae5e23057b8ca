"""A project as a function specification: what the colony is asked to run (protocol section 11.2).

With `results: shared` it is, key by key, what the Pollinator command-line tool sends. Otherwise every job has its own
directory and result label, named by a run id; the data directory is shared and linked into it by the start script.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from pollinator_magic.colonies.models import (
    Conditions,
    DirMount,
    FunctionSpec,
    Gpu,
    KeepLocal,
    Mounts,
    OnConflicts,
    SnapshotMount,
)
from pollinator_magic.project.scripts import DIRECTORY, INIT, START, init_commands, wire_init, wire_variables

if TYPE_CHECKING:
    from pollinator_magic.project.project import Project
    from pollinator_magic.project.values import Environment

MOUNT = "/cfs"
"""Where the meta-filesystem is inside the job."""
_PRIORITY = 5
_NO_LIMIT = -1


def source_label(project: Project) -> str:
    """Return the label of `cfs/src`."""
    return f"/pollinator/{project.name}/src"


def data_label(project: Project) -> str:
    """Return the label of `cfs/data`."""
    return f"/pollinator/{project.name}/data"


def result_label(project: Project, run_id: str) -> str:
    """Return the label where the results of this run are; the same for all runs if they share it."""
    own = "" if project.shared_results else f"jobs/{run_id}/"
    return f"/pollinator/{project.name}/{own}result"


def build(project: Project, *, colony: str, snapshot_id: str, run_id: str | None = None) -> FunctionSpec:
    """Return the specification that runs this snapshot of the project's sources in `colony`.

    `run_id` names the job's own directory, a new random one if it is None; jobs that share results have none.
    Nothing is judged here: `validate` does that before.
    """
    shared, environment = project.shared_results, project.environment
    run = run_id or secrets.token_hex(32)
    home = f"/pollinator/{project.name}"
    job_dir = home if shared else f"{home}/{run}"
    source_dir = f"{home}/{snapshot_id}/src" if shared else f"{job_dir}/src"
    return FunctionSpec(
        funcname="execute",
        kwargs={
            **(_plain_command(environment, source_dir) if shared else _scripted_command(environment, source_dir)),
            "docker-image": environment.image,
            "rebuild-image": environment.rebuild_image,
        },
        priority=_PRIORITY,
        maxwaittime=_NO_LIMIT,
        maxexectime=project.conditions.walltime_s - 1,
        # Executors refuse less than 1. A job that has used up its walltime would only do so again.
        maxretries=3 if shared else 1,
        conditions=_conditions(project, colony),
        label="test_label" if shared else project.name or "pollinator",
        fs=Mounts(
            mount=MOUNT,
            snapshots=[
                SnapshotMount(
                    snapshotid=snapshot_id,
                    label=source_label(project),
                    dir=source_dir,
                    keepfiles=shared,
                    keepsnapshot=True,
                )
            ],
            dirs=[
                DirMount(
                    label=result_label(project, run),
                    dir=f"{job_dir}/result",
                    keepfiles=False,
                    onconflicts=OnConflicts(onclose=KeepLocal(keeplocal=True)),
                ),
                DirMount(label=data_label(project), dir=f"{home}/data", keepfiles=True),
            ],
        ),
        env={
            **(environment.variables if shared else wire_variables(environment)),
            "PROJECT_DIR": MOUNT + job_dir,
        },
    )


def _plain_command(environment: Environment, source_dir: str) -> dict[str, Any]:
    """Return the command as project.yaml has it: the executor joins it with spaces, quoting nothing."""
    return {
        "init-cmd": init_commands(environment, separator=";") if environment.pip else environment.init,
        "cmd": environment.cmd,
        "args": [f"{MOUNT}{source_dir}/{environment.source}"] if environment.source else [],
    }


def _scripted_command(environment: Environment, source_dir: str) -> dict[str, Any]:
    """Return the command that runs the scripts of the snapshot. The dot lets the program see what init.sh exports."""
    scripts = f"{MOUNT}{source_dir}/{DIRECTORY}"
    init = wire_init(environment)
    return {
        "init-cmd": f". {scripts}/{INIT}" if init is None else init,
        "cmd": "sh",
        "args": [f"{scripts}/{START}"],
    }


def _conditions(project: Project, colony: str) -> Conditions:
    asked = project.conditions
    return Conditions(
        colonyname=colony,
        executornames=None if asked.executor_names is None else list(asked.executor_names),
        executortype="container-executor",
        nodes=asked.nodes,
        cpu=asked.cpu,
        processespernode=asked.processes_per_node,
        mem=asked.mem,
        gpu=Gpu(name=asked.gpu.name, count=asked.gpu.count),
        walltime=asked.walltime_s,
    )
