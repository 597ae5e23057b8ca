"""Cells that wait for their job without blocking the kernel.

The cell is code like any other by the time the kernel runs it: `get_ipython().run_cell_magic('pollinate', …)`. Where
that is a statement of its own and the kernel can run the cell as a coroutine, `await` is put before it, and the call is
made through `get_ipython().pollinated`, which tells the magic that what it returns is awaited. Buttons then work while
the cell runs, and the next cell still waits its turn. Everywhere else (`%%time`, `%%capture`, functions, loops, `%run`,
`%autoawait off`, a terminal) nothing is changed, and the magic waits by itself.

Whether the kernel is about to run the cell is read off the stack, not kept in a flag: there is nothing that a cell that
fails, one that runs another one, or a silent request could leave wrong.
"""

from __future__ import annotations

import ast
import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from pollinator_magic.interrupts import Interruptible

if TYPE_CHECKING:
    from collections.abc import Awaitable

_NAMES = ("pollinate", "pollinator")
_RUNNERS = ("run_cell_magic", "run_line_magic")
_CALL = "get_ipython()"
_AWAITED_CALL = "await get_ipython().pollinated"

_is_awaited: ContextVar[bool] = ContextVar("pollinated", default=False)


def is_awaited() -> bool:
    """Whether what the magic that is being called returns will be awaited."""
    return _is_awaited.get()


def install(shell: Any) -> None:
    """Let the outermost magics of this shell's cells be awaited."""
    remove(shell)
    shell.pollinated = _Awaited(shell)
    shell.input_transformers_post.append(await_jobs)


def remove(shell: Any) -> None:
    """Undo `install`, of an earlier import of this module too."""
    transformers = shell.input_transformers_post
    transformers[:] = [one for one in transformers if getattr(one, "__module__", None) != __name__]
    vars(shell).pop("pollinated", None)


def await_jobs(lines: list[str]) -> list[str]:
    """Put `await` before the calls of our magics that stand alone in a cell that the kernel is about to run."""
    if not any(name in line for line in lines for name in _NAMES) or not can_await():
        return lines
    try:
        statements = ast.parse("".join(lines)).body
    except (SyntaxError, ValueError):
        return lines  # the shell says what is wrong with it
    changed = list(lines)
    for statement in statements:
        row = statement.lineno - 1
        if isinstance(statement, ast.Expr) and _is_ours(statement.value) and changed[row].startswith(_CALL):
            changed[row] = _AWAITED_CALL + changed[row].removeprefix(_CALL)
    return changed


def can_await() -> bool:
    """Whether what is being transformed here is a cell that a kernel is about to run, and could run as a coroutine."""
    shell: Any = get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not shell.autoawait or shell.loop_runner is not shell.loop_runner_map["asyncio"][0]:
        return False
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code is InteractiveShell.run_code.__code__:
            return False  # a cell is running already, and it is what asks
        if frame.f_code.co_name == "do_execute" and frame.f_locals.get("self") is kernel:
            return True
        frame = frame.f_back
    return False


def _is_ours(node: ast.expr) -> bool:
    """Whether this is `get_ipython().run_…_magic('pollinat…', …)`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"), args=[]), attr=runner),
            args=[ast.Constant(value=name), *_],
        ):
            return runner in _RUNNERS and name in _NAMES
    return False


class _Awaited:
    """The shell's two ways of running a magic, for magics that give a coroutine when they are awaited."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def run_cell_magic(self, magic: str, line: str, cell: str) -> Awaitable[object]:
        token = _is_awaited.set(True)
        try:
            return Interruptible(self._shell.run_cell_magic(magic, line, cell))
        finally:
            _is_awaited.reset(token)

    def run_line_magic(self, magic: str, line: str) -> Awaitable[object]:
        token = _is_awaited.set(True)
        try:
            # The user's variables in the line are looked up in the cell, which is one frame further away than usual.
            return Interruptible(self._shell.run_line_magic(magic, line, _stack_depth=2))
        finally:
            _is_awaited.reset(token)
