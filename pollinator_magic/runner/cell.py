"""The source of a cell as a program, and the value of its last expression."""

from __future__ import annotations

import _ast  # what `ast` is made of, without what makes it slow to import

from .imports import own_imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

_VALUE = "<value of the cell>"
"""The variable that takes the value of the last expression: not a name that a program could have."""
_CO_COROUTINE = 0x80
_WHERE = ("lineno", "col_offset", "end_lineno", "end_col_offset")
_AWAITS = (_ast.Await, _ast.AsyncFor, _ast.AsyncWith)


class Program:
    """A compiled cell."""

    def __init__(self, code: CodeType, *, quiet: bool = True) -> None:
        self.code = code
        self.quiet = quiet
        """Whether a semicolon at the end says that the value is not to be shown."""
        self.awaits = bool(code.co_flags & _CO_COROUTINE)
        """Whether the code awaits something outside of all functions: evaluating it gives a coroutine."""

    def run(self, namespace: dict[str, Any]) -> Any:
        """Run it, and return the value of its last expression, None if there is none; its exceptions go on."""
        if self.awaits:
            import asyncio

            asyncio.run(eval(self.code, namespace))  # noqa: S307  to run the user's program is what this is for
        else:
            exec(self.code, namespace)  # noqa: S102  the same
        return namespace.pop(_VALUE, None)


def compile_cell(source: bytes, filename: str) -> Program:
    """Compile a cell as a script is compiled, but so that the value of its last expression is kept.

    Raises what compiling a script raises, SyntaxError above all.
    """
    try:
        tree: Any = compile(source, filename, "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
        flags = _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if _may_await(source) and _awaits(tree) else 0
        quiet = not _keep_value(tree) or _ends_with_semicolon(source, tree.body[-1])
        return Program(compile(tree, filename, "exec", flags, dont_inherit=True), quiet=quiet)
    except SyntaxError:
        raise
    except (RecursionError, TypeError, ValueError):
        pass  # a tree is more for the interpreter than the text: what is too deep for one may still be a program
    return Program(compile(source, filename, "exec", dont_inherit=True))


def _keep_value(tree: Any) -> bool:
    """Let the last statement, if it is an expression, be an assignment to _VALUE; return whether it is."""
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, _ast.Expr):
        return False
    where: Any = {name: getattr(last, name) for name in _WHERE}
    kept = _ast.Assign(targets=[_ast.Name(id=_VALUE, ctx=_ast.Store(), **where)], value=last.value, **where)
    if len(tree.body) == 1 and isinstance(last.value, _ast.Constant) and isinstance(last.value.value, str):
        tree.body.append(kept)  # it is the docstring as well
    else:
        tree.body[-1] = kept
    return True


def _ends_with_semicolon(source: bytes, last: Any) -> bool:
    """Whether a semicolon comes after the statement; nothing but brackets and comments can be there."""
    lines = _utf8(source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")).split(b"\n")[last.end_lineno - 1 :]
    lines[0] = lines[0][last.end_col_offset :]
    return any(b";" in line.partition(b"#")[0] for line in lines)


def _utf8(source: bytes) -> bytes:
    """Return the source in the encoding in which the columns of a tree are counted."""
    if source.startswith(b"\xef\xbb\xbf"):
        return source[3:]
    if source.isascii() or b"coding" not in b"".join(source.split(b"\n", 2)[:2]):
        return source
    with own_imports():
        from importlib.util import decode_source

        return decode_source(source).encode("utf-8")


def _may_await(source: bytes) -> bool:
    return b"await" in source or b"async" in source


def _awaits(tree: Any) -> bool:
    """Whether something is awaited outside of all functions, which a script may not do."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, _AWAITS) or (isinstance(node, _ast.comprehension) and node.is_async):
            return True
        if isinstance(node, (_ast.FunctionDef, _ast.AsyncFunctionDef)):
            pending += [*node.decorator_list, node.args]
        elif isinstance(node, _ast.Lambda):
            pending.append(node.args)
        elif isinstance(node, _ast.ClassDef):
            pending += [*node.decorator_list, *node.bases, *node.keywords]
        else:
            for name in node._fields:
                value = getattr(node, name, None)
                if isinstance(value, list):
                    pending += [item for item in value if isinstance(item, _ast.AST)]
                elif isinstance(value, _ast.AST):
                    pending.append(value)
    return False
