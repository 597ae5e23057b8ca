"""Process graphs: what a submitted workflow becomes (protocol.md, sections 7.8 and 8).

A graph's members are made all at once and know their parents and children. Those with parents wait for them outside the
queue. This module says what follows from the state of a member; `lifecycle`, which changes states, carries it out.
"""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.colonies.models import (
    GraphEdge,
    GraphNode,
    NodeLabel,
    NodePosition,
    NodeStyle,
    Process,
    ProcessGraph,
    ProcessState,
    format_time,
)
from pollinator_magic.local import records
from pollinator_magic.local.routing import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.colonies.models import FunctionSpec
    from pollinator_magic.local.database import Database

_NODE_WIDTH, _GAP, _LEVEL_HEIGHT = 150, 50, 80
_BACKGROUNDS = {
    ProcessState.WAITING: "#eee8d8",
    ProcessState.RUNNING: "#4689cd",
    ProcessState.SUCCESS: "#92d050",
    ProcessState.FAILED: "#cb4239",
    ProcessState.CANCELLED: "#f5a623",
}
_NUMBER = "(SELECT number FROM graphs WHERE graphid = ?)"
_OPEN = f"graph = {_NUMBER} AND state IN ({ProcessState.WAITING:d}, {ProcessState.RUNNING:d})"

read = msgspec.json.Decoder(ProcessGraph).decode
"""Read a graph's document."""


def parents_of(specs: Sequence[FunctionSpec]) -> list[list[int]]:
    """Return the places in `specs` of what each depends on; refuse what could never run to its end."""
    places: dict[str, int] = {}
    for place, spec in enumerate(specs):
        if not spec.nodename:
            raise Refused(500, "Nodename is missing, check function spec for errors")
        if places.setdefault(spec.nodename, place) != place:
            raise Refused(500, f"Duplicate nodename: {spec.nodename}")
    if not places:
        raise Refused(400, "Failed to submit workflow, it has no function specs")
    needed = [dict.fromkeys(spec.conditions.dependencies) for spec in specs]
    if not places.keys() >= set().union(*needed):
        raise Refused(
            500,
            "Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits?",
        )
    parents = [[places[name] for name in names] for names in needed]
    in_a_loop = set(range(len(specs))) - set(_levels(parents))
    if in_a_loop:
        names = ", ".join(specs[place].nodename for place in sorted(in_a_loop))
        raise Refused(400, f"Failed to submit workflow, these wait for each other: {names}")
    return parents


def connect(members: Sequence[Process], parents: Sequence[Sequence[int]]) -> None:
    """Tell the members who their parents and children are."""
    for member, places in zip(members, parents, strict=True):
        member.waitforparents = bool(places)
        for place in places:
            member.parents.append(members[place].processid)
            members[place].children.append(member.processid)


def create(database: Database, colony: str, members: Sequence[Process]) -> tuple[ProcessGraph, int]:
    """Store a graph of these members, which are yet to be stored; return it with its number."""
    graph = ProcessGraph(
        processgraphid=secrets.token_hex(32),
        initiatorid=members[0].initiatorid,
        initiatorname=members[0].initiatorname,
        colonyname=colony,
        rootprocessids=[member.processid for member in members if not member.parents],
        submissiontime=members[0].submissiontime,
        processids=[member.processid for member in members],
    )
    cursor = database.run(
        "INSERT INTO graphs (graphid, colonyname, state, document) VALUES (?, ?, ?, ?)",
        *(graph.processgraphid, colony, graph.state, msgspec.json.encode(graph)),
    )
    for member in members:
        member.processgraphid = graph.processgraphid
    return graph, int(cursor.lastrowid or 0)


def load(database: Database, graphid: str) -> ProcessGraph | None:
    """Return the graph, or None if there is none of that id."""
    row = database.first("SELECT document FROM graphs WHERE graphid = ?", graphid)
    return read(row[0]) if row else None


def state_of(database: Database, graphid: str) -> ProcessState:
    """Return the state of a graph that exists."""
    return ProcessState(database.one("SELECT state FROM graphs WHERE graphid = ?", graphid)[0])


def enter(database: Database, graphid: str, state: ProcessState) -> None:
    """Store the graph in this state."""
    graph = read(database.one("SELECT document FROM graphs WHERE graphid = ?", graphid)[0])
    now = format_time(records.moment(database.now_ns()))
    graph.state = state
    if state.closed:
        graph.endtime = now
    else:
        graph.starttime = now
    database.run(
        "UPDATE graphs SET state = ?, document = ? WHERE graphid = ?", state, msgspec.json.encode(graph), graphid
    )


def members_of(database: Database, graphid: str) -> list[Process]:
    """Return all members, in the order in which they were submitted."""
    rows = database.all(f"SELECT document FROM processes WHERE graph = {_NUMBER} ORDER BY number", graphid)  # noqa: S608  a constant
    return [records.read(row[0]) for row in rows]


def open_members(database: Database, graphid: str) -> list[Process]:
    """Return the members that have not ended."""
    rows = database.all(f"SELECT document FROM processes WHERE {_OPEN}", graphid)  # noqa: S608  a constant
    return [records.read(row[0]) for row in rows]


def has_open_members(database: Database, graphid: str) -> bool:
    """Whether a member has not ended."""
    open_one = database.first(f"SELECT 1 FROM processes WHERE {_OPEN} LIMIT 1", graphid)  # noqa: S608  a constant
    return open_one is not None


def freed_by(database: Database, process: Process) -> list[Process]:
    """Return the children that waited only for this process to succeed."""
    state = "SELECT state FROM processes WHERE processid = ?"
    children = [records.load(database, processid) for processid in process.children]
    return [
        child
        for child in children
        if child and child.waitforparents
        if all(database.one(state, parent)[0] == ProcessState.SUCCESS for parent in child.parents)
    ]


def outputs_of(database: Database, processids: Sequence[str]) -> list[object]:
    """Return the outputs of these processes, one after the other."""
    processes = [records.load(database, processid) for processid in processids]
    return [value for process in processes if process for value in process.output]


def draw(members: Sequence[Process]) -> tuple[list[GraphNode], list[GraphEdge]]:
    """Return nodes and edges to be drawn: each below its parents, the levels centred."""
    places = {member.processid: place for place, member in enumerate(members)}
    levels = _levels([[places[parent] for parent in member.parents] for member in members])
    widths = Counter(levels.values())
    widest = max(widths.values(), default=0)
    taken: Counter[int] = Counter()
    nodes, edges = [], []
    for place, member in enumerate(members):
        level = levels[place]
        x = (widest - widths[level]) * (_NODE_WIDTH + _GAP) // 2 + taken[level] * (_NODE_WIDTH + _GAP)
        taken[level] += 1
        nodes.append(
            GraphNode(
                id=member.processid,
                data=NodeLabel(label=member.spec.nodename),
                position=NodePosition(x=x, y=level * _LEVEL_HEIGHT),
                type="input" if not member.parents else "" if member.children else "output",
                style=NodeStyle(background=_BACKGROUNDS[member.status]),
            )
        )
        running = member.status is ProcessState.RUNNING
        edges += [
            GraphEdge(id=f"{member.processid}-{child}", source=member.processid, target=child, animated=running)
            for child in member.children
        ]
    return nodes, edges


def _levels(parents: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return how many steps lie above each at most; nothing for those that are in a loop, or below one."""
    missing = [len(above) for above in parents]
    children: list[list[int]] = [[] for _ in parents]
    for place, above in enumerate(parents):
        for parent in above:
            children[parent].append(place)
    levels = {place: 0 for place, count in enumerate(missing) if not count}
    ready = list(levels)
    for place in ready:
        for child in children[place]:
            levels[child] = max(levels.get(child, 0), levels[place] + 1)
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    return {place: levels[place] for place in ready}
