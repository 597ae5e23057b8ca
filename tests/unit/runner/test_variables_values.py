"""Arrays, frames, pictures and whatever holds them, through files and back."""

from __future__ import annotations

import io
import threading
import tracemalloc

import numpy as np
import pandas as pd
import PIL.Image
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from sameness import assert_same

from pollinator_magic.runner import tables, variables
from pollinator_magic.runner.variables import TooLarge, Unsupported, formats, load, save
from tests.fuzz.effort import effort

MiB = 1 << 20

ALIGNED = np.dtype([("flag", "i1"), ("mass", "f8")], align=True)
ARRAYS = {
    "numbers": np.arange(10.0),
    "no dimensions": np.array(5),
    "by columns": np.asfortranarray(np.arange(12).reshape(3, 4)),
    "not contiguous": np.arange(24).reshape(4, 6)[::2, ::3],
    "backwards": np.arange(5)[::-1],
    "big endian": np.arange(5, dtype=">i4"),
    "half": np.arange(5, dtype="f2"),
    "long double": np.arange(3, dtype=np.longdouble),
    "dates": np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
    "text": np.array(["añ", "日本"]),
    "bytes": np.array([b"x", b"yz"]),
    "structured": np.array([(1, (2.0, 3.0))], dtype=[("a", "i4"), ("é", "f8", (2,))]),
    "with names beyond latin": np.array([(1, 2.0)], dtype=[("日本", "i4"), ("b", "f8")]),
    "with holes": np.zeros(3, ALIGNED),
    "empty": np.zeros((0, 3)),
    "of no bytes": np.zeros(3, "U0"),
    "read only": np.broadcast_to(np.float64(1), (3, 3)),
}
SCALARS = [
    np.float64(0.1),
    np.float32("nan"),
    np.float16(2),
    np.int8(-3),
    np.uint64(2**64 - 1),
    np.bool_(True),
    np.complex64(1j),
    np.datetime64("2020-01-01T00:00:00.000000001"),
    np.datetime64("NaT"),
    np.timedelta64(3, "s"),
    np.str_("ü"),
    np.bytes_(b"x"),
]


def frames() -> dict[str, object]:
    plain = pd.DataFrame({"n": [1, 2], "f": [1.5, np.nan], "s": ["x", None]})
    rich = plain.assign(
        objects=pd.Series([[1], {"x": (1, 2)}], dtype=object),
        words=pd.Series(["x", np.nan], dtype=object),
        category=pd.Categorical(["x", "y"], ["y", "x", "unused"], ordered=True),
        seconds=pd.date_range("2020", periods=2, unit="s"),
        zoned=pd.date_range("2020", periods=2, tz="Europe/Stockholm"),
        fixed=pd.date_range("2020", periods=2, tz="+03:30"),
        utc=pd.to_datetime([0, None], utc=True),
        nullable=pd.array([1, None], dtype="Int32"),
        logical=pd.array([True, None], dtype="boolean"),
        real=pd.array([1.5, None], dtype="Float64"),
        string=pd.array(["a", None], dtype="string"),
        month=pd.period_range("2020", periods=2, freq="M"),
        cut=pd.cut([1, 5], 3),
        length=pd.to_timedelta([1, 2], unit="h"),
        half=np.array([1, 2], "f2"),
        z=np.array([1j, 2]),
    )
    noted = plain.copy()
    noted.attrs = {"unit": "K"}
    noted_series = noted["n"].copy()
    noted_series.attrs = {"unit": ("m", 1)}
    return {
        "plain": plain,
        "rich": rich,
        "noted": noted,
        "noted series": noted_series,
        "indexed": plain.set_index("n"),
        "indexed twice": plain.set_index(["n", "s"]),
        "turned": plain.T,
        "empty": pd.DataFrame(),
        "without columns": pd.DataFrame(index=[1, 2]),
        "without rows": pd.DataFrame(columns=["a"]),
        "with a column twice": pd.DataFrame([[1, 2]], columns=["a", "a"]),
        "with mixed labels": pd.DataFrame([[1, 2]], columns=[1, "a"]),
        "with labels of two levels": pd.DataFrame(
            [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])
        ),
        "daily": pd.DataFrame({"x": [1.0, 2]}, index=pd.date_range("2020", periods=2, freq="D")),
        "with a repeated index": pd.DataFrame({"x": [1, 2]}, index=[7, 7]),
        "series": plain["n"],
        "series without a name": pd.Series(["a", None]),
        "series with a name of two parts": pd.Series([1.0], name=("a", 1)),
        "series of text": plain["s"],
        "series of categories": rich["category"],
        "index": pd.Index([1, 2], name="q"),
        "index of text": pd.Index(["a", "b"]),
        "range": pd.RangeIndex(5, name="r"),
        "hours": pd.date_range("2020", periods=3, freq="h", tz="UTC"),
        "two levels": pd.MultiIndex.from_product([[1, 2], ["a"]]),
        "moment": pd.Timestamp("2020-01-01", tz="Europe/Paris"),
        "duration": pd.Timedelta("1h"),
        "not a time": pd.NaT,
        "missing": pd.NA,
    }


PICTURES = {mode: PIL.Image.effect_noise((9, 5), 50).convert(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")} | {
    "I;16": PIL.Image.new("I;16", (3, 2), 777)
}

READERS = {
    "anybody": None,
    "a notebook like this": formats(),
    "one without pyarrow": [form for form in formats() if form != "parquet"],
}


@pytest.fixture(params=READERS.values(), ids=READERS)
def reads(request):
    return request.param


def through(value: object, directory: object, **options: object) -> object:
    save(value, directory, "x", **options)
    return load(directory, "x")


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_comes_back_as_it_was(tmp_path, array):
    came = through(array, tmp_path)

    assert_same(came, array)
    assert came.flags.writeable
    assert came.flags.owndata
    assert came.flags.f_contiguous == (array.flags.f_contiguous or array.ndim < 2)
    assert_same(np.load(tmp_path / "x.npy"), came)  # anybody can read it


@effort(100)
@given(
    array=st_numpy.arrays(
        st.one_of(
            st_numpy.scalar_dtypes(),
            st_numpy.byte_string_dtypes(),
            st_numpy.unicode_string_dtypes(),
            st_numpy.array_dtypes(),
        ),
        st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    ),
    nested=st.booleans(),
)
def test_any_array_without_objects_comes_back_alone_and_in_a_list(tmp_path, array, nested):
    assert_same(through([array] if nested else array, tmp_path), [array] if nested else array)


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_a_scalar_of_numpy_stays_one(tmp_path, scalar):
    assert_same(through(scalar, tmp_path), scalar)
    assert_same(through({"best": [scalar]}, tmp_path), {"best": [scalar]})


@pytest.mark.parametrize("name", frames())
def test_a_value_of_pandas_comes_back_as_it_was_whoever_reads_it(tmp_path, name, reads):
    value = frames()[name]

    assert_same(through(value, tmp_path, reads=reads), value)
    assert_same(through({"a": [value, 1]}, tmp_path, reads=reads), {"a": [value, 1]})


def test_a_frame_travels_in_parquet_where_both_sides_can(tmp_path):
    frame = frames()["plain"]

    assert save(frame, tmp_path, "x", reads=formats())["format"] == "parquet"
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "x.parquet"), frame)  # anybody can read it
    assert save(frame["n"], tmp_path, "x", reads=formats())["format"] == "parquet"


class Asked:
    """A file of Python's that remembers who has read it."""

    def __init__(self, *where) -> None:
        super().__init__(*where)
        self.by = set()

    def read(self, *size):
        self.by.add(threading.current_thread())
        return super().read(*size)

    def seek(self, *where):
        self.by.add(threading.current_thread())
        return super().seek(*where)


class AskedMemory(Asked, io.BytesIO):
    pass


class AskedFile(Asked, io.FileIO):
    pass


@pytest.mark.parametrize("kind", [AskedMemory, AskedFile])
def test_threads_of_arrow_never_read_a_file_of_pythons(kind, tmp_path):
    # They let go of it after the table was returned: a program that ended at that moment was aborted.
    table = pa.table({name: range(1000) for name in "abc"})
    stored = tmp_path / "table.parquet"
    with stored.open("wb") as sink:
        tables.write_table(table, sink)
    file = kind(stored.read_bytes() if kind is AskedMemory else str(stored))

    assert tables.read_table(file).equals(table)
    assert file.by <= {threading.current_thread()}


def test_a_frame_that_parquet_would_change_travels_in_columns(tmp_path):
    for name in ("rich", "daily", "with a column twice"):
        assert save(frames()[name], tmp_path, "x", reads=formats())["format"] == "columns"


def test_a_small_frame_for_an_unknown_reader_is_there_in_both_forms_and_a_large_one_in_parquet(tmp_path, monkeypatch):
    frame = pd.DataFrame({"x": np.arange(1000)})

    small = save(frame, tmp_path, "x")
    monkeypatch.setattr("pollinator_magic.runner.rich.ALTERNATIVE", 1000)
    large = save(frame, tmp_path, "y")

    assert small["format"] == "parquet"
    assert [form["format"] for form in small["alternatives"]] == ["columns"]
    assert "alternatives" not in large


def test_a_reader_without_pandas_is_not_sent_a_frame(tmp_path):
    with pytest.raises(Unsupported, match="needs pandas"):
        save(frames()["plain"], tmp_path, "x", reads=["json", "npy", "parquet"])
    with pytest.raises(Unsupported, match="needs numpy"):
        save([np.arange(3)], tmp_path, "x", reads=["json"])


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_a_picture_keeps_every_pixel(tmp_path, picture):
    assert_same(through(picture, tmp_path), picture)
    assert_same(through([picture], tmp_path), [picture])


def test_an_arrow_table_comes_back_as_it_was(tmp_path):
    table = pa.table({"n": [1, None], "words": ["x", "y"], "lists": [[1], []]}, metadata={"by": "us"})

    for value in (table, {"t": table}):
        assert through(value, tmp_path) == value


def test_containers_may_hold_arrays_frames_and_pictures(tmp_path, reads):
    value = {"x": np.arange(3), "df": frames()["rich"], ("a", 1): [PICTURES["RGB"], {2, 3}, None], "again": [np.eye(2)]}

    assert_same(through(value, tmp_path, reads=reads), value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (np.array([{}, 1], dtype=object), "Python objects: use .tolist"),
        (np.zeros(2, [("a", "O")]), "Python objects"),
        (np.array(["a"], dtype=np.dtypes.StringDType()), "Python objects|which .npy files do not have"),
        (np.ma.array([1, 2], mask=[0, 1]), "numpy.asarray"),
        (np.zeros(2, [("a", "i4")]).view(np.recarray), "numpy.asarray"),
        (np.zeros(1, [(f"field{number:05}", "i4") for number in range(1000)]), "too many fields"),
        (np.longdouble(1), "longdouble"),
        (pd.DataFrame({"odd": [object()]}), "column 'odd' cannot be kept"),
        (pd.DataFrame({"odd": pd.arrays.SparseArray([1, 2])}), "column 'odd'.*astype"),
        (PIL.Image.new("CMYK", (2, 2)), r"convert\('RGB'\)"),
        (PIL.Image.new("RGB", (0, 2)), "0 x 2"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_as_it_was_is_refused_with_what_to_do(tmp_path, value, hint):
    for nested in (value, [value]):
        with pytest.raises(Unsupported, match=hint):
            save(nested, tmp_path, "x")
    assert list(tmp_path.iterdir()) == []


def test_an_array_of_200_mb_is_written_read_and_compared_without_a_copy(tmp_path):
    array = np.arange(25_000_000, dtype=np.float64).reshape(5000, 5000)
    memory = {}
    tracemalloc.start()
    try:
        for step in ("write", "compare", "read"):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            came = load(tmp_path, "x") if step == "read" else save(array, tmp_path, "x", keep=True)
            memory[step] = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

    assert memory["write"] < 40 * MiB
    assert memory["compare"] < 40 * MiB
    assert memory["read"] < array.nbytes + 40 * MiB
    assert np.array_equal(came, array)


def test_a_value_over_the_limit_is_refused_before_anything_is_written_where_its_size_is_known(tmp_path):
    for value in (np.zeros(1000), [np.zeros(1000)], "x" * 8000, b"x" * 8000, list(range(5000))):
        with pytest.raises(TooLarge, match=r"it has .* KiB, and 7\.0 KiB is the limit"):
            save(value, tmp_path, "x", limit=7168)
        with pytest.raises(TooLarge):
            variables.check(value, limit=7168)
    assert list(tmp_path.iterdir()) == []


def test_a_frame_over_the_limit_leaves_nothing_half_written(tmp_path):
    frame = pd.DataFrame({"x": np.random.default_rng(1).random(10_000)})

    with pytest.raises(TooLarge, match=r"more than 10\.0 KiB"):
        save(frame, tmp_path, "x", reads=formats(), limit=10 << 10)

    assert list(tmp_path.iterdir()) == []


def test_saving_is_the_same_bytes_every_time(tmp_path):
    for value in (frames()["rich"], frames()["plain"], {"a": np.eye(3), "b": PICTURES["RGB"]}, {"z", "y"}):
        assert save(value, tmp_path, "x")["sha256"] == save(value, tmp_path, "y")["sha256"]
