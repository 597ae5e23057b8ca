"""How a job stands, read from what Slurm's commands print. Pure functions.

The text forms are the same in all versions, while the JSON forms change with each one, and squeue's shows the jobs of
everybody in some. COMPLETING is no end: a job that is requeued goes through it too.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

SQUEUE_FIELDS = "%i|%T|%r"
SQUEUE_PLACES = "%i|%Z"
SACCT_FIELDS = "JobIDRaw,State,ExitCode"

_OVER = frozenset(
    (
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
        *("REVOKED", "TIMEOUT"),
    )
)
_WAITING = frozenset(
    ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "CONFIGURING", "RESV_DEL_HOLD")
)
# What Slurm says of a job that will not start by itself however long it waits.
_HOPELESS = frozenset(
    (
        *("PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit", "BadConstraints", "InvalidAccount"),
        *("InvalidQOS", "AccountNotAllowed", "QOSNotAllowed", "launch_failed_requeued_held"),
    )
)
_CANCELLED_BY = re.compile(r"CANCELLED by (\d+)")
_FIELD = re.compile(r"(?:^|\s)([A-Za-z][A-Za-z:]*)=(\S*)")


@dataclass(frozen=True)
class Standing:
    """What Slurm says of a job."""

    state: str
    """Slurm's own word, such as RUNNING; empty if it does not know the job."""
    reason: str = ""
    """Why it waits, or has failed, in Slurm's words."""
    status: int | None = None
    """With which status the batch script has ended, if Slurm has said so."""
    signal: int = 0
    """By which signal it has ended."""
    by: int | None = None
    """Who has cancelled it, by the number of the user."""

    @property
    def known(self) -> bool:
        """Whether Slurm knows the job."""
        return bool(self.state)

    @property
    def over(self) -> bool:
        """Whether it has ended for good."""
        return self.state in _OVER

    @property
    def waiting(self) -> bool:
        """Whether it is in the queue."""
        return self.state in _WAITING

    @property
    def hopeless(self) -> bool:
        """Whether it waits for what will not come."""
        return self.waiting and self.reason in _HOPELESS


UNKNOWN = Standing("")


def from_squeue(text: str) -> dict[str, Standing]:
    """Read the lines that squeue prints for SQUEUE_FIELDS; return standings by the job's number."""
    found = {}
    for line in text.splitlines():
        number, state, reason = [*line.strip().split("|", 2), "", ""][:3]
        if number.isdigit() and state:
            found[number] = Standing(state, "" if reason in {"None", "N/A"} else reason.strip("()").replace(" ", "_"))
    return found


def places_from_squeue(text: str) -> dict[str, str]:
    """Read the lines that squeue prints for SQUEUE_PLACES; return working directories by the job's number."""
    lines = (line.strip().partition("|") for line in text.splitlines())
    return {number: place for number, _, place in lines if number.isdigit()}


def from_sacct(text: str) -> dict[str, Standing]:
    """Read the lines of `sacct -n -P -X` for SACCT_FIELDS; a job that was requeued has several, and the last counts."""
    found = {}
    for line in text.splitlines():
        number, state, code = [*line.strip().split("|"), "", ""][:3]
        if number.isdigit() and state:
            by = _CANCELLED_BY.match(state)
            status, signum = _exit_code(code)
            found[number] = Standing(state.split()[0], status=status, signal=signum, by=int(by[1]) if by else None)
    return found


def from_scontrol(text: str) -> Standing:
    """Read what `scontrol -o show job` prints of one job."""
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(text.partition("\n")[0]):
        fields.setdefault(name, value)
    status, signum = _exit_code(fields.get("ExitCode", ""))
    reason = fields.get("Reason", "")
    return Standing(fields.get("JobState", ""), "" if reason == "None" else reason, status, signum)


def has_accounting(text: str) -> bool:
    """Read from `scontrol show config` whether sacct has anything to tell."""
    match = re.search(r"^AccountingStorageType\s*=\s*(\S*)", text, re.MULTILINE)
    return match is not None and match[1] not in {"", "(null)", "accounting_storage/none"}


def signal_name(number: int) -> str:
    """Return SIGKILL for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _exit_code(text: str) -> tuple[int | None, int]:
    status, _, signum = text.partition(":")
    if not status.isdigit():
        return None, 0
    return int(status), int(signum) if signum.isdigit() else 0
