"""The main module of a process that multiprocessing starts afresh: in its place comes the cell (see `children`)."""

import os
import sys


def become_the_cell(namespace: "dict[str, object]") -> None:
    """Run the cell in this module, of which nothing else is left."""
    here = os.path.dirname(os.path.abspath(__file__))
    package = sys.modules["_pollinator_runner"] = type(sys)("_pollinator_runner")
    package.__path__ = [here]
    from _pollinator_runner.children import run_again

    for name in ("os", "sys", "become_the_cell"):
        del namespace[name]
    run_again(namespace, here)


become_the_cell(globals())
