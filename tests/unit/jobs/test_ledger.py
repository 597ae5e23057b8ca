"""Which cell of which notebook submitted which process: the file that remembers it."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pollinator_magic.jobs import ledger as ledger_module
from pollinator_magic.jobs.ledger import MOST, Entry, Ledger, Origin

PROJECT = Path("/home/ada/fits")
CELL = Origin(Path("/home/ada/fits/fit.ipynb"), "a1b2c3", "0f0f-1")
WRITER = """
import sys
from pathlib import Path
from pollinator_magic.jobs.ledger import Ledger, Origin

directory, who = sys.argv[1:]
for number in range(100):
    Ledger(Path(directory)).note([f"{who}x{number}"], Path("/p" * 500), Origin(cell=who))
"""


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "home")


def process(number: int) -> str:
    return f"{number:064x}"


def test_nothing_is_known_at_first(ledger):
    assert dict(ledger.read()) == {}


def test_what_was_noted_is_known_to_another_reader(ledger):
    ledger.note([process(1), process(2)], PROJECT, CELL)
    ledger.note([process(3)], PROJECT, Origin())

    known = Ledger(ledger.file.parent).read()

    assert known == {
        process(1): Entry(CELL.notebook, "a1b2c3", "0f0f-1", PROJECT),
        process(2): Entry(CELL.notebook, "a1b2c3", "0f0f-1", PROJECT),
        process(3): Entry(None, "", "", PROJECT),
    }


def test_by_default_it_is_beside_the_embedded_colony(monkeypatch, tmp_path):
    monkeypatch.setenv("POLLINATOR_HOME", str(tmp_path / "of the user"))

    Ledger().note([process(1)], PROJECT, CELL)

    assert (tmp_path / "of the user" / "ledger.jsonl").exists()


def test_a_notebook_that_was_renamed_has_its_new_name_for_all_processes_of_its_kernel(ledger):
    after = Path("/home/ada/fits/better.ipynb")
    ledger.note([process(1)], PROJECT, CELL)
    ledger.rename({CELL.kernel: Path("/home/ada/fits/other.ipynb")})
    ledger.rename({CELL.kernel: after})
    ledger.note([process(2)], PROJECT, CELL)  # the kernel has not heard of it
    ledger.note([process(3)], PROJECT, Origin(CELL.notebook, "a1b2c3", "0f0f-2"))

    known = ledger.read()

    assert [known[process(number)].notebook for number in (1, 2, 3)] == [after, after, CELL.notebook]
    assert known[process(2)].cell == CELL.cell
    assert set(known) == {process(1), process(2), process(3)}


def test_a_reader_hears_of_what_came_later(ledger):
    ledger.note([process(1)], PROJECT, CELL)
    ledger.read()

    Ledger(ledger.file.parent).note([process(2)], PROJECT, CELL)

    assert set(ledger.read()) == {process(1), process(2)}


def test_an_unchanged_file_is_not_read_again(ledger):
    ledger.note([process(1)], PROJECT, CELL)

    assert ledger.read() is ledger.read()
    ledger.file.unlink()
    assert dict(ledger.read()) == {}
    assert ledger.read() is ledger.read()


def test_only_the_newest_are_known(ledger):
    ledger.note(map(process, range(MOST)), PROJECT, CELL)
    ledger.note([process(MOST), process(MOST + 1)], PROJECT, CELL)

    known = ledger.read()

    assert len(known) == MOST
    assert process(1) not in known
    assert {process(2), process(MOST + 1)} <= set(known)


def test_the_file_does_not_grow_without_end_and_keeps_whole_lines(ledger, monkeypatch):
    monkeypatch.setattr(ledger_module, "LARGEST", 20_000)
    for number in range(500):
        ledger.note([process(number)], PROJECT, CELL)

        assert ledger.file.stat().st_size <= 20_000

    known = list(ledger.read())
    assert known == [process(number) for number in range(500 - len(known), 500)]
    assert len(known) > 40
    assert stat.S_IMODE(ledger.file.stat().st_mode) == 0o600


def test_others_cannot_read_it(ledger):
    ledger.note([process(1)], PROJECT, CELL)

    assert stat.S_IMODE(ledger.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.file.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in ledger.file.parent.iterdir()} == {0}


@pytest.mark.parametrize(
    "line",
    [
        b"no JSON",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b'{"process": 5, "project": "/p"}',
        b'{"process": "../../etc", "project": "/p"}',
        b'{"process": "ab", "project": "' + b"p" * 5000 + b'"}',
        b'{"process": "ab"}',
        b'{"kernel": "", "notebook": "/p/a.ipynb"}',
        b'{"kernel": "0f0f-1"}',
        b"[" * 100_000,
        b"",
    ],
)
def test_damaged_lines_are_passed_over(ledger, line):
    ledger.note([process(1)], PROJECT, CELL)
    with ledger.file.open("ab") as file:
        file.write(line + b"\n")
    ledger.note([process(2)], PROJECT, CELL)

    assert set(ledger.read()) == {process(1), process(2)}


def test_a_line_that_was_cut_off_takes_no_other_with_it(ledger):
    ledger.note([process(1)], PROJECT, CELL)
    with ledger.file.open("ab") as file:
        file.write(b'{"process": "abc", "proj')

    ledger.note([process(2)], PROJECT, CELL)

    assert set(ledger.read()) == {process(1), process(2)}


def test_processes_that_write_at_the_same_time_lose_nothing(ledger):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(ledger.file.parent), who]) for who in ("a", "b", "c", "d")
    ]

    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    known = ledger.read()
    assert {(one, entry.cell) for one, entry in known.items()} == {
        (f"{who}x{number}", who) for who in "abcd" for number in range(100)
    }


def test_a_directory_that_cannot_be_written_disturbs_nobody(tmp_path):
    (tmp_path / "a file").write_text("not a directory")
    ledger = Ledger(tmp_path / "a file" / "home")

    ledger.note([process(1)], PROJECT, CELL)

    assert dict(ledger.read()) == {}


def test_names_that_are_no_text_disturb_nobody(ledger):
    ledger.note([process(1)], Path("/home/\udcff"), CELL)
    ledger.note([process(2)], PROJECT, CELL)

    assert set(ledger.read()) == {process(2)}


def test_nothing_is_written_through_a_link_that_somebody_has_put_there(ledger, tmp_path):
    ledger.file.parent.mkdir()
    (tmp_path / "elsewhere").write_text("precious")
    ledger.file.symlink_to(tmp_path / "elsewhere")

    ledger.note([process(1)], PROJECT, CELL)

    assert (tmp_path / "elsewhere").read_text() == "precious"
