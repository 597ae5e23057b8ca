"""`pollinate clean` as a program of its own: what it says before, while and after it removes."""

from __future__ import annotations

import pytest
from cleaning import World

from tests.commandline import CommandLine
from tests.place import environment


@pytest.fixture
def pollinate(world: World) -> CommandLine:
    return CommandLine(world.project.root, environment(world.session.connection))


def test_a_dry_run_shows_what_would_go_and_a_cleaning_what_went(pollinate, used):
    used.age(days=10)
    before = used.state()

    shown = pollinate("clean", "--dry-run", "--keep", "1")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert used.state() == before
    done = pollinate("clean", "--keep", "1")
    again = pollinate("clean", "--keep", "1")

    assert done.returncode == again.returncode == 0
    assert shown.stdout.startswith("would remove  snapshots")
    assert "results        of 3 jobs, 4 files" in shown.stdout
    assert "results here   2 directories" in shown.stdout
    assert "Nothing was removed." in shown.stdout
    assert done.stdout.startswith("removed  snapshots")
    told = [line.split() for line in shown.stdout.splitlines()]
    assert [line.split() for line in done.stdout.splitlines()][1:] == [
        words for words in told[1:] if words[0] != "Nothing"
    ]
    assert "stays: 0 jobs open, 1 ended job kept" in done.stdout
    assert again.stdout.startswith("There is nothing to remove.")


def test_by_default_a_week_and_twenty_jobs_are_kept(pollinate, used):
    used.age(days=6)
    assert "There is nothing to remove." in pollinate("clean", "--dry-run", "--keep", "0").stdout
    used.age(days=8)
    assert "results        of 4 jobs" in pollinate("clean", "--dry-run", "--keep", "0").stdout
    assert "results        of 0 jobs" in pollinate("clean", "--dry-run").stdout  # old data goes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--older", "30"], "'30' is not an age. Use s, m, h, d or w: 12h, 30d, 8w."),
        (["--older", "soon"], "'soon' is not an age"),
        (["--keep", "some"], "'some' is not a whole number"),
        (["--dryrun"], "Did you mean '--dry-run'?"),
    ],
)
def test_what_cannot_be_meant_is_said(pollinate, words, said):
    refused = pollinate("clean", *words)

    assert refused.returncode == 2
    assert said in refused.stderr


def test_only_a_project_can_be_cleaned(world, tmp_path):
    (tmp_path / "elsewhere").mkdir()

    refused = CommandLine(tmp_path / "elsewhere", environment(world.session.connection))("clean")

    assert refused.returncode == 2
    assert "project.yaml" in refused.stderr
