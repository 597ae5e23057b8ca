"""Three-way planning, by examples and by properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.cfs.plan import Entry, Plan, Policy, plan

A, B, C = (Entry(1, letter * 64) for letter in "abc")
LOCAL_WINS = [Policy.SOURCE, Policy.DATA]

names = st.sampled_from(["a", "b", "c.csv", "d/e", "d/f.tar.gz", "d/g/h", ".i", "i.local-1", "c.local-1.csv"])
contents = st.sampled_from([A, B, C])
trees = st.dictionaries(names, contents)
policies = st.sampled_from(list(Policy))


def carry_out(work: Plan, local, remote):
    """What both sides hold after a plan, in the order in which it is carried out."""
    local, remote = dict(local), dict(remote)
    for path in work.remove_local:
        del local[path]
    for path in work.download:
        if path in work.keep_beside:
            assert work.keep_beside[path] not in local
            local[work.keep_beside[path]] = local[path]
        local[path] = remote[path]
    for path in work.upload:
        remote[path] = local[path]
    for path in work.remove_remote:
        del remote[path]
    return local, remote


@given(trees, trees, trees, policies)
def test_both_sides_agree_after_a_plan(local, remote, base, policy):
    after_local, after_remote = carry_out(plan(local, remote, base, policy), local, remote)

    assert after_local == after_remote


@given(trees, trees, trees, policies)
def test_planning_again_plans_nothing(local, remote, base, policy):
    after, _ = carry_out(plan(local, remote, base, policy), local, remote)

    assert not plan(after, after, after, policy)
    assert not plan(after, after, base, policy)


@given(trees, trees, trees, policies)
def test_what_changed_on_one_side_only_is_what_both_have_afterwards(local, remote, base, policy):
    after, _ = carry_out(plan(local, remote, base, policy), local, remote)

    for path in local.keys() | remote.keys() | base.keys():
        here, there, before = local.get(path), remote.get(path), base.get(path)
        if here == before:
            assert after.get(path) == there or path in plan(local, remote, base, policy).keep_beside.values()
        elif there == before:
            assert after.get(path) == here


@given(trees, trees, trees, policies)
def test_an_edit_is_never_lost_to_a_deletion(local, remote, base, policy):
    after, _ = carry_out(plan(local, remote, base, policy), local, remote)

    for path in local.keys() | remote.keys():
        if path not in local and remote[path] != base.get(path):
            assert after[path] == remote[path]
        if path not in remote and local[path] != base.get(path):
            assert after[path] == local[path]


@given(trees, trees, trees, st.sampled_from(LOCAL_WINS))
def test_local_edits_of_source_and_data_always_survive(local, remote, base, policy):
    after, _ = carry_out(plan(local, remote, base, policy), local, remote)

    for path, here in local.items():
        if here != base.get(path):
            assert after[path] == here


@given(trees, trees, trees)
def test_remote_results_always_win_and_local_edits_survive_beside_them(local, remote, base):
    work = plan(local, remote, base, Policy.RESULT)
    after, _ = carry_out(work, local, remote)

    for path, here in local.items():
        if here != base.get(path):
            assert here in {after.get(path), after.get(work.keep_beside.get(path, ""))}
        if path in remote and remote[path] != base.get(path):
            assert after[path] == remote[path]


@given(trees, trees, trees, policies)
def test_only_results_are_kept_beside(local, remote, base, policy):
    work = plan(local, remote, base, policy)

    assert policy is Policy.RESULT or not work.keep_beside
    assert set(work.keep_beside) <= set(work.download)


@given(trees, trees, policies)
def test_without_a_base_nothing_is_removed(local, remote, policy):
    work = plan(local, remote, {}, policy)

    assert work.remove_local == work.remove_remote == ()


@pytest.mark.parametrize("policy", list(Policy))
@pytest.mark.parametrize(
    ("here", "there", "before", "action"),
    [
        (A, A, None, None),
        (A, A, A, None),
        (A, A, B, None),
        (None, None, A, None),
        (A, None, None, "upload"),
        (None, A, None, "download"),
        (B, A, A, "upload"),
        (A, B, A, "download"),
        (None, A, A, "remove_remote"),
        (A, None, A, "remove_local"),
        (B, None, A, "upload"),
        (None, B, A, "download"),
    ],
)
def test_where_one_side_changed_the_policy_does_not_matter(policy, here, there, before, action):
    sides = [{"f": entry} if entry else {} for entry in (here, there, before)]

    work = plan(*sides, policy)

    for each in ("upload", "download", "remove_local", "remove_remote"):
        assert getattr(work, each) == (("f",) if each == action else ())


@pytest.mark.parametrize(("policy", "action"), [*((each, "upload") for each in LOCAL_WINS), (Policy.CACHE, "download")])
@pytest.mark.parametrize("base", [{}, {"f": C}])
def test_where_both_sides_changed_the_policy_decides(policy, action, base):
    work = plan({"f": A}, {"f": B}, base, policy)

    assert getattr(work, action) == ("f",)


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("fit.csv", "fit.local-1.csv"),
        ("sub.dir/fit", "sub.dir/fit.local-1"),
        ("a/.hidden", "a/.hidden.local-1"),
        ("x.tar.gz", "x.tar.local-1.gz"),
    ],
)
def test_a_kept_file_has_a_name_beside_the_original(path, beside):
    assert plan({path: A}, {path: B}, {}, Policy.RESULT).keep_beside == {path: beside}


def test_a_kept_file_takes_no_name_that_exists_on_either_side():
    local = {"f.csv": A, "f.local-1.csv": A}
    remote = {"f.csv": B, "f.local-1.csv": A, "f.local-2.csv": B}

    assert plan(local, remote, remote, Policy.RESULT).keep_beside == {}
    assert plan(local, remote, {}, Policy.RESULT).keep_beside == {"f.csv": "f.local-3.csv"}


def test_a_path_that_would_be_file_and_directory_is_a_clash():
    assert plan({"a": A}, {"a/b": B}, {}, Policy.SOURCE).clashes == ("a",)
    assert plan({"a/b/c": A}, {"a": B}, {}, Policy.SOURCE).clashes == ("a",)


def test_a_file_that_became_a_directory_is_no_clash():
    assert plan({"a/b": A}, {"a": B}, {"a": B}, Policy.SOURCE).clashes == ()
    assert plan({"a": B}, {"a/b": A}, {"a": B}, Policy.SOURCE).clashes == ()


def test_size_and_checksum_must_both_be_equal():
    assert plan({"f": Entry(1, "a" * 64)}, {"f": Entry(2, "a" * 64)}, {}, Policy.DATA).upload == ("f",)
