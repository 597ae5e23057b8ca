"""The dialog of the JupyterLab extension reads the line of a cell as the magic does."""

from __future__ import annotations

import re
from pathlib import Path

from pollinator_magic.options import cell_parser

LINE = Path(__file__).parents[3] / "labextension" / "src" / "cells" / "line.ts"


def named(pattern: str) -> set[str]:
    """Return the words of a list in the extension's source."""
    found = re.search(pattern, LINE.read_text(), re.DOTALL)
    assert found
    return set(re.findall(r"[a-z][a-z-]+", found[1]))


def test_the_extension_knows_which_options_take_the_next_word():
    resources = named(r"RESOURCES = \[(.*?)\]")
    others = named(r"WITH_VALUE = new Set\(\s*'(.*?)'")

    takes_a_value = {
        option.removeprefix("--")
        for action in cell_parser("%%pollinate")._actions
        for option in action.option_strings
        if action.nargs is None
    }
    assert resources | others == takes_a_value
    assert not resources & others
