"""Interrupts that come while a job is sent, or while its results are fetched."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pollinator_magic import running
from pollinator_magic.errors import Interrupted
from pollinator_magic.options import RunOptions
from pollinator_magic.screen import TerminalScreen

PROJECT = SimpleNamespace(tunnel=None)


def interrupt(*_words: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_while_a_job_is_sent_says_where_to_look(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "submit", interrupt)

    with pytest.raises(Interrupted, match=r"while the job was being sent.*%pollinator jobs"):
        running.complete(
            running.Run(session=None, project=PROJECT, options=RunOptions(), screen=TerminalScreen()).start()
        )


def test_an_interrupt_while_results_are_fetched_says_how_to_get_them():
    job = SimpleNamespace(
        follow=lambda **_: iter(()), project=PROJECT, result_label="/r", short_id="3fc0", fetch_results=interrupt
    )

    with pytest.raises(Interrupted, match=r"3fc0 has ended.*%pollinator pull 3fc0"):
        running.complete(running.follow_to_end(job, view=None, screen=TerminalScreen()))
