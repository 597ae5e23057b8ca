"""limits.yaml: what it may say, and what is said about what it may not."""

from __future__ import annotations

import pytest

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.local.limits import Limits, read_limits


@pytest.fixture
def limits(tmp_path):
    def read(text: str) -> Limits:
        file = tmp_path / "limits.yaml"
        file.write_text(text)
        return read_limits(file)

    return read


def test_without_a_file_the_limits_are_generous(tmp_path):
    assert read_limits(tmp_path / "limits.yaml") == Limits()


def test_what_the_file_does_not_say_is_as_usual(limits):
    assert limits("# nothing yet\n") == Limits()
    assert limits("jobs: 50\n") == Limits(jobs=50)


def test_every_limit_can_be_set(limits):
    text = "jobs: 7\njobs_older: 12h\nlogs: 500MiB\nfiles_older: 8w\nleftovers_older: 90m\nevery: 5m\n"

    assert limits(text) == Limits(7, 12 * 3600, 500 << 20, 8 * 7 * 86_400, 90 * 60, 300)


@pytest.mark.parametrize("off", ["never", "0", "'0'"])
@pytest.mark.parametrize("key", ["jobs", "jobs_older", "logs", "files_older", "leftovers_older", "every"])
def test_every_limit_can_be_turned_off(limits, key, off):
    assert getattr(limits(f"{key}: {off}\n"), key) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("job: 5", "there is no limit 'job'. Did you mean 'jobs'?"),
        ("jobs: many", "jobs must be a whole number, or never, not 'many'"),
        ("jobs: -5", "jobs must be a whole number"),
        ("jobs: true", "jobs must be a whole number"),
        ("jobs_older: 90", "jobs_older must be an age in s, m, h, d or w, such as 90d, or never, not 90"),
        ("jobs_older: [1]", "jobs_older must be an age"),
        ("logs: 4GB", "logs must be a size such as 500MiB or 4GiB, or never, not '4GB'"),
        ("leftovers_older: 5m", "leftovers_older must be at least 60m"),
        ("every: 1s", "every must be at least 1m"),
        ("- jobs", "write lines such as `jobs_older: 90d`"),
        ("jobs", "write lines such as"),
        ("jobs: [", "this is not YAML (line 1)"),
    ],
)
def test_what_cannot_be_meant_is_said(limits, text, said):
    with pytest.raises(ConfigurationError) as caught:
        limits(text)

    assert said in str(caught.value)
    assert str(caught.value).startswith("limits.yaml: ")


def test_a_file_that_is_not_text_is_named(tmp_path):
    file = tmp_path / "limits.yaml"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError, match=r"limits\.yaml' cannot be read"):
        read_limits(file)
