"""What accounting knows: how jobs have ended that everybody else has forgotten, and what an account may use.

All jobs of the first part run at the same time, and their executors are away until the controller has forgotten them.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest
from cluster_jobs import Follower, Nodes, task, wanted_by_others, without_news_of_the_queue

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Allocation, Allocations, ProcessState
from pollinator_magic.executors.slurm.engine import SlurmEngine
from tests.waiting import eventually

EAT = "import time; x = bytearray(400 * 1024**2); print('eaten', flush=True); time.sleep(60)"
HELD = "echo on; while ! [ -e /cfs/go ]; do sleep 0.1; done; "
AGAIN = 'echo "on ${SLURM_RESTART_COUNT:-0}"; [ -n "$SLURM_RESTART_COUNT" ] || exec sleep 600; exit 5'
SLEEPS = "echo on; exec sleep 600"
JOBS = {
    "succeeded": {"command": f"{HELD}echo off"},
    "failed": {"command": f"{HELD}echo off; exit 3"},
    "succeeded without a word": {"command": f"{HELD}exit 0"},
    "failed without a word": {"command": f"{HELD}exit 3"},
    "missed without a word": {"command": f"{HELD}exit 0"},
    "again without a word": {"command": AGAIN},
    "cancelled": {"command": SLEEPS},
    "cancelled on two nodes": {"command": SLEEPS, "nodes": 2},
    "greedy": {"command": f"{HELD}exec {sys.executable}", "args": ("-c", EAT), "memory_bytes": 100 * 1024**2},
    "late": {"command": "echo on; exec sleep 600", "walltime_s": 60},
    "late, and watched": {"command": "echo on; exec sleep 600", "walltime_s": 60},
    "made room": {"command": SLEEPS},
    "node failed": {"command": SLEEPS},
}
SETTINGS = {  # two have a node for themselves
    "made room": {"partition": "cheap", "directives": ["--nodelist=n4", "--exclusive"]},
    "node failed": {"partition": "gpu", "requeue": False, "directives": ["--nodelist=g1"]},
}
WATCHED = "late, and watched"
NOTHING = Allocations()


class End(NamedTuple):
    job: str
    error: str
    log: list[str]


class Story:
    """Jobs that run, whose executors leave them and come back."""

    def __init__(self, nodes) -> None:
        self.nodes = nodes
        self.tasks = {
            name: task(fields["command"], *fields.get("args", ()), **rest(fields)) for name, fields in JOBS.items()
        }
        self.engines = {name: nodes.engine(**SETTINGS.get(name, {})) for name in JOBS}
        self.followers = {name: Follower(self.engines[name].start(wanted)) for name, wanted in self.tasks.items()}
        for follower in self.followers.values():
            follower.until(lambda follower=follower: follower.job.attributes and follower.text.endswith("\n"))
        self.numbers = {name: one.job.attributes["SLURM-JOBID"] for name, one in self.followers.items()}

    def leave(self):
        for name in self.tasks:
            if name != WATCHED:
                self.followers[name].job.leave()
                self.engines[name].close()

    def happen(self):
        cluster, numbers = self.nodes.cluster, self.numbers
        cluster.end_now(numbers["late"])
        cluster.end_now(numbers[WATCHED])
        (self.nodes.fs_dir / "go").touch()
        cluster.run("scontrol", "requeue", numbers["again without a word"])
        cluster.run("scancel", numbers["cancelled"], numbers["cancelled on two nodes"])
        cluster.run("scontrol", "update", "NodeName=g1", "State=DOWN", "Reason=test")
        wanted_by_others(cluster, seconds=600, nodes="n4")
        self.followers[WATCHED].to_the_end()
        for number in numbers.values():
            cluster.wait_until_forgotten(number)

    def lose(self):
        """Let last words get lost, and of one job what accounting knew of its end."""
        for name, wanted in self.tasks.items():
            if name.endswith("without a word"):
                (attempt,) = self.engines[name].attempts(wanted.process_id)
                (attempt.directory / "end").write_bytes(b"")
        self.nodes.cluster.accounting.set_in_job(self.numbers["missed without a word"], "state=1, time_end=0")

    def come_back(self):
        for name, wanted in self.tasks.items():
            if name != WATCHED:
                self.followers[name] = Follower(self.nodes.engine(**SETTINGS.get(name, {})).resume(wanted, ""))
        eventually(lambda: all([follower.step() for follower in self.followers.values()]), within_s=90)  # noqa: C419  each

    def ends(self):
        return {
            name: End(self.numbers[name], follower.to_the_end(), without_news_of_the_queue(follower.text))
            for name, follower in self.followers.items()
        }


def rest(fields):
    return {name: value for name, value in fields.items() if name not in {"command", "args"}}


@pytest.fixture(scope="module")
def ends(accounting_slurm, tmp_path_factory):
    nodes = Nodes(accounting_slurm, tmp_path_factory.mktemp("story"))
    try:
        story = Story(nodes)
        story.leave()
        story.happen()
        story.lose()
        story.come_back()
        ends = story.ends()
        for follower in story.followers.values():
            follower.job.close()
        yield ends
    finally:
        nodes.close()
        accounting_slurm.clear()


def test_jobs_that_have_ended_by_themselves_are_known_by_their_last_word(ends):
    assert ends["succeeded"][1:] == ("", ["on", "off"])
    assert ends["failed"][1:] == ("Exit status 3", ["on", "off"])


@pytest.mark.parametrize(
    ("name", "how"),
    [("succeeded without a word", "COMPLETED"), ("failed without a word", "FAILED, exit status 3")],
)
def test_one_whose_last_word_is_lost_is_no_success_and_what_is_known_is_told(ends, name, how):
    end = ends[name]

    assert end.error == f"Slurm job {end.job} ended before its script could say how ({how})."
    assert end.log == ["on"]


@pytest.mark.parametrize(("name", "ranks"), [("cancelled", 1), ("cancelled on two nodes", 2)])
def test_who_has_cancelled_a_job_is_told(ends, name, ranks):
    end = ends[name]

    assert end.error == (
        f"Slurm job {end.job} was cancelled by root, not through the colony. Submit it again if that was not meant."
    )
    assert end.log == ["on"] * ranks


@pytest.mark.parametrize("name", ["late", WATCHED])
def test_a_job_that_ran_out_of_time_is_told_so(ends, name):
    end = ends[name]

    assert end.error == (
        f"Stopped by Slurm: job {end.job} ran longer than its time limit of 1 min. Ask for more with --walltime."
    )
    assert end.log == ["on"]


def test_a_job_that_needed_too_much_memory_is_told_so(ends):
    assert ends["greedy"].error == "Killed: used more than 100Mi of memory"


def test_a_job_that_had_to_make_room_is_told_so(ends):
    end = ends["made room"]

    assert end.error.startswith(f"Slurm job {end.job} had to make room for a more urgent one")
    assert end.log == ["on"]


def test_a_job_whose_node_has_failed_is_told_so(ends):
    assert "failed, and Slurm has not started the job again" in ends["node failed"].error


def test_of_a_job_that_was_started_again_the_last_run_counts(ends):
    end = ends["again without a word"]

    assert end.error.endswith("(FAILED, exit status 5).")
    assert [line for line in end.log if line.startswith("on")] == ["on 0", "on 1"]


def test_a_job_whose_end_accounting_has_missed_is_lost_and_not_waited_for(ends, accounting_slurm):
    end = ends["missed without a word"]

    assert "RUNNING" in accounting_slurm.run("sacct", "-n", "-X", "-j", end.job, "-o", "State")
    assert end.error.startswith(f"Slurm does not know job {end.job} any more")


def test_nothing_is_concluded_while_accounting_is_away(accounting_nodes, accounting):
    engine, wanted = accounting_nodes.engine(), task(SLEEPS)
    job = engine.start(wanted)
    Follower(job).until(lambda: job.attributes)
    number = job.attributes["SLURM-JOBID"]
    job.leave()
    accounting.run("scancel", number)
    accounting.wait_until_forgotten(number)
    accounting.stop_accounting()
    follower = Follower(engine.resume(wanted, ""))
    before = engine.queries
    try:
        follower.until(lambda: engine.queries >= before + 3)
        assert engine.queue.standing(number) is None
    finally:
        accounting.start_accounting()

    assert f"Slurm job {number} was cancelled by root" in follower.to_the_end()
    follower.job.close()


def test_a_process_that_was_cancelled_while_its_executor_was_away_is_closed_when_that_comes_back(site, accounting):
    def come():
        return site.worker(engine=SlurmEngine(accounting.settings(), site.directory / "fs"), key=key)

    key = PrivateKey.generate()
    come()
    process_id = site.submit("echo on; exec sleep 600", conditions={"walltime": 300})
    eventually(lambda: "on" in site.log(process_id))
    site.workers.pop().stop()
    (number,) = accounting.states()
    accounting.run("scancel", number)
    accounting.wait_until_forgotten(number)
    come()

    process = site.wait(process_id, within_s=60)

    assert process.status is ProcessState.FAILED
    assert process.errors[0].startswith(f"Slurm job {number} was cancelled by root")
    assert site.log(process_id) == "on\n"


# --- allocations ------------------------------------------------------------------------------------------------------


@pytest.fixture
def start_worker(site, accounting):
    key = PrivateKey.generate()

    def start(**settings):
        while site.workers:
            site.workers.pop().stop()
        site.worker(engine=SlurmEngine(accounting.settings(**settings), site.directory / "fs"), key=key)
        return site.user.executor(site.host).allocations.projects

    return start


def test_the_colony_lists_what_the_account_of_an_executor_may_use_and_has_used(site, start_worker, accounting):
    accounting.add_account("project_1", "GrpTRESMins=cpu=6000,gres/gpu=600")

    before = start_worker(account="project_1")
    process = site.wait(site.submit("sleep 5", conditions={"nodes": 4, "cpu": "4000m"}), within_s=60)
    after = start_worker(account="project_1")  # it says so once an hour, and when it starts

    assert process.errors == []
    assert before == {"project_1": Allocation(allocatedcpu=100, usedcpu=0, allocatedgpu=10, usedgpu=0)}
    assert after == {"project_1": Allocation(allocatedcpu=100, usedcpu=1, allocatedgpu=10, usedgpu=0)}


def test_an_executor_that_names_no_account_has_the_one_of_its_user(start_worker, accounting):
    accounting.run("sacctmgr", "-i", "modify", "account", "lab", "set", "GrpTRESMins=cpu=120")

    limited = start_worker()
    accounting.run("sacctmgr", "-i", "modify", "account", "lab", "set", "GrpTRESMins=cpu=-1")
    unlimited = start_worker()

    assert limited["lab"].allocatedcpu == 2
    assert unlimited is None


def test_nothing_is_told_of_an_account_that_there_is_not(accounting_nodes):
    assert accounting_nodes.engine(account="nosuch").allocations() == NOTHING


def test_nothing_is_told_without_accounting(nodes):
    assert nodes.engine(account="project_1").allocations() == NOTHING
    assert nodes.engine().allocations() == NOTHING


def test_an_executor_works_while_nobody_can_tell_what_its_account_is(site, start_worker, accounting):
    accounting.stop_accounting()
    try:
        assert not start_worker()
        assert site.user.executor(site.host).capabilities.hardware[0].nodes == 4
    finally:
        accounting.start_accounting()
