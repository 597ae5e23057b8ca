"""Many jobs from the front end's side: shown together until all have ended, or until the user has enough of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pollinator_magic.errors import Interrupted
from pollinator_magic.screen import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from pollinator_magic.jobs.listeners import Change
    from pollinator_magic.screen import Events, Screen


class JobsView(Protocol):
    """How many jobs are shown together."""

    def handle(self, event: Change) -> None:
        """Show what happened."""
        ...

    def finish(self) -> None:
        """Bring what the jobs left, all of which have ended, and show it."""
        ...

    def leave(self) -> None:
        """Say how to take the jobs up again, which nobody follows from now on; show what can be shown of them."""
        ...


@dataclass(frozen=True)
class OnInterrupt:
    """What is done and said when the user interrupts."""

    go_on: str
    """Said if the jobs go on."""
    have_ended: str
    """Said if they have ended, and only what they left was still to come."""
    cancel: Callable[[], str]
    """Cancels them, and says what has become of them."""


async def follow_many(
    events: Events[Change], view: JobsView, screen: Screen, interrupt: OnInterrupt, *, cancel_on_interrupt: bool
) -> bool:
    """Show what happens until all jobs are closed, then what they left; return whether it came to that.

    A user who has enough of it may go on earlier: then it is False, or Interrupted is raised.
    """
    wanted = False
    try:
        ending = await screen.follow(events, view, twice=not cancel_on_interrupt)
        wanted = ending is Ending.INTERRUPTED_AGAIN or (ending is Ending.INTERRUPTED and cancel_on_interrupt)
    except KeyboardInterrupt:  # too many of them, or one where none was waited for
        ending = Ending.INTERRUPTED
    if ending is Ending.CLOSED:
        _finish(view, interrupt)
        return True
    said = interrupt.go_on
    with suppress(KeyboardInterrupt):
        view.leave()
        if ending is Ending.LEFT:
            return False
        if wanted:
            said = interrupt.cancel()
    raise Interrupted(said)


def _finish(view: JobsView, interrupt: OnInterrupt) -> None:
    """Have what the jobs left brought and shown, unless the user interrupts even that."""
    try:
        view.finish()
    except KeyboardInterrupt:
        view.leave()
        raise Interrupted(interrupt.have_ended) from None
