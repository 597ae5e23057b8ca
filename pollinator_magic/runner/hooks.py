"""Acts when certain modules have been imported, if they ever are."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Action = Callable[[ModuleType], None]


class ImportHooks:
    """The first finder of `sys.meta_path`: it finds nothing itself, but wraps what the others find for these names."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = dict(actions)

    def install(self) -> None:
        """Act from now on; at once for what has been imported before."""
        sys.meta_path.insert(0, self)
        for name, action in self._actions.items():
            if name in sys.modules:
                _act(action, sys.modules[name])

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find."""
        action = self._actions.get(name)
        if action is None:
            return None
        for finder in list(sys.meta_path):
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                _wrap(spec.loader, action)
                return spec
        return None


def _wrap(loader: object, action: Action) -> None:
    """Let `action` follow the execution of the module, in this loader only."""
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def execute_and_act(module: ModuleType) -> None:
        execute(module)
        _act(action, module)

    try:
        loader.exec_module = execute_and_act  # type: ignore[attr-defined]
    except AttributeError:  # a loader that cannot be changed: then nothing changes
        return


def _act(action: Action, module: ModuleType) -> None:
    try:
        action(module)
    except Exception:  # noqa: BLE001  the import has succeeded, and must
        return
