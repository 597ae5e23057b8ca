"""What is told of the results of a job, and of those that are not in the list."""

from __future__ import annotations

from pollinator_magic.cfs.state import Stored
from pollinator_magic.labserver.results import MOST, listed


def results(*names: str) -> dict[str, Stored]:
    return {name: Stored(1, "ab" * 32, "object") for name in names}


def test_of_a_list_that_is_whole_there_is_nothing_to_say():
    told = listed("0123abcd", results("b10.csv", "b9.csv", ".pollinator/own.json"), [])

    assert [file["name"] for file in told["files"]] == ["b9.csv", "b10.csv"]
    assert told["notes"] == []


def test_a_list_that_is_cut_says_so_with_how_to_have_all():
    told = listed("0123abcd", results(*(f"{number}.txt" for number in range(MOST + 500))), [])

    assert len(told["files"]) == MOST
    assert told["notes"] == [
        "Only the first 20,000 of 20,500 results are listed. `%pollinator pull 0123abcd` brings all of them."
    ]


def test_names_that_no_file_can_have_are_told_apart_from_the_list():
    told = listed("0123abcd", results("a.csv"), ["../evil\n.csv", "x\x07"])

    assert [file["name"] for file in told["files"]] == ["a.csv"]
    assert told["notes"] == [
        r"Not listed: '../evil\n.csv' and 1 more. No file here can have such a name.",
    ]
