"""Processes that multiprocessing starts afresh run the cell's file again: with its variables, and what it awaits."""

from __future__ import annotations

import os
import sys

from . import carry
from .cell import compile_cell
from .settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

CELL = "POLLINATOR_CELL"
"""The environment variable that tells such a process which file is the cell."""


def patch_spawn(spawn: ModuleType, filename: str, here: str) -> None:
    """Let new processes begin with `child.py`, where they would begin with the cell's own file."""
    cell = os.path.abspath(filename)
    os.environ[CELL] = cell
    original = spawn.get_preparation_data

    def get_preparation_data(*words: Any, **options: Any) -> dict[str, Any]:
        data: dict[str, Any] = original(*words, **options)
        if os.path.abspath(data.get("init_main_from_path", "")) == cell:
            data["init_main_from_path"] = os.path.join(here, "child.py")
        return data

    spawn.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


def run_again(namespace: dict[str, Any], here: str) -> None:
    """Run the cell in such a process, as multiprocessing would have run its file."""
    filename = os.environ[CELL]
    with open(filename, "rb") as file:
        source = file.read()
    namespace["__file__"] = filename
    namespace.update(carry.load_inputs(Settings(os.path.dirname(here))))
    patch_spawn(sys.modules["multiprocessing.spawn"], filename, here)
    compile_cell(source, filename).run(namespace)
