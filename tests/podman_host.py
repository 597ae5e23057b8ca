"""A real podman for tests, which shares nothing with that of the host: `with running_podman() as podman: ...`.

Storage, configuration, locks and networks lie in a directory and a network namespace of its own, so that several can be
used at the same time; only `pull` has the network of the host. It runs where root is confined: runc, cgroups without
systemd, low limits, plain copies as storage. It needs root, and Debian's podman, runc, containernetworking-plugins and
busybox-static.
"""

from __future__ import annotations

import resource
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.containers import Containers
from tests.tools import find

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEEDED = {
    "podman": "podman",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/bin/busybox": "busybox-static",
    "nsenter": "util-linux",
}
_CONTAINERS = """\
[containers]
netns = "none"
default_ulimits = ["nofile={nofile}:{nofile}", "nproc={nproc}:{nproc}"]
log_driver = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{directory}/tmp"
[network]
network_backend = "cni"
cni_plugin_dirs = ["/usr/lib/cni"]
network_config_dir = "{directory}/net.d"
"""
_STORAGE = """\
[storage]
driver = "vfs"
graphroot = "{directory}/graph"
runroot = "{directory}/run"
"""
_CALL = """\
export CONTAINERS_CONF={directory}/containers.conf CONTAINERS_STORAGE_CONF={directory}/storage.conf
export CONTAINERS_REGISTRIES_CONF={directory}/registries.conf
case $1 in pull) exec {podman} "$@" ;; *) exec nsenter --net={directory}/netns {podman} "$@" ;; esac
"""


class Podman(Containers):
    """A podman, and what tests do to it."""

    name = "podman"

    def __init__(self) -> None:
        super().__init__(_NEEDED)
        self._write_program(_CALL.format(directory=self.directory, podman=find("podman")))
        files, processes = resource.getrlimit(resource.RLIMIT_NOFILE)[1], resource.getrlimit(resource.RLIMIT_NPROC)[1]
        (self.directory / "containers.conf").write_text(
            _CONTAINERS.format(directory=self.directory, nofile=_at_most(files, 1024), nproc=_at_most(processes, 4096))
        )
        (self.directory / "storage.conf").write_text(_STORAGE.format(directory=self.directory))
        self.trust_registry("localhost:5000")
        (self.directory / "netns").touch()
        subprocess.run(["unshare", f"--net={self.directory / 'netns'}", "true"], check=True)
        self._load_image()

    def trust_registry(self, address: str) -> None:
        """Let images be fetched from a registry that has no certificate."""
        (self.directory / "registries.conf").write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')

    def networks(self) -> list[str]:
        """Return the names of all networks that were made."""
        return [path.stem for path in (self.directory / "net.d").glob("*.conflist") if path.stem != "87-podman"]

    def stop(self) -> None:
        """Remove everything."""
        self.clear()
        subprocess.run(["umount", self.directory / "netns"], check=False)
        self._remove_files()


@contextmanager
def running_podman() -> Iterator[Podman]:
    """Have a podman until the block ends."""
    podman = Podman()
    try:
        yield podman
    finally:
        podman.stop()


def _at_most(limit: int, wanted: int) -> int:
    return wanted if limit == resource.RLIM_INFINITY else min(limit, wanted)
