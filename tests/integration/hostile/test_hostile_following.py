"""A server that says too little, too much, too late or something else of a process and its log."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hostile_server import Dropping, Silent, Telling, envelope
from upstream_traps import UNSET

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.commands.jobs import _job_row
from pollinator_magic.errors import InvalidReply, JobCancelled, NotFound, ServerError, Unsupported
from pollinator_magic.jobs import Job, LogText, StateChanged, submit
from pollinator_magic.jobs.log import read_log
from pollinator_magic.project import Project
from pollinator_magic.screen import describe_state
from tests.jobs import ENDLESS, WAIT_S, contents, follow_until_text, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostile_server import Exchange

THREE_LINES = "for n in range(3): print('line', n, flush=True)"


def text_of(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, LogText))


def per_id(change: Callable[[dict[str, Any]], None]) -> Callable[[Exchange], None]:
    """Change every process of a reply."""

    def altered(exchange: Exchange) -> None:
        if exchange.status == 200:
            for process in exchange.reply if isinstance(exchange.reply, list) else [exchange.reply or {}]:
                change(process)

    return altered


@pytest.fixture(scope="module")
def done(colony, storage, tmp_path_factory) -> Iterator[Job]:
    """A job that has written three lines, and ended."""
    with colony.session(storage) as session:
        project = Project.create(tmp_path_factory.mktemp("done") / "project", colony.executor(storage))
        yield run(session, project, THREE_LINES)


# --- subscriptions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pubsub",
    [
        Silent(),
        Dropping(),
        Telling("", "null", "[[[", json.dumps({"payloadtype": "x"})),
        Telling(envelope({"status": 403, "message": "Invalid process"}, error=True)),
        Telling(envelope({"processid": "f" * 64, "state": 2})),
        Telling(*[envelope({"processid": "f" * 64, "state": 1})] * 500),
    ],
    ids=["silent", "dropping", "damaged", "refusing", "another process", "many others"],
)
def test_a_job_is_followed_to_its_end_whatever_becomes_of_subscriptions(session, project, hostile, pubsub):
    hostile.pubsub = pubsub
    job = submit(session, project, source=THREE_LINES)

    events = list(job.follow())

    assert text_of(events).endswith("line 0\nline 1\nline 2\n")
    assert events[-1].state is ProcessState.SUCCESS


def test_a_forged_end_in_a_subscription_does_not_end_anything(session, project, hostile):
    job = submit(session, project, source=THREE_LINES)
    hostile.pubsub = Telling(envelope({"processid": job.id, "state": 3, "errors": ["forged"]}))

    job.wait(WAIT_S)

    assert job.succeeded


def test_connections_that_are_always_dropped_are_not_made_again_and_again(session, project, hostile):
    hostile.pubsub = Dropping()
    job = submit(session, project, source="import time; time.sleep(2)")

    job.wait(WAIT_S)

    assert 1 <= hostile.subscriptions < 10


# --- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [5, 99, -7])
def test_a_state_that_nobody_knows_is_an_end(session, project, hostile, state):
    job = submit(session, project, source=ENDLESS)
    follow_until_text(job)
    hostile.alters("getprocessmsg", per_id(lambda process: process.update(state=state)))

    events = list(job.follow())

    assert events[-1].state is ProcessState.UNKNOWN
    hostile.relent()
    session.client.cancel(job.id)


def test_a_process_that_went_back_to_the_queue_is_waiting_whatever_times_are_left_of_its_last_attempt(
    session, project, hostile
):
    job = submit(session, project, source=ENDLESS)
    follow_until_text(job)
    times = {"starttime": "2026-11-22T08:00:00.1+01:00", "endtime": "2026-11-22T08:00:09.123456789+01:00"}
    hostile.alters("getprocessmsg", per_id(lambda process: process.update(state=0, retries=1, **times)))

    process = session.client.process(job.id)

    assert describe_state(process) == "waiting"
    assert (process.ended_at - process.started_at).total_seconds() == pytest.approx(9.023, abs=0.001)
    again = Job(session, process, project)
    with pytest.raises(TimeoutError, match="still waiting"):
        again.wait(0.1)
    hostile.relent()
    again.cancel()
    assert again.state is ProcessState.CANCELLED


@pytest.mark.parametrize(
    "text",
    [
        *(UNSET, "0000-12-31T23:00:00-01:00", "0001-01-01T00:00:00Z", ""),
        *("2026-11-22T08:24:55", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "2026-11-22", "soon"),
        *("2026-11-22T08:24:55.123456789+14:00", "2026-11-22T08:24:55.1-12:00"),
    ],
)
def test_a_job_whose_times_make_no_sense_can_be_shown(session, done, hostile, text):
    times = ("submissiontime", "starttime", "endtime", "waitdeadline", "execdeadline")
    change = per_id(lambda process: process.update(dict.fromkeys(times, text)))
    for operation in ("getprocessmsg", "getprocessesmsg"):
        hostile.alters(operation, change)

    job = Job.attach(session, done.id, done.project).wait(WAIT_S)

    assert [_job_row(process, steps=True)[0] for process in session.recent_processes() if process.processid == job.id]
    assert _job_row(job.process, steps=True)[0] == job.short_id
    assert job.exception is None


def test_a_failure_that_comes_with_an_output_is_a_failure(session, project, hostile):
    """A close that upstream refuses overwrites the output of the process all the same."""
    job = submit(session, project, source=ENDLESS)
    follow_until_text(job)
    job.cancel()
    hostile.alters("getprocessmsg", per_id(lambda process: process.update(out=["success", 0])))

    again = Job.attach(session, job.id, project)

    assert again.state is ProcessState.CANCELLED
    with pytest.raises(JobCancelled):
        again.wait(WAIT_S)


# --- logs ------------------------------------------------------------------------------------------------------------


def test_a_server_that_ignores_from_where_the_log_is_asked_for_repeats_nothing(session, project, hostile):
    job = submit(session, project, source=THREE_LINES)
    colony = hostile.colony.colony

    async def from_the_beginning(exchange: Exchange) -> None:
        everything = {**exchange.message, "since": 0, "colonyname": colony}
        exchange.reply = await exchange.ask("getlogsmsg", everything)

    hostile.alters("getlogsmsg", from_the_beginning)

    assert text_of(list(job.follow())).count("line 1\n") == 1


def test_entries_in_any_order_are_read_in_the_order_of_their_times(session, done, hostile):
    expected = [entry.message for entry in read_log(session.client, done.id)]
    hostile.alters("getlogsmsg", lambda exchange: (exchange.reply or []).reverse())

    assert [entry.message for entry in read_log(session.client, done.id)] == expected


def test_a_server_that_knows_no_latest_entries_still_shows_the_end_of_a_log(session, project, hostile):
    job = run(session, project, "for n in range(700): print('line', n, flush=True)")

    async def as_before_1_9_6(exchange: Exchange) -> None:
        exchange.reply = await exchange.ask("getlogsmsg", {**exchange.message, "latest": False})

    hostile.alters("getlogsmsg", as_before_1_9_6)

    assert job.log.tail(2) == "line 698\nline 699"


@pytest.mark.parametrize("timestamp", [2**63, -(2**63) - 1, 10**40])
def test_a_time_of_a_log_entry_that_cannot_be_asked_for_again_is_one_error(done, hostile, timestamp):
    def late(exchange: Exchange) -> None:
        for entry in exchange.reply or ():
            entry["timestamp"] = timestamp

    hostile.alters("getlogsmsg", late)

    with pytest.raises(InvalidReply, match="timestamp"):
        str(done.log)


# --- refusals --------------------------------------------------------------------------------------------------------

_ODD_ANSWERS = {
    "nothing": (200, b""),
    "nothing but a failure": (500, b""),
    "null": (200, b"null"),
    "a page of html": (200, b"<html>welcome</html>"),
    "two errors in a row": (
        400,
        2 * envelope({"status": 400, "message": "pq: negative LIMIT"}, error=True),
    ),
    "an error without words": (500, envelope(None, error=True)),
    "a success that is an error": (200, envelope({"status": 500, "message": "no"}, error=True)),
    "a list": (200, envelope([1])),
    "a number": (200, envelope(3)),
    "deep": (200, b"[" * 200_000),
    "deep inside": (200, envelope("x")[:-1] + b',"a":' + b'{"a":' * 100_000),
}


@pytest.mark.parametrize("case", _ODD_ANSWERS)
@pytest.mark.parametrize("operation", ["getprocessmsg", "getlogsmsg"])
def test_an_odd_answer_while_following_is_one_of_our_errors_in_a_line_and_the_job_can_be_followed_again(
    hostile, idle_job, operation, case
):
    status, body = _ODD_ANSWERS[case]

    def odd(exchange: Exchange) -> None:
        exchange.status, exchange.body = status, body

    hostile.instead(operation, odd)
    hostile.alters("getprocessmsg", per_id(lambda process: process.update(state=1)))

    with pytest.raises(ServerError) as caught:
        list(idle_job.follow())

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600
    hostile.relent()
    assert idle_job.refresh().processid == idle_job.id


@pytest.fixture(scope="module")
def idle_job(colony, storage, tmp_path_factory, hostile):
    """A job that nobody takes."""
    with colony.session(storage) as session:
        project = Project.create(tmp_path_factory.mktemp("idle") / "project", colony.new_executor().name)
        job = submit(session, project)
        yield job
        hostile.relent()
        job.cancel()


@pytest.mark.parametrize(("status", "text"), [(404, "process not found"), (500, "process is nil"), (500, "not found")])
def test_a_process_that_is_gone_is_not_found_however_the_server_says_so(session, hostile, status, text):
    hostile.refuses("getprocessmsg", status, text)

    with pytest.raises(NotFound):
        session.client.process("0" * 64)


def test_a_server_without_cancelling_says_so_and_the_job_goes_on(hostile, idle_job):
    hostile.refuses("cancelprocessmsg", 403, "invalid rpcMsg.PayloadType: cancelprocessmsg")

    with pytest.raises(Unsupported, match="older than this operation"):
        idle_job.cancel()

    assert idle_job.state is ProcessState.WAITING


def test_a_listing_of_executors_that_one_name_breaks_does_not_keep_others_from_running_jobs(session, project, hostile):
    hostile.refuses("getexecutorsmsg", 500, "sql: Scan error on column index 3")

    assert run(session, project, "print(1)").succeeded


def test_who_watches_in_the_background_hears_of_the_end_although_nothing_fires(session, project, hostile):
    hostile.pubsub = Dropping()
    over, heard = threading.Event(), []

    def listen(event) -> None:
        heard.append(event)
        if isinstance(event, StateChanged) and event.state.closed:
            over.set()

    session.poller.watch(submit(session, project, source=THREE_LINES), listen)

    assert over.wait(WAIT_S)
    assert text_of(heard).endswith("line 2\n")


def test_results_are_there_although_the_process_was_forgotten(session, project, hostile):
    job = run(session, project, "open('result/a', 'w').write('a')")
    hostile.refuses("getprocessmsg", 404, "process not found")

    assert contents(job) == {"a": b"a"}
