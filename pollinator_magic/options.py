"""What can be asked of one run, and how it is written: the options of `%%pollinate` and of `pollinate run`.

Splitting follows POSIX shell quoting. Unknown options are errors that name the nearest known one.
"""

from __future__ import annotations

import argparse
import keyword
import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from pollinator_magic.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ENV = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_UNRECOGNISED = re.compile(r"unrecognized arguments: (\S+)")
_INVALID_CHOICE = re.compile(r"argument (\S+): invalid choice: '([^']*)'")
_OF_THE_RUN = "Give it to `%pollinator graph run`."
_NOT_WITH_STEP = {
    "each": ("--each", "Vary the values within the step, or run the cell without --step."),
    "map_file": ("--map", "Read the table within the step, or run the cell without --step."),
    "cached": ("--cached", "Every run of a graph runs all its steps."),
    "name": ("--as", _OF_THE_RUN),
    "detach": ("--detach", _OF_THE_RUN),
    "on_interrupt": ("--on-interrupt", _OF_THE_RUN),
    "dry_run": ("--dry-run", _OF_THE_RUN),
}
_COMMA = re.compile(r",(?!\s*[<>=!~])(?![^\[]*\])")
"""A comma between two packages, not within `numpy>=1.26,<3` or `dask[array,dataframe]`."""


@dataclass(frozen=True)
class RunOptions:
    """One run as asked for; None means "as the project says". Values are still text where they have units."""

    executors: tuple[str, ...] = ()
    nodes: str | None = None
    ppn: str | None = None
    cpu: str | None = None
    mem: str | None = None
    gpu: str | None = None
    walltime: str | None = None
    image: str | None = None
    command: str | None = None
    init: str | None = None
    source: str | None = None
    packages: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    patterns: tuple[str, ...] = ("*",)
    name: str | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    """`NAME=VALUES`, one job for each combination."""
    map_file: str | None = None
    """A table with one job a row."""
    step: str | None = None
    """The name of the step that the cell becomes, instead of being sent."""
    after: tuple[str, ...] = ()
    """The steps that it comes after."""
    allow_pickle: bool = False
    script: bool = False
    cached: bool = False
    detach: bool = False
    cancel_on_interrupt: bool = False
    dry_run: bool = False
    quiet: bool = False
    verbose: bool = False


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError instead of leaving the program, and knows no abbreviations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str) -> NoReturn:
        """Raise UsageError; an unknown option or choice is answered with the nearest known one."""
        hint = ""
        if unknown := _UNRECOGNISED.match(message):
            known = [option for action in self._actions for option in action.option_strings]
            hint = did_you_mean(unknown[1].split("=")[0], known)
        elif wrong := _INVALID_CHOICE.match(message):
            hint = did_you_mean(wrong[2], [choice for action in self._actions for choice in action.choices or ()])
        ask = f"{self.prog}?" if self.prog.endswith("%pollinate") else f"{self.prog} --help"
        raise UsageError(f"{self.prog}: {message}.{hint} `{ask}` shows all options.")


def split(line: str) -> list[str]:
    """Split an option line into words as a POSIX shell would, without expanding anything."""
    try:
        return shlex.split(line, comments=False, posix=True)
    except ValueError as error:
        raise UsageError(f"The option line cannot be read: {str(error).lower()}.") from None


def add_project_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that go before what project.yaml says."""
    conditions = parser.add_argument_group("conditions")
    conditions.add_argument("executors", nargs="*", metavar="EXECUTOR", help="which executors may run it: any of these")
    conditions.add_argument("--nodes", metavar="N", help="number of nodes")
    conditions.add_argument("--ppn", metavar="N", help="processes on each node")
    conditions.add_argument("--cpu", metavar="2000m", help="CPU of each process; 1000m is one core")
    conditions.add_argument("--mem", metavar="4Gi", help="memory of each node, in Mi or Gi")
    conditions.add_argument("--gpu", metavar="[NAME:]N", help="GPUs of each node")
    conditions.add_argument("--walltime", metavar="10m", help="longest run: seconds, or 10m, 2h, 1h30m")
    environment = parser.add_argument_group("environment")
    environment.add_argument("--image", metavar="REF", help="container image")
    environment.add_argument(
        "--cmd", dest="command", metavar="CMD", help="what runs the source, e.g. python3 or Rscript"
    )
    environment.add_argument("--init", metavar="CMD", help="what runs first, e.g. 'pip3 install numpy'")
    environment.add_argument("--source", metavar="FILE", help="the file in cfs/src that is run")
    environment.add_argument("--pip", dest="packages", metavar="A,B", action="append", help="packages to install first")
    environment.add_argument("--env", metavar="K=V", action="append", help="environment variable of the job")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that a cell, a line and the command line share."""
    add_project_options(parser)
    behaviour = parser.add_argument_group("behaviour")
    behaviour.add_argument(
        "--get", dest="patterns", metavar="PATTERN", action="append", help="results to fetch and show"
    )
    behaviour.add_argument("--as", dest="name", metavar="NAME", help="variable that gets the job")
    _switch(behaviour, "-d", "--detach", help="return at once, do not follow")
    behaviour.add_argument(
        "--on-interrupt", choices=("detach", "cancel"), default="detach", help="what the stop button means"
    )
    _switch(behaviour, "--cached", help="give the earlier results of the same run, if there are any")
    behaviour.add_argument("--dry-run", action="store_true", help="show what would be sent; send nothing")
    _switch(behaviour, "--quiet", help="no log and no results in the output")
    _switch(behaviour, "--verbose", help="say more of what is done")


def add_cell_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that need a notebook: its variables, and one job for each of many values."""
    variables = parser.add_argument_group("variables")
    variables.add_argument("--in", dest="inputs", metavar="A,B", action="append", help="variables that go into the job")
    variables.add_argument("--out", dest="outputs", metavar="X,Y", action="append", help="variables that come back")
    _switch(variables, "--allow-pickle", help="let variables travel as pickles, which can run code, if need be")
    _switch(variables, "--script", help="run the file plainly, without the notebook runner")
    many = parser.add_argument_group("many jobs")
    many.add_argument(
        "--each", metavar="NAME=VALUES", nargs="+", action="extend", help="one job for each: lr=0.1,0.01 seed=1:5"
    )
    many.add_argument("--map", dest="map_file", metavar="FILE", help="one job for each row of this table")
    workflow = parser.add_argument_group("workflow")
    workflow.add_argument("--step", metavar="NAME", help="collect the cell as this step of the notebook's graph")
    workflow.add_argument(
        "--after",
        metavar="STEP,STEP",
        action="append",
        help="the steps before it; it finds their results in steps/STEP",
    )


def _switch(group: argparse._ArgumentGroup, *names: str, help: str) -> None:  # noqa: A002  as argparse calls it
    """Add an option that can be turned off again, because `%config` may have turned it on."""
    group.add_argument(*names, action=argparse.BooleanOptionalAction, default=False, help=help)


def project_options(parsed: argparse.Namespace) -> RunOptions:
    """Make RunOptions of what a parser with `add_project_options` has read."""
    return RunOptions(
        executors=tuple(_comma_separated(parsed.executors)),
        nodes=parsed.nodes,
        ppn=parsed.ppn,
        cpu=parsed.cpu,
        mem=parsed.mem,
        gpu=parsed.gpu,
        walltime=parsed.walltime,
        image=parsed.image,
        command=parsed.command,
        init=parsed.init,
        source=parsed.source,
        packages=tuple(part for text in parsed.packages or () for part in _COMMA.split(text) if part),
        env=tuple(_assignment(text) for text in parsed.env or ()),
    )


def run_options(parsed: argparse.Namespace) -> RunOptions:
    """Make RunOptions of what a parser with `add_run_options` has read."""
    if parsed.name is not None and (not parsed.name.isidentifier() or keyword.iskeyword(parsed.name)):
        raise UsageError(f"--as {parsed.name!r} is not the name of a Python variable.")
    return replace(
        project_options(parsed),
        patterns=tuple(_comma_separated(parsed.patterns or ())) or ("*",),
        name=parsed.name,
        detach=parsed.detach,
        cancel_on_interrupt=parsed.on_interrupt == "cancel",
        cached=parsed.cached,
        dry_run=parsed.dry_run,
        quiet=parsed.quiet,
        verbose=parsed.verbose,
    )


def cell_options(parsed: argparse.Namespace) -> RunOptions:
    """Make RunOptions of what a parser with `add_cell_options` too has read."""
    if parsed.each and "=" not in parsed.each[0]:
        raise UsageError(f"--each {parsed.each[0]} lacks its values. For example: --each lr=0.1,0.01 seed=1:5")
    each = [word for word in parsed.each or () if "=" in word]
    # `--each lr=1,2 local` means the executor, although an option with several values takes every word that follows.
    parsed.executors = [*parsed.executors, *(word for word in parsed.each or () if "=" not in word)]
    return replace(
        run_options(parsed),
        inputs=_variables("--in", parsed.inputs),
        outputs=_variables("--out", parsed.outputs),
        each=tuple(each),
        map_file=parsed.map_file,
        step=parsed.step,
        after=tuple(dict.fromkeys(_comma_separated(parsed.after or ()))),
        allow_pickle=parsed.allow_pickle,
        script=parsed.script,
    )


def parse_run_line(prog: str, line: str, defaults: Mapping[str, object] | None = None) -> RunOptions:
    """Read the option line of a magic; raise UsageError for what cannot be meant.

    `defaults` are values, by the parser's names, of options that the line does not mention; those of --env add up.
    """
    parser = cell_parser(prog)
    lists = {name: value for name, value in (defaults or {}).items() if isinstance(value, list)}
    parser.set_defaults(**{name: value for name, value in (defaults or {}).items() if name not in lists})
    parsed = parser.parse_intermixed_args(split(line))
    for name, value in lists.items():
        given = getattr(parsed, name) or []
        setattr(parsed, name, [*value, *given] if name == "env" else given or value)
    _check_step(prog, parsed, parser)
    return cell_options(parsed)


def _check_step(prog: str, parsed: argparse.Namespace, parser: Parser) -> None:
    """Raise UsageError for options of this line, not for defaults, that are of no use to a step."""
    if parsed.step is None:
        if parsed.after:
            raise UsageError(f"{prog}: --after needs --step: only steps of a graph come after one another.")
        return
    for dest, (option, remedy) in _NOT_WITH_STEP.items():
        if getattr(parsed, dest) != parser.get_default(dest):
            raise UsageError(f"{prog}: {option} does not go with --step, which only collects the cell. {remedy}")


def run_help() -> str:
    """Return what each option of a cell means."""
    return cell_parser("%%pollinate").format_help().rstrip()


def cell_parser(prog: str) -> Parser:
    """Return the parser of `%%pollinate` and `%pollinate`."""
    parser = Parser(prog=prog, add_help=False)
    add_run_options(parser)
    add_cell_options(parser)
    return parser


def positive(text: str) -> int:
    """Read a positive whole number, as the `type` of an argument."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def variable(text: str) -> str:
    """Read the name of a Python variable, as the `type` of an argument."""
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a Python variable")
    return text


def _variables(option: str, texts: Iterable[str] | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(_comma_separated(texts or ())))
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"{option} {name!r} is not the name of a Python variable.")
    return names


def _comma_separated(texts: Iterable[str]) -> list[str]:
    return [part for text in texts for part in text.split(",") if part]


def _assignment(text: str) -> tuple[str, str]:
    match = _ENV.fullmatch(text)
    if not match:
        raise UsageError(f"--env {text!r} is not of the form NAME=value (letters, digits and underscores in NAME).")
    return match[1], match[2]
