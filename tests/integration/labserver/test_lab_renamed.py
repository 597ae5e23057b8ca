"""Notebooks that get another name while the panel shows their jobs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests
from jupyter_runs import WAIT_S

from pollinator_magic.jobs.ledger import Ledger, Origin
from tests.jobs import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_runs import Jupyter

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def ask(jupyter: Jupyter, method: str, path: str, content: object = None) -> dict:
    reply = requests.request(
        method, f"{jupyter.url}/api/{path}", data=json.dumps(content), headers=jupyter.sign, timeout=WAIT_S
    )
    reply.raise_for_status()
    return reply.json() if reply.content else {}


def session_of(notebook: str) -> dict:
    return {"path": notebook, "name": notebook.rpartition("/")[2], "type": "notebook"}


@contextmanager
def running_kernel(jupyter: Jupyter, notebook: str) -> Iterator[dict]:
    """A session as JupyterLab begins one."""
    session = ask(jupyter, "POST", "sessions", {**session_of(notebook), "kernel": {"name": "python3"}})
    try:
        yield session
    finally:
        ask(jupyter, "DELETE", f"sessions/{session['id']}")


@pytest.fixture
def notebook(project):
    """A notebook in the project, and what the Jupyter server calls its directory."""
    (project.root / "fit.ipynb").write_text(NOTEBOOK)
    return project.root / "fit.ipynb"


def test_jobs_of_a_notebook_whose_kernel_is_gone_go_with_it_when_it_is_renamed(jupyter, session, project, notebook):
    job, place = run(session, project, "print(1)"), project.root.name
    Ledger(jupyter.home).note([job.id], project.root, Origin(notebook, "cell-7", "gone-1"))
    with jupyter.page() as page:
        page.until_kind("jobs")
        ask(jupyter, "PATCH", f"contents/{place}/fit.ipynb", {"path": f"{place}/better.ipynb"})
        renamed = page.until_job(job.id)
        ask(jupyter, "PATCH", f"contents/{place}", {"path": f"{place}-moved"})
        moved = page.until_job(job.id)

    assert renamed["notebook"] == f"{place}/better.ipynb"
    assert moved["notebook"] == f"{place}-moved/better.ipynb"
    assert moved["cell"] == "cell-7"
    assert jupyter.told(f"jobs/{job.id}")["notebook"] == f"{place}-moved/better.ipynb"


def test_a_kernel_that_does_not_know_the_new_name_submits_jobs_of_the_notebook_as_it_is_called(
    jupyter, session, project, notebook
):
    """And one that two notebooks use submits those of the one that it was started for."""
    renamed, shared = (run(session, project, f"print({number})") for number in (1, 2))
    place, ledger = project.root.name, Ledger(jupyter.home)
    (project.root / "shared.ipynb").write_text(NOTEBOOK)
    with (
        running_kernel(jupyter, f"{place}/fit.ipynb") as first,
        running_kernel(jupyter, f"{place}/shared.ipynb") as second,
        jupyter.page() as page,
    ):
        ask(jupyter, "POST", "sessions", {**session_of(f"{place}/fit.ipynb"), "kernel": second["kernel"]})
        page.until_kind("jobs")
        ask(jupyter, "PATCH", f"contents/{place}/fit.ipynb", {"path": f"{place}/better.ipynb"})
        ask(jupyter, "PATCH", f"sessions/{first['id']}", {"path": f"{place}/better.ipynb", "name": "better.ipynb"})
        ledger.note([shared.id], project.root, Origin(project.root / "shared.ipynb", "", second["kernel"]["id"]))
        ledger.note([renamed.id], project.root, Origin(notebook, "cell-7", first["kernel"]["id"]))
        page.until(lambda message: any(each["notebook"].endswith("better.ipynb") for each in message.get("jobs", [])))

    assert jupyter.told(f"jobs/{renamed.id}")["notebook"] == f"{place}/better.ipynb"
    assert jupyter.told(f"jobs/{shared.id}")["notebook"] == f"{place}/shared.ipynb"
