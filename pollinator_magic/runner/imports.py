"""The runner's own imports: they see the standard library, whatever modules the cell has, and leave the cell its own.

A cell may bring a `src/token.py`. As a script it would never notice that the standard library has one too; imported for
the traceback of an error, it would be run when nobody asked for it, and break what needed the other one.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

_SUFFIXES = (".py", ".pyc", ".so", ".pyd")


class _Own:
    def __init__(self) -> None:
        self._directory = ""
        self._depth = 0
        self._shadows: frozenset[str] | None = None
        self._path: list[str] = []
        self._before: set[str] = set()
        self._hidden: dict[str, ModuleType] = {}
        self._writes_bytecode = True

    def apart_from(self, directory: str) -> None:
        self._directory = directory
        self._shadows = None

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth > 1:
            return
        self._writes_bytecode = not sys.dont_write_bytecode
        sys.dont_write_bytecode = True
        if self._shadows is None:
            self._shadows = _shadows(self._directory)
        if self._shadows:
            self._hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if self._is_shadow(name)}
            self._before = set(sys.modules)
            self._path = list(sys.path)
            sys.path[:] = [entry for entry in sys.path if entry != self._directory]

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth:
            return
        sys.dont_write_bytecode = not self._writes_bytecode
        if self._shadows:
            sys.path[:] = self._path
            for name in set(sys.modules) - self._before:
                if self._is_shadow(name):
                    del sys.modules[name]
            sys.modules.update(self._hidden)
            self._hidden = {}

    def _is_shadow(self, name: str) -> bool:
        return name.partition(".")[0] in (self._shadows or ())


_own = _Own()


class _AsTheCell:
    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


def own_imports(*, hidden: bool = True) -> _Own | _AsTheCell:
    """Return a context in which imports are the runner's own, unless the cell's modules are not to be hidden.

    It may be entered again inside itself.
    """
    return _own if hidden else _AsTheCell()


def keep_apart(directory: str) -> None:
    """Let `directory`, which is on sys.path, be the one of the cell's modules."""
    _own.apart_from(directory)


def _shadows(directory: str) -> frozenset[str]:
    """Return the names of the modules in `directory` that the standard library has as well."""
    try:
        entries = os.listdir(directory) if directory else []
    except OSError:
        return frozenset()
    modules = {
        entry.partition(".")[0]
        for entry in entries
        if entry.endswith(_SUFFIXES) or os.path.isfile(os.path.join(directory, entry, "__init__.py"))
    }
    # What was there before the cell (os, io, …) or is compiled into the interpreter cannot be shadowed.
    return frozenset(modules & _standard_names()) - set(sys.builtin_module_names)


def _standard_names() -> frozenset[str]:
    known: frozenset[str] = getattr(sys, "stdlib_module_names", frozenset())
    if known:
        return known
    library = os.path.dirname(os.__file__)
    entries = os.listdir(library)
    if os.path.isdir(os.path.join(library, "lib-dynload")):
        entries += os.listdir(os.path.join(library, "lib-dynload"))
    # Python 3.8 and 3.9 do not say; what they have lies in two directories.
    return frozenset(entry.partition(".")[0] for entry in entries)
