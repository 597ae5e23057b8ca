"""What a terminal and a cell are given to show."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import Process, format_time
from pollinator_magic.jobs.log import printable
from pollinator_magic.notebook.display import NotebookScreen
from pollinator_magic.screen import Screen, TerminalScreen, describe_state, human_duration, text_table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\r\n", "plain\ttext\r\n"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b]0;your terminal is mine\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[Hcleared", "cleared"),
        ("bell\x07 null\x00 delete\x7f", "bell null delete"),
        ("\x9b31mcsi in one byte", "31mcsi in one byte"),
        ("put together\x1b[\x072J", "put together[2J"),
        ("a line end does not end it\x1b[\n2J", "a line end does not end it[\n2J"),
        ("the next text goes on\x1b", "the next text goes on"),
        ("the next text goes on\x1b[3", "the next text goes on[3"),
        ("keys are set\x1b[>4;2m", "keys are set"),
        ("a character set\x1b(B is chosen\x1b%G", "a character set is chosen"),
        ("a line end\x1b\nstays", "a line end\nstays"),
    ],
)
def test_log_text_keeps_colours_and_loses_what_could_forge_the_screen(text: str, shown: str):
    assert printable(text) == shown


@given(st.text(st.one_of(st.sampled_from("\x1b[]\x07\n2Jm>;"), st.characters())))
def test_only_colours_remain_of_all_escape_sequences(text: str):
    shown = printable(text)

    assert all(
        character in "\t\n\r\x1b" or not (ord(character) < 32 or 127 <= ord(character) < 160) for character in shown
    )
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;:]*m", "", shown)


@pytest.mark.parametrize("kind", [TerminalScreen, NotebookScreen])
def test_no_front_end_shows_control_sequences_of_others(capsys: pytest.CaptureFixture[str], kind: type[Screen]):
    screen = kind()

    screen.say("failed: \x1b[2Jcleared")
    screen.show("result \x1b]0;title\x07")
    screen.table(["name"], [["lumi\x1b[2J\nforged row"]])

    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "forged row" not in shown.out.splitlines()


def test_a_closed_process_says_how_long_it_took():
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    process = Process(
        state=2, starttime=format_time(start), endtime=format_time(start + timedelta(seconds=83, microseconds=5))
    )

    assert describe_state(process) == "success after 83 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (1.23, "1.2 s"), (61, "61 s"), (150, "2 min 30 s"), (7300, "2 h 1 min"), (-1, "0.0 s")],
)
def test_durations_read_well(seconds: float, text: str):
    assert human_duration(seconds) == text


def test_a_table_is_aligned():
    assert text_table(["name", "n"], [["a", "1"], ["longer", "22"]]) == "name    n\na       1\nlonger  22"
