"""The suite itself, pointed at a colony that it did not start."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import ExecutorState, ProcessState
from pollinator_magic.settings import Connection
from tests.colony_server import running_colony
from tests.place import ELSEWHERE, environment
from tests.s3_server import running_s3

HERE = Path(__file__).parent
SELECTED = (
    "test_the_sample_of_a_new or test_results_keep or test_a_failed_job or test_two_jobs_at_once or shared_results "
    "or two_clients or executor_that_does_not_exist or goes_down_in_the_middle or test_new_then_run "
    "or an_executor_serves or followed_from_waiting or where_both_changed or test_a_missing_bucket "
    "or what_a_killed_worker_was_running or results_of_a_failed or test_a_cancelled_job_is_stopped"
)
"""Some of each kind: there and back, others' changes, what goes wrong, the command line, files alone, executors."""

pytestmark = pytest.mark.skipif(ELSEWHERE, reason="the suite is there already")


def run_suite(there: Connection, selected: str, basetemp: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run some of the suite in the colony of this connection."""
    options = ["-q", "-p", "no:cacheprovider", f"--basetemp={basetemp}", "-k", selected]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *options,
            HERE / "jobs",
            HERE / "cfs",
            HERE / "executors",
            HERE / "test_cli.py",
        ],
        cwd=HERE.parents[1],
        env={**environment(there), "POLLINATOR_TEST_COLONY": "env", **variables},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_the_suite_runs_in_any_colony_with_the_owners_key_and_leaves_nobody_behind(tmp_path):
    with running_colony("elsewhere") as colony, running_s3() as s3:
        there = Connection(colony.server, colony.colony, colony.user_key, s3.settings("outside"))

        suite = run_suite(there, SELECTED, tmp_path / "suite", COLONIES_COLONY_PRVKEY=colony.owner_key.reveal())

        assert suite.returncode == 0, suite.stdout + suite.stderr
        assert int(re.search(r"(\d+) passed", suite.stdout)[1]) >= 15
        assert s3.objects("outside")
        with Colonies(colony.server, colony.colony, colony.user_key) as client:
            assert len(client.processes(ProcessState.SUCCESS)) >= 8
            assert client.processes(ProcessState.WAITING) + client.processes(ProcessState.RUNNING) == []
            assert [user.name for user in client.users()] == ["alice"]
            assert [one.executorname for one in client.executors() if one.status is ExecutorState.APPROVED] == []


def test_without_the_owners_key_the_suite_says_what_it_needs(tmp_path):
    with running_colony("elsewhere") as colony:
        there = Connection(colony.server, colony.colony, colony.user_key, storage=None)

        suite = run_suite(there, "test_the_sample_of_a_new", tmp_path / "suite")

    assert suite.returncode == 1
    assert "POLLINATOR_TEST_COLONY=env needs COLONIES_COLONY_PRVKEY and AWS_S3_*" in suite.stdout
