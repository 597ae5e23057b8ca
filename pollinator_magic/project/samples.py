"""What a new project begins with: its project.yaml, and a program that shows where data and results are."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_IMAGE = "python:3.12-rc-bookworm"
SOURCE = "main.py"

_HEADER = """\
# A Pollinator project. cpu and mem count for each process, walltime is in seconds.
# `results: shared` would make all jobs share one result directory, as the command-line tool does.
"""

SAMPLE_SOURCE = '''\
"""Reads data/hello.txt and leaves result/result.txt: replace it with a program of your own."""

import os
import socket
from pathlib import Path

project = Path(os.environ["PROJECT_DIR"])

greeting = (project / "data" / "hello.txt").read_text().strip()
print(f"{greeting} (read on {socket.gethostname()})")

result = project / "result" / "result.txt"
result.parent.mkdir(exist_ok=True)
result.write_text(greeting.upper() + "\\n")
print("wrote", result.name)
'''

SAMPLE_DATA = "Hello from the data directory!\n"


def project_text(name: str, executors: Sequence[str], *, image: str, init: str) -> str:
    """Return a project.yaml with the keys and the order of the Go tool's; `init-cmd` only where there is one."""
    environment: dict[str, object] = {"docker": image, "rebuildImage": False}
    if init:
        environment["init-cmd"] = init
    environment |= {"cmd": "python3", "source": SOURCE}
    content = {
        "projectname": name,
        "conditions": {
            "executorNames": list(executors),
            "nodes": 1,
            "processesPerNode": 1,
            "cpu": "1000m",
            "mem": "1000Mi",
            "walltime": 600,
            "gpu": {"count": 0, "name": ""},
        },
        "environment": environment,
        "tunnel": None,
    }
    return _HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)


def random_name() -> str:
    """Return a project name that no other project has: 64 hex characters."""
    return secrets.token_hex(32)
