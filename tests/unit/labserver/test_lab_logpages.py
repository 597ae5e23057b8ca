"""Pages of a log, however its entries are cut and whatever size is asked for."""

from __future__ import annotations

import re
from base64 import b64encode
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import LogEntry, Process, ProcessState
from pollinator_magic.errors import UsageError
from pollinator_magic.labserver.logpages import Place, read_page, whole_log
from pollinator_magic.labserver.logtext import colourless
from pollinator_magic.runner.wire import DISPLAY, encode
from tests.terminal_model import CUTS, LOGS, on_screen, pieces

ID = "ab" * 32
PICTURE = encode(
    DISPLAY, {"data": {"image/png": b64encode(Random(1).randbytes(9000)).decode()}}, "[Figure: image/png]", "0a1b2c3d"
)
LOG = f"one\n\x1b[31mtwo\x1b[0m\r\x1b[2K\x1b]0;title\x07three\n{PICTURE}four\u00e4\n\x1b[1;38;5;20mfive\x1b[0m\nsix\x1b"
SHOWN = "one\n\x1b[31mtwo\x1b[0m\r\x1b[2Kthree\n[Figure: image/png]\nfour\u00e4\n\x1b[1;38;5;20mfive\x1b[0m\nsix"


class Server:
    """Has a log, and answers as protocol section 7.5 says."""

    def __init__(self, messages: list[str], *, together: int = 1) -> None:
        self.entries = [LogEntry(message=text, timestamp=10 + at // together) for at, text in enumerate(messages)]
        self.requests = 0

    def logs(self, _process_id: str, *, since_ns: int = 0, count: int = 500) -> list[LogEntry]:
        self.requests += 1
        return [entry for entry in self.entries if not since_ns or entry.timestamp > since_ns][:count]


def process(state: ProcessState = ProcessState.SUCCESS) -> Process:
    return Process(processid=ID, state=state)


def pages(server: Server, size: int) -> list[str]:
    place, texts = Place(), []
    while True:
        page = read_page(server, process(), place, size)
        texts.append(page.text)
        place = Place.read(page.place.cursor(ID), ID)
        if page.complete:
            return texts


def cut(text: str, at: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    return [text[one:other] for one, other in pairwise(places)]


@given(at=st.lists(st.integers(0, 20_000), max_size=30), size=st.integers(1, 200), together=st.integers(1, 4))
def test_however_it_is_cut_the_pages_together_are_the_log(at, size, together):
    found = pages(Server(cut(LOG, at), together=together), size)

    assert "".join(found) == SHOWN
    assert max(map(len, found)) <= size


@given(at=st.lists(st.integers(0, 20_000), max_size=30), size=st.integers(20, 200))
def test_no_page_ends_within_a_colour(at, size):
    found = pages(Server(cut(LOG, at)), size)

    assert [text for text in found if re.search(r"\x1b(\[[0-9;:]*)?\Z", text)] == []


@given(LOGS, CUTS, st.integers(20, 200))
def test_a_page_shows_what_a_terminal_would_also_of_lines_that_were_rewritten(log, cuts, size):
    found = "".join(pages(Server(pieces(log, cuts)), size))

    assert on_screen(found) == on_screen(log)
    assert re.search(r"\x1b(?!\[(?:[0-9;]*m|[0-2]?K))", found) is None


@given(LOGS)
def test_nothing_that_acts_is_in_the_file(log):
    text = "".join(map(colourless, whole_log(Server([log]), ID)))

    assert re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text) is None
    assert "[K" not in text


@given(at=st.lists(st.integers(0, 20_000), max_size=30))
def test_the_file_is_the_same_text(at):
    assert "".join(whole_log(Server(cut(LOG, at)), ID)) == SHOWN


def test_what_came_since_is_read_on_from_the_last_page():
    server = Server(["one\n", "tw"])
    running = process(ProcessState.RUNNING)
    first = read_page(server, running, Place(), 100)
    server.entries += [LogEntry(message="o\n", timestamp=server.entries[-1].timestamp)]

    second = read_page(server, running, first.place, 100)

    assert (first.text, second.text) == ("one\ntw", "o\n")
    assert not first.more
    assert not second.complete


def test_the_beginning_of_an_output_is_held_back_while_the_job_runs_and_given_at_its_end():
    server = Server(["text\x1b[3"])
    first = read_page(server, process(ProcessState.RUNNING), Place(), 100)
    again = read_page(server, process(ProcessState.RUNNING), first.place, 100)
    server.entries.append(LogEntry(message="1mred", timestamp=99))

    last = read_page(server, process(), again.place, 100)

    assert (first.text, again.text, last.text) == ("text", "", "\x1b[31mred")


def test_a_page_of_next_to_nothing_takes_a_bounded_number_of_requests():
    server = Server([""] * 50_000 + ["the end"])

    first = read_page(server, process(), Place(), 1000)
    requests = server.requests

    assert (first.text, first.more, first.complete) == ("", True, False)
    assert requests < 100
    assert "".join(pages(server, 1000)) == "the end"


def test_a_job_that_waits_is_not_asked_for_its_log():
    server = Server(["from before?"])

    page = read_page(server, process(ProcessState.WAITING), Place(), 100)

    assert (page.text, page.more, page.complete, server.requests) == ("", False, False, 0)


def test_the_halves_of_characters_that_no_reply_can_hold_are_replaced():
    assert "".join(pages(Server(["a\ud83d", "b"]), 10)) == "a?b"


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "1", "1-abababababababab-1-1", "1-cdcdcdcdcdcdcdcd-1-1-1", "1-abababababababab--1-1-1"),
        *(
            "2-abababababababab-1-1-1",
            "1-abababababababab-1-1-1\n",
            "1-ab-1-1-1",
            "1-abababababababab-" + "9" * 20 + "-1-1",
        ),
        *("1-abababababababab-\u0663-1-1", "1-ABABABABABABABAB-1-1-1"),
    ],
)
def test_what_is_no_cursor_of_this_job_is_refused(cursor):
    with pytest.raises(UsageError, match="no place in the log"):
        Place.read(cursor, ID)


@given(
    place=st.builds(Place, st.integers(0, 2**63 - 1), st.integers(0, 10**9 - 1), st.integers(0, 10**12 - 1)),
    size=st.integers(1, 50),
)
def test_a_cursor_that_nobody_gave_only_reads_something_else(place, size):
    page = read_page(Server(cut(LOG, [3, 50, 700])), process(), Place.read(place.cursor(ID), ID), size)

    assert len(page.text) <= size
