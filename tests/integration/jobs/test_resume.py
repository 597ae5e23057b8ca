"""Following that stops and goes on, in another process too, and rich outputs of a real job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scripted_executor import WAIT_S, text_of

from pollinator_magic.jobs import Displayed, Job, LogText, Raised, StateChanged, submit
from pollinator_magic.jobs.position import Position, position_file
from pollinator_magic.project import Project
from pollinator_magic.runner import wire
from tests.jobs import run
from tests.place import environment

if TYPE_CHECKING:
    from pollinator_magic.colonies.client import Colonies

LISTENER = """
import sys
from pollinator_magic.jobs import Job, LogText, Session
from pollinator_magic.project import Project
from pollinator_magic.settings import connection_from_environment

session = Session(connection_from_environment())
for event in Job(session, session.find_process(sys.argv[1]), Project.open(sys.argv[2])).follow(resume=True):
    if isinstance(event, LogText):
        sys.stdout.write(event.text)
        sys.stdout.flush()
"""

OUTPUTS = """
import sys
import wire

print('begin', flush=True)
payload = {'data': {'image/png': 'iVBO' * 20_000, 'text/plain': '<Figure>'}, 'display_id': 'figure'}
sys.stdout.write(wire.encode(wire.DISPLAY, payload, '[picture]', '0a1b2c3d'))
sys.stdout.flush()
print('between', flush=True)
stored = {'file': '.pollinator/outputs/1.json', 'types': ['text/html'], 'size': 9}
sys.stdout.write(wire.encode(wire.STORED, stored, '[page]', '00000001'))
error = {'name': 'ValueError', 'value': 'no good', 'traceback': 'ValueError: no good', 'line': 3}
sys.stdout.write(wire.encode(wire.RAISED, error, 'ValueError: no good', '00000002'))
sys.exit(1)
"""


@pytest.fixture(scope="session")
def storage(colony):
    return colony.any_storage


@pytest.fixture
def own(user, scripted, tmp_path) -> Project:
    """A project for processes of the scripted executor."""
    return Project.create(tmp_path / "own", scripted.name)


def of_project(user, job: Job, project: Project) -> Job:
    """The job as another process takes it up."""
    return Job(user, job.process, Project.open(project.root))


def kept(project: Project, job: Job) -> str:
    return (project.log / f"{job.id}.log").read_text()


def test_outputs_that_a_job_writes_arrive_in_their_place(session, project):
    (project.src / "wire.py").write_text(Path(wire.__file__).read_text())
    job = submit(session, project, source=OUTPUTS)

    events = [event for event in job.follow() if not isinstance(event, StateChanged)]

    shown = [event for event in events if not isinstance(event, LogText)]
    assert [type(event) for event in shown] == [Displayed, Displayed, Raised]
    assert shown[0].data == {"image/png": "iVBO" * 20_000, "text/plain": "<Figure>"}
    assert (shown[0].text, shown[0].display_id) == ("[picture]", "figure")
    assert shown[1].file == ".pollinator/outputs/1.json"
    assert (shown[2].name, shown[2].value, shown[2].line) == ("ValueError", "no good", 3)
    assert text_of(events[: events.index(shown[0])]).endswith("begin\n")
    assert text_of(events[events.index(shown[0]) : events.index(shown[1])]) == "between\n"
    assert list(job.log)[-4:] == ["begin", "[picture]", "between", "[page]", "ValueError: no good"][-4:]
    assert kept(project, job) == str(job.log)
    assert "\x1b" not in str(job.log)


def test_an_interrupted_reader_goes_on_without_a_gap_or_a_repeat(user, hand, submit, own):
    job = Job(user, submit(), own)
    hand.assign(10)
    outputs = wire.encode(wire.DISPLAY, {"data": {}}, "[picture]", "0a1b2c3d")
    for number in range(20):
        hand.add_log(job.id, f"{number}\n{outputs}")
    seen: list = []

    def follow_and_be_interrupted() -> None:
        for event in of_project(user, job, own).follow(resume=True):
            seen.append(event)
            if len(seen) % 5 == 0:
                raise KeyboardInterrupt

    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            follow_and_be_interrupted()
    hand.close_successful(job.id)
    seen += of_project(user, job, own).follow(resume=True)

    assert [event.text for event in seen if not isinstance(event, StateChanged)] == [
        text for number in range(20) for text in (f"{number}\n", "[picture]")
    ]
    assert kept(own, job) == "".join(f"{number}\n[picture]\n" for number in range(20))
    assert Position.load(position_file(own, job.id)).complete


def test_a_reader_that_is_told_to_stop_goes_on_without_a_gap_or_a_repeat(user, hand, submit, own):
    job, stop, seen = Job(user, submit(), own), threading.Event(), []
    hand.assign(10)
    for number in range(50):
        hand.add_log(job.id, f"{number}\n")

    for event in job.follow(stop=stop):
        seen.append(event)
        if text_of(seen).count("\n") == 17:
            stop.set()
    hand.close_successful(job.id)
    rest = list(of_project(user, job, own).follow(resume=True))

    assert text_of(seen) == "".join(f"{number}\n" for number in range(17))
    assert text_of(rest) == "".join(f"{number}\n" for number in range(17, 50))


def test_what_was_silent_for_a_while_is_recorded_without_being_closed(user, hand, submit, own):
    job, stop = Job(user, submit(), own), threading.Event()
    hand.assign(10)
    hand.add_log(job.id, "one\n")
    following = threading.Thread(target=lambda: list(job.follow(stop=stop)), name="follow")
    following.start()
    try:
        deadline = time.monotonic() + WAIT_S
        for length in (4, 8):
            while (position := Position.load(position_file(own, job.id))) is None or position.length < length:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            hand.add_log(job.id, "two\n")
    finally:
        stop.set()
        following.join(WAIT_S)


def test_after_a_kill_another_process_goes_on_at_the_last_record_and_nothing_is_missing(user, hand, submit, own):
    job = Job(user, submit(), own)
    hand.assign(10)
    listener = subprocess.Popen(
        [sys.executable, "-c", LISTENER, job.id, str(own.root)],
        env=environment(user.connection),
        stdout=subprocess.PIPE,
        text=True,
    )
    talking = Talker(hand, job.id)
    try:
        shown = ""
        while shown.count("\n") < 300:
            shown += listener.stdout.readline()
        os.kill(listener.pid, signal.SIGKILL)
        shown += listener.stdout.read()
    finally:
        listener.kill()
        listener.wait()
        listener.stdout.close()
        said = talking.stop()
    recorded = Position.load(position_file(own, job.id))
    hand.close_successful(job.id)

    rest = text_of(list(of_project(user, job, own).follow(resume=True)))

    assert recorded.length > 0
    assert said.endswith(rest)
    begun = len(said) - len(rest)
    assert begun == recorded.length  # every event is one entry here, so nothing was given out since
    assert begun <= len(shown)  # no gap
    assert said.startswith(shown)
    assert kept(own, job) == said


class Talker:
    """Writes to a log as fast as it can, in a thread."""

    def __init__(self, hand: Colonies, process_id: str) -> None:
        self._hand, self._process_id = hand, process_id
        self._said: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talker")
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._said.append(f"{len(self._said)}\n")
            self._hand.add_log(self._process_id, self._said[-1])

    def stop(self) -> str:
        self._stop.set()
        self._thread.join()
        return "".join(self._said)


def test_following_anew_begins_at_the_beginning(session, project):
    job = run(session, project, "print('once')")

    first, second = text_of(list(job.follow())), text_of(list(job.follow()))

    assert first == second
    assert kept(project, job) == first
    assert text_of(list(job.follow(resume=True))) == ""
