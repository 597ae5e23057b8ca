"""Steps as a small picture: SVG in an `<img>`, which every front end shows, saved and not trusted ones too.

Such a picture cannot know the colours of the page. So each box is filled, with white text, and stands out from a light
page and from a dark one alike. How a step is, is said by a colour, a sign and a word. Names come from elsewhere.
"""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

from pollinator_magic.colonies.envelope import printable as one_line
from pollinator_magic.jobs.graph import count_of_steps
from pollinator_magic.jobs.steps import StepState
from pollinator_magic.notebook.graphlayout import HEIGHT, Layout, layout
from pollinator_magic.screen import human_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.jobs.graph import StepRow
    from pollinator_magic.notebook.graphlayout import Arrow, Box

MOST = 60
"""Steps that are drawn; of larger graphs the list must do."""
COMFORTABLE = 1000
"""Pixels: what is wider is drawn sideways, where that is narrower."""
WIDEST = 1600
"""Pixels: what is wider would be scaled down until nobody could read it, and what is as high sideways is too long."""
COLOURS = {
    StepState.COLLECTED: "#5f6872",
    StepState.WAITING: "#9a6700",
    StepState.RUNNING: "#0969da",
    StepState.SUCCESS: "#1a7f37",
    StepState.FAILED: "#cf222e",
    StepState.STOPPED: "#a2464c",
    StepState.NEVER_RAN: "#6e7781",
    StepState.CANCELLED: "#6e7781",
}
_LEAST = 0.65
"""Of its size, to which a picture is scaled down; beyond that it is scrolled."""
_LINE = "#8c959f"
_SHOWN = 26  # characters of a name
_SPOKEN = 8000
_PER_CHARACTER, _PER_SMALL = 8.8, 6.8  # pixels, of the two sizes of text; fonts differ, and this is a wide one's
_SIGN, _PADDING = 26, 10
_NARROWEST = 164
"""Of a box, so that no state makes it wider: nothing shall move while a graph runs."""

# Drawn in a square of 16, by lines.
_SIGNS = {
    StepState.COLLECTED: "M4 3.5h8v9h-8zM6.5 6.5h3M6.5 9.5h3",
    StepState.WAITING: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5.2V8l2 1.5",
    StepState.RUNNING: "M5.5 3.8v8.4L12 8z",
    StepState.SUCCESS: "M3.2 8.6l3.2 3.2 6.4-7.4",
    StepState.FAILED: "M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6",
    StepState.STOPPED: "M4.5 4.5h7v7h-7z",
    StepState.NEVER_RAN: "M3.5 8h9",
    StepState.CANCELLED: "M8 2.5a5.5 5.5 0 1 0 .01 0M4.2 11.8l7.6-7.6",
}


def picture(rows: Sequence[StepRow]) -> str:
    """Return the picture as HTML, with a text for those who do not see it; nothing for too large a graph."""
    if not 0 < len(rows) <= MOST:
        return ""
    placed = _placed(rows)
    if placed.width > WIDEST or (placed.sideways and placed.height > WIDEST):
        return ""
    svg = base64.b64encode(_svg(placed, {row.name: row for row in rows}).encode()).decode()
    size = f'width="{round(placed.width)}" height="{round(placed.height)}"'
    style = f"max-width:100%;min-width:{round(_LEAST * placed.width)}px;height:auto"
    return (
        f'<div style="margin:8px 0;overflow-x:auto"><img alt="{html.escape(spoken(rows), quote=True)}" {size} '
        f'style="{style}" src="data:image/svg+xml;base64,{svg}"></div>'
    )


def _placed(rows: Sequence[StepRow]) -> Layout:
    after, widths = {row.name: row.after for row in rows}, {row.name: _width(row) for row in rows}
    down = layout(after, widths)
    if down.width <= COMFORTABLE:
        return down
    return min(down, layout(after, widths, sideways=True), key=lambda placed: placed.width)


def spoken(rows: Sequence[StepRow]) -> str:
    """Return what the picture shows in words."""
    parts = [f"{row.name}: {row.state}{f', after {_and(row.after)}' if row.after else ''}" for row in rows]
    return one_line(f"A graph of {count_of_steps(len(rows))}. {'; '.join(parts)}.", _SPOKEN)


def word(row: StepRow) -> str:
    """Return what stands below the name of a step: where it will run, or its state and how long that took."""
    if row.step is StepState.COLLECTED:
        return one_line(row.where, _SHOWN) or "any executor"
    took = row.duration_s
    return row.state if took is None else f"{row.state} · {human_duration(took)}"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _width(row: StepRow) -> float:
    small = len(word(row)) if row.step is StepState.COLLECTED else 0
    text = max(len(_name(row)) * _PER_CHARACTER, small * _PER_SMALL)
    return max(_NARROWEST, _PADDING + _SIGN + text + _PADDING)


def _name(row: StepRow) -> str:
    return one_line(row.name, _SHOWN)


def _svg(placed: Layout, rows: dict[str, StepRow]) -> str:
    width, height = round(placed.width, 1), round(placed.height, 1)
    arrows = "".join(_arrow(one, rows[one.source].step, sideways=placed.sideways) for one in placed.arrows)
    boxes = "".join(_box(one, rows[one.name]) for one in placed.boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif">{arrows}{boxes}</svg>'
    )


def _arrow(arrow: Arrow, state: StepState, *, sideways: bool) -> str:
    """Draw an arrow: curved between the rows, green where the way is free."""
    colour = COLOURS[state] if state is StepState.SUCCESS else _LINE

    def at(across: float, along: float) -> str:
        return f"{along:.1f} {across:.1f}" if sideways else f"{across:.1f} {along:.1f}"

    (across, along), *others = [(y, x) if sideways else (x, y) for x, y in arrow.points]
    path = f"M{at(across, along)}"
    tip_across, tip = others[-1]
    others[-1] = (tip_across, tip - 5)
    for number, (to, end) in enumerate(others):
        half = (along + end) / 2
        straight = number % 2 == 1
        path += f"L{at(to, end)}" if straight else f"C{at(across, half)} {at(to, half)} {at(to, end)}"
        across, along = to, end
    head = f"M{at(tip_across - 4, tip - 7)}L{at(tip_across, tip - 1)}L{at(tip_across + 4, tip - 7)}z"
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        f'<path d="{head}" fill="{colour}" stroke="{colour}" stroke-linejoin="round"/>'
    )


def _box(box: Box, row: StepRow) -> str:
    colour, sign = COLOURS[row.step], _SIGNS[row.step]
    filled = "#fff" if row.step is StepState.RUNNING else "none"
    text_x = box.x + _PADDING + _SIGN
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{HEIGHT}" rx="8" fill="{colour}"/>'
        f'<path transform="translate({box.x + _PADDING - 2:.1f} {box.y + HEIGHT / 2 - 9:.1f}) scale(1.125)" d="{sign}" '
        f'fill="{filled}" stroke="#fff" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/>'
        f'<text x="{text_x:.1f}" y="{box.y + 17.5:.1f}" font-size="13" font-weight="600" fill="#fff">'
        f"{html.escape(_name(row))}</text>"
        f'<text x="{text_x:.1f}" y="{box.y + 32:.1f}" font-size="11" fill="#fff">{html.escape(word(row))}</text>'
    )
