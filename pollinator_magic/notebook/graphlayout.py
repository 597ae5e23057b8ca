"""Where the boxes and arrows of a graph are drawn: each step below those that it comes after. Pure values, in pixels.

Drawn sideways, each stands to the right of those instead, and what is said here of rows is true of columns.

Steps stand in rows, by how many come before them. An arrow that passes a row keeps a place of its own in it, so that it
meets no box. Within a row, what belongs together is brought together by a few sweeps down and up, and then each is put
as near as possible to what it is joined to, without touching its neighbours.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.jobs.steps import levels_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

HEIGHT = 40
"""Of a box."""
GAP = 18
"""Between boxes of a row."""
FALL = 34
"""Between rows."""
MARGIN = 4
_LANE = 10  # what an arrow takes that passes a row
_SWEEPS = 4

_Place = tuple[str, int]
"""A step and a row: that of the step itself, or one that an arrow to the step passes."""


@dataclass(frozen=True)
class Box:
    """A step; x and y are its upper left corner."""

    name: str
    x: float
    y: float
    width: float
    height: float = HEIGHT


@dataclass(frozen=True)
class Arrow:
    """From the lower side of one box to the upper side of another, by points that lie ever lower.

    Sideways from the right side to the left one, ever further to the right.
    """

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Layout:
    """A whole graph."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    sideways: bool = False


@dataclass(frozen=True)
class _Row:
    """Where a row begins and ends: from above, or sideways from the left."""

    start: float
    end: float


def layout(after: Mapping[str, Collection[str]], widths: Mapping[str, float], *, sideways: bool = False) -> Layout:
    """Return where to draw these steps, of these widths; arrows from steps that are not there are left out.

    Sideways all steps of a column are as wide as the widest of them.
    """
    known = {name: [one for one in dict.fromkeys(before) if one in after] for name, before in after.items()}
    levels = levels_of(known)
    chains = {
        (source, target): _chain(source, target, levels)
        for target, before in known.items()
        for source in before
        if levels[source] < levels[target]
    }
    rows = _rows(levels, chains.values())
    joined = _joined(chains.values())
    _untangle(rows, joined)
    breadths = dict.fromkeys(widths, HEIGHT) if sideways else widths
    size = {place: breadths[place[0]] if place[0] in levels else _LANE for row in rows for place in row}
    centres = _centres(rows, joined, size)
    low = min((centres[place] - size[place] / 2 for place in size), default=0.0) - MARGIN
    high = max((centres[place] + size[place] / 2 for place in size), default=0.0) + MARGIN
    across = {place: centres[place] - low for place in size}
    depths = [max(widths[name] for name, _ in row if name in levels) if sideways else HEIGHT for row in rows]
    along = list(_stacked(depths))
    boxes = tuple(
        Box(name, along[level].start, across[name, level] - HEIGHT / 2, depths[level])
        if sideways
        else Box(name, across[name, level] - widths[name] / 2, along[level].start, widths[name])
        for name, level in levels.items()
    )
    arrows = tuple(
        Arrow(source, target, tuple((y, x) if sideways else (x, y) for x, y in _points(chain, across, along)))
        for (source, target), chain in chains.items()
    )
    if not levels:
        return Layout(0.0, 0.0, (), (), sideways)
    breadth, depth = high - low, along[-1].end + MARGIN
    return Layout(*((depth, breadth) if sideways else (breadth, depth)), boxes, arrows, sideways)


def _stacked(depths: Iterable[float]) -> Iterator[_Row]:
    start: float = MARGIN
    for depth in depths:
        yield _Row(start, start + depth)
        start += depth + FALL


def _chain(source: str, target: str, levels: Mapping[str, int]) -> list[_Place]:
    """Return the places of an arrow, from its source to its target."""
    passed = [(f"{source}\n{target}", level) for level in range(levels[source] + 1, levels[target])]
    return [(source, levels[source]), *passed, (target, levels[target])]


def _rows(levels: Mapping[str, int], chains: Iterable[Sequence[_Place]]) -> list[list[_Place]]:
    rows: list[list[_Place]] = [[] for _ in range(max(levels.values(), default=-1) + 1)]
    for name, level in levels.items():
        rows[level].append((name, level))
    for chain in chains:
        for place in chain[1:-1]:
            rows[place[1]].append(place)
    return rows


def _joined(chains: Iterable[Sequence[_Place]]) -> dict[_Place, list[_Place]]:
    """Return what each place is joined to, in the rows above and below."""
    joined: defaultdict[_Place, list[_Place]] = defaultdict(list)
    for chain in chains:
        for upper, lower in itertools.pairwise(chain):
            joined[upper].append(lower)
            joined[lower].append(upper)
    return joined


def _untangle(rows: list[list[_Place]], joined: Mapping[_Place, Sequence[_Place]]) -> None:
    """Order each row by where what it is joined to stands, in the row above and in the row below by turns."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for number in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            other = rows[number - 1 if down else number + 1]
            share = {place: (index + 0.5) / len(other) for index, place in enumerate(other)}
            wished = {
                place: _middle(joined.get(place, ()), share, otherwise=(index + 0.5) / len(rows[number]))
                for index, place in enumerate(rows[number])
            }
            rows[number].sort(key=wished.__getitem__)


def _centres(
    rows: Sequence[Sequence[_Place]], joined: Mapping[_Place, Sequence[_Place]], size: Mapping[_Place, float]
) -> dict[_Place, float]:
    """Return the middle of each place: as near to what it is joined to as its neighbours let it be."""
    centres: dict[_Place, float] = {}
    for row in rows:
        _settle(row, [0.0] * len(row), size, centres)
    for sweep in range(2 * _SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wished = [_middle(joined.get(place, ()), centres, otherwise=centres[place]) for place in row]
            _settle(row, wished, size, centres)
    return centres


def _middle(places: Iterable[_Place], where: Mapping[_Place, float], *, otherwise: float) -> float:
    """Return the middle of those of these places of which it is known where they are."""
    found = [where[place] for place in places if place in where]
    return sum(found) / len(found) if found else otherwise


def _settle(
    row: Sequence[_Place], wished: Sequence[float], size: Mapping[_Place, float], centres: dict[_Place, float]
) -> None:
    """Put a row's places where they wish to be, and those that would touch side by side around their common middle.

    That is the least sum of squared distances from the wishes (pool adjacent violators).
    """
    offsets = [0.0]
    for one, other in itertools.pairwise(row):
        offsets.append(offsets[-1] + (size[one] + size[other]) / 2 + GAP)
    pools: list[tuple[float, int]] = []  # sum of wishes without offsets, and how many
    for wish, offset in zip(wished, offsets, strict=False):
        total, count = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    base = [total / count for total, count in pools for _ in range(count)]
    for place, start, offset in zip(row, base, offsets, strict=False):
        centres[place] = start + offset


def _points(
    chain: Sequence[_Place], across: Mapping[_Place, float], along: Sequence[_Row]
) -> Iterator[tuple[float, float]]:
    """Yield the points of an arrow: straight through the rows that it passes."""
    yield across[chain[0]], along[chain[0][1]].end
    for place in chain[1:-1]:
        yield across[place], along[place[1]].start
        yield across[place], along[place[1]].end
    yield across[chain[-1]], along[chain[-1][1]].start
