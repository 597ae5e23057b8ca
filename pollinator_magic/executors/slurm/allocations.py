"""What the account of an executor's jobs may use and has used, in hours of processors and of accelerators.

ColonyOS has a number for each and no unit; hours are what sites grant. What Slurm holds a whole account to counts
(GrpTRESMins), not what jobs are held to one by one. It is `sshare` that is asked: it tells users of their own accounts
unless a site hides that, and has what was used as the limit is judged by it, without waiting for a report.
"""

from __future__ import annotations

import math
import os
import pwd
import re
from typing import TYPE_CHECKING

from pollinator_magic.colonies.models import Allocation, Allocations
from pollinator_magic.executors.slurm.commands import SlurmTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pollinator_magic.executors.slurm.commands import Slurm
    from pollinator_magic.executors.slurm.settings import SlurmSettings

SSHARE_FIELDS = "Account,User,GrpTRESMins,GrpTRESRaw"
_PROCESSORS = "cpu"
_ACCELERATORS = "gres/gpu"
_ACCOUNT = re.compile(r"(?:-A|--account=)(.+)")
_MINUTES_PER_HOUR = 60


def allocations(slurm: Slurm, settings: SlurmSettings) -> Allocations:
    """Ask Slurm; nothing where it keeps no accounts, tells nothing of this one, or sets it no limit.

    Raises SlurmTrouble while nobody answers.
    """
    try:
        account = account_of(settings) or _default_account(slurm)
        text = slurm.ask("sshare", "-n", "-P", "-A", account, "-o", SSHARE_FIELDS) if account else ""
    except SlurmTrouble as trouble:
        if trouble.passing:
            raise
        return Allocations()
    found = from_sshare(text, account)
    return Allocations(projects={account: found} if found else None)


def account_of(settings: SlurmSettings) -> str:
    """Return the account that the settings name, of which the last counts; empty if they name none."""
    named = [match[1].strip() for option in settings.directives if (match := _ACCOUNT.fullmatch(option))]
    return named[-1] if named else settings.account


def from_sshare(text: str, account: str) -> Allocation | None:
    """Read what `sshare -n -P` prints for SSHARE_FIELDS; None if the account is not there, or has no limit."""
    for line in text.splitlines():
        name, user, limits, used = [*line.strip().split("|"), "", "", ""][:4]
        if name == account and not user:
            return _allocation(_minutes(limits), _minutes(used))
    return None


def _allocation(limits: Mapping[str, int], used: Mapping[str, int]) -> Allocation | None:
    """Return whole hours: no more than there is, and no less than is gone."""
    processors = [_PROCESSORS] if _PROCESSORS in limits else []
    accelerators = _limited_accelerators(limits)
    if not processors and not accelerators:
        return None
    return Allocation(
        allocatedcpu=_total(processors, limits) // _MINUTES_PER_HOUR,
        usedcpu=math.ceil(_total(processors, used) / _MINUTES_PER_HOUR),
        allocatedgpu=_total(accelerators, limits) // _MINUTES_PER_HOUR,
        usedgpu=math.ceil(_total(accelerators, used) / _MINUTES_PER_HOUR),
    )


def _limited_accelerators(limits: Mapping[str, int]) -> list[str]:
    """Return what stands for accelerators: all of them together, or else each type that has a limit."""
    if _ACCELERATORS in limits:
        return [_ACCELERATORS]
    return [name for name in limits if name.startswith(f"{_ACCELERATORS}:")]


def _total(names: Sequence[str], minutes: Mapping[str, int]) -> int:
    return sum(minutes.get(name, 0) for name in names)


def _minutes(text: str) -> dict[str, int]:
    """Read `cpu=6000,gres/gpu=60`."""
    pairs = (part.partition("=") for part in text.split(","))
    return {name: int(amount) for name, _, amount in pairs if amount.isdecimal()}


def _default_account(slurm: Slurm) -> str:
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""
    return slurm.ask("sacctmgr", "-n", "-P", "show", "user", user, "format=DefaultAccount").strip()
