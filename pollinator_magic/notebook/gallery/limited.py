"""A file of which no more is read than was agreed, whatever its content makes its reader ask for."""

from __future__ import annotations

import io
from typing import IO

from pollinator_magic.notebook.gallery.preview import Problem


class Limited(io.RawIOBase):
    """Reads `file`; once `budget` bytes have been read, reading more raises Problem. Seeking is free."""

    def __init__(self, file: IO[bytes], budget: int) -> None:
        super().__init__()
        self._file = file
        self._left = budget

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return whether the file is."""
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes, or the rest."""
        data = self._file.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise Problem("more than is looked into")
        return data
