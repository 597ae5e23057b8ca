"""The subcommands of `%pollinator …` and `pollinate …`: what each does, whatever shows it."""

from __future__ import annotations

from pollinator_magic.commands.clean import age, clean, count
from pollinator_magic.commands.colony import connect_file, executors, pick, status
from pollinator_magic.commands.context import Context
from pollinator_magic.commands.executor import add_executor_options, executor
from pollinator_magic.commands.graph import graph
from pollinator_magic.commands.jobs import attach, cancel, jobs, logs, pull
from pollinator_magic.commands.local import local
from pollinator_magic.commands.project import funcspec, new, run, run_project, show_preview, spec_text, version

__all__ = [
    "Context",
    "add_executor_options",
    "age",
    "attach",
    "cancel",
    "clean",
    "connect_file",
    "count",
    "executor",
    "executors",
    "funcspec",
    "graph",
    "jobs",
    "local",
    "logs",
    "new",
    "pick",
    "pull",
    "run",
    "run_project",
    "show_preview",
    "spec_text",
    "status",
    "version",
]
