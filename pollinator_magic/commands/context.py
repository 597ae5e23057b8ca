"""Where a subcommand acts: the screen, the directory, and how to come by projects, sessions and jobs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.errors import NotFound, PollinatorError, ProjectError
from pollinator_magic.jobs import Job
from pollinator_magic.sessions import LOCAL, connect_for
from pollinator_magic.settings import is_configured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.group import Group
    from pollinator_magic.jobs.ledger import Origin
    from pollinator_magic.project import Project
    from pollinator_magic.screen import Screen


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
    remember: Callable[[Job | Group, str | None], None] = lambda _job, _name: None
    """Told of the job that a subcommand is about, and of the variable that shall have it, before it can fail."""
    bring_back: Callable[[Job, bool], None] = lambda _job, _allow_pickle: None
    """Told of the job that was followed to its successful end, and whether pickles may be read."""
    recall: Callable[[str], Job | None] = lambda _name: None
    """Returns the job that a variable of this name holds, if there is one."""
    pick: Callable[[], None] | None = None
    """Shows the executor picker; None where there are no widgets."""
    origin: Origin | None = None
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
        """Return the job of this variable, or of this process id or beginning of one.

        An id is looked for in the project's colony, then in the other one, which is not started for that.
        """
        if (known := self.recall(text)) is not None:
            return known
        project = self.project_if_any()
        first, *others = self._colonies(project)
        try:
            return Job.attach(self.session(first), text, project)
        except NotFound:
            for other in others:
                with contextlib.suppress(PollinatorError):
                    return Job.attach(connect_for(other, start=False), text, project)
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
