from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.grounds import Grounds, running_grounds
from tests.faults.life import Life, clean_traffic
from tests.faults.small_disk import needs_namespace, run_in_namespace, small_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.proxy import Traffic
    from tests.faults.small_disk import SmallDisk


@pytest.fixture(scope="module")
def grounds() -> Iterator[Grounds]:
    """Servers, an executor, and proxies between them, shared by the tests of a module."""
    with running_grounds() as running:
        yield running


@pytest.fixture(scope="module")
def clean(grounds: Grounds, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Traffic, Traffic]]:
    """What goes each way when nothing goes wrong: in a first run, and in one after changes."""
    return clean_traffic(grounds, tmp_path_factory.mktemp("clean"))


@pytest.fixture
def new_life(grounds: Grounds, tmp_path: Path) -> Iterator[Callable[..., Life]]:
    """Begins lives, each with a project of its own, and ends them."""
    lives: list[Life] = []

    def begin(**options: Any) -> Life:
        lives.append(Life(grounds, tmp_path / f"life-{len(lives)}", **options))
        return lives[-1]

    yield begin
    grounds.lift()
    for life in lives:
        life.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of a few megabytes."""
    with small_disk(tmp_path / "disk", mebibytes=8) as disk:
        yield disk


def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Run a test that needs a small disk where one can be mounted."""
    if "disk" not in getattr(item, "fixturenames", ()) or not needs_namespace():
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    call = pytest.CallInfo.from_call(lambda: run_in_namespace(item.nodeid, item.config.rootpath), when="call")
    item.ihook.pytest_runtest_logreport(report=pytest.TestReport.from_item_and_call(item, call))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
