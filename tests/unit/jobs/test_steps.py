"""Steps that depend on each other: names, order, circles, and what has become of each."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.errors import UsageError
from pollinator_magic.jobs.steps import StepState, check_after, check_name, in_order, levels_of, states_of

NAMES = st.text("abc", min_size=1, max_size=3)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Steps, each after some of those that were drawn before it, in any order."""
    names = draw(st.lists(NAMES, unique=True, max_size=12))
    after = {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True)) if place else []
        for place, name in enumerate(names)
    }
    return {name: after[name] for name in draw(st.permutations(names))}


# --- order -----------------------------------------------------------------------------------------------------------


@given(graphs())
def test_each_step_comes_after_those_that_it_names(after: dict[str, list[str]]):
    order = in_order(after)

    assert sorted(order) == sorted(after)
    for name, before in after.items():
        assert all(order.index(one) < order.index(name) for one in before)


@given(graphs())
def test_what_can_run_in_the_order_given_stays_in_it(after: dict[str, list[str]]):
    assert in_order({name: after[name] for name in in_order(after)}) == in_order(after)
    assert in_order(dict.fromkeys(after, ())) == list(after)


@given(graphs())
def test_a_step_stands_just_below_the_lowest_before_it(after: dict[str, list[str]]):
    levels = levels_of(after)

    assert levels.keys() == after.keys()
    for name, before in after.items():
        assert levels[name] == max((levels[one] + 1 for one in before), default=0)


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=4), max_size=8))
def test_whatever_a_server_says_gives_some_order_and_some_levels(after: dict[str, list[str]]):
    assert sorted(in_order(after)) == sorted(after)
    assert levels_of(after).keys() == after.keys()


# --- what is refused -------------------------------------------------------------------------------------------------


@given(graphs(), st.data())
def test_a_circle_is_refused_and_said_in_the_order_of_its_steps(after: dict[str, list[str]], data: st.DataObject):
    pairs = [(name, one) for name, before in after.items() for one in before]
    if not pairs:
        return
    later, earlier = data.draw(st.sampled_from(pairs))

    with pytest.raises(UsageError, match="circle") as refused:
        check_after(earlier, [later], after)

    loop = re.findall(r"[abc]+", str(refused.value).rpartition(":")[2])
    assert loop[0] == loop[-1] == earlier
    assert set(loop) <= after.keys()
    replaced = {**after, earlier: [later]}
    assert all(one in replaced[other] for one, other in itertools.pairwise(loop))


@given(graphs())
def test_steps_that_were_there_before_are_no_circle(after: dict[str, list[str]]):
    for name, before in after.items():
        check_after(name, before, after)
    check_after("new", list(after), after)


@pytest.mark.parametrize("name", ["", "-x", ".x", "a b", "a/b", "..", "über", "a,b", "x" * 41, "a\n", "$HOME"])
def test_names_that_could_be_no_directory_everywhere_are_refused(name: str):
    with pytest.raises(UsageError, match="is not the name of a step"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "fit-2", "Fit_2.1", "2", "_", "x" * 40])
def test_other_names_are_names(name: str):
    check_name(name, [name, "other"])


def test_a_name_that_differs_only_in_capitals_is_refused():
    with pytest.raises(UsageError, match="there is a step 'fit' already"):
        check_name("Fit", ["fit"])


def test_an_unknown_step_is_answered_with_the_nearest_and_all():
    with pytest.raises(
        UsageError, match=r"Did you mean 'prepare'\? The steps so far: prepare, fit\. Run its cell first\."
    ):
        check_after("x", ["prepair"], {"prepare": [], "fit": []})
    with pytest.raises(UsageError, match="There are no steps yet"):
        check_after("x", ["prepare"], {})


# --- what has become of them -----------------------------------------------------------------------------------------


def process(state: ProcessState, *, began: str = "", ended: str = "", errors: tuple[str, ...] = ()) -> Process:
    def moment(clock: str) -> str:
        return f"2026-01-02T{clock}Z" if clock else "0001-01-01T00:00:00Z"

    return Process(
        processid=f"{began}{ended}{state}",
        state=state,
        starttime=moment(began),
        endtime=moment(ended),
        errors=list(errors),
    )


def test_open_and_ended_steps_are_as_their_processes():
    states = states_of({str(state): process(state) for state in ProcessState if state in {0, 1, 2, 4}})

    assert {name: str(state) for name, state in states.items()} == {name: name for name in states}


def test_of_those_that_are_called_failed_the_one_with_errors_has_failed():
    states = states_of(
        {
            "before": process(ProcessState.SUCCESS, began="10:00:00", ended="10:00:01"),
            "culprit": process(ProcessState.FAILED, began="10:00:01", ended="10:00:02", errors=("no",)),
            "beside": process(ProcessState.FAILED, began="10:00:01", ended="10:00:03"),
            "below": process(ProcessState.FAILED, ended="10:00:03"),
        }
    )

    assert list(states.values()) == [StepState.SUCCESS, StepState.FAILED, StepState.STOPPED, StepState.NEVER_RAN]


def test_what_had_succeeded_stays_so_where_a_server_calls_all_steps_failed():
    states = states_of(
        {
            "before": process(ProcessState.FAILED, began="10:00:00", ended="10:00:01"),
            "culprit": process(ProcessState.FAILED, began="10:00:01", ended="10:00:02", errors=("no",)),
            "beside": process(ProcessState.FAILED, began="10:00:01"),
            "below": process(ProcessState.FAILED),
        }
    )

    assert list(states.values()) == [StepState.SUCCESS, StepState.FAILED, StepState.STOPPED, StepState.NEVER_RAN]


def test_without_a_reason_all_that_ran_have_failed():
    states = states_of(
        {
            "one": process(ProcessState.FAILED, began="10:00:00", ended="10:00:01"),
            "two": process(ProcessState.UNKNOWN, began="10:00:01"),
            "below": process(ProcessState.FAILED),
        }
    )

    assert list(states.values()) == [StepState.FAILED, StepState.FAILED, StepState.NEVER_RAN]
