"""Completion behind `%%pollinate`, `%pollinate` and `%pollinator`: options, their values, executors, jobs, variables.

One matcher for IPython's completer, which is silent everywhere else. Options are those of the parsers that read the
line. A key press never waits for a colony: see `lookout`.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from pollinator_magic.notebook.lookout import shared
from pollinator_magic.notebook.optionline import Unfinished, magic_line, spot, unfinished
from pollinator_magic.notebook.suggestions import Place, Suggestion, is_list, values
from pollinator_magic.options import cell_parser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

    from pollinator_magic.notebook.lookout import Lookout
    from pollinator_magic.notebook.optionline import MagicLine, Spot

_log = logging.getLogger(__name__)

_IDENTIFIER = "pollinator_magic.completion"
_EXPANDED = re.compile(r"[{}$]")
"""What IPython replaces by the values of variables before a magic is called."""
_PLAIN = re.compile(r"[^\s'\"\\]+")
_MOST = 200
_LONGEST_ABOUT = 60


def install(shell: InteractiveShell) -> None:
    """Complete the magics of this shell; once is enough, and twice does no harm."""
    matchers = shell.Completer.custom_matchers
    if not any(_is_ours(matcher) for matcher in matchers):
        matchers.append(matcher_for(shell))


def uninstall(shell: InteractiveShell) -> None:
    """Complete them no more."""
    shell.Completer.custom_matchers[:] = [own for own in shell.Completer.custom_matchers if not _is_ours(own)]


def matcher_for(shell: InteractiveShell, lookout: Lookout | None = None) -> Any:
    """Return the matcher for this shell's variables; it looks at the colonies through `lookout`."""

    def matcher(context: CompletionContext) -> Any:
        nothing = {"completions": [], "suppress": False}
        try:
            line = magic_line(context.full_text, context.cursor_line, context.cursor_position)
            if line is None:
                return nothing
            fragment, found = complete(line, shell.user_ns, Path.cwd(), lookout or shared())
        except Exception as error:  # noqa: BLE001  an error here would be printed between the user's key presses
            _log.debug("no completions: %r", error)
            return nothing
        completions = [SimpleCompletion(one.text, type=_short(one.about) or "value") for one in found]
        return {
            "completions": completions,
            "matched_fragment": fragment,
            "suppress": bool(completions),
            "ordered": True,
        }

    return context_matcher(identifier=_IDENTIFIER, priority=1000)(matcher)  # before all others, which it then spares


def complete(
    line: MagicLine, variables: dict[str, Any], directory: Path, lookout: Lookout
) -> tuple[str, list[Suggestion]]:
    """Return the text before the cursor that is to be replaced, and what could replace it."""
    written = unfinished(line.head)
    if _EXPANDED.search(written.raw):
        return written.raw, []  # IPython completes the expression
    place = Place(variables, directory, lookout, line.body)
    if line.name != "%pollinator":
        return _at(spot(cell_parser(line.name), written), place)
    return _subcommand(written, place)


def _subcommand(written: Unfinished, place: Place) -> tuple[str, list[Suggestion]]:
    from pollinator_magic.cli import SUBCOMMANDS, parser_of

    if not written.words:
        names = [Suggestion(name, (action.__doc__ or "").split("\n")[0]) for name, (action, _) in SUBCOMMANDS.items()]
        return written.raw, _beginning(written.text, names)
    name, *rest = written.words
    if name not in SUBCOMMANDS:
        return written.raw, []
    where = spot(parser_of(name, "%pollinator", rest), Unfinished(tuple(rest), written.raw))
    return _at(where, replace(place, subcommand=name))


def _at(where: Spot, place: Place) -> tuple[str, list[Suggestion]]:
    """Return what may stand at this spot of an option line."""
    *before, raw = where.raw.split(",") if any(is_list(action) for action in where.value_of) else [where.raw]
    prefix = raw.strip("'\"")
    place = replace(place, prefix=prefix, given=where.given)
    found: list[Suggestion] = []
    for action in where.value_of:
        taken = {*before, *(where.given if action.metavar == "EXECUTOR" else ())}
        found += [one for one in values(action, place) if one.text not in taken]
    found = [Suggestion(_quoted(one.text), one.about) for one in _beginning(prefix, found)]
    return raw, (found + _options(where, raw))[:_MOST]


def _options(where: Spot, raw: str) -> list[Suggestion]:
    """Return the options that begin as what is written, by their long names unless a short one is being written."""
    found = []
    for action in where.options:
        about = " · ".join(part for part in (action.help or "", _form(action)) if part)
        for name in action.option_strings:
            hidden = (name.startswith("--no-") and not raw.startswith("--no-")) or (name[:2] != "--" and raw != "-")
            if name.startswith(raw) and not hidden:
                found.append(Suggestion(name, f"not: {about}" if name.startswith("--no-") else about))
    return found


def _form(action: argparse.Action) -> str:
    """Return how a value is written, where its placeholder says more than that there is one: `4Gi`, not `N`."""
    form = action.metavar if isinstance(action.metavar, str) and action.nargs != 0 else ""
    return "" if form.isalpha() else form


def _beginning(prefix: str, found: Iterable[Suggestion]) -> list[Suggestion]:
    """Return what begins with `prefix` and would arrive as it stands there."""
    return [one for one in found if one.text.startswith(prefix) and not _EXPANDED.search(one.text)]


def _quoted(text: str) -> str:
    """Write a value so that it stays one word; almost all are plain."""
    if _PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _short(about: str) -> str:
    """Return one short line that cannot be broken: JupyterLab would lay its parts over each other."""
    line = " ".join(about.split())
    line = line if len(line) <= _LONGEST_ABOUT else f"{line[: _LONGEST_ABOUT - 1]}…"
    return line.replace(" ", "\N{NO-BREAK SPACE}").replace("-", "\N{NON-BREAKING HYPHEN}")


def _is_ours(matcher: Any) -> bool:
    return getattr(matcher, "matcher_identifier", "") == _IDENTIFIER
