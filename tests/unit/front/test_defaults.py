"""`%config PollinateMagics.…`: what cells do when their line does not say."""

from __future__ import annotations

import pytest

from pollinator_magic.notebook.defaults import RunDefaults
from pollinator_magic.options import RunOptions, cell_parser, parse_run_line


def test_nothing_is_asked_for_by_default():
    assert parse_run_line("%%pollinate", "", RunDefaults().option_defaults()) == RunOptions()


def test_a_default_holds_until_the_line_says_otherwise():
    defaults = RunDefaults(nodes=4, walltime="2h", detach=True, on_interrupt="cancel", get=["*.csv"]).option_defaults()

    silent = parse_run_line("%%pollinate", "", defaults)
    said = parse_run_line("%%pollinate", "--nodes 2 --no-detach --on-interrupt detach --get '*.png'", defaults)

    assert (silent.nodes, silent.walltime, silent.detach, silent.cancel_on_interrupt) == ("4", "2h", True, True)
    assert silent.patterns == ("*.csv",)
    assert (said.nodes, said.walltime, said.detach, said.cancel_on_interrupt) == ("2", "2h", False, False)
    assert said.patterns == ("*.png",)


def test_environment_variables_add_up_and_the_lines_own_win():
    defaults = RunDefaults(env={"A": 1, "B": "two words"}).option_defaults()

    options = parse_run_line("%%pollinate", "--env A=3", defaults)

    assert dict(options.env) == {"A": "3", "B": "two words"}


def test_every_default_is_an_option_of_the_line():
    known = {action.dest for action in cell_parser("%%pollinate")._actions}
    every = RunDefaults(**dict.fromkeys(("nodes", "ppn", "cpu", "mem", "gpu", "walltime"), "1"))
    every.set_trait("detach", True)

    assert set(every.option_defaults()) <= known


@pytest.mark.parametrize("option", ["detach", "cached", "script", "allow_pickle", "quiet", "verbose"])
def test_what_is_turned_on_by_default_can_be_turned_off_again(option: str):
    defaults = RunDefaults(**{option: True}).option_defaults()

    assert getattr(parse_run_line("%%pollinate", "", defaults), option)
    assert not getattr(parse_run_line("%%pollinate", f"--no-{option.replace('_', '-')}", defaults), option)


def test_an_error_about_a_default_says_that_it_is_one():
    defaults = RunDefaults(walltime="soon")

    assert "%config PollinateMagics.walltime" in defaults.blamed("--walltime 'soon' is not a time.", ["local"])
    assert "%config" not in defaults.blamed("--walltime 'later' is not a time.", ["--walltime", "later"])
    assert "%config" not in defaults.blamed("--mem '4GB' is not a memory size.", ["--mem", "4GB"])
