"""The index of jobs: pages are whole and stable whatever arrives, filters, and exactly what has changed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.labserver.index import OPEN, STATES, Filter, Index, Summary

IDS = st.integers(0, 60).map(lambda number: f"{number:064x}")
JOBS = st.builds(
    Summary,
    id=IDS,
    state=st.sampled_from(STATES),
    executor=st.sampled_from(["lumi", "Leonardo", "any"]),
    submitted=st.none() | st.integers(0, 5),  # many at the same moment
    mine=st.booleans(),
    by=st.sampled_from(["alice", "bob"]),
    step=st.sampled_from(["", "fit"]),
    graph=st.sampled_from(["", "ab", "cd"]),
)
BATCHES = st.lists(JOBS, max_size=40, unique_by=lambda job: job.id)
FILTERS = st.builds(
    Filter,
    mine=st.booleans(),
    state=st.sampled_from(["", *STATES]),
    text=st.sampled_from(["", "LUMI", "o b", "00", "fit cd", "nothing"]),
)


def read(index: Index, wanted: Filter, count: int, meanwhile=lambda: None) -> list[Summary]:
    """Read page after page to the end; between them, something happens."""
    found, cursor = [], None
    while True:
        page = index.page(wanted, count, cursor)
        assert len(page.jobs) <= count
        found += page.jobs
        cursor = page.next
        if cursor is None:
            return found
        meanwhile()


@given(BATCHES, FILTERS, st.integers(1, 7))
def test_pages_together_are_all_that_is_wanted_newest_first(jobs, wanted, count):
    index = Index()
    index.take(jobs)

    found = read(index, wanted, count)

    assert found == index.page(wanted, 1000).jobs == sorted(found, key=lambda job: (-(job.submitted or 0), job.id))
    assert index.page(wanted, count).total == len(found)
    assert {job.id for job in found} == {
        job.id
        for job in index
        if (not wanted.mine or job.mine)
        and wanted.state in {"", job.state}
        and all(
            word in f"{job.id} {job.executor} {job.by} {job.step} {job.graph}".lower()
            for word in wanted.text.lower().split()
        )
    }


@given(BATCHES, st.lists(BATCHES, max_size=8), st.integers(1, 7))
def test_who_reads_to_the_end_meets_once_every_job_that_was_there_whatever_arrives(jobs, later, count):
    index = Index()
    index.take(jobs)
    before = [job.id for job in index]
    batches = iter(later)

    found = [job.id for job in read(index, Filter(), count, lambda: index.take(next(batches, [])))]

    assert len(found) == len(set(found))
    assert [process_id for process_id in found if process_id in set(before)] == before


@given(st.lists(BATCHES, max_size=6))
def test_exactly_what_is_not_as_before_is_told(batches):
    index = Index()
    for batch in batches:
        before = {job.id: job for job in index}
        told = index.take(batch)
        after = {job.id: job for job in index}
        assert {job.id: job for job in told} == {key: job for key, job in after.items() if before.get(key) != job}
        assert len(told) == len({job.id for job in told})


@given(st.lists(BATCHES, max_size=6))
def test_a_job_that_has_ended_is_never_open_again_and_keeps_its_place(batches):
    index = Index()
    places: dict[str, object] = {}
    closed: set[str] = set()
    for batch in batches:
        index.take(batch)
        for job in index:
            assert places.setdefault(job.id, job.place) == job.place
            assert not (job.id in closed and job.open)
        closed |= {job.id for job in index if not job.open}


@given(st.lists(BATCHES, max_size=6), st.integers(1, 10))
def test_it_is_bounded_and_forgets_the_oldest_closed_jobs_first(batches, most):
    index = Index(most=most)
    for batch in batches:
        before = {job.id for job in index} | {job.id for job in batch}
        index.take(batch)
        kept = list(index)
        assert len(kept) == len(index) == min(len(before), most)
        assert kept == sorted(kept, key=lambda job: job.place)


def test_open_jobs_are_kept_when_closed_ones_have_to_go():
    index = Index(most=2)
    index.take([job(1, "running"), job(2), job(3)])

    told = index.take([job(4)])

    assert [each.submitted for each in index] == [4, 1]
    assert [each.submitted for each in told] == [4]


@given(BATCHES, st.sets(IDS))
def test_what_is_forgotten_is_on_no_page(jobs, gone):
    index = Index()
    index.take(jobs)

    index.forget(gone)

    assert {job.id for job in index.page(Filter(), 1000).jobs} == {job.id for job in jobs} - gone


@pytest.mark.parametrize("cursor", ["", "5", "-1-ab", "1-", f"1-{'a' * 65}", "1-\n", "9" * 17 + "-a", "x-y", "1-a-b"])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(ValueError):
        Index().page(Filter(), 10, cursor)


def test_every_word_of_a_filter_has_to_occur_somewhere_whatever_its_case():
    index = Index()
    index.take(
        [
            job(1, executor="LUMI-std", project="climate", notebook="a/Fit.ipynb", parameters="lr=0.1"),
            job(2, executor="lumi-std", project="weather", by="Alice"),
        ]
    )

    def found(text):
        return [each.submitted for each in index.page(Filter(text=text), 10).jobs]

    assert found("lumi") == [2, 1]
    assert found("lumi fit lr=0.1") == [1]
    assert found("ALICE weather") == [2]
    assert found("alice climate") == []


def test_jobs_are_found_by_their_ids_and_by_beginnings_that_only_one_has():
    one, two, three = (Summary(id=f"{name:<064}", state="running") for name in ("a1", "b2", "b2000000000000c"))
    index = Index()
    index.take([one, two, three])

    found = index.named([one.id, one.id[:12], two.id, two.id[:12], "c" * 12, "c" * 64])

    assert found == {one.id: one, one.id[:12]: one, two.id: two}


def test_thousands_of_jobs_make_a_small_page():
    index = Index()
    index.take(job(number, executor="lumi-std", project="a project", parameters="lr=0.1") for number in range(20_000))

    page = index.page(Filter(), 100)

    assert page.total == 20_000
    assert len(msgspec.json.encode(page.jobs)) < 64 * 1024


def job(number: int, state: str = "success", **more: object) -> Summary:
    return Summary(id=f"{number:064x}", state=state, submitted=number, **more)


@given(BATCHES)
def test_a_graph_has_the_steps_that_name_it_and_those_of_them_are_open_that_may_still_change(jobs):
    index = Index()
    index.take(jobs)

    graphs = index.graphs(["ab", "nowhere"])

    steps = [job for job in index if job.graph == "ab"]
    assert (graphs["ab"].steps, graphs["ab"].open) == (len(steps), sum(job.state in OPEN for job in steps))
    assert (graphs["nowhere"].steps, graphs["nowhere"].open) == (0, 0)
    assert index.graphs([]) == {}
