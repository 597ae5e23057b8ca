"""The subcommand that runs an executor, checks whether one could run, and lists the kinds there are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.errors import NotReady, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pollinator_magic.commands.context import Context
    from pollinator_magic.executors.configuration import Configuration
    from pollinator_magic.executors.flags import Option
    from pollinator_magic.executors.kinds import Finding

_TICK, _CROSS, _WARNING = "\N{CHECK MARK}", "\N{BALLOT X}", "!"


def executor(args: argparse.Namespace, context: Context) -> None:
    """Run an executor of a kind, which takes jobs from the configured colony until it is interrupted; list the kinds.

    `start KIND --help` explains the settings of that kind. All of them can also stand in a TOML file (--config), below
    [executor] and a table of the kind's name; options go before it. Keys come from the environment.
    """
    if args.action == "kinds":
        _list_kinds(args, context)
        return
    if args.kind is None:
        raise UsageError("Say which kind of executor: `pollinate executor kinds` lists them.")
    configuration = _configuration(args)
    if args.check:
        _check(configuration, context)
    else:
        from pollinator_magic.executors.start import start

        start(configuration)


def add_executor_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Add the options of every executor, and those of the kind that these words name, if there is one."""
    from pollinator_magic.executors import kinds

    names = kinds.names()
    parser.add_argument("action", choices=("start", "kinds"), help="start one, or list the kinds there are")
    parser.add_argument("kind", choices=names, nargs="?", metavar="KIND", help="what runs the jobs")
    parser.add_argument("--config", metavar="FILE", help="TOML file with the settings")
    parser.add_argument(
        "--check", action="store_true", help="say what works and what is missing; start, register, change nothing"
    )
    pairs = zip(["", *words], words, strict=False)
    named = next((word for before, word in pairs if word in names and not _is_its_value(before)), None)
    groups = {"executor": parser.add_argument_group("every executor")}
    if named is not None:
        groups[named] = parser.add_argument_group(named, kinds.kind(named).summary)
    for option in _options(named):
        _add(groups[option.table], option)


def _is_its_value(before: str) -> bool:
    """Whether a word that follows this one is the value of an option."""
    return before.startswith("--") and "=" not in before and before != "--check"


def _options(kind: str | None) -> list[Option]:
    from pollinator_magic.executors import kinds
    from pollinator_magic.executors.flags import options

    return options(kinds.kind(kind) if kind else None)


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    about = option.help.replace("%", "%%")
    if option.is_switch:
        group.add_argument(
            option.flag, dest=option.destination, action=argparse.BooleanOptionalAction, default=None, help=about
        )
        return
    group.add_argument(option.flag, dest=option.destination, metavar=option.metavar, choices=option.choices, help=about)


def _configuration(args: argparse.Namespace) -> Configuration:
    from pollinator_magic.executors import kinds
    from pollinator_magic.executors.configuration import configure

    given = [(option, getattr(args, option.destination, None)) for option in _options(args.kind)]
    file = Path(args.config).expanduser() if args.config else None
    return configure(kinds.kind(args.kind), file, [(option, text) for option, text in given if text is not None])


def _list_kinds(args: argparse.Namespace, context: Context) -> None:
    from pollinator_magic.errors import ConfigurationError
    from pollinator_magic.executors import kinds

    if args.kind is not None:
        raise UsageError(f"`executor kinds` lists them all; `executor start {args.kind} --help` explains that one.")
    rows = []
    for name in kinds.names():
        try:
            rows.append([name, kinds.kind(name).summary])
        except ConfigurationError as error:
            rows.append([name, f"not usable: {error}"])
    context.screen.table(["kind", ""], rows)


def _check(configuration: Configuration, context: Context) -> None:
    from pollinator_magic.executors.checking import findings

    bad: list[Finding] = []
    for finding in findings(configuration):
        context.screen.show(f"{_mark(finding)} {finding.what}")
        if not finding.good:
            bad.append(finding)
            context.screen.show(f"    {finding.remedy}")
    if any(finding.fatal for finding in bad):
        raise NotReady(f"The executor cannot work yet: what is marked {_CROSS} has to be put right first.")
    context.screen.show(f"The executor can be started{f'; what is marked {_WARNING} is worth a look' if bad else ''}.")


def _mark(finding: Finding) -> str:
    if finding.good:
        return _TICK
    return _CROSS if finding.fatal else _WARNING
