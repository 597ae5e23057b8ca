"""`%pollinator clean` in a notebook."""

from __future__ import annotations

import pytest

from tests.notebook.conftest import error_of, printed, shown

pytestmark = pytest.mark.notebook


def test_cleaning_says_what_it_did_and_keeps_what_is_young(execute):
    notebook = execute(
        "%load_ext pollinator_magic",
        "%%pollinate local\nopen('result/r.txt', 'w').write('x');",
        "%pollinator clean --dry-run --older 0s --keep 0",
        "%pollinator clean --older 0s --keep 0",
        "%pollinator clean --older soon",
        allow_errors=True,
    )

    said = [printed(cell) + "".join(shown(cell)) for cell in notebook.cells]
    assert "There is nothing to remove." in said[2]
    assert "stays: 0 jobs open, 1 ended job kept, 1 snapshot still needed or young" in said[2]
    assert "Nothing was removed." in said[2]
    assert "There is nothing to remove." in said[3]
    assert error_of(notebook.cells[4]).ename == "UsageError"
    assert "'soon' is not an age" in error_of(notebook.cells[4]).evalue
