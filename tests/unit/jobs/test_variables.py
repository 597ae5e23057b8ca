"""What a cell brought back as values, read from the files that lie beside its results."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from pollinator_magic.errors import JobError, VariableError
from pollinator_magic.jobs.variables import Variables
from pollinator_magic.runner.variables import save, save_problem


class Odd:
    """Something without a safe form."""


@pytest.fixture
def directory(tmp_path):
    return tmp_path / ".pollinator"


@pytest.fixture
def job():
    """As much of a job as values need to know."""
    return SimpleNamespace(id="ab" * 32, short_id="abababababab", succeeded=True, allow_pickle=False)


@pytest.fixture
def variables(job, directory):
    return Variables(job, directory)


def error(variables: Variables, name: str) -> str:
    with pytest.raises(VariableError) as caught:
        variables[name]
    assert caught.value.name == name
    assert caught.value.process_id == "ab" * 32
    return str(caught.value)


def test_variables_are_a_mapping_of_what_came_back(variables, directory):
    save(np.arange(3), directory / "out", "signal")
    save(1.5, directory / "out", "score")
    save_problem(directory / "out", "model", "it is a Model")

    assert list(variables) == ["score", "signal"]
    assert len(variables) == 2
    assert variables["score"] == 1.5
    assert variables["signal"].tolist() == [0, 1, 2]
    assert variables["signal"] is variables["signal"]
    assert "model" not in variables
    assert "other" not in variables
    assert variables.problems == {"model": "it is a Model"}
    assert dict(variables)["score"] == 1.5


def test_they_are_read_when_they_are_asked_for(variables, directory):
    save(np.arange(3), directory / "out", "signal")
    (directory / "out" / "signal.npy").unlink()

    assert list(variables) == ["signal"]
    assert "numpy.ndarray 3" in repr(variables)
    assert "cannot be read here: there is no file 'signal.npy'" in error(variables, "signal")


def test_a_variable_that_did_not_come_back_says_why(variables, directory):
    save_problem(directory / "out", "model", "the cell has not set it.")

    assert error(variables, "model") == (
        "Variable 'model' did not come back: the cell has not set it (process abababababab)."
    )
    assert "model  is not here: the cell has not set it." in repr(variables)


def test_a_variable_that_nobody_asked_for_says_which_were(variables, directory):
    save(1, directory / "out", "a")

    with pytest.raises(KeyError, match=r"'b' was not asked for with --out; these were: a"):
        variables["b"]
    assert variables.get("b") is None


def test_where_nothing_came_back_there_are_no_variables(variables):
    assert dict(variables) == {}
    assert repr(variables) == "0 variables"


def test_the_value_of_the_cell_is_none_where_it_has_none(variables):
    assert variables.value() is None


def test_the_value_of_the_cell_comes_back(variables, directory):
    save({"a": [1]}, directory, "value")

    assert variables.value() == {"a": [1]}


def test_a_cell_that_failed_has_no_value(variables, job):
    job.succeeded = False

    with pytest.raises(VariableError, match="did not end successfully"):
        variables.value()


def test_a_value_that_did_not_come_back_says_why(variables, directory):
    save_problem(directory, "value", "it is a module")

    with pytest.raises(JobError, match=r"The value of the cell did not come back: it is a module \(process"):
        variables.value()


def test_a_pickle_is_read_only_with_consent(variables, directory, job):
    save(Odd(), directory / "out", "odd", allow_pickle=True)

    assert "set job.allow_pickle = True" in error(variables, "odd")
    job.allow_pickle = True
    assert isinstance(variables["odd"], Odd)


@pytest.mark.parametrize("text", ["", "{", "[" * 9999, "[]", '{"name": "x"}'])
def test_a_record_that_is_none_is_a_problem_of_its_variable_alone(variables, directory, text):
    save(1, directory / "out", "fine")
    (directory / "out" / "x.json").write_text(text)

    assert variables["fine"] == 1
    assert list(variables) == ["fine"]
    assert "cannot be read here: its " in error(variables, "x")
    assert "its " in variables.problems["x"]


def test_what_a_job_says_cannot_forge_the_terminal_that_shows_it(variables, directory):
    save_problem(directory / "out", "x", "\x1b[2J\r\nforged\x07" * 100)
    save_problem(directory, "value", "\x1b]0;title\x07")
    record = save(1, directory / "out", "y")
    (directory / "out" / "y.json").write_text(json.dumps({**record, "type": "\x1b[2J\n" * 50}))
    (directory / "out" / "\x1b[2J.json").write_text("{}")

    with pytest.raises(VariableError) as caught:
        variables.value()

    for said in (error(variables, "x"), str(caught.value), *repr(variables).splitlines()):
        assert said.isprintable()
        assert len(said) < 800


def test_a_job_that_writes_very_many_records_does_not_fill_the_notebook(variables, directory):
    (directory / "out").mkdir(parents=True)
    for number in range(1500):
        (directory / "out" / f"x{number}.json").touch()

    assert len(variables.problems) == 1000
