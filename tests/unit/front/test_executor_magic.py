"""`%pollinator executor …` is what `pollinate executor …` is in a terminal."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from pollinator_magic.errors import ConfigurationError, NotReady, UsageError


@pytest.fixture
def magic(nowhere):
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "pollinator_magic")
    shell.showtraceback = lambda *_, **__: None

    def run(line):
        with capture_output() as captured:
            shell.run_line_magic("pollinator", line)
        return captured.stdout + "".join(str(output.data) for output in captured.outputs)

    return run


def test_the_kinds_are_listed(magic):
    shown = magic("executor kinds")
    assert all(name in shown for name in ("container", "kubernetes", "process", "slurm"))


def test_the_help_of_a_kind_has_its_options(magic):
    assert "--grace-s" in magic("executor start process --help")


def test_wrong_settings_and_kinds_are_told(magic):
    with pytest.raises(UsageError, match="Did you mean 'slurm'"):
        magic("executor start slrum")
    with pytest.raises(ConfigurationError, match="--poll-s must be a whole number"):
        magic("executor start process --name x --poll-s many")
    with pytest.raises(ConfigurationError, match="Nothing says which colony to work for"):
        magic("executor start process --name x")


def test_a_check_that_fails_is_an_error_of_the_cell(magic, tmp_path):
    with pytest.raises(NotReady, match="has to be put right first"):
        magic(f"executor start process --name x --fs-dir {tmp_path}/files --check")
    assert not (tmp_path / "files").exists()
