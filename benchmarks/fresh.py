"""Calls a function in a fresh interpreter, so that its memory and its imports are its own."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROOT = Path(__file__).resolve().parents[1]
_NOT_FOR_US = ("COLONIES_", "AWS_S3_", "PYTHONDONTWRITEBYTECODE")  # without it, every start would compile everything


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment, without any colony or store that it names, and with `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_US)}
    return {**kept, **variables}


def call(
    function: Callable[..., Any],
    *arguments: object,
    directory: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Any:
    """Return `function(*arguments)` from a fresh interpreter in `directory`; values pass as JSON, output is dropped."""
    with tempfile.TemporaryDirectory() as scratch:
        reply = Path(scratch) / "reply.json"
        module = "benchmarks.fresh"
        subprocess.run(
            [sys.executable, "-m", module, function.__module__, function.__name__, json.dumps(arguments), str(reply)],
            check=True,
            cwd=directory or _ROOT,
            env=environment(PYTHONPATH=str(_ROOT), **(variables or {})),
            stdout=subprocess.DEVNULL,
        )
        return json.loads(reply.read_text())


def main() -> None:
    """Be the fresh interpreter."""
    module, name, arguments, reply = sys.argv[1:]
    value = getattr(importlib.import_module(module), name)(*json.loads(arguments))
    Path(reply).write_text(json.dumps(value))


if __name__ == "__main__":
    main()
