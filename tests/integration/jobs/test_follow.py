"""Following a process on a real server, with an executor that does as the test says."""

from __future__ import annotations

import threading
import time

import pytest
from scripted_executor import asked_of, collect, states_of, text_of

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.events import Hint
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import JobCancelled, JobFailed
from pollinator_magic.jobs import ConnectionBack, ConnectionLost, Displayed, Job, LogText, Raised, Session, StateChanged
from pollinator_magic.jobs.follow import follow
from pollinator_magic.jobs.log import LogCursor
from pollinator_magic.runner.wire import DISPLAY, RAISED, encode
from pollinator_magic.settings import Connection
from tests.colony_server import running_colony

ERROR = {
    "name": "ZeroDivisionError",
    "value": "division by zero",
    "traceback": "Traceback (most recent call last):\n  Cell, line 5\n    1/0\nZeroDivisionError: division by zero\n",
    "line": 5,
}
PICTURE = encode(DISPLAY, {"data": {"image/png": "AAAA" * 3000}}, "[picture]", "0a1b2c3d")


@pytest.fixture
def session(user):
    return user


@pytest.fixture
def executor(hand):
    return hand


def test_a_job_is_followed_from_waiting_to_success_with_its_log_in_order(session, executor, submit):
    job = Job(session, submit())
    events: list[object] = []
    following = collect(job, events)
    process = executor.assign(10)
    for number in range(20):
        executor.add_log(process.processid, f"line {number}\n")
    executor.close_successful(process.processid)
    following.join(20)

    assert text_of(events) == "".join(f"line {number}\n" for number in range(20))
    assert states_of(events)[-1] is ProcessState.SUCCESS
    assert isinstance(events[-1], StateChanged)
    assert job.succeeded


def test_the_final_state_comes_after_the_last_log_text(session, executor, submit):
    process = submit()
    executor.assign(10)
    executor.add_log(process.processid, "the last words")
    executor.close_failed(process.processid, ["Exit status 3"])

    events = list(follow(session.client, process))

    assert [type(event) for event in events] == [LogText, StateChanged]
    assert events[-1].state is ProcessState.FAILED


def test_more_log_than_one_page_arrives_whole_and_in_order(session, executor, submit):
    process = submit()
    executor.assign(10)
    for number in range(1203):
        executor.add_log(process.processid, f"{number}\n")
    executor.close_successful(process.processid)

    events = list(follow(session.client, process))

    assert text_of(events).split() == [str(number) for number in range(1203)]


def test_following_goes_on_where_it_stopped(session, executor, submit):
    process = submit()
    executor.assign(10)
    for number in range(10):
        executor.add_log(process.processid, f"{number}\n")
    cursor = LogCursor()
    first = []
    for event in follow(session.client, process, cursor=cursor):
        first.append(event)
        if text_of(first).endswith("4\n"):
            break
    executor.close_successful(process.processid)

    rest = list(follow(session.client, process, cursor=cursor))

    assert text_of(first) + text_of(rest) == "".join(f"{number}\n" for number in range(10))


def test_a_hint_about_the_log_costs_one_request_for_the_log_and_none_for_the_state(
    session, executor, submit, operations, monkeypatch
):
    monkeypatch.setattr("pollinator_magic.jobs.follow.FASTEST_POLL_S", 60.0)
    monkeypatch.setattr("pollinator_magic.jobs.follow.SLOWEST_POLL_S", 60.0)
    monkeypatch.setattr("pollinator_magic.jobs.follow.STATE_POLL_S", 60.0)
    process = submit()
    executor.assign(10)

    class Hinting:
        hints = iter([Hint.LOG, Hint.STATE])

        def wait(self, timeout_s):
            assert timeout_s == 60.0
            hint = next(self.hints)
            if hint is Hint.LOG:
                executor.add_log(process.processid, "line\n")
            else:
                executor.close_successful(process.processid)
            operations.append("hint")
            return hint

    events = list(follow(session.client, session.client.process(process.processid), hints=Hinting()))

    assert text_of(events) == "line\n"
    _, after_log, after_state = " ".join(operations).split("hint")
    assert after_log.split() == ["getlogsmsg"]
    assert after_state.split() == ["getprocessmsg", "getlogsmsg"]


def test_a_cancelled_process_ends_following(session, executor, submit):
    job = Job(session, submit())
    events: list[object] = []
    following = collect(job, events)
    Job(session, job.process).cancel()
    following.join(20)

    assert states_of(events)[-1] is ProcessState.CANCELLED
    with pytest.raises(JobCancelled, match="was cancelled"):
        job.raise_unless_successful()


def test_a_retried_process_is_followed_through_both_attempts(session, executor, submit):
    job = Job(session, submit(maxexectime=1))
    events: list[object] = []
    following = collect(job, events)
    executor.assign(10)
    executor.add_log(job.id, "first attempt\n")
    again = None
    deadline = time.monotonic() + 20
    while again is None and time.monotonic() < deadline:
        again = executor.assign(5)
    executor.add_log(job.id, "second attempt\n")
    executor.close_successful(job.id)
    following.join(20)

    assert text_of(events) == "first attempt\nsecond attempt\n"
    assert states_of(events)[-1] is ProcessState.SUCCESS


def test_a_server_that_goes_away_and_comes_back_leaves_no_gap_and_no_repeat(monkeypatch):
    monkeypatch.setattr("pollinator_magic.jobs.follow.FASTEST_RETRY_S", 0.05)
    events: list[object] = []
    seen_loss = threading.Event()
    seen_text = threading.Event()

    def watch(job: Job) -> None:
        for event in job.follow():
            events.append(event)
            if isinstance(event, ConnectionLost):
                seen_loss.set()
            if isinstance(event, LogText):
                seen_text.set()

    with (
        running_colony() as colony,
        Session(Connection(colony.server, colony.colony, colony.user_key, storage=None)) as session,
        Colonies(colony.server, colony.colony, colony.new_executor("scripted")) as executor,
    ):
        job = Job(session, session.client.submit(asked_of("scripted", colony.colony)))
        executor.assign(10)
        executor.add_log(job.id, "before\n")
        following = threading.Thread(target=watch, args=[job], name="follow")
        following.start()
        assert seen_text.wait(20)
        colony.stop()
        assert seen_loss.wait(60)
        colony.start()
        executor.add_log(job.id, "after\n")
        executor.close_successful(job.id)
        following.join(60)

    assert text_of(events) == "before\nafter\n"
    assert sum(isinstance(event, ConnectionLost) for event in events) == 1
    assert sum(isinstance(event, ConnectionBack) for event in events) == 1


def test_a_failed_job_raises_with_the_executors_words_and_the_tail_of_the_log(session, executor, scripted, submit):
    job = Job(session, submit())
    executor.assign(10)
    executor.add_log(job.id, "".join(f"line {number}\n" for number in range(100)))
    executor.close_failed(job.id, ["Exit status 3"])

    with pytest.raises(JobFailed, match=rf"failed on {scripted.name}: Exit status 3") as failure:
        job.wait(20)

    assert failure.value.errors == ("Exit status 3",)
    assert failure.value.log_tail.splitlines()[-1] == "line 99"
    assert len(failure.value.log_tail.splitlines()) == 20


def test_a_failure_that_was_seen_before_its_reason_says_the_reason(session, executor, submit):
    job = Job(session, submit())
    executor.assign(10)
    executor.close_failed(job.id, ["Exit status 3"])
    job.refresh().errors = []  # as a real server may say it: it sets the state first

    with pytest.raises(JobFailed, match="Exit status 3") as failure:
        job.wait(20)

    assert failure.value.errors == ("Exit status 3",)


def test_waiting_ends_at_its_timeout_and_the_job_goes_on(session, executor, submit):
    job = Job(session, submit())

    with pytest.raises(TimeoutError, match="still waiting"):
        job.wait(0.2)

    assert job.state is ProcessState.WAITING


def test_a_job_is_taken_up_by_an_unambiguous_beginning_of_its_id(session, executor, submit):
    first = submit()
    executor.assign(10)
    executor.close_successful(first.processid)

    assert Job.attach(session, first.processid[:8]).id == first.processid
    assert Job.attach(session, first.processid).state is ProcessState.SUCCESS


def test_cancelling_a_closed_job_leaves_it_as_it_is(session, executor, submit):
    job = Job(session, submit())
    executor.assign(10)
    executor.close_successful(job.id)

    job.cancel()

    assert job.state is ProcessState.SUCCESS


def test_entries_that_share_a_timestamp_at_the_end_of_a_page_are_neither_lost_nor_repeated(
    session, executor, monkeypatch, submit
):
    """The embedded server never gives two entries one timestamp; a page of three makes every entry a page's end."""
    monkeypatch.setattr("pollinator_magic.jobs.log.PAGE", 3)
    process = submit()
    executor.assign(10)
    for number in range(10):
        executor.add_log(process.processid, f"{number}\n")
    executor.close_successful(process.processid)

    assert text_of(list(follow(session.client, process))) == "".join(f"{number}\n" for number in range(10))


# --- rich outputs, exceptions ----------------------------------------------------------------------------------------


def test_rich_outputs_come_in_their_place_and_the_log_keeps_their_readable_text(session, executor, submit):
    job = Job(session, submit())
    executor.assign(10)
    for piece in ("before\n", PICTURE[:100], PICTURE[100:] + "after\n"):
        executor.add_log(job.id, piece)
    executor.close_successful(job.id)

    events = list(job.follow())

    assert [type(event) for event in events] == [LogText, Displayed, LogText, StateChanged]
    assert events[1].data == {"image/png": "AAAA" * 3000}
    assert events[1].text == "[picture]"
    assert list(job.log) == ["before", "[picture]", "after"]
    assert job.log.tail(2) == "[picture]\nafter"
    assert job.exception is None


@pytest.mark.parametrize("followed", [True, False])
def test_a_failure_says_what_the_program_raised_and_where(session, executor, scripted, submit, followed):
    job = Job(session, submit())
    executor.assign(10)
    executor.add_log(job.id, "".join(f"line {number}\n" for number in range(50)))
    executor.add_log(job.id, encode(RAISED, ERROR, ERROR["traceback"], "00000001"))
    executor.close_failed(job.id, ["Exit status 1"])
    if followed:
        assert any(isinstance(event, Raised) for event in job.follow())

    with pytest.raises(JobFailed) as failure:
        job.wait(20)

    lines = str(failure.value).splitlines()
    assert lines[0] == (
        f"Process {job.short_id} failed on {scripted.name}: ZeroDivisionError: division by zero (line 5 of the cell)."
    )
    assert lines[1:-1] == [f"  | {line}" for line in ERROR["traceback"].splitlines()]
    assert lines[-1] == f"`%pollinator logs {job.short_id}` shows the whole log."
    assert failure.value.exception == job.exception
    assert failure.value.exception.line == 5
    assert failure.value.errors == ("Exit status 1",)


def test_a_failure_whose_log_was_just_seen_repeats_neither_traceback_nor_tail(session, executor, submit):
    raised, plain = Job(session, submit()), Job(session, submit())
    for _ in range(2):
        executor.assign(10)
    executor.add_log(raised.id, encode(RAISED, ERROR, ERROR["traceback"], "00000001"))
    executor.add_log(plain.id, "the end\n")
    for job in (raised, plain):
        executor.close_failed(job.id, ["Exit status 1"])
        list(job.follow())

        with pytest.raises(JobFailed) as failure:
            job.raise_unless_successful(shown=True)

        assert len(str(failure.value).splitlines()) == 2
        assert "  | " not in str(failure.value)
        assert failure.value.log_tail


def test_what_the_executor_says_beyond_the_exit_status_stays_in_the_message(session, executor, submit):
    job = Job(session, submit())
    executor.assign(10)
    error = {**ERROR, "name": "KeyboardInterrupt", "value": "", "line": None}
    executor.add_log(job.id, encode(RAISED, error, "", "00000001"))
    executor.close_failed(job.id, ["Stopped after the walltime of 2 s."])

    with pytest.raises(JobFailed, match=r": KeyboardInterrupt; Stopped after the walltime of 2 s\.\n"):
        job.wait(20)


def test_a_failure_with_endless_words_is_a_message_of_some_lines(session, executor, submit):
    job = Job(session, submit())
    executor.assign(10)
    error = {**ERROR, "value": "x" * 1_000_000, "traceback": "y" * 1_000_000}
    executor.add_log(job.id, encode(RAISED, error, "", "00000001"))
    executor.close_failed(job.id, ["z" * 1_000_000] * 50)

    with pytest.raises(JobFailed) as failure:
        job.wait(20)

    assert len(str(failure.value)) < 30_000


def test_what_an_earlier_attempt_raised_is_not_what_the_last_one_failed_of(session, executor, submit):
    job = Job(session, submit(maxexectime=1))
    executor.assign(10)
    executor.add_log(job.id, encode(RAISED, ERROR, ERROR["traceback"], "00000001"))
    again, deadline = None, time.monotonic() + 20
    while again is None and time.monotonic() < deadline:
        again = executor.assign(5)
    executor.close_failed(job.id, ["Killed: used more than 1Mi of memory"])

    with pytest.raises(JobFailed, match=r"failed on .*: Killed: used more") as failure:
        job.wait(20)

    assert failure.value.exception is None


def test_a_forged_exception_cannot_wreck_the_message(session, executor, submit):
    job = Job(session, submit())
    executor.assign(10)
    forged = {
        "name": "E\x1b]0;title\x07",
        "value": "v" * 10_000 + "\nsecond",
        "traceback": "\x1b[2Jt\n" * 500,
        "line": 1,
    }
    executor.add_log(job.id, encode(RAISED, forged, "", "00000001"))
    executor.close_failed(job.id, ["Exit status 1"])

    with pytest.raises(JobFailed) as failure:
        job.wait(20)

    assert "\x1b" not in str(failure.value)
    assert len(str(failure.value)) < 1000


# --- stopping --------------------------------------------------------------------------------------------------------


def test_following_ends_soon_after_it_is_told_to_and_the_job_goes_on(session, executor, submit):
    job, stop = Job(session, submit()), threading.Event()
    executor.assign(10)
    executor.add_log(job.id, "begun\n")
    events: list[object] = []
    following = collect(job, events, stop=stop)
    deadline = time.monotonic() + 20
    while job.process.status is not ProcessState.RUNNING and time.monotonic() < deadline:
        time.sleep(0.01)

    stop.set()
    following.join(5)

    assert not following.is_alive()
    assert set(states_of(events)) <= {ProcessState.WAITING, ProcessState.RUNNING}
    assert job.state is ProcessState.RUNNING


def test_following_ends_although_the_server_is_away(monkeypatch):
    monkeypatch.setattr("pollinator_magic.jobs.follow.FASTEST_RETRY_S", 60)
    monkeypatch.setattr("pollinator_magic.colonies.rpc._FIRST_DELAY_S", 0.01)
    stop, lost = threading.Event(), threading.Event()

    def watch(job: Job) -> None:
        for event in job.follow(stop=stop):
            if isinstance(event, ConnectionLost):
                lost.set()

    with (
        running_colony() as colony,
        Session(Connection(colony.server, colony.colony, colony.user_key, storage=None)) as session,
    ):
        job = Job(session, session.client.submit(asked_of("nobody", colony.colony)))
        colony.stop()
        following = threading.Thread(target=watch, args=[job], name="follow")
        following.start()
        assert lost.wait(60)
        stop.set()
        following.join(20)

        assert not following.is_alive()
        colony.start()


def test_one_that_is_told_to_stop_before_it_begins_gives_nothing(session, submit):
    stop = threading.Event()
    stop.set()

    assert list(Job(session, submit()).follow(stop=stop)) == []
