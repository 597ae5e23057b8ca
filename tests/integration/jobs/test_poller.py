"""Jobs that nobody follows in the foreground: one thread, few requests, and all that following would give."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from scripted_executor import WAIT_S, Heard, asked_of, states_of, text_of

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import NotFound
from pollinator_magic.jobs import ConnectionBack, ConnectionLost, Displayed, Job, LogText, Session, StateChanged
from pollinator_magic.project import Project
from pollinator_magic.runner.wire import DISPLAY, encode
from pollinator_magic.settings import Connection
from tests.colony_server import running_colony
from tests.place import environment

if TYPE_CHECKING:
    from pathlib import Path

RUNNING, SUCCESS = ProcessState.RUNNING, ProcessState.SUCCESS
PICTURE = encode(DISPLAY, {"data": {"image/png": "AAAA" * 3000}}, "[picture]", "0a1b2c3d")


def polling_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pollinator-poller"]


def ends(thread: threading.Thread) -> bool:
    thread.join(WAIT_S)
    return not thread.is_alive()


def is_running(events: list) -> bool:
    return RUNNING in states_of(events)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", "scripted")


def test_a_watched_job_gives_what_following_would(user, hand, submit, project):
    job, heard = Job(user, submit(), project), Heard()
    user.poller.watch(job, heard)
    hand.assign(10)
    heard.wait_for(is_running)
    for piece in ("before\n", PICTURE[:100], PICTURE[100:], "after\n"):
        hand.add_log(job.id, piece)
    heard.wait_for(lambda events: "after" in text_of(events))
    hand.add_log(job.id, "the last words")
    hand.close_successful(job.id)
    heard.wait()

    assert states_of(heard.events) == [ProcessState.WAITING, RUNNING, SUCCESS]
    assert text_of(heard.events) == "before\nafter\nthe last words"
    assert [event.text for event in heard.events if isinstance(event, Displayed)] == ["[picture]"]
    assert isinstance(heard.events[-1], StateChanged)
    assert job.succeeded
    assert (project.log / f"{job.id}.log").read_text() == str(job.log) == "before\n[picture]\nafter\nthe last words"
    assert list(Job(user, job.process, project).follow(resume=True)) == [StateChanged(job.process)]


def test_a_job_that_has_ended_gives_its_log_and_its_final_state(user, hand, submit):
    job, heard = Job(user, submit()), Heard()
    hand.assign(10)
    for number in range(1203):
        hand.add_log(job.id, f"{number}\n")
    hand.close_failed(job.id, ["Exit status 3"])
    job.refresh()
    user.poller.watch(job, heard)
    heard.wait()

    assert text_of(heard.events).split() == [str(number) for number in range(1203)]
    assert states_of(heard.events) == [ProcessState.FAILED]


def test_fifty_jobs_cost_one_thread_and_two_requests_a_second_while_nothing_happens(user, hand, submit):
    jobs = [Job(user, submit()) for _ in range(50)]
    for _ in jobs[:45]:
        hand.assign(10)
    heard = [Heard() for _ in jobs]
    before = set(threading.enumerate())
    for job, listener in zip(jobs, heard, strict=True):
        user.poller.watch(job, listener)
    for listener in heard[:45]:
        listener.wait_for(is_running)
    (new,) = set(threading.enumerate()) - before
    assert new.name == "pollinator-poller"
    assert {thread for listener in heard for thread in listener.threads} == {new}

    quiet = threading.Event()
    assert not quiet.wait(4)  # their logs have been asked for once
    sent, begun = user.client.rpc.requests, time.monotonic()
    assert not quiet.wait(10)
    assert user.client.rpc.requests - sent <= 2 * (time.monotonic() - begun) + 1

    running = [listener for listener in heard if is_running(listener.events)]
    ending = jobs[heard.index(running[7])]
    hand.add_log(ending.id, "done\n")
    hand.close_successful(ending.id)
    running[7].wait()
    assert text_of(running[7].events) == "done\n"
    assert polling_threads() == [new]


def test_states_alone_need_no_log(user, hand, submit, project):
    job, heard = Job(user, submit(), project), Heard()
    user.poller.watch(job, heard, log=False)
    hand.assign(10)
    hand.add_log(job.id, "not asked for\n")
    hand.close_successful(job.id)
    heard.wait()

    assert text_of(heard.events) == ""
    assert heard.events[-1].state is SUCCESS
    assert not (project.log / f"{job.id}.log").exists()


def test_a_job_that_is_cancelled_while_it_waits_ends_its_watch(user, submit):
    job, heard = Job(user, submit()), Heard()
    user.poller.watch(job, heard)
    heard.wait_for(bool)
    Job(user, job.process).cancel()
    heard.wait()

    assert states_of(heard.events) == [ProcessState.WAITING, ProcessState.CANCELLED]


def test_a_retried_job_is_watched_through_both_attempts(user, hand, submit):
    job, heard = Job(user, submit(maxexectime=1)), Heard()
    user.poller.watch(job, heard)
    hand.assign(10)
    hand.add_log(job.id, "first attempt\n")
    again, deadline = None, time.monotonic() + 20
    while again is None and time.monotonic() < deadline:
        again = hand.assign(5)
    hand.add_log(job.id, "second attempt\n")
    hand.close_successful(job.id)
    heard.wait()

    assert text_of(heard.events) == "first attempt\nsecond attempt\n"


def test_a_listener_that_raises_is_called_no_more_and_the_others_are(user, hand, submit, caplog):
    calls = []

    def broken(event: object) -> None:
        calls.append(event)
        raise ValueError("a bug")

    job, other, heard = Job(user, submit()), Job(user, submit()), Heard()
    watch = user.poller.watch(job, broken)
    user.poller.watch(other, heard)
    for _ in range(2):
        hand.assign(10)
    for each in (job, other):
        hand.close_successful(each.id)
    heard.wait()

    assert len(calls) == 1
    assert watch.ended
    assert "a bug" in caplog.text


def test_a_watch_that_is_closed_hears_no_more_and_the_thread_ends_with_the_last_one(user, hand, submit):
    job, heard, other = Job(user, submit()), Heard(), Heard()
    first, second = user.poller.watch(job, heard), user.poller.watch(Job(user, submit()), other)
    hand.assign(10)
    heard.wait_for(bool)
    other.wait_for(bool)
    (thread,) = polling_threads()

    first.close()
    told = len(heard.events)
    assert thread.is_alive()
    second.close()

    assert ends(thread)
    assert len(heard.events) == told
    again = Heard()
    user.poller.watch(job, again)
    again.wait_for(bool)
    assert len(polling_threads()) == 1


def test_a_listener_may_close_its_own_watch(user, hand, submit):
    job = Job(user, submit())
    hand.assign(10)
    hand.add_log(job.id, "one\n")
    hand.add_log(job.id, "two\n")
    texts, closed = [], threading.Event()

    def listener(event: object) -> None:
        if isinstance(event, LogText):
            texts.append(event.text)
            watches[0].close()
            closed.set()

    watches = []
    ready = threading.Event()
    watches.append(user.poller.watch(job, lambda event: ready.wait(WAIT_S) and listener(event)))
    ready.set()
    assert closed.wait(WAIT_S)

    assert all(ends(thread) for thread in polling_threads())
    assert texts == ["one\n"]


def test_a_closed_session_watches_nothing_any_more_and_can_watch_again(colony, hand, submit):
    session = colony.session(storage=None)
    job, heard = Job(session, submit()), Heard()
    watch = session.poller.watch(job, heard)
    heard.wait_for(bool)
    (thread,) = polling_threads()

    session.close()

    assert watch.ended
    assert ends(thread)
    again = Heard()
    session.poller.watch(job, again)
    hand.assign(10)
    hand.close_successful(job.id)
    again.wait()
    session.close()
    assert polling_threads() == []


def test_a_process_that_is_removed_ends_its_watch_with_an_error(user, hand, submit):
    job, other, heard, others = Job(user, submit()), Job(user, submit()), Heard(), Heard()
    watch = user.poller.watch(job, heard)
    user.poller.watch(other, others)
    heard.wait_for(bool)
    user.client.remove_process(job.id)
    heard.wait_for(lambda events: isinstance(events[-1], ConnectionLost))

    assert heard.events[-1].retry_in_s == math.inf
    assert isinstance(watch.error, NotFound)
    assert watch.ended
    hand.assign(10)
    hand.close_successful(other.id)
    others.wait()


def test_a_server_that_goes_away_and_comes_back_is_said_once_and_nothing_is_lost(monkeypatch):
    monkeypatch.setattr("pollinator_magic.jobs.follow.FASTEST_RETRY_S", 0.05)
    monkeypatch.setattr("pollinator_magic.jobs.follow.SLOWEST_RETRY_S", 0.2)
    monkeypatch.setattr("pollinator_magic.colonies.rpc._FIRST_DELAY_S", 0.01)
    with (
        running_colony() as colony,
        Session(Connection(colony.server, colony.colony, colony.user_key, storage=None)) as session,
        Colonies(colony.server, colony.colony, colony.new_executor("scripted")) as executor,
    ):
        jobs = [Job(session, session.client.submit(asked_of("scripted", colony.colony))) for _ in range(3)]
        heard = [Heard() for _ in jobs]
        for job, listener in zip(jobs, heard, strict=True):
            executor.assign(10)
            executor.add_log(job.id, "before\n")
            session.poller.watch(job, listener)
        for listener in heard:
            listener.wait_for(lambda events: text_of(events) == "before\n")
        colony.stop()
        for listener in heard:
            listener.wait_for(lambda events: isinstance(events[-1], ConnectionLost), 60)
        colony.start()
        for job in jobs:
            executor.add_log(job.id, "after\n")
            executor.close_successful(job.id)
        for listener in heard:
            listener.wait(60)

        for listener in heard:
            assert text_of(listener.events) == "before\nafter\n"
            assert sum(isinstance(event, ConnectionLost) for event in listener.events) == 1
            assert sum(isinstance(event, ConnectionBack) for event in listener.events) == 1


def test_a_watch_goes_on_where_following_stopped_and_following_where_a_watch_did(user, hand, submit, project):
    job = Job(user, submit(), project)
    hand.assign(10)
    hand.add_log(job.id, "one\n")
    hand.add_log(job.id, "two\n")
    followed = []
    for event in job.follow():
        followed.append(event)
        if text_of(followed) == "one\n":
            break

    heard = Heard()
    watch = user.poller.watch(job, heard, resume=True)
    hand.add_log(job.id, "three\n")
    heard.wait_for(lambda events: text_of(events) == "two\nthree\n")
    watch.close()
    hand.add_log(job.id, "four\n")
    hand.close_successful(job.id)

    assert text_of(list(job.follow(resume=True))) == "four\n"
    assert (project.log / f"{job.id}.log").read_text() == "one\ntwo\nthree\nfour\n"


def test_a_program_that_watches_ends_when_it_is_done(colony, user, submit):
    job = Job(user, submit())
    program = (
        "import sys, threading\n"
        "from pollinator_magic.jobs import Job, Session\n"
        "from pollinator_magic.settings import connection_from_environment\n"
        "session, told = Session(connection_from_environment()), threading.Event()\n"
        "session.poller.watch(Job.attach(session, sys.argv[1]), lambda event: told.set())\n"
        "assert told.wait(30)\n"
        "print('done')\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program, job.id],
        env=environment(user.connection),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
