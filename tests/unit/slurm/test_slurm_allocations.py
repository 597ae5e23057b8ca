"""What sshare says of an account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import Allocation
from pollinator_magic.executors.slurm.allocations import account_of, from_sshare
from pollinator_magic.executors.slurm.settings import SlurmSettings

USED = "cpu=3601,mem=99999,energy=0,node=900,billing=3601,fs/disk=0,vmem=0,pages=0,gres/gpu=61,gres/gpu:a100=61"


def account(limits, used=USED):
    return from_sshare(f"project_1||{limits}|{used}\n project_1|ada||{used}\n", "project_1")


def test_an_account_has_what_it_may_use_and_has_used_in_hours():
    assert account("cpu=6000,gres/gpu=600") == Allocation(allocatedcpu=100, usedcpu=61, allocatedgpu=10, usedgpu=2)


def test_what_is_not_limited_is_not_told():
    assert account("cpu=6000") == Allocation(allocatedcpu=100, usedcpu=61)
    assert account("gres/gpu=600") == Allocation(allocatedgpu=10, usedgpu=2)


def test_hours_are_never_more_than_there_are_nor_less_than_are_gone():
    assert account("cpu=119", "cpu=1") == Allocation(allocatedcpu=1, usedcpu=1)
    assert account("cpu=120", "cpu=0") == Allocation(allocatedcpu=2, usedcpu=0)


def test_limits_of_each_type_of_accelerator_are_added_up_where_there_is_none_for_all():
    used = "gres/gpu=500,gres/gpu:a100=120,gres/gpu:h100=60,gres/gpu:t4=300"

    assert account("gres/gpu:a100=600,gres/gpu:h100=60", used) == Allocation(allocatedgpu=11, usedgpu=3)
    assert account("gres/gpu=600,gres/gpu:h100=60", used) == Allocation(allocatedgpu=10, usedgpu=9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "project_1|||cpu=7",  # no limit
        "project_1||billing=6000,node=60|cpu=7,billing=70",  # limits of what is neither
        " project_1|ada|cpu=60|cpu=7",  # of one member
        "project_10||cpu=60|cpu=7",  # of another account
    ],
)
def test_where_an_account_has_no_limit_there_is_nothing_to_tell(text):
    assert from_sshare(text, "project_1") is None


@pytest.mark.parametrize(
    ("settings", "account"),
    [
        ({}, ""),
        ({"account": "project_1"}, "project_1"),
        ({"account": "project_1", "directives": ["--exclusive", "--account=project_2"]}, "project_2"),
        ({"directives": ["-Aproject_3"]}, "project_3"),
    ],
)
def test_the_account_is_the_one_that_sbatch_is_told(settings, account):
    assert account_of(SlurmSettings(**settings)) == account


@given(st.text(), st.text())
def test_nothing_that_sshare_could_print_breaks_it(text, account):
    from_sshare(text, account)
    from_sshare(f"{account}||{text}|{text}", account)
