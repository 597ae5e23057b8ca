"""`display` and its relatives, with the signatures of IPython, for programs with it and without it."""

from __future__ import annotations

import os

from .bundle import bundle, caption, is_figure, portable, raw_caption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType
    from typing import Any

    from .publisher import Publisher

_MOST_CLEARED = 1000

_state: _State
"""Set by `use`, before anything else here is called."""


class _State:
    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.clears = False
        """Whether outputs may be cleared, so that each needs an id by which the next one can take its place."""
        self.since_clear: list[str] = []
        self.to_replace: list[str] = []


def use(publisher: Publisher) -> None:
    """Let everything that is displayed go to `publisher`."""
    global _state  # noqa: PLW0603  one program, one notebook
    _state = _State(publisher)


class DisplayHandle:
    """An output that can be replaced: what `display(…, display_id=…)` returns."""

    def __init__(self, display_id: str | None = None) -> None:
        self.display_id = _new_id() if display_id is None else display_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} display_id={self.display_id}>"

    def display(self, obj: Any, **options: Any) -> None:
        """Show a value in a new place, under the same id."""
        display(obj, display_id=self.display_id, **options)

    def update(self, obj: Any, **options: Any) -> None:
        """Show a value wherever this id is shown."""
        update_display(obj, display_id=self.display_id, **options)


def display(
    *objs: Any,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    metadata: dict[str, Any] | None = None,
    transient: dict[str, Any] | None = None,
    display_id: str | bool | None = None,
    raw: bool = False,
    clear: bool = False,
    **more: Any,
) -> DisplayHandle | None:
    """Show values as the notebook would; with a `display_id` (True for a new one), return a handle to replace them."""
    transient = dict(transient or {})
    update = bool(more.get("update")) or bool(transient.get("update"))
    if display_id is not None:
        transient["display_id"] = _new_id() if display_id is True else str(display_id)
    if clear:
        clear_output(wait=True)
    for obj in objs:
        if raw:
            publish_display_data(obj, metadata, transient=transient, update=update)
        elif not _shows_itself(obj):
            try:
                _display_value(obj, include, exclude, metadata, transient.get("display_id") or "", update=update)
            except Exception:  # noqa: BLE001, S112  as in the notebook, a value that cannot be shown ends nothing
                continue
    return DisplayHandle(transient["display_id"]) if display_id is not None else None


def update_display(obj: Any, *, display_id: str, **options: Any) -> None:
    """Show a value in place of what is shown under the id."""
    options["update"] = True
    display(obj, display_id=display_id, **options)


def publish_display_data(
    data: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    source: object = None,
    *,
    transient: dict[str, Any] | None = None,
    update: bool = False,
    **_: Any,
) -> None:
    """Show a bundle of MIME types as it is."""
    del source  # IPython took it once, and ignores it
    if _state.publisher.active:
        kept, extra = portable(data, metadata)
        publish_bundle(kept, extra, raw_caption(kept), str((transient or {}).get("display_id") or ""), update=update)


def clear_output(wait: bool = False) -> None:  # noqa: FBT001, FBT002  IPython's signature
    """Let the outputs that come next take the places of those that were shown; printed text stays."""
    del wait  # nothing can be cleared before something comes
    _state.to_replace = _state.since_clear + _state.to_replace[len(_state.since_clear) :]
    _state.since_clear = []


def patch_ipython(module: ModuleType) -> None:
    """Let a freshly imported module of IPython have these functions in place of its own."""
    own = (display, update_display, publish_display_data, clear_output, DisplayHandle)
    for function in own:
        if getattr(module.__dict__.get(function.__name__), "__module__", "").startswith("IPython."):
            setattr(module, function.__name__, function)
    _state.clears = True


def _display_value(
    value: Any,
    include: Iterable[str] | None,
    exclude: Iterable[str] | None,
    metadata: dict[str, Any] | None,
    display_id: str,
    *,
    update: bool,
) -> None:
    if not _state.publisher.active:
        return
    data, extra = bundle(value)
    data = {
        mime: content
        for mime, content in data.items()
        if (include is None or mime in include) and (exclude is None or mime not in exclude)
    }
    if data:
        extra.update(portable({}, metadata)[1])
        publish_bundle(data, extra, caption(value, data), display_id, update=update)
    if is_figure(value):
        from .figures import remember_shown

        remember_shown(value)


def publish_bundle(
    data: dict[str, Any], metadata: dict[str, Any], text: str, display_id: str = "", *, update: bool = False
) -> None:
    """Publish what is known to be portable, in the place of what was cleared if there is any left."""
    if _state.clears and not update and set(data) - {"text/plain"}:
        replaced = "" if display_id or not _state.to_replace else _state.to_replace.pop(0)
        display_id, update = display_id or replaced or _new_id(), bool(replaced)
        if len(_state.since_clear) < _MOST_CLEARED:
            _state.since_clear.append(display_id)
    _state.publisher.publish(data, metadata, text, display_id, update=update)


def _shows_itself(value: Any) -> bool:
    """Whether the value has displayed itself, as some do that need more than one output."""
    if isinstance(value, type) or not hasattr(type(value), "_ipython_display_"):
        return False
    try:
        value._ipython_display_()
    except Exception:  # noqa: BLE001  the value's own method may raise anything
        return False
    return True


def _new_id() -> str:
    return os.urandom(16).hex()
