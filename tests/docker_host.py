"""A real docker daemon for tests, which shares nothing with that of the host: `with running_docker() as docker: ...`.

Its socket, storage and containerd lie in a directory of its own, and it touches no rules of the host's network; bridges
for networks of jobs are made there, and are gone with them. It needs root, and Debian's docker.io, runc and
busybox-static.
"""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.containers import Containers
from tests.tools import find
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDED = {"dockerd": "docker.io", "docker": "docker.io", "runc": "runc", "/bin/busybox": "busybox-static"}
_CALL = 'exec {docker} --host unix://{directory}/socket "$@"'


class Docker(Containers):
    """A docker daemon, and what tests do to it."""

    name = "docker"

    def __init__(self) -> None:
        super().__init__(_NEEDED)
        self._write_program(_CALL.format(directory=self.directory, docker=find("docker")))
        (self.directory / "daemon.json").write_text(json.dumps(self._configuration()))
        self._log = (self.directory / "log").open("wb")
        self._daemon = subprocess.Popen(
            [find("dockerd") or "", "--config-file", str(self.directory / "daemon.json")],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        eventually(self._answers, what=self.directory / "log")
        self._load_image()

    def trust_registry(self, address: str) -> None:
        """Do nothing: docker trusts those of its own host."""

    def networks(self) -> list[str]:
        """Return the names of all networks that were made."""
        return self.run("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}").split()

    def stop(self) -> None:
        """Remove everything."""
        self.clear()
        self._daemon.terminate()
        self._daemon.wait()
        self._log.close()
        for namespace in (self.directory / "run" / "netns").glob("*"):
            subprocess.run(["umount", namespace], check=False, capture_output=True)
        self._remove_files()

    def _answers(self) -> bool:
        assert self._daemon.poll() is None, (self.directory / "log").read_text()
        return bool(self.run("version", "--format", "{{.Server.Version}}", check=False).strip())

    def _configuration(self) -> dict[str, object]:
        return {
            "hosts": [f"unix://{self.directory / 'socket'}"],
            "pidfile": str(self.directory / "pid"),
            "data-root": str(self.directory / "data"),
            "exec-root": str(self.directory / "run"),
            "storage-driver": "vfs",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "iptables": False,
            "ip6tables": False,
            "bridge": "none",
            # other daemons of tests have other addresses
            "default-address-pools": [{"base": f"10.{100 + os.getpid() % 100}.0.0/16", "size": 24}],
        }


@contextmanager
def running_docker() -> Iterator[Docker]:
    """Have a docker daemon until the block ends."""
    docker = Docker()
    try:
        yield docker
    finally:
        docker.stop()
