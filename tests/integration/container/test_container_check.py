"""What --check says of containers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pollinator_magic.executors import kinds
from pollinator_magic.executors.container.check import check
from pollinator_magic.executors.container.settings import ContainerSettings
from tests.tools import find

NO_DAEMON = """#!/bin/sh
# The real docker, whose daemon does not run.
exec {docker} --host unix:///no/such/socket "$@"
"""
CONFINED = """#!/bin/sh
# A STAND-IN for a podman that cannot start containers: the real one but for `run`, which says what it says then.
case $1 in
run) echo 'Error: crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted: OCI permission denied' >&2; exit 126 ;;
*) exec {podman} "$@" ;;
esac
"""


def script(directory, name, text):
    file = directory / name
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


def found(settings, directory):
    return {finding.what: finding for finding in check(settings, directory)}


def one(findings, part):
    (finding,) = [finding for what, finding in findings.items() if part in what]
    return finding


def test_the_kind_is_found_by_its_name():
    kind = kinds.kind("container")

    assert kind.settings is ContainerSettings
    assert kind.make(ContainerSettings(), Path("/x")).durable


def test_one_that_works_is_found_to_do_so_and_nothing_is_changed(runtime, tmp_path):
    before = (runtime.containers(), runtime.images(), runtime.networks())

    findings = found(runtime.settings(), tmp_path / "fs")

    assert [finding.good for what, finding in findings.items() if re.match(rf"{runtime.name} \d", what)] == [True]
    assert one(findings, "a container of localhost/test/python:1 runs").good
    assert one(findings, "limited by cgroups").good
    assert not [finding for finding in findings.values() if finding.fatal and not finding.good]
    assert (runtime.containers(), runtime.images(), runtime.networks()) == before
    assert not (tmp_path / "fs").exists()


def test_what_is_worth_a_look_is_no_obstacle(runtime, tmp_path):
    findings = found(runtime.settings(), tmp_path)

    for part in ("each container is a whole copy of its image", "jobs run as root"):
        assert not one(findings, part).good
        assert not one(findings, part).fatal
        assert one(findings, part).remedy.endswith(".")


def test_without_an_image_nothing_is_tried(runtime, tmp_path):
    assert one(found(runtime.settings(image=""), tmp_path), "was not tried").good
    assert one(found(runtime.settings(image="no/such:1"), tmp_path), "the image no/such:1 is not here yet").good


@pytest.mark.parametrize("program", ["/no/such/podman", "auto"])
def test_a_runtime_that_is_not_there_is_told(tmp_path, monkeypatch, program):
    monkeypatch.setenv("PATH", str(tmp_path))

    (finding,) = check(ContainerSettings(runtime=program), tmp_path)

    assert not finding.good
    assert finding.fatal
    assert "installed" in finding.what
    assert "Install podman" in finding.remedy


def test_a_daemon_that_does_not_answer_is_told(tmp_path):
    (finding,) = check(
        ContainerSettings(runtime=script(tmp_path, "docker", NO_DAEMON.format(docker=find("docker")))), tmp_path
    )

    assert "Cannot connect to the Docker daemon" in finding.what
    assert finding.fatal
    assert finding.remedy.startswith("Start the docker daemon")


def test_a_root_that_may_not_raise_limits_is_told_what_to_do(podman, tmp_path):
    program = script(tmp_path, "podman", CONFINED.format(podman=podman.program))

    finding = one(found(podman.settings(runtime=program), tmp_path), "does not run")

    assert finding.fatal
    assert "containers.conf" in finding.remedy


def test_a_volume_that_is_not_there_is_told(podman, tmp_path):
    findings = found(podman.settings(volumes=[f"{tmp_path}/none:/x:ro"]), tmp_path)

    assert one(findings, f"volume {tmp_path}/none is not there").fatal


def test_jobs_that_do_not_run_as_root_are_not_warned_of(podman, tmp_path):
    assert not [what for what in found(podman.settings(user="1000:1000"), tmp_path) if "root of this host" in what]
