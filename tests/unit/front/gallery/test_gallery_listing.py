"""Lists of results: in the order that people expect, cheap for very many, and leading to the files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from urllib.parse import unquote

import pytest

from pollinator_magic.jobs.results import Result, Results
from pollinator_magic.notebook.gallery import listing, static
from pollinator_magic.notebook.gallery.listing import Listing, link_to, natural
from tests.unit.front.gallery import samples
from tests.unit.front.gallery.harmless import dangers

MANY = 100_000


@pytest.fixture(scope="module")
def bomb(tmp_path_factory):
    """A directory of a hundred thousand tiny files."""
    root = tmp_path_factory.mktemp("bomb")
    for number in range(MANY):
        os.close(os.open(f"{root}/file-{number}", os.O_CREAT | os.O_WRONLY))
    yield root
    shutil.rmtree(root)


@pytest.fixture
def stats(monkeypatch):
    """Count how often the system is asked for a file's status."""
    asked = []
    for name in ("stat", "lstat"):
        real = getattr(os, name)

        def counted(path, *args, real=real, **options):
            asked.append(path)
            return real(path, *args, **options)

        monkeypatch.setattr(os, name, counted)
    return asked


def test_names_are_in_the_order_that_people_expect():
    names = ["plot-10.png", "plot-2.png", "b/x", "Plot-1.png", "a/b/c", "a/z", "a10/x", "a9/x"]

    assert sorted(names, key=natural) == [
        *("Plot-1.png", "plot-2.png", "plot-10.png"),
        *("a/z", "a/b/c", "a9/x", "a10/x", "b/x"),
    ]


def test_a_hundred_thousand_files_are_listed_without_asking_for_the_status_of_any(bomb, stats):
    found = Listing.of(Results(bomb))

    assert len(found.names) == MANY
    assert found.count == "100,000 results"
    assert len(stats) < 10


def test_a_record_of_a_hundred_thousand_files_is_short_and_asks_for_few(bomb, stats):
    record = static.static_results(Results(bomb))

    assert len(stats) < 10 * static.LIMIT
    assert len(record) < 40_000
    assert "100,000 results" in record
    assert "99,900 more, not listed here" in record


def test_more_than_the_bound_are_not_listed_and_that_is_said(bomb, monkeypatch):
    found = Listing.of(Results(bomb), most=1_000)

    assert len(found.names) == 1_000
    assert found.count == "more than 1,000 results; the others are not listed"


def test_deep_and_many_directories_are_grouped_and_shallow_files_come_first(tmp_path):
    path = tmp_path
    for depth in range(60):
        path /= f"level-{depth}"
    path.mkdir(parents=True)
    (path / "bottom.txt").write_text("deep")
    (tmp_path / "top.txt").write_text("top")
    for number in range(50):
        (tmp_path / f"run-{number}").mkdir()
        (tmp_path / f"run-{number}" / "loss.csv").write_text("a\n1\n")

    record = static.static_results(Results(tmp_path))

    assert record.count("<summary>") == static.FOLDER_LIMIT
    assert "31 more directories" in record
    assert Listing.of(Results(tmp_path), most=1).names == ("top.txt",)
    assert "level-0/" in record
    assert record.index("top.txt") < record.index("level-0/")


def test_directories_deeper_than_the_system_can_name_end_nothing(tmp_path):
    (tmp_path / "top.txt").write_text("top")
    dig = "import os\nfor _ in range(2100):\n    os.mkdir('d')\n    os.chdir('d')\nopen('bottom.txt', 'w').close()"
    try:
        subprocess.run([sys.executable, "-c", dig], cwd=tmp_path, check=True)
        assert Listing.of(Results(tmp_path)).names == ("top.txt",)
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # Python cannot remove it


def test_links_and_special_files_are_no_results(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / "other").symlink_to(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "pipe")

    assert Listing.of(Results(tmp_path)).names == ("a.txt",)


def test_a_link_leads_to_the_file_from_where_the_notebook_is(tmp_path):
    path = tmp_path / "cfs" / "result" / "a b#?é.csv"
    path.parent.mkdir(parents=True)
    path.write_text("x")

    link = link_to(Result(path.name, path), tmp_path)

    assert unquote(link) == "cfs/result/a b#?é.csv"
    assert "#" not in link
    assert "?" not in link


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path):
    path = tmp_path / "javascript:alert(1)"
    path.write_text("x")

    assert ":" not in link_to(Result(path.name, path), tmp_path)


def test_results_of_the_newest_job_are_linked_where_jupyter_can_open_them(tmp_path):
    kept = tmp_path / ".pollinator" / "jobs" / "3fc0" / "result" / "sub" / "a.csv"
    shown = tmp_path / "cfs" / "result" / "sub" / "a.csv"
    for path in (kept, shown):
        path.parent.mkdir(parents=True)
        path.write_text("x" * 10_000)
    result = Result("sub/a.csv", kept)

    assert link_to(result, tmp_path) == "cfs/result/sub/a.csv"
    shown.write_text("x" * 9_999 + "y")  # that of another job now
    assert link_to(result, tmp_path) is None
    shown.unlink()
    assert link_to(result, tmp_path) is None


def test_results_elsewhere_are_not_linked(tmp_path):
    (tmp_path / "a").write_text("x")

    assert link_to(Result("a", tmp_path / "a"), tmp_path / "other") is None


def test_a_record_shows_the_first_pictures_and_tables_and_needs_no_scripts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples.every_kind(tmp_path)

    record = static.static_results(Results(tmp_path))

    assert dangers(record) == []
    assert record.count("<img") == static.RECORD_PREVIEWS[static.Kind.PICTURE]
    assert "bill_length" in record
    assert 'href="train.py"' in record
    assert not any(tag in record for tag in ("<iframe", "<video", "<audio", "<object"))


def test_the_previews_of_a_record_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(static, "RECORD_BYTES", 3_000)
    samples.pictures(tmp_path)

    assert len(static.static_results(Results(tmp_path))) < 3_000 + 4_000


def test_a_short_record_lists_as_many_as_asked_for(tmp_path):
    for number in range(10):
        (tmp_path / f"{number}.bin").write_bytes(b"\0")

    record = static.static_results(Results(tmp_path), limit=3)

    assert record.count("<tr>") == 3
    assert "7 more, not listed here" in record


def test_no_results_are_no_record(tmp_path):
    assert static.static_results(Results(tmp_path)) == ""


def test_a_result_that_went_away_is_said_to_be_gone(tmp_path):
    assert listing.size_in_words(tmp_path / "gone") == "gone"
