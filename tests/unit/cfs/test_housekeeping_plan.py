"""What may be removed: for any world of revisions, snapshots and jobs, never what something refers to."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.cfs.housekeeping import Frozen, Kind, Needs, Revision, Stock, Territory, plan

HOME = "/pollinator/team/p"
TERRITORY = Territory(HOME)
APART = f"{HOME}/snapshots/{'a' * 64}/src"
RUNS = [f"{HOME}/jobs/{digit * 32}/result" for digit in "12"]
LABELS = [
    f"{HOME}/src",
    f"{HOME}/src/sub",
    f"{HOME}/data",
    f"{HOME}/result",
    APART,
    *RUNS,
    f"{RUNS[0]}/sub",
]
FOREIGN = ["/pollinator/team/p2/src", f"{HOME}/inner/src", f"{HOME}/jobs/mine/result", "/elsewhere"]
AROUND = ["/pollinator", HOME, f"{HOME}/jobs", "", "/"]
BEFORE = 50


@dataclass(frozen=True)
class World:
    """A colony, and what its jobs refer to."""

    stock: Stock
    needs: Needs
    ended: dict[str, float]
    objects: frozenset[str]

    def plan(self):
        return plan(TERRITORY, self.stock, self.needs, self.ended, before=BEFORE)

    def states_while(self, work):
        """Yield the world after every single step of carrying a plan out."""
        world = self
        for snapshot in work.snapshots:
            left = tuple(one for one in world.stock.snapshots if one.id != snapshot.id)
            world = replace(world, stock=replace(world.stock, snapshots=left))
            yield world
        for revision in work.revisions:
            world = world.without(lambda one, gone=revision: one.fileid == gone.fileid)
            yield world
        for label, name in work.files:
            world = world.without(lambda one, gone=(label, name): (one.label, one.name) == gone)
            yield world
        for name in work.objects:
            world = replace(world, objects=world.objects - {name})
            yield world

    def without(self, gone):
        revisions = tuple(one for one in self.stock.revisions if not gone(one))
        return replace(self, stock=replace(self.stock, revisions=revisions))

    def after(self, work):
        *_, last = [self, *self.states_while(work)]
        return replace(last, stock=replace(last.stock, orphans=dict(work.later)))

    def held(self):
        return {one.object for one in self.stock.revisions}


moments = st.integers(0, 100).map(float)


@st.composite
def worlds(draw):
    added = draw(
        st.lists(
            st.tuples(
                st.sampled_from(LABELS),
                st.sampled_from("ab"),
                st.integers(0, 12),
                st.one_of(moments, st.just(math.inf)),
            ),
            max_size=25,
        )
    )
    revisions = []
    for number, (label, name, content, moment) in enumerate(added):
        later = [when for where, what, _, when in added[number + 1 :] if (where, what) == (label, name)]
        removed = draw(st.integers(0, 9)) == 0  # by somebody, so that only its id leads to it
        superseded = moment if removed else later[0] if later else None
        revisions.append(Revision(label, name, f"object-{content}", content, f"{number:064x}", moment, superseded))
    snapshots = []
    for number in range(draw(st.integers(0, 6))):
        label = draw(st.sampled_from([*LABELS, *FOREIGN, *AROUND]))
        below = [one.fileid for one in revisions if f"{one.label}/".startswith(f"{label.rstrip('/')}/")]
        listed = draw(st.frozensets(st.sampled_from(below))) if below else frozenset()
        name = draw(st.sampled_from(["f" * 64, "paper-v1"]))
        moment = draw(st.one_of(moments, st.just(math.inf)))
        snapshots.append(Frozen(f"{1000 + number:064x}", label, name, listed, moment))
    some = [one.id for one in snapshots]
    needs = Needs(
        snapshots=frozenset(draw(st.lists(st.sampled_from(some), max_size=2)) if some else ()),
        labels=frozenset(draw(st.lists(st.sampled_from([*LABELS, *FOREIGN, *AROUND]), max_size=2))),
        running_since=draw(st.dictionaries(st.sampled_from([*LABELS, HOME]), moments, max_size=2)),
        texts=tuple(draw(st.lists(st.sampled_from([*some, *LABELS]).map("run {} often".format), max_size=1))),
    )
    orphans = {f"object-{number}": number for number in draw(st.lists(st.integers(0, 20), max_size=4))}
    ended = draw(st.dictionaries(st.sampled_from(RUNS), moments))
    objects = frozenset(one.object for one in revisions) | frozenset(orphans)
    return World(Stock(tuple(snapshots), tuple(revisions), orphans), needs, ended, objects)


@given(worlds())
def test_no_step_leaves_metadata_without_its_object(world):
    for state in world.states_while(world.plan()):
        assert state.held() <= state.objects


@given(worlds())
def test_what_a_needed_snapshot_lists_stays_with_its_contents(world):
    needed = [one for one in world.stock.snapshots if world.needs.snapshot(one.id)]

    for state in world.states_while(world.plan()):
        there = {one.fileid for one in state.stock.revisions}
        for snapshot in needed:
            assert snapshot in state.stock.snapshots
            assert {one.fileid for one in world.stock.revisions if one.fileid in snapshot.fileids} <= there


@given(worlds())
def test_a_snapshot_that_stays_never_loses_a_file(world):
    work = world.plan()
    after = world.after(work)
    there = {one.fileid for one in after.stock.revisions}

    for snapshot in after.stock.snapshots:
        assert {one.fileid for one in world.stock.revisions if one.fileid in snapshot.fileids} <= there


@given(worlds())
def test_the_newest_of_sources_data_and_shared_results_stays(world):
    after = set(world.after(world.plan()).stock.revisions)

    for one in world.stock.revisions:
        if one.superseded is None and TERRITORY.kind(one.label) in {Kind.SOURCE, Kind.LASTING}:
            assert one in after


@given(worlds())
def test_what_is_mounted_stays_as_the_job_saw_it(world):
    after = set(world.after(world.plan()).stock.revisions)

    for label in world.needs.labels:
        for one in world.stock.revisions:
            if f"{one.label}/".startswith(f"{label.rstrip('/')}/") and one.superseded is None:
                assert one in after or TERRITORY.kind(one.label) is Kind.APART
    for label, began in world.needs.running_since.items():
        for one in world.stock.revisions:
            inside = f"{one.label}/".startswith(f"{label}/")
            until = math.inf if one.superseded is None else one.superseded
            if inside and TERRITORY.kind(one.label) is Kind.SOURCE and until >= began:
                assert one in after


@given(worlds())
def test_what_is_young_or_open_or_anothers_stays(world):
    work = world.plan()

    for snapshot in work.snapshots:
        assert snapshot.added < BEFORE
        assert snapshot.name == "f" * 64
        assert snapshot.label.startswith((f"{HOME}/src", APART))
    for revision in work.revisions:
        assert revision.added < BEFORE or (revision.superseded is not None and revision.superseded < BEFORE)
    assert all(world.ended[run] < BEFORE for run in work.results)


@given(worlds())
def test_planning_again_plans_nothing(world):
    after = world.after(world.plan())

    assert not after.plan()


@given(worlds(), st.data())
def test_work_that_was_interrupted_anywhere_is_finished_the_next_time(world, data):
    work = world.plan()
    states = [world, *world.states_while(work)]
    stopped = data.draw(st.sampled_from(states))
    intended = {**work.objects, **work.later}  # written down before the first step
    stopped = replace(stopped, stock=replace(stopped.stock, orphans=intended))

    finished = stopped.after(stopped.plan())

    whole = world.after(work)
    assert (set(finished.stock.snapshots), set(finished.stock.revisions)) == (
        set(whole.stock.snapshots),
        set(whole.stock.revisions),
    )
    assert finished.objects == whole.objects


@given(worlds())
def test_an_object_that_nothing_refers_to_is_deleted_if_it_is_known(world):
    after = world.after(world.plan())

    assert after.objects & set(world.stock.orphans) <= after.held()


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        (f"{HOME}/src", Kind.SOURCE),
        (f"{HOME}/src/deep/er", Kind.SOURCE),
        (f"{HOME}/data", Kind.LASTING),
        (f"{HOME}/result", Kind.LASTING),
        (APART, Kind.APART),
        (f"{RUNS[0]}/sub", Kind.RUN),
        (f"{HOME}/jobs/{'1' * 64}/result", Kind.RUN),
        (f"{HOME}/jobs/{'1' * 31}/result", None),
        (f"{HOME}/jobs/{'1' * 32}/src", None),
        (f"{HOME}/jobs/{'1' * 32}", None),
        (f"{HOME}/snapshots/{'a' * 64}/data", None),
        (HOME, None),
        (f"{HOME}2/src", None),
        ("/pollinator/team/src", None),
        (f"{HOME}/inner/src", None),
    ],
)
def test_only_labels_of_the_project_are_its_own(label, kind):
    assert TERRITORY.kind(label) is kind


def test_old_things_do_go():
    old = Revision(f"{HOME}/src", "main.py", "o1", 10, "1" * 64, added=1, superseded=2)
    new = Revision(f"{HOME}/src", "main.py", "o2", 20, "2" * 64, added=2)
    apart = Revision(APART, "main.py", "o2", 20, "3" * 64, added=3)
    result = Revision(RUNS[0], "fit.csv", "o3", 30)
    snapshots = (
        Frozen("a" * 64, f"{HOME}/src", "e" * 64, frozenset({old.fileid}), 1),
        Frozen("b" * 64, APART, "f" * 64, frozenset({apart.fileid}), 3),
    )
    stock = Stock(snapshots, (old, new, apart, result), {"o4": 40, "o2": 20})

    work = plan(TERRITORY, stock, Needs(), {RUNS[0]: 5}, before=BEFORE)

    assert set(work.snapshots) == set(snapshots)
    assert set(work.revisions) == {old, apart}
    assert work.results == {RUNS[0]: (result,)}
    assert work.objects == {"o1": 10, "o3": 30, "o4": 40}  # o2 is the newest main.py
    assert work.later == {"o2": 20}
    assert work.size == 80
