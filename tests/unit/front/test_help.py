"""What `%%pollinate?` and `%pollinator?` print."""

from __future__ import annotations

import pytest

from pollinator_magic.cli import SUBCOMMANDS
from pollinator_magic.notebook.magics import PollinateMagics


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_help_of_the_line_magic_has_an_example_of_every_subcommand(name: str):
    assert f"    %pollinator {name}" in PollinateMagics.pollinator.__doc__


def test_the_help_of_the_cell_magic_explains_every_option():
    told = PollinateMagics.pollinate.__doc__
    options = {word.rstrip(",") for word in told.split("behaviour:")[1].split() if word.startswith("--")}

    assert told.startswith("Run this cell")
    assert {"--get", "--as", "--detach", "--on-interrupt", "--dry-run", "--quiet", "--verbose"} <= options
    assert "memory of each node, in Mi or Gi" in told
