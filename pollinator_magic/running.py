"""One run from the front end's side: submit, follow, fetch, show. The same for a cell, a line and the command line."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pollinator_magic.errors import Interrupted, PollinatorError
from pollinator_magic.jobs import Job, submit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.log import LogCursor
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project
    from pollinator_magic.screen import JobView, Screen


def apply(project: Project, options: RunOptions) -> Project:
    """Return the project as these options want it; raise UsageError for values that cannot be meant."""
    return project.with_options(
        executors=options.executors or None,
        nodes=options.nodes,
        ppn=options.ppn,
        cpu=options.cpu,
        mem=options.mem,
        gpu=options.gpu,
        walltime=options.walltime,
        image=options.image,
        cmd=options.command,
        init=options.init,
        source=options.source,
        pip=options.packages or None,
        env=dict(options.env) or None,
    )


@dataclass(frozen=True)
class Run:
    """A submission that a front end shows."""

    session: Session
    project: Project
    options: RunOptions
    screen: Screen

    def start(self, source: str | None = None, *, submitted: Callable[[Job], None] = lambda _: None) -> Job:
        """Submit, and unless detached follow to the end; return the job or raise what became of it.

        `submitted` is told the job as soon as there is one, so that it can be found even if following fails.
        """
        try:
            with self.screen.transfer() as progress, _narrated(self.screen, wanted=self.options.verbose):
                job = submit(self.session, self.project, source=source, progress=progress, announce=self.screen.say)
        except KeyboardInterrupt:
            raise Interrupted(
                "Interrupted while the job was being sent. `%pollinator jobs` shows whether it was submitted."
            ) from None
        submitted(job)
        view = self.screen.job(job, quiet=self.options.quiet)
        if self.options.detach:
            view.note(f"Detached. Take it up with `%pollinator attach {job.short_id}`.")
            return job
        return follow_to_end(
            job, view, self.screen, self.options.patterns, cancel_on_interrupt=self.options.cancel_on_interrupt
        )


@contextmanager
def _narrated(screen: Screen, *, wanted: bool) -> Iterator[None]:
    """Show what the package logs meanwhile, for --verbose; only of this thread, which owns the screen."""
    if not wanted:
        yield
        return
    mine = threading.get_ident()

    class Narrator(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if threading.get_ident() == mine:
                screen.say(self.format(record))

    logger, narrator = logging.getLogger("pollinator_magic"), Narrator()
    level = logger.level
    logger.addHandler(narrator)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(narrator)


def follow_to_end(
    job: Job,
    view: JobView,
    screen: Screen,
    patterns: tuple[str, ...] = ("*",),
    *,
    cursor: LogCursor | None = None,
    cancel_on_interrupt: bool = False,
) -> Job:
    """Show the job until it is closed, fetch and show its results, and raise JobFailed or JobCancelled if need be."""
    try:
        for event in job.follow(cursor=cursor):
            view.handle(event)
    except KeyboardInterrupt:
        raise Interrupted(_interrupted(job, cancel=cancel_on_interrupt)) from None
    try:
        _fetch(job, view, screen, patterns)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: process {job.short_id} has ended. Bring its results with `%pollinator pull {job.short_id}`."
        ) from None
    job.raise_unless_successful()
    return job


def _fetch(job: Job, view: JobView, screen: Screen, patterns: tuple[str, ...]) -> None:
    """Bring the results home, of failed jobs too; that they could not be fetched never hides why a job failed."""
    if job.project is None or job.result_label is None:
        return
    try:
        with screen.transfer() as progress:
            results = job.fetch_results(patterns, progress=progress)
        job.show_results()
    except PollinatorError as error:
        if not job.succeeded:
            view.note(f"The results could not be fetched: {error}")
            return
        raise
    view.results(results)


def _interrupted(job: Job, *, cancel: bool) -> str:
    if cancel:
        job.cancel()
        return f"Interrupted: process {job.short_id} was cancelled."
    return (
        f"Interrupted: process {job.short_id} goes on. Follow it again with `%pollinator attach {job.short_id}`, "
        f"stop it with `%pollinator cancel {job.short_id}`."
    )
