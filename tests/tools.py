"""The programs that the tests run beside Python: batch system, containers, SSH. As a script, install what is missing.

Debian's packages, without what they recommend. None of their services is started, or enabled for the next boot: the
tests start what they need, for themselves, in directories of their own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGES = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server",
    "bwrap": "bubblewrap",
    "busybox": "busybox-static",
    "podman": "podman",
    "dockerd": "docker.io",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "newuidmap": "uidmap",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
}
"""The program by which a package is known to be there, and its name."""
SERVICES = {
    "slurmctld": ("slurmctld.service",),
    "slurmd": ("slurmd.service",),
    "munge": ("munge.service",),
    "slurmdbd": ("slurmdbd.service",),
    "mariadb-server": ("mariadb.service",),
    "podman": ("podman.service", "podman.socket", "podman-restart.service", "podman-auto-update.timer"),
    "docker.io": ("docker.service", "docker.socket", "containerd.service"),
    "openssh-server": ("ssh.service", "ssh.socket"),
}
POLICY = Path("/usr/sbin/policy-rc.d")
"""What Debian's packages ask whether they may start a service."""
_SYSTEMD = Path("/run/systemd/system")


def find(program: str) -> str | None:
    """Return the path of a program, also of one that only administrators have in their PATH."""
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))


def missing() -> list[str]:
    """Return the packages whose programs are not there."""
    return [package for program, package in PACKAGES.items() if find(program) is None]


def install(packages: Iterable[str]) -> None:
    """Install packages as root; raise CalledProcessError if that fails."""
    packages = list(packages)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with services_stay_off():
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-qy", "--no-install-recommends", *packages],
        ):
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    units = [unit for package in packages for unit in SERVICES.get(package, ())]
    if units and _SYSTEMD.is_dir():
        subprocess.run(["systemctl", "disable", *units], check=False, capture_output=True)


@contextmanager
def services_stay_off() -> Iterator[None]:
    """Answer whoever installs a service, and would start it, that it may not; if somebody answers already, let them."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def main() -> int:
    wanted = missing()
    if wanted and shutil.which("apt-get") and os.geteuid() == 0:
        print(f"Installing for the tests: {', '.join(wanted)}.", flush=True)
        install(wanted)
        wanted = missing()
    if not wanted:
        return 0
    print(
        f"The tests need programs of these Debian packages: {' '.join(wanted)}.\n"
        f"Run `sudo {sys.executable} {Path(__file__).resolve()}`, which starts none of their services, or install them "
        "yourself.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
