"""What was found by cutting connections to a colony, and what must never happen whatever they do: case by case."""

from __future__ import annotations

import threading

import pytest

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, FunctionSpec, ProcessState
from pollinator_magic.errors import PollinatorError, SubmissionUnclear
from pollinator_magic.executors.reporter import Reporter
from pollinator_magic.jobs import ConnectionBack, ConnectionLost, Job, LogText, StateChanged, submit
from tests.faults.colony_faults import Lost, Refused
from tests.faults.life import endure
from tests.faults.proxy import AfterBytes, AtRequest, Effect, Moment, Way
from tests.place import Member

LOST = Moment.UNANSWERED
WAIT_S = 30


@pytest.fixture(scope="module")
def scripted(grounds):
    """An executor of which only these tests take work."""
    return Member("scripted", grounds.colony.new_executor("scripted"))


@pytest.fixture
def hand(grounds, scripted):
    """What the scripted executor asks of the server, on the executor's way."""
    with Colonies(grounds._server(grounds.executor_colony), grounds.colony.colony, scripted.key) as client:
        yield client


@pytest.fixture
def user(grounds):
    with grounds.session() as session:
        yield session


def spec(grounds, **fields):
    conditions = Conditions(
        colonyname=grounds.colony.colony, executornames=["scripted"], executortype="container-executor"
    )
    return FunctionSpec(funcname="execute", conditions=conditions, maxexectime=60, maxretries=1, **fields)


def assigned(grounds, hand):
    """Submit a process for the scripted executor and take it."""
    submitted = grounds.truth.client.submit(spec(grounds))
    process = hand.assign(5)
    assert process.processid == submitted.processid
    return process


class Following(threading.Thread):
    """Follows a job in a thread of its own."""

    def __init__(self, job):
        super().__init__(name="following")
        self.job = job
        self.events = []
        self.error = None
        self._news = threading.Condition()
        self.start()

    def run(self):
        try:
            for event in self.job.follow():
                with self._news:
                    self.events.append(event)
                    self._news.notify_all()
        except PollinatorError as error:
            self.error = error

    def until(self, kind):
        with self._news:
            assert self._news.wait_for(lambda: any(isinstance(event, kind) for event in self.events), WAIT_S)

    @property
    def text(self):
        return "".join(event.text for event in self.events if isinstance(event, LogText))

    def end(self):
        self.join(WAIT_S)
        assert not self.is_alive()
        assert self.error is None
        return self.events


# Submitting


@pytest.mark.parametrize(
    "fault",
    [
        AtRequest(Effect.RESET, of="submitfuncspecmsg", moment=LOST),
        AtRequest(Effect.END, of="submitfuncspecmsg", moment=Moment.PARTLY),
        AtRequest(Lost(), of="submitfuncspecmsg"),
        AtRequest(Lost(200), of="submitfuncspecmsg"),
        AtRequest(Lost(200, b"<html>Please log in</html>"), of="submitfuncspecmsg"),
        AtRequest(Lost(502, b"<html>Bad gateway</html>"), of="submitfuncspecmsg"),
    ],
    ids=str,
)
def test_a_submission_whose_reply_is_lost_or_unreadable_is_looked_for_and_found(grounds, new_life, fault):
    life = new_life()

    assert endure(grounds, "client_colony", fault, life)

    assert life.errors == []


def test_a_lost_submission_is_found_behind_a_hundred_that_wait(grounds, scripted, new_life):
    life = new_life()
    waiting = [grounds.truth.client.submit(spec(grounds, priority=100)) for _ in range(101)]
    try:
        with grounds.fault(grounds.client_colony, AtRequest(Effect.RESET, of="submitfuncspecmsg", moment=LOST)):
            job = submit(life.session, life.project.with_options(executors=(scripted.name,)))
        assert job.state is ProcessState.WAITING
        job.cancel()
    finally:
        for process in waiting:
            grounds.truth.client.cancel(process.processid)


def test_a_submission_that_did_not_arrive_is_not_repeated_but_said(grounds, new_life):
    life = new_life()
    fault = AtRequest(Effect.RESET, of="submitfuncspecmsg", moment=Moment.BEFORE)

    with grounds.fault(grounds.client_colony, fault), pytest.raises(SubmissionUnclear, match="Run the cell again"):
        submit(life.session, life.project)

    assert grounds.client_colony.traffic.kinds.count("submitfuncspecmsg") == 1
    life.once()
    life.check()


def test_files_that_a_running_job_may_need_again_stay_when_they_are_deleted_here(grounds, new_life):
    life = new_life()
    first = submit(life.session, life.project).wait(WAIT_S)
    running = assigned_with_the_snapshot_of(grounds, first)
    life.change()

    second = submit(life.session, life.project).wait(WAIT_S)

    assert running.spec.fs.snapshots[0].label != second.process.spec.fs.snapshots[0].label
    labels = grounds.truth.filesystem._labels.list(running.spec.fs.snapshots[0].label)
    assert "part1" in labels


def assigned_with_the_snapshot_of(grounds, job):
    """Have a process that runs on this snapshot and does not end by itself."""
    key = grounds.colony.new_executor(f"holder-{job.short_id}")
    with Colonies(grounds.colony.server, grounds.colony.colony, key) as holder:
        wanted = spec(grounds, fs=job.process.spec.fs)
        wanted.conditions.executornames = [f"holder-{job.short_id}"]
        grounds.truth.client.submit(wanted)
        return holder.assign(5)


# Replies


@pytest.mark.parametrize("count", [1, 13, 20, 40])
def test_a_reply_that_is_cut_in_its_head_is_asked_for_again(grounds, user, scripted, count):
    process = grounds.truth.client.submit(spec(grounds))
    try:
        with grounds.fault(grounds.client_colony, AfterBytes(Effect.END, count, Way.DOWN)):
            assert user.client.process(process.processid).status is ProcessState.WAITING
            assert grounds.client_colony.traffic.happened == 1
    finally:
        grounds.truth.client.cancel(process.processid)


# Following


def test_following_survives_a_websocket_that_is_cut_again_and_again(grounds, user, hand):
    process = assigned(grounds, hand)
    following = Following(Job(user, process))
    following.until(StateChanged)

    for number in range(20):
        grounds.client_colony.cut(Effect.END if number % 2 else Effect.RESET, upgraded=True)
        hand.add_log(process.processid, f"{number}\n")
    hand.close_successful(process.processid)

    assert following.end()[-1].state is ProcessState.SUCCESS
    assert following.text == "".join(f"{number}\n" for number in range(20))


def test_following_goes_on_when_the_server_was_away(grounds, user, hand):
    process = assigned(grounds, hand)
    hand.add_log(process.processid, "before\n")
    following = Following(Job(user, process))
    following.until(LogText)

    grounds.client_colony.refuse()
    grounds.client_colony.cut()
    following.until(ConnectionLost)
    hand.add_log(process.processid, "meanwhile\n")
    grounds.client_colony.accept()
    following.until(ConnectionBack)
    hand.close_failed(process.processid, ["it broke"])

    assert following.end()[-1].state is ProcessState.FAILED
    assert following.text == "before\nmeanwhile\n"
    assert [type(event) for event in following.events].count(ConnectionLost) == 1


@pytest.mark.parametrize("moment", [Moment.BEFORE, LOST, Moment.PARTLY], ids=lambda moment: moment.name.lower())
@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_log_that_is_cut_at_the_boundary_of_a_page_is_complete(grounds, user, long_log, page, moment):
    fault = AtRequest(Effect.RESET, page, "getlogsmsg", moment, times=5)

    with grounds.fault(grounds.client_colony, fault):
        text = "".join(event.text for event in Job(user, long_log).follow() if isinstance(event, LogText))
        assert grounds.client_colony.traffic.happened == 5

    assert text == "".join(f"{number}\n" for number in range(1100))


@pytest.fixture(scope="module")
def long_log(grounds, scripted):
    """A closed process whose log has three pages."""
    with Colonies(grounds.colony.server, grounds.colony.colony, scripted.key) as client:
        process = assigned(grounds, client)
        for number in range(1100):
            client.add_log(process.processid, f"{number}\n")
        client.close_successful(process.processid)
    return grounds.truth.client.process(process.processid)


# The executor


@pytest.mark.parametrize(
    "fault",
    [
        AtRequest(Effect.RESET, of="closesuccessfulmsg", moment=LOST, times=6),
        AtRequest(Effect.END, of="closesuccessfulmsg", moment=Moment.PARTLY, times=6),
        AtRequest(Lost(), of="closesuccessfulmsg", times=6),
        AtRequest(Refused(500, "Failed to close process, the database is away"), of="closesuccessfulmsg", times=6),
        AtRequest(Refused(500, "Failed to add log, the database is away"), of="addlogmsg", times=6),
        AtRequest(Lost(), of="addlogmsg"),
        AtRequest(Lost(200, b"<html>Please log in</html>"), of="addlogmsg"),
        AtRequest(Effect.RESET, of="addlogmsg", moment=LOST, times=3),
        AtRequest(Lost(), of="assignprocessmsg", status=200),
        AtRequest(Effect.RESET, of="assignprocessmsg", moment=LOST, status=200),
    ],
    ids=str,
)
def test_a_job_runs_once_and_its_log_is_complete_whatever_becomes_of_a_reply(grounds, new_life, fault):
    life = new_life()

    assert endure(grounds, "executor_colony", fault, life)

    assert life.errors == []


def test_a_process_whose_failure_was_noted_but_not_answered_counts_as_closed(grounds, hand):
    process = assigned(grounds, hand)
    reporter = Reporter(hand, process)
    reporter.start()

    # After so many the request is made anew, and the server refuses to close twice.
    with grounds.fault(grounds.executor_colony, AtRequest(Effect.RESET, of="closefailedmsg", moment=LOST, times=4)):
        assert reporter.close(["it broke"])

    assert reporter.loss is None
    assert grounds.truth.client.process(process.processid).errors == ["it broke"]
