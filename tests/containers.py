"""What runs containers in tests, and the image that they have: what podman and docker have in common there.

The image has busybox as /bin and no /usr: tests that need Python give jobs the host's, read-only (`python`).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import site
import subprocess
import sys
import tarfile
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.executors.container.settings import ContainerSettings
from tests.tools import find

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE = "localhost/test/python:1"
BUSYBOX = Path("/bin/busybox")
_APPLETS = """
    sh cat chmod cp cut date df dirname env expr false grep head hostname id ip kill ln ls mkdir mktemp mv nc printf ps
    pwd rm sed seq sleep sort stat tail tee test touch tr true uname wc which
"""
_WRAPPER = """\
#!/bin/sh
echo "$1" >> {directory}/commands
{call}
"""


class Containers(ABC):
    """A runtime that shares nothing with that of the host, and what tests do to it."""

    name: str

    def __init__(self, needed: Mapping[str, str]) -> None:
        """`needed` are programs, and the packages they are from."""
        if os.geteuid() != 0 or any(find(program) is None for program in needed):
            packages = ", ".join(dict.fromkeys(needed.values()))
            raise RuntimeError(f"Tests of containers need root, and the packages {packages}.")
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.program = self.directory / self.name

    @abstractmethod
    def trust_registry(self, address: str) -> None:
        """Let images be fetched from a registry that has no certificate."""

    @abstractmethod
    def networks(self) -> list[str]:
        """Return the names of all networks that were made."""

    @abstractmethod
    def stop(self) -> None:
        """Remove everything."""

    def settings(self, **fields) -> ContainerSettings:
        """Settings of an engine for this runtime."""
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

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command and return what it prints."""
        done = subprocess.run([self.program, *words], capture_output=True, text=True, check=False, timeout=120)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def containers(self) -> list[str]:
        """Return the names of all containers."""
        return self.run("ps", "--all", "--format", "{{.Names}}").split()

    def images(self) -> list[str]:
        """Return the names of all images but that of the tests."""
        names = self.run("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        return sorted(name for name in names if name != IMAGE)

    def clear(self) -> None:
        """Remove all containers and networks."""
        if containers := self.containers():
            self.run("rm", "--force", *containers, check=False)
        for network in self.networks():
            self.run("network", "rm", network, check=False)

    def _write_program(self, call: str) -> Path:
        """Make the program, which calls the runtime like this."""
        self.program.write_text(_WRAPPER.format(directory=self.directory, call=call))
        self.program.chmod(0o755)
        return self.program

    def _load_image(self) -> None:
        archive = self.directory / "image.tar"
        write_image(archive)
        self.run("load", "--quiet", "--input", str(archive))

    def _remove_files(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)


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


def _is_below(place: str, other: str) -> bool:
    return place != other and Path(place).is_relative_to(other)
