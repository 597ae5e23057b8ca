"""The errors that users see.

    PollinatorError
    ├── UsageError               options or arguments that cannot be meant
    ├── ConfigurationError       settings that are missing or contradict each other
    │   └── InvalidKey           a private key that is none
    ├── NotReady                 what was checked is not as it has to be
    ├── ProjectError             a project.yaml or project directory that cannot be used
    ├── ServerError              the Colonies server
    │   ├── ServerUnreachable    no answer: wrong host, port or TLS, or down
    │   │   └── SubmissionUnclear  the connection broke while a job was being submitted
    │   ├── AccessDenied         this key may not do that here
    │   ├── NotFound             no such process, file, snapshot, executor, user
    │   │   └── UnknownExecutor
    │   ├── Unsupported          an operation that this server does not know
    │   └── InvalidReply         an answer that is not ColonyOS
    ├── StorageError             the object store
    │   ├── StorageDenied
    │   └── ObjectMissing
    ├── TransferError            a file that could not be carried over; names it
    │   ├── UnsafeName           a name from outside that would leave its directory
    │   ├── FileChanged          a local file changed or vanished while it was being carried
    │   └── DamagedFile          size or checksum differ from what was promised
    ├── LocalColonyError         the embedded colony cannot start, stop or be reached
    ├── TunnelError              the way to a port of a running job
    ├── ResultError              a result that is not what its name says, or is damaged
    ├── GroupIncomplete          some jobs of a group were submitted and others not
    └── JobError
        ├── JobFailed            carries the executor's errors and the tail of the log
        ├── JobCancelled
        ├── VariableError        a value of the job that is not here, or cannot be read
        ├── GroupFailed          jobs of a group have failed
        └── GraphFailed          a step of a graph has failed, so that others never ran
    KeyboardInterrupt
    └── Interrupted              the user stopped following; says what became of the job

Every message says what was asked, what is wrong and what to do. In IPython an error renders as its message alone.
"""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pollinator_magic.jobs.events import Raised
    from pollinator_magic.jobs.group import Group


class PollinatorError(Exception):
    """Base of all errors that this package raises on purpose."""

    def __str__(self) -> str:
        """Return the message; what a terminal would obey, in texts that come from elsewhere, is spelled out."""
        text = super().__str__()
        return text if text.isprintable() else "".join(map(_visible, text))

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show the message without a stack of our own frames."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(PollinatorError):
    """Options or arguments that cannot be meant."""


class ConfigurationError(PollinatorError):
    """Settings that are missing or contradict each other."""


class InvalidKey(ConfigurationError):
    """A private key that is not 64 hex characters in the range of secp256k1."""


class NotReady(PollinatorError):
    """Something that was checked is not as it has to be; what, was shown."""


class ProjectError(PollinatorError):
    """A project.yaml or a project directory that cannot be used as it is."""


class ServerError(PollinatorError):
    """The Colonies server refused or failed; `status` is the HTTP status, None without an answer."""

    repeated = False
    """Whether an earlier try of the same request may have been carried out although its answer was lost."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ServerUnreachable(ServerError):
    """There is no answer from the server.

    `sent`: the request may have reached the server and been carried out. `passing`: trying again may help, which it
    does not with, for example, a certificate that is not trusted.
    """

    def __init__(self, message: str, *, status: int | None = None, sent: bool = False, passing: bool = True) -> None:
        super().__init__(message, status=status)
        self.sent = sent
        self.passing = passing


class SubmissionUnclear(ServerUnreachable):
    """The connection broke while a job was being submitted, so it may or may not have been accepted."""


class AccessDenied(ServerError):
    """The server knows this key, or not, but does not allow it this operation."""


class NotFound(ServerError):
    """The colony has no such object."""


class UnknownExecutor(NotFound):
    """The colony has no executor of that name."""

    def __init__(self, name: str, colony: str, known: Sequence[str]) -> None:
        super().__init__(
            f"No executor named {name!r} in colony {colony!r}.{did_you_mean(name, known)} "
            f"({len(known)} executors: %pollinator executors)"
        )
        self.name = name
        self.known = tuple(known)


class Unsupported(ServerError):
    """The server does not know the operation: it is older or smaller than this client."""


class InvalidReply(ServerError):
    """The answer cannot be understood as ColonyOS."""


class StorageError(PollinatorError):
    """The object store refused or failed."""


class StorageDenied(StorageError):
    """The object store does not accept these keys for this bucket."""


class ObjectMissing(StorageError):
    """The object store has no such object."""


class TransferError(PollinatorError):
    """A file could not be carried over; `path` names it."""

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class UnsafeName(TransferError):
    """A name from outside that would leave its directory or cannot be a file name here."""


class FileChanged(TransferError):
    """A local file changed or vanished between being looked at and being carried over."""


class DamagedFile(TransferError):
    """What arrived has another size or checksum than was promised."""


class LocalColonyError(PollinatorError):
    """The embedded colony cannot start, stop, or be reached."""


class TunnelError(PollinatorError):
    """There is no SSH tunnel to a port of a job; the job is none the worse for it.

    `passing`: trying again may help, which it does not with, for example, a host key that is not known.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class ResultError(PollinatorError, ValueError):
    """A file that a job left is damaged, or is not what its name says; `name` is that of the result.

    A ValueError too, as those who read such files raise.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class JobError(PollinatorError):
    """A job did not end as asked; `process_id` names it."""

    def __init__(self, message: str, *, process_id: str) -> None:
        super().__init__(message)
        self.process_id = process_id


class JobFailed(JobError):
    """The process closed as failed.

    `errors` are the executor's own words, `log_tail` the last lines that the job wrote, `exception` what a program of
    Python ended with, if its log tells.
    """

    def __init__(
        self,
        message: str,
        *,
        process_id: str,
        errors: Sequence[str] = (),
        log_tail: str = "",
        exception: Raised | None = None,
    ) -> None:
        super().__init__(message, process_id=process_id)
        self.errors = tuple(errors)
        self.log_tail = log_tail
        self.exception = exception


class JobCancelled(JobError):
    """The process was cancelled."""


class VariableError(JobError):
    """A value of the job did not come back, or cannot be read here; `name` is that of the variable.

    None is the name of the value of the cell's last expression.
    """

    def __init__(self, message: str, *, process_id: str, name: str | None) -> None:
        super().__init__(message, process_id=process_id)
        self.name = name


class GroupFailed(JobError):
    """Jobs of a group have failed; `process_ids` names them."""

    def __init__(self, message: str, *, process_ids: Sequence[str]) -> None:
        super().__init__(message, process_id=process_ids[0])
        self.process_ids = tuple(process_ids)


class GraphFailed(JobError):
    """A step of a graph has failed. `failed` names those that did, `not_run` those that never ran because of that.

    `errors` and `log_tail` are those of the first that failed, and so is `exception`, what a program of Python ended
    with, if its log tells.
    """

    def __init__(
        self,
        message: str,
        *,
        first: JobFailed,
        failed: Sequence[str],
        not_run: Sequence[str],
    ) -> None:
        super().__init__(message, process_id=first.process_id)
        self.failed = tuple(failed)
        self.not_run = tuple(not_run)
        self.errors = first.errors
        self.log_tail = first.log_tail
        self.exception = first.exception


class GroupIncomplete(PollinatorError):
    """Some jobs of a group were submitted and others not; `group` has the former."""

    def __init__(self, message: str, *, group: Group) -> None:
        super().__init__(message)
        self.group = group


class Interrupted(KeyboardInterrupt):
    """The user stopped following a job. A KeyboardInterrupt, so that Run All stops; renders as one line."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def _visible(character: str) -> str:
    """Return a character, or how it is written if it is none that is seen; the end of a line and blanks are."""
    if character.isprintable() or character in "\n\t" or unicodedata.category(character) == "Zs":
        return character
    return ascii(character)[1:-1]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest of `known`, whatever the case of its letters, or nothing."""
    by_small_letters = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_small_letters, n=1)
    return f" Did you mean {by_small_letters[near[0]]!r}?" if near else ""
