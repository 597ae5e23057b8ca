"""What can be written after %%pollinate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.errors import PollinatorError, UsageError
from pollinator_magic.options import RunOptions, parse_run_line, split


def parse(line: str) -> RunOptions:
    return parse_run_line("%%pollinate", line)


def test_executors_and_options_may_be_mixed():
    options = parse("lumi-std --nodes 4 lumi-gpu --mem 4Gi")

    assert options.executors == ("lumi-std", "lumi-gpu")
    assert (options.nodes, options.mem) == ("4", "4Gi")


def test_quotes_are_taken_off_and_their_content_kept():
    assert parse("local --init 'pip3 install \"numpy>2\"'").init == 'pip3 install "numpy>2"'


def test_lists_are_written_with_commas_or_by_repeating():
    options = parse("--pip numpy,scipy --pip pandas --get '*.csv' --get '*.png'")

    assert options.packages == ("numpy", "scipy", "pandas")
    assert options.patterns == ("*.csv", "*.png")


def test_commas_within_a_package_do_not_end_it():
    options = parse("--pip 'numpy>=1.26,<3,dask[array,dataframe],scipy ~=1.0, !=1.1'")

    assert options.packages == ("numpy>=1.26,<3", "dask[array,dataframe]", "scipy ~=1.0, !=1.1")


def test_environment_values_keep_equal_signs_and_spaces():
    assert parse("--env A=1=2 --env 'B=x y'").env == (("A", "1=2"), ("B", "x y"))


def test_all_results_are_fetched_unless_asked_otherwise():
    assert parse("").patterns == ("*",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--walltme 5m", "Did you mean '--walltime'"),
        ("--nod 3", "unrecognized arguments: --nod"),
        ("--env 1A=2", "not of the form NAME=value"),
        ("--as 'my job'", "not the name of a Python variable"),
        ("--as class", "not the name of a Python variable"),
        ("--on-interrupt stop", "invalid choice: 'stop'"),
        ("--on-interrupt cancle", "Did you mean 'cancel'?"),
        ("--init 'unbalanced", "no closing quotation"),
        ("--nodes", "expected one argument"),
        ("--NODES 2", "Did you mean '--nodes'?"),
        ("local --each lr", "--each lr lacks its values. For example: --each lr=0.1,0.01 seed=1:5"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(line: str, said: str):
    with pytest.raises(UsageError) as error:
        parse(line)

    assert said in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text(max_size=80))
def test_any_line_gives_options_or_one_of_our_errors(line: str):
    try:
        options = parse(line)
    except PollinatorError:
        return
    assert isinstance(options, RunOptions)


@given(st.lists(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=10), max_size=5))
def test_splitting_undoes_shell_quoting(words: list[str]):
    import shlex

    assert split(shlex.join(words)) == words


def test_an_executor_may_follow_the_values_of_a_sweep():
    options = parse_run_line("%%pollinate", "--each lr=0.1,0.01 seed=1:5 local --nodes 2")

    assert options.each == ("lr=0.1,0.01", "seed=1:5")
    assert options.executors == ("local",)
    assert options.nodes == "2"


def test_variables_are_named_once_and_keep_their_order():
    options = parse_run_line("%%pollinate", "--in b,a --in a,c --out model")

    assert options.inputs == ("b", "a", "c")
    assert options.outputs == ("model",)


@pytest.mark.parametrize("line", ["--in class", "--out 1x", "--in a-b"])
def test_a_variable_must_be_one_that_python_can_have(line: str):
    with pytest.raises(UsageError, match="is not the name of a Python variable"):
        parse_run_line("%%pollinate", line)


def test_a_step_has_a_name_and_comes_after_others_each_named_once():
    options = parse_run_line("%%pollinate", "local --step fit --after prepare,clean --after prepare --get '*.csv'")

    assert (options.step, options.after, options.patterns) == ("fit", ("prepare", "clean"), ("*.csv",))


@pytest.mark.parametrize(
    "word", ["--each x=1", "--map t.csv", "--cached", "--as g", "-d", "--on-interrupt cancel", "--dry-run"]
)
def test_what_is_of_no_use_to_a_step_is_refused_with_what_to_do_instead(word: str):
    with pytest.raises(UsageError, match=r"does not go with --step, which only collects the cell\. \w+ "):
        parse_run_line("%%pollinate", f"local --step fit {word}")


def test_defaults_of_the_notebook_that_are_of_no_use_to_a_step_do_no_harm():
    options = parse_run_line("%%pollinate", "--step fit", {"detach": True, "cached": True, "on_interrupt": "cancel"})

    assert options.step == "fit"


def test_after_is_for_steps_alone():
    with pytest.raises(UsageError, match="--after needs --step"):
        parse_run_line("%%pollinate", "local --after prepare")
