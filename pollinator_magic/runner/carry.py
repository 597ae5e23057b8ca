"""Variables of the notebook in the cell's namespace before it runs, and those of the cell in files after it has run."""

from __future__ import annotations

import os

from .imports import own_imports
from .settings import HIDDEN, PARAMETERS, STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .settings import Settings

VALUE = "value"
"""The name under which the value of the cell's last expression is kept, in the hidden directory itself."""
OUTPUTS = "out"
LARGEST_VALUE = 64 * 1024 * 1024
"""Bytes of a value that comes back without having been asked for."""


class NotLoaded(Exception):
    """A variable cannot be had in this job; the message says which one, and what to do."""


def load_inputs(settings: Settings) -> dict[str, Any]:
    """Return the variables that the cell starts with; raise NotLoaded."""
    loaded = {}
    sources = dict.fromkeys(_input_names(settings.inputs), (settings.inputs, "--in"))
    for name, step in settings.from_steps.items():
        sources[name] = (os.path.join(STEPS, step, HIDDEN, OUTPUTS), f"--in, from step {step!r}")
    if sources:
        with own_imports():
            from . import rare, reading, variables  # noqa: F401  needed below, where imports may be the cell's
    for name, (directory, origin) in sources.items():
        try:
            # Reading imports as it goes; but a pickle names modules of the cell, and finds them where the cell does.
            with own_imports(hidden=not settings.allow_pickle):
                loaded[name] = variables.load(directory, name, allow_pickle=settings.allow_pickle)
        except Exception as error:  # noqa: BLE001  a library that reads it may raise anything
            raise NotLoaded(f"The variable {name!r} ({origin}) cannot be had in the job: {error}.") from None
    try:
        loaded.update(_parameters())
    except ValueError as error:
        raise NotLoaded(str(error)) from None
    return loaded


def save_outputs(namespace: dict[str, Any], settings: Settings) -> None:
    """Save the variables that are to come back, or why they cannot."""
    names = settings.outputs
    if not names:
        return
    directory = os.path.join(settings.hidden, OUTPUTS)
    for name in names:
        if name in namespace:
            _save(namespace[name], directory, name, settings, limit=None)
        else:
            _save_problem(directory, name, _missing(name, namespace))


def save_value(value: Any, settings: Settings) -> None:
    """Save the value of the cell, or why that cannot be."""
    _save(value, settings.hidden, VALUE, settings, limit=LARGEST_VALUE)


def _parameters() -> dict[str, Any]:
    """Return the variables that a sweep sets; raises ValueError if they cannot be read."""
    text = os.environ.get(PARAMETERS)
    if not text:
        return {}
    with own_imports():
        import binascii
        import json
    packed = text.strip().replace("-", "+").replace("_", "/")
    try:
        found = json.loads(binascii.a2b_base64(packed + "=" * (-len(packed) % 4)).decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"{PARAMETERS} in the environment is not what a sweep has written ({error}).") from None
    if not isinstance(found, dict) or not all(name.isidentifier() for name in found):
        raise ValueError(f"{PARAMETERS} in the environment does not hold names and values.")
    return found


def _save(value: Any, directory: str, name: str, settings: Settings, *, limit: int | None) -> None:
    allowed, reads = settings.allow_pickle, settings.reads
    try:
        with own_imports():
            from . import variables

            if allowed:  # all of it now: below, imports are the cell's
                from . import pickles, rare, rich  # noqa: F401  the codec asks for them below
        with own_imports(hidden=not allowed):
            variables.save(value, directory, name, reads=reads, allow_pickle=allowed, limit=limit)
    except OSError as error:
        _save_problem(directory, name, f"it cannot be written ({error.strerror})")
    except Exception as error:  # noqa: BLE001  a value's own methods may raise anything
        _save_problem(directory, name, str(error) or type(error).__name__)


def _save_problem(directory: str, name: str, problem: str) -> None:
    with own_imports():
        from . import variables
    try:
        variables.save_problem(directory, name, problem)
    except Exception:  # noqa: BLE001  a value's own methods may raise anything
        return


def _missing(name: str, namespace: dict[str, Any]) -> str:
    with own_imports():
        import difflib
    known = [known for known in namespace if not known.startswith("_")]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"the cell has not set it.{hint}"


def _input_names(directory: str) -> list[str]:
    try:
        return sorted(entry[: -len(".json")] for entry in os.listdir(directory) if entry.endswith(".json"))
    except OSError:
        return []
