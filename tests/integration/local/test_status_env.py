"""`local status --env`: what it takes to use other tools on the embedded colony, and no key where it would stay."""

from __future__ import annotations

import os
import pty
import shlex
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.environment import Environment
from pollinator_magic.local.home import DaemonRecord, Home
from pollinator_magic.settings import connection_from_environment, read_env_file
from tests.commandline import PROGRAM, CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATUS = ("local", "status", "--env")


@pytest.fixture
def pollinate(tmp_path: Path) -> CommandLine:
    """A terminal of somebody who has an embedded colony, and no other one."""
    own = ("COLONIES_", "AWS_", "POLLINATOR_", "COLONYOS_", "JPY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return CommandLine(tmp_path, {**kept, "POLLINATOR_HOME": str(tmp_path / "home")})


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalColony]:
    """The colony that the terminal starts; it runs no jobs."""
    local = LocalColony(tmp_path / "home", with_executor=False)
    yield local
    local.stop()


def keys_of(local: LocalColony) -> list[str]:
    return list(local.environment().keys.values())


def test_a_shell_that_evaluates_it_is_on_the_embedded_colony_with_its_files(pollinate, local):
    program = " ".join(map(shlex.quote, PROGRAM))
    script = f'eval "$({program} local status --env --keys)" && {program} status && env | grep -e TLS -e NAME'

    ran = subprocess.run(
        ["sh", "-c", script],
        cwd=pollinate.directory,
        env={**pollinate.environment, "COLONIES_SERVER_HTTP_PORT": "1", "AWS_S3_TLS": "true"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    status = local.status()
    assert f"local at 127.0.0.1:{status.port}" in ran.stdout
    assert f"bucket 'pollinator' at 127.0.0.1:{status.s3_port}" in ran.stdout
    for line in ("COLONIES_TLS=false", "COLONIES_SERVER_TLS=false", "AWS_S3_TLS=false", "COLONIES_COLONY_NAME=local"):
        assert line in ran.stdout.splitlines()


def test_keys_are_shown_only_when_they_are_asked_for(pollinate, local):
    without, with_keys = pollinate(*STATUS), pollinate(*STATUS, "--keys")
    keys = keys_of(local)

    assert len(keys) == 5
    assert not [key for key in keys if key in without.stdout + without.stderr]
    assert "# COLONIES_PRVKEY: with --keys" in without.stdout
    assert all(f"={key}\n" in with_keys.stdout for key in keys)
    assert not [key for key in keys if key in with_keys.stderr]


def test_a_file_of_it_is_for_the_user_only_and_connects(pollinate, local, tmp_path):
    file = tmp_path / "local.env"

    wrote = pollinate(*STATUS, "--keys", "--to", str(file))
    connected = pollinate("connect", str(file))

    assert (wrote.returncode, connected.returncode) == (0, 0), wrote.stderr + connected.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [key for key in keys_of(local) if key in wrote.stdout + wrote.stderr + connected.stdout]
    assert "Connected to colony 'local'" in connected.stdout


def test_a_notebook_is_told_where_to_ask_for_keys(pollinate, local, tmp_path):
    """In a cell, and as a `!command` of one, which sees a terminal of the kernel's."""
    cell = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from pollinator_magic.errors import UsageError\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'pollinator_magic')\n"
        "try: shell.run_line_magic('pollinator', 'local status --env --keys')\n"
        "except UsageError as refusal: print(refusal)\n"
        "shell.run_line_magic('pollinator', 'local status --env --keys --to here.env')\n"
    )
    in_a_cell = subprocess.run(
        [sys.executable, "-c", cell],
        cwd=tmp_path,
        env=pollinate.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    ours, its = pty.openpty()
    command = subprocess.run(
        [*PROGRAM, *STATUS, "--keys"],
        env={**pollinate.environment, "JPY_PARENT_PID": "1"},
        stdout=its,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(its)
    os.close(ours)

    assert "in a terminal" in in_a_cell.stdout
    assert "here.env" in in_a_cell.stdout
    assert command.returncode == 2
    assert "in a terminal" in command.stderr
    assert not [key for key in keys_of(local) if key in in_a_cell.stdout + in_a_cell.stderr + command.stderr]
    assert connection_from_environment(read_env_file(tmp_path / "here.env")).colony == "local"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "--keys"), "--env"),
        (("status", "--to", "file"), "--env"),
        (("start", "--env"), "local status"),
        (("status", "--s3"), "local start"),
        (("stop", "--no-s3"), "local start"),
    ],
)
def test_options_that_do_not_go_together_are_named(pollinate, words, said):
    refused = pollinate("local", *words)

    assert refused.returncode == 2
    assert said in refused.stderr
    assert not (pollinate.directory / "home").exists()


def test_a_file_that_cannot_be_written_is_named(pollinate, local, tmp_path):
    refused = pollinate(*STATUS, "--to", str(tmp_path / "missing" / "local.env"))

    assert refused.returncode == 2
    assert "Cannot write" in refused.stderr


def test_s3_is_shown_in_the_status_and_can_be_turned_off(pollinate, local):
    started = pollinate("local", "start", "--s3")
    stopped = pollinate("local", "start", "--no-s3")

    assert "bucket 'pollinator'" in started.stdout
    assert "objects," in started.stdout
    assert "bucket" not in stopped.stdout


def test_a_shell_and_connect_read_the_same_from_odd_paths(tmp_path):
    odd, odder = tmp_path / "it's # here", tmp_path / 'it\'s "a" $HOME `here` \\ #1'
    (tmp_path / "file").write_text(variables_of(odd))

    assert read_by_a_shell(odd) == str(odd / "objects")
    assert read_by_a_shell(odder) == str(odder / "objects")
    assert read_env_file(tmp_path / "file")["POLLINATOR_OBJECTS_DIR"] == str(odd / "objects")


def variables_of(root: Path) -> str:
    return Environment.of(Home(root), DaemonRecord(pid=1, port=1, started=1, version="")).text(with_keys=False)


def read_by_a_shell(root: Path) -> str:
    script = f'{variables_of(root)}\nprintf %s "$POLLINATOR_OBJECTS_DIR"'
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
