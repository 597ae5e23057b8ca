from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
from worksite import UNTIL_TOLD, gone, tell

from pollinator_magic.cfs.objects import open_store
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Capabilities, ExecutorState, Hardware, ProcessState
from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors import poll
from pollinator_magic.executors import worker as worker_module
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.storedkey import stored_key
from pollinator_magic.local.scheduler import Scheduler
from tests.faults.proxy import AtRequest, Effect, Moment
from tests.waiting import eventually


def test_a_process_is_run_logged_and_closed(site):
    site.worker()
    process_id = site.submit("echo", "hello world")
    process = site.wait(process_id)
    assert process.status is ProcessState.SUCCESS
    assert site.log(process_id) == "hello world\n"


def test_a_project_runs_and_its_results_come_home(site):
    site.worker()
    fields, result = site.project({"main.sh": "ls src; cat ../data/in.txt > result/out.txt"}, data={"in.txt": "42"})
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    process = site.wait(process_id)
    assert (process.errors, site.log(process_id)) == ([], "main.sh\n")
    assert site.pull(result) == {"out.txt": "42"}


def test_the_log_is_complete_and_in_order(site):
    site.worker()
    process_id = site.submit("seq", "1", "100000")
    site.wait(process_id)
    assert site.log(process_id) == "".join(f"{number}\n" for number in range(1, 100_001))


def test_a_failed_job_says_why_and_its_results_come_home(site):
    site.worker()
    fields, result = site.project({"main.sh": "echo half > result/out.txt; echo oops >&2; exit 3"})
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    process = site.wait(process_id)
    assert (process.status, process.errors) == (ProcessState.FAILED, ["Exit status 3"])
    assert site.log(process_id) == "oops\n"
    assert site.pull(result) == {"out.txt": "half\n"}


def test_a_job_that_runs_for_too_long_is_stopped_closed_and_not_started_again(site):
    site.worker()
    fields, result = site.project(
        {"main.sh": "echo half > result/out.txt; echo $$; trap '' TERM; sleep 60 & wait; wait"}
    )
    script = f"{fields['env']['PROJECT_DIR']}/src/main.sh"
    process_id = site.submit("sh", script, conditions={"walltime": 6}, maxexectime=5, **fields)
    process = site.wait(process_id)
    assert process.errors == ["Stopped: ran longer than its walltime of 6 s"]
    assert process.retries == 0
    assert (process.ended_at - process.started_at).total_seconds() < 5
    eventually(lambda: gone(int(site.log(process_id))))
    assert site.pull(result) == {"out.txt": "half\n"}


def test_the_time_in_which_the_executor_waits_for_variables_counts(site):
    """A server may give a process out before its variables, and this one shall have none."""
    site.worker()
    fields, _ = site.project({"main.sh": ""})
    process = site.wait(site.submit("sleep 60", conditions={"walltime": 3}, maxexectime=2, **{**fields, "env": {}}))
    assert process.errors == ["Stopped: ran longer than its walltime of 3 s"]
    assert process.retries == 0


def test_results_that_take_too_long_do_not_start_the_job_again_and_still_come_home(site, monkeypatch):
    may_store = threading.Event()

    def open_slow_store(settings):
        store = open_store(settings)
        put = store.put
        store.put = lambda *arguments: may_store.wait(20) and put(*arguments)
        return store

    monkeypatch.setattr(worker_module, "open_store", open_slow_store)
    worker = site.worker()
    fields, result = site.project({"main.sh": "echo whole > result/out.txt"})
    script = f"{fields['env']['PROJECT_DIR']}/src/main.sh"
    process_id = site.submit("sh", script, conditions={"walltime": 6}, maxexectime=5, **fields)
    process = site.wait(process_id)
    may_store.set()
    assert process.errors[0].startswith("The program ended in time, but its results could not be brought back")
    assert process.retries == 0
    eventually(lambda: worker.running == 0)
    assert site.pull(result) == {"out.txt": "whole\n"}


def test_a_cancelled_job_is_stopped_and_what_it_made_is_kept(site):
    worker = site.worker()
    fields, result = site.project({"main.sh": "echo half > result/out.txt; echo $$; sleep 60"})
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    pid = int(eventually(lambda: site.log(process_id)))
    site.user.cancel(process_id)
    eventually(lambda: worker.running == 0, within_s=10)
    eventually(lambda: gone(pid))
    assert site.user.process(process_id).status is ProcessState.CANCELLED
    assert site.pull(result) == {"out.txt": "half\n"}


def test_too_much_memory_fails_the_job_with_the_reason(site):
    site.worker()
    program = "import time; block = bytearray(200 << 20); time.sleep(60)"
    process_id = site.submit(f"{sys.executable} -c", program, conditions={"mem": "100Mi"})
    assert site.wait(process_id).errors == ["Killed: used more than 100Mi of memory"]


def test_a_specification_that_cannot_be_run_is_refused_with_everything_that_is_wrong(site):
    site.worker()
    process_id = site.submit("", conditions={"nodes": 0, "cpu": "1m", "mem": "1000K"}, maxretries=0)
    (error,) = site.wait(process_id).errors
    assert error == (
        "This function specification cannot be run: there is no cmd, so nothing to run; nodes must be at least 1, "
        "not 0; cpu must be at least 10 thousandths of a processor, like 1000m, not '1m'; "
        "maxretries must be more than 0, not 0."
    )


@pytest.mark.parametrize("directory", ["/a/../../b", "relative", "/", "/.executor/jobs"])
def test_files_are_not_put_outside_of_the_executors_file_system(site, directory):
    site.worker()
    fields, _ = site.project({"main.sh": "true"})
    fields["fs"].dirs[0].dir = directory
    (error,) = site.wait(site.submit("true", **fields)).errors
    assert f"files cannot be put into {directory!r}" in error


def test_an_unknown_function_is_refused(site):
    site.worker()
    (error,) = site.wait(site.submit("true", funcname="dance")).errors
    assert "there is no function 'dance' here, only 'execute'" in error


def test_the_function_sync_only_brings_files(site):
    site.worker()
    fields, _ = site.project({"main.sh": "true"}, data={"in.txt": "42"})
    process = site.wait(site.submit("", funcname="sync", **fields))
    assert process.status is ProcessState.SUCCESS
    assert [path.read_text() for path in (site.directory / "fs").glob("pollinator/*/data/in.txt")] == ["42"]


def test_nothing_of_a_job_stays_but_what_shall_be_kept(site):
    worker = site.worker()
    fields, _ = site.project({"main.sh": "touch rubbish result/x"}, data={"in.txt": "42"})
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    assert site.wait(process_id).errors == []
    eventually(lambda: worker.running == 0)
    (project,) = (site.directory / "fs" / "pollinator").iterdir()
    assert [path.name for path in project.iterdir()] == ["data"]


def test_a_project_directory_with_something_to_keep_stays(site):
    worker = site.worker()
    fields, _ = site.project({"main.sh": "touch mine"})
    fields["fs"].snapshots[0].keepfiles = True
    process_id = site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields)
    assert site.wait(process_id).errors == []
    eventually(lambda: worker.running == 0)
    (run,) = (site.directory / "fs" / "pollinator").glob("*/*")
    assert sorted(path.name for path in run.iterdir()) == ["mine", "src"]


def test_kept_data_follow_the_server_also_where_files_were_removed(site):
    site.worker()
    fields, _ = site.project({"main.sh": "ls ../data"}, data={"a": "1", "b": "2"})
    script = f"{fields['env']['PROJECT_DIR']}/src/main.sh"
    first = site.submit("sh", script, **fields)
    site.wait(first)
    label = fields["fs"].dirs[1].label
    site.user.remove_files_named(label, "a")
    second = site.submit("sh", script, **fields)
    site.wait(second)
    assert site.log(first).split()[:2] == ["a", "b"]
    assert site.log(second).split()[:1] == ["b"]


def test_new_files_in_kept_data_are_uploaded(site):
    site.worker()
    fields, _ = site.project({"main.sh": "echo new > ../data/c"}, data={"a": "1"})
    site.wait(site.submit("sh", f"{fields['env']['PROJECT_DIR']}/src/main.sh", **fields))
    assert site.pull(fields["fs"].dirs[1].label)["c"] == "new\n"


def test_the_process_id_can_be_part_of_directories_and_labels(site):
    site.worker()
    fields, result = site.project({"main.sh": "true"})
    fields["fs"].dirs[0].dir = "/out/{processid}"
    fields["fs"].dirs[0].label = f"{result}/{{processid}}"
    process_id = site.submit("echo hi > /cfs/out/$COLONIES_PROCESS_ID/x", **fields)
    assert site.wait(process_id).errors == []
    assert site.pull(f"{result}/{process_id}") == {"x": "hi\n"}


def test_a_job_whose_files_are_gone_fails_before_it_starts(site):
    site.worker()
    fields, _ = site.project({"main.sh": "true"})
    site.user.remove_snapshot(fields["fs"].snapshots[0].snapshotid)
    (error,) = site.wait(site.submit("true", **fields)).errors
    assert error.startswith("The files of the job could not be brought to the executor: ")


def test_an_executor_without_an_object_store_says_so(site):
    site.worker(connection=site.connection(PrivateKey.generate(), storage=None))
    fields, _ = site.project({"main.sh": "true"})
    (error,) = site.wait(site.submit("true", **fields)).errors
    assert "This executor has no object store" in error
    assert site.wait(site.submit("true")).errors == []


def test_jobs_run_side_by_side_while_there_are_processors(site):
    site.worker()  # with two
    ids = [site.submit(UNTIL_TOLD) for _ in range(3)]
    eventually(lambda: [site.user.process(one).state for one in ids] == [1, 1, 0])
    tell(site)
    assert [site.wait(one).status for one in ids] == [ProcessState.SUCCESS] * 3


def test_ranks_count_and_a_job_with_more_than_there_are_processors_still_runs(site):
    site.worker()
    wide = site.submit(f"{UNTIL_TOLD}; echo $SLURM_PROCID", conditions={"nodes": 4})
    eventually(lambda: site.user.process(wide).status is ProcessState.RUNNING)
    narrow = site.submit("true")
    tell(site)
    assert site.wait(wide).status is ProcessState.SUCCESS
    assert sorted(site.log(wide).split()) == ["0", "1", "2", "3"]
    assert site.wait(narrow).started_at >= site.wait(wide).ended_at


def test_the_embedded_colony_runs_what_is_larger_than_the_machine(site):
    site.worker(connection=site.connection(PrivateKey.generate(), embedded=True))
    assert site.wait(site.submit("true", conditions={"cpu": "64000m", "mem": "100000Gi"})).errors == []


def test_a_full_executor_is_still_heard(site, monkeypatch):
    monkeypatch.setattr(poll, "HEARTBEAT_S", 0.1)
    site.worker()
    process_id = site.submit(UNTIL_TOLD, conditions={"nodes": 2})
    site.wait(process_id, state=ProcessState.RUNNING)
    heard = site.user.executor(site.host).last_heard_at
    waiting = site.submit("true")
    eventually(lambda: site.user.executor(site.host).last_heard_at > heard)
    assert site.user.process(waiting).status is ProcessState.WAITING
    tell(site)
    site.wait(waiting)


@pytest.mark.embedded_colony(reason="its server is stopped")
def test_while_the_server_is_away_the_job_goes_on_and_its_log_is_delivered_afterwards(site):
    site.worker()
    process_id = site.submit("n=0; while [ $n -lt 40 ]; do echo $n; n=$((n+1)); sleep 0.05; done; touch /cfs/ended")
    eventually(lambda: site.log(process_id))
    site.colony.stop()
    eventually((site.directory / "fs" / "ended").exists)
    site.colony.start()
    assert site.wait(process_id).status is ProcessState.SUCCESS
    assert site.log(process_id).split() == [str(number) for number in range(40)]


def test_an_executor_that_was_dropped_registers_again(site):
    site.worker()
    with site.owner() as colony_owner:
        colony_owner.remove_executor(site.host)
    assert site.wait(site.submit("true")).status is ProcessState.SUCCESS
    assert site.user.executor(site.host).status is ExecutorState.APPROVED
    assert [function.funcname for function in site.user.functions(site.host)] == ["execute"]


def test_a_process_that_was_running_when_the_executor_was_dropped_runs_again_and_only_once(site):
    worker = site.worker()
    process_id = site.submit(f"echo run >> /cfs/runs; {UNTIL_TOLD}")
    eventually((site.directory / "fs" / "runs").exists)
    with site.owner() as colony_owner:
        colony_owner.remove_executor(site.host)
    eventually(lambda: (site.directory / "fs" / "runs").read_text() == "run\nrun\n", within_s=20)
    assert worker.running == 1
    tell(site)
    assert site.wait(process_id).status is ProcessState.SUCCESS


def test_a_process_assigned_in_a_reply_that_was_lost_is_run(site, proxy):
    proxy.arm(AtRequest(Effect.END, of="assignprocessmsg", moment=Moment.UNANSWERED, status=200))
    worker = site.worker(connection=site.connection(PrivateKey.generate(), through=proxy))
    process_id = site.submit("true")
    assert proxy.happened.wait(20)
    assert site.wait(process_id).status is ProcessState.SUCCESS
    worker.stop()


def test_an_executor_that_somebody_else_registered_works_without_the_owners_key(site):
    key = site.colony.register(site.host)
    site.worker(key=key, owner=False)
    assert site.wait(site.submit("true")).status is ProcessState.SUCCESS
    assert site.user.executor(site.host).capabilities.hardware[0].cpu == "2000m"


@pytest.mark.parametrize("registered", [None, "pending", "by somebody else"])
def test_an_executor_that_may_not_work_says_what_to_do(site, registered):
    key = site.colony.register(site.host, approve=registered != "pending") if registered else PrivateKey.generate()
    if registered == "by somebody else":
        key = site.colony.new_executor("other").key
    with pytest.raises(ConfigurationError, match=r"COLONIES_COLONY_PRVKEY|another key"):
        site.worker(key=key, owner=False)


def test_two_executors_do_not_share_a_directory(site):
    site.worker()
    with pytest.raises(ConfigurationError, match="Another executor is running with the directory"):
        site.worker(site.colony.free_name("second"))


@pytest.mark.embedded_colony(reason="its server is kept from waking who waits, as one with many executors does")
def test_an_executor_that_the_server_does_not_wake_asks_more_often(site, monkeypatch):
    monkeypatch.setattr(Scheduler, "offer", lambda *_: None)
    asked, assign = [], Colonies.assign
    monkeypatch.setattr(Colonies, "assign", lambda *words, **room: asked.append(words[1]) or assign(*words, **room))
    site.worker(poll_s=3, engine=ProcessEngine(site.directory / "fs", cpu_millis=1000))  # no question while one runs
    eventually(lambda: site.wait(site.submit("true")) and 1 in asked)
    asked.clear()
    eventually(lambda: len(asked) >= 2)
    assert set(asked) == {1}


def test_a_stored_key_is_kept_and_private(tmp_path):
    file = tmp_path / "keys" / "executor.key"
    key = stored_key(file)
    assert stored_key(file) == key
    assert Path(file).stat().st_mode & 0o777 == 0o600


@pytest.mark.embedded_colony(reason="the figures are those of its server")
def test_a_hello_world_asks_little(site):
    worker = site.worker()

    def once():
        before = worker._client.rpc.requests
        site.wait(site.submit("echo hi"))
        return worker._client.rpc.requests - before

    assert min(once() for _ in range(10)) <= 2  # besides the poll: the log, and the end


def test_capabilities_are_announced(site):
    site.worker()
    described = site.user.executor(site.host).capabilities
    assert isinstance(described, Capabilities)
    assert isinstance(described.hardware[0], Hardware)
    assert described.hardware[0].cores == os.cpu_count()
