"""The gallery's controls, by their models: what a front end would show and send."""

from __future__ import annotations

import os
import re

import pytest

from pollinator_magic.jobs.results import Results
from pollinator_magic.notebook.gallery import widget
from pollinator_magic.notebook.gallery.listing import Listing
from pollinator_magic.notebook.gallery.widget import Gallery
from tests.unit.front.gallery import samples
from tests.unit.front.gallery.harmless import dangers


@pytest.fixture
def gallery(tmp_path):
    """Make a gallery of empty files by their names, or of what the directory holds."""

    def made(*names: str) -> Gallery:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return Gallery(Listing.of(Results(tmp_path)))

    return made


def names_in(gallery: Gallery) -> list[str]:
    return [value for _, value in gallery.entries.options]


def test_nothing_is_looked_into_until_it_is_chosen(gallery, monkeypatch):
    looked = []
    monkeypatch.setattr(widget, "preview", lambda result: looked.append(result.name) or samples_preview(result))
    shown = gallery("a.txt", "b.txt")
    assert looked == []

    shown.entries.index = 1

    assert looked == ["b.txt"]
    assert "b.txt" in shown.pane.value


def samples_preview(result):
    from pollinator_magic.notebook.gallery.kinds import preview

    return preview(result)


def test_every_kind_is_harmless_when_it_is_chosen(gallery, tmp_path):
    samples.every_kind(tmp_path)
    shown = gallery()

    for index, name in enumerate(names_in(shown)):
        shown.entries.index = index
        assert samples.SEEN[name] in re.sub(r"<[^>]*>", "", shown.pane.value)
        assert dangers(shown.pane.value) == []


def test_the_filter_finds_words_and_patterns(gallery):
    shown = gallery("loss-1.png", "loss-2.csv", "sub/acc.png", "note.txt")

    shown.filter.value = "LOSS"
    assert names_in(shown) == ["loss-1.png", "loss-2.csv"]
    shown.filter.value = "*.png"
    assert names_in(shown) == ["loss-1.png", "sub/acc.png"]
    shown.filter.value = "png acc"
    assert names_in(shown) == ["sub/acc.png"]
    shown.filter.value = "nothing"
    assert names_in(shown) == []
    assert "nothing matches" in shown.where.value


def test_kinds_and_directories_are_chosen(gallery):
    shown = gallery("a.png", "b.csv", "sub/c.png", "sub/dir/d.png", "other/e.png")

    shown.kind.value = "picture"
    assert names_in(shown) == ["a.png", "other/e.png", "sub/c.png", "sub/dir/d.png"]
    shown.folder.value = "sub/"
    assert names_in(shown) == ["sub/c.png", "sub/dir/d.png"]
    assert shown.folder.label == "sub/ (2)"
    shown.kind.value, shown.folder.value = "", ""
    assert names_in(shown) == ["a.png", "b.csv"]
    assert [label for label, _ in shown.folder.options] == ["all directories", "./ (2)", "other/ (1)", "sub/ (2)"]


def test_the_list_is_sorted_by_name_size_and_kind(gallery, tmp_path):
    shown = gallery("b.txt", "a.csv", "c.png")
    for size, name in enumerate(("c.png", "a.csv", "b.txt")):
        (tmp_path / name).write_bytes(b"x" * size)

    shown.order.value = "by size"
    assert names_in(shown) == ["c.png", "a.csv", "b.txt"]
    shown.descending.value = True
    assert names_in(shown) == ["b.txt", "a.csv", "c.png"]
    shown.order.value = "by name"
    assert names_in(shown) == ["c.png", "b.txt", "a.csv"]
    shown.order.value = "by kind"
    assert names_in(shown) == ["b.txt", "a.csv", "c.png"]


def test_the_list_is_paged_and_only_its_page_is_asked_for_sizes(gallery, monkeypatch):
    shown = gallery(*(f"{number}.txt" for number in range(250)))
    asked = []
    real = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path, **options: asked.append(path) or real(path, **options))

    shown.forth.click()

    assert names_in(shown)[0] == "100.txt"
    assert "101 to 200 of 250" in shown.where.value
    assert len(asked) == widget.PAGE
    shown.forth.click()
    assert len(names_in(shown)) == 50
    assert shown.forth.disabled
    shown.back.click()
    assert names_in(shown)[0] == "100.txt"


def test_too_many_are_not_sorted_by_size_and_that_is_said(gallery, monkeypatch):
    monkeypatch.setattr(widget, "SIZED", 2)
    shown = gallery("b", "a", "c")

    shown.order.value = "by size"

    assert names_in(shown) == ["a", "b", "c"]
    assert "at most 2 are sorted" in shown.where.value


def test_next_and_previous_step_through_what_matches_over_the_ends_of_pages(gallery):
    shown = gallery(*(f"{number}.txt" for number in range(150)), "z.png")
    shown.kind.value = "text"
    shown.choose("99.txt")

    shown.next.click()

    assert "100.txt" in shown.pane.value
    assert shown.entries.value == "100.txt"
    assert names_in(shown)[0] == "100.txt"
    shown.previous.click()
    assert shown.entries.value == "99.txt"
    shown.choose("149.txt")
    assert shown.next.disabled


def test_what_is_chosen_stays_chosen_while_the_list_changes(gallery):
    shown = gallery("a.txt", "b.txt", "c.txt")
    shown.entries.index = 2

    shown.filter.value = "c"
    assert shown.entries.value == "c.txt"
    shown.filter.value = "a"
    assert shown.entries.value is None
    assert "c.txt" in shown.pane.value


def test_a_table_is_sorted_by_the_column_that_is_chosen(gallery, tmp_path):
    (tmp_path / "t.csv").write_text("name,value\na,10\nb,9\nc,\n")
    (tmp_path / "x.txt").write_text("x")
    shown = gallery()
    shown.choose("t.csv")
    assert shown.sorting.layout.display == ""

    shown.column.value = 1
    assert shown.pane.value.index(">9<") < shown.pane.value.index(">10<")
    shown.largest.value = True
    assert shown.pane.value.index(">10<") < shown.pane.value.index(">9<")
    assert "sorted by value, largest first" in shown.pane.value
    shown.choose("x.txt")

    assert shown.sorting.layout.display == "none"
    assert shown.column.label == "not sorted"


def test_a_file_that_went_away_is_said_to_be_gone(gallery, tmp_path):
    shown = gallery("a.txt", "b.txt")
    (tmp_path / "b.txt").unlink()

    shown.entries.index = 1

    assert "cannot be read" in shown.pane.value
    assert "gone" in shown.pane.value


def test_a_hundred_thousand_results_are_one_page_of_models(tmp_path):
    listing = Listing(tmp_path, tuple(f"file-{number}" for number in range(100_000)), complete=True)

    shown = Gallery(listing)
    shown.filter.value = "9999"

    assert len(names_in(shown)) == 19
    shown.filter.value = ""
    assert len(names_in(shown)) == widget.PAGE


def test_names_in_the_controls_are_text(gallery):
    shown = gallery("<img src=x onerror=alert(1)>/a\u202e.txt")
    shown.entries.index = 0

    assert dangers(shown.pane.value + shown.where.value) == []
    assert "\u202e" not in shown.entries.options[0][0]
