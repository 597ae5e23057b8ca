"""The variables of a job are those of its specification, whatever a server has added of earlier attempts."""

from __future__ import annotations

import pytest

from pollinator_magic.colonies.models import Attribute, AttributeType, FunctionSpec, Process
from pollinator_magic.executors.specs import own_environment

OFFICIAL = {"NODES": "n1,n2", "SLURM-JOBID": "8", "HOME": "/root"}


def process(*pairs):
    attributes = [Attribute(attributetype=AttributeType.ENV, key=key, value=value) for key, value in pairs]
    return Process(spec=FunctionSpec(env=dict(pairs)), attributes=attributes)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_what_another_executor_has_attached_is_left_out(count):
    attached = list(OFFICIAL.items())[:count]
    before = process(("A", "1"), ("HOME", "/mine"), ("B", "2"), *attached)
    kept = {"A": "1", "B": "2"}
    if count < 3:
        kept["HOME"] = "/mine"
    if count == 1:
        kept["NODES"] = "n1,n2"  # which a specification may have set as well
    assert own_environment(before, {}) == kept


def test_what_the_specification_has_set_stays_where_an_executor_has_attached_the_rest():
    before = process(("HOME", "/mine"), ("NODES", "n1"), ("SLURM-JOBID", "8"))
    assert own_environment(before, {}) == {"HOME": "/mine"}


def test_an_executor_knows_what_it_has_attached_itself():
    before = process(("NODES", "of mine"), ("SLURM-JOBID", "8"), ("HOME", "/root"), ("POD", "x"))
    attached = {"SLURM-JOBID": "8", "HOME": "/root", "POD": "x"}
    assert own_environment(before, attached) == {"NODES": "of mine"}


def test_what_has_another_value_than_was_attached_is_the_specifications():
    before = process(("HOME", "/mine"), ("SLURM-JOBID", "8"))
    assert own_environment(before, {"HOME": "/root", "SLURM-JOBID": "8"}) == {"HOME": "/mine"}


def test_a_first_attempt_has_all_its_variables():
    assert own_environment(process(("NODES", "a"), ("HOME", "/mine")), {}) == {"NODES": "a", "HOME": "/mine"}
