"""The program that serves the embedded colony's objects over S3: whether it is there, and how to get it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

HOW_TO_INSTALL = "`pip install 'pollinator-magic[s3]'` installs it."


def find_rclone() -> str | None:
    """Return the rclone that the extra `s3` has installed, or the one on PATH; None if there is none."""
    if os.name != "posix":
        return None  # it is started and guarded with what POSIX systems have
    return shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
