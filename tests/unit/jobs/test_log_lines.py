"""A log as lines."""

from __future__ import annotations

import pytest

from pollinator_magic.jobs.log import printable, terminal_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n", [""]),
        ("a\n\nb", ["a", "", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("10%\r20%\r30%\ndone\n", ["30%", "done"]),
        ("10%\r20%\r", ["20%"]),
        ("one\x0cpage\u2028one line\n", ["one\x0cpage\u2028one line"]),
    ],
)
def test_lines_are_those_that_a_terminal_would_leave(text: str, lines: list[str]):
    assert terminal_lines(text) == lines


def test_an_escape_character_before_a_colour_does_not_make_the_colour_visible():
    assert printable("\x1b\x1b[31mred\x1b[0m") == "\x1b[31mred\x1b[0m"
    assert printable("\x1b\x1b[2Jx") == "x"
