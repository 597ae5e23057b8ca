"""The log of a job as pages of JupyterLab read it."""

from __future__ import annotations

import pytest
import requests

from pollinator_magic.jobs import submit
from pollinator_magic.project import Runner
from tests.jobs import ENDLESS, WAIT_S, follow_until_text, run

LINES = 100_000
TALKING = f"""
import sys, time
for number in range({LINES}):
    print(f"line {{number:06}}")
    if number % 10_000 == 0:
        sys.stdout.flush()
        time.sleep(0.05)
"""
COLOURFUL = r"""
import sys
sys.stdout.write("\x1b]0;a title\x07\x1b[31mred\x1b[0m\r\x1b[2Kdone \x1b[1;32mwell\x1b[m\x07\n")
"""


def read(jupyter, job, size: int, cursor: str = "") -> list[dict]:
    """All pages from a cursor on, to the end of the job."""
    pages = []
    while True:
        page = jupyter.told(f"jobs/{job.id}/log", cursor=cursor, size=size)
        pages.append(page)
        cursor = page["cursor"]
        if page["complete"]:
            return pages


def text_of(pages: list[dict]) -> str:
    return "".join(page["text"] for page in pages)


def test_a_long_log_is_read_in_pages_without_gap_or_repeat_while_it_grows(jupyter, session, project):
    job = submit(session, project, source=TALKING)

    pages = read(jupyter, job, 50_000)

    lines = [line for line in text_of(pages).splitlines() if line.startswith("line ")]
    assert lines == [f"line {number:06}" for number in range(LINES)]
    assert max(len(page["text"]) for page in pages) <= 50_000
    assert pages[-1]["more"] is False


def test_a_log_can_be_read_on_from_any_page(jupyter, session, project):
    job = run(session, project, "for number in range(2000): print(number)")
    pages = read(jupyter, job, 1000)

    for number, page in enumerate(pages[:-1]):
        assert text_of(read(jupyter, job, 777, page["cursor"])) == text_of(pages[number + 1 :])


def test_colours_and_what_rewrites_a_line_stay_and_nothing_else_that_acts(jupyter, session, project):
    job = run(session, project, COLOURFUL)

    text = text_of(read(jupyter, job, 10_000))

    assert "\x1b[31mred\x1b[0m\r\x1b[2Kdone \x1b[1;32mwell\x1b[m\n" in text
    assert "title" not in text


def test_of_a_picture_there_is_a_short_line(jupyter, session, project):
    cell = (
        "class Picture:\n"
        "    def _repr_png_(self): return b'\\x89PNG\\r\\n\\x1a\\n' + bytes(20_000)\n"
        "print('before'); display(Picture()); print('after')"
    )
    job = submit(session, project, source=cell, runner=Runner()).wait(WAIT_S)

    text = text_of(read(jupyter, job, 10_000))

    before, _, _ = text.partition("before\n")[2].partition("after")
    assert "image/png" in before
    assert len(before) < 200
    assert "\x1b" not in text


def test_an_open_job_is_not_complete(jupyter, session, project):
    job = submit(session, project, source=ENDLESS)
    try:
        follow_until_text(job)
        page = jupyter.told(f"jobs/{job.id}/log")
        end = jupyter.told(f"jobs/{job.id}/log", cursor=page["cursor"])
    finally:
        job.cancel()

    assert "begun" in page["text"]
    assert (end["text"], end["more"], end["complete"]) == ("", False, False)
    assert read(jupyter, job, 1000)[-1]["complete"] is True


@pytest.mark.parametrize("cursor", ["x", "1-0-0-0-0", "2-" + "a" * 16 + "-0-0-0", "1" * 5000, "1-/../-1-1-1", "\x00"])
def test_what_is_no_cursor_is_refused(jupyter, session, project, cursor):
    job = run(session, project, "print(1)")

    reply = jupyter.get(f"jobs/{job.id}/log", cursor=cursor)

    assert reply.status_code == 400
    assert "cursor" in reply.json()["remedy"]


def test_a_cursor_of_another_job_is_refused(jupyter, session, project):
    job, other = run(session, project, "print(1)"), run(session, project, "print(2)")
    cursor = jupyter.told(f"jobs/{other.id}/log")["cursor"]

    assert jupyter.get(f"jobs/{job.id}/log", cursor=cursor).status_code == 400


@pytest.mark.parametrize("size", ["-1", "1e3", "much", "9" * 40, "٣"])
def test_what_is_no_size_is_refused(jupyter, session, project, size):
    job = run(session, project, "print(1)")

    assert jupyter.get(f"jobs/{job.id}/log", size=size).status_code == 400


def test_no_page_is_larger_than_a_megabyte(jupyter, session, project):
    job = run(session, project, "print('x' * 3_000_000)")

    page = jupyter.told(f"jobs/{job.id}/log", size=10**9)

    assert len(page["text"]) == 1 << 20
    assert page["more"] is True


def test_the_whole_log_comes_as_a_file_of_plain_text(jupyter, session, project):
    job = run(session, project, TALKING + COLOURFUL)

    reply = jupyter.get(f"jobs/{job.id}/log.txt")

    lines = reply.content.decode("utf-8").split("\n")
    assert [line for line in lines if line.startswith("line ")] == [f"line {number:06}" for number in range(LINES)]
    assert "red\rdone well" in lines
    assert "\x1b" not in reply.text
    assert reply.headers["Content-Disposition"].startswith(f'attachment; filename="{job.short_id}.log.txt"')
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Content-Length" not in reply.headers


@pytest.mark.parametrize("part", ["", "/log", "/log.txt", "/results", "/results/a.csv", "/record", "/cancel"])
def test_a_job_that_nobody_knows_is_named_with_what_to_do(jupyter, part):
    path = f"jobs/{'ab' * 32}{part}"
    reply = jupyter.post(path, {}) if part == "/cancel" else jupyter.get(path)

    assert reply.status_code == 404
    assert reply.json() == {
        "message": "Colony 'local' has no job abababababab.",
        "remedy": "It may have been removed, or belong to another colony: choose that one in the sidebar.",
    }


@pytest.mark.parametrize("part", ["log", "log.txt", "results", "results/a.csv", "record"])
def test_what_is_no_id_is_refused(jupyter, part):
    reply = jupyter.get(f"jobs/..%2f..%2fetc/{part}")

    assert reply.status_code == 404
    assert set(reply.json()) == {"message", "remedy"}


def test_a_stranger_reads_nothing(jupyter, session, project):
    job = run(session, project, "print(1)")

    for part in ("log", "log.txt", "results", "results/a.csv", "record"):
        assert requests.get(jupyter.address(f"jobs/{job.id}/{part}"), timeout=WAIT_S).status_code == 403
