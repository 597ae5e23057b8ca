"""Other users of the machine have no part in an embedded colony, wherever its home lies."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from private import IS_ROOT, NOBODY, as_nobody, exposed

from pollinator_magic.errors import LocalColonyError
from pollinator_magic.executors.storedkey import stored_key
from pollinator_magic.jobs import Session
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.home import Home
from pollinator_magic.project import Project
from tests.jobs import run

PROGRAM = """
import os
open("result/out.txt", "w").write("x")
os.chmod("result/out.txt", 0o666)
print("said")
"""
CHILDREN = ("keys", "objects", "cfs", "colony.db", "keys/user.key", "daemon.log", "limits.yaml")


@pytest.fixture(scope="module")
def open_place():
    """A directory that everybody may enter, as below /tmp or on a shared disk."""
    place = Path(tempfile.mkdtemp(prefix="open-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def used(open_place):
    """A home that everybody could write to before it became one, after a job with files and S3."""
    home, project = open_place / "home", open_place / "project"
    for directory in (home, project):
        directory.mkdir()
    home.chmod(0o777)
    local = LocalColony(home)
    try:
        with Session(local.connection()) as session:
            local.serve_objects()
            job = run(session, Project.create(project, "local"), PROGRAM)
            assert job.results["out.txt"].bytes() == b"x"
        yield home
    finally:
        local.stop()


def test_after_a_job_nobody_else_can_read_or_list_or_connect_to_anything(used):
    assert list(exposed(used)) == []
    assert stat.S_IMODE(used.stat().st_mode) == 0o755


def test_another_user_who_tries_everything_sees_nothing(used):
    everything = [path for path in used.rglob("*") if not path.is_dir()]
    kinds = {"keys", "objects", "cfs", "colony.db", "daemon.log", "daemon.out", "daemon.json"}
    assert kinds <= {path.relative_to(used).parts[0] for path in everything}
    assert [path for path in everything if path.is_socket()]
    assert all(stat.S_IMODE((used / kind).stat().st_mode) & 0o077 == 0 for kind in kinds)
    if IS_ROOT:
        assert as_nobody("ls", "-d", used) == f"{used}\n"
        assert as_nobody("cat", "--", *everything) == ""
        assert as_nobody("find", used, "-mindepth", "2") == ""
        assert as_nobody("find", used, "-mindepth", "1", "(", "-readable", "-o", "-writable", ")") == ""


def foreign(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file belong to another user; where the tests may not do that, let us be another one."""
    if IS_ROOT:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)


def test_a_home_of_another_user_is_refused(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    foreign(tmp_path / "home", monkeypatch)

    with pytest.raises(LocalColonyError, match=r"belongs to another user.*POLLINATOR_HOME"):
        LocalColony(tmp_path / "home").connection()
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize("name", CHILDREN)
def test_what_another_user_has_put_into_a_home_is_refused(tmp_path, monkeypatch, name):
    home = Home(tmp_path / "home")
    assert home.keys
    (home.root / name).touch()
    foreign(home.root / name, monkeypatch)

    with pytest.raises(LocalColonyError, match="belongs to another user"):
        _ = Home(home.root).keys


def test_a_link_that_another_user_has_put_in_the_place_of_the_keys_is_refused(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    assert home.keys
    home.keys_directory.rename(tmp_path / "keys")
    home.keys_directory.symlink_to(tmp_path / "keys")
    assert Home(home.root).keys.user == home.keys.user  # one's own links are one's own matter
    foreign(home.keys_directory, monkeypatch)

    with pytest.raises(LocalColonyError, match="belongs to another user"):
        _ = Home(home.root).keys


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777])
def test_a_home_into_which_others_could_write_is_closed_to_their_writing(tmp_path, mode):
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.root.chmod(mode)

    assert home.keys

    assert stat.S_IMODE(home.root.stat().st_mode) == mode & ~0o022


def test_what_was_open_in_a_home_is_closed(tmp_path):
    home = Home(tmp_path / "home")
    assert home.keys
    for path in (*home.root.iterdir(), *home.keys_directory.iterdir()):
        path.chmod(0o777)

    assert Home(home.root).keys.user == home.keys.user
    assert list(exposed(home.root)) == []


def test_roots_own_directory_is_used_unless_everybody_may_write_in_it(tmp_path, monkeypatch):
    """As where a container mounts one; the sticky bit keeps what is one's own."""
    home = Home(tmp_path / "home")
    assert home.keys
    monkeypatch.setattr("pollinator_magic.local.home._ROOT", os.getuid())
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    for mode, fine in ((0o755, True), (0o1777, True), (0o777, False)):
        home.root.chmod(mode)
        if fine:
            home.make()
        else:
            with pytest.raises(LocalColonyError, match="everybody can change"):
                home.make()


def test_the_key_of_an_executor_and_its_directory_are_its_users_alone(tmp_path):
    tmp_path.chmod(0o755)
    file = tmp_path / "executor" / ".executor" / "executor.key"

    assert stored_key(file) == stored_key(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
