"""The jobs of a colony, kept current by as few requests as it takes, against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, FunctionSpec, ProcessState
from pollinator_magic.jobs.ledger import Entry
from pollinator_magic.labserver.overview import Overview
from pollinator_magic.labserver.summaries import Describer
from tests.colony_server import running_colony

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.labserver.index import Summary
    from tests.colony_server import RunningColony

STATES = {"waiting": 0, "running": 1, "success": 2, "failed": 3, "cancelled": 4}
STEPS = ("submit", "run", "finish", "fail", "cancel", "look")


class Scene:
    """A colony, a user and an executor in it, and an overview of its jobs with a clock that the test moves."""

    def __init__(self, colony: RunningColony) -> None:
        self.user = Colonies(colony.server, colony.colony, colony.user_key)
        self.owner = Colonies(colony.server, colony.colony, colony.owner_key)
        self.worker = Colonies(colony.server, colony.colony, colony.new_executor("worker"))
        self.eye = Colonies(colony.server, colony.colony, colony.user_key)
        self.seconds = 0.0
        describer = Describer(colony.user_key.identity, Path("/srv"))
        self.overview = Overview(self.eye, self.eye, describer, clock=lambda: self.seconds)

    def submit(self, count: int = 1) -> list[str]:
        conditions = Conditions(
            colonyname=self.user.colony, executornames=["worker"], executortype="container-executor"
        )
        spec = FunctionSpec(funcname="f", conditions=conditions, maxexectime=60, maxretries=3)
        return [self.user.submit(spec).processid for _ in range(count)]

    def run(self, count: int = 1) -> list[str]:
        return [self.worker.assign(1).processid for _ in range(count)]

    def finish(self, *ids: str) -> None:
        for process_id in ids:
            self.worker.close_successful(process_id)

    def do(self, step: str, number: int) -> None:
        """Do one of the things that happen to jobs, to one that it can happen to."""
        if step == "submit":
            self.submit(1 + number % 3)
        elif step == "run":
            self.worker.assign(-1)
        elif step in {"finish", "fail", "cancel"}:
            open_ = self.user.processes(ProcessState.RUNNING)
            if step == "cancel":
                open_ += self.user.processes(ProcessState.WAITING)
            if open_:
                one = open_[number % len(open_)].processid
                {"finish": self.finish, "cancel": self.user.cancel, "fail": self.fail}[step](one)

    def fail(self, process_id: str) -> None:
        self.worker.close_failed(process_id, ["it was not to be"])

    def close(self) -> None:
        for client in (self.user, self.owner, self.worker, self.eye):
            client.close()

    def look(self, after_s: float = 1.0) -> dict[str, Summary]:
        self.seconds += after_s
        return {job.id: job for job in self.overview.look()}

    def requests_of_look(self, after_s: float = 1.0) -> int:
        before = self.eye.rpc.requests
        self.look(after_s)
        return self.eye.rpc.requests - before

    def is_true(self) -> bool:
        """Whether the overview knows what the server knows."""
        server = {
            process.processid: state
            for state, number in STATES.items()
            for process in self.user.history(ProcessState(number), seconds=10**8)
        }
        return {job.id: job.state for job in self.overview.index} == server


@pytest.fixture
def scene() -> Iterator[Scene]:
    with running_colony() as colony:
        made = Scene(colony)
        yield made
        made.close()


def test_the_first_look_finds_every_job_and_tells_of_none(scene):
    scene.submit(3)
    scene.finish(*scene.run(1))
    scene.run(1)

    assert scene.look() == {}

    assert scene.is_true()
    assert scene.overview.counts == {"waiting": 1, "running": 1}
    assert all(job.mine and job.by == "alice" and job.executor == "worker" for job in scene.overview.index)


def test_a_look_at_a_colony_where_nothing_happens_is_one_request(scene):
    scene.finish(*scene.submit(1) and scene.run(1))
    scene.look()

    assert [scene.requests_of_look() for _ in range(3)] == [1, 1, 1]


def test_every_step_of_a_job_is_told_once(scene):
    scene.look()

    [job] = scene.submit()
    assert scene.look()[job].state == "waiting"
    scene.run()
    assert scene.look()[job].state == "running"
    scene.fail(job)
    assert scene.look()[job].state == "failed"
    assert scene.look() == {}


def test_a_job_that_was_submitted_and_has_ended_between_two_looks_is_found(scene):
    scene.look()
    [job] = scene.submit()
    scene.finish(*scene.run())

    assert {key: told.state for key, told in scene.look().items()} == {job: "success"}


def test_jobs_that_were_cancelled_while_they_waited_are_found(scene):
    [job, other] = scene.submit(2)
    scene.look()
    scene.user.cancel(job)

    assert {key: told.state for key, told in scene.look().items()} == {job: "cancelled"}
    assert scene.overview.index.get(other).state == "waiting"


def test_more_jobs_than_a_list_holds_are_all_found_and_followed(scene):
    waiting = scene.submit(250)
    scene.look()
    assert scene.is_true()

    running = scene.run(130)
    new = scene.submit(5)
    told = scene.look()
    assert set(told) == {*running, *new}
    assert scene.is_true()

    scene.finish(*running[:120])
    told = scene.look()
    assert set(told) == set(running[:120])
    assert scene.is_true()
    assert len(scene.overview.index) == len(waiting) + len(new)


def test_few_requests_keep_a_long_queue_current(scene):
    scene.submit(150)
    scene.look()
    scene.finish(*scene.run(1))

    assert scene.requests_of_look() <= 4
    assert scene.is_true()


def test_a_job_that_goes_back_to_the_queue_is_found_waiting_again(scene):
    scene.submit(1)
    [job] = scene.run()
    scene.look()
    scene.owner.remove_executor("worker")  # what it runs goes back

    assert scene.look()[job].state == "waiting"


def test_changes_that_cancel_out_in_the_counters_are_found_in_time(scene):
    first, second = scene.submit(2)
    scene.run(1)
    scene.look()
    scene.finish(first)
    scene.run(1)
    scene.user.remove_process(first)  # so that the counters are 0 waiting, 1 running: one less waiting, as if it ran
    [third] = scene.submit(1)

    scene.look()
    scene.look(after_s=40)

    assert scene.overview.index.get(second).state == "running"
    assert scene.overview.index.get(third).state == "waiting"
    assert scene.overview.index.get(first) is None


def test_jobs_whose_records_are_removed_are_forgotten(scene):
    ids = scene.submit(3)
    scene.finish(*scene.run(2))
    scene.look()
    scene.user.remove_process(ids[0])
    scene.user.remove_process(ids[2])

    scene.look()
    scene.look(after_s=100)

    assert [job.id for job in scene.overview.index] == [ids[1]]


def test_what_goes_wrong_in_a_look_is_learnt_by_the_next_one(scene):
    scene.look()
    [job] = scene.submit()
    lists = scene.eye.processes
    scene.eye.processes = lambda *_args, **_options: 1 / 0
    with pytest.raises(ZeroDivisionError):
        scene.look()
    scene.eye.processes = lists

    assert scene.look()[job].state == "waiting"


def test_where_a_job_was_submitted_is_told_when_it_becomes_known(scene):
    [job] = scene.submit()
    scene.look()
    origins = {job: Entry(Path("/srv/a/b.ipynb"), "cell-1", "", Path("/srv/a"))}

    [told] = scene.overview.learn_origins(origins)

    assert (told.notebook, told.cell, told.project) == ("a/b.ipynb", "cell-1", "a")
    assert scene.overview.learn_origins(origins) == []
    scene.run()
    assert scene.look()[job].notebook == "a/b.ipynb"


def test_the_clock_is_never_behind_what_the_colony_has_told(scene):
    scene.submit()
    scene.look()

    assert scene.overview.now >= max(job.submitted for job in scene.overview.index)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9)), max_size=25))
def test_whatever_happens_it_is_known_after_the_next_look(steps):
    with running_colony() as colony:
        scene = Scene(colony)
        told: dict[str, str] = {}
        scene.look()
        for step, number in [*steps, ("look", 0)]:
            scene.do(step, number)
            if step == "look":
                told.update({key: job.state for key, job in scene.look().items()})
                assert scene.is_true()
                assert told == {job.id: job.state for job in scene.overview.index}
        scene.close()
