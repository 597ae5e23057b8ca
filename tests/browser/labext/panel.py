"""The sidebar as tests look at it, and jobs for it that nobody runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Conditions, FunctionSpec
from pollinator_magic.jobs import Session
from pollinator_magic.local.colony import LocalColony
from tests.browser.jupyterlab import TOKEN

if TYPE_CHECKING:
    from tests.browser.jupyterlab import Lab

OPEN = "() => window.jupyterapp.commands.execute('pollinator:open-panel')"
LAUNCHER_HAS_THE_FOCUS = "() => document.activeElement.closest('.jp-Launcher') !== null"


def colony_of(lab: Lab) -> LocalColony:
    return LocalColony(lab.home)


def open_page(lab: Lab, page):
    """Open JupyterLab without any document; return the sidebar."""
    page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
    page.wait_for_function(LAUNCHER_HAS_THE_FOCUS)  # the last thing that happens by itself
    return open_panel(page)


def open_panel(page):
    page.evaluate(OPEN)
    panel = page.locator("#pollinator-panel")
    panel.wait_for()
    return panel


def section(panel, name: str):
    return panel.locator(f".pollinator-SectionPanel[data-section={name}]")


def rows(panel, name: str = "Jobs"):
    return panel.get_by_role("grid", name=name).get_by_role("row")


def wait_for_total(panel, number: int) -> None:
    counted = section(panel, "jobs").get_by_role("status")
    counted.get_by_text(f"{number:,}", exact=True).wait_for()


def submit(lab: Lab, names: list[str], *, executor_type: str = "nobody") -> list[str]:
    """Submit jobs for executors of a type that there are none of, so that they wait; return their ids."""
    with Session(colony_of(lab).connection()) as session:
        conditions = Conditions(colonyname=session.connection.colony, executortype=executor_type)
        with ThreadPoolExecutor(4) as pool:
            return list(
                pool.map(
                    lambda name: (
                        session.client.submit(
                            FunctionSpec(nodename=name, funcname="nothing", conditions=conditions)
                        ).processid
                    ),
                    names,
                )
            )
