"""A list of 5,000 jobs: few rows in the page, small replies, and every job found by scrolling."""

from __future__ import annotations

import pytest

from tests.browser.cells import picture
from tests.browser.jupyterlab import running_lab
from tests.browser.labext.panel import open_page, rows, section, submit, wait_for_total

pytestmark = pytest.mark.browser

COUNT = 5_000
MOST_ROWS = 80
SCROLL = "(grid, share) => { grid.scrollTop = share * grid.scrollHeight }"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab whose embedded colony has so many jobs."""
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        submit(running, [f"job-{number}" for number in range(COUNT)])
        yield running


def ids_in_order(lab) -> list[str]:
    ids: list[str] = []
    cursor = ""
    while True:
        page = lab.get(f"pollinator-magic/jobs?count=500{cursor}").json()
        ids += [job["id"] for job in page["jobs"]]
        if page["next"] is None:
            return ids
        cursor = f"&cursor={page['next']}"


def test_5000_jobs_are_a_few_rows_in_the_page_wherever_one_scrolls(lab, page):
    replies = []
    page.on("response", lambda reply: replies.append(reply) if "/pollinator-magic/jobs?" in reply.url else None)
    panel = open_page(lab, page)
    wait_for_total(panel, COUNT)
    grid = panel.get_by_role("grid", name="Jobs")
    ids = ids_in_order(lab)
    assert int(grid.get_attribute("aria-rowcount")) == COUNT

    for share, place in ((0.0, 0), (1.0, COUNT - 1), (0.5, COUNT // 2), (0.25, COUNT // 4)):
        grid.evaluate(SCROLL, share)
        grid.locator(f"[data-id='{ids[place]}']").wait_for()
        shown = rows(panel)
        assert shown.count() < MOST_ROWS
        for one in shown.all()[:10]:
            assert ids[int(one.get_attribute("data-row"))] == one.get_attribute("data-id")
        if share == 0.5:
            picture(panel, "panel-5000")

    sizes = [len(reply.body()) for reply in replies]
    assert max(sizes) < 100_000
    assert len(sizes) <= 2 * COUNT // 100


def test_5000_jobs_are_searched_by_a_few_letters(lab, page):
    panel = open_page(lab, page)
    wait_for_total(panel, COUNT)
    wanted = ids_in_order(lab)[-1]

    section(panel, "jobs").get_by_role("searchbox").fill(wanted[:16])

    wait_for_total(panel, 1)
    assert rows(panel).first.get_attribute("data-id") == wanted


def test_what_one_looks_at_stays_in_its_place_when_jobs_come_above_it(lab, page):
    panel = open_page(lab, page)
    wait_for_total(panel, COUNT)
    grid = panel.get_by_role("grid", name="Jobs")
    grid.evaluate("grid => { grid.scrollTop = 1_000 }")
    watched = ids_in_order(lab)[25]
    place = grid.locator(f"[data-id='{watched}']")
    before = place.bounding_box()

    added = submit(lab, ["one", "two", "three"])
    wait_for_total(panel, COUNT + 3)

    assert place.get_attribute("data-row") == "28"
    assert place.bounding_box() == before
    grid.evaluate(SCROLL, 0)
    for job_id in added:
        grid.locator(f"[data-id='{job_id}']").wait_for()
