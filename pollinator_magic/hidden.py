"""Secrets that are in use and not in sight.

Tracebacks of IPython (`%xmode Verbose`), debuggers and test runners show the values of variables by their reprs, also
those in the frames of libraries. So what is secret is, from where it is read, a text that shows another; and where a
line names `os.environ`, they show all of that, so that it is named here and not on the way of errors.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Never, Self

_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSW(?:OR)?D|PASSPHRASE|CREDENTIAL", re.IGNORECASE)


class Hidden(str):
    """A text that is itself for whoever uses it; its repr is not, and it is not pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"

    def __reduce__(self) -> Never:
        raise TypeError("A secret is not pickled.")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self


def process_environment() -> dict[str, str]:
    """Return the environment variables of this process."""
    return hide_secrets(os.environ)


def adopt(variables: Mapping[str, str]) -> None:
    """Make variables those of this process."""
    os.environ.update(variables)


def hide_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables of which those that are secret by their names show no values."""
    return {name: Hidden(value) if is_secret(name) else value for name, value in variables.items()}


def is_secret(name: str) -> bool:
    """Whether the value of a variable of this name is a secret, as far as its name tells."""
    return _SECRET.search(name) is not None
