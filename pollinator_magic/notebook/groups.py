"""A sweep in a cell: one card for all its jobs, and at the end one table of what each returned.

A cell that follows the group waits as for a single job. The card of a group that nobody follows goes on by itself.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.display import display

from pollinator_magic.commands import show_preview
from pollinator_magic.errors import Interrupted, PollinatorError
from pollinator_magic.jobs.events import ConnectionBack, ConnectionLost
from pollinator_magic.jobs.group import count_of_jobs
from pollinator_magic.jobs.job import Job
from pollinator_magic.jobs.parameters import describe
from pollinator_magic.jobs.submission import preview
from pollinator_magic.jobs.sweep import check, submit_each
from pollinator_magic.notebook.groupcard import GroupCard
from pollinator_magic.notebook.groupface import rows_text, values_html
from pollinator_magic.notebook.manyview import ManyView
from pollinator_magic.screen import Ending, describe_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pollinator_magic.commands import Context
    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.group import Group
    from pollinator_magic.jobs.listeners import Change
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project, Runner
    from pollinator_magic.screen import Screen

_log = logging.getLogger(__name__)

_HINT = "`_.wait()` waits for them, `_.cancel()` cancels them, `_.frame()` shows what they returned."


class GroupView(ManyView):
    """A group in the cell that follows it."""

    def __init__(self, group: Group, card: GroupCard, *, quiet: bool) -> None:
        self._group, self._card, self._quiet = group, card, quiet
        super().__init__(group, card, "all jobs")

    def handle(self, event: Change) -> None:
        """Show that a job is in another state, or what became of the connection."""
        if isinstance(event, Job):
            self._card.change()
        elif isinstance(event, ConnectionLost | ConnectionBack):
            self._card.note(describe_connection(event))

    def finish(self) -> None:
        """Bring what the jobs returned, and show it."""
        self._group.collect()
        self._card.finish(listed=False)
        rows = self._group.rows()
        if not self._quiet:
            display({"text/html": values_html(rows), "text/plain": rows_text(rows)}, raw=True)

    def leave(self) -> None:
        """Let the card go on by itself."""
        if self._card.live:
            look_after(self._group, self._card)
        else:
            print(_HINT, flush=True)  # noqa: T201  ordinary cell output is what is meant


@dataclass(frozen=True)
class Sweep:
    """A cell that is run once for each parameter set."""

    context: Context
    project: Project
    options: RunOptions
    parameters: Sequence[Mapping[str, object]]
    runner: Runner | None
    """How the notebook runner runs it; None to run it plainly."""

    async def start(self, source: str | None) -> None:
        """Submit the jobs, and unless detached follow them to the end; or only show what one of them would be.

        Raises GroupFailed if jobs have failed, when all have ended.
        """
        session, screen = self.context.session(self.project.executors), self.context.screen
        for warning in self.project.warnings:
            screen.say(warning)
        if self.options.dry_run:
            self._preview(session, source)
            return
        card = GroupCard()
        group = self._submit(session, source, card)
        view = GroupView(group, card, quiet=self.options.quiet)
        if self.options.detach:
            view.leave()
        else:
            await follow_group(group, view, screen, cancel_on_interrupt=self.options.cancel_on_interrupt)

    def _preview(self, session: Session, source: str | None) -> None:
        check(self.project, self.runner, self.parameters)
        say, first = self.context.screen.say, self.parameters[0]
        say(f"{count_of_jobs(len(self.parameters))}; the first one, with {describe(first)}:")
        shown = preview(session, self.project, source=source, runner=self.runner, parameters=first, announce=say)
        show_preview(self.context.screen, shown)

    def _submit(self, session: Session, source: str | None, card: GroupCard) -> Group:
        """Submit the jobs; whatever goes wrong, those that were submitted go on and are remembered."""
        groups: list[Group] = []

        def changed(group: Group) -> None:
            if not groups:
                groups.append(group)
                self.context.remember(group, self.options.name)
            card.grow(group)

        try:
            with card.transfer() as progress:
                group = submit_each(
                    session,
                    self.project,
                    self.parameters,
                    source=source,
                    runner=self.runner,
                    cached=self.options.cached,
                    progress=progress,
                    announce=self.context.screen.say,
                    origin=self.context.origin,
                    changed=changed,
                )
        except (PollinatorError, KeyboardInterrupt) as error:
            for begun in groups:
                card.begin()
                look_after(begun, card)
            if isinstance(error, PollinatorError):
                raise
            raise Interrupted(_interrupted_sending(groups)) from None
        card.begin()
        return group


async def follow_group(group: Group, view: GroupView, screen: Screen, *, cancel_on_interrupt: bool) -> Group:
    """Show the group until all jobs are closed and what they returned; raise GroupFailed or JobCancelled if need be."""
    try:
        ending = await screen.follow(group.follow, view, twice=not cancel_on_interrupt)
        if ending is Ending.LEFT:
            view.leave()
            return group
        if ending is not Ending.CLOSED:
            cancel = cancel_on_interrupt or ending is Ending.INTERRUPTED_AGAIN
            view.leave()
            raise Interrupted(_cancelled(group) if cancel else f"Interrupted: the jobs go on. {_HINT}")
    except KeyboardInterrupt as interrupt:  # too many interrupts, or one where none was waited for
        if isinstance(interrupt, Interrupted):
            raise
        view.leave()
        raise Interrupted(f"Interrupted: the jobs go on. {_HINT}") from None
    try:
        view.finish()
    except KeyboardInterrupt:
        view.leave()
        raise Interrupted("Interrupted: all jobs have ended. `_.frame()` brings what they returned.") from None
    group.raise_unless_successful()
    return group


def show_group(group: Group) -> None:
    """Show a group that is the value of a cell: a card, which goes on as long as the group does."""
    card = GroupCard()
    if not card.live:
        print(repr(group), flush=True)  # noqa: T201  ordinary cell output is what is meant
        return
    card.grow(group)
    card.begin()
    look_after(group, card)


def look_after(group: Group, card: GroupCard) -> None:
    """Keep the card of a group up to date that no cell follows."""
    card.release(_HINT)
    _Unattended(group, card).start()


class _Unattended:
    """One group that goes on without a cell. Nothing is printed: other cells are running meanwhile."""

    def __init__(self, group: Group, card: GroupCard) -> None:
        self._group, self._card = group, card
        self._finishing = threading.Lock()
        self._end: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._end = self._group.listen(self._hear)
        self._finish_if_done()  # what ended before is told to nobody

    def _hear(self, change: Change) -> None:
        """Show what happened, in the poller's thread: nothing here may take long."""
        if isinstance(change, ConnectionLost) and math.isinf(change.retry_in_s):
            self._end()
            self._card.give_up(change.reason)
        elif isinstance(change, Job):
            self._card.change()
            self._finish_if_done()
        elif isinstance(change, ConnectionLost | ConnectionBack):
            self._card.note(describe_connection(change))

    def _finish_if_done(self) -> None:
        if self._group.done and self._finishing.acquire(blocking=False):
            self._end()
            threading.Thread(target=self._finish, name="pollinator-group", daemon=True).start()

    def _finish(self) -> None:
        """Bring what the jobs returned, and say what became of them."""
        try:
            self._group.collect()
            self._group.raise_unless_successful()
        except PollinatorError as error:
            self._card.note(str(error))
        except Exception as error:  # noqa: BLE001  the user shall know why the card says no more
            _log.exception("a group could not be finished")
            self._card.note(f"What the jobs returned could not be fetched: {type(error).__name__}: {error}")
        finally:
            self._card.finish(listed=True)


def _cancelled(group: Group) -> str:
    """Cancel all jobs, and say what has become of them."""
    try:
        group.cancel()
    except PollinatorError as error:
        return f"Interrupted, but not all jobs could be cancelled: {error} Try again with `_.cancel()`."
    return f"Interrupted: the jobs were cancelled. {group.summary}."


def _interrupted_sending(groups: Sequence[Group]) -> str:
    sent = sum(len(group) for group in groups)
    if not sent:
        return "Interrupted while the files were being sent; no job was submitted."
    return (
        f"Interrupted: {count_of_jobs(sent)} were submitted and go on. {_HINT} `_.submit_missing()` submits the others."
    )
