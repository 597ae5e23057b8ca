"""Starting an executor from the command line: its key, its directory, its engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.process import ProcessEngine
from pollinator_magic.executors.worker import Worker, stored_key
from pollinator_magic.project.naming import executor_name_problem

if TYPE_CHECKING:
    from pollinator_magic.colonies.keys import PrivateKey
    from pollinator_magic.settings import Connection


def start_process_executor(
    connection: Connection, owner_key: PrivateKey | None, *, name: str, fs_dir: Path | None = None
) -> None:
    """Run jobs of the connection's colony directly on this machine until SIGINT or SIGTERM, then let them finish.

    With the colony owner's key the executor registers itself, with a key of its own that is made on first use and kept
    in `fs_dir` (by default below the user's data directory). Without, the connection's key must be the executor's.
    """
    problem = executor_name_problem(name)
    if problem is None and Path(name).name != name:
        problem = f"holds {name!r}: it must not be a path"
    if problem:  # a colon would break the colony's listings for everybody
        raise ConfigurationError(f"--name {problem}. Give it another name.")
    directory = fs_dir or _own_directory() / connection.colony / name
    own = connection
    if owner_key is not None:
        own = replace(connection, key=stored_key(directory / ".executor" / "executor.key"))
    Worker(own, owner_key, ProcessEngine(directory), name=name, fs_dir=directory).run()


def _own_directory() -> Path:
    """Return where executors keep the files of their jobs, which nobody else may see."""
    directory = Path(platformdirs.user_data_dir("pollinator_magic")) / "executors"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory
