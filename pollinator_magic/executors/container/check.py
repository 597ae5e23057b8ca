"""What jobs in containers will need, looked at one after the other."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.executors.container.commandline import qualified
from pollinator_magic.executors.container.engine import ContainerEngine
from pollinator_magic.executors.container.runtime import Runtime, RuntimeTrouble, find_runtime
from pollinator_magic.executors.kinds import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.executors.container.runtime import Info
    from pollinator_magic.executors.container.settings import ContainerSettings

_LITTLE_SPACE = 10 << 30
_GIB = 1 << 30
_LOWER_LIMITS = (
    "This root may not raise limits. Name a containers.conf in CONTAINERS_CONF whose default_ulimits are no higher "
    "than `ulimit -Hn` and `ulimit -Hu` say; docs/executors.md, Containers, has one."
)
_OTHER_CGROUPS = (
    'Set runtime = "runc" and cgroup_manager = "cgroupfs" in the [engine] table of containers.conf; or, where '
    "containers cannot use cgroups at all, limits = false in [container]."
)
_REMEDIES = (
    (
        re.compile("setrlimit|RLIMIT|oom_score_adj", re.IGNORECASE),
        _LOWER_LIMITS,
    ),
    (
        re.compile(r"cannot connect|daemon|docker\.sock", re.IGNORECASE),
        "Start the docker daemon, and have this user in the group that may talk to it.",
    ),
    (
        re.compile("newuidmap|newgidmap|subuid|subgid", re.IGNORECASE),
        "Give this user ranges in /etc/subuid and /etc/subgid, and install uidmap.",
    ),
    (
        re.compile("slirp4netns|pasta|netavark|cni|bridge|iptables|network", re.IGNORECASE),
        'Have the network of containers mended, or set network = "host" (or "none") in [container].',
    ),
    (re.compile("hybrid|cgroup", re.IGNORECASE), _OTHER_CGROUPS),
)


def check(settings: ContainerSettings, fs_dir: Path) -> Iterator[Finding]:
    """Yield what was found; what cannot be looked at any more after a failure is left out."""
    program = find_runtime(settings.runtime)
    if not program or shutil.which(program) is None:
        yield Finding(
            f"{program or 'neither podman nor docker'} is {'not ' if program else ''}installed",
            good=False,
            remedy="Install podman (the package podman of most systems) or docker, or set runtime in [container].",
        )
        return
    runtime = Runtime(program)
    try:
        yield Finding(f"{runtime.name} {runtime.version()}")
        info = runtime.info()
        yield from _store(runtime, info)
        yield from _limits(settings, info)
        yield from _trial(settings, runtime)
    except RuntimeTrouble as trouble:
        yield Finding(f"{program} does not work: {trouble}", good=False, remedy=_remedy(str(trouble)))
        return
    yield from _user(settings, info)
    yield from _volumes(settings)
    engine = ContainerEngine(settings, fs_dir)
    gpus = f", {len(settings.gpus)} GPUs" if settings.gpus else ""
    cpu, memory = engine.capacity.cpu_millis or 0, engine.capacity.memory_bytes or 0
    yield Finding(f"{cpu / 1000:g} processors, {memory / _GIB:.1f} GiB of memory{gpus} for jobs")


def _store(runtime: Runtime, info: Info) -> Iterator[Finding]:
    """Look at where images and containers lie."""
    what = f"images and containers in {info.store} ({info.driver})"
    if runtime.is_docker and not os.access(info.store, os.R_OK):  # the daemon's, and not ours to see
        yield Finding(what)
        return
    if not os.access(info.store, os.W_OK):
        yield Finding(f"{what}: cannot be written", good=False, remedy="Choose another graphroot in storage.conf.")
        return
    if info.driver == "vfs":
        yield Finding(
            f"{what}: each container is a whole copy of its image",
            good=False,
            remedy='Set driver = "overlay" in storage.conf where the file system allows it.',
            fatal=False,
        )
    free = shutil.disk_usage(info.store).free
    what = f"{free / _GIB:.1f} GiB free in {info.store}"
    if free > _LITTLE_SPACE:
        yield Finding(what)
    else:
        remedy = f"Free some space there: `{runtime.program} image prune --all` may help."
        yield Finding(what, good=False, remedy=remedy, fatal=False)


def _limits(settings: ContainerSettings, info: Info) -> Iterator[Finding]:
    """Look at whether processors and memory of containers can be limited."""
    if not settings.limits:
        yield Finding("processors and memory of jobs are not limited")
    elif info.can_limit:
        yield Finding("processors and memory of jobs are limited by cgroups")
    else:
        yield Finding(
            "containers cannot be limited: the cgroup controllers cpu and memory are not delegated to this user",
            good=False,
            remedy="Delegate them (systemd: Delegate=cpu memory pids for user@.service), or set limits = false.",
            fatal=info.refuses_limits,
        )


def _trial(settings: ContainerSettings, runtime: Runtime) -> Iterator[Finding]:
    """Run a container that does nothing, if there is an image for it."""
    image = _present(settings, runtime)
    if not image:
        what = (
            f"the image {settings.image} is not here yet"
            if settings.image
            else "no image is set for jobs that name none"
        )
        yield Finding(f"{what}: whether a container starts was not tried")
        return
    limits = ["--memory", "64m", "--cpus", "1"] if settings.limits else []
    network = ["--network", settings.network] if settings.network else []
    words = ["run", "--rm", "--log-driver", "none", *limits, *network, *settings.options, "--entrypoint", "/bin/sh"]
    try:
        runtime.ask(*words, image, "-c", ":")
    except RuntimeTrouble as trouble:
        yield Finding(
            f"a container of {settings.image} does not run: {trouble}", good=False, remedy=_remedy(str(trouble))
        )
    else:
        yield Finding(f"a container of {settings.image} runs")


def _present(settings: ContainerSettings, runtime: Runtime) -> str:
    for name in dict.fromkeys((settings.image, qualified(settings.image))) if settings.image else ():
        try:
            return runtime.ask("image", "inspect", "--format", "{{.Id}}", name).strip()
        except RuntimeTrouble:
            continue
    return ""


def _user(settings: ContainerSettings, info: Info) -> Iterator[Finding]:
    if os.geteuid() == 0 and not settings.user and info.root_is_root:
        yield Finding(
            "jobs run as root in their containers, which is root of this host",
            good=False,
            remedy="Start the executor as a user of its own (podman needs nothing else), or set user in [container].",
            fatal=False,
        )


def _volumes(settings: ContainerSettings) -> Iterator[Finding]:
    for volume in settings.volumes:
        source = volume.partition(":")[0]
        if not Path(source).exists():
            yield Finding(
                f"volume {source} is not there", good=False, remedy="Correct volumes in [container], or make it."
            )


def _remedy(said: str) -> str:
    return next((words for pattern, words in _REMEDIES if pattern.search(said)), "See whether it works by hand.")
