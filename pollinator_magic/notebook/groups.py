"""A sweep in a cell: one card for all its jobs, and at the end one table of what each returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.display import display

from pollinator_magic.commands import show_preview
from pollinator_magic.errors import Interrupted, PollinatorError
from pollinator_magic.jobs.group import count_of_jobs
from pollinator_magic.jobs.parameters import describe
from pollinator_magic.jobs.submission import preview
from pollinator_magic.jobs.sweep import check, submit_each
from pollinator_magic.manyjobs import OnInterrupt, follow_many
from pollinator_magic.notebook.groupcard import GroupCard
from pollinator_magic.notebook.groupface import rows_text, values_html
from pollinator_magic.notebook.manyview import ManyView, Unattended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pollinator_magic.commands import Context
    from pollinator_magic.jobs import Session
    from pollinator_magic.jobs.group import Group
    from pollinator_magic.options import RunOptions
    from pollinator_magic.project import Project, Runner
    from pollinator_magic.screen import Screen

_HINT = "`_.wait()` waits for them, `_.cancel()` cancels them, `_.frame()` shows what they returned."


class GroupView(ManyView["Group", GroupCard]):
    """A group in the cell that follows it."""

    def __init__(self, group: Group, card: GroupCard, *, quiet: bool) -> None:
        super().__init__(group, card, "all jobs", quiet=quiet)

    def finish(self) -> None:
        """Bring what the jobs returned, and show it."""
        self._many.collect()
        self._card.finish(listed=False)
        rows = self._many.rows()
        if not self._quiet:
            display({"text/html": values_html(rows), "text/plain": rows_text(rows)}, raw=True)

    def _alone(self) -> UnattendedGroup:
        return UnattendedGroup(self._many, self._card)


class UnattendedGroup(Unattended["Group", GroupCard]):
    """One group that goes on without a cell."""

    _name, _gave = "group", "What the jobs returned"

    def __init__(self, group: Group, card: GroupCard) -> None:
        super().__init__(group, card, _HINT)

    def _closed(self) -> bool:
        return self._many.done

    def _bring(self) -> None:
        self._many.collect()

    def _conclude(self) -> None:
        self._card.finish(listed=True)


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
            await _follow(group, view, screen, cancel_on_interrupt=self.options.cancel_on_interrupt)

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
                UnattendedGroup(begun, card).start()
            if isinstance(error, PollinatorError):
                raise
            raise Interrupted(_interrupted_sending(groups)) from None
        card.begin()
        return group


async def _follow(group: Group, view: GroupView, screen: Screen, *, cancel_on_interrupt: bool) -> None:
    """Show the group until all jobs are closed and what they returned; raise GroupFailed or JobCancelled if need be."""
    on_interrupt = OnInterrupt(
        go_on=f"Interrupted: the jobs go on. {_HINT}",
        have_ended="Interrupted: all jobs have ended. `_.frame()` brings what they returned.",
        cancel=lambda: _cancelled(group),
    )
    if await follow_many(group.follow, view, screen, on_interrupt, cancel_on_interrupt=cancel_on_interrupt):
        group.raise_unless_successful()


def show_group(group: Group) -> None:
    """Show a group that is the value of a cell: a card, which goes on as long as the group does."""
    card = GroupCard()
    if not card.live:
        print(repr(group), flush=True)  # noqa: T201  ordinary cell output is what is meant
        return
    card.grow(group)
    card.begin()
    UnattendedGroup(group, card).start()


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
