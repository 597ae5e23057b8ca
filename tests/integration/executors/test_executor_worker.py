from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from worksite import eventually

from pollinator_magic.cfs.objects import DirectoryObjects
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Capabilities, ExecutorState, Hardware, ProcessState
from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors import poll
from pollinator_magic.executors import worker as worker_module
from pollinator_magic.executors.storedkey import stored_key
from pollinator_magic.settings import Connection, Server
from tests.faults.colony_faults import kind_of_rpc
from tests.faults.proxy import AtRequest, Effect, Moment, Proxy

UNTIL_TOLD = "while [ ! -e /cfs/go ]; do sleep 0.02; done"


def tell(site):
    (site.directory / "fs" / "go").touch()


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def owner(site):
    return Colonies(site.colony.server, site.colony.colony, site.colony.owner_key)


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
    process_id = site.submit("sh", script, conditions={"walltime": 3}, maxexectime=2, **fields)
    process = site.wait(process_id)
    assert process.errors == ["Stopped: ran longer than its walltime of 3 s"]
    assert process.retries == 0
    assert (process.ended_at - process.started_at).total_seconds() < 2
    eventually(lambda: gone(int(site.log(process_id))))
    assert site.pull(result) == {"out.txt": "half\n"}


def test_results_that_take_too_long_do_not_start_the_job_again_and_still_come_home(site, monkeypatch):
    may_store = threading.Event()

    class SlowObjects(DirectoryObjects):
        def put(self, *arguments):
            may_store.wait(20)
            super().put(*arguments)

    monkeypatch.setattr(worker_module, "open_store", lambda settings: SlowObjects(settings.path))
    worker = site.worker()
    fields, result = site.project({"main.sh": "echo whole > result/out.txt"})
    script = f"{fields['env']['PROJECT_DIR']}/src/main.sh"
    process_id = site.submit("sh", script, conditions={"walltime": 3}, maxexectime=2, **fields)
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
    fields, _ = site.project({"main.sh": "true"})
    fields["fs"].dirs[0].dir = "/out/{processid}"
    fields["fs"].dirs[0].label = "/out/{processid}"
    process_id = site.submit("echo hi > /cfs/out/$COLONIES_PROCESS_ID/x", **fields)
    assert site.wait(process_id).errors == []
    assert site.pull(f"/out/{process_id}") == {"x": "hi\n"}


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
    heard = site.user.executor("host").last_heard_at
    waiting = site.submit("true")
    eventually(lambda: site.user.executor("host").last_heard_at > heard)
    assert site.user.process(waiting).status is ProcessState.WAITING
    tell(site)
    site.wait(waiting)


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
    with owner(site) as colony_owner:
        colony_owner.remove_executor("host")
    assert site.wait(site.submit("true")).status is ProcessState.SUCCESS
    assert site.user.executor("host").status is ExecutorState.APPROVED
    assert [function.funcname for function in site.user.functions("host")] == ["execute"]


def test_a_process_that_was_running_when_the_executor_was_dropped_runs_again_and_only_once(site):
    worker = site.worker()
    process_id = site.submit(f"echo run >> /cfs/runs; {UNTIL_TOLD}")
    eventually((site.directory / "fs" / "runs").exists)
    with owner(site) as colony_owner:
        colony_owner.remove_executor("host")
    eventually(lambda: (site.directory / "fs" / "runs").read_text() == "run\nrun\n", within_s=20)
    assert worker.running == 1
    tell(site)
    assert site.wait(process_id).status is ProcessState.SUCCESS


def test_a_process_assigned_in_a_reply_that_was_lost_is_run(site):
    proxy = Proxy((site.colony.server.host, site.colony.server.port), kind_of_rpc)
    try:
        key = PrivateKey.generate()
        server = Server("127.0.0.1", proxy.port, tls=False)
        proxy.arm(AtRequest(Effect.END, of="assignprocessmsg", moment=Moment.UNANSWERED, status=200))
        site.worker(connection=Connection(server, site.colony.colony, key, site.storage))
        process_id = site.submit("true")
        assert proxy.happened.wait(20)
        assert site.wait(process_id).status is ProcessState.SUCCESS
    finally:
        proxy.close()
        site.workers.pop().stop()


def test_an_executor_that_somebody_else_registered_works_without_the_owners_key(site):
    key = site.colony.new_executor("host")
    site.worker(key=key, owner=False)
    assert site.wait(site.submit("true")).status is ProcessState.SUCCESS
    assert site.user.executor("host").capabilities.hardware[0].cpu == "2000m"


@pytest.mark.parametrize("registered", [None, "pending", "by somebody else"])
def test_an_executor_that_may_not_work_says_what_to_do(site, registered):
    key = site.colony.new_executor("host", approve=registered != "pending") if registered else PrivateKey.generate()
    if registered == "by somebody else":
        key = site.colony.new_executor("other")
    with pytest.raises(ConfigurationError, match=r"COLONIES_COLONY_PRVKEY|another key"):
        site.worker(key=key, owner=False)


def test_two_executors_do_not_share_a_directory(site):
    site.worker()
    with pytest.raises(ConfigurationError, match="Another executor is running with the directory"):
        site.worker(name="second")


def test_a_stopped_worker_closes_its_jobs_and_frees_its_directory(site):
    worker = site.worker()
    process_id = site.submit("echo $$; sleep 60")
    pid = int(eventually(lambda: site.log(process_id)))
    worker.stop()
    assert site.user.process(process_id).errors == ["The executor was stopped while the job was running."]
    eventually(lambda: gone(pid))
    site.worker()
    assert site.wait(site.submit("true")).status is ProcessState.SUCCESS


def test_a_draining_worker_finishes_its_jobs_and_takes_no_more(site):
    worker = site.worker()
    process_id = site.submit(UNTIL_TOLD)
    site.wait(process_id, state=ProcessState.RUNNING)
    stopping = threading.Thread(target=worker.stop, kwargs={"drain": True})
    stopping.start()
    eventually(lambda: not worker._thread.is_alive())
    later = site.submit("true")
    tell(site)
    stopping.join(20)
    assert site.user.process(process_id).status is ProcessState.SUCCESS
    assert site.user.process(later).status is ProcessState.WAITING


SEPARATE_WORKER = """
import logging, sys
from pathlib import Path
logging.basicConfig(level=logging.INFO)
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.executors.process import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import Connection, Server
port, colony, key, owner, fs = sys.argv[1:]
connection = Connection(Server("127.0.0.1", int(port), tls=False), colony, PrivateKey.from_hex(key), None)
engine = ProcessEngine(Path(fs), cpu_millis=2000)
Worker(connection, PrivateKey.from_hex(owner), engine, name="host", fs_dir=Path(fs), poll_s=1).run()
"""


def separate_worker(site, key):
    where = [str(site.colony.server.port), site.colony.colony, key.reveal(), site.colony.owner_key.reveal()]
    command = [sys.executable, "-c", SEPARATE_WORKER, *where, str(site.directory / "fs")]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def read_until_told_to_stop(worker):
    while "Told to stop: finishing" not in (line := worker.stderr.readline()):
        assert line


def test_what_a_killed_worker_was_running_is_ended_and_run_again_by_the_next(site):
    key = PrivateKey.generate()
    with separate_worker(site, key) as first:
        process_id = site.submit(f"echo $$ >> /cfs/pids; {UNTIL_TOLD}")
        pids = site.directory / "fs" / "pids"
        eventually(lambda: pids.exists() and pids.read_text())
        first.kill()
    pid = int(pids.read_text())
    eventually(lambda: gone(pid))
    site.worker(key=key)
    tell(site)
    assert site.wait(process_id).status is ProcessState.SUCCESS
    assert len(pids.read_text().split()) == 2


def test_sigterm_lets_running_jobs_finish(site):
    with separate_worker(site, PrivateKey.generate()) as worker:
        process_id = site.submit(UNTIL_TOLD)
        site.wait(process_id, state=ProcessState.RUNNING)
        worker.send_signal(signal.SIGTERM)
        read_until_told_to_stop(worker)
        tell(site)
        assert worker.wait(20) == 0
    assert site.user.process(process_id).status is ProcessState.SUCCESS


def test_a_second_sigterm_stops_running_jobs(site):
    with separate_worker(site, PrivateKey.generate()) as worker:
        process_id = site.submit("sleep 60")
        site.wait(process_id, state=ProcessState.RUNNING)
        worker.send_signal(signal.SIGTERM)
        read_until_told_to_stop(worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert site.user.process(process_id).errors == ["The executor was stopped while the job was running."]


def test_a_stored_key_is_kept_and_private(tmp_path):
    file = tmp_path / "keys" / "executor.key"
    key = stored_key(file)
    assert stored_key(file) == key
    assert Path(file).stat().st_mode & 0o777 == 0o600


def test_a_hello_world_adds_little_and_asks_little(site):
    worker = site.worker()

    def once():
        before = worker._client.rpc.requests
        process = site.wait(site.submit("echo hi"))
        took_s = (process.ended_at - process.started_at).total_seconds()
        return took_s, worker._client.rpc.requests - before

    runs = [once() for _ in range(10)]
    assert min(took_s for took_s, _ in runs) < 0.06
    assert min(requests for _, requests in runs) <= 2  # besides the poll: the log, and the end


def test_capabilities_are_announced(site):
    site.worker()
    described = site.user.executor("host").capabilities
    assert isinstance(described, Capabilities)
    assert isinstance(described.hardware[0], Hardware)
    assert described.hardware[0].cores == os.cpu_count()
