"""The sidebar: the colony, its executors, and its jobs as they live, with the mouse and without."""

from __future__ import annotations

import pytest

from pollinator_magic.jobs import Session
from tests.browser.cells import LOAD, RUN_ALL, cell, output, picture
from tests.browser.jupyterlab import running_lab
from tests.browser.labext.panel import colony_of, open_page, open_panel, rows, section, submit, wait_for_total
from tests.browser.themes import DARK, LIGHT, show_in
from tests.jobs import waiting_for

pytestmark = pytest.mark.browser

FOCUSED = "() => document.activeElement.closest('[role=row]')?.dataset.id"
COPIED = "() => navigator.clipboard.readText()"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab whose embedded colony these tests may stop and empty."""
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def colony(lab):
    """The embedded colony, which does not run and has no jobs."""
    colony = colony_of(lab)
    colony.reset(confirmed=True)
    return colony


def job(go, options: str = "") -> str:
    return f"%%pollinate local --detach {options}\n{waiting_for(go)}"


def row(panel, text: str):
    return rows(panel).filter(has_text=text)


def test_an_embedded_colony_that_does_not_run_is_named_and_started_by_a_click(lab, colony, page):
    failed = []
    page.on("response", lambda reply: failed.append(reply.url) if reply.status >= 500 else None)
    panel = open_page(lab, page)

    shown = section(panel, "colony")
    shown.get_by_text("The embedded colony is not running.").wait_for()
    assert section(panel, "executors").get_by_text("when the colony is reachable").is_visible()
    assert section(panel, "jobs").get_by_text("when the colony is reachable").is_visible()
    assert page.locator(".pollinator-Status:visible").count() == 0
    picture(page, "panel-not-running")
    assert failed == []
    choices = shown.get_by_label("Colony to show")
    assert choices.get_by_role("option").last.is_disabled()
    assert "COLONIES" in choices.get_attribute("title")

    shown.get_by_role("button", name="Start").click()

    shown.get_by_text("Connected").wait_for()
    executor = rows(panel, "Executors").filter(has_text="local")
    executor.get_by_text("Idle").wait_for()
    assert colony.running
    section(panel, "jobs").get_by_text("%%pollinate local").wait_for()
    page.get_by_role("button", name="Pollinator: 0 running").wait_for()
    picture(page, "panel-empty")


def test_a_job_appears_and_is_cancelled_from_its_row_while_another_cell_blocks_the_kernel(
    colony, new_notebook, go, tmp_path
):
    colony.start()
    stop = tmp_path / "stop"
    page = new_notebook(LOAD, job(go, "--each lr=0.1"), waiting_for(stop, says="busy"))
    panel = open_panel(page)

    page.evaluate(RUN_ALL)
    output(page, 2).get_by_text("busy").wait_for()
    shown = row(panel, "lr=0.1")
    shown.get_by_text("Running").wait_for()
    shown.get_by_role("button", name="notebook.ipynb").wait_for()
    page.get_by_role("button", name="Pollinator: 1 running").wait_for()
    shown.hover()
    picture(page, "panel-running")
    shown.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel Job").click()

    shown.get_by_text("Cancelled").wait_for()
    page.get_by_role("button", name="Pollinator: 0 running").wait_for()
    assert shown.get_by_role("button", name="Cancel").count() == 0
    assert cell(page, 2).locator(".jp-InputPrompt").inner_text() == "[*]:"
    stop.touch()


def test_a_second_later_only_the_time_of_open_jobs_is_drawn_again(colony, new_notebook, go):
    colony.start()
    page = new_notebook(LOAD, "%%pollinate local\nprint('fine')", job(go))
    panel = open_panel(page)
    page.evaluate(RUN_ALL)
    row(panel, "Success").wait_for()
    row(panel, "Running").wait_for()
    page.evaluate(
        """() => {
            window.drawn = [];
            const note = changes => window.drawn.push(
                ...changes.map(({target}) => (target.closest ?? target.parentElement.closest).call(
                    target.closest ? target : target.parentElement, '[role=row]')?.textContent ?? 'elsewhere'));
            new MutationObserver(note).observe(
                document.querySelector('[role=grid][aria-label=Jobs]'),
                {subtree: true, childList: true, characterData: true, attributes: true});
        }"""
    )

    page.wait_for_function("() => window.drawn.length >= 3")

    assert all("Running" in text for text in page.evaluate("() => window.drawn"))


def test_an_executor_is_put_into_the_active_cell_and_a_job_leads_back_to_its_notebook(colony, new_notebook):
    colony.start()
    page = new_notebook(LOAD, "print('from the executor')")
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
    panel = open_panel(page)

    executor = rows(panel, "Executors").filter(has_text="local")
    executor.hover()
    executor.get_by_role("button", name="Use in the active cell").click()
    cell(page, 1).get_by_text("%%pollinate local").wait_for()
    page.evaluate(RUN_ALL)
    row(panel, "notebook.ipynb").get_by_text("Success").wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.close()")
    page.locator(".jp-Notebook").wait_for(state="detached")
    row(panel, "Success").get_by_role("button", name="notebook.ipynb").click()
    page.locator(".jp-Notebook").get_by_text("from the executor").first.wait_for()
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex === 1")


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_the_sidebar_takes_the_colours_of_the_theme(colony, new_notebook, go, theme):
    colony.start()
    fails = "%%pollinate local --detach\n1/0"
    page = new_notebook(LOAD, "%%pollinate local --detach --each lr=0.1,0.01\nprint(lr)", fails, job(go))
    show_in(page, theme)
    panel = open_panel(page)
    page.evaluate(RUN_ALL)
    row(panel, "Failed").wait_for()
    row(panel, "lr=0.01").get_by_text("Success").wait_for()
    row(panel, "Running").wait_for()

    background, letters = panel.evaluate(
        "node => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color]"
    )

    assert (brightness(background) < brightness(letters)) == (theme == DARK)
    rows(panel).nth(1).hover()
    picture(page, f"panel-{'dark' if theme == DARK else 'light'}")


def brightness(colour: str) -> int:
    """Of e.g. "rgb(17, 17, 17)"."""
    return sum(int(part) for part in colour.removeprefix("rgb").strip("a()").split(",")[:3])


def test_filters_find_jobs_by_state_by_text_and_by_whose_they_are(lab, colony, page):
    ids = submit(lab, ["a", "b", "c"], executor_type="nobody")
    other = submit(lab, ["d"], executor_type="quantum")
    with Session(colony.connection()) as session:
        session.client.cancel(ids[0])
    panel = open_page(lab, page)
    jobs = section(panel, "jobs")
    wait_for_total(panel, 4)

    jobs.get_by_label("State").select_option("Cancelled")
    wait_for_total(panel, 1)
    assert [one.get_attribute("data-id") for one in rows(panel).all()] == ids[:1]

    jobs.get_by_label("State").select_option("Any state")
    search = jobs.get_by_role("searchbox")
    search.fill("QUANT")
    wait_for_total(panel, 1)
    assert [one.get_attribute("data-id") for one in rows(panel).all()] == other

    search.fill(ids[2][:12])
    row(panel, "nobody").wait_for()
    assert [one.get_attribute("data-id") for one in rows(panel).all()] == ids[2:]

    search.fill("nothing is like this")
    jobs.get_by_text("No job is like that.").wait_for()
    jobs.get_by_role("button", name="Show all jobs").click()
    wait_for_total(panel, 4)
    assert jobs.get_by_label("Whose jobs").input_value() == "all"
    assert search.input_value() == ""


def test_keys_lead_through_the_list_to_buttons_and_to_the_menu(lab, colony, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    submit(lab, [f"job-{number}" for number in range(60)])
    panel = open_page(lab, page)
    wait_for_total(panel, 60)
    ids = [one["id"] for one in lab.get("pollinator-magic/jobs").json()["jobs"]]

    section(panel, "jobs").get_by_label("State").focus()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == ids[0]
    for key, place in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("End", -1), ("ArrowUp", -2), ("Home", 0)):
        page.keyboard.press(key)
        page.wait_for_function(f"() => ({FOCUSED})() === {ids[place]!r}")
        assert panel.locator("[role=row]:focus").is_visible()

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "Open results"
    picture(page, "panel-keyboard")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+F10")
    menu = page.locator(".lm-Menu:visible")
    menu.get_by_text("Copy Job ID").wait_for()
    picture(page, "panel-menu")
    active = menu.locator(".lm-mod-active")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
        if active.inner_text().strip() == "Copy Job ID":
            break
    page.keyboard.press("Enter")
    menu.wait_for(state="detached")
    assert page.evaluate(COPIED) == ids[0]
    assert page.evaluate(FOCUSED) == ids[0]


def test_delete_cancels_and_enter_opens_the_log(lab, colony, page):
    (job_id,) = submit(lab, ["job"])
    panel = open_page(lab, page)
    shown = rows(panel).first
    shown.get_by_text("Waiting").wait_for()

    shown.focus()
    page.keyboard.press("Delete")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shown.get_by_text("Cancelled").wait_for()

    shown.focus()
    page.keyboard.press("Enter")
    page.locator(".lm-DockPanel .lm-TabBar-tabLabel").get_by_text(job_id[:8]).wait_for()


def test_a_colony_that_stops_is_told_with_its_remedy_and_what_was_seen_stays_until_it_is_back(lab, colony, page):
    submit(lab, ["before"])
    panel = open_page(lab, page)
    wait_for_total(panel, 1)

    colony.stop()

    shown = section(panel, "colony")
    shown.get_by_text("The embedded colony is not running.").wait_for()
    shown.get_by_text("Not reachable").wait_for()
    section(panel, "jobs").get_by_text("this is how the jobs were last seen").wait_for()
    assert rows(panel).count() == 1
    picture(page, "panel-stopped")

    colony.start()
    submit(lab, ["after"])

    shown.get_by_text("Connected").wait_for()
    wait_for_total(panel, 2)
    rows(panel, "Executors").filter(has_text="local").get_by_text("Idle").wait_for()
    assert panel.get_by_text("this is how the jobs were last seen").count() == 0


def test_the_panel_says_what_to_do_when_the_server_half_is_missing(tmp_path, page):
    with running_lab(tmp_path, "--ServerApp.jpserver_extensions={'pollinator_magic': False}") as bare:
        panel = open_page(bare, page)

        shown = section(panel, "colony")
        shown.get_by_text("jupyter server extension enable pollinator_magic").wait_for()
        assert shown.get_by_role("button", name="Retry").is_enabled()
        assert shown.get_by_role("button", name="Start").count() == 0
        picture(panel, "panel-missing")


def test_notebook_7_has_the_sidebar_too(colony, new_notebook, go):
    page = new_notebook(LOAD, job(go), notebook_7=True)
    panel = open_panel(page)
    section(panel, "colony").get_by_role("button", name="Start").click()
    rows(panel, "Executors").filter(has_text="local").get_by_text("Idle").wait_for()

    page.evaluate(RUN_ALL)

    row(panel, "Running").wait_for()
    picture(page, "panel-notebook-7")
    row(panel, "Running").get_by_role("button", name="notebook.ipynb").click()  # which is there already
    row(panel, "Running").get_by_role("button", name="Open log").click()
    page.locator(".pollinator-JobView").wait_for()
    assert len(page.context.pages) == 1
    assert page.locator(".jp-Notebook").is_visible()
    go.touch()
    row(panel, "Success").wait_for()
