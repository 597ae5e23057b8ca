from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.grounds import Grounds, running_grounds
from tests.faults.life import Life, clean_traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.proxy import Traffic


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
