"""How results show themselves as the value of a cell: a list for `job.results`, a preview for one of them.

Groups of jobs and graphs show themselves as a card. All are registered by name: nothing is imported until there is one
to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_MODULE = "pollinator_magic.jobs.results"
_GROUPS = "pollinator_magic.jobs.group"
_GRAPHS = "pollinator_magic.jobs.graph"


def register(shell: InteractiveShell) -> None:
    """Let results show themselves in this shell."""
    bundles = _formatter(shell)
    bundles.for_type_by_name(_MODULE, "Results", _show_results)
    bundles.for_type_by_name(_MODULE, "Result", _show_result)
    _displayer(shell).for_type_by_name(_GROUPS, "Group", _show_group)
    _displayer(shell).for_type_by_name(_GRAPHS, "Graph", _show_graph)


def unregister(shell: InteractiveShell) -> None:
    """Take that back."""
    for name in ("Results", "Result"):
        _formatter(shell).pop(f"{_MODULE}.{name}", None)
    for name in (f"{_GROUPS}.Group", f"{_GRAPHS}.Graph"):
        _displayer(shell).pop(name, None)


def _formatter(shell: InteractiveShell) -> Any:
    formatter: Any = shell.display_formatter
    return formatter.mimebundle_formatter


def _displayer(shell: InteractiveShell) -> Any:
    formatter: Any = shell.display_formatter
    return formatter.ipython_display_formatter


def _show_group(group: Any) -> None:
    from pollinator_magic.notebook.groups import show_group

    show_group(group)


def _show_graph(graph: Any) -> None:
    from pollinator_magic.notebook.graphs import show_graph

    show_graph(graph)


def _show_results(results: Any, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG001  IPython gives both; it selects by itself
    from pollinator_magic.notebook.gallery import results_bundle

    return results_bundle(results)


def _show_result(result: Any, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG001  as above
    from pollinator_magic.notebook.gallery import result_bundle

    return result_bundle(result)
