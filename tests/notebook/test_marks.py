"""What a card tells a page that has the extension: its job, by metadata and classes, and whether it is final."""

from __future__ import annotations

import json

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests.jobs import waiting_for
from tests.notebook.kernels import LOAD, NEWEST, WIDGET, loaded_kernel, put_in_front

pytestmark = pytest.mark.notebook

ID = "print(job.id)"
IDS = "print(*[job.id for job in group])"


@pytest.fixture
def kernel(request, environment, monkeypatch, tmp_path):
    """A kernel of this ipykernel, by default the newest, with the extension loaded."""
    put_in_front(monkeypatch, getattr(request, "param", NEWEST))
    with loaded_kernel(tmp_path) as front_end:
        yield front_end


def cell_until(file, *, options: str = "") -> str:
    """A cell whose job says that it has begun, and ends when there is this file."""
    return f"%%pollinate local {options}\n{waiting_for(file, says='begun')}"


def test_a_card_names_its_job_and_says_when_it_is_final(kernel, tmp_path):
    cell = kernel.begin(cell_until(tmp_path / "go", options="--as job"))
    kernel.until(lambda: "begun" in cell.printed)
    assert set(cell.mark) == {"job"}

    (tmp_path / "go").touch()
    kernel.finish(cell)

    assert cell.mark == {"job": kernel.run(ID).printed.strip(), "final": True}


def test_the_card_of_a_detached_job_is_final_when_its_results_are_listed(kernel, tmp_path):
    cell = kernel.run(cell_until(tmp_path / "go", options="--detach") + "open('result/a.txt', 'w').write('42')")
    assert set(cell.mark) == {"job"}
    (tmp_path / "go").touch()

    kernel.until(lambda: cell.mark.get("final"))

    assert "a.txt" in cell.plain


def test_a_card_that_another_one_goes_on_for_is_final(kernel, tmp_path):
    cell = kernel.run(cell_until(tmp_path / "go", options="--detach --as job"))
    later = kernel.begin("%pollinator attach {job.id}")
    kernel.until(lambda: "running" in later.plain)

    assert cell.mark["final"]
    assert later.mark == {"job": cell.mark["job"]}


def test_the_card_of_a_sweep_names_its_jobs(kernel, tmp_path):
    wait = f"import os, time\nwhile n > 1 and not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.02)"
    cell = kernel.run(f"%%pollinate local --detach --as group --each n=1,2\n{wait}")
    kernel.until(lambda: "1 success" in cell.plain)
    first, second = kernel.run(IDS).printed.split()

    assert cell.mark == {"jobs": [first, second], "count": 2}
    (tmp_path / "go").touch()
    kernel.until(lambda: cell.mark.get("final"))
    assert cell.mark["jobs"] == [first, second]


def test_the_card_of_a_large_sweep_names_all_its_jobs_by_the_beginnings_of_their_ids(kernel):
    cell = kernel.run("%%pollinate local --as group --script --each n=1:101\nprint(1)")

    assert cell.mark["jobs"] == [job[:12] for job in kernel.run(IDS).printed.split()]
    assert (len(cell.mark["jobs"]), cell.mark["count"]) == (101, 101)


@pytest.mark.parametrize("kernel", ["6.31.0"], indirect=True)
def test_where_a_click_does_not_arrive_only_a_page_with_the_extension_has_a_button(kernel, tmp_path):
    cell = kernel.begin(cell_until(tmp_path / "go"))
    kernel.until(lambda: "begun" in cell.printed)
    kernel.until(lambda: WIDGET in cell.card)
    assert kernel.buttons() == {}
    assert kernel.hidden_buttons() == {"Cancel": ["pollinator-cancel", f"pollinator-job-{cell.mark['job']}"]}

    kernel.interrupt()
    kernel.finish(cell)
    kernel.until(lambda: set(kernel.buttons()) == {"Cancel"})
    assert kernel.hidden_buttons() == {}


def test_a_notebook_with_marks_is_valid_and_converts_as_ever(execute):
    notebook = execute(LOAD, "%%pollinate local\nprint('value is', 42)")

    card = next(output for output in notebook.cells[1].outputs if "data" in output)
    assert card.metadata["pollinator"]["final"] is True
    nbformat.validate(json.loads(nbformat.writes(notebook)))
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "success after" in html
    assert card.metadata["pollinator"]["job"] not in html
