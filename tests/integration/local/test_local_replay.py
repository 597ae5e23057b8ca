"""Everything that was recorded with a real Colonies server is replayed on the embedded one (see tests/vectors)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from replay_differences import DIFFERENCES, Difference
from replay_sameness import Meanings, compare
from replay_scenes import SCENES
from replay_stage import Stage, recordings

if TYPE_CHECKING:
    from collections.abc import Callable

    from replay_sameness import Finding

_DOCUMENT = Path(__file__).parents[3] / "docs" / "differences.md"


def _play(scene: Callable[[Stage], None]) -> dict[str, list[Finding]]:
    stage = Stage()
    try:
        scene(stage)
    finally:
        stage.close()
    return stage.findings


@pytest.fixture(scope="module")
def replayed() -> dict[str, list[Finding]]:
    """What is not as recorded, by case; the scenes mostly wait, and do so side by side."""
    findings: dict[str, list[Finding]] = {}
    with ThreadPoolExecutor(len(SCENES)) as threads:
        for found in threads.map(_play, SCENES):
            assert not findings.keys() & found.keys()
            findings |= found
    return findings


def _covers(difference: Difference, name: str, finding: Finding) -> bool:
    return any(fnmatch(name, case) for case in difference.cases) and any(
        fnmatch(finding.place, place) for place in difference.places
    )


def test_no_recording_is_left_out(replayed: dict[str, list[Finding]]):
    assert replayed.keys() == recordings().keys()
    assert len(recordings()) > 390


@pytest.mark.parametrize("name", recordings())
def test_the_embedded_server_answers_as_recorded(replayed: dict[str, list[Finding]], name: str):
    unexplained = [
        finding for finding in replayed[name] if not any(_covers(each, name, finding) for each in DIFFERENCES)
    ]

    assert unexplained == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.title)
def test_a_listed_difference_is_still_there(replayed: dict[str, list[Finding]], difference: Difference):
    found = [(name, finding) for name, findings in replayed.items() for finding in findings]
    covered = [(name, finding.place) for name, finding in found if _covers(difference, name, finding)]

    assert [case for case in difference.cases if not any(fnmatch(name, case) for name, _ in covered)] == []
    assert [place for place in difference.places if not any(fnmatch(each, place) for _, each in covered)] == []


def test_a_case_that_is_listed_by_its_name_differs_wherever_it_is_listed(replayed: dict[str, list[Finding]]):
    named = {case for difference in DIFFERENCES for case in difference.cases if "*" not in case}

    assert named <= {name for name, findings in replayed.items() if findings}


def test_users_are_told_of_every_difference():
    titles = re.findall(
        r"^### (.+)$", _DOCUMENT.read_text().split("## What the recordings do not show")[0], re.MULTILINE
    )

    assert titles == [difference.title for difference in DIFFERENCES]


@pytest.mark.parametrize(
    ("recorded", "replayed_reply", "places"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": "1"}, ["a"]),
        ({"a": None}, {"a": []}, ["a"]),
        ({"a": True}, {"a": 1}, ["a"]),
        ({"a": 0}, {"a": 0.0}, []),
        ({"a": 1}, {"a": 2}, ["a"]),
        ({"a": 1}, {}, ["a"]),
        ({}, {"a": 1}, ["a"]),
        ([1, 2], [1], ["reply"]),
        ([{"a": {"b": 1}}], [{"a": {"b": []}}], ["*.a.b"]),
        ({"endtime": "0001-01-01T01:12:12+01:12"}, {"endtime": "0001-01-01T00:00:00Z"}, []),
        ({"endtime": "0001-01-01T01:12:12+01:12"}, {"endtime": "2026-11-22T08:24:55Z"}, ["endtime"]),
        (
            [{"processid": "a" * 64}, {"processid": "a" * 64}],
            [{"processid": "b" * 64}, {"processid": "c" * 64}],
            ["*.processid"],
        ),
        ({"checksum": "a" * 64}, {"checksum": "b" * 64}, ["checksum"]),
        ({"fileids": ["a", "b"]}, {"fileids": ["b", "a"]}, []),
        ({"out": ["a", "b"]}, {"out": ["b", "a"]}, ["out.*", "out.*"]),
    ],
)
def test_the_comparison_finds_what_differs(recorded: object, replayed_reply: object, places: list[str]):
    assert [finding.place for finding in compare(recorded, replayed_reply, Meanings())] == places
