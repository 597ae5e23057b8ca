"""Reading a log page by page, of servers that do as they should and others."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import LogEntry
from pollinator_magic.jobs import log as log_module
from pollinator_magic.jobs.log import JobLog, read_log
from pollinator_magic.runner.wire import DISPLAY, encode

PICTURE = encode(DISPLAY, {"data": {"image/png": "AAAA"}}, "[picture]", "0a1b2c3d")


class Server:
    """Has a log, and answers as protocol section 7.5 says."""

    def __init__(self, entries: list[LogEntry]) -> None:
        self.entries = entries
        self.requests = 0

    def logs(self, _process_id: str, *, since_ns: int = 0, count: int = 500, latest: bool = False) -> list[LogEntry]:
        self.requests += 1
        if latest:
            return self.entries[-count:]
        return [entry for entry in self.entries if not since_ns or entry.timestamp > since_ns][:count]


class Stubborn(Server):
    """Answers the same page whatever it is asked for."""

    def logs(self, _process_id: str, **_: object) -> list[LogEntry]:
        self.requests += 1
        return self.entries[:500]


def log_of(*texts: str, times: list[int] | None = None) -> list[LogEntry]:
    return [
        LogEntry(message=text, timestamp=times[number] if times else number + 1) for number, text in enumerate(texts)
    ]


@given(st.lists(st.integers(1, 6), max_size=12).map(sorted))
def test_every_entry_is_read_once_whatever_shares_a_timestamp(times: list[int]):
    server = Server(log_of(*(f"{number}\n" for number in range(len(times))), times=times))
    log_module.PAGE, page = 6, log_module.PAGE
    try:
        shared = max((times.count(time) for time in times), default=0)
        read = [entry.message for entry in read_log(server, "p")]
    finally:
        log_module.PAGE = page

    if shared <= 5:  # more than a page of one timestamp cannot be had from such a server
        assert read == [f"{number}\n" for number in range(len(times))]


@pytest.mark.parametrize("times", [[7] * 500, list(range(1, 501)), list(range(500, 0, -1))], ids=["same", "up", "down"])
def test_a_server_that_always_answers_a_full_page_of_nothing_new_is_not_asked_for_ever(times: list[int]):
    server = Stubborn(log_of(*map(str, range(500)), times=times))

    assert len(list(islice(read_log(server, "p"), 2000))) == 500
    assert server.requests <= 4


def test_the_log_as_text_and_lines_has_the_readable_part_of_outputs_only():
    log = JobLog(Server(log_of("a\n" + PICTURE[:50], PICTURE[50:], "b\n")), "p")

    assert str(log) == "a\n[picture]\nb\n"
    assert list(log) == ["a", "[picture]", "b"]
    assert len(log) == 3
    assert log.tail(2) == "[picture]\nb"


def test_the_last_lines_are_read_without_the_whole_log():
    server = Server(log_of(*(f"line {number}\n" for number in range(10_000))))

    assert JobLog(server, "p").tail(3).splitlines() == ["line 9997", "line 9998", "line 9999"]
    assert server.requests == 1


def test_last_lines_that_begin_long_ago_are_whole():
    server = Server(log_of("begin", *"x" * 2000, " end\n", "last\n"))

    assert JobLog(server, "p").tail(2) == "begin" + "x" * 2000 + " end\nlast"
    assert JobLog(server, "p").tail(1) == "last"
    assert JobLog(server, "p").tail(0) == ""


def test_an_output_that_began_before_the_last_entries_does_not_spill_into_the_last_lines():
    picture = encode(DISPLAY, {"data": {"image/png": "".join(map(str, range(20_000)))}}, "[picture]", "0a1b2c3d")
    pieces = [picture[start : start + 100] for start in range(0, len(picture), 100)]

    assert JobLog(Server(log_of("first\n", *pieces, "last\n")), "p").tail(3) == "first\n[picture]\nlast"
