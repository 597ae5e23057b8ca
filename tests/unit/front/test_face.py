"""What the card of a job says, and why a job waits."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.cfs.progress import Direction, TransferProgress
from pollinator_magic.colonies.models import (
    Conditions,
    Executor,
    ExecutorState,
    FunctionSpec,
    Process,
    ProcessState,
    format_time,
)
from pollinator_magic.notebook.face import Face, log_line
from pollinator_magic.notebook.waiting import why_waiting
from pollinator_magic.screen import rough_duration
from pollinator_magic.tunnels.news import TunnelNews

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def process(name: str = "a", *executors: str, state: ProcessState = ProcessState.WAITING) -> Process:
    conditions = Conditions(executornames=list(executors or ("lumi-std",)))
    return Process(processid=name, state=state, spec=FunctionSpec(conditions=conditions))


def executor(name: str = "lumi-std", *, heard_s: float | None = 3, state: int = ExecutorState.APPROVED) -> Executor:
    heard = {} if heard_s is None else {"lastheardfromtime": format_time(NOW - timedelta(seconds=heard_s))}
    return Executor(executorname=name, state=state, **heard)


def test_a_card_names_executor_state_time_and_process():
    face = Face(process=process(state=ProcessState.RUNNING), short_id="3fc0", since="12 s")

    assert face.plain() == "lumi-std · running for 12 s · process 3fc0"
    assert "<b>lumi-std</b> · running for 12 s · process <code>3fc0</code>" in face.html()


@pytest.mark.parametrize(("url", "links"), [("https://x/process?processid=3fc0", True), ("javascript:alert(1)", False)])
def test_the_process_leads_to_the_dashboard_and_nowhere_else(url: str, links: bool):
    assert ('href="' in Face(process=process(), short_id="3fc0", url=url).html()) is links


def test_files_that_move_are_shown_as_a_bar_and_in_words():
    moving = TransferProgress(
        direction=Direction.UP, files_done=3, files_total=10, bytes_done=512, bytes_total=1024, name="a"
    )

    assert '<progress value="512" max="1024"></progress> uploading 3 of 10 files' in Face(moving=moving).html()
    assert "uploading 3 of 10 files, 512 B of 1.0 KiB" in Face(moving=moving).plain()


def test_hints_and_reasons_are_gone_when_the_job_has_ended_and_notes_stay():
    said = {"short_id": "3fc0", "hint": "Detached.", "waiting": "4 processes ahead", "notes": ("It failed.",)}

    assert "Detached." in Face(process=process(), **said).plain()
    assert "waiting: 4 processes ahead" in Face(process=process(), **said).plain()
    ended = Face(process=process(state=ProcessState.FAILED), **said).plain()
    assert "It failed." in ended
    assert "Detached" not in ended
    assert "ahead" not in ended


def test_commands_in_hints_are_shown_as_code():
    face = Face(process=process(), hint="Take it up with `%pollinator attach <x>`.")

    assert "with <code>%pollinator attach &lt;x&gt;</code>." in face.html()


def test_the_tail_says_of_how_many_lines_it_is_the_end():
    face = Face(process=process(), tail=("a", "b"), lines=1234, displays=2)

    assert "<summary>log: the last 2 of 1,234 lines, 2 rich outputs</summary><pre>a\nb</pre>" in face.html()
    assert "<details" not in face.body_html  # each replacement would fold it again
    assert "log: the last 2 of 1,234 lines, 2 rich outputs\n  | a\n  | b" in face.plain()


def test_the_tail_of_a_log_that_was_not_read_whole_does_not_say_how_long_it_is():
    face = Face(process=process(), tail=("a", "b"), lines=None)

    assert "log: the last 2 lines" in face.plain()


@given(st.text(max_size=60))
def test_nothing_that_others_wrote_becomes_markup_or_control(text: str):
    evil = f"<script>{text}</script><img src=x onerror=y>`<b>`"
    face = Face(
        process=process("a", evil),
        short_id=evil,
        waiting=evil,
        notes=(evil,),
        hint=evil,
        tail=(log_line(evil),),
        url=f'https://x/"><script>{text}',
    )

    shown = face.html() + face.headline_html + face.name_html + face.body_html
    assert not any(mark in shown for mark in ("<script", "<img", "<b>`", "</script"))
    assert "\x1b" not in face.plain()


def test_a_line_of_the_log_is_bounded_and_has_no_colours():
    assert log_line("\x1b[31mred\x1b[0m\x1b[2J") == "red"
    assert len(log_line("x" * 10_000)) == 501


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (139, "2 min 10 s"), (659, "10 min"), (7260, "2 h 1 min")],
)
def test_a_time_that_goes_on_is_the_rougher_the_longer_it_is(seconds: float, text: str):
    assert rough_duration(seconds) == text


# --- why it waits ---------------------------------------------------------------------------------------------------


def test_a_job_waits_behind_others_for_an_executor_that_was_heard_of():
    waiting = [process("x"), process("other", "elsewhere"), process("y"), process("a"), process("later")]

    assert why_waiting(process("a"), [executor()], waiting, now=NOW) == "executor last heard 3 s ago; 2 processes ahead"


def test_a_job_that_is_first_is_next_in_line():
    assert why_waiting(process(), [executor(heard_s=0)], [process()], now=NOW) == (
        "executor last heard just now; next in line"
    )


def test_of_several_executors_the_one_counts_that_was_heard_last():
    found = [executor("one", heard_s=50), executor("two", heard_s=5), executor("other", heard_s=0)]

    assert why_waiting(process("a", "one", "two"), found, [], now=NOW) == "2 executors, last heard 5 s ago"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "there is no executor that could take it"),
        ([executor(state=ExecutorState.PENDING)], "there is no executor that could take it"),
        ([executor(heard_s=None)], "executor never heard of"),
        ([executor(heard_s=1200)], "executor last heard 20 min ago, it may be down"),
        ([executor(heard_s=-50)], "executor last heard just now"),
    ],
)
def test_executors_that_are_gone_silent_or_new_are_told_apart(found: list[Executor], said: str):
    assert why_waiting(process(), found, [], now=NOW) == said


def test_a_line_that_the_server_does_not_list_to_its_end_is_said_to_be_longer():
    waiting = [process(f"p{number}") for number in range(100)]

    assert why_waiting(process(), [executor()], waiting, now=NOW).endswith("; 100 or more processes ahead")


def test_a_step_waits_for_the_steps_before_it():
    step = process()
    step.waitforparents = True

    assert why_waiting(step, [executor()], [], now=NOW) == "the processes that it comes after have not ended"


LEADS = TunnelNews("leads to port 8888 of n1", "http://127.0.0.1:38888/")


def test_a_tunnel_is_a_link_in_html_and_an_address_in_text():
    face = Face(process=process(state=ProcessState.RUNNING), short_id="3fc0", tunnel=LEADS)

    assert "tunnel: http://127.0.0.1:38888/ leads to port 8888 of n1" in face.plain()
    for shown in (face.html(), face.body_html):
        link = re.search(r"tunnel: <a (.*?)>http://127\.0\.0\.1:38888/</a> leads to port 8888 of n1", shown)
        assert 'href="http://127.0.0.1:38888/" target="_blank" rel="noopener noreferrer"' in link[1]


def test_a_tunnel_without_a_link_is_text():
    face = Face(process=process(state=ProcessState.RUNNING), tunnel=TunnelNews("waiting for port 8888 of node n1"))

    assert "tunnel: waiting for port 8888 of node n1" in face.html()
    assert "<a " not in face.html()


def test_the_record_of_a_job_that_has_ended_has_no_link():
    face = Face(process=process(state=ProcessState.SUCCESS), short_id="3fc0", tunnel=LEADS)

    assert "127.0.0.1" not in face.html() + face.plain() + face.body_html


@given(st.text(max_size=80))
def test_what_a_server_says_of_itself_is_text_beside_the_link(text: str):
    face = Face(process=process(state=ProcessState.RUNNING), tunnel=TunnelNews(f"{text}<b>&", LEADS.link))

    assert "<b>&" not in face.html().partition("tunnel:")[2]
    assert face.html().count("<a ") == 1
