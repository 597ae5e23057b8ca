"""Jobs: a process of a colony together with its project, its log and its results.

`submit` sends a project, `submit_each` once for each of many parameter sets, a `Workflow` several in their order;
`Job.follow` reads what happens as one ordered stream of events, `Job.results` holds what came back. Nothing here knows
of notebooks.
"""

from pollinator_magic.jobs.events import (
    ConnectionBack,
    ConnectionLost,
    Displayed,
    Event,
    LogText,
    Raised,
    StateChanged,
)
from pollinator_magic.jobs.graph import Graph
from pollinator_magic.jobs.group import Group
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.results import Result, Results
from pollinator_magic.jobs.session import Session
from pollinator_magic.jobs.submission import Preview, find_cached, prepare, preview, submit
from pollinator_magic.jobs.sweep import submit_each
from pollinator_magic.jobs.workflow import Workflow

__all__ = [
    "ConnectionBack",
    "ConnectionLost",
    "Displayed",
    "Event",
    "Graph",
    "Group",
    "Job",
    "LogText",
    "Preview",
    "Raised",
    "Result",
    "Results",
    "Session",
    "StateChanged",
    "Workflow",
    "find_cached",
    "prepare",
    "preview",
    "submit",
    "submit_each",
]
