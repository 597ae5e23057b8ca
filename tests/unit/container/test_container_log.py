"""Logs of containers are read once, from where they were read last, and merged without tearing a line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.executors.container.joblog import JobLog


def everything(log):
    pieces = []
    while data := log.rest():
        pieces.append(data)
    log.close()
    return b"".join(pieces)


def test_one_log_passes_through_as_it_is(tmp_path):
    (tmp_path / "0").write_bytes(b"no end of line")
    log = JobLog({"0": tmp_path / "0"}, {})

    assert log.read() == b"no end of line"
    assert log.read() == b""
    assert log.offsets == {"0": 14}


def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path):
    log = JobLog({"0": tmp_path / "0"}, {})
    assert log.read() == b""
    (tmp_path / "0").write_bytes(b"now")

    assert everything(log) == b"now"


def test_a_line_that_is_not_finished_waits_and_is_not_counted_as_read(tmp_path):
    for name in "01":
        (tmp_path / name).write_bytes(b"")
    log = JobLog({name: tmp_path / name for name in "01"}, {})
    with (tmp_path / "0").open("ab", buffering=0) as file:
        file.write(b"whole\nhal")
        assert log.read() == b"whole\n"
        assert log.offsets == {"0": 6, "1": 0}
        file.write(b"f\n")
    assert log.read() == b"half\n"


def test_the_last_lines_are_ended_even_if_nobody_has(tmp_path):
    for name in "01":
        (tmp_path / name).write_bytes(f"a\nend of {name}".encode())

    assert sorted(everything(JobLog({name: tmp_path / name for name in "01"}, {})).splitlines()) == [
        *(b"a", b"a", b"end of 0", b"end of 1")
    ]


def test_a_line_longer_than_any_is_not_kept_for_ever(tmp_path):
    (tmp_path / "0").write_bytes(b"x" * 1_000_000)
    (tmp_path / "1").write_bytes(b"")
    log = JobLog({name: tmp_path / name for name in "01"}, {})

    assert sum(len(log.read()) for _ in range(20)) > 900_000


def test_a_link_in_the_place_of_a_log_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("of the host")
    (tmp_path / "0").symlink_to(tmp_path / "secret")

    with pytest.raises(OSError, match="0"):
        JobLog({"0": tmp_path / "0"}, {}).read()


@given(
    st.lists(st.lists(st.binary(max_size=200), max_size=6), min_size=1, max_size=3),
    st.lists(st.integers(0, 3)),
    st.data(),
)
def test_wherever_reading_begins_again_nothing_is_lost_or_repeated(contents, turns, data):
    with tempfile.TemporaryDirectory() as directory:
        paths = {str(number): Path(directory, str(number)) for number in range(len(contents))}
        waiting = [list(content) for content in contents]
        for path in paths.values():
            path.touch()
        offsets, read = {}, b""
        for turn in turns:
            if waiting[turn % len(waiting)]:
                with paths[str(turn % len(waiting))].open("ab") as file:
                    file.write(waiting[turn % len(waiting)].pop(0))
            log = JobLog(paths, offsets)
            read += log.read()
            offsets = log.offsets
            log.close()
        for number, pieces in enumerate(waiting):
            with paths[str(number)].open("ab") as file:
                file.write(b"".join(pieces))
        read += everything(JobLog(paths, offsets))

    for content in contents:
        lines = b"".join(content).replace(b"\r", b"\n").split(b"\n")
        assert all(line in read.replace(b"\r", b"\n").split(b"\n") for line in lines if len(contents) > 1 or line)
    total = sum(len(b"".join(content)) for content in contents)
    assert total <= len(read) <= total + len(contents)
