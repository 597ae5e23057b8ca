"""The program that a cell's source becomes: it does what the source does, and gives the last expression's value."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.runner.cell import compile_cell

STATEMENTS = (
    "x = 1",
    "x = 2; y = 'ä'",
    "'a text'",
    "'''two\nlines'''",
    "(1,\n 2)",
    "x = 0\nx + 1",
    "[n for n in range(3)]  # ;",
    "{'ä': ';'}",
    "def f():\n    return 5\nf()",
    "if True:\n    7",
    "class A:\n    'text'\n",
    "(z := 3)",
    "lambda: 1",
    "f'{1}'",
    "import math; math.pi",
    "# only ; a comment",
    "",
    "\\\n8",
    "async def g(): await h()",
    "x = [1]; del x[0]",
    "None",
)
ENDS = ("", ";", " ; ", ";  # ;", "  # ;", ";\n\n# ä;\n", "\n\n", " \\\n;")
LINE_ENDS = ("\n", "\r\n", "\r")


@given(
    statements=st.lists(st.sampled_from(STATEMENTS), max_size=4),
    end=st.sampled_from(ENDS),
    line_end=st.sampled_from(LINE_ENDS),
    encoding=st.sampled_from(("utf-8", "utf-8-sig", "latin-1")),
)
def test_a_program_does_what_its_source_does_and_gives_its_last_value(statements, end, line_end, encoding):
    text = "\n".join(statements) + end
    if encoding == "latin-1":
        text = "# coding: latin-1\n" + text
    source = text.replace("\n", line_end).encode(encoding)
    try:
        code = compile(source, "main.py", "exec", dont_inherit=True)
    except SyntaxError:
        with pytest.raises(SyntaxError):
            compile_cell(source, "main.py")
        return
    expected, found = {"__name__": "m"}, {"__name__": "m"}
    exec(code, expected)

    program = compile_cell(source, "main.py")
    value = program.run(found)

    assert found.keys() == expected.keys()
    assert found.get("__doc__") == expected.get("__doc__")
    tree = ast.parse(text)
    is_expression = bool(tree.body) and isinstance(tree.body[-1], ast.Expr)
    if is_expression:
        wanted = eval(compile(ast.Expression(tree.body[-1].value), "main.py", "eval"), {**expected, "x": 0})
        assert type(value) is type(wanted)
        assert callable(value) or value == wanted
    else:
        assert value is None
    assert program.quiet == (not is_expression or _ends_with_semicolon(text))


def _ends_with_semicolon(text):
    """Whether the last thing that is neither blank nor a comment is a semicolon, as the interpreter reads it."""
    words = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}
    ]
    return words[-1:] == [";"]


@pytest.mark.parametrize(
    ("source", "awaits"),
    [
        ("await f()", True),
        ("x = [n async for n in f()]", True),
        ("async with f(): pass", True),
        ("async for n in f(): pass", True),
        ("def g(x=await f()): pass", True),
        ("@(await f())\ndef g(): pass", True),
        ("class A(await f()): pass", True),
        ("if x:\n    try:\n        await f()\n    finally: pass", True),
        ("async def g():\n    await f()\n    async for n in f(): pass", False),
        ("async def g(): return [x async for x in f()]", False),
        ("# await\nx = 'async'", False),
    ],
)
def test_only_a_cell_that_awaits_outside_of_functions_is_a_coroutine(source, awaits):
    assert compile_cell(source.encode(), "main.py").awaits == awaits


@pytest.mark.parametrize("source", ["def f():\n    await g()", "x = 1\nawait f()\ndef g(): return (await h())"])
def test_awaiting_in_a_plain_function_is_an_error(source):
    with pytest.raises(SyntaxError, match="outside"):
        compile_cell(source.encode(), "main.py")
