"""Where a job's files are, what was asked of the runner, and which of several ranks this is."""

from __future__ import annotations

import os

from .imports import own_imports

TYPE_CHECKING = False  # typing would cost more than this module
if TYPE_CHECKING:
    from typing import Any

RESULTS = "result"
HIDDEN = ".pollinator"
"""Below the result directory: what the notebook reads and the user does not see."""
PARAMETERS = "POLLINATOR_PARAMETERS"
"""The environment variable that holds the variables which a sweep sets."""

STEPS = "steps"
"""Where the results of the steps are that came before, a directory each."""

_NO_OUTPUTS = b'"outputs": []'
"""As it stands in the file of most jobs, which are spared the import of `json` (a third of what the runner costs)."""
_FROM_STEPS = b'"from_steps": '
_RANKS = (
    "SLURM_PROCID",
    "OMPI_COMM_WORLD_RANK",
    "PMIX_RANK",
    "PMI_RANK",
    "PALS_RANKID",
    "MV2_COMM_WORLD_RANK",
)


class Settings:
    """What is known when the job starts. The settings file is read then and understood when it is needed."""

    def __init__(self, home: str) -> None:
        self.home = home
        """The directory `src/.pollinator`."""
        self.results = os.path.join(os.getcwd(), RESULTS)
        # The batch script's own rank may be in the environment beside that of the launcher which it started.
        ranks = [os.environ.get(name, "").strip() for name in _RANKS]
        self.rank = next((rank for rank in ranks if rank.isdigit() and int(rank) > 0), "")
        """Which of several ranks this is; empty for the first and the only one, which alone brings values back."""
        self.displays = not self.rank or os.environ.get("POLLINATOR_DISPLAY", "").strip().lower() == "all"
        """Whether what this rank displays is shown."""
        self._text = _read(os.path.join(home, "run.json"))
        self._fields: dict[str, Any] | None = None

    @property
    def hidden(self) -> str:
        """The hidden directory below the results; it may not be there."""
        return os.path.join(self.results, HIDDEN)

    @property
    def inputs(self) -> str:
        """The directory of the variables that go in; it may not be there."""
        return os.path.join(self.home, "in")

    @property
    def has_inputs(self) -> bool:
        """Whether the cell may start with variables."""
        return PARAMETERS in os.environ or os.path.isdir(self.inputs) or _FROM_STEPS in self._text

    @property
    def from_steps(self) -> dict[str, str]:
        """The steps that have brought back a variable that goes in, by the name of the variable."""
        if _FROM_STEPS not in self._text:
            return {}
        found = self._field("from_steps", dict) or {}
        return {name: step for name, step in found.items() if isinstance(step, str)}

    @property
    def line_offset(self) -> int:
        """How much larger the number of a line is in the notebook's cell than in the file."""
        value = self._field("line_offset", int)
        return 1 if value is None else value

    @property
    def outputs(self) -> list[str]:
        """Names of the variables to bring back."""
        if _NO_OUTPUTS in self._text:
            return []
        return [name for name in self._field("outputs", list) or [] if isinstance(name, str)]

    @property
    def allow_pickle(self) -> bool:
        """Whether the user has asked for pickle."""
        return self._field("allow_pickle", bool) is True

    @property
    def reads(self) -> list[str] | None:
        """The formats that the notebook can read; None if it has not said."""
        value = self._field("reads", list)
        return None if value is None else [name for name in value if isinstance(name, str)]

    def _field(self, name: str, kind: type) -> Any:
        if self._fields is None:
            self._fields = _parse(self._text)
        value = self._fields.get(name)
        return value if isinstance(value, kind) else None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _parse(text: bytes) -> dict[str, Any]:
    with own_imports():
        import json
    try:
        fields = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
