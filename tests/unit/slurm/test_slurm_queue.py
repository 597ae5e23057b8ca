"""The one that asks, with commands that answer as Slurm does where it keeps accounts, which the tests' own does not."""

from __future__ import annotations

import pytest

from pollinator_magic.executors.slurm.commands import Slurm
from pollinator_magic.executors.slurm.queue import Queue
from tests.waiting import eventually


class Commands:
    """A directory of commands that print what a test wants, and write down that they were asked."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("squeue", "sacct", "scontrol"):
            self.answer(name, "")

    def answer(self, name, text, *, error="", status=0):
        (self.directory / f"{name}.out").write_text(text)
        (self.directory / f"{name}.err").write_text(error)
        file = self.directory / name
        new = self.directory / f"{name}.new"
        new.write_text(f'#!/bin/sh\necho "$*" >> {file}.asked\ncat {file}.err >&2\ncat {file}.out\nexit {status}\n')
        new.chmod(0o755)
        new.rename(file)

    def asked(self, name):
        file = self.directory / f"{name}.asked"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def commands(tmp_path):
    return Commands(tmp_path)


@pytest.fixture
def queue(commands):
    queue = Queue(Slurm(commands=str(commands.directory)), shortest_s=0.05, longest_s=0.2)
    yield queue
    queue.close()


def test_all_jobs_are_in_one_question(commands, queue):
    commands.answer("squeue", "1|RUNNING|None\n2|PENDING|Priority\n")
    queue.watch("1")
    queue.watch("2")

    assert eventually(lambda: queue.standing("1")).state == "RUNNING"
    assert eventually(lambda: queue.standing("2")).reason == "Priority"
    assert commands.asked("squeue")[-1].endswith("-j 1,2")


def test_accounting_is_asked_about_what_the_controller_has_forgotten(commands, queue):
    commands.answer("squeue", "", error="slurm_load_jobs error: Invalid job id specified\n", status=1)
    commands.answer("scontrol", "AccountingStorageType   = accounting_storage/slurmdbd\n")
    commands.answer("sacct", "7|CANCELLED by 1000|0:0\n")

    queue.watch("7")

    standing = eventually(lambda: queue.standing("7"))
    assert (standing.state, standing.by) == ("CANCELLED", 1000)


def test_a_job_that_accounting_alone_believes_to_run_counts_as_unknown(commands, queue):
    commands.answer("squeue", "", error="slurm_load_jobs error: Invalid job id specified\n", status=1)
    commands.answer("scontrol", "AccountingStorageType   = accounting_storage/slurmdbd\n")
    commands.answer("sacct", "7|RUNNING|0:0\n")

    queue.watch("7")

    assert not eventually(lambda: queue.standing("7")).known


def test_a_job_that_nobody_knows_is_asked_about_twice_before_it_counts_as_unknown(commands, queue):
    commands.answer("scontrol", "AccountingStorageType   = accounting_storage/none\n")

    queue.watch("7")

    assert not eventually(lambda: queue.standing("7")).known
    assert len(commands.asked("squeue")) >= 2
    assert commands.asked("sacct") == []


def test_silence_is_no_end(commands, queue):
    commands.answer("squeue", "7|RUNNING|None\n")
    queue.watch("7")
    eventually(lambda: queue.standing("7"))

    commands.answer("squeue", "", error="slurm_load_jobs error: Unable to contact slurm controller\n", status=1)
    before = queue.queries
    eventually(lambda: queue.queries >= before + 3)

    assert queue.standing("7").state == "RUNNING"


def test_nobody_asks_when_there_is_no_job(commands, queue):
    commands.answer("squeue", "7|RUNNING|None\n")
    queue.watch("7")
    eventually(lambda: queue.standing("7"))
    queue.forget("7")

    eventually(lambda: queue._thread is None)
    queue.watch("7")
    assert eventually(lambda: queue.standing("7")).state == "RUNNING"
