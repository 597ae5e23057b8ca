"""What the card of a job would say now, made anew from what the colony and its project know of it.

For front ends whose own card has been lost, with a page that was reloaded or a kernel that ended. Unlike that one it
always has the end of the log and the list of results, because nothing else may stand below it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pollinator_magic.colonies.envelope import printable as one_line
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import JobCancelled, JobFailed
from pollinator_magic.jobs import localresults
from pollinator_magic.jobs.follow import may_have_log
from pollinator_magic.jobs.graph import Graph
from pollinator_magic.jobs.log import PAGE
from pollinator_magic.jobs.outcomes import Outcome, Row
from pollinator_magic.jobs.results import HIDDEN, Results, human_size
from pollinator_magic.jobs.stream import LogDecoder
from pollinator_magic.notebook.background import LISTED, Tail
from pollinator_magic.notebook.face import Face
from pollinator_magic.notebook.gallery import results_bundle, static_results
from pollinator_magic.notebook.gallery.kinds import kind_of
from pollinator_magic.notebook.gallery.listing import natural
from pollinator_magic.notebook.gallery.preview import escape, plural, shown_name
from pollinator_magic.notebook.graphface import GraphFace
from pollinator_magic.notebook.graphface import Tail as LogTail
from pollinator_magic.notebook.groupface import GroupFace
from pollinator_magic.notebook.manyface import took
from pollinator_magic.notebook.markup import NO_TEX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.errors import UnsafeName
    from pollinator_magic.jobs import Job

_REASON = 200  # characters
_LEFT = 'style="text-align:left"'


def record_of(job: Job, here: Path | None = None) -> Face:
    """Return what the card of `job` says, whose process must be as it is now; `here` is its notebook's directory."""
    tail, lines = end_of_log(job)
    results, names = _results(job, here) if job.process.status.closed else ("", "")
    return Face(
        process=job.process,
        short_id=job.short_id,
        url=job.dashboard_url,
        tail=tuple(tail.lines()),
        lines=lines,
        displays=tail.displays,
        notes=tuple(_failure(job)),
        results=results,
        results_text=names,
    )


def group_record_of(jobs: Sequence[tuple[Job, Mapping[str, object]]]) -> GroupFace:
    """Return what the card of a group says of its jobs and their parameters, but for the values that they gave back."""
    rows = tuple(Row(parameters, job, Outcome(problem=_reason(job))) for job, parameters in jobs)
    names = {name for job, _ in jobs for name in job.process.spec.conditions.executornames or ()}
    face = GroupFace(
        where=", ".join(sorted(names)) or "any executor",
        rows=rows,
        listed=True,
        links={job.id: job.dashboard_url for job, _ in jobs},
    )
    return replace(face, since=took(rows)) if face.closed else face


def graph_record_of(jobs: Sequence[Job]) -> GraphFace:
    """Return what the card of a graph says of these steps of one graph, but for the values that they gave back."""
    graph = Graph(jobs[0].session, jobs[0].process.processgraphid, jobs)
    rows = tuple(replace(row, outcome=Outcome(problem=_reason(graph[row.name]))) for row in graph.rows())
    face = GraphFace(
        short_id=graph.short_id,
        rows=rows,
        tails={row.name: tail_of(graph[row.name]) for row in rows},
        links={job.id: job.dashboard_url for job in jobs},
    )
    return replace(face, since=took(rows)) if face.closed else face


def tail_of(job: Job) -> LogTail:
    """Return the end of the log as the card of a graph shows it."""
    tail, count = end_of_log(job)
    return LogTail(tuple(tail.lines()), count)


def _reason(job: Job) -> str:
    said = "; ".join(job.process.errors or ()).strip() if job.process.status is ProcessState.FAILED else ""
    return one_line(said)[:_REASON]


def end_of_log(job: Job) -> tuple[Tail, int | None]:
    """Return the end of the log, and how many lines it has if that is all of it."""
    tail, decoder = Tail(), LogDecoder()
    entries = job.log.end() if may_have_log(job.process) else []
    for entry in entries:
        for event in decoder.feed(entry.message, entry.timestamp):
            tail.add(event)
    for event in decoder.finish():
        tail.add(event)
    return tail, tail.count if len(entries) < PAGE else None


def _failure(job: Job) -> list[str]:
    if not job.process.status.closed:
        return []
    try:
        job.raise_unless_successful(shown=True)
    except JobFailed as error:
        return [str(error)]
    except JobCancelled:
        pass  # the state says so
    return []


def _results(job: Job, here: Path | None) -> tuple[str, str]:
    """Return what came back as HTML and as text: with previews if it is here, else what the colony lists."""
    if job.project is not None and localresults.of_process(job.project, job.id) is not None:
        results = Results(localresults.results(job.project, job.id))
        if results:
            return static_results(results, limit=LISTED, here=here), results_bundle(results)["text/plain"]
    if job.result_label is None:
        return "", ""
    refused: list[UnsafeName] = []
    files = job.session.filesystem.contents(job.result_label, refused)
    sizes = {name: file.size for name, file in files.items() if not name.startswith(f"{HIDDEN}/")}
    return _listed(sizes, len(sizes) + len(refused))


def _listed(sizes: Mapping[str, int], total: int) -> tuple[str, str]:
    if not total:
        return "", ""
    names = sorted(sizes, key=natural)
    count, hidden = plural(total, "result"), total - min(len(names), LISTED)
    rows = "".join(
        f"<tr><td {_LEFT}>{escape(shown_name(name))}</td><td {_LEFT}>{kind_of(name)}</td>"
        f"<td>{human_size(sizes[name])}</td></tr>"
        for name in names[:LISTED]
    )
    more = f"<div>… {hidden:,} more, not listed here</div>" if hidden > 0 else ""
    lines = [f"  {shown_name(name)}  {human_size(sizes[name])}" for name in names[:LISTED]]
    return (
        f'<div {NO_TEX}><b>{count}</b><table style="margin:0">{rows}</table>{more}</div>',
        "\n".join([count, *lines, *[f"  … {hidden:,} more"] * (hidden > 0)]),
    )
