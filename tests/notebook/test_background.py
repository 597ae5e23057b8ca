"""Jobs that no cell follows: their cards go on by themselves, and nothing of theirs gets into other cells."""

from __future__ import annotations

import ast

import pytest

from tests.jobs import waiting_for
from tests.notebook.kernels import NEWEST, VERSIONS, WIDGET, loaded_kernel, put_in_front

pytestmark = pytest.mark.notebook


@pytest.fixture
def kernel(request, environment, monkeypatch, tmp_path):
    """A kernel of this ipykernel, by default the newest, with the extension loaded."""
    put_in_front(monkeypatch, getattr(request, "param", NEWEST))
    with loaded_kernel(tmp_path) as front_end:
        yield front_end


def detached(tmp_path, *, then: str = "", options: str = "") -> str:
    """A cell whose job waits for a file and then does something."""
    program = waiting_for(tmp_path / "go", says="begun", then=then)
    return f"%%pollinate local --detach --as job {options}\n{program}"


@pytest.mark.parametrize("kernel", VERSIONS, indirect=True)
def test_a_detached_card_ends_while_another_cell_runs_and_prints_nothing_there(kernel, tmp_path):
    job = kernel.run(detached(tmp_path, then="print('ended')\nopen('result/a.txt', 'w').write('42')"))
    assert job.reply["status"] == "ok"
    assert "%pollinator attach" in job.plain
    kernel.until(lambda: "begun" in str(kernel.widgets))

    other = kernel.begin(waiting_for(tmp_path / "stop", says="other"))
    kernel.until(lambda: "other" in other.printed)
    (tmp_path / "go").touch()
    kernel.until(lambda: "a.txt" in job.plain)
    (tmp_path / "stop").touch()
    kernel.finish(other)

    assert "local · success after" in job.plain
    assert "| ended" in job.plain
    assert WIDGET not in job.card
    assert "<pre>" in job.card["text/html"]
    assert "a.txt" in job.card["text/html"]
    assert "attach" not in job.plain
    assert (other.printed, kernel.astray) == ("other\n", [])
    assert kernel.run("print(job.process.status, job.results['a.txt'].text())").printed == "success 42\n"


def test_a_detached_job_that_fails_says_why_in_its_card(kernel, tmp_path):
    (tmp_path / "go").touch()
    then = "open('result/kept.txt', 'w').write('42')\nraise ValueError('no <b>bees</b>')"
    job = kernel.run(detached(tmp_path, then=then))

    kernel.until(lambda: "kept.txt" in job.plain)

    assert "local · failed after" in job.plain
    assert "ValueError: no <b>bees</b>" in job.plain
    assert "<b>bees" not in job.card["text/html"]
    assert "&lt;b&gt;bees" in job.card["text/html"]
    assert "It left 1 result" in job.plain


def test_only_the_results_that_were_asked_for_are_fetched(kernel, tmp_path):
    (tmp_path / "go").touch()
    then = "for name in ('a.txt', 'b.csv'): open(f'result/{name}', 'w').write('42')"
    job = kernel.run(detached(tmp_path, then=then, options="--get *.csv"))

    kernel.until(lambda: "b.csv" in job.plain)

    assert "a.txt" not in job.plain


def test_the_button_of_a_detached_card_cancels_its_job(kernel, tmp_path):
    job = kernel.run(detached(tmp_path))
    kernel.until(lambda: "begun" in str(kernel.widgets))

    kernel.click("Cancel")
    kernel.until(lambda: "· cancelled" in job.plain)

    assert WIDGET not in job.card
    assert kernel.run("print(job.state)").printed == "cancelled\n"


def test_a_cell_that_attaches_takes_the_job_over_from_its_card(kernel, tmp_path):
    first = kernel.run(detached(tmp_path, then="print('ended')"))
    kernel.until(lambda: "begun" in str(kernel.widgets))

    second = kernel.begin("%pollinator attach job")
    kernel.until(lambda: "begun" in second.printed)
    (tmp_path / "go").touch()
    kernel.finish(second)

    assert "ended" in second.printed
    assert "success" in second.plain
    assert "Followed by a later cell" in first.plain
    assert WIDGET not in first.card


def test_a_card_goes_on_when_the_extension_is_unloaded(kernel, tmp_path):
    job = kernel.run(detached(tmp_path, then="print('ended')"))
    kernel.run("%unload_ext pollinator_magic")
    (tmp_path / "go").touch()

    kernel.until(lambda: "success" in job.plain)
    kernel.until(lambda: "ended" in job.plain)


def test_many_detached_jobs_share_their_threads_and_leave_none(kernel, tmp_path):
    kernel.run(
        "import threading\n"
        "def ours():\n"
        "    names = [thread.name for thread in threading.enumerate()]\n"
        "    return sorted(n for n in names if n.startswith(('pollinator-', 'watch-')) and 'files' not in n)"
    )
    cards = [kernel.run(detached(tmp_path)) for _ in range(6)]
    kernel.until(lambda: "begun" in str(kernel.widgets))

    names = ast.literal_eval(kernel.run("print(ours())").printed)
    assert sorted({*names} - {"pollinator-waiting"}) == ["pollinator-cards", "pollinator-poller"]
    assert len(names) == len({*names})

    (tmp_path / "go").touch()
    kernel.until(lambda: all("success" in card.plain for card in cards))
    kernel.until(lambda: kernel.run("print(ours())").printed == "[]\n")


def test_a_kernel_with_detached_jobs_ends_at_once(kernel, tmp_path):
    kernel.run(detached(tmp_path))
    kernel.until(lambda: "begun" in str(kernel.widgets))

    assert kernel.shut_down() == 0


def test_what_a_job_prints_cannot_forge_the_card(kernel, tmp_path):
    (tmp_path / "go").touch()
    job = kernel.run(detached(tmp_path, then=r"print('</pre><script>alert(1)</script>\x1b[2J\x1b[31mred\x1b[0m')"))

    kernel.until(lambda: "success" in job.plain)

    assert "<script" not in job.card["text/html"]
    assert "\x1b" not in job.card["text/html"] + job.plain
    assert "alert(1)" in job.plain
    assert all("<script" not in str(state.get("value")) for state in kernel.widgets.values())
