"""Jobs: a process of a colony together with its project, its log and its results.

`submit` sends a project, `Job.follow` reads what happens as one ordered stream of events, `Job.results` holds what came
back. Nothing here knows of notebooks.
"""

from pollinator_magic.jobs.events import ConnectionBack, ConnectionLost, Event, LogText, StateChanged
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.results import Result, Results
from pollinator_magic.jobs.session import Session
from pollinator_magic.jobs.submission import Preview, prepare, preview, submit

__all__ = [
    "ConnectionBack",
    "ConnectionLost",
    "Event",
    "Job",
    "LogText",
    "Preview",
    "Result",
    "Results",
    "Session",
    "StateChanged",
    "prepare",
    "preview",
    "submit",
]
