"""The view of one job in the main area, as tests look at it, and jobs for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pollinator_magic.jobs import Session, submit
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.project import Project
from tests.browser.jupyterlab import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.jupyterlab import Lab

RESTORED = "() => window.jupyterapp?.restored.then(() => true)"
OPEN = "id => void window.jupyterapp.commands.execute('pollinator:open-job', { id })"
NUMBERS_IN_SIGHT = """log => {
    const box = log.getBoundingClientRect();
    return [...log.querySelectorAll('.pollinator-Log-row[data-line]')]
        .filter(row => row.getBoundingClientRect().top < box.bottom && row.getBoundingClientRect().bottom > box.top)
        .map(row => Number(row.dataset.line) + 1);
}"""


def start(lab: Lab, directory: Path, source: str) -> str:
    """Run a program in the embedded colony; return the id of its job."""
    with Session(LocalColony(lab.home).connection()) as session:
        project = Project.create(directory, "local")
        return submit(session, project, source=source).id


def open_lab(lab: Lab, page):
    page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
    page.wait_for_function(RESTORED)
    return page


def open_job(page, job: str):
    """Open the view of a job; return it."""
    page.evaluate(OPEN, job)
    view = page.locator(f"#pollinator-job-{job}")
    view.wait_for()
    return view


def log_of(view):
    return view.get_by_role("log")


def line(view, text: str):
    return log_of(view).locator(".pollinator-Log-text").get_by_text(text, exact=True)


def last_tick(view) -> int:
    """Return the number of the last `tick` in the page, once one is there: earlier ones may have left it again."""
    return int(log_of(view).get_by_text(re.compile(r"^tick \d+$")).last.inner_text().split()[1])


def in_sight(view) -> list[int]:
    """Return the numbers of the lines in sight."""
    return log_of(view).evaluate(NUMBERS_IN_SIGHT)
