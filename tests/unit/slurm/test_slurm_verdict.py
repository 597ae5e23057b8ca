"""How an end is put into words."""

from __future__ import annotations

import pytest

from pollinator_magic.executors.engine import Task
from pollinator_magic.executors.slurm import verdict
from pollinator_magic.executors.slurm.commands import SlurmTrouble, plain_words, trouble
from pollinator_magic.executors.slurm.states import Standing
from pollinator_magic.executors.slurm.verdict import End, read_end

TASK = Task("p", "true", (), memory_bytes=100 * 1024**2, walltime_s=61)
FOUR = Task("p", "true", (), nodes=4, init_command="pip install x")
OVER_MEMORY = (
    "slurmstepd-n1: error: StepId=8.batch exceeded memory limit (316821504 > 104857600), being killed\n"
    "slurmstepd-n1: error: Exceeded job memory limit\n"
)
OOM_KILL = "slurmstepd: error: Detected 1 oom_kill event in StepId=17.0. Some of the step tasks have been OOM Killed.\n"
UNSATISFIABLE = (
    "sbatch: error: Memory specification can not be satisfied\n"
    "sbatch: error: Batch job submission failed: Requested node configuration is not available\n"
)
WELCOMED = (
    "sbatch: lua: welcome\n"
    "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified\n"
)
NEWER_OOM = "[2026-11-23T05:43:02.1] error: Detected 2 oom-kill event(s) in StepId=17.batch cgroup.\n"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("0 command 0\n", End(0, of_init=False, stopped=False)),
        ("5 init 1\n", End(5, of_init=True, stopped=True)),
        *(
            (text, None)
            for text in ("", "0", "0 command 0", "0 command\n", "x command 0\n", "0 other 0\n", "0 command 0 0\n")
        ),
    ],
)
def test_the_last_word_of_a_script_is_read_whole_or_not_at_all(text, end):
    assert read_end(text) == end


@pytest.mark.parametrize(
    ("end", "doubtful"),
    [
        (End(0, of_init=False, stopped=False), False),
        (End(139, of_init=False, stopped=False), False),
        (End(0, of_init=False, stopped=True), True),
        (End(143, of_init=False, stopped=False), True),
        (End(137, of_init=False, stopped=False), True),
    ],
)
def test_slurm_is_asked_only_where_it_may_have_stopped_the_job(end, doubtful):
    assert end.doubtful is doubtful


@pytest.mark.parametrize(
    ("task", "end", "noise", "words"),
    [
        (TASK, End(0, of_init=False, stopped=False), OVER_MEMORY, ""),
        (TASK, End(7, of_init=False, stopped=False), "", "Exit status 7"),
        (TASK, End(137, of_init=False, stopped=False), OVER_MEMORY, "Killed: used more than 100Mi of memory"),
        (TASK, End(137, of_init=False, stopped=False), OOM_KILL, "Killed: used more than 100Mi of memory"),
        (TASK, End(1, of_init=False, stopped=False), NEWER_OOM, "Killed: used more than 100Mi of memory"),
        (FOUR, End(1, of_init=True, stopped=False), "", "The init-cmd failed: pip install x: exit status 1"),
        (
            FOUR,
            End(7, of_init=False, stopped=False),
            "srun: error: n3: task 2: Exited with exit code 7\nsrun: launch/slurm: _step_signal: Terminating\n",
            "Rank 2: exit status 7",
        ),
        (
            FOUR,
            End(139, of_init=False, stopped=False),
            "srun: error: n1: task 0: Segmentation fault\n",
            "Rank 0: exit status 139 (killed by SIGSEGV)",
        ),
        (
            FOUR,
            End(1, of_init=False, stopped=False),
            "srun: error: n[1-2]: tasks 0-1: Exited with exit code 1\n",
            "Rank 0: exit status 1",
        ),
    ],
)
def test_an_end_is_told_as_other_engines_tell_it(task, end, noise, words):
    assert verdict.end_error(task, end, noise) == words


@pytest.mark.parametrize(
    ("standing", "noise", "words"),
    [
        (Standing("TIMEOUT"), "", "ran longer than its time limit of 2 min"),
        (Standing("OUT_OF_MEMORY"), "", "used more than 100Mi"),
        (Standing("FAILED", "JobLaunchFailure", 0, 9), OVER_MEMORY, "used more than 100Mi"),
        (Standing("FAILED", "JobLaunchFailure", 0, 9), "", "FAILED, JobLaunchFailure, killed by signal 9 (SIGKILL)"),
        (Standing("NODE_FAIL"), "", "A node of Slurm job 17 failed"),
        (Standing("PREEMPTED"), "", "make room"),
        (Standing("CANCELLED"), "", "Slurm job 17 was cancelled by somebody else"),
        (Standing("CANCELLED", by=0), "", "Slurm job 17 was cancelled by root"),
        (Standing("CANCELLED", by=4_000_000_000), "", "cancelled by user 4000000000"),
        (Standing("COMPLETED", status=0), "", "Slurm job 17 ended before its script could say how (COMPLETED)."),
        (Standing("BOOT_FAIL"), "", "A node of Slurm job 17 failed"),
        (Standing("DEADLINE"), "", "at its deadline"),
    ],
)
def test_why_slurm_has_ended_a_job_is_told(standing, noise, words):
    assert words in verdict.stopped_error(TASK, "17", standing, None, noise)


def test_a_job_that_never_began_makes_the_directory_suspicious():
    error = verdict.stopped_error(TASK, "17", Standing("FAILED", "", 126), None, "", begun=False)

    assert error.endswith("should see whether nodes have its directory.")


def test_a_program_that_ended_itself_counts_where_slurm_knows_nothing_else():
    end = End(143, of_init=False, stopped=False)

    assert verdict.stopped_error(TASK, "17", Standing("FAILED", status=143), end, "") == (
        "Exit status 143 (killed by SIGTERM)"
    )


@pytest.mark.parametrize(
    ("stderr", "words", "passing"),
    [
        (
            UNSATISFIABLE,
            "Memory specification can not be satisfied. Requested node configuration is not available",
            False,
        ),
        (
            WELCOMED,
            "Invalid account or account/partition combination specified",
            False,
        ),
        (
            "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n",
            "Unable to contact slurm controller (connect failure)",
            True,
        ),
        (
            "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n",
            "Socket timed out on send/recv operation",
            True,
        ),
        (
            "sbatch: error: Munge encode failed: Failed to access socket\n",
            "Munge encode failed: Failed to access socket",
            True,
        ),
        ("", "sbatch ended with exit status 1", False),
    ],
)
def test_refusals_are_told_without_noise_and_silence_is_told_from_them(stderr, words, passing):
    error = trouble("sbatch", 1, stderr.encode())

    assert (str(error), error.passing) == (words, passing)


def test_the_same_error_is_said_once():
    assert plain_words("sbatch: error: A\nsbatch: error: A\n") == "A"


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        ("Memory specification can not be satisfied", "--mem"),
        ("Requested time limit is invalid (missing or exceeds some limit)", "--walltime"),
        ("Invalid generic resource (gres) specification", "--gpu"),
        ("Node count specification invalid", "--nodes"),
        ("Invalid partition name specified", "settings"),
        ("Something new", "Slurm did not take the job: Something new."),
    ],
)
def test_a_refusal_says_what_to_change(refusal, advice):
    assert advice in verdict.refused_error(SlurmTrouble(refusal, passing=False))
