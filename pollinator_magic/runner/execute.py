"""Runs a cell as the program of its job: exactly as `python3 src/main.py` would, and beyond that as a notebook would.

What a script does is left to the interpreter: an exception goes on out of this program, so that exit status, signals,
threads and atexit handlers are what they are for a script. What the runner adds must never make a cell fail that would
have run as one: whatever goes wrong in here is passed over, and plain output is left.
"""

from __future__ import annotations

import os
import sys

from .cell import compile_cell
from .imports import keep_apart, own_imports
from .log import Stream
from .notebook import Notebook, PassingOver
from .settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType, TracebackType
    from typing import Any

_SCRIPT_NAMES = (
    *("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__annotations__", "__builtins__"),
    *("__file__", "__cached__"),
)

_DEPTH = 3 if sys.version_info >= (3, 12) else 5
"""How much of the stack is in use where a cell begins and a script has nothing; earlier versions count more."""


def prepare(script: str, here: str) -> Run:
    """Return what runs the cell in the file `script`; raises if it cannot, and then nothing has happened yet."""
    return Run(script, here)


class Run:
    """One run of a cell: calling it runs it, in the module `__main__`."""

    def __init__(self, script: str, here: str) -> None:
        with open(script, "rb") as file:
            self._source = file.read()
        self._here = here
        # Since 3.9 the interpreter makes the name absolute, though not that in sys.argv.
        self._filename = script if sys.version_info < (3, 9) else os.path.join(os.getcwd(), script)
        self._directory = os.path.dirname(os.path.realpath(script))
        self._process = os.getpid()
        self._namespace: dict[str, Any] = sys.modules["__main__"].__dict__
        self._settings = Settings(os.path.dirname(here))
        self._stderr = Stream("stderr", 2)
        self._notebook = Notebook(self._settings, Stream("stdout", 1))

    def __call__(self) -> None:
        """Run it to its end, and let its exception go on."""
        self._become_script()
        value = None
        try:
            inputs = self._load_inputs()
            sys.setrecursionlimit(sys.getrecursionlimit() + _DEPTH)
            program = compile_cell(self._source, self._filename)
            # A process that is started afresh would find neither the variables nor that the cell may await.
            more = {"multiprocessing.spawn": self._patch_spawn} if inputs or program.awaits else {}
            self._notebook.lend_a_hand(more)
            self._namespace.update(inputs)
            value = program.run(self._namespace)
        except SystemExit as end:
            self._finish(succeeded=end.code is None or end.code == 0)
            raise
        except BaseException as error:
            self._finish(succeeded=False)
            self._prepare_to_show(error)
            raise
        if value is not None and self._is_here:
            self._take(value, quiet=program.quiet)
        self._finish(succeeded=True)

    def _become_script(self) -> None:
        """Let everything that a program can ask about itself be as if the interpreter had started the script."""
        starter = sys.argv.pop(0)
        original = getattr(sys, "orig_argv", [])
        if starter in original:
            original.remove(starter)
        if sys.path and os.path.realpath(sys.path[0]) == os.path.realpath(self._here):
            sys.path[0] = self._directory  # otherwise an option such as -P or -I keeps it out
            keep_apart(self._directory)
        before = dict(self._namespace)
        self._namespace.clear()
        self._namespace.update({name: before[name] for name in _SCRIPT_NAMES if name in before})
        self._namespace.update(__doc__=None, __file__=self._filename)
        self._namespace["__loader__"] = type(before["__loader__"])("__main__", self._filename)

    def _load_inputs(self) -> dict[str, Any]:
        """Return the variables that the cell starts with, or end the program with what is wrong with them."""
        if not self._settings.has_inputs:
            return {}
        with own_imports():
            from .carry import NotLoaded, load_inputs

        try:
            return load_inputs(self._settings)
        except NotLoaded as problem:
            raise SystemExit(str(problem)) from None

    def _patch_spawn(self, module: ModuleType) -> None:
        with own_imports():
            from .children import patch_spawn

        patch_spawn(module, self._filename, self._here)

    @property
    def _is_here(self) -> bool:
        """Whether this is the process of the job, not a forked child that has come to the end of the cell."""
        return os.getpid() == self._process

    def _take(self, value: Any, *, quiet: bool) -> None:
        """Show the value of the cell, and keep it."""
        with PassingOver():
            if not quiet:
                self._notebook.display(value)
        with PassingOver():
            if not self._settings.rank:
                with own_imports():
                    from .carry import save_value
                save_value(value, self._settings)

    def _finish(self, *, succeeded: bool) -> None:
        """Show what is left to show, and save what is to come back."""
        if not self._is_here:
            return
        with PassingOver():
            self._notebook.show_open_figures()
        with PassingOver():
            if succeeded and not self._settings.rank and self._settings.outputs:
                with own_imports():
                    from .carry import save_outputs
                save_outputs(self._namespace, self._settings)

    def _prepare_to_show(self, error: BaseException) -> None:
        """Let the interpreter show the exception that ends the program as it shall be shown, when its time has come.

        All is prepared here: what is imported in the hook itself would make the interpreter forget that an interrupt
        has to end the program as a signal does.
        """
        hook: Any = getattr(sys, "excepthook", None)
        write = self._described(error) if _is_standard(hook) else None

        def present(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            sys.excepthook = hook
            with PassingOver():
                trace = _own_trace(trace, self._namespace, self._here)
                error.__traceback__ = sys.last_traceback = trace
            if write is not None and write():
                return
            hook(kind, error, trace)

        sys.excepthook = present

    def _described(self, error: BaseException) -> Callable[[], bool] | None:
        """Return what writes the readable form of the exception; None if there is none."""
        with PassingOver():
            error.__traceback__ = _own_trace(error.__traceback__, self._namespace, self._here)
            with own_imports():
                from . import wire
                from .failure import Failure
            settings = self._settings
            failure = Failure(error, source=self._source, filename=self._filename, line_offset=settings.line_offset)
            payload, text = failure.describe()
            if settings.rank or self._stderr.is_redirected:
                return lambda: self._stderr.print(text)
            encoded = wire.encode(wire.RAISED, payload, text[:-1], os.urandom(4).hex())
            return lambda: self._stderr.write(encoded)
        return None


def _own_trace(trace: TracebackType | None, namespace: dict[str, Any], home: str) -> TracebackType | None:
    """Return a traceback without the frames of the runner: neither those around the cell nor those that it called."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    in_cell = [frame.tb_frame.f_globals is namespace for frame in frames]
    if any(in_cell):
        del frames[: in_cell.index(True)]
    kept = [frame for frame in frames if not _is_runner(frame.tb_frame.f_code.co_filename, home)]
    for frame, following in zip(kept, [*kept[1:], None]):
        frame.tb_next = following
    return kept[0] if kept else None


def _is_runner(filename: str, home: str) -> bool:
    return os.path.dirname(os.path.abspath(filename)) == home


def _is_standard(hook: object) -> bool:
    """Whether an exception hook is none of the user's; the one for Python 3.10 only knows exception groups as well."""
    return hook is sys.__excepthook__ or str(getattr(hook, "__module__", "")).startswith("exceptiongroup")
