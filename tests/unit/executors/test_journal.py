from __future__ import annotations

import os
import time

import pytest

from pollinator_magic.colonies.models import FunctionSpec, Process
from pollinator_magic.executors.journal import Journal, Past
from pollinator_magic.executors.logplace import LogPlace


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "runs")


def process(retries=0, maxretries=3):
    return Process(processid="p", retries=retries, spec=FunctionSpec(maxretries=maxretries))


def test_everything_that_was_noted_is_read_by_the_next(journal, tmp_path):
    journal.begin(process(retries=1), LogPlace(at=7))
    journal.reach("p", LogPlace("12", 20, 3, 4))
    journal.attach("p", {"NODES": "n1"})
    journal.end("p", ["no"], log_is_whole=True)
    past = Journal(tmp_path / "runs").past("p")
    assert past == Past(2, ["no"], True, 1, LogPlace("12", 20, 3, 4), {"NODES": "n1"})


def test_what_was_attached_is_remembered_over_the_next_attempt(journal):
    journal.begin(process())
    journal.attach("p", {"NODES": "n1"})
    journal.begin(process(retries=1))
    assert journal.past("p").attributes == {"NODES": "n1"}
    assert journal.past("p").tries == 2


def test_a_program_that_the_server_has_given_up_on_since_is_of_another_attempt(journal):
    journal.begin(process())
    assert journal.past("p").is_of(process())
    assert not journal.past("p").is_of(process(retries=1))


def test_a_journal_of_an_earlier_version_is_read(journal, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "p.json").write_text('{"tries": 2, "errors": null, "log_is_whole": false}')
    past = journal.past("p")
    assert (past.tries, past.log) == (2, LogPlace())
    assert past.is_of(process(retries=1))


def test_what_is_old_is_forgotten_unless_its_job_is_still_there(journal, tmp_path):
    for name in ("old", "kept", "new"):
        journal.end(name, [], log_is_whole=True)
    for name in ("old", "kept"):
        os.utime(tmp_path / "runs" / f"{name}.json", (0, time.time() - 31 * 86_400))
    journal.prune(keep={"kept"})
    assert [journal.past(name) is None for name in ("old", "kept", "new")] == [True, False, False]
