"""What jobs will need of Slurm, looked at one after the other, without starting anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from pollinator_magic.executors.kinds import Finding
from pollinator_magic.executors.slurm.commands import Slurm, SlurmTrouble
from pollinator_magic.executors.slurm.engine import find_runtime, images_directory
from pollinator_magic.executors.slurm.hardware import existing, nodes
from pollinator_magic.executors.slurm.request import site_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.executors.slurm.settings import SlurmSettings

_COMMANDS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
_LOCAL = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "vfat", "squashfs"))


def check(settings: SlurmSettings, fs_dir: Path) -> Iterator[Finding]:
    """Yield what was found; what cannot be looked at any more after a failure is left out."""
    slurm = Slurm(commands=settings.commands, conf=settings.conf)
    yield from _files(fs_dir)
    yield from _runtime(settings, fs_dir)
    if settings.conf and not Path(settings.conf).is_file():  # without it the commands look for it for a minute
        yield Finding(f"{settings.conf} is not there", good=False, remedy="Set conf in [slurm] to Slurm's slurm.conf.")
        return
    missing = [name for name in _COMMANDS if shutil.which(slurm.program(name)) is None]
    if missing:
        yield Finding(
            f"{', '.join(missing)} not found",
            good=False,
            remedy="Run the executor where jobs are submitted, or set commands in [slurm] to their directory.",
        )
        return
    try:
        version = slurm.ask("sinfo", "--version").strip()
        known = nodes(slurm)
    except SlurmTrouble as trouble:
        yield Finding(
            f"Slurm does not answer: {trouble}",
            good=False,
            remedy="See whether sinfo works by hand; if Slurm's configuration is elsewhere, set conf in [slurm].",
        )
        return
    partition = settings.partition or known.default
    here = known.of(partition)
    count, away = sum(number for _, number in here), known.away[partition]
    if not count and not away:
        yield Finding(
            f"{version} has no partition {partition!r}" if partition else f"{version} has no default partition",
            good=False,
            remedy="Set partition in [slurm] to one that sinfo shows.",
        )
        return
    out = f", {away} more out of service" if away else ""
    yield Finding(
        f"{version}, {count} nodes in partition {partition}{out}",
        good=count > 0,
        remedy="" if count else "Wait until its nodes are back, or choose another partition.",
        fatal=False,
    )
    yield _accepted(slurm, settings)


def _accepted(slurm: Slurm, settings: SlurmSettings) -> Finding:
    """Ask Slurm whether it would take a job, which tells about account, QoS, constraint and directives too."""
    try:
        slurm.ask("sbatch", "--test-only", *site_options(settings), "--nodes=1", "--ntasks=1", "--wrap=true")
    except SlurmTrouble as trouble:
        return Finding(
            f"Slurm would not take a job: {trouble}",
            good=False,
            remedy="Look at partition, account, qos, constraint and directives in [slurm].",
        )
    return Finding("Slurm would take a job with these settings")


def _files(fs_dir: Path) -> Iterator[Finding]:
    place = existing(fs_dir)
    if not os.access(place, os.W_OK | os.X_OK):
        yield Finding(f"{place} is not writable", good=False, remedy="Choose another directory for the jobs' files.")
        return
    kind = _file_system(place)
    if kind in _LOCAL:
        yield Finding(
            f"{fs_dir} is on {kind}, which looks like a disk of this host alone",
            good=False,
            remedy="Choose a directory that every node sees under the same path, unless this host is the only node.",
            fatal=False,
        )
    else:
        yield Finding(f"{fs_dir} is writable, on {kind or 'an unknown file system'}")


def _file_system(place: Path) -> str:
    mounts = [part for part in psutil.disk_partitions(all=True) if place.resolve().is_relative_to(part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else ""


def _runtime(settings: SlurmSettings, fs_dir: Path) -> Iterator[Finding]:
    if settings.bare:
        yield Finding("jobs run directly on the nodes, without images")
        return
    runtime = find_runtime(settings.runtime)
    if not runtime or shutil.which(runtime) is None:
        what = "neither apptainer nor singularity is" if settings.runtime == "auto" else f"{settings.runtime} is not"
        yield Finding(
            f"{what} found here",
            good=False,
            remedy='Set runtime in [slurm] to its path, or to "none" if jobs shall run directly on the nodes.',
            fatal=False,
        )
        return
    images = existing(images_directory(settings, fs_dir))
    if not os.access(images, os.W_OK | os.X_OK):
        yield Finding(f"{images} is not writable", good=False, remedy="Set images in [slurm] to another directory.")
        return
    yield Finding(f"{runtime} runs images, kept in {images_directory(settings, fs_dir)}")
