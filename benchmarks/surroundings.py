"""What the benchmarks run in: temporary directories, an embedded colony of their own, an S3 server."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Executor
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a directory that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="pollinator-bench-", ignore_cleanup_errors=True) as directory:
        yield Path(directory).resolve()


@contextmanager
def stopped_at_the_end(home: Path) -> Iterator[Path]:
    """Stop the embedded colony in `home` at the end, whoever has started it."""
    try:
        yield home
    finally:
        LocalColony(home).stop()


@contextmanager
def running_colony(home: Path, *, with_executor: bool = True) -> Iterator[LocalColony]:
    """Run an embedded colony in a process of its own, as a notebook has it."""
    with stopped_at_the_end(home):
        colony = LocalColony(home, with_executor=with_executor)
        colony.start()
        yield colony


def idle_executor(home: Path, name: str = "nobody") -> str:
    """Register an executor at which nobody works, with the embedded colony's executor key; return its name."""
    keys, connection = Home(home).keys, LocalColony(home).connection(start=False)
    with Colonies(connection.server, connection.colony, keys.owner) as owner:
        owner.add_executor(
            Executor(
                executorid=keys.executor.identity,
                executorname=name,
                executortype="container-executor",
                colonyname=connection.colony,
            )
        )
        owner.approve_executor(name)
    return name
