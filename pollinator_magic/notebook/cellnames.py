"""The variables of a cell that is being written: which it assigns, and which it reads without having assigned them."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache

_LARGEST = 200_000  # characters; a longer program is not looked at
_ASSIGNMENT = re.compile(r"^([A-Za-z_]\w*)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)
_OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Names:
    """Names in the order in which they first occur."""

    assigned: tuple[str, ...] = ()
    """Variables of the module; no functions, classes or imported modules."""
    read: tuple[str, ...] = ()
    """Names that are used and not made by the program itself, built-in ones left out."""


@lru_cache(maxsize=8)
def names_of(program: str) -> Names:
    """Return the names of a program; of one that cannot be parsed yet, those that a line assigns."""
    if len(program) > _LARGEST:
        return Names()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what is being typed, such as an invalid escape
            tree = ast.parse(program)
        return _names(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names(assigned=_shown(dict.fromkeys(_ASSIGNMENT.findall(program))))


def _names(tree: ast.Module) -> Names:
    assigned: dict[str, None] = {}
    made: set[str] = set()
    read: dict[str, None] = {}
    pending: list[tuple[ast.AST, bool]] = [(tree, True)]
    while pending:
        node, of_module = pending.pop()
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Store):
                read[node.id] = None
            elif of_module:
                assigned[node.id] = None
            else:
                made.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            made.add(node.name)
        elif isinstance(node, ast.alias):
            made.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        inside = of_module and not isinstance(node, (*_OWN_SCOPE, *_COMPREHENSION))
        pending += [(child, inside) for child in reversed(list(ast.iter_child_nodes(node)))]
    known = made | assigned.keys() | vars(builtins).keys()
    return Names(_shown(assigned), tuple(name for name in read if name not in known))


def _shown(names: dict[str, None]) -> tuple[str, ...]:
    return tuple(name for name in names if not name.startswith("_"))
