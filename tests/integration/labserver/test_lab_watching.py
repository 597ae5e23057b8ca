"""What open pages hear, and what a colony is asked for it: one poller, whatever listens."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import requests
from jupyter_runs import WAIT_S, running_jupyter, variables_of

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, FunctionSpec
from pollinator_magic.jobs import submit
from pollinator_magic.jobs.ledger import Ledger, Origin
from pollinator_magic.local.colony import LocalColony
from tests.colony_server import running_colony
from tests.faults.colony_faults import kind_of_rpc
from tests.faults.proxy import AtRequest, Effect, Proxy
from tests.jobs import ENDLESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_runs import Jupyter

    from tests.colony_server import RunningColony


class Far:
    """A colony that the Jupyter server's environment names, reached through a proxy that counts and breaks."""

    def __init__(self, colony: RunningColony, proxy: Proxy, jupyter: Jupyter) -> None:
        self.colony, self.proxy, self.jupyter = colony, proxy, jupyter
        self.user = Colonies(colony.server, colony.colony, colony.user_key)

    def submit(self) -> str:
        conditions = Conditions(
            colonyname=self.colony.colony, executornames=["nobody"], executortype="container-executor"
        )
        return self.user.submit(FunctionSpec(funcname="f", conditions=conditions)).processid

    def asked(self) -> Counter[str]:
        return Counter(self.proxy.traffic.kinds)

    def cancel_all(self) -> None:
        for process in self.user.processes(0):
            self.user.cancel(process.processid)


@pytest.fixture(scope="module")
def running_far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    with running_colony() as colony:
        proxy = Proxy((colony.server.host, colony.server.port), kind_of_rpc)
        try:
            with running_jupyter(tmp_path_factory.mktemp("far"), **variables_of(colony, port=proxy.port)) as jupyter:
                yield Far(colony, proxy, jupyter)
        finally:
            proxy.close()


@pytest.fixture
def far(running_far: Far) -> Iterator[Far]:
    """No fault, nothing counted, no open job."""
    running_far.proxy.arm()
    yield running_far
    running_far.proxy.arm()
    running_far.cancel_all()


# --- what is told ----------------------------------------------------------------------------------------------------


def test_a_page_is_told_first_how_everything_is(jupyter, session):
    with jupyter.page() as page:
        connection, executors, jobs = (page.next() for _ in range(3))

    assert connection["kind"] == "connection"
    assert connection["connection"]["reachable"]
    assert connection["connection"]["identity"] == session.connection.key.identity
    assert [executor["name"] for executor in executors["executors"]] == ["local"]
    assert jobs["kind"] == "jobs"
    assert jobs["jobs"] == []
    assert set(jobs["counts"]) == {"waiting", "running"}


def test_every_page_hears_of_every_step_of_a_job(jupyter, session, project):
    with jupyter.page() as first, jupyter.page() as second:
        first.until_kind("jobs")
        second.until_kind("jobs")
        job = submit(session, project, source=ENDLESS)
        started = first.until_job(job.id, "running")
        job.cancel()
        ended = first.until_job(job.id, "cancelled")
        assert second.until_job(job.id, "running") == started
        assert second.until_job(job.id, "cancelled") == ended

    assert started["mine"]
    assert started["executor"] == "local"
    assert started["submitted"] <= started["started"] <= ended["ended"]


def test_a_job_that_a_notebook_here_submits_is_seen_with_its_notebook_and_cell(jupyter, session, project):
    with jupyter.page() as page:
        page.until_kind("jobs")
        job = submit(session, project, source="print(1)")
        Ledger(jupyter.home).note([job.id], project.root, Origin(project.root / "fit.ipynb", "cell-7"))
        told = page.until(lambda message: any(each["cell"] == "cell-7" for each in message.get("jobs", [])))

    [told] = [each for each in told["jobs"] if each["id"] == job.id]
    assert told["notebook"] == f"{project.root.name}/fit.ipynb"
    assert told["project"] == project.root.name
    assert jupyter.told(f"jobs/{job.id}")["cell"] == "cell-7"


# --- what is asked ---------------------------------------------------------------------------------------------------


def test_many_pages_are_one_poller(far):
    far.submit()
    with ExitStack() as stack:
        pages = [stack.enter_context(far.jupyter.page()) for _ in range(12)]
        for page in pages:
            page.until_kind("jobs")
        far.proxy.arm()
        job = far.submit()
        for page in pages:
            page.until_job(job, "waiting")
        asked = far.asked()

    # One list of what waits, and two for the work of the executors if these were just due.
    assert 1 <= asked["getprocessesmsg"] <= 4
    assert asked["getexecutorsmsg"] <= 1


def test_executors_are_looked_at_soon_when_jobs_begin_or_end_but_not_at_every_look(far):
    far.submit()  # something is open, so that the colony is looked at often
    with far.jupyter.page() as page:
        page.until_kind("jobs")
        far.proxy.arm()
        page.until_job(far.submit(), "waiting")
        wait_for(lambda: far.asked()["getexecutorsmsg"], WAIT_S)
        soon = far.asked()
        for _ in range(4):
            page.until_job(far.submit(), "waiting")
        busy = far.asked()

    assert soon["getcolonystatsmsg"] <= 5
    assert busy["getexecutorsmsg"] <= busy["getcolonystatsmsg"] / 2 + 1


def test_where_no_page_listens_nothing_is_asked(far):
    far.submit()  # something is open, so that the colony would be looked at often
    with far.jupyter.page() as page:
        page.until_kind("jobs")
    far.proxy.arm()

    with pytest.raises(TimeoutError):  # the time in which there would be several looks
        wait_for(lambda: len(far.proxy.traffic.kinds) > 1, 4)


def test_a_page_that_opens_later_reads_nothing_from_before(far):
    with far.jupyter.page() as page:
        page.until_kind("jobs")
    for _ in range(3):
        job = far.submit()
        with far.jupyter.page():
            listed = far.jupyter.told("jobs", state="waiting")["jobs"]

        assert listed[0]["id"] == job


def test_an_idle_colony_is_hardly_asked_and_hardly_spoken_of(far):
    with far.jupyter.page() as page:
        page.until_kind("jobs")
        page.during(3)  # what other tests have left is taken note of
        far.proxy.arm()
        heard = page.during(7)
        asked = far.asked()

    assert set(asked) <= {"getcolonystatsmsg", "getexecutorsmsg"}
    assert 1 <= sum(asked.values()) <= 3
    assert len(heard) <= 1
    assert all(len(json.dumps(message)) < 2000 for message in heard)


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_colony_that_is_gone_and_comes_back_is_told_once_each(far):
    far.submit()
    with far.jupyter.page() as page:
        page.until_kind("jobs")
        far.proxy.refuse()
        far.proxy.cut()
        lost = page.until_kind("connection")["connection"]
        while_lost = page.during(4)
        refused = far.jupyter.get("jobs")
        far.proxy.accept()
        found = page.until_kind("connection")["connection"]
        job = far.submit()
        page.until_job(job, "waiting")
        connections = [message for message in page.heard if message["kind"] == "connection"]

    assert not lost["reachable"]
    assert lost["problem"]
    assert "COLONIES_SERVER_HOST" in lost["remedy"]
    assert (lost["user"], lost["identity"]) == ("alice", far.colony.user_key.identity)
    assert not [message for message in while_lost if message["kind"] == "connection"]
    assert refused.status_code == 502
    assert refused.json()["remedy"]
    assert found["reachable"]
    assert len(connections) == 3


def test_who_asks_again_need_not_wait_until_it_is_tried(far):
    with far.jupyter.page() as page:
        page.until_kind("jobs")
        far.submit()
        far.proxy.refuse()
        far.proxy.cut()
        page.until(lambda message: not message.get("connection", {"reachable": True})["reachable"])
        far.proxy.accept()

        assert far.jupyter.told("connection")["reachable"]
        assert far.jupyter.get("jobs").ok
        assert page.until_kind("connection")["connection"]["reachable"]


def test_a_page_that_opens_while_the_colony_is_gone_hears_why(far):
    far.proxy.refuse()
    far.proxy.cut()
    with far.jupyter.page() as page:
        told = page.until(lambda message: not message.get("connection", {"reachable": True})["reachable"])

    assert told["connection"]["problem"]


def test_the_embedded_colony_that_was_killed_is_missed_and_welcomed_back(tmp_path):
    embedded = LocalColony(tmp_path / "home")
    try:
        pid = embedded.start().pid
        with running_jupyter(tmp_path) as jupyter, jupyter.page() as page:
            assert page.until_kind("connection")["connection"]["reachable"]
            os.kill(pid, signal.SIGKILL)
            lost = page.until_kind("connection")["connection"]
            asked = jupyter.told("connection")
            assert not embedded.running  # nobody starts it by looking
            embedded.start()
            found = page.until_kind("connection")["connection"]
    finally:
        embedded.stop()

    assert (lost["reachable"], lost["problem"]) == (False, "The embedded colony is not running.")
    assert lost["remedy"].startswith("It starts with the first `%%pollinate local`")
    assert {name: asked[name] for name in ("reachable", "problem", "remedy")} == {
        name: lost[name] for name in ("reachable", "problem", "remedy")
    }
    assert found["reachable"]
    assert found["identity"] == lost["identity"]


def test_a_colony_that_hangs_keeps_nothing_else_waiting(far):
    with hanging(far):
        replies: dict[str, requests.Response] = {}
        asked = [ask_beside(far.jupyter, path, replies) for path in ["executors", "jobs", "connection", *["jobs"] * 9]]
        assert far.proxy.happened.wait(WAIT_S)

        status = requests.get(f"{far.jupyter.url}/api/status", headers=far.jupyter.sign, timeout=WAIT_S)
        contents = requests.get(f"{far.jupyter.url}/api/contents", headers=far.jupyter.sign, timeout=WAIT_S)

        assert status.ok
        assert contents.ok
        assert not replies
    for thread in asked:
        thread.join(WAIT_S)
    assert replies


def test_a_server_ends_although_a_colony_hangs(far, tmp_path):
    variables = variables_of(far.colony, port=far.proxy.port)
    with hanging(far), running_jupyter(tmp_path, **variables) as jupyter:
        with jupyter.page():
            thread = ask_beside(jupyter, "executors", {})
            assert far.proxy.happened.wait(WAIT_S)
            jupyter.process.send_signal(signal.SIGTERM)
            jupyter.process.wait(15)  # less than the colony is waited for
        thread.join(WAIT_S)


@contextmanager
def hanging(far: Far) -> Iterator[None]:
    """No request is answered meanwhile."""
    far.proxy.arm(AtRequest(Effect.STALL, times=10_000))
    try:
        yield
    finally:
        far.proxy.cut()
        far.proxy.lift()


def ask_beside(jupyter: Jupyter, path: str, replies: dict[str, requests.Response]) -> threading.Thread:
    def ask() -> None:
        with suppress(requests.RequestException):  # it may end
            replies[path] = jupyter.get(path)

    thread = threading.Thread(target=ask, name="page")
    thread.start()
    return thread


def wait_for(wanted, seconds: float) -> None:
    done = threading.Event()
    for _ in range(int(seconds / 0.1)):
        if wanted():
            return
        done.wait(0.1)
    raise TimeoutError
