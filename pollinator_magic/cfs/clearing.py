"""Carries out a plan of `housekeeping`, so that it can be interrupted anywhere and done again.

Metadata goes first, so that there is never metadata without its object; what is interrupted leaves objects without
metadata, which nobody could find on an object store. Their names are therefore written down before anything is removed,
and forgotten when they are deleted. Objects of files that a synchronisation has removed were noted with its state
(`Base.abandoned`) and are taken over.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.cfs.progress import Direction, Meter
from pollinator_magic.cfs.state import Base, SyncState
from pollinator_magic.colonies.models import prepare_reading
from pollinator_magic.errors import ProjectError, UnsafeName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pollinator_magic.cfs.crew import Crew, Halt
    from pollinator_magic.cfs.housekeeping import Frozen, Plan, Revision
    from pollinator_magic.cfs.objects import ObjectStore
    from pollinator_magic.cfs.progress import Progress
    from pollinator_magic.colonies.client import Colonies

_VERSION = 1


class _File(msgspec.Struct):
    version: int = _VERSION
    objects: dict[str, dict[str, int]] = {}
    """Names and sizes, by the place where the objects are."""


prepare_reading(_File)


class Intentions:
    """The objects that shall be deleted: written down in `file`, and noted with the states of synchronisations.

    `place` names the colony and the object store; what is meant for others is left alone. Whoever uses it keeps other
    kernels out of the project.
    """

    def __init__(self, file: Path, place: str, states: Sequence[tuple[Path | None, Base]] = ()) -> None:
        self._file = file
        self._place = place
        self._states = states

    def read(self) -> dict[str, int]:
        """Return the names and sizes of the objects."""
        abandoned = {name: size for _, base in self._states for name, size in base.abandoned.items()}
        return abandoned | self._read().objects.get(self._place, {})

    def write(self, objects: Mapping[str, int]) -> None:
        """Remember these objects, and no others; raise ProjectError if that is impossible."""
        others = {place: found for place, found in self._read().objects.items() if place != self._place}
        everything = others | ({self._place: dict(objects)} if objects else {})
        try:
            if everything:
                write_atomically(self._file, msgspec.json.encode(_File(objects=everything)))
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise ProjectError(
                f"Cannot write {str(self._file)!r}: {error.strerror or error}. Nothing is removed without it, because "
                "an interruption would leave objects that nobody could find again."
            ) from None
        for file, base in self._states:
            if base.abandoned:
                base.abandoned = {}
                SyncState.save(file, base)

    def _read(self) -> _File:
        with contextlib.suppress(OSError, ValueError):  # absent or damaged: nothing is remembered
            found = msgspec.json.decode(self._file.read_bytes(), type=_File)
            if found.version == _VERSION:
                return found
        return _File()


class Clearing:
    """One plan being carried out, in two parts: whoever keeps others out of the project may let them in between.

    The first failure stops the rest and is raised; planning and doing it again finishes the work. Both parts raise
    ServerError, StorageError or ProjectError.
    """

    def __init__(self, plan: Plan, intentions: Intentions, crew: Crew, progress: Progress | None = None) -> None:
        self._plan = plan
        self._intentions = intentions
        self._crew = crew
        self._files = plan.files
        steps = len(plan.snapshots) + len(plan.revisions) + len(self._files) + len(plan.objects)
        self._meter = Meter(Direction.AWAY, steps, plan.size, progress)

    def remove_metadata(self, client: Colonies) -> None:
        """Remove snapshots, then what they listed, then results."""

        def snapshot(one: Frozen, _: Halt) -> None:
            client.remove_snapshot(one.id)
            self._meter.complete(one.label)

        def revision(one: Revision, _: Halt) -> None:
            client.remove_file(one.fileid)
            self._meter.complete(one.name)

        def file(one: tuple[str, str], _: Halt) -> None:
            client.remove_files_named(*one)
            self._meter.complete(one[1])

        self._intentions.write({**self._plan.objects, **self._plan.later})
        self._crew.each(snapshot, self._plan.snapshots, tick=self._meter.tick)
        self._crew.each(revision, self._plan.revisions, tick=self._meter.tick)
        self._crew.each(file, self._files, tick=self._meter.tick)

    def delete_objects(self, store: ObjectStore) -> None:
        """Delete the objects that nothing refers to any more."""

        def content(one: tuple[str, int], _: Halt) -> None:
            name, size = one
            with contextlib.suppress(UnsafeName):  # of damaged metadata, which is gone: there is no such object
                store.delete(name)
            self._meter.advance(size)
            self._meter.complete("")

        self._crew.each(content, sorted(self._plan.objects.items()), tick=self._meter.tick)
        self._meter.tick()
        self._intentions.write(self._plan.later)
