"""Amounts in options become what executors understand, or an error that says how to write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.project.units import (
    Malformed,
    parse_age,
    parse_count,
    parse_cpu,
    parse_gpu,
    parse_mem,
    parse_walltime,
)
from pollinator_magic.project.values import GpuRequest


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        (90, 90),
        ("90s", 90),
        ("10m", 600),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1d2h3m4s", 93784),
        (" 2 ", 2),
    ],
)
def test_walltimes_are_read(text, seconds):
    assert parse_walltime(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1", "0", "1s", "-5", "ten", "30m1h", "1.5h", "10 m", "1:30", 1, -5, True, "9" * 10]
)
def test_other_walltimes_are_refused(text):
    with pytest.raises(Malformed):
        parse_walltime(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("5m", 300), ("12h", 43_200), ("30d", 2_592_000), (" 8w ", 4_838_400)]
)
def test_ages_are_read(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "1.5d", "-1d", "1d12h", "30 d", "30D", "1y", "1" * 10 + "d", "٣d"])
def test_other_ages_are_refused(text):
    with pytest.raises(Malformed, match="is not an age"):
        parse_age(text)


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [("2", "2000m"), ("2.5", "2500m"), ("2000m", "2000m"), ("0.5", "500m"), ("0.0101", "11m"), ("10m", "10m")],
)
def test_cpu_is_read(text, thousandths):
    assert parse_cpu(text) == thousandths


@pytest.mark.parametrize(
    "text", ["", "0", "1m", "9m", "0.001", "two", "2 cores", "-1", "2M", "1e3", "\N{FULLWIDTH DIGIT TWO}"]
)
def test_other_cpu_is_refused(text):
    with pytest.raises(Malformed):
        parse_cpu(text)


@pytest.mark.parametrize(
    ("text", "mebibytes"),
    [("4Gi", "4096Mi"), ("512Mi", "512Mi"), ("1.5Gi", "1536Mi"), ("1Ki", "1Mi"), ("2048Ki", "2Mi"), ("0.3Mi", "1Mi")],
)
def test_memory_is_read_as_whole_mebibytes_rounded_up(text, mebibytes):
    assert parse_mem(text) == mebibytes


@pytest.mark.parametrize("text", ["", "4GB", "4", "4gi", "4 Gi", "0Gi", "-1Gi", "1Ti", "999999999999Gi", "4Gib"])
def test_other_memory_is_refused(text):
    with pytest.raises(Malformed):
        parse_mem(text)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("2", GpuRequest(2)),
        (2, GpuRequest(2)),
        ("0", GpuRequest(0)),
        ("nvidia_a100-80gb:4", GpuRequest(4, "nvidia_a100-80gb")),
    ],
)
def test_gpus_are_read(text, request_):
    assert parse_gpu(text) == request_


@pytest.mark.parametrize("text", ["", "a100", ":2", "a100:", "a b:2", "-1", "a:b:2", "1.5"])
def test_other_gpus_are_refused(text):
    with pytest.raises(Malformed):
        parse_gpu(text)


@pytest.mark.parametrize("text", ["0", "-1", "four", "1.5", "", "²", True, 0, "1_0"])
def test_counts_are_positive_whole_numbers(text):
    with pytest.raises(Malformed, match="must be a positive whole number, not"):
        parse_count(text)


@given(st.text(max_size=12))
def test_no_text_raises_anything_but_malformed(text):
    for parse in (parse_walltime, parse_cpu, parse_mem, parse_gpu, parse_count):
        try:
            parse(text)
        except Malformed as malformed:
            assert malformed.problem  # noqa: PT017  not raising is as good
