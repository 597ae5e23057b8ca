"""What is read from Slurm's output. The texts are those of 22.05, and what later versions document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.executors.slurm.states import (
    UNKNOWN,
    Standing,
    from_sacct,
    from_scontrol,
    from_squeue,
    has_accounting,
    places_from_squeue,
)

SCONTROL = (
    "JobId=7 JobName=3fc0 UserId=root(0) GroupId=root(0) MCS_label=N/A Priority=4294901754 Nice=0 Account=(null) "
    "QOS=(null) JobState={state} Reason={reason} Dependency=(null) Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 "
    "ExitCode={code} RunTime=00:00:02 TimeLimit=01:00:00 NodeList=n1 Command=/x/batch.sh /x WorkDir=/x\n"
)


def test_squeue_tells_how_each_job_stands():
    text = "1|CANCELLED|None\n4|RUNNING|None\n17|PENDING|Resources\n18|COMPLETING|None\n19|FAILED|NonZeroExitCode\n"

    found = from_squeue(text)

    assert {number: (standing.state, standing.reason) for number, standing in found.items()} == {
        "1": ("CANCELLED", ""),
        "4": ("RUNNING", ""),
        "17": ("PENDING", "Resources"),
        "18": ("COMPLETING", ""),
        "19": ("FAILED", "NonZeroExitCode"),
    }


@pytest.mark.parametrize(
    ("state", "waiting", "over"),
    [
        *((state, True, False) for state in ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT")),
        *(
            (state, False, False)
            for state in ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "STAGE_OUT", "SIGNALING")
        ),
        *((state, False, True) for state in ("COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL")),
        *((state, False, True) for state in ("PREEMPTED", "CANCELLED", "BOOT_FAIL", "DEADLINE", "REVOKED")),
    ],
)
def test_states_are_waiting_or_over_or_neither(state, waiting, over):
    standing = from_squeue(f"3|{state}|None\n")["3"]

    assert (standing.waiting, standing.over, standing.known) == (waiting, over, True)


def test_a_job_of_a_hundred_with_an_array_or_another_ones_name_is_not_taken_for_ours():
    assert from_squeue("12_[1-3]|PENDING|Priority\n\nslurm_load_jobs error\n12|PENDING|Priority\n") == {
        "12": Standing("PENDING", "Priority")
    }


@pytest.mark.parametrize(
    "reason", ["PartitionConfig", "PartitionTimeLimit", "launch failed requeued held", "launch_failed_requeued_held"]
)
def test_what_a_job_would_wait_for_for_ever_is_hopeless(reason):
    assert from_squeue(f"3|PENDING|{reason}")["3"].hopeless
    assert not Standing("RUNNING", reason).hopeless


@pytest.mark.parametrize("reason", ["Resources", "Priority", "BeginTime", "Licenses", "QOSMaxJobsPerUserLimit", "None"])
def test_what_will_pass_is_not_hopeless(reason):
    assert not from_squeue(f"3|PENDING|{reason}")["3"].hopeless


def test_working_directories_may_hold_separators():
    assert places_from_squeue("5|/a b/c|d\n6|/x\nrubbish\n") == {"5": "/a b/c|d", "6": "/x"}


@pytest.mark.parametrize(
    ("code", "status", "signum"), [("0:0", 0, 0), ("7:0", 7, 0), ("0:9", 0, 9), ("137:0", 137, 0), ("", None, 0)]
)
def test_scontrol_tells_the_exit_code(code, status, signum):
    standing = from_scontrol(SCONTROL.format(state="FAILED", reason="JobLaunchFailure", code=code))

    assert standing == Standing("FAILED", "JobLaunchFailure", status, signum)


def test_scontrol_says_none_for_no_reason():
    assert from_scontrol(SCONTROL.format(state="RUNNING", reason="None", code="0:0")).reason == ""


def test_sacct_tells_who_cancelled_a_job_and_the_last_line_of_a_requeued_one_counts():
    text = (
        "20|CANCELLED by 1000|0:0\n21|REQUEUED|0:0\n21|COMPLETED|0:0\n22|FAILED|7:0\n23|OUT_OF_MEMORY|0:125\n"
        "24|TIMEOUT|0:0\n24.batch|CANCELLED|0:15\n25|CANCELLED|0:0\n"
    )

    found = from_sacct(text)

    assert found["20"] == Standing("CANCELLED", status=0, by=1000)
    assert found["21"].state == "COMPLETED"
    assert (found["22"].state, found["22"].status) == ("FAILED", 7)
    assert found["24"].state == "TIMEOUT"
    assert found["25"].state == "CANCELLED"
    assert set(found) == {"20", "21", "22", "23", "24", "25"}


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("AccountingStorageType   = accounting_storage/none", False),
        ("AccountingStorageType   = (null)", False),
        ("AccountingStorageType   = accounting_storage/slurmdbd", True),
        ("", False),
    ],
)
def test_the_configuration_tells_whether_there_is_accounting(line, there):
    assert has_accounting(f"Configuration data as of 2026-11-23\nAccountingStoragePort = 0\n{line}\n") is there


def test_a_job_that_nobody_knows_is_not_over():
    assert not UNKNOWN.known
    assert not UNKNOWN.over


@given(st.text())
def test_no_output_breaks_the_readers(text):
    from_squeue(text)
    from_sacct(text)
    from_scontrol(text)
    places_from_squeue(text)
    has_accounting(text)
