"""The gallery of results in JupyterLab, as a user sees it: every kind of file, harmless whatever it holds."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser.themes import dark
from tests.unit.front.gallery import samples

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
SHOW = (
    "from pathlib import Path\n"
    "from pollinator_magic.jobs.results import Results\n"
    "from pollinator_magic.notebook.gallery import show_results\n"
    "show_results(Results(Path('cfs/result').absolute()))\n"
)
RUN = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
SAVE = "() => window.jupyterapp.shell.currentWidget.context.save()"
PWNED = (
    "() => [window, ...Array.from(window.frames)].some(frame => { try { return frame.pwned } catch { return false } })"
)


@dataclass
class Elsewhere:
    """A server that results ask for things from; nothing may ever arrive there."""

    url: str
    arrived: list[str]


@pytest.fixture
def elsewhere():
    arrived: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            arrived.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="elsewhere")
        thread.start()
        yield Elsewhere(f"http://127.0.0.1:{server.server_address[1]}", arrived)
        server.shutdown()
        thread.join()


@pytest.fixture
def results(lab, tmp_path):
    """The result directory of the notebook that `new_notebook` opens; to be made after it."""

    def made() -> Path:
        root = lab.root / tmp_path.name / "cfs" / "result"
        root.mkdir(parents=True)
        return root

    return made


def choose(page, name: str) -> None:
    """Choose an entry of the list, and wait until it is shown."""
    page.locator(".widget-select select").select_option(index=position(page, name))
    page.locator(".widget-html-content b", has_text=name).first.wait_for()


def position(page, name: str) -> int:
    page.locator(".widget-select select option").first.wait_for(state="attached")
    options = page.locator(".widget-select select option").all_text_contents()
    return next(index for index, text in enumerate(options) if text.replace("\xa0", " ").split(" · ")[0] == name)


def picture(page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"gallery-{name}.png")


def test_every_kind_of_file_is_shown_when_it_is_chosen_and_none_does_anything(new_notebook, results, elsewhere):
    page = new_notebook(SHOW)
    seen = samples.every_kind(results(), elsewhere.url)

    page.evaluate(RUN)
    page.get_by_text(f"{len(seen)} results").first.wait_for()
    picture(page, "start")
    for name, content in seen.items():
        choose(page, name)
        pane = page.locator(".jp-OutputArea-output .jp-RenderedHTMLCommon").last
        pane.get_by_text(content).first.wait_for()
        if name in {"fit.csv", "train.py", "config.json", "report.html", "photo.png", "film.webm", "figure.pdf"}:
            picture(page, name)

    assert page.evaluate(PWNED) is False
    assert elsewhere.arrived == []
    page.evaluate("url => fetch(url + '/asked-for', {mode: 'no-cors'}).catch(() => null)", elsewhere.url)
    assert elsewhere.arrived == ["/asked-for"]  # it would have been seen


def test_pictures_sounds_and_films_are_decoded_and_a_page_has_no_rights(new_notebook, results, elsewhere):
    page = new_notebook(SHOW)
    samples.every_kind(results(), elsewhere.url)
    page.evaluate(RUN)
    page.get_by_text(f"{len(samples.SEEN)} results").first.wait_for()

    for name in ("photo.jpg", "photo.bmp", "photo.tiff", "photo.webp", "figure.svg"):
        choose(page, name)
        page.wait_for_function("() => document.querySelector('.widget-html-content img')?.naturalWidth > 100")
    for name, tag in (("tone.wav", "audio"), ("film.webm", "video")):
        choose(page, name)
        page.wait_for_function(f"() => document.querySelector('.widget-html-content {tag}')?.readyState >= 1")
    choose(page, "report.html")
    frame = page.locator(".widget-html-content iframe")

    assert frame.get_attribute("sandbox") == ""
    assert (
        page.frame_locator(".widget-html-content iframe").frame_locator("iframe").get_by_text("went well").is_visible()
    )
    assert page.evaluate(PWNED) is False
    assert elsewhere.arrived == []


def test_thousands_of_results_are_filtered_sorted_and_paged_within_a_small_page(new_notebook, results):
    page = new_notebook(SHOW)
    with dark(page):
        root = results()
        for number in range(3_000):
            (root / f"step-{number}.txt").write_text("x" * (number % 7))
        samples.tables(root)
        samples.texts(root)
        page.evaluate(RUN)
        entries = page.locator(".widget-select select option")
        entries.first.wait_for(state="attached")

        assert entries.count() == 100
        assert page.locator(".jp-OutputArea-output *").count() < 1_200
        page.get_by_placeholder("filter: ").fill("step-29")
        page.get_by_text("1 to 100 of 111").wait_for()
        page.get_by_placeholder("filter: ").fill("*.csv")
        page.get_by_text("1 to 1 of 1").wait_for()
        choose(page, "fit.csv")
        page.locator(".widget-dropdown select").last.select_option("bill_length")
        page.get_by_text("sorted by bill_length").wait_for()
        page.locator(".widget-toggle-button").last.click()
        page.get_by_text("largest first").wait_for()

        column = page.locator(".widget-html-content tbody td:nth-child(2)").all_inner_texts()
        assert column == sorted(column, key=float, reverse=True)
        picture(page, "dark-table")
        page.get_by_placeholder("filter: ").fill("train")
        page.get_by_text("1 to 2 of 2").wait_for()
        choose(page, "train.py")
        page.get_by_text("def train").or_(page.get_by_text("train(rate")).first.wait_for()
        picture(page, "dark-source")


def test_saved_and_opened_without_its_kernel_the_gallery_is_still_a_list_with_pictures_and_tables(
    new_notebook, results, visit, lab, tmp_path
):
    page = new_notebook(SHOW)
    samples.every_kind(results())
    page.evaluate(RUN)
    page.locator(".widget-select select option").first.wait_for(state="attached")
    page.evaluate(SAVE)
    saved = lab.root / tmp_path.name / "notebook.ipynb"
    assert saved.stat().st_size < 500_000

    copy = saved.with_name("copy.ipynb")
    copy.write_text(saved.read_text())
    page = visit(copy)
    record = page.locator(".jp-OutputArea-output.jp-RenderedHTMLCommon")
    record.get_by_text("31 results").first.click()
    record.locator("img").first.wait_for()
    picture(page, "record")

    assert page.locator(".widget-select").count() == 0
    assert record.get_by_role("link", name="train.py").count() == 1
    assert record.locator("img").count() > 2
    assert record.locator("table", has_text="bill_length").count() > 0
    page.get_by_role("link", name="fit.csv").first.click()
    page.wait_for_function("() => window.jupyterapp.shell.currentWidget.context?.path.endsWith('cfs/result/fit.csv')")


def test_few_results_are_outputs_that_are_saved(new_notebook, results, lab, tmp_path, elsewhere):
    page = new_notebook(SHOW)
    root = results()
    samples.every_kind(lab.root / tmp_path.name, elsewhere.url)
    few = [
        "photo.png",
        "fit.csv",
        "train.py",
        "config.json",
        "figure.pdf",
        "figure.svg",
        "report.html",
        "tone.wav",
        "code.zip",
    ]
    for name in few:
        (lab.root / tmp_path.name / name).rename(root / name)
    page.evaluate(RUN)
    page.get_by_text(f"{len(few)} results").first.wait_for()
    page.locator(".jp-OutputArea-output img[src^='data:image/svg']").wait_for()
    page.evaluate(SAVE)
    page.locator(".jp-OutputArea-output iframe").first.wait_for()
    page.locator(".jp-Notebook").evaluate("element => element.scrollTop = 0")
    picture(page, "few")

    saved = json.loads((lab.root / tmp_path.name / "notebook.ipynb").read_text())
    kinds = [kind for output in saved["cells"][0]["outputs"] for kind in output["data"]]
    assert {"image/png", "application/pdf", "text/html"} <= set(kinds)
    assert not any("widget" in kind for kind in kinds)
    assert page.evaluate(PWNED) is False
    assert elsewhere.arrived == []
