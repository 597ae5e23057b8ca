"""Results that pages have asked for: each is fetched once, verified, and kept in a directory that is bounded.

What the job's own project holds already is not fetched at all, if it is what the colony says.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pollinator_magic.labserver.refusals import Refused
from pollinator_magic.labserver.threads import Threads

if TYPE_CHECKING:
    from typing import BinaryIO

    from pollinator_magic.cfs.filesystem import Filesystem
    from pollinator_magic.cfs.index import Signature
    from pollinator_magic.cfs.state import Stored

LARGEST = 4 << 30
"""Bytes of all results that are kept; the one that nobody has asked for longest goes first."""
_AT_ONCE = 3
_SETTING = "pollinator_magic_results"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OPENING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_REMEMBERED = 1000


@dataclass(frozen=True)
class Wanted:
    """A result of a job, as the colony knows it."""

    job: str
    name: str
    stored: Stored
    files: Filesystem

    @property
    def checksum(self) -> str:
        """The SHA-256 of its content, by which a file may be named."""
        if self.stored.size < 0 or not _SHA256.fullmatch(self.stored.checksum):
            raise Refused(502, f"The colony does not say what {self.name!a} should contain.", "Run the job again.")
        return self.stored.checksum


class ResultCache:
    """The directory, by default the user's. To be asked by the server's loop; it works in threads of its own."""

    def __init__(self, directory: Path | None = None, largest: int = LARGEST) -> None:
        self._directory = directory
        self._largest = largest
        self._threads = Threads(_AT_ONCE, "pollinator-results")
        self._fetching: dict[tuple[str, str, str], asyncio.Future[Path]] = {}
        self._clearing = threading.Lock()
        self._verified: dict[Path, tuple[Signature, str]] = {}

    async def open(self, wanted: Wanted) -> BinaryIO:
        """Return the result's content, fetched if need be; raises what keeps it from coming."""
        for _ in range(2):
            with contextlib.suppress(FileNotFoundError):  # removed in between, to make room for another
                return await self._threads.ask(_opened, await self._path(wanted))
        raise Refused(503, f"There is no room to keep {wanted.name!a}.", "Try again when fewer results are asked for.")

    async def _path(self, wanted: Wanted) -> Path:
        """Return where the result is; who asks while it is being fetched waits for the same."""
        key = (wanted.job, wanted.name, wanted.checksum)
        fetching = self._fetching.get(key)
        if fetching is None:
            fetching = self._fetching[key] = asyncio.ensure_future(self._threads.ask(self._bring, wanted))
            fetching.add_done_callback(lambda _: self._fetching.pop(key, None))
        return await asyncio.shield(fetching)

    def _bring(self, wanted: Wanted) -> Path:
        own = self._of_project(wanted)
        if own is not None:
            return own
        place = self.directory / wanted.checksum / wanted.name.rpartition("/")[2]
        if _is_held(place, wanted.stored.size):
            return place
        self._make_room(wanted)
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.parent.mkdir(exist_ok=True, mode=0o700)
        place.unlink(missing_ok=True)  # it is not whole
        try:
            return wanted.files.fetch(wanted.stored, place.parent, place.name)
        except BaseException:
            if _is_held(place, wanted.stored.size):  # by another server, meanwhile
                return place
            with contextlib.suppress(OSError):
                place.parent.rmdir()
            raise

    @property
    def directory(self) -> Path:
        """Where results are kept, each in a directory that is named by its SHA-256."""
        if self._directory is None:
            import platformdirs

            self._directory = Path(platformdirs.user_cache_dir("pollinator_magic")) / "results"
        return self._directory

    def _of_project(self, wanted: Wanted) -> Path | None:
        """Return where the job's own project holds the result, if it is on this machine and as the colony says."""
        from pollinator_magic.cfs.index import Signature
        from pollinator_magic.jobs import localresults
        from pollinator_magic.jobs.ledger import Ledger
        from pollinator_magic.project import Project

        entry = Ledger().read().get(wanted.job)
        if entry is None:
            return None
        path = localresults.results(Project(entry.project), wanted.job) / wanted.name
        try:
            with _opened(path) as file:
                signature = Signature.of(os.fstat(file.fileno()))
                if os.fstat(file.fileno()).st_size != wanted.stored.size:
                    return None
                if self._verified.get(path) != (signature, wanted.checksum):
                    if _sha256(file) != wanted.checksum:
                        return None
                    self._verified[path] = (signature, wanted.checksum)
        except OSError:
            return None
        while len(self._verified) > _REMEMBERED:
            self._verified.pop(next(iter(self._verified)), None)
        return path

    def _make_room(self, wanted: Wanted) -> None:
        """Remove what nobody has asked for longest until there is room for a result; refuse one that is too large."""
        from pollinator_magic.jobs import localresults

        if wanted.stored.size > self._largest:
            raise Refused(
                413,
                f"{wanted.name!a} has {wanted.stored.size:,} bytes, which is more than is kept for pages.",
                f"`%pollinator pull {wanted.job[:12]} --to DIRECTORY` brings it to a directory of yours.",
            )
        with self._clearing:
            kept = []
            for path in self.directory.glob("*"):
                with contextlib.suppress(OSError):
                    kept.append((path.stat().st_mtime_ns, localresults.size(path), path))
            room = self._largest - wanted.stored.size - sum(size for _, size, _ in kept)
            for _, size, path in sorted(kept):
                if room >= 0:
                    break
                _remove(path)
                room += size


def results_of(settings: dict[str, Any]) -> ResultCache:
    """Return what the Jupyter server with these settings keeps of results."""
    if _SETTING not in settings:
        settings[_SETTING] = ResultCache()
    return cast("ResultCache", settings[_SETTING])


def _is_held(place: Path, size: int) -> bool:
    """Whether a result is kept; then it is now the one that was asked for last."""
    try:
        status = place.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            return False
        os.utime(place.parent)
    except OSError:
        return False
    return True


def _opened(path: Path) -> BinaryIO:
    """Open a file, and nothing that is none, for reading."""
    file = os.fdopen(os.open(path, _OPENING), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(path)
    return file


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _remove(path: Path) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
