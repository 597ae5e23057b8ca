"""Text and source: bounded, highlighted, and nothing but text."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.notebook.gallery import text
from pollinator_magic.notebook.gallery.kinds import preview
from pollinator_magic.notebook.gallery.text import highlighted
from tests.fuzz.effort import effort


def visible(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_source_is_coloured_in_the_colours_of_the_theme(result):
    shown = preview(result("a.py", "def f():\n    return 'x'  # why\n"))

    assert "--jp-mirror-editor-keyword-color" in shown.html
    assert "--jp-mirror-editor-string-color" in shown.html
    assert visible(shown.html) == "def f():\n    return 'x'  # why"


@effort(200)
@given(st.text(max_size=80), st.sampled_from([None, *sorted(set(text.LANGUAGES.values()))]))
def test_highlighting_changes_nothing_but_colours(source: str, language: str | None):
    from pollinator_magic.notebook.gallery.preview import clean

    source = clean(source).replace("\r", "")

    assert visible(highlighted(source, language)) == source


def test_when_time_is_up_the_rest_stays_without_colours(monkeypatch):
    monkeypatch.setattr(text, "HIGHLIGHT_S", 0)

    assert visible(highlighted("x = 1\ny = 2\n", "python")) == "x = 1\ny = 2\n"
    assert highlighted("x = 1\n" * 50, "python").count("<span") <= 1


def test_long_text_is_cut_and_says_so(result):
    shown = preview(result("a.log", "".join(f"line {n}\n" for n in range(1_000))))

    assert shown.about == "the first 200 lines"
    assert "line 199\n" in shown.html
    assert "line 200" not in shown.html
    assert len(shown.static.splitlines()) <= text.RECORD_LINES + 1


def test_a_line_without_end_is_cut(result):
    shown = preview(result("a.txt", "x" * 10_000_000))

    assert len(shown.html) < 2_000


def test_text_is_cut_between_characters(result, monkeypatch):
    monkeypatch.setattr(text, "TEXT_BYTES", 4)
    path = result("a.txt", "aaaé").path

    assert text.beginning(path, 4).text == "aaa"


def test_a_progress_bar_is_the_line_that_it_left(result):
    assert preview(result("a.log", "10%\r20%\r100%\ndone\r\n")).plain == "100%\ndone"


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.json", "a.py", "a.md", "a.jsonl"])
def test_a_preview_cannot_forge_the_terminal_that_shows_it(result, name: str):
    shown = preview(result(name, "x\x1b[2J\x1b]0;title\x07\x1b[31m,y\n"))

    assert "\x1b" not in shown.plain + shown.html
    assert "title" not in shown.plain


def test_other_encodings_are_read_and_named(result):
    assert preview(result("a.txt", "grüß".encode("latin-1"))).about == "1 line; read as Latin-1"
    assert preview(result("a.txt", "grüß".encode("utf-16"))).plain == "grüß"
    assert preview(result("a.txt", bytes(range(1, 256)))).about == "binary"


def test_markdown_is_shown_as_its_source(result):
    shown = preview(result("a.md", "# Title\n[x](javascript:alert(1))\n"))

    assert "[x](javascript:alert(1))" in visible(shown.html)
    assert "<a" not in shown.html
