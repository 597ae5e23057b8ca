"""Which files take part in a synchronisation, on both sides."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pollinator_magic.cfs.atomic import write_atomically
from pollinator_magic.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pollinator_magic.cfs.ignore import Ignore
    from pollinator_magic.cfs.index import LocalIndex, Scan
    from pollinator_magic.cfs.state import Stored

MARKER = ".pollinator-root"
"""A small file for directories that hold only directories: ColonyOS hides what is below a label without files."""

_MARKER_TEXT = b"ColonyOS shows the directories below this one only because it holds a file.\n"


class Scope:
    """All paths but those that are ignored, or were left out of a walk (links that lead out, pipes)."""

    def __init__(self, ignore: Ignore, skipped: Mapping[str, str]) -> None:
        self._ignore = ignore
        self._skipped = skipped

    def __contains__(self, path: str) -> bool:
        return not self._left_out(path) and not self._ignore.covers(path)

    def select(self, remote: Mapping[str, Stored], base: Mapping[str, Stored]) -> dict[str, Stored]:
        """Return the remote files that take part.

        An ignored one does if it was agreed on before it was ignored and has not changed since: it counts as deleted
        here. What lies where there is a link here never does.
        """
        return {
            path: stored
            for path, stored in remote.items()
            if path in self or (not self._left_out(path) and path in base and base[path].object == stored.object)
        }

    def _left_out(self, path: str) -> bool:
        if not self._skipped:
            return False
        return path in self._skipped or any(str(parent) in self._skipped for parent in PurePosixPath(path).parents)


def mark(root: Path, index: LocalIndex, scan: Scan) -> None:
    """Write the marker into a directory that needs it, and add it to the scan."""
    if not scan.tree or any("/" not in path for path in scan.tree):
        return
    try:
        write_atomically(root / MARKER, _MARKER_TEXT)
    except OSError as error:
        raise TransferError(f"Cannot write {MARKER!r} in {str(root)!r}: {error.strerror}.", path=MARKER) from None
    marker = index.look(root, [MARKER])
    scan.tree.update(marker.tree)
    scan.signatures.update(marker.signatures)
