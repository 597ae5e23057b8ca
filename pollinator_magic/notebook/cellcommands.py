"""Commands of the notebook in a cell that is a job's program: found before anything waits in a queue for them."""

from __future__ import annotations

import ast
import warnings

from pollinator_magic.errors import UsageError

_LONGEST = 60
_REMEDIES = {
    "%matplotlib": "Leave the line out: figures appear by themselves.",
    "%pip": "Leave the line out, and name the packages with --pip.",
    "%conda": "Leave the line out, and name the packages with --pip.",
    "!pip": "Leave the line out, and name the packages with --pip.",
    "!pip3": "Leave the line out, and name the packages with --pip.",
}
_OTHERWISE = {
    "!": "Use `subprocess.run([…])`, or a cell of its own without %%pollinate.",
    "%": "Put it into a cell of its own without %%pollinate.",
}


def refuse_commands(cell: str) -> None:
    """Raise UsageError if the line that keeps a Python cell from being read begins with `%` or `!`.

    What else is wrong is left to the job, whose Python may read more than this one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are the job's to give
            ast.parse(cell)
    except SyntaxError as error:
        lines = cell.splitlines()
        number = error.lineno or 0
        line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    except (ValueError, RecursionError, MemoryError):
        return
    else:
        return
    if not line.startswith(tuple(_OTHERWISE)):
        return
    shown = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    remedy = _REMEDIES.get((line.split() or [""])[0], _OTHERWISE[line[0]])
    raise UsageError(
        f"%%pollinate: line {number + 1}, `{shown}`, is a command of the notebook, which a job does not know. {remedy}"
    )
