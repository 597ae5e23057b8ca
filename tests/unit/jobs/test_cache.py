"""What is remembered of submissions for --cached."""

from __future__ import annotations

import subprocess
import sys
from math import inf

import pytest

from pollinator_magic.jobs import cache
from pollinator_magic.jobs.cache import MOST, Cache, Found, Submitted


def ran(number: int, *, fingerprint: str = "same", data: str = "data", begun: float | None = None) -> Submitted:
    return Submitted(fingerprint, f"process-{number}", data, number if begun is None else begun, 1000 + number)


@pytest.fixture
def remembered(tmp_path) -> Cache:
    return Cache(tmp_path / "state")


def test_nothing_is_known_at_first(remembered):
    assert remembered.find(["a", "b"]) == [[], []]


def test_processes_of_a_fingerprint_are_found_newest_first(remembered):
    remembered.note([ran(1), ran(2, fingerprint="other")])
    remembered.note([ran(3)])

    assert remembered.find(["same", "other", "third"]) == [
        [Found("process-3", inf), Found("process-1", inf)],
        [Found("process-2", inf)],
        [],
    ]


def test_data_that_came_later_limits_until_when_a_process_counts(remembered):
    remembered.note([ran(1), ran(2), ran(3, fingerprint="x", data="changed"), ran(4, fingerprint="x"), ran(5)])

    assert remembered.find(["same"]) == [[Found("process-5", inf), Found("process-2", 1003), Found("process-1", 1003)]]


def test_what_counts_is_when_data_was_carried_and_not_who_was_first_to_note_it(remembered):
    remembered.note([ran(2, data="changed", fingerprint="x")])
    remembered.note([ran(1)])

    assert remembered.find(["same"]) == [[Found("process-1", 1002)]]


def test_of_jobs_of_one_push_the_last_one_is_the_newest(remembered):
    remembered.note([ran(1, begun=7)])
    remembered.note([ran(2, begun=7)])

    assert [found.process for found in remembered.find(["same"])[0]] == ["process-2", "process-1"]


def test_only_the_newest_are_kept(remembered):
    remembered.note([ran(number, fingerprint=str(number)) for number in range(MOST)])
    remembered.note([ran(MOST, fingerprint=str(MOST))])

    assert remembered.find(["0", "1", str(MOST)]) == [[], [Found("process-1", inf)], [Found(f"process-{MOST}", inf)]]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"submitted": [["a"]]}', b"\xff" * 100])
def test_a_damaged_memory_is_an_empty_one(remembered, tmp_path, content):
    remembered.note([ran(1)])
    (tmp_path / "state" / "submitted.json").write_bytes(content)

    assert remembered.find(["same"]) == [[]]
    remembered.note([ran(2)])
    assert remembered.find(["same"]) == [[Found("process-2", inf)]]


def test_fingerprints_of_another_scheme_are_not_found(remembered, monkeypatch):
    remembered.note([ran(1)])
    monkeypatch.setattr(cache, "_SCHEME", cache._SCHEME + 1)

    assert remembered.find(["same"]) == [[]]


def test_a_memory_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "state").write_text("a file")

    Cache(tmp_path / "state").note([ran(1)])

    assert Cache(tmp_path / "state").find(["same"]) == [[]]


def test_programs_that_note_at_the_same_time_lose_nothing(tmp_path, remembered):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pollinator_magic.jobs.cache import Cache, Submitted\n"
        "remembered, name = Cache(Path(sys.argv[1])), sys.argv[2]\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "for number in range(50): remembered.note([Submitted(f'{name}-{number}', 'process', 'data', number, 0)])\n"
    )
    names = ["one", "other", "third"]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "state"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    try:
        for process in running:
            process.stdout.readline()
        for process in running:
            process.communicate("go\n", timeout=60)
    finally:
        for process in running:
            process.kill()
            process.wait()

    wanted = [f"{name}-{number}" for name in names for number in range(50)]
    assert all(len(found) == 1 for found in remembered.find(wanted))
