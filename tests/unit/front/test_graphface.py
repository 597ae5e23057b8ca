"""What the card of a graph says: picture, words for those who do not see it, nothing from elsewhere unescaped."""

from __future__ import annotations

import base64
import re
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from pollinator_magic.colonies.models import Process
from pollinator_magic.jobs.graph import StepRow
from pollinator_magic.jobs.outcomes import Outcome
from pollinator_magic.jobs.steps import StepState
from pollinator_magic.notebook.graphface import GraphFace, Tail, drawn_steps
from pollinator_magic.notebook.graphpicture import COLOURS, COMFORTABLE, MOST, picture, spoken

EVIL = "<script>alert(1)</script>\x1b]0;forged\x07\"'&"
STATES = [state for state in StepState if state is not StepState.COLLECTED]


def row(name: str, state: StepState, *after: str, **options) -> StepRow:
    number = options.pop("number", 1)
    process = Process(
        processid=f"{number:064x}", starttime="2026-01-02T10:00:00Z", endtime="2026-01-02T10:00:02Z", state=2
    )
    job = SimpleNamespace(id=process.processid, short_id=process.processid[-12:], process=process)
    return StepRow(parameters={}, job=job, name=name, after=after, step=state, where="local", **options)


def diamond(*states: StepState) -> tuple[StepRow, ...]:
    after = {"prepare": (), "left": ("prepare",), "right": ("prepare",), "last": ("left", "right")}
    return tuple(
        row(name, state, *before, number=number)
        for number, ((name, before), state) in enumerate(zip(after.items(), states, strict=True))
    )


def svg_of(html: str) -> ET.Element:
    encoded = re.search(r'src="data:image/svg\+xml;base64,([^"]*)"', html)
    assert encoded
    return ET.fromstring(base64.b64decode(encoded[1]))


def texts(svg: ET.Element) -> list[str]:
    return [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("state", StepState)
def test_each_state_can_be_read_on_its_colour_and_stands_out_from_a_light_and_a_dark_page(state: StepState):
    assert contrast(COLOURS[state], "#ffffff") >= 4.5
    assert contrast(COLOURS[state], "#111111") >= 3


def test_the_picture_has_a_box_a_sign_and_words_for_each_step():
    svg = svg_of(picture(diamond(StepState.SUCCESS, StepState.RUNNING, StepState.FAILED, StepState.WAITING)))

    assert texts(svg)[::2] == ["prepare", "left", "right", "last"]
    assert texts(svg)[1].startswith("success")
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}rect"))) == 4


def test_those_who_do_not_see_it_are_told_the_same():
    rows = diamond(StepState.SUCCESS, StepState.RUNNING, StepState.RUNNING, StepState.WAITING)

    assert spoken(rows) == (
        "A graph of 4 steps. prepare: success; left: running, after prepare; right: running, after prepare; "
        "last: waiting, after left and right."
    )
    assert f'alt="{spoken(rows)}"' in picture(rows)


@pytest.mark.parametrize("state", STATES)
def test_nothing_moves_when_a_state_changes(state: StepState):
    before = svg_of(picture([row("a", StepState.WAITING), row("b", StepState.WAITING, "a")]))
    after = svg_of(picture([row("a", state), row("b", StepState.WAITING, "a")]))

    places = [
        [rect.attrib[name] for name in ("x", "y", "width")] for rect in before.iter() if rect.tag.endswith("rect")
    ]
    assert places == [
        [one.attrib[name] for name in ("x", "y", "width")] for one in after.iter() if one.tag.endswith("rect")
    ]


def test_collected_steps_say_where_they_will_run():
    rows = [
        StepRow(parameters={}, job=None, name="a", where="lumi-std"),
        StepRow(parameters={}, job=None, name="b", after=("a",)),
    ]

    assert texts(svg_of(picture(rows))) == ["a", "lumi-std", "b", "any executor"]
    assert drawn_steps(rows)["text/plain"].splitlines() == [
        "step  after  state      on",
        "a            collected  lumi-std",
        "b     a      collected",
    ]


def test_many_steps_beside_each_other_are_drawn_from_left_to_right_and_can_be_read():
    fits = [row(f"a-fit-with-a-long-name-{number}", StepState.SUCCESS, "prepare") for number in range(10)]
    last = row("compare", StepState.RUNNING, *(one.name for one in fits))

    svg = svg_of(picture([row("prepare", StepState.SUCCESS), *fits, last]))

    assert float(svg.attrib["width"]) < COMFORTABLE
    boxes = [element.attrib for element in svg.iter("{http://www.w3.org/2000/svg}rect")]
    places = [(float(box["x"]), float(box["y"])) for box in boxes]
    assert len({x for x, _ in places[1:-1]}) == 1
    assert len({y for _, y in places[1:-1]}) == len(fits)
    assert places[0][0] < places[1][0] < places[-1][0]


def test_in_a_narrow_page_a_picture_is_scrolled_before_it_is_too_small_to_be_read():
    html = picture(diamond(*[StepState.WAITING] * 4))

    [width] = re.findall(r'width="(\d+)"', html)
    [least] = re.findall(r"min-width:(\d+)px", html)
    assert int(width) * 0.6 < int(least) < int(width)
    assert html.startswith('<div style="margin:8px 0;overflow-x:auto"><img ')


def test_a_line_of_the_list_that_is_cut_says_so():
    names = [f"step-{number:03}" for number in range(30)]
    listed = drawn_steps([row("last", StepState.WAITING, *names)])["text/plain"]

    assert [len(line) <= 160 for line in listed.splitlines()] == [True, True]
    assert listed.endswith("…")


def test_what_is_too_large_to_be_drawn_is_listed():
    many = [row(f"s{number}", StepState.WAITING) for number in range(MOST + 1)]

    assert picture(many) == ""
    assert picture([]) == ""
    assert "s60" in drawn_steps(many)["text/html"]
    assert "<img" not in GraphFace(rows=tuple(many)).html()


def test_the_headline_says_first_what_needs_attention():
    face = GraphFace(
        short_id="abc",
        rows=diamond(StepState.SUCCESS, StepState.FAILED, StepState.STOPPED, StepState.NEVER_RAN),
        since="after 3 s",
    )

    first = face.plain().splitlines()[0]
    assert first == "local · 4 steps: 1 failed, 1 success, 1 stopped, 1 never ran · after 3 s · graph abc"
    assert face.html().startswith("<div class=")
    assert f'<span style="color:{COLOURS[StepState.FAILED]}">●</span> <b>local</b>' in face.html()
    assert face.closed


def test_an_open_graph_shows_hints_and_why_it_waits_and_a_closed_one_does_not():
    waiting = diamond(*[StepState.WAITING] * 4)
    face = GraphFace(short_id="abc", rows=waiting, waiting="next in line", hint="Take it up with `attach`.")
    closed = GraphFace(rows=diamond(*[StepState.SUCCESS] * 4), waiting="next in line", hint="hint", notes=("a note",))

    assert "waiting: next in line" in face.plain()
    assert "<code>attach</code>" in face.html()
    assert "next in line" not in closed.html()
    assert "a note" in closed.plain()


def test_the_log_of_a_running_step_lies_open_and_that_of_an_ended_one_is_folded_up():
    rows = (row("a", StepState.SUCCESS), row("b", StepState.RUNNING, "a"))
    face = GraphFace(rows=rows, tails={"a": Tail(("one", "two"), 2), "b": Tail(("ten",), 10)})

    assert face.log_html("a").startswith("<details")
    assert "log of <b>a</b>: 2 lines" in face.log_html("a")
    assert face.log_html("b").startswith("<div")
    assert "the last 1 of 10 lines" in face.log_html("b")
    assert face.log_html("c") == ""


def test_nothing_that_comes_from_elsewhere_can_be_more_than_text():
    evil = row(EVIL, StepState.RUNNING, EVIL, outcome=Outcome(problem=EVIL))
    face = GraphFace(
        short_id=EVIL,
        rows=(evil,),
        tails={EVIL: Tail((EVIL,), 1)},
        notes=(EVIL,),
        links={evil.job.id: "javascript:alert(1)"},
    )

    assert "<script" not in face.html() + face.head_html() + face.steps_html() + face.log_html(EVIL)
    assert "javascript:" not in face.html()
    assert "\x1b" not in face.html() + face.plain()
    assert "script" not in {element.tag.rpartition("}")[2] for element in svg_of(face.html()).iter()}


def test_many_long_logs_do_not_make_the_card_large():
    rows = tuple(row(f"s{number}", StepState.SUCCESS, number=number) for number in range(MOST))
    tails = {one.name: Tail(("x" * 500,) * 10, 10) for one in rows}

    assert len(GraphFace(rows=rows, tails=tails).html()) < 200_000
