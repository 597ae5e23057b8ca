"""The example notebooks run headless, and show what they promise."""

from __future__ import annotations

import os

import pytest

from tests.notebook.conftest import error_of, printed, shown

pytestmark = pytest.mark.notebook


def test_the_quickstart_leaves_a_figure_a_table_and_a_text(execute, tmp_path):
    notebook = execute(example="01-quickstart.ipynb")

    job_cell = next(cell for cell in notebook.cells if cell.source.startswith("%%pollinate"))
    assert "333 penguins of 3 species" in printed(job_cell)
    assert "heaviest on average: Gentoo" in printed(job_cell)
    assert shown(job_cell, "image/png")
    assert any("local · success after" in text for text in shown(job_cell))
    assert sorted(path.name for path in (tmp_path / "cfs" / "result").iterdir()) == [
        "means.csv",
        "summary.txt",
    ]
    assert "Gentoo" in printed(notebook.cells[-2])


def test_a_project_has_several_sources_data_and_another_language(execute):
    notebook = execute(example="02-project-and-data.ipynb")

    cells = {cell.source.splitlines()[0]: cell for cell in notebook.cells if cell.cell_type == "code"}
    assert "bees" in printed(cells["%%pollinate local --as words"])
    assert "poem.txt" in printed(cells["%%pollinate local --cmd bash"])
    dry = printed(cells["%%pollinate local --mem 512Mi --walltime 2m --env GREETING=hello --dry-run"])
    assert '"mem": "512Mi"' in dry
    assert "Nothing was sent." in dry
    assert "success" in "".join(shown(cells["%pollinator jobs"]))


def test_variables_go_in_and_come_back_and_figures_appear(execute):
    notebook = execute(example="04-variables-and-figures.ipynb")

    cells = {cell.source.splitlines()[0]: cell for cell in notebook.cells if cell.cell_type == "code"}
    job_cell = cells["%%pollinate local --in time,signal,truth --out fit,spectrum"]
    kinds = [next(iter(output.data)) if "data" in output else output.name for output in job_cell.outputs]
    assert kinds[-4:] == ["image/png", "stdout", "image/png", "text/html"]
    assert "searched 5041 models" in printed(job_cell)
    assert "'frequency': 0.8" in shown(cells["job = _"])[0]
    assert "fitted" in shown(cells["job.value"])[0]
    assert "line 3 of the cell" in printed(cells["from pollinator_magic import JobFailed"])


def test_one_cell_is_many_jobs_and_what_ran_before_need_not_run_again(execute):
    notebook = execute(example="05-many-jobs.ipynb")

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    jobs = [cell for cell in cells if cell.source.startswith("%%pollinate")]
    sweep, daylight, first, again, _ = jobs
    assert "6 jobs: 6 success" in "".join(shown(sweep))
    assert "Kajaani" in "".join(shown(daylight))
    assert "Cached" not in printed(first)
    assert "Cached: process" in printed(again)
    assert printed(first).endswith("249500250000\n")
    assert printed(again).endswith("249500250000\n")


def test_steps_build_on_each_other_and_a_failed_one_stops_its_followers(execute, tmp_path):
    notebook = execute(example="07-workflow.ipynb")

    cells = {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}
    assert 'alt="A graph of 4 steps. prepare: collected;' in shown(cells["%pollinator graph show"], "text/html")[0]
    ran = shown(cells["%pollinator graph run --as graph"])
    assert ran[0].startswith("local · 4 steps: 4 success")
    assert "'wave'" in ran[0]
    looked = next(cell for source, cell in cells.items() if source.startswith("print(graph"))
    assert "wave fits best; the amplitude of the wave is 0.8" in printed(looked)
    assert "'slope': 0.25" in shown(looked)[0]
    assert (tmp_path / "cfs" / "result" / "read" / "numbers.txt").exists()
    failed = printed(notebook.cells[-2])
    assert "Step 'add' of 3 failed. Never ran: 'report'." in failed
    assert "ValueError: invalid literal for int() with base 10: 'three' (line 2 of the cell)" in failed


def test_the_lumi_example_runs_four_ranks_on_the_embedded_colony(execute):
    notebook = execute(example="03-lumi.ipynb")

    job_cell = next(cell for cell in notebook.cells if cell.source.startswith("%%pollinate"))
    lines = printed(job_cell).splitlines()
    assert {line.split(" on host")[0] for line in lines if line.startswith("rank")} == {
        f"rank {rank} of 4" for rank in range(4)
    }
    assert shown(notebook.cells[-2]) == ["['rank-0.txt', 'rank-1.txt', 'rank-2.txt', 'rank-3.txt']"]


@pytest.fixture
def configured(colony, name_colony):
    """An executor of a colony with an S3 server, which the environment names."""
    storage = colony.storages.get("s3", colony.any_storage)
    executor = colony.executor(storage)
    name_colony(executor, storage)
    return executor


def test_the_lumi_example_runs_on_a_colony_that_the_environment_names(execute, configured):
    """The same notebook, an S3 server and an executor of another name: only the environment differs."""
    notebook = execute(example="03-lumi.ipynb")

    job_cell = next(cell for cell in notebook.cells if cell.source.startswith("%%pollinate"))
    assert sum(line.startswith("rank ") for line in printed(job_cell).splitlines()) == 4
    assert any(text.startswith(f"{configured} · success after") for text in shown(job_cell))
    assert os.environ["COLONIES_PRVKEY"] not in str(notebook)
    assert len(shown(notebook.cells[-2])[0].split(",")) == 4


def test_a_misspelt_executor_is_answered_with_the_nearest_and_makes_no_project(execute, configured, tmp_path):
    notebook = execute("%load_ext pollinator_magic", f"%%pollinate {configured[:-1]}\nprint(1)", allow_errors=True)

    assert f"Did you mean '{configured}'?" in error_of(notebook.cells[1]).evalue
    assert list(tmp_path.glob("project.yaml")) == []
    assert not (tmp_path / "cfs").exists()
