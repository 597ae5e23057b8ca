"""Workers that are told to stop, or killed: what becomes of the jobs that they were running."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

from worksite import UNTIL_TOLD, gone, read_until, tell

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ProcessState
from tests.faults.proxy import AtRequest, Effect
from tests.waiting import eventually


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
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import connection_from_environment, owner_key_from_environment
name, fs_dir = sys.argv[1], Path(sys.argv[2])
connection, owner_key = connection_from_environment(), owner_key_from_environment()
Worker(connection, owner_key, ProcessEngine(fs_dir, cpu_millis=2000), name=name, fs_dir=fs_dir, poll_s=1).run()
"""


def separate_worker(site, key, **connection):
    command = [sys.executable, "-c", SEPARATE_WORKER, site.host, str(site.directory / "fs")]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=site.environment(key, **connection))


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
        read_until(worker, "Told to stop: finishing")
        tell(site)
        assert worker.wait(20) == 0
    assert site.user.process(process_id).status is ProcessState.SUCCESS


def test_a_second_sigterm_stops_running_jobs(site):
    with separate_worker(site, PrivateKey.generate()) as worker:
        process_id = site.submit("sleep 60")
        site.wait(process_id, state=ProcessState.RUNNING)
        worker.send_signal(signal.SIGTERM)
        read_until(worker, "Told to stop: finishing")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert site.user.process(process_id).errors == ["The executor was stopped while the job was running."]


def test_a_second_sigterm_stops_a_job_that_was_about_to_begin_too(site, proxy):
    proxy.arm(AtRequest(Effect.STALL, of="getprocessmsg"))
    with separate_worker(site, PrivateKey.generate(), through=proxy) as worker:
        process_id = site.submit("sleep 60")
        assert proxy.happened.wait(20)
        for said in ("Told to stop: finishing 0", "Told again"):
            worker.send_signal(signal.SIGTERM)
            read_until(worker, said)
        proxy.lift()
        try:
            assert worker.wait(20) == 0
        finally:
            worker.kill()
    assert site.wait(process_id).errors == ["The executor was stopped while the job was running."]
