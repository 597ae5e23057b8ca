"""Results of a job in JupyterLab: the listing, and each kind of file in the viewer that JupyterLab has for it."""

from __future__ import annotations

import pytest

from pollinator_magic.jobs import Job, Session
from pollinator_magic.jobs.ledger import Ledger
from tests.browser.cells import LOAD, RUN_ALL, output, picture
from tests.browser.jupyterlab import TOKEN
from tests.browser.labext.elsewhere import run_elsewhere
from tests.browser.labext.layout import saved
from tests.browser.labext.panel import LAUNCHER_HAS_THE_FOCUS, colony_of
from tests.browser.labext.settings import settings
from tests.browser.themes import dark
from tests.jobs import waiting_for

pytestmark = pytest.mark.browser

CURRENT = "window.jupyterapp.shell.currentWidget"
IS_FOCUSED = "element => element === document.activeElement"
PROGRAM = r"""
import json, pathlib, random
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt

result = pathlib.Path("result")
result.mkdir(exist_ok=True)
random.seed(1)
figure, axes = plt.subplots(figsize=(5, 3))
for name in ("train", "test"):
    axes.plot([1 / (step + 1) + random.random() / 20 for step in range(60)], label=name)
axes.set_xlabel("epoch")
axes.legend()
figure.tight_layout()
for kind in ("png", "pdf", "svg"):
    figure.savefig(result / f"plot.{kind}")
(result / "fit.csv").write_text("epoch,loss\n" + "".join(f"{n},{1 / (n + 1):.4f}\n" for n in range(500)))
(result / "summary.json").write_text(json.dumps({"loss": 0.125, "layers": [{"units": 64}, {"units": 32}]}))
(result / "report.html").write_text(
    "<h1>Report</h1><p id=said>nothing ran</p>"
    "<script>document.getElementById('said').textContent = 'the script ran'; parent.hacked = true</script>"
    "<img src='x' onerror=\"parent.hacked = true\">"
)
(result / "notes.md").write_text("# Notes\n\nThe *loss* fell.\n")
(result / "model.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + bytes(range(256)))
uses = lambda n: f"<use href='#g{n}'/>" * 10
(result / "bomb.svg").write_text(
    "<svg xmlns='http://www.w3.org/2000/svg'><rect id='g0' width='1' height='1'/>"
    + "".join(f"<g id='g{n + 1}'>{uses(n)}</g>" for n in range(9)) + "</svg>")
(result / "empty.txt").write_text("")
(result / "run.ipynb").write_text(json.dumps({
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "A notebook that a job made"}],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4, "nbformat_minor": 5}))
deep = result / "grid search" / "größe=2"
deep.mkdir(parents=True)
(deep / "best run ✓ #1 100%.txt").write_text("a name of many characters\n")
with (result / "big.csv").open("w") as file:
    file.write("step,value,name\n")
    for n in range(1_100_000):
        file.write(f"{n},{n * 0.5:.3f},sample-{n % 97}\n")
with (result / "big.log").open("w") as file:
    for n in range(400_000):
        file.write(f"line {n} of a log that is far too long to be read by anybody\n")
"""


@pytest.fixture(scope="module")
def job(lab):
    """The id of a job that has left results of many kinds."""
    run_elsewhere(lab, lab.root / "results", PROGRAM)
    return lab.get("pollinator-magic/jobs").json()["jobs"][0]["id"]


@pytest.fixture
def in_lab(lab, page):
    """JupyterLab without any document."""
    page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
    page.wait_for_function(LAUNCHER_HAS_THE_FOCUS)
    return page


def test_a_listing_shows_pictures_is_used_by_keys_and_is_there_again_after_a_reload(in_lab, job):
    page = in_lab
    listing = show(page, job)

    names = listing.locator(".pollinator-Results-name")
    assert names.count() == 14
    for at in range(2):
        assert listing.locator("img").nth(at).evaluate("image => image.decode().then(() => image.naturalWidth > 100)")
    picture(page, "results-listing")

    names.first.focus()
    page.keyboard.press("End")
    assert names.last.evaluate(IS_FOCUSED)
    page.keyboard.press("Home")
    before = names.all_inner_texts().index("fit.csv")
    for _ in range(before):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert listing.get_by_role("button", name="Download fit.csv").evaluate(IS_FOCUSED)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    current_tab(page, "fit.csv").wait_for()

    with dark(page):
        show(page, job)
        picture(page, "results-listing-dark")

    saved(page)
    page.goto(page.url.partition("?")[0])
    page.locator(".pollinator-Results:visible").get_by_text("summary.json").wait_for()


def test_a_listing_says_which_results_it_leaves_out(lab, in_lab):
    run_elsewhere(lab, lab.root / "unsafe", "open('result/fit.csv', 'w').write('x')")
    with Session(colony_of(lab).connection()) as session:
        *_, newest = Ledger(lab.home).read()
        done = Job.attach(session, newest)
        file = session.client.file_named(done.result_label, "fit.csv")
        file.name = "evil\n.csv"
        session.client.add_file(file)

    listing = show(in_lab, done.id)

    listing.get_by_role("button", name="fit.csv", exact=True).wait_for()
    listing.get_by_role("status").get_by_text(
        r"Not listed: 'evil\n.csv'. No file here can have such a name."
    ).wait_for()
    picture(in_lab, "results-left-out")


def test_each_kind_of_result_opens_in_its_viewer(in_lab, job):
    page = in_lab

    def opened(name: str):
        execute(page, "pollinator:open-result", id=job, name=name)
        current_tab(page, name.rpartition("/")[2]).wait_for()
        return page.locator(".jp-Document:visible")

    opened("fit.csv").locator(".jp-CSVViewer canvas").first.wait_for()
    page.wait_for_function(f"() => {CURRENT}.context.model.toString().startsWith('epoch,loss')")
    assert current_tab(page, "fit.csv").get_attribute("data-pollinator-job") == job[:12]
    picture(page, "results-csv")

    for name in ("plot.png", "plot.svg"):
        image = opened(name).locator(".jp-ImageViewer img")
        image.wait_for()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth > 100)")

    opened("plot.pdf").locator(".jp-PDFContainer iframe").wait_for()
    page.wait_for_function(f"() => {CURRENT}.context.model.toString().startsWith('JVBERi')")  # %PDF

    opened("summary.json").locator(".jp-RenderedJSON").get_by_text("0.125").wait_for()
    opened("notes.md").locator(".jp-MarkdownViewer h1", has_text="Notes").wait_for()
    opened("grid search/größe=2/best run ✓ #1 100%.txt").get_by_text("a name of many characters").wait_for()
    opened("empty.txt").locator(".jp-FileEditor").wait_for()

    opened("run.ipynb").get_by_role("paragraph").get_by_text("A notebook that a job made").wait_for()
    assert page.evaluate(f"() => {CURRENT}.sessionContext.session") is None  # no kernel was started for it

    opened("big.csv").locator(".jp-CSVViewer canvas").first.wait_for()
    page.wait_for_function(f"() => {CURRENT}.context.model.toString().split('\\n').length === 1100002")
    picture(page, "results-big-csv")


def test_what_a_job_wrote_as_html_runs_no_script_even_where_files_are_trusted(lab, page, job):
    with settings(lab, "@jupyterlab/htmlviewer-extension:plugin", trustByDefault=True):
        page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
        page.wait_for_function(LAUNCHER_HAS_THE_FOCUS)

    (lab.root / "own.html").write_text("<h1>My own</h1>")
    execute(page, "docmanager:open", path="own.html")
    page.locator(".jp-HTMLViewer iframe[sandbox~=allow-scripts]").wait_for()

    execute(page, "pollinator:open-result", id=job, name="report.html")
    current_tab(page, "report.html").wait_for()
    frame = page.locator(".jp-HTMLViewer:visible").frame_locator("iframe")
    frame.get_by_role("heading", name="Report").wait_for()
    assert frame.locator("#said").inner_text() == "nothing ran"
    assert page.evaluate("() => window.hacked") is None
    assert page.evaluate(f"() => {CURRENT}.trusted") is False
    picture(page, "results-html")


@pytest.mark.parametrize(
    ("name", "why", "size"),
    [
        ("big.log", "It has 24 MiB; up to 10 MiB of such a file can be shown here.", 25_488_890),
        ("model.npy", "It is not text, and JupyterLab has no viewer for files of its kind.", 266),
        ("bomb.svg", "It asks for more shapes than a page can draw without standing still.", 1_747),
    ],
)
def test_what_cannot_be_shown_is_offered_for_download(in_lab, job, tmp_path, name, why, size):
    page = in_lab
    execute(page, "pollinator:open-result", id=job, name=name)
    dialog = page.get_by_role("dialog", name=f"{name} cannot be shown")
    dialog.get_by_text(why).wait_for()
    picture(page, f"results-refused-{name.partition('.')[0]}")

    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()

    download.value.save_as(tmp_path / name)
    assert download.value.suggested_filename == name
    assert (tmp_path / name).stat().st_size == size


def test_the_address_of_a_page_that_shows_a_result_leads_to_it(lab, page, job):
    address = f"{lab.url}/lab/tree/pollinator%3A{job}/plot.png"
    page.goto(f"{address}?token={TOKEN}&reset")
    page.locator(".jp-ImageViewer img").wait_for()
    page.wait_for_url(address)
    saved(page)

    page.goto(address)

    page.locator(".jp-ImageViewer img").wait_for()
    page.locator(".jp-DirListing-item", has_text="results").wait_for()
    assert page.locator(".jp-Dialog").count() == 0
    assert page.locator("#jp-main-dock-panel .lm-TabBar-tab[data-pollinator-job]").count() == 1


def test_a_listing_of_a_job_that_runs_says_so_and_fills_when_it_has_ended(new_notebook, go):
    page = new_notebook(
        LOAD,
        "%%pollinate local --detach --as job\n" + waiting_for(go, then="open('result/late.txt', 'w').write('late')"),
        "print(job.id)",
    )
    page.evaluate(RUN_ALL)
    running = output(page, 2).inner_text().strip()

    execute(page, "pollinator:show-results", id=running)
    listing = page.locator(".pollinator-Results:visible")
    listing.get_by_text("Results appear here when it has ended").wait_for()
    picture(page, "results-running")
    go.touch()

    listing.get_by_role("button", name="late.txt", exact=True).wait_for()


def test_a_job_that_is_not_known_is_told_of_with_a_way_to_try_again(in_lab):
    page = in_lab
    execute(page, "pollinator:show-results", id="0" * 64)
    listing = page.locator(".pollinator-Results:visible")

    listing.get_by_role("alert").wait_for()
    listing.get_by_role("button", name="Retry").wait_for()
    picture(page, "results-unknown")


def test_notebook_7_lists_results_below_the_notebook_and_opens_them_in_pages_of_their_own(new_notebook, job):
    page = new_notebook("1", notebook_7=True)
    listing = show(page, job)
    listing.locator("img").first.wait_for()
    picture(page, "results-notebook-7")

    with page.context.expect_page() as opening:
        listing.get_by_role("button", name="plot.png", exact=True).click()

    image = opening.value.locator(".jp-ImageViewer img")
    image.wait_for()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth > 100)")
    picture(opening.value, "results-picture-notebook-7")


def show(page, job: str):
    execute(page, "pollinator:show-results", id=job)
    listing = page.locator(".pollinator-Results:visible")
    listing.get_by_text("fit.csv").wait_for()
    return listing


def execute(page, command: str, **args: str) -> None:
    page.evaluate("([command, args]) => void window.jupyterapp.commands.execute(command, args)", [command, args])


def current_tab(page, label: str):
    return page.locator("#jp-main-dock-panel .lm-TabBar-tab.lm-mod-current").filter(has_text=label)
