"""The command line: `pollinate SUBCOMMAND`, `python -m pollinator_magic SUBCOMMAND`, and `%pollinator SUBCOMMAND`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic import commands
from pollinator_magic.commands import Context
from pollinator_magic.errors import Interrupted, JobError, NotReady, PollinatorError, UsageError, did_you_mean
from pollinator_magic.options import Parser, add_project_options, add_run_options, positive, variable
from pollinator_magic.running import complete
from pollinator_magic.screen import TerminalScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    Action = Callable[[argparse.Namespace, Context], Awaitable[None] | None]
    Configure = Callable[[argparse.ArgumentParser], None]


def _nothing(_parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def _new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--name", required=True, metavar="EXECUTOR", help="the executor that shall run it")
    parser.add_argument("--image", metavar="REF", help="container image")
    parser.add_argument("--init", metavar="CMD", help="what runs before the program, e.g. 'pip3 install numpy'")


def _run(parser: argparse.ArgumentParser) -> None:
    add_run_options(parser)
    parser.add_argument("--follow", action="store_true", help="show the log and bring back the results")


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="environment file with COLONIES_* and AWS_S3_*")


def _executors(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="also those that are pending, rejected or gone")
    parser.add_argument("--local", action="store_true", help="those of the embedded colony")


def _jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="those of the whole colony, not only of this project")
    parser.add_argument("--count", type=positive, default=20, metavar="N", help="how many at the most")


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="process id, or its first four or more characters")


def _attach(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("--all", action="store_true", help="show the log from its beginning")
    parser.add_argument("--allow-pickle", action="store_true", help="read variables that came back as pickles")


def _logs(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("--tail", type=positive, metavar="N", help="only the last N lines")


def _pull(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("--to", metavar="DIR", help="directory that gets the results")
    parser.add_argument("--get", dest="patterns", action="append", metavar="PATTERN", help="only results that match")


def _clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would be removed; remove nothing")
    parser.add_argument(
        "--older",
        type=commands.age,
        default=commands.age("7d"),
        metavar="AGE",
        help="only what is older, e.g. 12h, 30d, 8w (s, m, h, d, w); by default 7d. Never what is younger than 1h",
    )
    parser.add_argument(
        "--keep",
        type=commands.count,
        default=20,
        metavar="N",
        help="keep so many of the newest ended jobs however old they are; by default 20",
    )


def _graph(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("show", "run", "clear", "attach"))
    parser.add_argument("id", metavar="ID", nargs="?", help="attach, show: a graph's id, or its first four characters")
    parser.add_argument("--as", dest="name", type=variable, metavar="NAME", help="run: variable that gets the graph")
    parser.add_argument(
        "-d", "--detach", action="store_true", help="run: return at once; the card shows how it goes on"
    )
    parser.add_argument("--follow", dest="detach", action="store_false", help="run: follow to the end, as by default")
    parser.add_argument("--on-interrupt", choices=("detach", "cancel"), default="detach", help="what stop means")
    parser.add_argument("--dry-run", action="store_true", help="run: show what would be sent; send nothing")
    parser.add_argument("--quiet", action="store_true", help="no logs and no results in the output")
    parser.add_argument("--allow-pickle", action="store_true", help="read variables that came back as pickles")


def _local(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("start", "stop", "status", "reset", "logs"))
    parser.add_argument("--yes", action="store_true", help="really reset")
    parser.add_argument("--lines", type=positive, default=50, metavar="N", help="how many lines of logs")
    parser.add_argument(
        "--s3",
        action=argparse.BooleanOptionalAction,
        help="start: serve files over S3 too, for other tools",
    )
    parser.add_argument("--env", action="store_true", help="status: the variables by which other tools get here")
    parser.add_argument("--keys", action="store_true", help="with --env: the keys too")
    parser.add_argument("--to", metavar="FILE", help="with --env: write a file for `connect` that only you can read")


SUBCOMMANDS: dict[str, tuple[Action, Configure]] = {
    "new": (commands.new, _new),
    "run": (commands.run, _run),
    "funcspec": (commands.funcspec, add_project_options),
    "version": (commands.version, _nothing),
    "connect": (commands.connect_file, _file),
    "status": (commands.status, _nothing),
    "executors": (commands.executors, _executors),
    "pick": (commands.pick, _nothing),
    "jobs": (commands.jobs, _jobs),
    "attach": (commands.attach, _attach),
    "logs": (commands.logs, _logs),
    "cancel": (commands.cancel, _id),
    "pull": (commands.pull, _pull),
    "graph": (commands.graph, _graph),
    "clean": (commands.clean, _clean),
    "local": (commands.local, _local),
    "executor": (commands.executor, _nothing),  # its options depend on what kind is asked for: see `parser_of`
}


async def dispatch(words: Sequence[str], context: Context, *, prog: str = "pollinate") -> None:
    """Carry out one subcommand; raise PollinatorError (UsageError for words that cannot be meant)."""
    if not words or words[0] in {"-h", "--help", "help"}:
        context.screen.show(overview(prog))
        return
    name, *rest = words
    if name not in SUBCOMMANDS:
        raise UsageError(
            f"{prog}: there is no subcommand {name!r}.{did_you_mean(name, SUBCOMMANDS)} `{prog} help` lists them."
        )
    action, _ = SUBCOMMANDS[name]
    parser = parser_of(name, prog, rest)
    if "-h" in rest or "--help" in rest:
        context.screen.show(parser.format_help())
        return
    following = action(parser.parse_intermixed_args(rest), context)
    if following is not None:
        await following


def parser_of(name: str, prog: str, words: Sequence[str] = ()) -> Parser:
    """Return the parser of one subcommand, which is about to read these words, as far as they are known."""
    action, configure = SUBCOMMANDS[name]
    parser = Parser(prog=f"{prog} {name}", description=action.__doc__, add_help=False)
    parser.add_argument("-h", "--help", action="store_true", help="show this help")
    configure(parser)
    if name == "executor":
        commands.add_executor_options(parser, words)
    return parser


def overview(prog: str) -> str:
    """Return one line a subcommand."""
    lines = [f"  {name:<10} {(action.__doc__ or '').splitlines()[0]}" for name, (action, _) in SUBCOMMANDS.items()]
    return "\n".join([f"usage: {prog} SUBCOMMAND …   (`{prog} SUBCOMMAND --help` for more)", "", *lines])


def _is_shown_in_a_notebook() -> bool:
    """Whether this is a `!command` of a cell, to which a kernel gives a terminal of its own."""
    return "JPY_PARENT_PID" in os.environ and sys.stdout.isatty()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns 0, 1 for a failed job or check, 2 for an error, 130 when interrupted, 141 when unread.
    """
    screen = TerminalScreen()
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        complete(dispatch(words, Context(screen, Path.cwd(), saved=_is_shown_in_a_notebook())))
    except Interrupted as interrupted:
        screen.say(str(interrupted))
        return 130
    except KeyboardInterrupt:
        return 130
    except (JobError, NotReady) as error:
        screen.say(str(error))
        return 1
    except PollinatorError as error:
        screen.say(str(error))
        return 2
    except BrokenPipeError:
        # Whoever read the output (`… | head`) has enough; Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0
