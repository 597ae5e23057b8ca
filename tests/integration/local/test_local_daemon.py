"""The daemon as a process of its own: starting once, dying without loss, stopping cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, Executor, File, FunctionSpec, ProcessState
from pollinator_magic.errors import LocalColonyError, PollinatorError
from pollinator_magic.local import colony as colony_module
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.home import Home
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pollinator_magic.settings import Connection


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalColony]:
    """An embedded colony that runs no jobs."""
    local = LocalColony(tmp_path / "home", with_executor=False)
    yield local
    local.stop()


def client_of(connection: Connection) -> Colonies:
    return Colonies(connection.server, connection.colony, connection.key, connect_timeout_s=5)


def pid_of(local: LocalColony) -> int:
    pid = local.status().pid
    assert pid
    return pid


def kill(local: LocalColony) -> None:
    process = psutil.Process(pid_of(local))
    process.kill()
    process.wait(10)


def test_the_first_connection_starts_the_colony_and_later_ones_find_it(local: LocalColony):
    assert not local.status().running
    connection = local.connection()

    with client_of(connection) as client:
        assert client.me().userid == connection.key.identity
    assert connection.embedded
    assert LocalColony(local.home).connection().server == connection.server
    status = local.status()
    assert status.running
    assert status.port == connection.server.port
    assert status.counts.waitingprocesses == 0
    assert status.disk_bytes > 0
    assert 0 < status.uptime_s < 60
    assert "serves" in local.logs()


def test_processes_that_start_it_at_the_same_time_get_the_same_daemon(local: LocalColony):
    code = (
        "import sys; from pathlib import Path; from pollinator_magic.local.colony import LocalColony;"
        "print(LocalColony(Path(sys.argv[1]), with_executor=False).connection().server.port)"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", code, str(local.home)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ports = {starter.communicate(timeout=60)[0].strip() for starter in starters}

    assert ports == {str(local.connection().server.port)}


def test_nothing_acknowledged_is_lost_when_the_daemon_is_killed(local: LocalColony):
    connection = local.connection()
    home = Home(local.home)
    with Colonies(connection.server, "local", home.keys.owner) as owner:
        owner.add_executor(
            Executor(executorid=home.keys.executor.identity, executorname="e", executortype="t", colonyname="local")
        )
        owner.approve_executor("e")
    with client_of(connection) as client:
        spec = FunctionSpec(funcname="f", maxexectime=-1, conditions=Conditions(colonyname="local", executortype="t"))
        process = client.submit(spec)
        file = client.add_file(File(colonyname="local", label="/l", name="n", checksum="c"))
        snapshot = client.create_snapshot("/l", "s")
    acknowledged: list[str] = []
    enough = threading.Event()

    def write() -> None:
        with Colonies(connection.server, "local", home.keys.executor) as runner:
            runner.assign(5)
            number = 0
            while True:
                try:
                    runner.add_log(process.processid, f"line {number}")
                except PollinatorError:
                    return
                acknowledged.append(f"line {number}")
                number += 1
                if number >= 200:
                    enough.set()

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    assert enough.wait(30)
    kill(local)
    again = local.connection()
    writer.join(60)

    with client_of(again) as client:
        entries: list[str] = []
        since = 0
        while page := client.logs(process.processid, since_ns=since):
            entries += [entry.message for entry in page]
            since = page[-1].timestamp
        assert entries[: len(acknowledged)] == acknowledged
        assert client.process(process.processid).status is ProcessState.RUNNING
        assert client.file(file.fileid).checksum == "c"
        assert client.snapshot(snapshot.snapshotid).fileids == [file.fileid]


def test_it_comes_back_on_the_same_port_or_on_another_if_that_is_taken(local: LocalColony):
    port = local.connection().server.port
    assert local.stop()
    assert local.connection().server.port == port
    local.stop()

    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", port))
        somebody.listen()
        connection = local.connection()
        assert connection.server.port != port
        with client_of(connection) as client:
            assert client.healthy()


def test_stopping_ends_the_process_and_says_whether_there_was_one(local: LocalColony):
    local.connection()
    process = psutil.Process(pid_of(local))

    assert local.stop()

    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert not local.stop()
    with pytest.raises(LocalColonyError, match="not running"):
        local.connection(start=False)
    assert "Told to stop" in local.logs()


def test_a_terminated_daemon_leaves_no_record(local: LocalColony):
    local.connection()
    os.kill(pid_of(local), signal.SIGTERM)

    eventually(lambda: Home(local.home).read_record() is None)


def test_a_daemon_whose_home_is_taken_from_it_ends(local: LocalColony):
    local.connection()
    process = psutil.Process(pid_of(local))

    (local.home / "daemon.json").unlink()

    eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_a_second_daemon_refuses_to_serve_the_same_home(local: LocalColony, monkeypatch: pytest.MonkeyPatch):
    from pollinator_magic.local import daemon

    local.connection()
    monkeypatch.setattr(daemon, "_PREDECESSOR_ENDS_WITHIN_S", 0.1)
    monkeypatch.setattr(daemon, "_log_to", lambda _path: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    assert daemon.main(["--home", str(local.home), "--no-executor"]) == 3
    assert local.status().running


def test_a_daemon_that_cannot_start_is_an_error_with_the_end_of_its_log(local: LocalColony):
    local.home.mkdir()
    (local.home / "colony.db").write_text("this is no database, but long enough to be taken for one" * 100)

    with pytest.raises(LocalColonyError, match="file is not a database"):
        local.connection()


def test_an_idle_daemon_of_another_version_is_replaced(local: LocalColony, monkeypatch: pytest.MonkeyPatch):
    local.connection()
    before = pid_of(local)
    monkeypatch.setattr(colony_module, "VERSION", "99")

    local._start()

    assert pid_of(local) != before


def test_a_daemon_of_another_version_that_has_work_goes_on(
    local: LocalColony, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with client_of(local.connection()) as client:
        client.submit(FunctionSpec(funcname="f", conditions=Conditions(colonyname="local", executortype="t")))
    before = pid_of(local)
    monkeypatch.setattr(colony_module, "VERSION", "99")

    local.connection()

    assert pid_of(local) == before
    assert "version 99 takes over" in caplog.text


def test_a_daemon_that_does_not_answer_is_named(local: LocalColony, monkeypatch: pytest.MonkeyPatch):
    local.connection()
    pid = pid_of(local)
    monkeypatch.setattr(colony_module, "_HEALTH_TIMEOUT_S", 0.2)
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    try:
        with pytest.raises(LocalColonyError, match=f"process {pid}"):
            LocalColony(local.home).connection()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_whoever_knew_the_colony_before_somebody_else_reset_it_gets_its_new_keys(local: LocalColony):
    before = local.connection()
    somebody = LocalColony(local.home, with_executor=False)
    somebody.reset(confirmed=True)
    somebody.connection()

    after = local.connection(start=False)

    assert after.key.identity != before.key.identity
    with client_of(after) as client:
        assert client.me().userid == after.key.identity


def test_reset_deletes_everything_and_the_next_connection_begins_anew(local: LocalColony):
    with client_of(local.connection()) as client:
        client.add_file(File(colonyname="local", label="/l", name="n"))

    local.reset(confirmed=True)

    assert not local.status().running
    with client_of(local.connection()) as client:
        assert client.labels() == []
