"""What the card of a group says: in few bytes, with nothing in it that came from elsewhere unescaped."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.jobs.outcomes import Outcome, Row
from pollinator_magic.notebook.groupface import ROWS, GroupFace, rows_text, values_html

EVIL = "<script>alert(1)</script>\x1b]0;forged\x07\n&"


def row(number: int, state: ProcessState | None, *, value: object = None, problem: str = "", **parameters) -> Row:
    job = None
    if state is not None:
        process = Process(
            processid=f"{number:064x}",
            state=state,
            starttime="2026-01-02T10:00:00Z",
            endtime="2026-01-02T10:00:02Z",
        )
        job = SimpleNamespace(id=process.processid, short_id=process.processid[-12:], process=process)
    return Row(parameters or {"x": number}, job, Outcome(value, problem))


def face(*rows: Row, **options) -> GroupFace:
    return GroupFace(where="local", rows=rows, **options)


def test_it_counts_the_jobs_by_state_and_says_what_needs_attention_first():
    states = [
        ProcessState.SUCCESS,
        ProcessState.WAITING,
        ProcessState.FAILED,
        ProcessState.RUNNING,
        ProcessState.SUCCESS,
    ]
    card = face(*(row(number, state) for number, state in enumerate(states)), since="for 3 s")

    assert card.plain() == "local · 5 jobs: 1 failed, 1 running, 2 success, 1 waiting · for 3 s"
    assert '<span style="color:#cf222e">●</span> <b>local</b>' in card.html()
    assert '<span style="color:#cf222e">1 failed</span>' in card.html()
    assert '<progress value="3" max="5">' in card.html()
    assert "3 of 5 have ended" in card.html()
    assert not card.closed


def test_when_all_have_ended_there_is_no_bar_and_no_hint():
    card = face(row(1, ProcessState.SUCCESS), hint="go on", waiting="long")

    assert card.closed
    assert "<progress" not in card.html()
    assert "go on" not in card.html() + card.plain()
    assert "long" not in card.html() + card.plain()


def test_what_a_line_has_between_backticks_is_code():
    card = face(row(1, ProcessState.WAITING), hint="`%pollinator attach` goes on", notes=(f"`{EVIL}`",))

    assert "<code>%pollinator attach</code> goes on" in card.html()
    assert "<script>" not in card.html()


def test_jobs_that_could_not_be_submitted_are_counted():
    card = face(row(1, ProcessState.SUCCESS), row(2, None))

    assert "1 not submitted, 1 success" in card.plain()
    assert "1 to be submitted" in face(row(2, None), sending=True).plain()


def test_each_job_has_a_row_with_parameters_state_time_id_and_value():
    card = face(row(7, ProcessState.SUCCESS, value=0.5, lr=0.1, name="adam"))

    cells = re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", card.html())
    assert cells[:6] == ["lr", "name", "state", "time", "process", "value"]
    assert cells[6:9] == ["0.1", "adam", '<span style="color:#1a7f37">success</span>']
    assert cells[9:] == ["2.0 s", "<code>000000000007</code>", "0.5"]


def test_a_job_links_to_its_page_unless_the_address_is_none():
    one = row(1, ProcessState.RUNNING)

    assert 'href="https://d/p?a=1&amp;b=2"' in face(one, links={one.job.id: "https://d/p?a=1&b=2"}).html()
    assert "href" not in face(one, links={one.job.id: "javascript:alert(1)"}).html()


def test_failed_jobs_are_among_the_rows_however_many_there_are():
    rows = [row(number, ProcessState.SUCCESS) for number in range(1000)]
    rows[777] = row(777, ProcessState.FAILED, problem="ValueError: no")

    card = face(*rows)

    assert card.html().count("<tr>") == ROWS + 1
    assert card.html().index("ValueError: no") < card.html().index("success</span></td>")
    assert "and 800 more" in card.html()


@pytest.mark.parametrize("text", ["x" * 10_000, EVIL * 1000, "ü" * 10_000, "&" * 10_000])
def test_an_update_stays_below_50_kib_whatever_is_in_it(text):
    rows = [
        row(number, ProcessState.FAILED, problem=text[:200], **{f"p{column}": text for column in range(30)})
        for number in range(1000)
    ]

    card = face(*rows, listed=True)

    sizes = [len(text.encode()) for text in (card.html(), card.plain(), values_html(rows), rows_text(rows))]
    assert sizes[0] + sizes[1] < 50 << 10
    assert sizes[2] + sizes[3] < 50 << 10
    assert card.html().count("<tr>") > 1


def test_nothing_that_came_from_elsewhere_is_markup():
    rows = [row(1, ProcessState.FAILED, value=EVIL, problem=EVIL, **{"x": EVIL, EVIL: 1})]
    card = GroupFace(where=EVIL, rows=tuple(rows), notes=(EVIL,), hint=EVIL, since=EVIL, listed=True)

    for html in (card.html(), card.head_html(), card.rows_html(), values_html(rows)):
        assert "<script" not in html
        assert "\x1b" not in html
    assert "\x1b" not in card.plain() + rows_text(rows)


def test_the_table_of_values_keeps_the_order_of_the_parameters_and_names_states_only_if_they_differ():
    good = [row(number, ProcessState.SUCCESS, value=number * 10) for number in range(3)]
    mixed = [*good, row(3, ProcessState.FAILED, problem="ValueError: no")]

    assert re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", values_html(good)) == [
        "x",
        "value",
        "0",
        "0",
        "1",
        "10",
        "2",
        "20",
    ]
    assert re.findall(r"<th(?: [^>]*)?>(.*?)</th>", values_html(mixed)) == ["x", "state", "value"]
    assert "ValueError: no" in values_html(mixed)


def test_the_rows_as_text_are_few():
    text = rows_text([row(number, ProcessState.SUCCESS, value=number) for number in range(100)])

    assert len(text.splitlines()) == 22
    assert text.splitlines()[0].split() == ["x", "state", "value"]
    assert text.endswith("and 80 more: `_.frame()` has all")
