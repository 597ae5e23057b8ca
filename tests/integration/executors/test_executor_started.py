"""`pollinate executor start` as a program of its own, against a real colony: what it says, serves, and checks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import psutil
import pytest
from worksite import UNTIL_TOLD, Site, read_until, tell

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ExecutorState, ProcessState
from tests.commandline import WAIT_S, CommandLine
from tests.s3_server import running_s3
from tests.waiting import eventually

SETTINGS = """
[executor]
name = "{name}"
env-file = "colony.env"
fs-dir = "fs"
poll-s = 1
location = "under the desk"
{more}
[process]
cpu = "2"
grace-s = 0.5
"""


class Terminal:
    """A directory with settings and keys, and the program that is started there."""

    def __init__(self, site):
        self.site = site
        self.directory = site.directory
        self.own = site.environment(site.colony.user_key)
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("COLONIES_", "AWS_"))}
        self.call = CommandLine(self.directory, {**bare, "POLLINATOR_OBJECTS_DIR": ""})
        self.write()
        self.write_keys()

    def write(self, more=""):
        (self.directory / "host.toml").write_text(SETTINGS.format(name=self.site.host, more=more))

    def write_keys(self, **variables):
        said = {name: value for name, value in {**self.own, **variables}.items() if value is not None}
        file = self.directory / "colony.env"
        names = ("COLONIES_", "AWS_", "POLLINATOR_OBJECTS_DIR")
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}='{value}'\n" for name, value in said.items() if name.startswith(names)))

    @contextmanager
    def running(self, *words):
        """Start it and wait until it is registered; it is killed at the end if it has not ended by itself."""
        serving = self.call.start("executor", "start", "process", "--config", "host.toml", *words)
        try:
            eventually(lambda: self.registered() or serving.poll() is not None, within_s=WAIT_S)
            assert serving.poll() is None, serving.communicate()[1]
            yield serving
        finally:
            serving.kill()
            serving.communicate()

    def registered(self):
        registered = self.site.registered()
        return registered if registered and registered.status is ExecutorState.APPROVED else None

    def check(self, *words, **variables):
        return self.call("executor", "start", "process", "--config", "host.toml", "--check", *words, **variables)


@pytest.fixture
def terminal(site):
    return Terminal(site)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_S) as answer:
        lines = answer.read().decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_a_configured_executor_runs_jobs_logs_objects_serves_metrics_and_drains(site, terminal, port):
    terminal.write(f'metrics = "{port}"\nlog-format = "json"')
    with terminal.running() as serving:
        one = terminal.registered()
        first = site.submit("echo hello; exit 7")
        assert site.wait(first).status is ProcessState.FAILED
        assert site.log(first) == "hello\n"
        last = site.submit(UNTIL_TOLD)
        site.wait(last, state=ProcessState.RUNNING)
        eventually(lambda: metrics(port)["pollinator_executor_jobs_running"] == "1.0")
        counted = metrics(port)
        serving.send_signal(signal.SIGTERM)
        errors = read_until(serving, "Told to stop")
        tell(site)
        errors += serving.stderr.read()
        said = serving.stdout.read()
        serving.wait(WAIT_S)
    assert (one.place, one.executortype) == ("under the desk", "container-executor")
    assert site.wait(last).status is ProcessState.SUCCESS
    assert (serving.returncode, said) == (0, "")

    assert counted["pollinator_executor_jobs_taken_total"] == "2.0"
    assert counted['pollinator_executor_jobs_ended_total{state="failed"}'] == "1.0"
    assert float(counted["pollinator_executor_log_bytes_total"]) == len("hello\n")
    assert float(counted["pollinator_executor_polls_total"]) > 1
    assert float(counted["pollinator_executor_seconds_since_last_heard"]) < WAIT_S
    assert float(counted["process_resident_memory_bytes"]) > 1 << 20

    entries = [json.loads(line) for line in errors.splitlines()]
    assert {entry["executor"] for entry in entries} == {site.host}
    assert [entry["message"] for entry in entries if entry.get("process") == first] == [
        f"Process {first!r} begins.",
        f"Process {first!r} has ended: failed Exit status 7",
    ]
    assert any(entry["message"] == "Told to stop: finishing 1 processes." for entry in entries)


def test_an_executor_that_has_carried_files_to_and_from_s3_is_as_small_as_before(colony, tmp_path):
    """30 MiB more would be boto3's, which what an executor does every day does not need."""
    with running_s3() as s3:
        site = Site(colony, tmp_path, s3.settings())
        sources = {"main.sh": "cp $PROJECT_DIR/src/f* result; for file in result/*; do echo more >> $file; done"}
        sizes = {**{f"f{number}": 1000 * number for number in range(10)}, "f-large": 5_000_000, "f-parts": 20_000_000}
        fields, label = site.project(sources | {name: "x" * size for name, size in sizes.items()})
        with Terminal(site).running() as serving:
            for _ in range(2):
                process = site.wait(site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields))
                assert process.errors == []
                assert {name: len(text) for name, text in site.pull(label).items()} == {
                    name: size + len("more\n") for name, size in sizes.items()
                }
            idle = psutil.Process(serving.pid)
            eventually(lambda: idle.memory_info().rss < 60 * 1024 * 1024)
        site.close()


def test_no_key_is_in_the_log_at_any_level_nor_in_a_job(site, terminal):
    with terminal.running("--log-level", "debug") as serving:
        process = site.submit("env; echo printed")
        site.wait(process)
        serving.send_signal(signal.SIGTERM)
        said = "".join(serving.communicate(timeout=WAIT_S))
    log = site.log(process)
    own = (site.directory / "fs/.executor/executor.key").read_text()
    assert f"Process {process!r} begins." in said
    assert "printed" in log
    for key in (own, site.colony.owner_key.reveal(), site.colony.user_key.reveal()):
        assert key not in said
        assert key not in log


def test_an_executor_that_cannot_start_says_why_in_one_line(terminal, port):
    with terminal.running():
        again = terminal.call("executor", "start", "process", "--config", "host.toml")
    assert again.returncode == 2
    assert "Another executor is running with the directory" in again.stderr
    assert "Traceback" not in again.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        other = terminal.call("executor", "start", "process", "--config", "host.toml", "--metrics", str(port))
    assert other.returncode == 2
    assert "Give --metrics another address." in other.stderr


def test_who_reads_json_gets_nothing_else_when_it_cannot_work(terminal):
    terminal.write('log-format = "json"')
    terminal.write_keys(COLONIES_COLONY_PRVKEY=PrivateKey.generate().reveal())
    said = terminal.call("executor", "start", "process", "--config", "host.toml")
    *_, last = [json.loads(line) for line in said.stderr.splitlines()]
    assert (said.returncode, last["level"]) == (2, "error")
    assert "COLONIES_COLONY_PRVKEY" in last["message"]


def test_everything_that_is_wrong_with_the_settings_is_said_before_anything_happens(terminal):
    terminal.write("nme = 5")
    said = terminal.call("executor", "start", "process", "--config", "host.toml", "--cpu", "0", "--poll-s", "0")
    assert said.returncode == 2
    assert said.stderr.splitlines() == [
        "--poll-s must be a whole number from 1 to 60, not 0.",
        "host.toml: [executor] nme is not known. Did you mean 'name'?",
        "host.toml: [process] cpu: '0' is less than any executor grants. The least is 10m.",
    ]
    assert terminal.registered() is None
    assert not (terminal.directory / "fs").exists()


# --- checks -----------------------------------------------------------------------------------------------------------


def without_free_space(text):
    """Leave out how much space there is, which is not the test's to decide, and root's warning."""
    lines = [line for line in text.splitlines() if "GiB free" not in line and "Free some space" not in line]
    return [line for line in lines if "as root" not in line and "user of its own" not in line]


def test_a_check_of_what_is_right_says_so_and_changes_nothing(site, terminal, port):
    before = sorted(site.directory.rglob("*"))
    checked = terminal.check("--metrics", str(port))
    assert (checked.returncode, checked.stderr) == (0, "")
    lines = without_free_space(checked.stdout)
    assert lines.pop().startswith("The executor can be started")
    assert {line[0] for line in lines} == {"✓"}
    wanted = (f"server {site.colony.server} answers", "its owner's key", "object store", "will be made", "metrics at")
    assert all(any(text in line for line in lines) for text in wanted)
    assert terminal.registered() is None
    assert sorted(site.directory.rglob("*")) == before


def test_a_check_without_the_owners_key_wants_an_executor_that_is_registered_with_this_key(site, terminal):
    name = site.colony.colony
    terminal.write_keys(COLONIES_COLONY_PRVKEY=None)
    assert_wrong(terminal.check(), f"✗ colony {name!r} has no approved executor {site.host!r} with this key")

    terminal.write_keys(COLONIES_COLONY_PRVKEY=None, COLONIES_PRVKEY=site.colony.register(site.host).reveal())
    assert f"✓ colony {name!r}: {site.host!r} is registered with this key" in terminal.check().stdout

    terminal.write_keys(COLONIES_COLONY_PRVKEY=None, COLONIES_PRVKEY=site.colony.new_executor("other").key.reveal())
    assert_wrong(terminal.check(), f"✗ the executor {site.host!r} of colony {name!r} has another key than this")


def assert_wrong(checked, *lines):
    assert checked.returncode == 1
    assert "can be started" not in checked.stdout
    assert "has to be put right first" in checked.stderr
    assert "Traceback" not in checked.stderr
    for line in lines:
        assert line in checked.stdout, checked.stdout


@pytest.mark.embedded_colony(reason="its server is stopped")
def test_a_check_finds_a_server_that_is_away(site, terminal):
    site.colony.stop()
    try:
        assert_wrong(terminal.check(), f"✗ Colonies server {site.colony.server} does not answer")
    finally:
        site.colony.start()


def test_a_check_finds_an_owners_key_that_is_another(site, terminal):
    wrong = PrivateKey.generate()
    terminal.write_keys(COLONIES_COLONY_PRVKEY=wrong.reveal())
    checked = terminal.check()
    assert_wrong(checked, f"✗ the key is not accepted for colony {site.colony.colony!r}")
    assert wrong.reveal() not in checked.stdout + checked.stderr


def test_a_check_finds_a_colony_that_there_is_not(terminal):
    terminal.write_keys(COLONIES_COLONY_NAME="nowhere")
    assert_wrong(terminal.check(), "✗ the key is not accepted for colony 'nowhere'", "There is no colony 'nowhere'")


def test_a_check_finds_keys_that_others_can_read(terminal):
    (terminal.directory / "colony.env").chmod(0o644)
    assert_wrong(terminal.check(), "✗ the colony and its keys are not set", "chmod 600")


def test_a_check_finds_that_nothing_says_which_colony(terminal):
    (terminal.directory / "colony.env").write_text("")
    assert_wrong(terminal.check(), "✗ the colony and its keys are not set", "COLONIES_SERVER_HOST")


def test_a_check_finds_a_directory_that_another_executor_uses(terminal):
    with terminal.running():
        assert_wrong(terminal.check(), "is used by another executor that is running")


def test_a_check_finds_a_directory_that_cannot_be_made(terminal):
    (terminal.directory / "fs").write_text("a file")
    assert_wrong(terminal.check(), f"✗ directory {terminal.directory / 'fs'} cannot be written")


def test_a_check_finds_an_object_store_that_cannot_be_used(terminal):
    terminal.write_keys(POLLINATOR_OBJECTS_DIR=str(terminal.directory / "nowhere"))
    assert_wrong(terminal.check(), f"✗ object store: {terminal.directory / 'nowhere'}")


def test_a_check_finds_an_object_store_that_does_not_answer(terminal, port):
    terminal.write_keys(
        POLLINATOR_OBJECTS_DIR="",
        AWS_S3_ENDPOINT=f"127.0.0.1:{port}",
        AWS_S3_ACCESSKEY="a",
        AWS_S3_SECRETKEY="b",
        AWS_S3_BUCKET="c",
        AWS_S3_TLS="false",
    )
    assert_wrong(terminal.check(), f"✗ object store: bucket 'c' at 127.0.0.1:{port}")


def test_a_check_finds_an_address_for_metrics_that_is_taken(terminal):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_wrong(terminal.check("--metrics", str(port)), f"✗ metrics at 127.0.0.1, port {port}")


def test_a_missing_package_for_metrics_is_named_by_check_and_start(terminal, port):
    """In an interpreter that finds everything but that package."""
    program = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from pollinator_magic.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = ["executor", "start", "process", "--config", "host.toml", "--metrics", str(port)]
    for more, code in ((["--check"], 1), ([], 2)):
        ran = subprocess.run(
            [sys.executable, "-c", program, *words, *more],
            cwd=terminal.directory,
            env=dict(terminal.call.environment),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert ran.returncode == code
        assert "pip install 'pollinator-magic[metrics]'" in ran.stdout + ran.stderr
