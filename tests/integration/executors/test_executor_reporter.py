"""What is told to the server arrives once and in order, whatever happens to the connection."""

from __future__ import annotations

import pytest

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.executors.ownership import Loss
from pollinator_magic.executors.reporter import Reporter
from tests.faults.proxy import AtRequest, Effect, Moment
from tests.waiting import eventually


@pytest.fixture
def client(site, proxy):
    connection = site.connection(site.colony.register(site.host), through=proxy)
    with Colonies(connection.server, connection.colony, connection.key) as client:
        yield client


@pytest.fixture
def process(site, client):
    site.submit("true")
    return client.assign(1)


@pytest.fixture
def reporter(client, process):
    reporter = Reporter(client, process)
    reporter.start()
    yield reporter
    reporter.abandon()


def test_what_was_said_arrives_in_order_before_the_process_is_closed(site, process, reporter):
    for number in range(1000):
        reporter.say(f"{number}\n")
    assert reporter.close([])
    assert site.log(process.processid) == "".join(f"{number}\n" for number in range(1000))
    assert site.user.process(process.processid).status is ProcessState.SUCCESS


def test_a_message_whose_reply_was_lost_is_not_sent_twice(site, process, reporter, proxy):
    reporter.say("tick\n")
    eventually(lambda: site.log(process.processid))
    proxy.arm(AtRequest(Effect.END, of="addlogmsg", moment=Moment.UNANSWERED))
    reporter.say("tick\n")
    assert proxy.happened.wait(10)
    reporter.say("tock\n")
    assert reporter.close([])
    assert site.log(process.processid) == "tick\ntick\ntock\n"


def test_a_message_that_was_lost_on_its_way_is_sent_again_even_if_the_one_before_was_the_same(
    site, process, reporter, proxy
):
    reporter.say("tick\n")
    eventually(lambda: site.log(process.processid))
    proxy.arm(AtRequest(Effect.END, of="addlogmsg", moment=Moment.BEFORE))
    reporter.say("tick\n")
    assert proxy.happened.wait(10)
    assert reporter.close([])
    assert site.log(process.processid) == "tick\ntick\n"


@pytest.mark.embedded_colony(reason="its server is stopped")
def test_a_message_that_the_server_did_not_get_is_sent_again(site, process, reporter):
    reporter.say("one\n")
    eventually(lambda: site.log(process.processid))
    site.colony.stop()
    reporter.say("two\n")
    reporter.say("three\n")
    site.colony.start()
    assert reporter.close(["it broke"])
    assert site.log(process.processid) == "one\ntwo\nthree\n"
    assert site.user.process(process.processid).errors == ["it broke"]


@pytest.mark.parametrize(("errors", "state"), [([], ProcessState.SUCCESS), (["no"], ProcessState.FAILED)])
def test_closing_survives_a_lost_reply(site, process, reporter, proxy, errors, state):
    operation = "closefailedmsg" if errors else "closesuccessfulmsg"
    proxy.arm(AtRequest(Effect.END, of=operation, moment=Moment.UNANSWERED))
    assert reporter.close(errors)
    assert proxy.happened.is_set()
    assert site.user.process(process.processid).status is state


def test_a_cancellation_is_noticed_by_a_job_that_says_nothing(site, process, reporter):
    site.user.cancel(process.processid)
    eventually(lambda: reporter.loss)
    assert reporter.loss is Loss.CANCELLED
    assert not reporter.close([])
    assert site.user.process(process.processid).status is ProcessState.CANCELLED


def test_a_process_that_the_server_gave_to_the_queue_again_is_lost(site, process, reporter):
    with site.owner() as owner:
        owner.remove_executor(site.host)
    reporter.say("late\n")
    eventually(lambda: reporter.loss)
    assert reporter.loss is Loss.RELEASED


def test_a_second_attempt_by_the_same_executor_is_not_mistaken_for_the_first(site, client, process, reporter):
    with site.owner() as owner:
        owner.add_executor(record_of(site.host, client))
        owner.approve_executor(site.host)
    again = eventually(lambda: client.assign(1))
    assert again.processid == process.processid
    eventually(lambda: reporter.loss is Loss.RELEASED)
    assert site.user.process(process.processid).status is ProcessState.RUNNING


def record_of(name, client):
    from pollinator_magic.colonies.models import Executor

    return Executor(
        executorid=client.identity, executorname=name, executortype="container-executor", colonyname=client.colony
    )


def test_a_process_is_closed_at_its_last_moment_even_if_nobody_says_so(site, process, reporter):
    import time

    reporter.close_at(time.monotonic() + 0.2, ["too late"])
    assert site.wait(process.processid).errors == ["too late"]


@pytest.mark.embedded_colony(reason="its server is stopped")
def test_a_server_that_stays_away_does_not_hold_up_a_stop(site, reporter):
    site.colony.stop()
    try:
        reporter.say("lost")
        assert not reporter.close([], patience_s=0.5)
    finally:
        site.colony.start()
