"""How the end of a container is told."""

from __future__ import annotations

import pytest

from pollinator_magic.executors.container.roster import GONE, exit_status, is_lost, standings
from pollinator_magic.executors.container.verdict import end_error, read_end, start_error, stopped_error, was_overdue
from pollinator_magic.executors.engine import Task

ONE = Task(process_id="p", command="x", args=(), memory_bytes=64 << 20)
TWO = Task(process_id="p", command="x", args=(), memory_bytes=64 << 20, nodes=2)


@pytest.mark.parametrize(
    "text", ["", "command", "command 0", "overdue\n", "command x 0\n", "init 0 0 0\n", "command 0 0 junk"]
)
def test_a_word_that_is_not_whole_is_no_end(text):
    assert read_end(text) is None


def test_the_end_of_a_program_is_told_in_the_words_of_all_engines():
    assert end_error(ONE, read_end("command 0 0\n"), rank=0, node=0) == ""
    assert end_error(ONE, read_end("command 7 0\n"), rank=0, node=0) == "Exit status 7"
    assert end_error(TWO, read_end("command 7 0\n"), rank=1, node=1) == "Rank 1: exit status 7"
    assert end_error(ONE, read_end("command 139 0\n"), rank=0, node=0) == "Exit status 139 (killed by SIGSEGV)"


def test_a_program_that_survived_the_end_of_a_child_for_want_of_memory_has_not_failed():
    assert end_error(ONE, read_end("command 0 3\n"), rank=0, node=0) == ""
    assert end_error(ONE, read_end("command 1 3\n"), rank=0, node=0) == "Killed: used more than 64Mi of memory"


def test_a_container_that_its_own_clock_has_ended_says_so():
    text = "overdue\ncommand 137 0\n"

    assert was_overdue(text)
    assert read_end(text).status == 137


@pytest.mark.parametrize("status", ["", "Up 3 seconds", "Up 3 minutes (Paused)", "Removing", "Stopping"])
def test_a_container_that_may_still_run_is_not_given_up(status):
    assert stopped_error(ONE, status, rank=0, node=0, out_of_memory=False) == ""


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (GONE, "The container was removed, not through the colony."),
        ("Created", "did not survive a restart of the host"),
        ("Dead", "did not survive a restart of the host"),
        ("Exited (137) 3 seconds ago", "was killed from outside or because it needed too much memory"),
        ("Exited (255) 3 seconds ago", "ended before its program did (exit status 255), perhaps with the host"),
        ("Exited (0) 3 seconds ago", "ended before its program did (exit status 0)"),
    ],
)
def test_a_container_that_could_not_tell_its_end_is_explained(status, said):
    assert said in stopped_error(ONE, status, rank=0, node=0, out_of_memory=False)
    assert "of rank 1 " in stopped_error(TWO, status, rank=1, node=1, out_of_memory=False)


def test_what_the_runtime_knows_of_memory_counts():
    error = stopped_error(TWO, "Exited (137) 1 second ago", rank=1, node=1, out_of_memory=True)

    assert error == "Killed: used more than 64Mi of memory on node 1"


def test_answers_of_podman_and_docker_are_read_alike():
    podman = "pollinator-a-0\tUp 3 seconds ago\npollinator-a-1\tExited (7) 4 minutes ago\n"
    docker = "/pollinator-a-0\tUp 3 seconds\n/pollinator-a-1\tExited (7) 4 minutes ago\npollinator-a-2\tCreated\n"

    assert exit_status(standings(podman)["pollinator-a-1"]) == 7
    assert exit_status(standings(docker)["pollinator-a-1"]) == 7
    assert exit_status(standings(podman)["pollinator-a-0"]) is None
    assert is_lost(standings(docker)["pollinator-a-2"])


@pytest.mark.parametrize(
    "said",
    [
        "Error: crun: executable file `/bin/sh` not found in $PATH: No such file or directory",
        'OCI runtime error: runc create failed: exec: "/bin/sh": stat /bin/sh: no such file or directory',
        'exec: "/bin/sh": executable file not found in $PATH',
    ],
)
def test_an_image_without_a_shell_is_recognised(said):
    assert start_error(said).endswith("The image has no shell.")


def test_what_the_administrator_has_to_mend_is_said():
    assert "containers.conf" in start_error("Error: crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted")
