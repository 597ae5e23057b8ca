from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests import tools

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are those of POSIX systems")


@pytest.fixture
def packager(tmp_path, monkeypatch):
    """A stand-in of apt-get that writes down how it is called, and whether services may start meanwhile."""
    policy = tmp_path / "policy-rc.d"
    notes = tmp_path / "notes"
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n{policy}\necho "$? $DEBIAN_FRONTEND $*" >> {notes}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setattr(tools, "POLICY", policy)
    return notes


def test_what_is_missing_is_installed_and_no_service_starts(packager):
    tools.install(["bubblewrap", "busybox-static"])
    assert packager.read_text().splitlines() == [
        "101 noninteractive update -q",
        "101 noninteractive install -qy --no-install-recommends bubblewrap busybox-static",
    ]
    assert not tools.POLICY.exists()


def test_whoever_answers_already_whether_services_may_start_goes_on(packager):
    tools.POLICY.write_text("#!/bin/sh\nexit 7\n")
    tools.POLICY.chmod(0o755)
    tools.install(["bubblewrap"])
    assert packager.read_text().startswith("7 ")
    assert tools.POLICY.read_text().endswith("exit 7\n")


def test_without_the_rights_it_is_said_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(tools, "PACKAGES", {"no-such-program": "no-such-package"})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert tools.main() == 1
    said = capsys.readouterr().err
    assert "no-such-package" in said
    assert "sudo" in said


def test_make_test_installs_them_before_the_tests():
    lines = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8").splitlines()
    recipe = [line.strip() for line in lines[lines.index("test: lint") :]]
    assert recipe.index("$(BIN)/python tests/tools.py") < recipe.index("$(BIN)/pytest -n auto --dist loadfile")
