"""What a page is told when something cannot be done: a status, what is wrong, and what to do."""

from __future__ import annotations

import re
from http.client import responses
from typing import NamedTuple

from tornado.web import HTTPError

_ADVICE = re.compile(
    r"(?<=[.?)]) (?=(?:Ask|Check|Copy|Free|Give|If|Install|Load|Look|Name|Put|Say|Set|Start|Take|Try|Use)\b|`)"
)


class Refusal(NamedTuple):
    """A reply that is not what was asked for."""

    status: int
    message: str
    remedy: str


class Refused(HTTPError):
    """Raised by a handler for what it will not or cannot do."""

    def __init__(self, status: int, message: str, remedy: str = "") -> None:
        super().__init__(status, "%s", message)
        self.message = message
        self.remedy = remedy


def refusal_of(error: BaseException | None, status: int = 500) -> Refusal:
    """Return what a page is told about an error; of those that nobody has foreseen, nothing but that they happened."""
    from pollinator_magic.errors import PollinatorError

    if isinstance(error, Refused):
        return Refusal(error.status_code, error.message, error.remedy)
    if isinstance(error, PollinatorError):
        return Refusal(_status(error), *problem_and_remedy(str(error)))
    if isinstance(error, HTTPError):
        return Refusal(error.status_code, error.log_message or responses.get(error.status_code, "Refused"), "")
    if status != 500:
        return Refusal(status, responses.get(status, "Refused"), "")
    return Refusal(500, "The Jupyter server could not answer.", "Its log says why.")


def problem_and_remedy(message: str) -> tuple[str, str]:
    """Divide a message of this package where it begins to say what to do."""
    problem, *remedy = _ADVICE.split(message, maxsplit=1)
    return problem, "".join(remedy)


def _status(error: Exception) -> int:
    from pollinator_magic import errors

    if isinstance(error, errors.ServerError) and type(error) is errors.ServerError:
        return 409 if 400 <= (error.status or 0) < 500 else 502  # what it refuses is not as it was thought to be
    for kind, status in (
        (errors.UsageError, 400),
        (errors.AccessDenied, 403),
        (errors.StorageDenied, 403),
        (errors.NotFound, 404),
        (errors.ObjectMissing, 404),
        (errors.JobError, 409),
        (errors.ConfigurationError, 503),
        (errors.ServerError, 502),
        (errors.StorageError, 502),
        (errors.TransferError, 502),
        (errors.LocalColonyError, 502),
    ):
        if isinstance(error, kind):
            return status
    return 500
