"""The home of an embedded colony: its keys stay private, its record tells the living from the dead."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pollinator_magic.errors import LocalColonyError, UsageError
from pollinator_magic.executors.sessions import birth
from pollinator_magic.local.colony import LocalColony, _environment
from pollinator_magic.local.database import Database, Facts
from pollinator_magic.local.home import DaemonRecord, Home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_made_once_and_only_the_user_can_read_them(tmp_path: Path):
    home = Home(tmp_path / "deep" / "home")

    keys = home.keys

    assert mode(home.root) == mode(home.keys_directory) == 0o700
    files = sorted(home.keys_directory.glob("*.key"))
    assert [path.stem for path in files] == ["executor", "owner", "server", "user"]
    assert {mode(path) for path in files} == {0o600}
    assert len({keys.server, keys.owner, keys.user, keys.executor}) == 4
    assert Home(home.root).keys.user.identity == keys.user.identity
    assert keys.user.reveal() not in repr(keys)


def test_in_a_directory_that_others_may_enter_the_colonys_things_are_still_the_users_alone(tmp_path: Path):
    tmp_path.chmod(0o755)
    home = Home(tmp_path)

    home.make()
    Database(home.database, Facts()).close()

    assert {mode(path) for path in (home.keys_directory, home.objects, home.cfs)} == {0o700}
    assert mode(home.database) == 0o600


def test_the_environment_names_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POLLINATOR_HOME", str(tmp_path / "here"))
    assert Home().root == tmp_path / "here"
    monkeypatch.delenv("POLLINATOR_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert "pollinator_magic" in str(Home().root)


def test_a_home_that_cannot_be_made_is_an_error_that_names_the_remedy(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(LocalColonyError, match="POLLINATOR_HOME"):
        LocalColony(tmp_path / "file" / "home").connection()


def test_a_record_is_alive_only_as_long_as_that_very_process():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        record = DaemonRecord(pid=process.pid, port=1, started=0, version="1", birth=birth(process.pid))
        assert record.alive
        assert not DaemonRecord(pid=process.pid, port=1, started=0, version="1", birth=birth(os.getpid())).alive
    finally:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
        assert not record.alive
        process.communicate()
    assert not record.alive


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}'])
def test_a_damaged_record_is_none(tmp_path: Path, content: bytes):
    (tmp_path / "daemon.json").write_bytes(content)

    assert Home(tmp_path).read_record() is None
    assert not LocalColony(tmp_path).status().running


def test_reset_wants_a_confirmation_and_spares_what_is_not_the_colonys(tmp_path: Path):
    colony = LocalColony(tmp_path)
    first = Home(tmp_path).keys.user.identity
    (tmp_path / "objects" / "pollinator").mkdir(parents=True)
    (tmp_path / "thesis.tex").write_text("mine")

    with pytest.raises(UsageError):
        colony.reset()
    assert (tmp_path / "objects").exists()
    colony.reset(confirmed=True)

    assert (tmp_path / "thesis.tex").read_text() == "mine"
    assert not (tmp_path / "objects").exists()
    assert Home(tmp_path).keys.user.identity != first


def test_the_daemon_inherits_no_keys_and_nothing_that_is_the_kernels_own(monkeypatch: pytest.MonkeyPatch):
    for name in ("COLONIES_PRVKEY", "AWS_S3_SECRETKEY", "MPLBACKEND", "JPY_PARENT_PID", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("PYTHONPATH", "relative")
    monkeypatch.setenv("USERS_OWN", "kept")

    environment = _environment()

    assert not [name for name in environment if name.startswith(("COLONIES", "AWS", "MPL", "JPY", "PYTHONST"))]
    assert environment["USERS_OWN"] == "kept"
    assert all(Path(path).is_absolute() for path in environment["PYTHONPATH"].split(os.pathsep))
