"""One run from the front end's side: submit, follow, fetch, show. The same for a cell, a line and the command line."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import Interrupted, PollinatorError
from pollinator_magic.jobs import Job, StateChanged, find_cached, submit
from pollinator_magic.jobs.ledger import NOWHERE
from pollinator_magic.jobs.variables import note_asked
from pollinator_magic.screen import Ending, describe_moment
from pollinator_magic.tunnels.news import TunnelNews
from pollinator_magic.tunnels.tunnel import Tunnel
from pollinator_magic.tunnels.way import find_way

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from pollinator_magic.jobs import Event, Session
    from pollinator_magic.jobs.ledger import Origin
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project, Runner
    from pollinator_magic.screen import JobView, Screen
    from pollinator_magic.tunnels.way import Way

T = TypeVar("T")


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
    runner: Runner | None = None
    """How the notebook runner runs it; None to run it plainly."""
    origin: Origin = NOWHERE
    """Where it is submitted from."""

    async def start(self, source: str | None = None, *, submitted: Callable[[Job], None] = lambda _: None) -> Job:
        """Submit, and unless detached follow to the end; return the job or raise what became of it.

        `submitted` is told the job as soon as there is one, so that it can be found even if following fails.
        """
        try:
            with self.screen.transfer() as progress, _narrated(self.screen, wanted=self.options.verbose):
                job, way = self._earlier(source), None
                if job is None:
                    way = None if self.options.detach else _way(self.project, self.session)
                    job = submit(
                        self.session,
                        self.project,
                        source=source,
                        runner=self.runner,
                        progress=progress,
                        announce=self.screen.say,
                        origin=self.origin,
                    )
        except KeyboardInterrupt:
            raise Interrupted(
                "Interrupted while the job was being sent. `%pollinator jobs` shows whether it was submitted."
            ) from None
        if self.runner is not None:
            note_asked(job, self.runner.outputs)
        submitted(job)
        view = self.screen.job(job, quiet=self.options.quiet)
        if self.options.detach:
            view.leave(self.options.patterns)
            return job
        return await follow_to_end(
            job,
            view,
            self.screen,
            self.options.patterns,
            cancel_on_interrupt=self.options.cancel_on_interrupt,
            way=way,
        )

    def _earlier(self, source: str | None) -> Job | None:
        """Return the job that did the same before, if it is wanted and there is one; say which."""
        if not self.options.cached:
            return None
        job = find_cached(self.session, self.project, source=source, runner=self.runner, announce=self.screen.say)
        if job is not None:
            self.screen.say(
                f"Cached: process {job.short_id} of {describe_moment(job.process.submitted_at)} ran the same cell with "
                "the same conditions and inputs; leave out --cached to run it again."
            )
        return job


def complete(coroutine: Coroutine[Any, Any, T]) -> T:
    """Carry out a coroutine on a screen that never suspends it, and return its value."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    raise RuntimeError("something was awaited where nothing can be")


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


async def follow_to_end(
    job: Job,
    view: JobView,
    screen: Screen,
    patterns: tuple[str, ...] = ("*",),
    *,
    resume: bool = False,
    cancel_on_interrupt: bool = False,
    way: Way | None = None,
) -> Job:
    """Show the job until it is closed, fetch and show its results, and raise JobFailed or JobCancelled if need be.

    A user who has enough of it may go on earlier: then the job is returned as it is, or Interrupted raised. `resume`
    takes the log up where it was left. Meanwhile there is a tunnel, if the project wants one; `way` is what leads to
    the job, if that is known already.
    """
    try:
        with _tunnelled(job, view, way) as seen:
            ending = await screen.follow(
                lambda stop: seen(job.follow(resume=resume, stop=stop)), view, twice=not cancel_on_interrupt
            )
    except KeyboardInterrupt:  # more of them than were waited for
        ending = Ending.INTERRUPTED
    if ending is Ending.LEFT:
        view.leave(patterns)
        return job
    if ending is not Ending.CLOSED:
        cancel = cancel_on_interrupt or ending is Ending.INTERRUPTED_AGAIN
        raise Interrupted(_cancelled(job, view, patterns) if cancel else _left(job, view, patterns))
    try:
        _fetch(job, view, screen, patterns)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: process {job.short_id} has ended. Bring its results with `%pollinator pull {job.short_id}`."
        ) from None
    job.raise_unless_successful(shown=True)
    return job


@contextmanager
def _tunnelled(job: Job, view: JobView, way: Way | None) -> Iterator[Callable[[Iterator[Event]], Iterator[Event]]]:
    """Hold the tunnel to the job that its project wants; yields what has to see the job's events.

    Without one the job is followed all the same.
    """
    way = way or _way_to(job, view)
    if way is None:
        yield lambda events: events
        return
    tunnel = Tunnel(way, lambda: job.session.client.process(job.id), view.tunnel)

    def seen(events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, StateChanged):
                tunnel.process_is(event.process)
            yield event

    tunnel.start()
    try:
        yield seen
    finally:
        tunnel.close()
        view.tunnel(None)


def _way_to(job: Job, view: JobView) -> Way | None:
    """Return the way to a job that was submitted before, None if there is none; say why."""
    if job.project is None or job.project.tunnel is None or job.process.status.closed:
        return None
    try:
        return _way(job.project, job.session)
    except PollinatorError as error:
        view.tunnel(TunnelNews(str(error), given_up=True))
        return None


def _way(project: Project, session: Session) -> Way | None:
    """Return the way to a job of this project, None if the project wants no tunnel."""
    return None if project.tunnel is None else find_way(project, here=session.connection.embedded)


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


def _cancelled(job: Job, view: JobView, patterns: tuple[str, ...]) -> str:
    """Cancel the job, and say what has become of it."""
    try:
        job.cancel()
    except (PollinatorError, KeyboardInterrupt) as error:
        view.leave(patterns)
        why = str(error) or "interrupted."
        return (
            f"Interrupted: process {job.short_id} could not be cancelled: {why} "
            f"Try again with `%pollinator cancel {job.short_id}`."
        )
    view.handle(StateChanged(job.process))
    state = "was cancelled" if job.process.status is ProcessState.CANCELLED else "had ended already"
    return f"Interrupted: process {job.short_id} {state}."


def _left(job: Job, view: JobView, patterns: tuple[str, ...]) -> str:
    """Leave the job to itself, and say how to take it up and how to end it."""
    view.leave(patterns)
    return (
        f"Interrupted: process {job.short_id} goes on. Follow it again with `%pollinator attach {job.short_id}`, "
        f"stop it with `%pollinator cancel {job.short_id}`."
    )
