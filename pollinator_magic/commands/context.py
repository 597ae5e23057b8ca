"""Where a subcommand acts: the screen, the directory, and how to come by projects, sessions and jobs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Process
from pollinator_magic.errors import NotFound, PollinatorError, ProjectError, UsageError
from pollinator_magic.jobs import Job
from pollinator_magic.jobs.graph import Graph, count_of_steps
from pollinator_magic.jobs.ledger import NOWHERE
from pollinator_magic.sessions import LOCAL, connect_for
from pollinator_magic.settings import is_configured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.graph import StepRow
    from pollinator_magic.jobs.group import Group
    from pollinator_magic.jobs.ledger import Origin
    from pollinator_magic.jobs.workflow import Workflow
    from pollinator_magic.project import Project
    from pollinator_magic.screen import Screen

_NAMED = 10  # steps in a message


@dataclass(frozen=True)
class Context:
    """Where a subcommand acts."""

    screen: Screen
    directory: Path
    """The project's directory: the notebook's, or the current one."""
    resumes: bool = False
    """Whether what was shown of a log before is still to be seen, as in a notebook."""
    saved: bool = False
    """Whether what is shown is kept with what it was shown in, as a notebook keeps its outputs."""
    remember: Callable[[Job | Group | Graph, str | None], None] = lambda _job, _name: None
    """Told of the job that a subcommand is about, and of the variable that shall have it, before it can fail."""
    bring_back: Callable[[Job, bool], None] = lambda _job, _allow_pickle: None
    """Told of the job that was followed to its successful end, and whether pickles may be read."""
    recall: Callable[[str], Job | Graph | None] = lambda _name: None
    """Returns the job or graph that a variable of this name holds, if there is one."""
    pick: Callable[[], None] | None = None
    """Shows the executor picker; None where there are no widgets."""
    workflow: Workflow | None = None
    """The steps that the notebook has collected; None where nothing is collected."""
    draw: Callable[[Sequence[StepRow]], None] | None = None
    """Draws steps; None where nothing can be drawn."""
    origin: Origin = NOWHERE
    """The cell of a notebook that this happens in, if it is one."""

    def session(self, executors: Sequence[str] = ()) -> Session:
        """Return the session of the colony of these executors; say so if the embedded one has to be started."""
        return connect_for(executors, announce=self.screen.say)

    def project(self) -> Project:
        """Return the project of this directory; raise ProjectError if there is none."""
        from pollinator_magic.project import Project

        return Project.open(self.directory)

    def project_if_any(self) -> Project | None:
        """Return the project of this directory, or None."""
        try:
            return self.project()
        except ProjectError:
            return None

    def job(self, text: str) -> Job:
        """Return the job of this variable, or of this process id or beginning of one; see `found`."""
        found = self.found(text)
        if isinstance(found, Job):
            return found
        steps = ", ".join(f"{name} {job.short_id}" for name, job in list(found.items())[:_NAMED])
        raise UsageError(f"{text!r} is a graph of {count_of_steps(len(found))}; name one of its processes: {steps}.")

    def graph(self, text: str) -> Graph:
        """Return the graph of this variable, of this id or beginning of one, or of a process that is in one."""
        found = self.found(text)
        if isinstance(found, Graph):
            return found
        if not found.process.processgraphid:
            raise UsageError(f"Process {found.short_id} is not part of a graph. `%pollinator attach` follows it.")
        return Graph.attach(found.session, found.process.processgraphid, self.project_if_any())

    def found(self, text: str) -> Job | Graph:
        """Return what a variable holds, or what this id or beginning of one is of.

        An id is looked for in the project's colony, then in the other one, which is not started for that.
        """
        if (known := self.recall(text)) is not None:
            return known
        project = self.project_if_any()
        first, *others = self._colonies(project)
        try:
            return _find(self.session(first), text, project)
        except NotFound:
            for other in others:
                with contextlib.suppress(PollinatorError):
                    return _find(connect_for(other, start=False), text, project)
            raise

    def session_of_project(self, project: Project | None) -> Session:
        """Return the session of the colony that the project's executors belong to."""
        return self.session(self._colonies(project)[0])

    @staticmethod
    def _colonies(project: Project | None) -> list[tuple[str, ...]]:
        """Return, as executors that stand for them, the colonies that can be asked; the project's first."""
        if not is_configured():
            return [(LOCAL,)]
        both: list[tuple[str, ...]] = [(), (LOCAL,)]
        return both[::-1] if project is not None and LOCAL in project.executors else both


def _find(session: Session, text: str, project: Project | None) -> Job | Graph:
    found = session.find(text)
    if isinstance(found, Process):
        return Job.of(session, found, project)
    return Graph.attach(session, found.processgraphid, project)
