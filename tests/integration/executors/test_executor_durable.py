"""Jobs that outlive their worker: whatever becomes of it, they run once, and their log and results are whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from worksite import UNTIL_TOLD

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import AttributeType, ProcessState
from pollinator_magic.executors import poll
from pollinator_magic.executors.process.engine import ProcessEngine
from tests.faults.proxy import AtRequest, Effect, Moment
from tests.integration.executors.detached import DetachedEngine, end_session, is_alive
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
NOTE = "echo $$ >> /cfs/runs"


class Durable:
    """Workers with a durable engine on a site, in this process or in ones of their own that can be killed."""

    def __init__(self, site, directory):
        self.site = site
        self.fs = directory / "fs"
        self.key = PrivateKey.generate()
        self._separate = []
        self._stderr = directory / "stderr"

    def worker(self, **options):
        """Start a worker in this process."""
        worker = self.site.worker(key=self.key, engine=DetachedEngine(self.fs), **options)
        self.engine = worker._engine
        return worker

    def separate(self, *, through=None, **order):
        """Start a worker in a process of its own."""
        order = {"name": self.site.host, "fs": str(self.fs), "poll_s": 1, **order}
        with self._stderr.open("a") as stderr:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.executors.detached", json.dumps(order)],
                cwd=ROOT,
                env=self.site.environment(self.key, through=through),
                stderr=stderr,
            )
        self._separate.append(worker)
        return worker

    def kill(self, worker):
        worker.kill()
        worker.wait()

    def said(self):
        """Return what separate workers have logged."""
        return self._stderr.read_text()

    def tell(self):
        (self.fs / "go").touch()

    def runs(self):
        """Return the process ids of all that jobs have begun."""
        file = self.fs / "runs"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def close(self):
        for worker in self._separate:
            worker.kill()
            worker.wait()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("DETACHED_JOB", "").startswith(str(self.fs)):
                    end_session(os.getsid(process.pid))


@pytest.fixture
def durable(site, tmp_path):
    durable = Durable(site, tmp_path)
    yield durable
    durable.close()


# Killed


def test_a_job_goes_on_under_one_worker_after_another_and_its_log_is_whole(durable, site):
    lines = "n=0; while [ $n -lt 300 ]; do n=$((n+1)); echo $n; echo same; printf 'half '; sleep 0.01; echo done; done"
    worker = durable.separate()
    process_id = site.submit(f"{NOTE}; {lines}")
    for number in (20, 60, 130, 200):
        eventually(lambda number=number: f"\n{number}\n" in site.log(process_id))
        durable.kill(worker)
        worker = durable.separate()
    assert site.wait(process_id).status is ProcessState.SUCCESS
    assert site.log(process_id) == "".join(f"{number}\nsame\nhalf done\n" for number in range(1, 301))
    assert len(durable.runs()) == 1


def test_what_ended_while_no_worker_was_there_is_carried_home_with_its_outcome_and_log(durable, site):
    worker = durable.separate()
    script = f"{NOTE.replace('/cfs', str(durable.fs))}\necho begin\n{UNTIL_TOLD.replace('/cfs', str(durable.fs))}\n"
    fields, result = site.project({"main.sh": f"{script}echo 42 > result/out.txt; seq 1 50000; exit 3"})
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    eventually(lambda: site.log(process_id))
    durable.kill(worker)
    durable.tell()
    eventually(lambda: not is_alive(durable.runs()[0]))

    worker = durable.worker()

    assert site.wait(process_id).errors == ["Exit status 3"]
    assert site.log(process_id) == "begin\n" + "".join(f"{number}\n" for number in range(1, 50_001))
    assert site.pull(result) == {"out.txt": "42\n"}
    eventually(lambda: worker.running == 0)
    assert len(durable.runs()) == 1
    assert not list((durable.fs / "pollinator").glob("*/*"))  # and nothing stays
    assert not durable.engine.leftovers()


def test_a_job_that_a_killed_worker_had_just_started_is_not_started_again(durable, site):
    worker = durable.separate(die_at="after")
    process_id = site.submit(f"{NOTE}; echo hello; {UNTIL_TOLD}")
    assert worker.wait(30) == -signal.SIGKILL
    durable.worker()
    durable.tell()
    assert site.wait(process_id).errors == []
    assert site.log(process_id) == "hello\n"
    assert len(durable.runs()) == 1


def test_a_job_that_a_killed_worker_was_about_to_start_is_started(durable, site):
    worker = durable.separate(die_at="before")
    process_id = site.submit(f"{NOTE}; echo hello")
    assert worker.wait(30) == -signal.SIGKILL
    durable.worker()
    assert site.wait(process_id).errors == []
    assert site.log(process_id).endswith("it is run again (try 2 of 4).\nhello\n")
    assert len(durable.runs()) == 1


def test_a_worker_that_is_killed_while_it_brings_files_leaves_a_process_that_runs(durable, site, proxy):
    proxy.arm(AtRequest(Effect.STALL, of="getfilemsg"))
    worker = durable.separate(through=proxy)
    fields, result = site.project({"main.sh": "cp src/main.sh result/copy", "other": "x"})
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    assert proxy.happened.wait(30)
    durable.kill(worker)
    durable.worker()
    assert site.wait(process_id).errors == []
    assert site.pull(result) == {"copy": "cp src/main.sh result/copy"}


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.UNANSWERED])
def test_a_worker_that_is_killed_while_it_closes_a_process_has_run_it_once(durable, site, proxy, moment):
    proxy.arm(AtRequest(Effect.STALL, of="closesuccessfulmsg", moment=moment))
    worker = durable.separate(through=proxy)
    process_id = site.submit(f"{NOTE}; echo hello")
    assert proxy.happened.wait(30)
    durable.kill(worker)
    durable.worker()
    assert site.wait(process_id).status is ProcessState.SUCCESS
    assert (site.log(process_id), len(durable.runs())) == ("hello\n", 1)
    eventually(lambda: not durable.engine.leftovers())


def test_a_message_that_was_on_its_way_when_the_worker_was_killed_is_there_once(durable, site, proxy):
    worker = durable.separate(through=proxy)
    process_id = site.submit(f"echo tick; {UNTIL_TOLD}; echo tick; echo tick; {UNTIL_TOLD.replace('go', 'end')}")
    eventually(lambda: site.log(process_id))
    proxy.arm(AtRequest(Effect.STALL, of="addlogmsg", moment=Moment.UNANSWERED))
    durable.tell()
    assert proxy.happened.wait(30)
    durable.kill(worker)
    durable.worker()
    (durable.fs / "end").touch()
    assert site.wait(process_id).errors == []
    assert site.log(process_id) == "tick\n" * 3


def test_a_job_that_is_over_its_time_when_it_is_taken_up_is_stopped_and_closed(durable, site):
    worker = durable.separate()
    process_id = site.submit(f"{NOTE}; {UNTIL_TOLD}", conditions={"walltime": 9}, maxexectime=8)
    eventually(durable.runs)
    durable.kill(worker)
    durable.worker()
    process = site.wait(process_id)
    assert (process.errors, process.retries) == (["Stopped: ran longer than its walltime of 9 s"], 0)
    eventually(lambda: not is_alive(durable.runs()[0]))


# Dropped, retried, cancelled, given away


def test_a_job_of_an_executor_that_was_dropped_goes_on_when_it_is_given_the_process_again(durable, site):
    durable.worker()
    process_id = site.submit(f"{NOTE}; echo one; {UNTIL_TOLD}; echo two")
    eventually(lambda: site.log(process_id))
    started = site.user.process(process_id).started_at
    with site.owner() as owner:
        owner.remove_executor(site.host)
    site.wait(process_id, state=ProcessState.WAITING)
    again = site.wait(process_id, state=ProcessState.RUNNING)
    assert again.started_at != started
    durable.tell()
    assert site.wait(process_id).errors == []
    assert (site.log(process_id), len(durable.runs())) == ("one\ntwo\n", 1)


def test_a_job_of_an_executor_that_was_dropped_while_it_was_dead_goes_on(durable, site):
    worker = durable.separate()
    process_id = site.submit(f"{NOTE}; echo one; {UNTIL_TOLD}; echo two")
    eventually(lambda: site.log(process_id))
    durable.kill(worker)
    with site.owner() as owner:
        owner.remove_executor(site.host)
    durable.worker()
    site.wait(process_id, state=ProcessState.RUNNING)
    durable.tell()
    assert site.wait(process_id).errors == []
    assert (site.log(process_id), len(durable.runs())) == ("one\ntwo\n", 1)


def test_a_process_that_the_server_has_given_up_on_does_not_run_beside_its_former_job(durable, site):
    worker = durable.separate()
    beside = "for pid in $(cat /cfs/runs); do ps -o stat= -p $pid | grep -v Z && echo $pid runs; done"
    process_id = site.submit(
        f"touch /cfs/runs; {beside}; {NOTE}; {UNTIL_TOLD}", conditions={"walltime": 20}, maxexectime=6
    )
    eventually(durable.runs)
    durable.kill(worker)
    site.wait(process_id, state=ProcessState.WAITING)
    durable.worker()
    eventually(lambda: len(durable.runs()) == 2)
    assert not is_alive(durable.runs()[0])
    durable.tell()
    process = site.wait(process_id)
    assert (process.errors, process.retries) == ([], 1)
    assert "runs" not in site.log(process_id)
    assert "The time of this job was over while the executor was away" in site.log(process_id)


def test_a_job_that_was_cancelled_while_no_worker_was_there_is_ended_and_what_it_made_is_kept(durable, site):
    worker = durable.separate()
    fields, result = site.project({"main.sh": "echo half > result/out.txt; echo $$; sleep 60"})
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    pid = int(eventually(lambda: site.log(process_id)))
    durable.kill(worker)
    site.user.cancel(process_id)
    worker = durable.worker()
    eventually(lambda: not is_alive(pid))
    eventually(lambda: worker.running == 0 and not durable.engine.leftovers())
    assert site.user.process(process_id).status is ProcessState.CANCELLED
    assert site.pull(result) == {"out.txt": "half\n"}


def test_a_job_whose_process_runs_elsewhere_is_ended_with_its_files(durable, site):
    worker = durable.separate()
    fields, _ = site.project({"main.sh": "echo $$; sleep 60"})
    elsewhere = site.colony.new_executor("elsewhere")
    fields["conditions"] = {"executornames": [site.host, elsewhere.name]}
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    pid = int(eventually(lambda: site.log(process_id)))
    durable.kill(worker)
    with site.owner() as owner:
        owner.remove_executor(site.host)
    with Colonies(site.colony.server, site.colony.colony, elsewhere.key) as other:
        assert other.assign(5).processid == process_id
        durable.worker()
        eventually(lambda: durable.engine.discarded == [process_id])
        eventually(lambda: not is_alive(pid))
        assert site.user.process(process_id).assignedexecutorid == elsewhere.key.identity
        eventually(lambda: not list((durable.fs / "pollinator").glob("*/*")))


def test_a_job_whose_process_waits_in_the_queue_is_kept(durable, site):
    worker = durable.separate()
    process_id = site.submit(f"{NOTE}; {UNTIL_TOLD}")
    other = site.submit(f"{NOTE}; sleep 60")
    eventually(lambda: len(durable.runs()) == 2)
    durable.kill(worker)
    with site.owner() as owner:
        owner.remove_executor(site.host)
    site.user.cancel(other)
    site.user.remove_process(other)
    first = DetachedEngine(durable.fs, jobs=0)  # which takes nothing
    site.worker(key=durable.key, engine=first)
    eventually(lambda: first.discarded == [other])
    assert first.leftovers() == {process_id}
    durable.tell()


# Stopped


def test_a_worker_that_is_told_to_stop_leaves_its_jobs_to_the_next(durable, site):
    worker = durable.separate(drain_s=0.2)
    process_id = site.submit(f"{NOTE}; echo one; {UNTIL_TOLD}; echo two")
    eventually(lambda: site.log(process_id))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert site.user.process(process_id).status is ProcessState.RUNNING
    assert is_alive(durable.runs()[0])
    journal = json.loads((durable.fs / ".executor" / "runs" / f"{process_id}.json").read_text())
    assert journal["log"]["position"] == str(len("one\n"))
    durable.worker()
    durable.tell()
    assert site.wait(process_id).errors == []
    assert (site.log(process_id), len(durable.runs())) == ("one\ntwo\n", 1)


def test_jobs_may_end_while_the_worker_drains(durable, site):
    worker = durable.separate(drain_s=60)
    process_id = site.submit(f"{NOTE}; {UNTIL_TOLD}")
    eventually(durable.runs)
    worker.send_signal(signal.SIGTERM)
    eventually(lambda: "Told to stop" in durable.said())
    durable.tell()
    assert worker.wait(30) == 0
    assert site.user.process(process_id).status is ProcessState.SUCCESS


def test_a_second_signal_leaves_jobs_at_once(durable, site):
    worker = durable.separate(drain_s=600)
    process_id = site.submit(f"{NOTE}; {UNTIL_TOLD}")
    eventually(durable.runs)
    worker.send_signal(signal.SIGTERM)
    eventually(lambda: "Told to stop" in durable.said())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert site.user.process(process_id).status is ProcessState.RUNNING
    assert is_alive(durable.runs()[0])


def test_an_engine_that_cannot_keep_its_jobs_has_them_stopped_when_the_time_for_draining_is_over(site):
    worker = site.worker(drain_s=0.1)
    process_id = site.submit("sleep 60")
    site.wait(process_id, state=ProcessState.RUNNING)
    worker.stop(drain=True)
    assert site.user.process(process_id).errors == ["The executor was stopped while the job was running."]


def test_a_worker_that_drains_is_still_heard(site, monkeypatch):
    monkeypatch.setattr(poll, "HEARTBEAT_S", 0.1)
    worker = site.worker()
    process_id = site.submit(UNTIL_TOLD)
    site.wait(process_id, state=ProcessState.RUNNING)
    stopping = threading.Thread(target=worker.stop, kwargs={"drain": True})
    stopping.start()
    eventually(lambda: not worker._thread.is_alive())
    heard = site.user.executor(site.host).last_heard_at
    eventually(lambda: site.user.executor(site.host).last_heard_at > heard)
    (site.directory / "fs" / "go").touch()
    stopping.join(30)
    assert site.user.process(process_id).status is ProcessState.SUCCESS


# What is said of it


def attributes(process):
    return {one.key: one.value for one in process.attributes if one.attributetype == AttributeType.ENV}


def test_where_a_job_runs_is_said_on_its_process_once_and_before_it_is_closed(durable, site, proxy):
    proxy.arm(AtRequest(Effect.END, of="addattributemsg", moment=Moment.UNANSWERED))
    worker = durable.worker(connection=site.connection(durable.key, through=proxy))
    process = site.wait(site.submit("echo $$; env", env={"HOME": "/mine"}))
    assert process.errors == []
    said = attributes(process)
    assert said["NODES"] == "n1"
    assert said["SLURM-JOBID"].isdigit()
    assert said["HOME"] == "/mine"  # the specification's own stays
    assert proxy.lift().kinds.count("addattributemsg") == 3  # the one whose connection broke again
    site.workers.remove(worker)
    worker.stop()


def test_what_an_earlier_attempt_has_said_is_no_variable_of_the_next(durable, site, monkeypatch):
    from pollinator_magic.local import records

    monkeypatch.setattr(records, "forget_attempt", lambda *_: None)  # as other servers do
    worker = durable.separate()
    process_id = site.submit(
        f"{NOTE}; {UNTIL_TOLD}; env", conditions={"walltime": 20}, maxexectime=6, env={"MINE": "1", "NODES": "of mine"}
    )
    eventually(lambda: "SLURM-JOBID" in attributes(site.user.process(process_id)))
    durable.kill(worker)
    waiting = site.wait(process_id, state=ProcessState.WAITING)
    assert waiting.spec.env.keys() == {"MINE", "NODES", "SLURM-JOBID", "HOME"}
    durable.worker()
    durable.tell()
    assert site.wait(process_id).errors == []
    log = site.log(process_id).splitlines()
    assert {"MINE=1", "NODES=of mine"} <= set(log)
    assert not [line for line in log if line.startswith("SLURM-JOBID=") or line == "HOME=/home/of/the/executor"]


def test_capabilities_and_allocations_are_those_of_the_engine(durable, site):
    durable.worker()
    executor = site.user.executor(site.host)
    assert executor.capabilities.hardware[0].model == "detached"
    assert executor.allocations.projects["p"].usedcpu == 7


def test_a_worker_that_comes_back_keeps_its_registration_and_says_what_it_offers_now(durable, site):
    durable.worker()
    registered = site.user.executor(site.host).commissiontime
    site.workers.pop().stop()
    worker = site.worker(key=durable.key, engine=Changed(durable.fs))
    executor = site.user.executor(site.host)
    assert executor.commissiontime == registered
    assert executor.capabilities.hardware[0].model == "changed"
    assert [function.funcname for function in site.user.functions(site.host)] == ["execute"]
    assert worker.running == 0


class Changed(DetachedEngine):
    def describe(self):
        described = super().describe()
        described.hardware[0].model = "changed"
        return described


# What it costs


def test_an_idle_worker_makes_one_long_request_after_another_and_no_other(site, proxy, tmp_path):
    connection = site.connection(PrivateKey.generate(), through=proxy)
    site.worker(connection=connection, engine=ProcessEngine(tmp_path / "fs"), poll_s=None)
    asked = proxy.traffic.kinds
    eventually(lambda: asked.count("assignprocessmsg") >= 3)
    first = asked.index("assignprocessmsg")
    assert set(asked[first:]) == {"assignprocessmsg"}


def test_an_idle_worker_is_small(durable, site):
    worker = durable.separate()
    eventually(site.registered)
    assert site.wait(site.submit("echo hello")).errors == []
    assert psutil.Process(worker.pid).memory_info().rss < 60 * 1024 * 1024


def test_many_running_jobs_are_looked_after_by_one_request_for_all(durable, site, proxy):
    worker = durable.worker(connection=site.connection(durable.key, through=proxy))
    jobs = [site.submit(UNTIL_TOLD.replace("0.02", "0.5")) for _ in range(20)]
    eventually(lambda: worker.running == 20 and durable.engine.leftovers() == set())
    eventually(lambda: all(attributes(site.user.process(one)) for one in jobs), within_s=60)
    proxy.arm()
    asked = proxy.traffic.kinds
    eventually(lambda: asked.count("getprocesshistmsg") >= 2)
    assert asked.count("getprocessmsg") <= 2
    assert set(asked) <= {"getprocesshistmsg", "assignprocessmsg", "getprocessmsg"}
    site.user.cancel(jobs[0])
    eventually(lambda: worker.running == 19, within_s=15)
    assert worker.counts.cancelled == 1
    durable.tell()
    eventually(lambda: worker.running == 0)
    assert (worker.counts.taken, worker.counts.succeeded, worker.counts.running) == (20, 19, 0)
    site.workers.remove(worker)
    worker.stop()
