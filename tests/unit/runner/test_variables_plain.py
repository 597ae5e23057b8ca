"""Plain values as JSON: what goes comes back, of the same type, or is refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import json
import math
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sameness import assert_same

from pollinator_magic.runner import plain
from pollinator_magic.runner.plain import MAX_DEPTH, Encoder, decode, dumps, loads
from pollinator_magic.runner.problems import TooLarge, Unreadable, Unsupported
from tests.fuzz.effort import effort

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
ZONES = st.none() | st.sampled_from(
    [
        dt.UTC if hasattr(dt, "UTC") else dt.timezone.utc,
        dt.timezone(dt.timedelta(hours=-3, minutes=30)),
        dt.timezone(dt.timedelta(hours=1), "named"),
        zoneinfo.ZoneInfo("Europe/Stockholm"),
    ]
)
HASHABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**2100), max_value=2**2100),
    st.floats(),
    ANY_TEXT,
    st.complex_numbers(allow_nan=True),
    st.binary(max_size=8),
    st.datetimes(timezones=ZONES),
    st.dates(),
    st.timedeltas(),
    st.times(timezones=st.none() | st.just(dt.timezone.utc)),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.uuids(),
    st.builds(range, st.integers(), st.integers(), st.integers(min_value=1)),
    ANY_TEXT.map(lambda text: Path(text.replace("\0", ""))),
    st.sampled_from([PurePosixPath("/a/b"), PureWindowsPath("c:\\x")]),
    st.frozensets(st.integers() | ANY_TEXT, max_size=3),
    st.tuples(st.integers(), ANY_TEXT),
)
KEYS = HASHABLE.filter(lambda key: key == key)  # only NaN is not
PLAIN = st.recursive(
    HASHABLE | st.binary(max_size=4).map(bytearray),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(ANY_TEXT, inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(st.sampled_from(["$int", "$", "$tuple", "a"]), inner, max_size=2),
        st.dictionaries(KEYS, inner, max_size=3).map(OrderedDict),
        st.dictionaries(ANY_TEXT, inner, max_size=3).map(lambda items: defaultdict(list, items)),
        st.dictionaries(ANY_TEXT, st.integers(), max_size=3).map(Counter),
    ),
    max_leaves=12,
)


def through(value: object) -> object:
    return loads(dumps(Encoder()(value)))


@effort(300)
@given(PLAIN)
@example("\ud800\udc00")
@example({"\ud800": -0.0})
@example(10**5000)
@example(-(2**4000))
@example([math.nan, math.inf, -math.inf])
@example(dt.datetime(2020, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Stockholm"), fold=1))
@example(defaultdict(None, a=1))
def test_a_plain_value_comes_back_of_the_same_type_all_the_way_down(value):
    assert_same(through(value), value)


@effort(100)
@given(PLAIN)
def test_what_is_written_is_ascii_and_strict_json(value):
    json.loads(dumps(Encoder()(value)).decode("ascii"), parse_constant=pytest.fail)


def test_equal_sets_are_equal_files_whatever_their_order():
    assert list({8, 0}) != list({0, 8})

    assert dumps(Encoder()({8, 0})) == dumps(Encoder()({0, 8}))


class Colour(enum.IntEnum):
    RED = 1


class Words(list):
    pass


@dataclass
class Fit:
    slope: float = 1.0


Point = namedtuple("Point", "x y")  # noqa: PYI024  an ordinary one


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (math, "module: import it"),
        (math.sin, "function: define it in the cell"),
        (lambda: 1, "function"),
        (Fit, "class"),
        (iter([1]), r"list\(…\) of it"),
        ((number for number in range(3)), r"list\(…\) of it"),
        (Colour.RED, r"use int\(…\) of it"),
        (Words([1]), r"use list\(…\) of it"),
        (Fit(), "dataclasses.asdict"),
        (Point(1, 2), "_asdict"),
        (object(), "allow pickles with --allow-pickle"),
        (defaultdict(lambda: 1), r"use dict\(…\) of it"),
    ],
)
def test_what_has_no_safe_form_is_refused_with_what_to_use_in_its_place(value, hint):
    for nested in (value, [value], {"a": (value,)}, {1: value}):
        with pytest.raises(Unsupported, match=hint):
            Encoder()(nested)


def test_an_open_file_is_refused(tmp_path):
    with (tmp_path / "x").open("w") as file, pytest.raises(Unsupported, match="open file"):
        Encoder()(file)


def test_a_list_that_holds_itself_is_refused():
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(Unsupported, match="holds itself"):
        Encoder()(endless)


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {1: inner}, lambda inner: (inner,)])
def test_the_deepest_value_that_is_written_can_be_read(wrap):
    value: object = "deep"
    for _ in range(MAX_DEPTH):
        value = wrap(value)

    assert_same(through(value), value)
    with pytest.raises(Unsupported, match="nested"):
        Encoder()(wrap(value))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"$tuple":[' * 5_000 + b"]}" * 5_000,
        b"1" * 100_000,
        b'{"$unknown": 1}',
        b'{"$datetime": "x"}',
        b'{"$timezone": [3]}',
        b'{"$set": [[]]}',
        b'{"$dict": [[[], 1]]}',
        b'{"$dict": [[1, 2, 3]]}',
        b'{"$Fraction": [1, 0]}',
        b'{"$Fraction": ["1e9999999999", 1]}',
        b'{"$ZoneInfo": "../../etc/passwd"}',
        b'{"$defaultdict": ["eval", []]}',
        b'{"$bytes": "!"}',
        b'{"$int": {}}',
    ],
)
def test_json_that_was_not_written_here_is_one_error_of_one_line(content):
    with pytest.raises(Unreadable) as caught:
        loads(content)

    assert len(str(caught.value).splitlines()) == 1


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.dictionaries(st.sampled_from(sorted(plain._TAGS)), inner, min_size=1, max_size=1),
    ),
    max_leaves=8,
)


@effort(100)
@given(TREES)
def test_no_tags_however_combined_raise_anything_else(tree):
    with contextlib.suppress(Unreadable):
        decode(tree)


def test_too_much_json_is_refused_before_it_is_written(monkeypatch):
    monkeypatch.setattr("pollinator_magic.runner.plain.MAX_JSON", 100)

    with pytest.raises(TooLarge, match="100 B is the limit"):
        dumps(Encoder()(list(range(100))))


def test_decimals_and_fractions_keep_their_digits():
    assert str(through(Decimal("1.10"))) == "1.10"
    assert through(Fraction(2, 4)) == Fraction(1, 2)
    assert str(through(Decimal("sNaN12"))) == "sNaN12"
