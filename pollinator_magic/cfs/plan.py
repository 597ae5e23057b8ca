"""Three-way planning: what must move so that a directory and a label agree again (design.md, three-way sync).

A tree maps a path to the size and SHA-256 of a file. The base is the tree that both sides had when they last agreed; it
tells "deleted here" from "added there". Nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Entry(NamedTuple):
    """Size in bytes and SHA-256 (64 lower-case hex characters) of a file's content."""

    size: int
    checksum: str


Tree = Mapping[str, Entry]


class Policy(Enum):
    """Who wins where both sides have changed a file."""

    SOURCE = "source"
    """The local file wins."""
    DATA = "data"
    """The local file wins."""
    RESULT = "result"
    """The remote file wins; the local one is kept beside it under another name."""
    CACHE = "cache"
    """The remote file wins and the local one is overwritten: for what an executor holds of a label."""


@dataclass(frozen=True)
class Plan:
    """What to do, as sorted paths; in this order: remove here, keep beside, download, upload, remove there."""

    upload: tuple[str, ...] = ()
    download: tuple[str, ...] = ()
    remove_local: tuple[str, ...] = ()
    remove_remote: tuple[str, ...] = ()
    keep_beside: Mapping[str, str] = field(default_factory=dict)
    """Local files to rename before a download overwrites them, with their new paths."""
    clashes: tuple[str, ...] = ()
    """Paths that would have to be a file and a directory at once; only a person can resolve that."""

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.upload or self.download or self.remove_local or self.remove_remote or self.clashes)


def plan(local: Tree, remote: Tree, base: Tree, policy: Policy) -> Plan:
    """Return what to upload, download, remove and keep so that both sides agree.

    A file that changed on one side only, deletions included, changes on the other. Where both sides changed it,
    `policy` decides, except that an edit always beats a deletion: nothing is lost that somebody has just written.
    """
    upload, download, remove_local, remove_remote = [], [], [], []
    beside: dict[str, str] = {}
    for path in sorted(local.keys() | remote.keys()):
        here, there, before = local.get(path), remote.get(path), base.get(path)
        if here == there:
            continue
        changed_here, changed_there = here != before, there != before
        takes_remote = changed_there and (not changed_here or here is None or _remote_wins(policy, there))
        if takes_remote and there is None:
            remove_local.append(path)
        elif takes_remote:
            download.append(path)
            if changed_here and here is not None and policy is Policy.RESULT:
                beside[path] = _free_name(path, taken=(local, remote, beside.values()))
        elif here is None:
            remove_remote.append(path)
        else:
            upload.append(path)
    upload.extend(beside.values())
    final = (local.keys() | remote.keys() | set(upload)) - set(remove_local) - set(remove_remote)
    return Plan(
        tuple(sorted(upload)),
        tuple(download),
        tuple(remove_local),
        tuple(remove_remote),
        beside,
        tuple(sorted(final & _directories(final))),
    )


def _remote_wins(policy: Policy, there: Entry | None) -> bool:
    return there is not None and policy in {Policy.RESULT, Policy.CACHE}


def _directories(paths: set[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def _free_name(path: str, taken: tuple[object, ...]) -> str:
    """Return `dir/name.local-1.ext`, with the first number that gives a new name."""
    directory, slash, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    number = 1
    while True:
        candidate = f"{directory}{slash}{stem}.local-{number}{dot}{extension}"
        if not any(candidate in names for names in taken):  # type: ignore[operator]
            return candidate
        number += 1
