"""A Jupyter server with an embedded colony of its own, both started once for all tests of this directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jupyter_runs import running_jupyter

from pollinator_magic.jobs import Session
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_runs import Jupyter


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A Jupyter server whose embedded colony runs, with its executor."""
    base = tmp_path_factory.mktemp("jupyter")
    embedded = LocalColony(base / "home")
    try:
        embedded.start()
        with running_jupyter(base) as running:
            yield running
    finally:
        embedded.stop()


@pytest.fixture(scope="session")
def session(jupyter: Jupyter) -> Iterator[Session]:
    """The user of that embedded colony, outside the Jupyter server, as in a kernel."""
    with Session(LocalColony(jupyter.home).connection(start=False)) as session:
        yield session


@pytest.fixture
def executor() -> str:
    """The executor of that embedded colony, which runs jobs."""
    return "local"


@pytest.fixture
def project(executor: str, jupyter: Jupyter, tmp_path: Path) -> Project:
    """A project below the server's directory."""
    return Project.create(jupyter.root / tmp_path.name, executor)
