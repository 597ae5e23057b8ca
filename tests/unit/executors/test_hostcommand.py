from __future__ import annotations

from pathlib import Path

import pytest

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.hostcommand import environment, map_paths, rank_variables, shell_line


@pytest.mark.parametrize(
    ("text", "mapped"),
    [
        ("/cfs", "/r"),
        ("/cfs/a/b", "/r/a/b"),
        ("cat /cfs/a > /cfs/b; ls '/cfs/c' \"/cfs/d\"", "cat /r/a > /r/b; ls '/r/c' \"/r/d\""),
        ("--data=/cfs/a", "--data=/r/a"),
        ("/usr/bin:/cfs/bin", "/usr/bin:/r/bin"),
        ("-I/cfs/include", "-I/r/include"),
        ("(cd /cfs)", "(cd /r)"),
        ("/cfs2/a /cfs-old /cfs.d", "/cfs2/a /cfs-old /cfs.d"),
        ("/data/cfs/a ./cfs/a ../cfs http://host/cfs/a", "/data/cfs/a ./cfs/a ../cfs http://host/cfs/a"),
        ("cfs/a", "cfs/a"),
    ],
)
def test_the_mount_is_replaced_where_a_path_starts_and_nowhere_else(text, mapped):
    assert map_paths(text, "/cfs", "/r") == mapped


def test_another_mount_is_replaced_as_well_as_the_usual_one():
    assert map_paths("/scratch/cfs/a /cfs/b", "/scratch/cfs", "/r") == "/r/a /r/b"


def test_arguments_are_single_words_whatever_they_contain():
    task = Task("1", "python3 -u", ("/cfs/a b.py", "x; rm -rf $HOME", "it's"))
    assert shell_line(task, "/r") == "python3 -u '/r/a b.py' 'x; rm -rf $HOME' 'it'\"'\"'s'"


def test_a_job_gets_its_own_variables_and_none_of_the_executors_secrets():
    secrets = {"COLONIES_PRVKEY": "k", "AWS_S3_SECRETKEY": "s", "AWS_SECRET_ACCESS_KEY": "t", "POLLINATOR_HOME": "/h"}
    task = Task("42", "true", (), env={"PROJECT_DIR": "/cfs/p", "LANG": "C"})
    env = environment(task, "/r", {"PATH": "/bin", "HOME": "/home/me", "LANG": "de", "LC_ALL": "C", **secrets})
    assert env == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LANG": "C",
        "LC_ALL": "C",
        "PROJECT_DIR": "/r/p",
        "PYTHONUNBUFFERED": "1",
        "COLONIES_PROCESS_ID": "42",
    }


def test_ranks_are_numbered_node_by_node():
    task = Task("1", "true", (), nodes=2, processes_per_node=3)
    variables = rank_variables(task, 4, 29500)
    assert {name: variables[name] for name in ("SLURM_PROCID", "SLURM_NODEID", "SLURM_LOCALID", "SLURM_NTASKS")} == {
        "SLURM_PROCID": "4",
        "SLURM_NODEID": "1",
        "SLURM_LOCALID": "1",
        "SLURM_NTASKS": "6",
    }
    assert (variables["RANK"], variables["WORLD_SIZE"], variables["LOCAL_RANK"]) == ("4", "6", "1")
    assert (variables["PMI_RANK"], variables["OMPI_COMM_WORLD_SIZE"]) == ("4", "6")


def test_a_single_rank_is_not_told_to_look_for_others():
    variables = rank_variables(Task("1", "true", ()), 0, 0)
    assert variables["SLURM_PROCID"] == "0"
    assert "WORLD_SIZE" not in variables
    assert "PMI_RANK" not in variables


def test_the_directory_of_this_file_is_not_a_mount():
    assert map_paths(str(Path(__file__)), "/cfs", "/r") == str(Path(__file__))
