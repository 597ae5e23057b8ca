"""Workflows in real kernels: cells that become steps, one line that runs them, one card with a picture of all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from tests.jobs import waiting_for
from tests.notebook.conftest import error_of, printed, shown
from tests.notebook.kernels import LOAD, PATIENT, WIDGET, FrontEnd, loaded_kernel

pytestmark = pytest.mark.notebook

DIAMOND = (
    "%%pollinate local --step prepare --out numbers\nnumbers = [1, 2, 3]\nopen('result/n.txt', 'w').write('6')",
    "%%pollinate local --step double --after prepare --in numbers\nprint('doubling')\n[2 * n for n in numbers]",
    "%%pollinate local --step count --after prepare\nint(open('steps/prepare/n.txt').read())",
    "%%pollinate local --step compare --after double,count\nimport os\nsorted(os.listdir('steps'))",
)


@pytest.fixture
def kernels(environment, tmp_path):
    """Start kernels with the extension loaded, in one directory."""
    with ExitStack() as started:
        yield lambda: started.enter_context(loaded_kernel(tmp_path))


@pytest.fixture
def kernel(kernels):
    return kernels()


def collect_two(kernel: FrontEnd, file) -> None:
    """Collect a step that waits for a file, and one that comes after it."""
    kernel.run(f"%%pollinate local --step first\n{waiting_for(file, says='waiting')}")
    kernel.run("%%pollinate local --step second --after first\nopen('result/end.txt', 'w').write('the end')")


def values_of(kernel: FrontEnd) -> str:
    """What all widgets show."""
    return "\n".join(str(state.get("value", "")) for state in kernel.widgets.values())


# --- there and back --------------------------------------------------------------------------------------------------


def test_cells_become_steps_and_one_line_runs_them_all(execute, tmp_path):
    notebook = execute(
        LOAD,
        *DIAMOND,
        "%pollinator graph show",
        "%pollinator graph run --as graph",
        "graph['double'].value, graph['count'].value, graph['compare'].value, numbers, graph is _",
        "graph['prepare'].results['n.txt'].text()",
    )

    _, prepare, _, _, compare, drawn, ran, values, result = notebook.cells
    assert shown(prepare) == ["Step 'prepare' is collected. `%pollinator graph run` submits it."]
    assert shown(compare)[0].startswith("Step 'compare' is collected, after 'double' and 'count'.")
    assert "submits the 4 steps" in shown(compare)[0]
    assert (
        'alt="A graph of 4 steps. prepare: collected; double: collected, after prepare;' in shown(drawn, "text/html")[0]
    )
    assert "compare  double, count  collected  local" in shown(drawn)[0]
    card, results = shown(ran)[:2]
    assert card.startswith("local · 4 steps: 4 success · after ")
    assert "double   prepare        success  [2, 4, 6]" in card
    assert "prepare/n.txt" in results
    assert "doubling" in shown(ran, "text/html")[0]
    assert shown(values) == ["([2, 4, 6], 6, ['count', 'double'], [1, 2, 3], True)"]
    assert shown(result) == ["'6'"]
    assert (tmp_path / "cfs" / "result" / "prepare" / "n.txt").read_text() == "6"


def test_steps_can_be_changed_looked_at_and_forgotten_and_keep_what_they_were_given(execute):
    notebook = execute(
        LOAD,
        "word = 'given'",
        "%%pollinate local --step one\n1",
        "%%pollinate local --step two --after one --in word\nword",
        "word = 'changed'",
        "%%pollinate local --step one\n'another', 'word' in globals()",
        "%pollinator graph run --dry-run",
        "%pollinator jobs",
        "%pollinator graph run --quiet",
        "[job.value for job in _.values()]",
        "%pollinator graph clear",
        "%pollinator graph show",
    )

    *_, replaced, dry, jobs, ran, values, cleared, nothing = notebook.cells
    assert shown(replaced)[0].startswith("Step 'one' is replaced. `%pollinator graph run` submits the 2 steps.")
    text = printed(dry)
    first, second = json.loads(text[: text.rindex("}") + 1])["functionspecs"]
    assert (first["nodename"], second["conditions"]["dependencies"]) == ("one", ["one"])
    assert second["fs"]["dirs"][-1]["dir"].endswith("/steps/one")
    assert second["fs"]["dirs"][-1]["label"] == first["fs"]["dirs"][0]["label"]
    assert "Nothing was sent." in text
    assert "No jobs yet" in printed(jobs)
    assert len(shown(ran)) == 1
    assert shown(values) == ["[('another', False), 'given']"]
    assert printed(cleared) == "Forgotten: 2 steps.\n"
    assert "No steps yet" in printed(nothing)


def test_what_cannot_be_meant_makes_no_project_and_sends_nothing(execute, tmp_path):
    notebook = execute(
        LOAD,
        "%%pollinate local --step a/b\n1",
        "%%pollinate local --step fit --after prepare\n1",
        "%%pollinate local --step fit --each x=1:3\n1",
        "%pollinator graph run",
        allow_errors=True,
    )

    name, after, each, run = (error_of(cell).evalue for cell in notebook.cells[1:])
    assert "'a/b' is not the name of a step" in name
    assert "There are no steps yet. Run its cell first." in after
    assert "--each does not go with --step" in each
    assert "What was collected before the kernel was started is gone" in run
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_fails_ends_the_cell_with_what_failed_and_what_never_ran(kernel):
    kernel.run("%%pollinate local --step good\nopen('result/good.txt', 'w').write('kept')")
    kernel.run("%%pollinate local --step bad --after good\nprint('so far')\n1 / 0")
    kernel.run("%%pollinate local --step last --after bad\n1")
    cell = kernel.run("%pollinator graph run --as graph")

    assert cell.reply["ename"] == "GraphFailed"
    assert cell.reply["evalue"].startswith("Step 'bad' of 3 failed. Never ran: 'last'.\nProcess ")
    assert "ZeroDivisionError: division by zero (line 3 of the cell)" in cell.reply["evalue"]
    assert "| ZeroDivisionError" in cell.reply["evalue"]
    assert len(cell.reply["traceback"]) == 1
    assert cell.plain.startswith("local · 3 steps: 1 failed, 1 success, 1 never ran · after ")
    assert "last: never ran, after bad" in cell.card["text/html"]
    assert "so far" in cell.card["text/html"]
    assert kernel.run("print(graph['good'].results['good.txt'].text())").printed == "kept\n"


def test_in_a_terminal_the_steps_are_text(environment, tmp_path):
    code = (
        "ip = get_ipython()\n"
        "ip.run_line_magic('load_ext', 'pollinator_magic')\n"
        "ip.run_cell_magic('pollinate', 'local --step one', 'print(1)')\n"
        "ip.run_cell_magic('pollinate', 'local --step two --after one', '2')\n"
        "ip.run_line_magic('pollinator', 'graph show')\n"
        "ip.run_line_magic('pollinator', 'graph run')"
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", code],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert "two   one    collected  local" in done.stdout
    assert "2 steps: 2 success" in done.stdout
    assert "<img" not in done.stdout


# --- while it runs ---------------------------------------------------------------------------------------------------


def test_the_live_card_has_a_picture_buttons_and_the_logs_in_a_fold(kernel, tmp_path):
    collect_two(kernel, tmp_path / "go")
    cell = kernel.begin("%pollinator graph run")
    kernel.until(lambda: set(kernel.buttons()) == {"Cancel graph", "Detach"})
    kernel.until(lambda: "first: running" in values_of(kernel))
    kernel.until(lambda: "log of <b>first</b>" in values_of(kernel))
    kernel.until(lambda: WIDGET in cell.card)
    assert len(cell.mark["jobs"]) == cell.mark["count"] == 2

    (tmp_path / "go").touch()
    kernel.finish(cell)

    assert WIDGET not in cell.card
    assert kernel.buttons() == {}
    assert "2 steps: 2 success" in cell.plain
    assert cell.mark["final"] is True


def test_a_click_cancels_the_graph(kernel, tmp_path):
    collect_two(kernel, tmp_path / "go")
    cell = kernel.begin("%pollinator graph run")
    kernel.until(lambda: "first: running" in values_of(kernel))

    kernel.click("Cancel graph")
    kernel.finish(cell)

    assert cell.reply["ename"] == "JobCancelled"
    assert "2 steps: 2 cancelled" in cell.reply["evalue"]
    assert "2 steps: 2 cancelled" in cell.plain
    assert kernel.astray == []


def test_the_stop_button_ends_following_and_the_card_goes_on(kernel, tmp_path):
    collect_two(kernel, tmp_path / "go")
    cell = kernel.begin("%pollinator graph run")
    kernel.until(lambda: "first: running" in values_of(kernel))
    kernel.interrupt()
    kernel.finish(cell)

    assert cell.reply["ename"] == "Interrupted"
    assert "goes on. Follow it again with `%pollinator attach " in cell.reply["evalue"]
    other = kernel.run("print('another cell')")

    (tmp_path / "go").touch()
    kernel.until(lambda: WIDGET not in cell.card)

    assert "2 steps: 2 success" in cell.plain
    assert "second/end.txt" in cell.plain
    assert other.printed == "another cell\n"
    assert kernel.astray == []


def test_a_second_interrupt_cancels_the_graph(kernel, tmp_path):
    kernel.run(PATIENT)
    collect_two(kernel, tmp_path / "go")
    cell = kernel.begin("%pollinator graph run --as graph")
    kernel.until(lambda: "first: running" in values_of(kernel))
    kernel.interrupt_twice(cell)

    assert "the graph was cancelled. 2 steps: 2 cancelled" in cell.reply["evalue"]
    assert kernel.run("print(graph.summary)").printed == "2 steps: 2 cancelled\n"


def test_a_detached_graph_goes_on_updating_its_card_and_prints_nowhere(kernel, tmp_path):
    collect_two(kernel, tmp_path / "go")
    cell = kernel.run("%pollinator graph run --detach")
    assert cell.reply["status"] == "ok"
    kernel.until(lambda: "first: running" in values_of(kernel))
    kernel.until(lambda: set(kernel.buttons()) == {"Cancel graph"})
    shown_again = kernel.run("_")

    (tmp_path / "go").touch()
    kernel.until(lambda: WIDGET not in cell.card and WIDGET not in shown_again.card)

    assert "2 steps: 2 success · after" in cell.plain
    assert "second/end.txt" in cell.plain
    assert "end.txt" in cell.card["text/html"]
    assert kernel.run("_.states()['second'].value").outputs[0]["data"]["text/plain"] == "'success'"
    assert kernel.astray == []


def test_a_graph_is_taken_up_again_by_another_kernel_and_unsent_steps_are_not(kernels, tmp_path):
    kernel = kernels()
    collect_two(kernel, tmp_path / "go")
    graph_id = kernel.run("%pollinator graph run --detach\nprint(_.id)").printed.strip()
    kernel.close()
    other = kernels()

    cell = other.begin(f"%pollinator attach {graph_id[:10]}")
    other.until(lambda: "first: running" in values_of(other))
    (tmp_path / "go").touch()
    other.finish(cell)

    assert cell.reply["status"] == "ok"
    assert "2 steps: 2 success" in cell.plain
    assert other.run("print(_['second'].results['end.txt'].text())").printed == "the end\n"
    assert "second/end.txt" in "".join(str(output) for output in cell.outputs)
    drawn = other.run(f"%pollinator graph show {graph_id[:10]}")
    assert "first: success; second: success, after first" in drawn.card["text/html"]
    unsent = other.run("%pollinator graph run")
    assert unsent.reply["ename"] == "UsageError"
    assert "There are no steps" in unsent.reply["evalue"]


def test_a_graph_is_meant_by_its_variable_its_id_and_a_process_of_it(kernel, tmp_path):
    collect_two(kernel, tmp_path / "go")
    kernel.run("%pollinator graph run --detach --as graph")

    logs = kernel.run("%pollinator logs graph")
    step = kernel.run("%pollinator cancel {graph['first'].id}")
    cancelled = kernel.run("%pollinator cancel graph")
    drawn = kernel.run("%pollinator graph show {graph['first'].id}")

    assert "'graph' is a graph of 2 steps; name one of its processes: first " in logs.reply["evalue"]
    assert "which can only be cancelled as a whole: `%pollinator cancel " in step.reply["evalue"]
    assert "cancelled. 2 steps: 2 cancelled" in cancelled.printed
    assert "second  first  cancelled" in drawn.plain
