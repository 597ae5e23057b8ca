"""Variables go into a job and come back from it, and cost nothing when they have not changed."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pollinator_magic.errors import VariableError
from pollinator_magic.jobs import Job, submit
from pollinator_magic.project import Project, Runner
from tests.jobs import ENDLESS, WAIT_S, follow_until_text

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.jobs import Session


@pytest.fixture
def project(executor: str, tmp_path: Path) -> Project:
    """A project whose jobs run with this Python and its packages."""
    project = Project.create(tmp_path / "project", executor)
    text = project.file.read_text()
    assert "cmd: python3" in text
    project.file.write_text(text.replace("cmd: python3", f"cmd: {sys.executable}"))
    return Project.open(project.root)


class Puts:
    """Counts the objects that are uploaded, and their bytes."""

    def __init__(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self._counting = threading.Lock()
        put = session.filesystem.store.put

        def counted(key: str, file: Path, *args: object) -> None:
            with self._counting:
                self.sizes.append(file.stat().st_size)
            put(key, file, *args)

        monkeypatch.setattr(session.filesystem.store, "put", counted)

    def since(self) -> list[int]:
        """Return the sizes of what was uploaded since this was asked the last time."""
        sizes, self.sizes = sorted(self.sizes), []
        return sizes


def run(session: Session, project: Project, source: str, **runner: object) -> Job:
    return submit(session, project, source=source, runner=Runner(**runner)).wait(WAIT_S)


INPUTS = {
    "signal": np.linspace(0, 1, 1000).reshape(10, 100),
    "table": pd.DataFrame({"n": [1, 2], "s": ["x", None]}),
    "options": {"lr": 0.1, "layers": (3, 4), "mask": np.array([True, False])},
    "raw": b"\xff\x00",
    "name": "grüß",
}


def test_variables_go_into_the_cell_and_come_back_as_what_they_were(session, project):
    source = """\
import numpy as np, pandas as pd
assert isinstance(signal, np.ndarray) and isinstance(options["layers"], tuple) and isinstance(table, pd.DataFrame)
table["n"] = table["n"] * 2
signal += 1
total = signal.sum()
{name: signal.shape}
"""
    names = (*INPUTS, "total")

    job = run(session, project, source, inputs=INPUTS, outputs=names)

    assert job.value == {"grüß": (10, 100)}
    assert list(job.variables) == sorted(names)
    assert job.variables.problems == {}
    assert np.array_equal(job.variables["signal"], INPUTS["signal"] + 1)
    pd.testing.assert_frame_equal(job.variables["table"], INPUTS["table"].assign(n=[2, 4]))
    assert job.variables["options"]["mask"].tolist() == [True, False]
    assert job.variables["options"]["layers"] == (3, 4)
    assert job.variables["raw"] == b"\xff\x00"
    assert type(job.variables["total"]) is np.float64


def test_values_are_no_results_and_come_whatever_results_are_wanted(session, project):
    source = "open('result/fit.csv', 'w').write('a\\n1\\n')\nopen('result/log.txt', 'w').write('x')\nx = 1\nx + 1"
    job = run(session, project, source, outputs=("x",))

    brought = job.fetch_results(["*.csv"])
    job.show_results()

    assert list(brought) == list(job.results) == ["fit.csv"]
    assert [path.name for path in project.result.iterdir()] == ["fit.csv"]
    assert job.value == 2
    assert dict(job.variables) == {"x": 1}


def test_asking_for_the_value_fetches_no_other_results(session, project):
    job = run(session, project, "open('result/large.bin', 'wb').write(bytes(100_000))\n7", outputs=())

    assert job.value == 7

    assert not list((project.state / "jobs" / job.id).rglob("large.bin"))
    assert list(job.results) == ["large.bin"]


def test_what_did_not_come_back_says_why(session, project):
    job = run(session, project, "import math\nrows = (x for x in 'ab')", outputs=("math", "rows", "lost"))

    assert job.value is None
    assert dict(job.variables) == {}
    assert "module" in job.variables.problems["math"]
    assert "list(…)" in job.variables.problems["rows"]
    with pytest.raises(VariableError, match="'lost' did not come back: the cell has not set it"):
        job.variables["lost"]


def test_a_pickle_comes_back_only_with_consent_on_both_sides(session, project):
    source = "odd = slice(1, 2)"

    refused = run(session, project, source, outputs=("odd",))
    allowed = run(session, project, source, outputs=("odd",), allow_pickle=True)

    assert "--allow-pickle" in refused.variables.problems["odd"]
    assert allowed.variables["odd"] == slice(1, 2)
    later = Job.attach(session, allowed.id, project)
    with pytest.raises(VariableError, match="can run any code"):
        later.variables["odd"]
    later.allow_pickle = True
    assert later.variables["odd"] == slice(1, 2)


def test_values_of_a_job_that_is_open_are_not_waited_for(session, project):
    job = submit(session, project, source=ENDLESS, runner=Runner())
    follow_until_text(job)

    for ask in (lambda: job.value, lambda: job.variables):
        with pytest.raises(VariableError, match=r"is still running: call job\.wait\(\) first"):
            ask()

    job.cancel()
    with pytest.raises(VariableError, match="did not end successfully"):
        _ = job.value


def test_values_are_there_for_who_takes_up_the_job_later(session, project):
    job = run(session, project, "x = {1, 2}\nx", outputs=("x",))

    later = Job.attach(session, job.id, project)

    assert later.value == {1, 2}
    assert later.variables["x"] == {1, 2}


def test_an_input_costs_two_uploads_the_first_time_none_the_second_and_two_when_it_has_changed(
    session, project, monkeypatch
):
    array = np.zeros(1_000_000)
    source = "array.sum()"
    submit(session, project, source=source, runner=Runner()).cancel()
    puts = Puts(session, monkeypatch)

    first = run(session, project, source, inputs={"array": array})
    record, content = puts.since()
    again = run(session, project, source, inputs={"array": array})

    assert content == array.nbytes + 128
    assert record < 1000
    assert puts.since() == []
    assert first.value == again.value == 0
    array[0] = 5
    assert run(session, project, source, inputs={"array": array}).value == 5
    assert [size > 1000 for size in puts.since()] == [False, True]


def test_variables_of_an_earlier_cell_are_not_there_in_the_next(session, project):
    run(session, project, "x", inputs={"x": 1})

    job = run(session, project, "'x' in globals()", inputs={"y": 1})

    assert job.value is False
