"""A log as lines."""

from __future__ import annotations

import pytest

from pollinator_magic.jobs.log import terminal_lines


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
