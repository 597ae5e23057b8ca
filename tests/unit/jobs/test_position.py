"""Readers that stop and go on: nothing missing, nothing twice, the log file in step."""

from __future__ import annotations

import tempfile
from itertools import islice, pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import LogEntry, Process, ProcessState
from pollinator_magic.errors import ProjectError
from pollinator_magic.jobs import position as position_module
from pollinator_magic.jobs.events import LogText, StateChanged
from pollinator_magic.jobs.position import Position, Reading, position_file
from pollinator_magic.jobs.stream import plain
from pollinator_magic.project import Project
from pollinator_magic.runner.wire import DISPLAY, RAISED, encode
from tests.fuzz.effort import effort

JOB = "ab" * 32
PICTURE = encode(DISPLAY, {"data": {"image/png": "AAAA" * 2000}}, "[picture]", "0a1b2c3d")
ERROR = encode(RAISED, {"name": "E", "value": "", "traceback": "T", "line": 1}, "T", "00000001")
ENDED = StateChanged(Process(processid=JOB, state=ProcessState.SUCCESS))


def read(reading: Reading, log: list[LogEntry], *, closed: bool = False):
    """What `follow` does: the entries behind the cursor, then the final state."""
    cursor = reading.cursor
    at = [entry for entry in log if entry.timestamp >= cursor.timestamp_ns]
    for entry in at[sum(entry.timestamp == cursor.timestamp_ns for entry in at[: cursor.seen]) :]:
        cursor.pass_over(entry)
        yield from reading.events(LogText(entry.message, entry.timestamp))
    if closed:
        yield from reading.events(ENDED)


def entries(*messages: str) -> list[LogEntry]:
    return [LogEntry(processid=JOB, message=text, timestamp=10 + number) for number, text in enumerate(messages)]


def whole(log: list[LogEntry]) -> list:
    return list(read(Reading(None, JOB), log, closed=True))


def log_file(project: Project) -> str:
    return (project.log / f"{JOB}.log").read_bytes().decode()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@st.composite
def logs(draw) -> list[LogEntry]:
    """Outputs between text, cut into entries at any place, some of one time."""
    text = "".join(
        draw(
            st.lists(
                st.sampled_from(["a\n", "bü\n", "\x1b[31m", "\x1b]547", PICTURE, ERROR, PICTURE[:-30]]), max_size=8
            )
        )
    )
    cuts = sorted(
        {0, len(text), *(cut % (len(text) + 1) for cut in draw(st.lists(st.integers(0, 10**6), max_size=12)))}
    )
    steps = draw(st.lists(st.integers(0, 1), min_size=len(cuts), max_size=len(cuts)))
    return [
        LogEntry(processid=JOB, message=text[a:b], timestamp=10 + sum(steps[:number]))
        for number, (a, b) in enumerate(pairwise(cuts))
    ]


@given(log=logs(), stops=st.lists(st.integers(0, 4), max_size=6))
@effort(150)
def test_readers_one_after_the_other_give_every_event_once_wherever_they_stop(log: list[LogEntry], stops: list[int]):
    with tempfile.TemporaryDirectory() as directory:
        project = Project(Path(directory))
        found = []
        for number, stop in enumerate(stops):
            reading = Reading(project, JOB, resume=number > 0)
            events = read(reading, log[: stop * 2] if number % 2 else log)
            found += islice(events, stop)
            events.close()
            reading.close()
        reading = Reading(project, JOB, resume=bool(stops))
        found += read(reading, log, closed=True)
        reading.close()

        assert found == whole(log)
        assert log_file(project) == plain("".join(entry.message for entry in log))
        assert Position.load(position_file(project, JOB)).complete


def test_who_is_killed_repeats_at_most_what_was_not_recorded(project: Project, monkeypatch: pytest.MonkeyPatch):
    log = entries("one\n", "two\n", PICTURE[:40], PICTURE[40:], "three\n")
    reading = Reading(project, JOB)
    list(read(reading, log[:1]))
    monkeypatch.setattr(position_module, "SAVE_EVERY_S", 1000)
    list(read(reading, log[:-1]))
    monkeypatch.setattr(reading, "save", lambda: None)  # killed: nothing is done any more but what the system does
    reading.close()

    again = Reading(project, JOB, resume=True)
    rest = list(read(again, log, closed=True))
    again.close()

    assert rest == whole(log)[1:]
    assert log_file(project) == "one\ntwo\n[picture]\nthree\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda record, _: record.unlink(),
        lambda record, _: record.write_text("{"),
        lambda record, _: record.write_text('{"timestamp_ns": -1}'),
        lambda record, _: record.write_text("[" * 100_000),
        lambda record, _: record.write_text('{"seen": "2"}'),
        lambda record, _: record.write_bytes(b"\xff\x00"),
        lambda _, log: log.unlink(),
        lambda _, log: log.write_text("on"),
    ],
)
def test_a_damaged_record_or_a_short_log_file_begins_at_the_beginning(project: Project, damage):
    log = entries("one\n", PICTURE, "two\n")
    first = Reading(project, JOB)
    list(read(first, log[:2]))
    first.close()

    damage(position_file(project, JOB), project.log / f"{JOB}.log")
    again = Reading(project, JOB, resume=True)

    assert list(read(again, log, closed=True)) == whole(log)
    assert log_file(project) == "one\n[picture]\ntwo\n"
    again.close()


def test_a_reader_that_does_not_resume_begins_anew(project: Project):
    log = entries("one\n", "two\n")
    for _ in range(2):
        reading = Reading(project, JOB)
        assert [event.text for event in read(reading, log)] == ["one\n", "two\n"]
        reading.close()

    assert log_file(project) == "one\ntwo\n"


def test_what_stands_in_the_log_file_beyond_the_record_is_dropped(project: Project):
    log = entries("one\n", "two\n")
    reading = Reading(project, JOB)
    list(read(reading, log[:1]))
    reading.close()
    with (project.log / f"{JOB}.log").open("a") as file:
        file.write("written by who was killed then\n")

    again = Reading(project, JOB, resume=True)
    assert [event.text for event in read(again, log)] == ["two\n"]
    again.close()

    assert log_file(project) == "one\ntwo\n"


def test_of_two_readers_at_once_the_first_keeps_the_file(project: Project):
    log = entries("one\n", "two\n")
    first = Reading(project, JOB)
    list(read(first, log[:1]))

    second = Reading(project, JOB)
    assert [event.text for event in read(second, log)] == ["one\n", "two\n"]
    second.close()
    list(read(first, log))
    first.close()

    assert log_file(project) == "one\ntwo\n"
    third = Reading(project, JOB, resume=True)
    assert list(read(third, log)) == []
    third.close()


def test_the_position_is_written_four_times_a_second_at_most(project: Project, monkeypatch: pytest.MonkeyPatch):
    clock = [100.0]
    monkeypatch.setattr(position_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    written = []
    monkeypatch.setattr(position_module, "write_atomically", lambda *_: written.append(clock[0]))
    reading = Reading(project, JOB)
    for number in range(1000):
        clock[0] = 100 + number / 100
        reading.cursor.pass_over(LogEntry(timestamp=number + 1))
        list(reading.events(LogText("x", number + 1)))
    reading.close()

    assert 36 <= len(written) <= 42
    assert written[-1] == clock[0]


def test_a_log_that_cannot_be_kept_is_an_error_that_names_the_file(project: Project):
    project.log.parent.mkdir()
    project.log.write_text("no directory")

    with pytest.raises(ProjectError, match="Cannot write the log to"):
        Reading(project, JOB)
