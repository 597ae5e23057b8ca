"""The executor picker, as somebody with a mouse and a keyboard sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Capabilities, Conditions, Executor, FunctionSpec, Gpu, Hardware
from tests.browser.conftest import KERNEL_IS_IDLE
from tests.browser.themes import dark
from tests.colony_server import running_colony

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
RUN_NEXT = "() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"


def test_an_executor_is_chosen_and_the_next_bare_cell_runs_on_it(new_notebook):
    page = new_notebook("%load_ext pollinator_magic", "%pollinator pick", "%%pollinate\nprint('ran on', 6 * 7)")
    page.evaluate(RUN_NEXT)
    page.evaluate(RUN_NEXT)
    picker = page.locator(".pollinator-picker")
    picker.locator("select option", has_text="local").wait_for(state="attached")
    line = picker.locator("code.pollinator-line")

    picker.get_by_placeholder("filter").fill("no such thing")
    picker.get_by_text("No executor matches").wait_for()
    picker.get_by_placeholder("filter").fill("embedded")
    picker.locator("select[size]").select_option(index=0)
    page.wait_for_function("() => document.querySelector('.pollinator-line').textContent === '%%pollinate local'")
    picker.get_by_placeholder("e.g. 10m").fill("soon")
    page.keyboard.press("Enter")
    picker.get_by_text("'soon' is not a time").wait_for()
    assert line.text_content() == "%%pollinate local"
    picker.get_by_placeholder("e.g. 10m").fill("5m")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.pollinator-line').textContent.endsWith('--walltime 5m')")
    picker.get_by_role("button", name="Use for this notebook").click()
    picker.get_by_text("now run on local (walltime 5m)").wait_for()
    screenshot(picker, "picker-local.png")

    page.locator(".jp-CodeCell", has_text="6 * 7").locator(".cm-content").click()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
    page.get_by_text("ran on 42").wait_for()


def test_everything_can_be_done_with_the_keyboard(new_notebook):
    page = new_notebook("%load_ext pollinator_magic", "%pollinator pick")
    page.evaluate(RUN_ALL)
    picker = page.locator(".pollinator-picker")
    picker.locator("select option", has_text="local").wait_for(state="attached")
    page.wait_for_function(KERNEL_IS_IDLE)

    field = picker.get_by_placeholder("e.g. local")
    field.click()
    expect(field).to_be_focused()
    page.keyboard.type("local")
    page.keyboard.press("Tab")
    expect(picker.get_by_placeholder("e.g. 1", exact=True)).to_be_focused()
    page.keyboard.type("2")
    for _ in range(5):
        page.keyboard.press("Tab")
    page.wait_for_function("() => document.querySelector('.pollinator-line').textContent.endsWith('local --nodes 2')")
    assert page.evaluate("() => document.activeElement.textContent") == "Use for this notebook"
    page.keyboard.press("Space")

    picker.get_by_text("now run on local (nodes 2)").wait_for()
    assert picker.locator("select[size]").evaluate("list => list.selectedIndex") == 0


@pytest.mark.parametrize("notebook_7", [False, True])
def test_the_line_is_selected_as_a_whole_by_one_click(new_notebook, notebook_7):
    page = new_notebook("%load_ext pollinator_magic", "%pollinator pick", notebook_7=notebook_7)
    page.evaluate(RUN_ALL)

    page.locator("code.pollinator-line").click()

    assert page.evaluate("() => getSelection().toString()") == "%%pollinate"


def test_a_colony_of_two_hundred_is_found_through_and_stays_where_it_was_scrolled_to(new_notebook):
    with running_colony("lumi") as colony:
        register(colony, 200)
        page = new_notebook(environment(colony), "%load_ext pollinator_magic\n%pollinator pick")
        page.evaluate(RUN_ALL)
        picker = page.locator(".pollinator-picker")
        picker.get_by_text("200 executors of colony").wait_for()
        rows = picker.locator("select[size]")
        assert rows.locator("option").count() == 201
        screenshot(picker, "picker-200.png")

        rows.evaluate("list => { list.scrollTop = 900 }")
        before = rows.evaluate("list => list.scrollTop")
        submit(colony, "node-007")
        page.wait_for_function(
            "() => [...document.querySelectorAll('.pollinator-picker select[size] option')]"
            ".some(row => row.textContent.includes('node-007') && /never\\s+0\\s+1\\s/.test(row.textContent))"
        )
        assert rows.evaluate("list => list.scrollTop") == before

        picker.get_by_placeholder("filter").fill("a100 idle")
        page.wait_for_function("() => document.querySelectorAll('.pollinator-picker select[size] option').length === 4")
        rows.select_option(index=1)
        page.wait_for_function("() => document.querySelector('.pollinator-line').textContent.includes('gpu')")
        picker.get_by_placeholder("e.g. 4Gi").fill("64Gi")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.querySelector('.pollinator-line').textContent.endsWith('64Gi')")
        screenshot(picker, "picker-light.png")
        with dark(page):
            screenshot(picker, "picker-dark.png")


def screenshot(picker, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picker.screenshot(path=SCREENSHOTS / name)


def environment(colony) -> str:
    """Return a cell that makes this colony the configured one."""
    return (
        "import os\n"
        f"os.environ |= {{'COLONIES_SERVER_HOST': '127.0.0.1', 'COLONIES_SERVER_PORT': '{colony.server.port}',\n"
        f"    'COLONIES_TLS': 'false', 'COLONIES_COLONY_NAME': '{colony.colony}',\n"
        f"    'COLONIES_PRVKEY': '{colony.user_key.reveal()}'}}"
    )


def register(colony, count: int) -> None:
    """Register executors; every fiftieth one has GPUs and asks for work."""
    with Colonies(colony.server, colony.colony, colony.owner_key) as owner:
        for number in range(count):
            with_gpus = number % 50 == 0
            key, name = PrivateKey.generate(), f"{'gpu' if with_gpus else 'node'}-{number:03}"
            hardware = Hardware(
                nodes=1 + number % 4,
                cpu="64000m",
                mem="262144Mi",
                gpu=Gpu(name="A100", count=8) if with_gpus else Gpu(),
            )
            owner.add_executor(
                Executor(
                    executorid=key.identity,
                    executorname=name,
                    executortype="hpc-executor" if with_gpus else "container-executor",
                    colonyname=colony.colony,
                    locationname="Kajaani",
                    capabilities=Capabilities(hardware=[hardware]),
                )
            )
            owner.approve_executor(name)
            if with_gpus:
                with Colonies(colony.server, colony.colony, key) as executor:
                    executor.assign(-1)


def submit(colony, name: str) -> None:
    conditions = Conditions(
        colonyname=colony.colony, executornames=[name], executortype="container-executor", processespernode=1
    )
    with Colonies(colony.server, colony.colony, colony.user_key) as client:
        client.submit(FunctionSpec(funcname="execute", conditions=conditions, maxwaittime=-1))
