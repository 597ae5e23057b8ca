"""Results as a mapping, and cfs/result showing those of the newest job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.errors import TransferError, UnsafeName
from pollinator_magic.jobs.results import Results, show

if TYPE_CHECKING:
    from pathlib import Path


def write(root: Path, **files: str) -> Results:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    root.mkdir(exist_ok=True)
    return Results(root)


def shown(directory: Path) -> dict[str, str]:
    return {path.relative_to(directory).as_posix(): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_results_are_a_mapping_of_names_to_files_in_order(tmp_path):
    results = write(tmp_path / "r", b="2", sub__a="1")

    assert list(results) == ["b", "sub/a"]
    assert results["sub/a"].text() == "1"
    assert results["b"].size == 1
    assert "2 results" in repr(results)


def test_many_results_are_looked_up_in_one_walk(tmp_path, monkeypatch):
    results = write(tmp_path / "r", a="1", b="2", c="3")
    walks = []
    monkeypatch.setattr(Results, "_names", lambda _: walks.append(1) or ["a", "b", "c"])

    assert [result.text() for result in results.values()] == ["1", "2", "3"]
    assert [name for name, _ in results.items()] == ["a", "b", "c"]
    assert len(walks) == 2


def test_what_else_lies_in_a_directory_is_no_result(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "fit.csv").write_text("theirs")

    results = Results(tmp_path, [tmp_path / "fit.csv"])

    assert list(results) == ["fit.csv"]
    assert "thesis.txt" not in results
    assert "thesis" not in repr(results)


def test_no_result_is_written_through_a_link_that_leads_out(tmp_path):
    results = write(tmp_path / "r", sub__a="new")
    (tmp_path / "outside").mkdir()
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "sub").symlink_to(tmp_path / "outside")

    with pytest.raises(UnsafeName):
        show(results, tmp_path / "result", tmp_path / "state")

    assert list((tmp_path / "outside").iterdir()) == []


def test_a_result_named_like_a_half_copied_one_is_kept(tmp_path):
    results = write(tmp_path / "r", **{"a": "1", ".a.part": "2"})

    show(results, tmp_path / "result", tmp_path / "state")

    assert shown(tmp_path / "result") == {"a": "1", ".a.part": "2"}


def test_a_file_of_the_users_in_place_of_a_directory_is_an_error_that_names_it(tmp_path):
    results = write(tmp_path / "r", sub__a="new")
    write(tmp_path / "result", sub="mine")

    with pytest.raises(TransferError, match="'sub'"):
        show(results, tmp_path / "result", tmp_path / "state")

    assert shown(tmp_path / "result") == {"sub": "mine"}


def test_a_name_that_is_not_there_says_what_is(tmp_path):
    results = write(tmp_path / "r", fit="1")

    with pytest.raises(KeyError, match=r"no result 'fot'; it left: fit"):
        results["fot"]


def test_a_result_is_loaded_by_its_ending(tmp_path):
    import numpy as np

    results = write(tmp_path / "r")
    (results.root / "t.csv").write_text("a,b\n1,2\n")
    (results.root / "v.json").write_text(json.dumps({"x": [1, None]}))
    (results.root / "note.txt").write_text("grüß")
    (results.root / "raw.bin").write_bytes(b"\xff\xfe\x00")
    np.save(results.root / "a.npy", np.arange(3))

    assert results["t.csv"].load().to_dict() == {"a": {0: 1}, "b": {0: 2}}
    assert results["v.json"].load() == {"x": [1, None]}
    assert results["note.txt"].load() == "grüß"
    assert results["raw.bin"].load() == b"\xff\xfe\x00"
    assert results["a.npy"].load().tolist() == [0, 1, 2]


def test_an_array_of_objects_is_not_unpickled(tmp_path):
    import numpy as np

    results = write(tmp_path / "r")
    np.save(results.root / "a.npy", np.array([{}], dtype=object), allow_pickle=True)

    with pytest.raises(ValueError, match="allow_pickle"):
        results["a.npy"].load()


def test_the_newest_jobs_results_take_the_place_of_those_before(tmp_path):
    directory, state = tmp_path / "result", tmp_path / "state"
    show(write(tmp_path / "one", a="1", old__x="1"), directory, state)

    show(write(tmp_path / "two", a="2", b="2"), directory, state)

    assert shown(directory) == {"a": "2", "b": "2"}
    assert not (directory / "old").exists()
    assert shown(tmp_path / "one") == {"a": "1", "old/x": "1"}


def test_a_result_that_was_changed_by_hand_is_kept_beside_the_new_one(tmp_path):
    directory, state = tmp_path / "result", tmp_path / "state"
    show(write(tmp_path / "one", **{"a.txt": "1"}), directory, state)
    (directory / "a.txt").write_text("mine")

    show(write(tmp_path / "two", **{"a.txt": "2"}), directory, state)

    assert shown(directory) == {"a.txt": "2", "a.local-1.txt": "mine"}


def test_files_that_no_job_brought_stay(tmp_path):
    directory, state = tmp_path / "result", tmp_path / "state"
    write(directory, mine="x")

    show(write(tmp_path / "one", a="1"), directory, state)
    show(write(tmp_path / "two", b="2"), directory, state)

    assert shown(directory) == {"mine": "x", "b": "2"}


def test_a_damaged_record_loses_nothing(tmp_path):
    directory, state = tmp_path / "result", tmp_path / "state"
    show(write(tmp_path / "one", a="1"), directory, state)
    (state / "result.json").write_text("{")

    show(write(tmp_path / "two", a="2"), directory, state)

    assert shown(directory) == {"a": "2", "a.local-1": "1"}
