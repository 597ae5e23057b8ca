"""Resource strings of processes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import Conditions, Gpu
from pollinator_magic.local.resources import UNLIMITED, memory_bytes, millicores, normalise
from pollinator_magic.local.routing import Refused


@pytest.mark.parametrize(("text", "expected"), [("1500m", 1500), ("0m", 0), ("4", 0), ("", 0), ("x", 0)])
def test_processor_time_is_read_in_thousandths_and_other_texts_count_as_none(text: str, expected: int):
    assert millicores(text) == expected


@pytest.mark.parametrize("text", ["abcm", "m", "-5m", "1.5m", "1 m", "\u0661m", "9" * 19 + "m"])
def test_processor_time_that_is_no_whole_number_is_refused(text: str):
    with pytest.raises(Refused) as refused:
        millicores(text)
    assert (refused.value.status, refused.value.message) == (400, "Error converting CPU to int")


@pytest.mark.parametrize(
    "text", ["10", "10B", "10Ti", "10T", "10GB", "10mi", "10KB", "10Mb", "10TB", "Gi", "-1Gi", "1.5Gi", "1 Gi", "lots"]
)
def test_memory_without_a_unit_that_is_always_understood_is_refused(text: str):
    with pytest.raises(Refused) as refused:
        memory_bytes(text)
    assert refused.value.status == 400
    assert repr(text) in refused.value.message


@given(st.integers(0, 10**17), st.sampled_from(["Ki", "MiB", "Gi", "TiB", "K", "M", "Gb"]))
def test_normalising_twice_changes_nothing_and_fits_the_database(number: int, unit: str):
    conditions = Conditions(mem=f"{number}{unit}", cpu=f"{number}m", gpu=Gpu(nodecount=3, count=1))
    normalise(conditions)
    once = Conditions(mem=conditions.mem, cpu=conditions.cpu, storage="", gpu=Gpu(mem="", count=1))
    normalise(once)

    assert once == conditions
    assert conditions.mem.endswith("Mi")
    assert conditions.gpu.nodecount == 0
    assert 0 <= memory_bytes(conditions.mem) <= UNLIMITED
