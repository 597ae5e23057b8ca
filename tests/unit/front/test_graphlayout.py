"""Where the boxes and arrows of a graph are drawn."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.jobs.steps import levels_of
from pollinator_magic.notebook.graphlayout import FALL, HEIGHT, MARGIN, Arrow, Box, Layout, layout

NAMES = [f"step-{number}" for number in range(14)]


@st.composite
def drawn(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, float]]:
    names = NAMES[: draw(st.integers(0, len(NAMES)))]
    after = {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=4)) if place else []
        for place, name in enumerate(names)
    }
    return after, {name: draw(st.floats(60, 320)) for name in names}


def upright(placed: Layout) -> Layout:
    """Turn what is drawn sideways, so that it goes down."""
    if not placed.sideways:
        return placed
    boxes = tuple(Box(box.name, box.y, box.x, box.height, box.width) for box in placed.boxes)
    arrows = tuple(Arrow(one.source, one.target, tuple((x, y) for y, x in one.points)) for one in placed.arrows)
    return Layout(placed.height, placed.width, boxes, arrows)


def overlap(one: Box, other: Box) -> bool:
    apart = one.x + one.width <= other.x + 1e-6 or other.x + other.width <= one.x + 1e-6
    return not apart and one.y < other.y + other.height and other.y < one.y + one.height


@given(drawn(), st.booleans())
def test_no_two_boxes_overlap_and_all_lie_within_the_picture(graph, sideways):
    after, widths = graph
    placed = layout(after, widths, sideways=sideways)

    assert [box.name for box in sorted(placed.boxes, key=lambda box: NAMES.index(box.name))] == list(after)
    assert not any(overlap(*pair) for pair in itertools.combinations(placed.boxes, 2))
    for box in placed.boxes:
        assert box.x >= MARGIN - 1e-6
        assert box.x + box.width <= placed.width - MARGIN + 1e-6
        assert box.y + box.height <= placed.height
        assert box.width >= widths[box.name]
        assert box.height == HEIGHT


@given(drawn(), st.booleans())
def test_arrows_go_down_from_box_to_box_and_meet_no_other(graph, sideways):
    after, widths = graph
    placed = upright(layout(after, widths, sideways=sideways))
    boxes = {box.name: box for box in placed.boxes}

    assert {(arrow.source, arrow.target) for arrow in placed.arrows} == {
        (one, name) for name, before in after.items() for one in before
    }
    for arrow in placed.arrows:
        source, target = boxes[arrow.source], boxes[arrow.target]
        assert arrow.points[0] == pytest.approx((source.x + source.width / 2, source.y + source.height))
        assert arrow.points[-1] == pytest.approx((target.x + target.width / 2, target.y))
        assert all(upper[1] < lower[1] for upper, lower in itertools.pairwise(arrow.points))
        for (x, y), (_, lower) in zip(arrow.points[1::2], arrow.points[2::2], strict=False):
            lane = Box("", x - 1, y, 2, lower - y)
            assert not any(overlap(lane, box) for box in placed.boxes)


@given(drawn())
def test_a_picture_is_no_larger_than_its_rows_side_by_side(graph):
    after, widths = graph
    placed = layout(after, widths)
    levels = levels_of(after)

    rows = max(levels.values(), default=-1) + 1
    assert placed.height <= rows * (HEIGHT + FALL) + 2 * MARGIN
    lanes = sum(max(levels[name] - levels[one] - 1, 0) for name, before in after.items() for one in before)
    assert placed.width <= 2 * (sum(widths.values()) + 30 * (len(after) + lanes)) + 2 * MARGIN


def test_a_diamond_is_symmetric():
    after = {"top": [], "left": ["top"], "right": ["top"], "low": ["left", "right"]}
    boxes = {box.name: box for box in layout(after, dict.fromkeys(after, 100.0)).boxes}

    middle = {name: box.x + box.width / 2 for name, box in boxes.items()}
    assert middle["top"] == pytest.approx((middle["left"] + middle["right"]) / 2)
    assert middle["low"] == pytest.approx(middle["top"])
    assert boxes["left"].y == boxes["right"].y


def test_steps_that_are_not_there_and_circles_are_drawn_somehow():
    placed = layout({"a": ["gone", "b"], "b": ["a"], "c": ["c"]}, {"a": 80.0, "b": 80.0, "c": 80.0})

    assert len(placed.boxes) == 3
    assert not any(overlap(*pair) for pair in itertools.combinations(placed.boxes, 2))
