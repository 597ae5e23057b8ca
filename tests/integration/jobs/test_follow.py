"""Following a process on a real server, with an executor that does as the test says."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, FunctionSpec, Process, ProcessState
from pollinator_magic.errors import JobCancelled, JobFailed
from pollinator_magic.jobs import ConnectionBack, ConnectionLost, Job, LogText, Session, StateChanged
from pollinator_magic.jobs.follow import follow
from pollinator_magic.jobs.log import LogCursor
from pollinator_magic.settings import Connection
from tests.colony_server import running_colony

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.place import Member, Place


@pytest.fixture(scope="module")
def scripted(colony: Place) -> Member:
    """An executor of which only this test takes work."""
    return colony.new_executor("scripted")


@pytest.fixture
def session(colony: Place) -> Iterator[Session]:
    with colony.session(storage=None) as session:
        yield session


@pytest.fixture
def executor(colony: Place, session: Session, scripted: Member) -> Iterator[Colonies]:
    with Colonies(colony.server, colony.colony, scripted.key) as client:
        yield client
        for state in (ProcessState.WAITING, ProcessState.RUNNING):
            for process in client.processes(state):
                if process.spec.conditions.executornames == [scripted.name]:
                    session.client.cancel(process.processid)


@pytest.fixture
def submit(session: Session, scripted: Member) -> Callable[..., Process]:
    """Submits a process for the scripted executor."""

    def submit(**spec: object) -> Process:
        return session.client.submit(asked_of(scripted.name, session.connection.colony, **spec))

    return submit


def asked_of(executor: str, colony: str, **spec: object) -> FunctionSpec:
    conditions = Conditions(colonyname=colony, executornames=[executor], executortype="container-executor")
    return FunctionSpec(funcname="execute", conditions=conditions, **{"maxexectime": 60, "maxretries": 1, **spec})


def text_of(events: list[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, LogText))


def states_of(events: list[object]) -> list[ProcessState]:
    return [event.state for event in events if isinstance(event, StateChanged)]


def collect(job: Job, into: list[object]) -> threading.Thread:
    thread = threading.Thread(target=lambda: into.extend(job.follow()), name="follow")
    thread.start()
    return thread


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
