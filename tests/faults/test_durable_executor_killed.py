"""SIGKILL of an executor whose engine keeps its jobs, at any step: they run once, and their logs are whole."""

from __future__ import annotations

import os
import random
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.jobs import Job, Session, prepare
from pollinator_magic.project import Project
from pollinator_magic.settings import Connection, DirectorySettings
from tests.colony_server import running_colony
from tests.faults.hives import log_of
from tests.faults.mortals import running_nursery, way_to
from tests.faults.points import SOAK, points
from tests.integration.executors.detached import end_session
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300 * SOAK)

RETRIES = 50
AT_ONCE = 3
PROGRAM = """\
echo "$COLONIES_PROCESS_ID" >> {runs}
number=0
while [ $number -lt 40 ]; do
    number=$((number + 1)); echo $number; echo same; printf 'half '; sleep 0.02; echo done
done
cat data/in > result/out
echo "$COLONIES_PROCESS_ID" >> result/out
"""
LOG = "".join(f"{number}\nsame\nhalf done\n" for number in range(1, 41))


class Site:
    """A colony, a user with a project, and an executor that lives and dies in a process of its own."""

    def __init__(self, colony, nursery, directory: Path) -> None:
        self.directory = directory
        self.colony = colony
        self._nursery = nursery
        self.key = PrivateKey.generate()
        self.objects = DirectorySettings(directory / "objects")
        self.session = Session(Connection(colony.server, colony.colony, colony.user_key, self.objects))
        project = Project.create(directory / "project", "host", sample_files=False)
        text = project.file.read_text()
        project.file.write_text(text.replace("cmd: python3", "cmd: sh").replace("source: main.py", "source: main.sh"))
        self.project = Project.open(project.root)
        (self.project.data / "in").write_text("data\n")
        self.runs = directory / "runs"

    def submit(self) -> str:
        spec = prepare(self.session, self.project, source=PROGRAM.format(runs=self.runs))
        spec.maxretries = RETRIES
        return self.session.client.submit(spec).processid

    def executor(self, *, die_at: int = 0) -> int:
        connection = Connection(self.colony.server, self.colony.colony, self.key, self.objects)
        place = {"directory": str(self.directory / "fs"), "executor": "host", "durable": True, "drain_s": 0.0}
        owner = self.colony.owner_key.reveal()
        return self._nursery.begin("worker", die_at=die_at, owner=owner, **place, **way_to(connection))

    def end(self, pid: int, *, told: bool) -> dict:
        if told:
            os.kill(pid, signal.SIGTERM)
        return self._nursery.end(pid)

    def has_ended(self, process_id: str) -> bool:
        return self.session.client.process(process_id).status.closed

    def wait_for_another_run(self, jobs: list[str]) -> None:
        """Return when another job has begun, or none is left to."""
        begun = self.begun()
        eventually(lambda: self.begun() > begun or all(map(self.has_ended, jobs)))

    def begun(self) -> int:
        return self.runs.read_text().count("\n")

    def results(self, process_id: str) -> dict[str, str]:
        job = Job(self.session, self.session.client.process(process_id), self.project)
        return {name: result.text() for name, result in job.results.items()}

    def close(self) -> None:
        self.session.close()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("DETACHED_JOB", "").startswith(str(self.directory)):
                    end_session(os.getsid(process.pid))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as closing:
        colony = closing.enter_context(running_colony())
        site = Site(colony, closing.enter_context(running_nursery()), tmp_path)
        closing.callback(site.close)
        pid = site.executor()
        eventually(lambda: any(one.executorname == "host" for one in site.session.usable_executors()))
        site.end(pid, told=True)
        yield site


def test_jobs_go_on_whenever_their_executor_is_killed_or_told_to_stop(site: Site) -> None:
    jobs = [site.submit() for _ in range(AT_ONCE)]
    pid = site.executor()
    eventually(lambda: all(map(site.has_ended, jobs)))
    steps = site.end(pid, told=True)["steps"]  # so many there are without a kill
    for seed in points("durable executor killed", 12):
        chance = random.Random(seed)
        waiting = [one for one in jobs if not site.has_ended(one)]
        jobs += [site.submit() for _ in range(AT_ONCE - len(waiting))]
        told = chance.random() < 0.2
        die_at = 0 if told else chance.randint(1, max(2, steps // 2))
        pid = site.executor(die_at=die_at)
        if told:
            site.wait_for_another_run(jobs)
        said = site.end(pid, told=told)
        assert said["killed"] is not told, (seed, die_at, said)
    pid = site.executor()
    eventually(lambda: all(map(site.has_ended, jobs)))
    assert site.end(pid, told=True)["status"] == 0

    runs = site.runs.read_text().split()
    assert sorted(runs) == sorted(jobs)
    for one in jobs:
        process, log = site.session.client.process(one), log_of(site.session.client, one)
        assert (process.status, process.errors) == (ProcessState.SUCCESS, [])
        assert log.rpartition("it is run again")[2].partition("\n")[2] == LOG if "run again" in log else log == LOG
        assert site.results(one) == {"out": f"data\n{one}\n"}
    assert not list((site.directory / "fs" / ".executor" / "detached").iterdir())
