"""Cleaning up that is interrupted at any request and done again ends as if nothing had happened; what it costs.

The colony is this test's own, so that its whole database can be looked at, and put back as it was.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from cleaning import World, program

from pollinator_magic.colonies.models import Cron, ProcessState
from pollinator_magic.errors import ProjectError, ServerError
from pollinator_magic.jobs.submission import find_cached
from tests.faults.points import SOAK

if TYPE_CHECKING:
    pass

TABLES = ("files", "snapshots", "snapshot_files", "processes", "logs", "attributes")


class Cut(ServerError):
    """The network is gone."""


class Wire:
    """Everything that is asked of the server and of the store; it can be cut at one request."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.cut_at: int | None = None
        self.reply_lost = False
        self._counting = threading.Lock()
        client, store = world.session.client, world.session.filesystem.store
        monkeypatch.setattr(client.rpc, "call", self._through(client.rpc.call, lambda name, *_: name))
        monkeypatch.setattr(store, "delete", self._through(store.delete, lambda *_: "delete"))

    def cut(self, number: int | None, *, reply_lost: bool = False) -> None:
        self.asked.clear()
        self.cut_at, self.reply_lost = number, reply_lost

    def _through(self, ask, name):
        def through(*args, **options):
            with self._counting:
                number = len(self.asked)
                self.asked.append(name(*args))
            cut = self.cut_at is not None and number >= self.cut_at
            if cut and not self.reply_lost:
                raise Cut("cut")
            answer = ask(*args, **options)
            if cut:
                raise Cut("cut")
            return answer

        return through


@pytest.fixture
def wire(used, monkeypatch) -> Wire:
    return Wire(used, monkeypatch)


def test_a_dry_run_changes_nothing(used):
    before = used.state()

    preview = used.keeping().preview()

    assert preview
    assert preview.plan.size > 0
    assert used.state() == before
    assert used.keeping().clean().plan == preview.plan


def test_interrupted_at_any_request_it_is_finished_by_doing_it_again(used, wire):
    used.save()
    used.keeping().clean()
    requests = len(wire.asked)
    whole = used.state()
    staying = set(whole[0]["files"])

    places = [(number, lost) for number in range(requests) for lost in (False, True)]
    for number, lost in places[:: 1 if SOAK > 1 else 3]:
        used.restore()
        wire.cut(number, reply_lost=lost)
        with pytest.raises(Cut):
            used.keeping().clean()
        interrupted = used.database()
        assert used.held(interrupted) <= {file.name for file in used.storage.path.rglob("*")}, (number, lost)
        assert staying <= set(interrupted["files"]), (number, lost)
        wire.cut(None)
        used.keeping().clean()
        assert used.state() == whole, (number, lost)


def test_what_is_left_to_delete_later_is_what_a_snapshot_still_shows(used):
    used.keeping().clean()

    later = json.loads((used.project.state / "clean.json").read_text())["objects"]
    assert len(later) == 1
    assert set(*later.values()) <= used.held(used.database())
    for snapshot in used.session.client.snapshots():
        used.session.client.remove_snapshot(snapshot.snapshotid)
    used.keeping().clean()
    assert not (used.project.state / "clean.json").exists()
    assert {file.name for file in used.storage.path.rglob("*") if file.is_file()} == used.held(used.database())


def test_results_that_are_half_removed_are_never_taken_for_those_of_the_job(world, monkeypatch):
    cell, names = program("early"), [f"{number}.txt" for number in range(8)]
    world.run("early", dict.fromkeys(names, "x")).fetch_results()
    world.run("kept", {"a.txt": "a"})
    found = find_cached(world.session, world.project, source=cell)
    assert found is not None
    assert sorted(found.results) == names
    wire = Wire(world, monkeypatch)
    world.save()
    world.keeping().clean()
    requests = len(wire.asked)

    seen = set()
    for number in range(requests):
        world.restore()
        wire.cut(number)
        with pytest.raises(Cut):
            world.keeping().clean()
        wire.cut(None)
        found = find_cached(world.session, world.project, source=cell)
        assert found is None or sorted(found.fetch_results()) == names, number
        seen.add(found is None)
    assert seen == {True, False}


def test_what_cleaning_costs(used, wire):
    cleaning = used.keeping().clean()

    plan = cleaning.plan
    lists = {name: wire.asked.count(name) for name in wire.asked}
    assert lists["getprocessesmsg"] == 3 + 6 + 3  # open ones; three states, two labels; open ones again
    assert lists["getsnapshotsmsg"] == lists["getfilelabelsmsg"] == lists["getcronsmsg"] == 1
    labels = {one.label for one in plan.revisions} | {label for label, _ in plan.files}
    assert lists["getfilesmsg"] <= len(labels) + 4
    assert lists["removesnapshotmsg"] == len(plan.snapshots)
    assert lists["removefilemsg"] == len(plan.revisions) + len(plan.files)
    assert lists["delete"] == len(plan.objects)
    assert lists["getfilemsg"] <= 12
    assert "getprocessmsg" not in lists


def test_cleaning_what_is_clean_costs_a_look(used, wire):
    used.keeping().clean()
    wire.cut(None)

    assert not used.keeping().clean()

    assert not {"removesnapshotmsg", "removefilemsg", "delete"} & set(wire.asked)
    assert len(wire.asked) < 35


def test_a_hundred_jobs_that_wait_before_it_do_not_hide_one(world):
    hidden = world.submit("hidden")
    spec = hidden.process.spec
    spec.priority, spec.fs.snapshots, spec.fs.dirs = 10, [], []
    for _ in range(100):
        world.session.client.submit(spec)
    listed = world.session.client.processes(ProcessState.WAITING)
    assert hidden.id not in {process.processid for process in listed}

    world.keeping(keep=0).clean()

    mounted = hidden.process.spec.fs.snapshots or world.session.client.process(hidden.id).spec.fs.snapshots
    assert world.session.client.snapshot(mounted[0].snapshotid).fileids


def test_where_it_cannot_be_known_what_is_open_nothing_is_removed(used, monkeypatch):
    client = used.session.client
    template = client.processes(ProcessState.SUCCESS)[0]
    monkeypatch.setattr(client, "processes", lambda *_, **__: [template] * 100)
    monkeypatch.setattr(client, "history", lambda *_, **__: [])
    before = used.state()

    with pytest.raises(ServerError, match="Nothing was removed"):
        used.keeping().clean()

    assert used.state() == before


def test_what_a_cron_will_submit_stays(used, monkeypatch):
    client = used.session.client
    old = client.snapshots()[-1]
    spec = json.dumps({"functionspecs": [{"fs": {"snapshots": [{"snapshotid": old.snapshotid}]}}]})
    monkeypatch.setattr(client, "crons", lambda: [Cron(workflowspec=spec)])  # the embedded colony has none

    used.keeping().clean()

    assert [client.file(file_id).name for file_id in client.snapshot(old.snapshotid).fileids]


def test_two_do_not_clean_one_project_at_the_same_time(used, wire, monkeypatch):
    refused: list[str] = []
    delete = used.session.filesystem.store.delete

    def another_tries(name: str) -> None:
        if not refused:
            with pytest.raises(ProjectError) as caught:
                used.keeping().clean()
            refused.append(str(caught.value))
        delete(name)

    monkeypatch.setattr(used.session.filesystem.store, "delete", another_tries)
    used.keeping().clean()

    assert refused
    assert "Somebody else is cleaning up" in refused[0]
