"""What becomes of many jobs that are followed when the user has enough of it, whatever is being done just then."""

from __future__ import annotations

import asyncio

import pytest

from pollinator_magic.errors import Interrupted
from pollinator_magic.manyjobs import OnInterrupt, follow_many
from pollinator_magic.screen import Ending


class Front:
    """A screen on which following ends like this, and a view; an interrupt comes when `interrupted_at` is done."""

    def __init__(self, ending: Ending = Ending.CLOSED, interrupted_at: str = ""):
        self.ending, self.interrupted_at = ending, interrupted_at
        self.done: list[str] = []

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what == self.interrupted_at:
            self.interrupted_at = ""
            raise KeyboardInterrupt

    async def follow(self, _events, _view, *, twice: bool) -> Ending:
        self._do("followed, for two interrupts" if twice else "followed, for one interrupt")
        return self.ending

    def finish(self) -> None:
        self._do("finished")

    def leave(self) -> None:
        self._do("left")

    def cancel(self) -> str:
        self._do("cancelled")
        return "They were cancelled."

    def result(self, *, cancel: bool = False) -> bool:
        words = OnInterrupt(go_on="They go on.", have_ended="They have ended.", cancel=self.cancel)
        return asyncio.run(follow_many(lambda _: iter(()), self, self, words, cancel_on_interrupt=cancel))


def test_what_was_followed_to_its_end_is_finished():
    front = Front()

    assert front.result() is True
    assert front.done == ["followed, for two interrupts", "finished"]


def test_whoever_goes_on_without_following_leaves_the_jobs_alone():
    front = Front(Ending.LEFT)

    assert front.result() is False
    assert front.done[1:] == ["left"]


@pytest.mark.parametrize(
    ("ending", "cancel", "said"),
    [
        (Ending.INTERRUPTED, False, "They go on."),
        (Ending.INTERRUPTED_AGAIN, False, "They were cancelled."),
        (Ending.INTERRUPTED, True, "They were cancelled."),
    ],
)
def test_an_interrupt_lets_them_go_on_and_cancels_them_only_if_that_is_wanted(ending, cancel, said):
    front = Front(ending)

    with pytest.raises(Interrupted, match=said):
        front.result(cancel=cancel)

    assert front.done[0] == f"followed, for {'one interrupt' if cancel else 'two interrupts'}"
    assert front.done[1:] == (["left", "cancelled"] if "cancelled" in said else ["left"])


@pytest.mark.parametrize("when", ["followed, for two interrupts", "left", "cancelled"])
def test_an_interrupt_that_nobody_waited_for_lets_them_go_on(when):
    front = Front(Ending.INTERRUPTED_AGAIN, interrupted_at=when)

    with pytest.raises(Interrupted, match=r"They go on\."):
        front.result()

    assert front.done.count("left") == 1, "their card goes on by itself, and twice would be two"


def test_an_interrupt_while_their_results_come_says_how_to_get_them():
    front = Front(interrupted_at="finished")

    with pytest.raises(Interrupted, match=r"They have ended\."):
        front.result()

    assert front.done[-1] == "left"
