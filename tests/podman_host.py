"""A real podman for tests, which shares nothing with that of the host: `with running_podman() as podman: ...`.

Storage, configuration, locks and networks lie in a directory and a network namespace of its own, so that several can be
used at the same time; only `pull` has the network of the host. It runs where root is confined: runc, cgroups without
systemd, low limits, plain copies as storage. It needs root, and Debian's podman, runc, containernetworking-plugins and
busybox-static.

Its image has busybox as /bin and no /usr: tests that need Python give jobs the host's, read-only (`python`).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import resource
import shutil
import site
import subprocess
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.executors.container.settings import ContainerSettings
from tests.tools import find

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "localhost/test/python:1"
BUSYBOX = Path("/bin/busybox")
_APPLETS = """
    sh cat chmod cp cut date df dirname env expr false grep head hostname id ip kill ln ls mkdir mktemp mv nc printf ps
    pwd rm sed seq sleep sort stat tail tee test touch tr true uname wc which
"""
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
_WRAPPER = """\
#!/bin/sh
export CONTAINERS_CONF={directory}/containers.conf CONTAINERS_STORAGE_CONF={directory}/storage.conf
export CONTAINERS_REGISTRIES_CONF={directory}/registries.conf
echo "$1" >> {directory}/commands
case $1 in pull) exec {podman} "$@" ;; *) exec nsenter --net={directory}/netns {podman} "$@" ;; esac
"""


class Podman:
    """A podman, and what tests do to it."""

    def __init__(self) -> None:
        missing = [package for program, package in _NEEDED.items() if find(program) is None]
        if missing or os.geteuid() != 0:
            raise RuntimeError(f"Tests of containers need root, and the packages {', '.join(_NEEDED.values())}.")
        self.directory = Path(tempfile.mkdtemp(prefix="podman-"))
        self.program = self._write("podman")
        self.docker = self._write("docker")
        """The same under the other name: it understands what docker's command line has."""
        files, processes = resource.getrlimit(resource.RLIMIT_NOFILE)[1], resource.getrlimit(resource.RLIMIT_NPROC)[1]
        (self.directory / "containers.conf").write_text(
            _CONTAINERS.format(directory=self.directory, nofile=_at_most(files, 1024), nproc=_at_most(processes, 4096))
        )
        (self.directory / "storage.conf").write_text(_STORAGE.format(directory=self.directory))
        self.trust_registry("localhost:5000")
        (self.directory / "netns").touch()
        subprocess.run(["unshare", f"--net={self.directory / 'netns'}", "true"], check=True)
        archive = self.directory / "image.tar"
        write_image(archive)
        self.run("load", "--quiet", "--input", str(archive))

    def settings(self, **fields) -> ContainerSettings:
        """Settings of an engine for this podman."""
        quick = {"query_s": 0.2, "longest_query_s": 1.0, "grace_s": 0.5}
        return ContainerSettings(**{"runtime": str(self.program), "image": IMAGE, **quick, **fields})

    @property
    def python(self) -> list[str]:
        """The volumes by which containers have the Python of these tests."""
        places = ["/usr", sys.base_prefix, sys.prefix, *site.getsitepackages()]
        outermost = [one for one in dict.fromkeys(places) if not any(_is_below(one, other) for other in places)]
        return [f"{place}:{place}:ro" for place in outermost]

    @property
    def commands(self) -> list[str]:
        """The first words of all commands so far."""
        return (self.directory / "commands").read_text().split()

    def trust_registry(self, address: str) -> None:
        """Let images be fetched from a registry that has no certificate."""
        (self.directory / "registries.conf").write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command of podman and return what it prints."""
        done = subprocess.run([self.program, *words], capture_output=True, text=True, check=False, timeout=120)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def containers(self) -> list[str]:
        """Return the names of all containers."""
        return self.run("ps", "--all", "--format", "{{.Names}}").split()

    def networks(self) -> list[str]:
        """Return the names of all networks that were made."""
        return [path.stem for path in (self.directory / "net.d").glob("*.conflist") if path.stem != "87-podman"]

    def images(self) -> list[str]:
        """Return the names of all images but that of the tests."""
        names = self.run("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        return [name for name in names if name != IMAGE]

    def clear(self) -> None:
        """Remove all containers and networks."""
        self.run("rm", "--all", "--force", "--time", "0", check=False)
        for network in self.networks():
            self.run("network", "rm", "--force", network, check=False)

    def stop(self) -> None:
        """Remove everything."""
        self.clear()
        subprocess.run(["umount", self.directory / "netns"], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _write(self, name: str) -> Path:
        wrapper = self.directory / name
        wrapper.write_text(_WRAPPER.format(directory=self.directory, podman=find("podman")))
        wrapper.chmod(0o755)
        return wrapper


@contextmanager
def running_podman() -> Iterator[Podman]:
    """Have a podman until the block ends."""
    podman = Podman()
    try:
        yield podman
    finally:
        podman.stop()


def write_image(archive: Path) -> None:
    """Write the image in docker's form."""
    layer = image_layer()
    config = image_config(layer)
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        for member, content in (
            ("layer.tar", layer),
            ("config.json", config),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            _add(tar, member, content)


def image_config(*layers: bytes, **variables: str) -> bytes:
    """Return what makes an image of layers; its jobs see these variables."""
    packages = os.pathsep.join(site.getsitepackages())
    environment = {"PATH": "/sbin:/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": packages, **variables}
    return json.dumps(
        {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Env": [f"{name}={value}" for name, value in environment.items()], "Cmd": ["sh"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers],
            },
        }
    ).encode()


def image_layer() -> bytes:
    """Return a root file system with the tools of busybox, as a tar archive."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for directory in ("bin", "etc", "home", "root", "tmp", "usr", "usr/local"):
            _add(tar, directory, kind=tarfile.DIRTYPE, mode=0o1777 if directory == "tmp" else 0o755)
        _add(tar, "bin/busybox", BUSYBOX.read_bytes())
        for applet in _APPLETS.split():  # all of them would take ten times as long to copy, for each container
            _add(tar, f"bin/{applet}", kind=tarfile.SYMTYPE, link="busybox")
        for place in ("/lib", "/lib64"):  # as on hosts whose libraries are all in /usr
            if Path(place).is_symlink():
                _add(tar, place[1:], kind=tarfile.SYMTYPE, link=str(Path(place).readlink()))
        _add(tar, "sbin", kind=tarfile.DIRTYPE)
        _add(tar, "sbin/python3", kind=tarfile.SYMTYPE, link=f"{sys.base_prefix}/bin/python3")
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n")
        _add(tar, "etc/group", b"root:x:0:\nuser:x:1000:\n")
    return target.getvalue()


def small_layer(name: str, content: bytes) -> bytes:
    """Return a layer with one file."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        _add(tar, name, content)
    return target.getvalue()


def _add(
    tar: tarfile.TarFile,
    name: str,
    content: bytes = b"",
    *,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
    mode: int = 0o755,
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), link
    tar.addfile(entry, io.BytesIO(content))


def _at_most(limit: int, wanted: int) -> int:
    return wanted if limit == resource.RLIM_INFINITY else min(limit, wanted)


def _is_below(place: str, other: str) -> bool:
    return place != other and Path(place).is_relative_to(other)
