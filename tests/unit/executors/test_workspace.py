from __future__ import annotations

import pytest

from pollinator_magic.colonies.models import Conditions, DirMount, FunctionSpec, Mounts, Process, SnapshotMount
from pollinator_magic.executors.specs import SpecRefused, task_of
from pollinator_magic.executors.workspace import Store, Workspace


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path, None)


def workspace(store, *directories, project=""):
    mounts = Mounts(mount="/cfs", snapshots=[], dirs=[DirMount(label="/l", dir=one) for one in directories])
    return Workspace(store, Process(spec=FunctionSpec(fs=mounts, env={"PROJECT_DIR": project})))


def make(store, *paths):
    for path in paths:
        (store.root / path).mkdir(parents=True)


@pytest.mark.parametrize(
    ("kwargs", "env"),
    [
        ({"cmd": "echo \0"}, {}),
        ({"cmd": "echo", "args": ["a\0b"]}, {}),
        ({"cmd": "echo"}, {"A": "\0"}),
        ({"cmd": "echo"}, {"A=B": "c"}),
        ({"cmd": "echo"}, {"": "c"}),
    ],
)
def test_what_no_system_can_hand_to_a_program_is_refused_in_words(kwargs, env):
    conditions = Conditions(nodes=1, processespernode=1, cpu="1000m", mem="1Gi", walltime=60)
    spec = FunctionSpec(funcname="execute", kwargs=kwargs, env=env, conditions=conditions, maxexectime=60, maxretries=3)

    with pytest.raises(SpecRefused, match=r"cannot be run: a (command or )?variable [^;]*$"):
        task_of(Process(processid="ab", spec=spec))


def test_a_directory_that_another_process_uses_is_not_removed(store):
    make(store, "p/result")
    with workspace(store, "/p/result") as first:
        with workspace(store, "/p/result") as second:
            second.remove()
            assert (store.root / "p/result").exists()
        first.remove()
    assert not (store.root / "p/result").exists()


def test_a_project_of_its_own_is_removed_with_everything_in_it(store):
    with workspace(store, "/p/run/result", project="/cfs/p/run") as mine:
        make(store, "p/run/result", "p/run/rubbish", "p/data")
        mine.remove()
    assert [path.name for path in (store.root / "p").iterdir()] == ["data"]


def test_a_project_directory_that_was_there_before_is_not_removed(store):
    make(store, "p/run/result", "p/run/other")
    with workspace(store, "/p/run/result", project="/cfs/p/run") as mine:
        mine.remove()
    assert [path.name for path in (store.root / "p/run").iterdir()] == ["other"]


def test_a_project_directory_of_which_a_part_is_kept_is_not_removed(store):
    mounts = Mounts(
        mount="/cfs",
        snapshots=[SnapshotMount(label="/l", dir="/p/run/src", keepfiles=True)],
        dirs=[DirMount(label="/l", dir="/p/run/result")],
    )
    process = Process(spec=FunctionSpec(fs=mounts, env={"PROJECT_DIR": "/cfs/p/run"}))
    with Workspace(store, process) as mine:
        make(store, "p/run/src", "p/run/result")
        mine.remove()
    assert [path.name for path in (store.root / "p/run").iterdir()] == ["src"]


@pytest.mark.parametrize("project", ["/cfs", "/cfs/", "/cfs/../x", "/elsewhere", ""])
def test_nothing_but_a_directory_inside_is_taken_for_a_project_of_its_own(store, project):
    make(store, "keep")
    with workspace(store, "/p/result", project=project) as mine:
        mine.remove()
    assert (store.root / "keep").exists()
