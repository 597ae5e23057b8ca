"""What podman and docker are told: both understand it, and nothing of a job becomes an option."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.executors.container.commandline import (
    INIT,
    Names,
    Place,
    Rank,
    create_words,
    executor_name,
    left_out,
    list_words,
    process_of,
    qualified,
)
from pollinator_magic.executors.container.settings import ContainerSettings
from pollinator_magic.executors.engine import Task

BOTH_KNOW = {
    *("--cpus", "--device", "--entrypoint", "--env", "--gpus", "--hostname", "--label", "--log-driver", "--memory"),
    *("--memory-swap", "--mount", "--name", "--network", "--read-only", "--security-opt", "--stop-timeout", "--tmpfs"),
    *("--user", "--add-host"),
}
"""Options of `docker create` (24) that `podman create` has with the same meaning, read in the manuals of both."""
SWITCHES = {"--read-only"}
NAMES = Names("0a1b2c3d", "f" * 64, "12345678")


def place(tmp_path, **fields):
    own = {name: tmp_path / name for name in ("fs_dir", "job", "exports", "nothing")}
    return Place(**{**own, "home": None, **fields})


def words(tmp_path, *, settings=None, rank=None, **fields):
    named = {name: fields.pop(name) for name in ("network", "user", "devices") if name in fields}
    task = Task(**{"process_id": "f" * 64, "command": "echo", "args": (), **fields})
    rank = rank or Rank(0, tmp_path / "log", tmp_path / "end")
    settings = settings or ContainerSettings()
    return create_words(task, settings, NAMES, place(tmp_path), rank, image="sha256:abc", cores=4, **named)


def options(line):
    """Return the options before the image, each with its value."""
    found, rest = [], list(line[1 : line.index("sha256:abc")])
    while rest:
        name, *rest = rest
        if name in SWITCHES or "=" in name:
            found.append((name, ""))
        else:
            found.append((name, rest.pop(0)))
    return found


def mounts(line):
    return [
        dict(pair.partition("=")[::2] for pair in next(csv.reader([value])))
        for name, value in options(line)
        if name == "--mount"
    ]


def test_both_runtimes_know_every_option(tmp_path):
    settings = ContainerSettings(read_only=True, volumes=["/a:/b:ro"], gpu_option="--gpus")
    line = words(
        tmp_path, settings=settings, network="n", user="1:1", devices=("0",), memory_bytes=1 << 30, env={"A-B": "x"}
    )

    assert line[0] == "create"
    assert {name for name, _ in options(line)} <= BOTH_KNOW


def test_a_container_runs_the_same_script_whatever_the_job_is(tmp_path):
    hostile = Task(process_id="f" * 64, command="--privileged; rm -rf /", args=("-v", "/:/host"), env={"A": "$(id)"})

    line = words(tmp_path, **{field.name: getattr(hostile, field.name) for field in dataclasses.fields(hostile)})

    assert line[-4:] == ["sha256:abc", "/.pollinator/start.sh", "0", "0"]
    assert not any(text in word for word in line for text in ("rm -rf", "$(id)", "/host", "--privileged"))


@given(st.text(min_size=1), st.text())
def test_variables_that_shells_cannot_set_are_single_words(name, value):
    line = words(Path("/x"), env={name: value})

    given = [text for option, text in options(line) if option == "--env"]
    assert given in ([], [f"{name}={value}"])
    assert not given or name not in left_out({name: value})


def test_paths_with_commas_quotes_and_colons_stay_one_path(tmp_path):
    odd = '/a,b:c"d'
    line = create_words(
        Task(process_id="p", command="x", args=(), mount="/da,ta"),
        ContainerSettings(),
        NAMES,
        place(tmp_path, fs_dir=odd),
        Rank(0, tmp_path / "log", tmp_path / "end"),
        image="sha256:abc",
        cores=1,
    )

    assert {"type": "bind", "source": odd, "target": "/da,ta"} in mounts(line)
    assert {"type": "bind", "source": odd, "target": "/cfs"} in mounts(line)


def test_what_the_executor_keeps_beside_the_files_is_covered_at_every_mount(tmp_path):
    targets = [one["target"] for one in mounts(words(tmp_path, mount="/data"))]

    for mount in ("/cfs", "/data"):
        assert targets.index(f"{mount}/.executor") == targets.index(mount) + 1
    assert all("readonly" in one for one in mounts(words(tmp_path)) if one["target"].endswith("/.executor"))


def test_containers_gain_no_privileges(tmp_path):
    assert ("--security-opt", "no-new-privileges") in options(words(tmp_path))


def test_no_rank_gets_more_processors_than_there_are_and_memory_has_no_swap(tmp_path):
    found = dict(options(words(tmp_path, cpu_millis=64_000, memory_bytes=64 << 20, processes_per_node=4)))

    assert found["--cpus"] == "4"
    assert found["--memory"] == found["--memory-swap"] == str(16 << 20)
    assert dict(options(words(tmp_path, memory_bytes=1 << 20)))["--memory"] == str(6 << 20)  # docker's least


def test_a_job_that_nobody_ends_has_a_minute_more_than_its_walltime(tmp_path):
    assert words(tmp_path, walltime_s=600)[-1] == "660"


def test_accelerators_are_named_one_by_one_or_together(tmp_path):
    devices = ("nvidia.com/gpu=0", "nvidia.com/gpu=1")
    one_by_one = options(words(tmp_path, devices=devices))
    together = options(words(tmp_path, settings=ContainerSettings(gpu_option="--gpus"), devices=("0", "1")))

    assert [value for name, value in one_by_one if name == "--device"] == list(devices)
    assert ("--gpus", '"device=0,1"') in together


@pytest.mark.parametrize("network", ["host", "none"])
def test_in_a_network_without_addresses_the_names_of_nodes_are_this_host(tmp_path, network):
    found = options(words(tmp_path, network=network, nodes=2))

    assert [value for name, value in found if name == "--add-host"] == [
        f"{NAMES.host(node)}:127.0.0.1" for node in (0, 1)
    ]
    assert "--add-host" not in words(tmp_path, network="site", nodes=2)


def test_names_lead_back_to_the_process(tmp_path):
    executor = executor_name(tmp_path)
    for process_id in ("f" * 64, "with-dashes_and-more"):
        names = Names(executor, process_id, "12345678")
        for number in (0, 12, INIT):
            assert process_of(names.container(number), executor) == process_id
    assert process_of("somebody-elses", executor) == ""
    assert process_of(Names("00000000", "f" * 64, "12345678").container(0), executor) == ""


def test_the_question_for_all_containers_names_a_label(tmp_path):
    assert "label=pollinator.executor=x" in list_words("pollinator.executor=x")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("python:3.12", "docker.io/library/python:3.12"),
        ("team/tool", "docker.io/team/tool"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
        ("localhost/a", "localhost/a"),
        ("localhost:5000/a", "localhost:5000/a"),
    ],
)
def test_a_name_without_a_registry_means_docker_s(name, full):
    assert qualified(name) == full
