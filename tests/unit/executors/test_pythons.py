from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from hosting import Host

from pollinator_magic.executors.process.pythons import Pythons
from tests.waiting import read_to_the_end


def make_wheel(directory, name, version, code):
    """Make an installable package of one module."""
    directory.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", code)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """The interpreter of a virtual environment with pip and with packages that only it has, one of them editable."""
    root = tmp_path_factory.mktemp("kernel env")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
    (packages,) = (root / "venv" / "lib").glob("*/site-packages")
    (packages / "onlykernel.py").write_text("where = 'kernel'")
    make_wheel(root / "wheels", "bee", "1.0", "version = 1")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", root / "venv" / "bin" / "python", "install", "-q", "--no-index",
         "--find-links", root / "wheels", "bee"],
        check=True,
    )  # fmt: skip
    (root / "develop").mkdir()
    (root / "develop" / "editable.py").write_text("where = 'develop'")
    (packages / "_develop.pth").write_text(f"{root / 'develop'}\n")
    pip = Path(subprocess.check_output([sys.executable, "-c", "import pip; print(pip.__path__[0])"], text=True).strip())
    (packages / "pip").symlink_to(pip)
    return str(root / "venv" / "bin" / "python")


@pytest.fixture
def trusting(tmp_path):
    host = Host(tmp_path / "fs", trust_python=True)
    make_wheel(host.engine.fs_dir / "wheels", "bee", "2.0", "version = 2")
    make_wheel(host.engine.fs_dir / "wheels", "wasp", "1.0", "name = 'wasp'")
    yield host
    host.engine.close()


INSTALL = "pip3 install -q --disable-pip-version-check --no-index --find-links /cfs/wheels"


def python(host, code, kernel, command="python3", **fields):
    return host.run(f"{command} -c", code, env={"POLLINATOR_PYTHON": kernel}, **fields)


@pytest.mark.parametrize("command", ["python", "python3", "/usr/bin/env python3"])
def test_python_is_the_kernels_with_its_packages(trusting, kernel, command):
    code = "import sys, onlykernel, editable; print(sys.executable, onlykernel.where, editable.where)"
    log, outcome = python(trusting, code, kernel, command)
    assert (log, outcome.error) == (f"{kernel} kernel develop\n", "")


def test_an_interpreter_named_by_a_job_is_not_used_unless_trusted(host, kernel):
    log, _ = python(host, "import sys; print(sys.executable)", kernel)
    assert kernel not in log


def test_an_interpreter_that_has_gone_is_said(trusting):
    _, outcome = python(trusting, "pass", "/no/such/python")
    assert "/no/such/python, is not there" in outcome.error


def test_pip_in_the_job_does_not_change_the_users_environment(trusting, kernel):
    log, outcome = trusting.run(f"{INSTALL} wasp", env={"POLLINATOR_PYTHON": kernel})
    assert outcome.error == "Exit status 1"
    assert "--pip NAME" in log
    log, outcome = trusting.run("pip list --disable-pip-version-check", env={"POLLINATOR_PYTHON": kernel})
    assert "bee" in log
    assert "wasp" not in log


def test_packages_of_the_init_command_come_on_top_of_the_kernels_and_leave_them_alone(trusting, kernel):
    code = "import bee, wasp, onlykernel, editable; print(bee.version, wasp.name, onlykernel.where)"
    log, outcome = python(trusting, code, kernel, init_command=f"{INSTALL} wasp 'bee>=2'")
    assert outcome.error == "", log
    assert log.splitlines()[-1] == "2 wasp kernel"
    log, _ = python(trusting, "import bee; print(bee.version)", kernel)
    assert log == "1\n"


def test_what_was_installed_once_is_used_again_without_installing(trusting, kernel):
    init = f"{INSTALL} wasp"
    python(trusting, "pass", kernel, init_command=init)
    for wheel in (trusting.engine.fs_dir / "wheels").iterdir():
        wheel.unlink()
    log, outcome = python(trusting, "import wasp; print(wasp.name)", kernel, init_command=init)
    assert (log, outcome.error) == (f"Already installed by an earlier job: {init}\nwasp\n", "")


def test_a_failed_installation_is_told_and_tried_again(trusting, kernel):
    init = f"{INSTALL} hornet"
    log, outcome = python(trusting, "pass", kernel, init_command=init)
    assert outcome.error == f"The init-cmd failed: {init}: exit status 1"
    assert "hornet" in log
    make_wheel(trusting.engine.fs_dir / "wheels", "hornet", "1.0", "")
    assert python(trusting, "import hornet", kernel, init_command=init)[1].error == ""


def test_two_jobs_that_install_the_same_at_once_share_one_environment(trusting, kernel):
    fields = {"init_command": f"{INSTALL} wasp", "env": {"POLLINATOR_PYTHON": kernel}}
    jobs = [trusting.start("python3 -c", "import sys, wasp; print(sys.prefix)", **fields) for _ in range(2)]
    logs = ["", ""]
    deadline = time.monotonic() + 60
    while any(job.poll() is None for job in jobs):
        assert time.monotonic() < deadline
        for number, job in enumerate(jobs):
            logs[number] += job.read(0.05).decode()
    for number, job in enumerate(jobs):
        rest, outcome = read_to_the_end(job)
        logs[number] += rest
        assert outcome.error == "", logs
        job.close()
    assert logs[0].splitlines()[-1] == logs[1].splitlines()[-1]
    assert logs[1].startswith("Waiting for another job that prepares the same environment.\n")


def test_an_init_command_that_does_more_than_install_runs_every_time(trusting, kernel):
    init = f"{INSTALL} wasp; echo again"
    for _ in range(2):
        log, outcome = python(trusting, "import wasp", kernel, init_command=init)
        assert (log.splitlines()[-1], outcome.error) == ("again", "")


def test_a_job_can_be_cancelled_while_it_waits_for_an_environment(trusting, kernel):
    fields = {"init_command": "sleep 60", "env": {"POLLINATOR_PYTHON": kernel}}
    first, second = (trusting.start("true", **fields) for _ in range(2))
    while first.read(0.05) or "Waiting" not in second.read(0.05).decode():
        pass
    for job in (second, first):
        job.cancel(grace_s=0.5)
        assert read_to_the_end(job, within_s=10)[1].error == "Cancelled."
        job.close()


def test_environments_that_nobody_uses_are_removed_after_a_month(tmp_path):
    pythons = Pythons(tmp_path)
    used, unused = (pythons.overlay(sys.executable, digest) for digest in ("a", "b"))
    for overlay in (used, unused):
        overlay.path.mkdir()
    used.mark_used()
    import os

    os.utime(unused.path, (1, 1))
    pythons.prune()
    assert used.path.exists()
    assert not unused.path.exists()
