"""Following in a cell: awaited where the kernel can, with the same output where it cannot; interrupts; buttons.

In real kernels of three ipykernels, because each handles interrupts and clicks in its own way.
"""

from __future__ import annotations

import ast
import os

import pytest

from pollinator_magic.project import Project
from tests.jobs import waiting_for
from tests.notebook.conftest import printed, shown
from tests.notebook.kernels import LOAD, NEWEST, VERSIONS, WIDGET, loaded_kernel, put_in_front

pytestmark = pytest.mark.notebook

PREFIX = {"awaited": "", "blocking": "%%time\n"}


@pytest.fixture(params=VERSIONS)
def ipykernel(request, environment, monkeypatch):
    """One of the ipykernels, for all kernels of this test."""
    put_in_front(monkeypatch, request.param)
    return request.param


@pytest.fixture
def kernel(ipykernel, tmp_path):
    """A kernel with the extension loaded."""
    with loaded_kernel(tmp_path) as front_end:
        yield front_end


def until_there_is(file) -> str:
    """A program that says that it has begun, waits for this file, and says that it has ended."""
    return waiting_for(file, says="begun", then="print('ended')")


def test_the_ipykernel_is_the_one_that_is_meant(kernel, ipykernel):
    version = kernel.run("import ipykernel; print(ipykernel.__version__)").printed.strip()

    assert (version == ipykernel) is (ipykernel != NEWEST)
    assert int(version.split(".")[0]) >= 6


def test_a_cell_is_awaited_where_it_can_be_and_shows_the_same_everywhere(ipykernel, execute, tmp_path):
    program = "print('value is', 42)"
    cell = f"%%pollinate local\n{program}"
    (tmp_path / "in_a_file.ipy").write_text(cell)
    ways = {
        cell: True,
        "# the project as it is\n%pollinate local --quiet\n%pollinator attach {_.id} --all": True,
        f"%%time\n{cell}": False,
        f"%%timeit -n1 -r1\n{cell}": False,
        f"get_ipython().run_cell({cell!r}).success": False,
        f"def inside():\n    get_ipython().run_cell_magic('pollinate', 'local', {program!r})\ninside()": False,
        "for _ in range(1):\n    %pollinate local": False,
        "%run in_a_file.ipy": False,
        f"%%capture captured\n{cell}": False,
        "captured()": False,
        'text = """\nget_ipython().run_line_magic("pollinate", "local")\n"""; print("value is", 42)': False,
    }
    notebook = execute(LOAD, *ways, "print(['await get_' in code for code in In[2:-1]])")

    said = {cell.source: "value is 42" in printed(cell) for cell in notebook.cells[1:-1]}
    assert said == {way: not way.startswith("%%capture") for way in ways}
    assert dict(zip(ways, ast.literal_eval(printed(notebook.cells[-1])), strict=True)) == ways


def test_without_autoawait_a_cell_blocks(ipykernel, execute):
    cell = "%%pollinate local\nprint('value is', 42)"

    notebook = execute(
        LOAD, "%autoawait off", cell, "'await' in In[-2]", "%autoawait asyncio", cell, "'await' in In[-2]"
    )

    assert "value is 42" in printed(notebook.cells[2])
    assert "value is 42" in printed(notebook.cells[5])
    assert shown(notebook.cells[3]) + shown(notebook.cells[6]) == ["False", "True"]


def test_errors_in_cells_silent_requests_and_reloading_change_nothing(kernel):
    cell = "%%pollinate local\nprint('value is', 42)"

    assert kernel.run("def").reply["status"] == "error"
    assert kernel.run("%%nonsense\n1").reply["status"] == "error"
    assert kernel.run("%pollinate local --nonsense").reply["ename"] == "UsageError"
    assert kernel.run(cell, silent=True).reply["status"] == "ok"
    assert kernel.run(cell, store_history=False).reply["status"] == "ok"
    assert kernel.run("").reply["status"] == "ok"
    assert kernel.run("%reload_ext pollinator_magic").reply["status"] == "ok"
    assert "value is 42" in kernel.run(cell).printed
    transformers = "[t.__name__ for t in get_ipython().input_transformers_post]"
    assert kernel.run(f"print('await' in In[-2], {transformers})").printed == "True ['await_jobs']\n"

    assert kernel.run("%unload_ext pollinator_magic").reply["status"] == "ok"
    assert kernel.run(f"print({transformers}, hasattr(get_ipython(), 'pollinated'))").printed == "[] False\n"
    assert kernel.run(cell).reply["status"] == "error"


def test_variables_in_the_line_are_the_users(kernel):
    """The magic is called through one more function than usual, whose own variables must not be found."""
    kernel.run("%%pollinate local --as job\nprint('value is', 42)")
    kernel.run("magic = line = self = token = job.short_id")
    for name in ("magic", "line", "self", "token"):
        assert "value is 42" in kernel.run(f"%pollinator attach {{{name}}} --all").printed

    kernel.run("magic = line = cell = self = token = 'local'")
    for name in ("magic", "line", "cell", "self", "token"):
        assert "value is 42" in kernel.run(f"%%pollinate {{{name}}}\nprint('value is', 42)").printed


def test_a_failing_cell_stops_what_comes_after_it(kernel):
    job = kernel.begin("%%pollinate local\nraise SystemExit(3)", stop_on_error=True)
    after = kernel.begin("print('not reached')")

    assert kernel.finish(job).reply["ename"] == "JobFailed"
    assert kernel.finish(after).reply["status"] != "ok"
    assert after.printed == ""


def test_the_next_cell_waits_until_an_awaited_one_has_ended(kernel, tmp_path):
    job = kernel.begin(f"%%pollinate local\n{until_there_is(tmp_path / 'go')}")
    after = kernel.begin("print('after')")
    kernel.until(lambda: "begun" in job.printed)
    assert after.printed == ""

    (tmp_path / "go").touch()
    kernel.finish(after)

    assert "ended" in job.printed
    assert "success" in job.plain
    assert job.reply["status"] == "ok"


@pytest.mark.parametrize("way", PREFIX)
def test_the_stop_button_ends_following_and_the_card_goes_on(kernel, tmp_path, way):
    job = kernel.begin(f"{PREFIX[way]}%%pollinate local --as job\n{until_there_is(tmp_path / 'go')}")
    kernel.until(lambda: "begun" in job.printed)
    kernel.interrupt()
    kernel.finish(job)

    assert job.reply["ename"] == "Interrupted"
    assert "goes on" in job.reply["evalue"]
    assert "%pollinator attach" in job.reply["evalue"]
    assert "%pollinator cancel" in job.reply["evalue"]
    assert len(job.reply["traceback"]) == 1
    assert "· running" in job.plain

    other = kernel.run("print('another cell')")
    (tmp_path / "go").touch()
    kernel.until(lambda: "success" in job.plain)
    assert WIDGET not in job.card
    assert "ended" in job.plain
    assert other.printed == "another cell\n"
    assert kernel.astray == []
    assert kernel.run("print(job.process.status)").printed == "success\n"


@pytest.mark.parametrize("way", PREFIX)
def test_a_second_interrupt_cancels(kernel, tmp_path, way):
    job = kernel.begin(f"{PREFIX[way]}%%pollinate local --as job\n{until_there_is(tmp_path / 'go')}")
    kernel.until(lambda: "begun" in job.printed)
    kernel.interrupt()
    kernel.until(lambda: "Interrupt once more" in job.printed)
    kernel.interrupt()
    kernel.finish(job)

    assert job.reply["ename"] == "Interrupted"
    assert "was cancelled" in job.reply["evalue"]
    assert "cancelled" in job.plain
    assert kernel.run("print(job.state)").printed == "cancelled\n"


def test_an_interrupt_while_the_job_is_sent_says_where_to_look(kernel, tmp_path):
    kernel.run("%%pollinate local\nprint('makes the project')")
    with Project.open(tmp_path).lock():
        job = kernel.begin("%%pollinate local\nprint('sent')")
        kernel.until(lambda: "another" in job.printed)
        kernel.interrupt()
        kernel.finish(job)

    assert job.reply["ename"] == "Interrupted"
    assert "while the job was being sent" in job.reply["evalue"]
    assert "value is 42" in kernel.run("%%pollinate local\nprint('value is', 42)").printed


def test_a_job_that_waits_says_why(kernel, tmp_path):
    everything = f"--cpu {os.cpu_count()}000m"
    first = kernel.run(f"%%pollinate local --detach --as first {everything}\n{until_there_is(tmp_path / 'go')}")
    second = kernel.begin(f"%%pollinate local {everything}\nprint('value is', 42)")
    third = kernel.begin("print('third')")

    kernel.until(lambda: all(said in str(kernel.widgets) for said in ("waiting: executor last heard", "next in line")))
    (tmp_path / "go").touch()
    kernel.finish(third)

    assert "value is 42" in second.printed
    assert "waiting" not in second.plain
    assert first.plain


def test_with_on_interrupt_cancel_the_first_interrupt_cancels(kernel, tmp_path):
    job = kernel.begin(f"%%pollinate local --on-interrupt cancel --as job\n{until_there_is(tmp_path / 'go')}")
    kernel.until(lambda: "begun" in job.printed)
    kernel.interrupt()
    kernel.finish(job)

    assert "was cancelled" in job.reply["evalue"]
    assert "once more" not in job.printed
    assert kernel.run("print(job.state)").printed == "cancelled\n"


def test_after_an_interrupt_an_interrupt_means_what_it_always_means(kernel, tmp_path):
    job = kernel.begin(f"%%pollinate local --on-interrupt cancel\n{until_there_is(tmp_path / 'go')}")
    kernel.until(lambda: "begun" in job.printed)
    kernel.interrupt()
    kernel.finish(job)

    plain = kernel.begin("import time\nprint('here', flush=True)\nwhile True: time.sleep(0.01)")
    kernel.until(lambda: "here" in plain.printed)
    kernel.interrupt()
    assert kernel.finish(plain).reply["ename"] == "KeyboardInterrupt"


def test_buttons_are_offered_only_where_a_click_arrives(kernel, ipykernel, tmp_path):
    job = kernel.begin(f"%%pollinate local\n{until_there_is(tmp_path / 'go')}")
    kernel.until(lambda: "begun" in job.printed)
    kernel.until(lambda: WIDGET in job.card)
    assert set(kernel.buttons()) == (set() if ipykernel == "6.31.0" else {"Cancel", "Detach"})

    kernel.interrupt()
    kernel.finish(job)
    kernel.until(lambda: set(kernel.buttons()) == {"Cancel"})

    kernel.click("Cancel")
    kernel.until(lambda: "cancelled" in job.plain)
    kernel.until(lambda: kernel.buttons() == {})
    assert WIDGET not in job.card
    assert kernel.astray == []


def test_a_job_that_is_over_soon_makes_no_widget(kernel):
    kernel.run("from pollinator_magic.notebook import livecard\nlivecard.WIDGET_AFTER_S = 1000")

    job = kernel.run("%%pollinate local\nprint('soon over')")
    sweep = kernel.run("%%pollinate local --each x=1,2\nx")

    assert "success after" in job.plain
    assert "2 success" in sweep.plain
    assert kernel.widgets == {}


@pytest.mark.parametrize(
    ("ipykernel", "way", "by_subshell"),
    [
        (NEWEST, "awaited", False),
        (NEWEST, "awaited", True),
        (NEWEST, "blocking", True),
        ("7.3.0", "awaited", True),
        ("7.3.0", "blocking", True),
    ],
    indirect=["ipykernel"],
)
def test_a_click_on_cancel_ends_the_job_while_its_cell_runs(kernel, tmp_path, way, by_subshell):
    job = kernel.begin(f"{PREFIX[way]}%%pollinate local --as job\n{until_there_is(tmp_path / 'go')}")
    kernel.until(lambda: "begun" in job.printed)

    kernel.click("Cancel", by_subshell=by_subshell)
    kernel.finish(job)

    assert job.reply["ename"] == "JobCancelled"
    assert "· cancelled after" in job.plain
    assert kernel.astray == []
    assert kernel.run("print(job.state)").printed == "cancelled\n"


@pytest.mark.parametrize("ipykernel", [NEWEST], indirect=True)
def test_a_click_on_detach_ends_the_cell_and_not_the_job(kernel, tmp_path):
    job = kernel.begin(f"%%pollinate local --as job\n{until_there_is(tmp_path / 'go')}")
    after = kernel.begin("print(job.state)")
    kernel.until(lambda: "begun" in job.printed)

    kernel.click("Detach")
    kernel.finish(after)

    assert job.reply["status"] == "ok"
    assert after.printed == "running\n"
    assert "%pollinator attach" in job.plain
    (tmp_path / "go").touch()
    kernel.until(lambda: "success" in job.plain)
    assert "ended" in job.plain
    assert "ended" not in job.printed
    assert "attach" not in job.plain


@pytest.mark.parametrize("way", PREFIX)
def test_a_kernel_that_is_shut_down_while_it_follows_ends_by_itself(kernel, tmp_path, way):
    job = kernel.begin(f"{PREFIX[way]}%%pollinate local\n{until_there_is(tmp_path / 'go')}")
    kernel.until(lambda: "begun" in job.printed)

    assert kernel.shut_down() == 0
