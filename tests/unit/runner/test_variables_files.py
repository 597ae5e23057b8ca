"""Values in files: records, what is written and what is left alone, pickles, and files that nobody here has written."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.runner import content, plain, variables
from pollinator_magic.runner.variables import Unreadable, Unsupported, formats, load, read_record, save, save_problem
from tests.fuzz.effort import effort

MiB = 1 << 20
EVERY_KIND = {
    "text": "x" * 50,
    "bytes": b"\xff" * 50,
    "json": [1, 2, {"a": 3.5}],
    "tree": [np.arange(50), "x"],
    "npy": np.arange(50.0),
    "parquet": pd.DataFrame({"x": np.arange(50)}),
    "columns": pd.DataFrame({"c": pd.Categorical(list("abcde"))}),
    "image": PIL.Image.effect_noise((9, 9), 50),
}


def written(directory: Path) -> dict[str, tuple[int, int]]:
    """What changes when a file is replaced: its inode and the time of its change."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in directory.iterdir()}


def edit(directory: Path, **changes: object) -> None:
    record = json.loads((directory / "x.json").read_text())
    (directory / "x.json").write_text(json.dumps({**record, **changes}))


def forge(directory: Path, form: str, data: bytes, **fields: object) -> None:
    """Write a record that agrees with a content that was not written here."""
    digest = content.measure(lambda sink: content.put(data, sink))
    file = f"x.{ {'image': 'png', 'json': 'value', 'text': 'txt'}.get(form, form) }"
    (directory / file).write_bytes(data)
    about = {"name": "x", "format": form, "file": file, "size": len(data), "sha256": digest.sha256, "as": None}
    (directory / "x.json").write_text(json.dumps({**about, **fields}))


def bounded(directory: Path, *, most: int) -> str:
    """Load what cannot be read, within so many bytes of memory; return what is said of it."""
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable) as caught:
            load(directory, "x")
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert len(said) < 300
    return said


def test_the_record_says_what_the_value_is(tmp_path):
    record = save(np.zeros((3, 4), "f4"), tmp_path, "x")

    assert record == read_record(tmp_path, "x")
    assert record["type"] == "numpy.ndarray"
    assert record["shape"] == [3, 4]
    assert record["dtype"] == "float32"
    assert record["size"] == (tmp_path / "x.npy").stat().st_size
    assert record["versions"]["numpy"] == np.__version__
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json", "x.npy"]


@pytest.mark.parametrize("form", EVERY_KIND)
def test_an_equal_value_is_not_written_again_and_a_changed_one_is(tmp_path, form):
    value = EVERY_KIND[form]
    first = save(value, tmp_path, "x", keep=True)
    before = written(tmp_path)

    assert first["format"] == form
    assert save(value, tmp_path, "x", keep=True) == first
    assert written(tmp_path) == before

    (tmp_path / first["file"]).unlink()
    assert save(value, tmp_path, "x", keep=True)["sha256"] == first["sha256"]
    assert written(tmp_path) != before


def test_a_value_that_was_changed_in_place_is_written_again(tmp_path):
    array = np.zeros(1000)
    save(array, tmp_path, "x", keep=True)

    array[7] = 1
    save(array, tmp_path, "x", keep=True)

    assert load(tmp_path, "x")[7] == 1


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (b"ab", bytearray(b"ab")),
        (np.zeros(4, "f4"), np.zeros(2, "f8")),
        (pd.Series([1], name="a"), pd.Series([1], name="b")),
        (pd.Series([1], name="values"), pd.DataFrame({"values": [1]})),
        ([1], (1,)),
        ("1", 1),
    ],
    ids=str,
)
def test_a_value_with_the_same_bytes_of_another_type_is_another_value(tmp_path, value, other):
    save(value, tmp_path, "x", keep=True)

    save(other, tmp_path, "x", keep=True)

    assert type(load(tmp_path, "x")) is type(other)
    assert getattr(load(tmp_path, "x"), "name", None) == getattr(other, "name", None)


def test_a_content_is_never_left_with_the_record_of_another_one(tmp_path, monkeypatch):
    save([1], tmp_path, "x")
    monkeypatch.setattr("pollinator_magic.runner.records.write", lambda *_: (_ for _ in ()).throw(OSError("full")))

    with pytest.raises(OSError, match="full"):
        save([2], tmp_path, "x")

    with pytest.raises(Unreadable, match=r"no file 'x\.json'"):
        load(tmp_path, "x")


def test_what_cannot_be_written_leaves_no_part_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))

    with pytest.raises(OSError, match="full"):
        save(np.zeros(3), tmp_path, "x")

    assert list(tmp_path.iterdir()) == []


def test_a_problem_is_a_record_too(tmp_path):
    save_problem(tmp_path, "x", "it was never set")

    assert read_record(tmp_path, "x") == {"name": "x", "problem": "it was never set"}
    with pytest.raises(Unreadable, match=r"^it was never set$"):
        load(tmp_path, "x")


def test_a_name_that_cannot_be_one_is_refused(tmp_path):
    for name in ("../x", "a b", "", "x" * 300, "class.json"):
        with pytest.raises(Unsupported, match="name"):
            save(1, tmp_path, name)
        with pytest.raises(Unreadable, match="name"):
            load(tmp_path, name)


class Model:
    def __init__(self, weights: object) -> None:
        self.weights = weights


def test_a_pickle_needs_the_consent_of_both_sides(tmp_path):
    with pytest.raises(Unsupported, match="--allow-pickle"):
        save(Model([1]), tmp_path, "x")

    record = save({"model": Model([1])}, tmp_path, "x", allow_pickle=True)

    assert record["format"] == "pickle"
    with pytest.raises(Unreadable, match="can run any code"):
        load(tmp_path, "x")
    assert load(tmp_path, "x", allow_pickle=True)["model"].weights == [1]
    assert b"\x80\x04" in (tmp_path / "x.pickle").read_bytes()[:2]


def test_what_has_a_safe_form_is_not_pickled_even_where_it_may_be(tmp_path):
    assert save([1], tmp_path, "x", allow_pickle=True)["format"] == "json"


def test_what_cannot_be_pickled_either_says_why(tmp_path):
    with pytest.raises(Unsupported, match="cannot be pickled either"):
        save(lambda: 1, tmp_path, "x", allow_pickle=True)


def test_a_pickle_that_cannot_be_read_says_why(tmp_path):
    class Gone:
        pass

    Gone.__qualname__, Gone.__module__ = "Gone", "gone_module"
    forge(tmp_path, "pickle", b"\x80\x04cgone_module\nGone\n)\x81.")

    with pytest.raises(Unreadable, match="gone_module"):
        load(tmp_path, "x", allow_pickle=True)


def test_no_pickle_is_read_under_the_name_of_another_form(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    for form in ("npy", "json", "text", "tree", "columns", "parquet", "image"):
        forge(tmp_path, form, pickle.dumps(Bomb()))
        with pytest.raises(Unreadable):
            load(tmp_path, "x", allow_pickle=True)
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)
    for form in ("npy", "tree"):
        forge(tmp_path, form, buffer.getvalue() if form == "npy" else zipped({"0.npy": buffer.getvalue()}))
        with pytest.raises(Unreadable):
            load(tmp_path, "x", allow_pickle=True)
    assert not (tmp_path / "exploded").exists()


# --- records that nobody here has written --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "../x.npy"},
        {"file": "/etc/passwd"},
        {"file": "y.npy"},
        {"file": None},
        {"format": "exe"},
        {"format": ["npy"]},
        {"format": None},
        {"size": -1},
        {"size": True},
        {"size": "128"},
        {"size": 1e400},
        {"sha256": None},
        {"sha256": "0" * 64},
        {"name": "y"},
        {"size": 1 << 60},
        {"alternatives": [3]},
        {"alternatives": [{"format": "columns", "file": "../../x.columns", "size": 1, "sha256": ""}]},
        {"problem": {"deep": "\x1b[2J" * 1000}},
    ],
    ids=str,
)
def test_a_record_that_lies_is_one_error_of_one_line(tmp_path, changes):
    save(np.zeros(16), tmp_path, "x")

    edit(tmp_path, **changes)

    with pytest.raises(Unreadable) as caught:
        load(tmp_path, "x")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "[" * 60_000, "x" * 100_000, "\0"])
def test_a_record_that_is_none_is_an_error(tmp_path, text):
    (tmp_path / "x.json").write_text(text)

    bounded(tmp_path, most=MiB)


def test_a_value_whose_content_is_gone_is_an_error(tmp_path):
    save(np.zeros(16), tmp_path, "x")
    (tmp_path / "x.npy").unlink()

    with pytest.raises(Unreadable, match=r"no file 'x\.npy'"):
        load(tmp_path, "x")


def test_links_pipes_and_directories_are_not_read(tmp_path):
    save(np.zeros(16), tmp_path, "x")
    for make in (lambda path: path.symlink_to("/etc/passwd"), os.mkfifo, Path.mkdir):
        for name in ("x.npy", "x.json"):
            path = tmp_path / name
            saved = path.read_bytes()
            path.unlink()
            make(path)
            with pytest.raises(Unreadable, match="is not a file"):
                load(tmp_path, "x")
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            path.write_bytes(saved)


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode("latin-1")
    return b"\x93NUMPY" + version + struct.pack("<H" if version[0] == 1 else "<I", len(text)) + text + data


def zipped(parts: dict[str, bytes], skeleton: str = '{"$part":"0.npy"}', method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("value.json", skeleton)
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def parquet_bomb() -> bytes:
    """Few bytes, and 16 million rows of 1,000 characters."""
    codes, words = pa.array(np.zeros(1 << 20, "i4")), pa.array(["x" * 1000])
    table = pa.table({"x": pa.DictionaryArray.from_arrays(codes, words)})
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, table.schema, compression="zstd") as writer:
        for _ in range(16):
            writer.write_table(table, row_group_size=1 << 20)
    return buffer.getvalue()


def png_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0))
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes(40_001)) for _ in range(2_000)) + rows.flush()
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def written_by(write) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


MANY = b'{"$range_index":[0,100000000,1,null]}'


def series(values: bytes) -> bytes:
    """Return the JSON of a series of so many rows that nobody has written."""
    return b'{"$series":{"name":"x","index":%b,"values":%b,"attrs":{}}}' % (MANY, values)


small = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", bytes(16))
HOSTILE = {
    "a huge shape": ("npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}")),
    "a shape that overflows": ("npy", npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**62}, 4)}}")),
    "nothing times very much": ("npy", npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': (0, {2**70})}}")),
    "too many dimensions": ("npy", npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {(1,) * 100}}}", bytes(8))),
    "a negative shape": ("npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -2)}", bytes(16))),
    "a shape that is none": ("npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': 2}", bytes(16))),
    "objects": ("npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", bytes(16))),
    "hidden objects": (
        "npy",
        npy("{'descr': [('a', [('b', '|O')])], 'fortran_order': False, 'shape': (2,)}", bytes(16)),
    ),
    "a header that is a program": ("npy", npy("__import__('os').abort()")),
    "a deep header": ("npy", npy("(" * 9_000)),
    "a long header": ("npy", npy("1", version=b"\x02\x00")[:8] + struct.pack("<I", 1 << 31)),
    "an unknown version": ("npy", npy("{}", version=b"\x09\x00")),
    "half a header": ("npy", small[:20]),
    "too little data": ("npy", small[:-1]),
    "too much data": ("npy", small + b"x"),
    "an empty array file": ("npy", b""),
    "a compressed zip": ("tree", zipped({"0.npy": bytes(64 * MiB)}, method=zipfile.ZIP_DEFLATED)),
    "a part used twice": ("tree", zipped({"0.npy": small}, '[{"$part":"0.npy"},{"$part":"0.npy"}]')),
    "a part that is missing": ("tree", zipped({}, '{"$part":"0.npy"}')),
    "a part with a path": ("tree", zipped({"../0.npy": small}, '{"$part":"../0.npy"}')),
    "the skeleton as a part": ("tree", zipped({}, '{"$part":"value.json"}')),
    "a part that is a number": ("tree", zipped({"0.npy": small}, '{"$part":0}')),
    "no skeleton": ("tree", zipped({}).replace(b"value.json", b"other.json")),
    "half a zip": ("tree", zipped({"0.npy": small})[:-30]),
    "a zip that is none": ("columns", b"PK" + bytes(100)),
    "columns of two lengths": (
        "columns",
        zipped(
            {"0.npy": small},
            '{"$frame":{"columns":{"$range_index":[0,1,1,null]},"index":{"$range_index":[0,9,1,null]},'
            '"values":[{"$part":"0.npy"}],"attrs":{}}}',
        ),
    ),
    "a zone that is a file": ("json", b'{"$Timestamp":[{"$numpy":["<M8[ns]",0]},"dateutil//etc/passwd"]}'),
    "a range as a tuple": ("json", b'{"$tuple":{"$range":[0,100000000,1]}}'),
    "a range as a set": ("json", b'{"$frozenset":{"$range":[0,100000000,1]}}'),
    "a range as arguments": ("json", b'{"$timedelta":{"$range":[0,100000000,1]}}'),
    "a range as a scalar": ("json", b'{"$numpy":["float64",{"$range":[0,100000000,1]}]}'),
    "a number as bytes": ("json", b'{"$numpy":["bytes_",100000000]}'),
    "a range as objects": ("json", b'{"$objects":{"$range":[0,100000000,1]}}'),
    "a range as texts": ("json", b'{"$strings":[{"$range":[0,100000000,1]},"python","NA"]}'),
    "a value for each of many rows": ("json", series(b'{"$numpy":["float64",1.0]}')),
    "a column that is a range": ("json", series(MANY)),
    "a column for more rows than it has": ("json", series(b'{"$strings":[[],"python","NA"]}')),
    "times that are a range": ("json", b'{"$zoned":[%b,"UTC"]}' % MANY),
    "periods that are a range": ("json", b'{"$periods":[%b,"period[M]"]}' % MANY),
    "codes that are a range": ("json", b'{"$multi_index":{"levels":[%b],"codes":[%b],"names":[null]}}' % (MANY, MANY)),
    "very many elements of nothing": (
        "npy",
        npy("{'descr': '<U0', 'fortran_order': False, 'shape': (100000000,)}"),
    ),
    "a type of objects": ("json", b'{"$numpy":["O",0]}'),
    "half a table": ("parquet", written_by(lambda file: pq.write_table(pa.table({"a": [1]}), file))[:-9]),
    "no table": ("parquet", b"PAR1" + bytes(50) + b"PAR1"),
    "very many pixels": ("image", png_bomb()),
    "half a picture": ("image", written_by(lambda file: EVERY_KIND["image"].save(file, "PNG"))[:80]),
    "another kind of picture": ("image", b"GIF89a" + bytes(100)),
    "no text": ("text", b"\xff\xfe"),
    "deep json": ("json", b"[" * 100_000),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_content_that_nobody_here_has_written_is_one_error_and_takes_little_memory(tmp_path, case):
    form, data = HOSTILE[case]
    forge(tmp_path, form, data)

    bounded(tmp_path, most=8 * MiB + 4 * len(data))


def test_a_table_of_very_many_rows_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("pollinator_magic.runner.tables.MAX_DECODED", 64 * MiB)
    forge(tmp_path, "parquet", parquet_bomb())
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", pytest.fail)

    assert "more than is read here" in bounded(tmp_path, most=8 * MiB)


def test_a_table_larger_than_it_says_is_noticed_while_it_is_read(tmp_path, monkeypatch):
    save(pd.DataFrame({"words": ["x" * 1000] * 5000}), tmp_path, "x", reads=formats())
    monkeypatch.setattr("pollinator_magic.runner.tables.MAX_DECODED", MiB)

    assert "more than is read here" in bounded(tmp_path, most=64 * MiB)


@effort(150)
@given(form=st.sampled_from(sorted(EVERY_KIND)), data=st.data())
def test_damage_anywhere_in_a_content_is_an_error_even_if_the_record_agrees(tmp_path, form, data):
    record = save(EVERY_KIND[form], tmp_path, "x", reads=formats())
    whole = (tmp_path / record["file"]).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + data.draw(st.binary(max_size=8)) + whole[data.draw(st.integers(at, len(whole))) :]
    (tmp_path / record["file"]).write_bytes(damaged)

    if damaged != whole:
        with pytest.raises(Unreadable):
            load(tmp_path, "x")
    about = content.measure(lambda sink: content.put(damaged, sink))
    edit(tmp_path, size=about.size, sha256=about.sha256)
    with contextlib.suppress(Unreadable):
        load(tmp_path, "x")


def test_reading_much_json_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "MAX_JSON", 1000)
    forge(tmp_path, "json", b"[" + b"[]," * 1000 + b"[]]")

    assert "more JSON than is read here" in bounded(tmp_path, most=2 * MiB)


def test_what_is_readable_is_known_without_importing_anything():
    import subprocess
    import sys

    code = (
        "import sys; from pollinator_magic.runner.variables import formats; print(formats());"
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'PIL') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()

    assert said == [str(["json", "text", "bytes", "tree", "npy", "columns", "parquet", "image"]), "[]"]
    assert variables.formats() == ["json", "text", "bytes", "tree", "npy", "columns", "parquet", "image"]
