"""Pods as processes of this host, for a replayed cluster: what is real is the job's program, not Kubernetes.

The command of a pod's container runs under bubblewrap, with this host as its image: its variables, its arguments after
Kubernetes' replacements, its volumes at their places, a process tree and a name of its own, SIGTERM and SIGKILL when it
is deleted. Limits, users and networks are not those of a pod.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.kubernetes_rules import expanded

PARTIAL = 16 * 1024
"""Longer lines are written in pieces by container runtimes."""


class Log:
    """What a container has written: lines, each with its time in nanoseconds."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.lines: list[tuple[int, bytes]] = []
        self.ended = False
        self._last_ns = 0

    def add(self, line: bytes) -> None:
        with self.changed:
            self._last_ns = max(time.time_ns(), self._last_ns)
            self.lines.append((self._last_ns, line))
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class LocalPod:
    """The one container of a pod as a process; `directory` is for what Kubernetes would keep on the node."""

    def __init__(self, pod: dict, directory: Path, claims: dict[str, Path], index: int | None, peers: list) -> None:
        if shutil.which("bwrap") is None:
            raise RuntimeError("These tests need bubblewrap: install the package bubblewrap.")
        self.log = Log()
        self._directory = directory
        self._note = directory / "termination-log"
        directory.mkdir(parents=True)
        self._note.touch()
        spec = pod["spec"]
        container = spec["containers"][0]
        env: dict[str, str] = {}
        for variable in container.get("env", []):
            env[variable["name"]] = expanded(variable["value"], env)
        if index is not None:
            env.setdefault("JOB_COMPLETION_INDEX", str(index))
        hostname = spec.get("hostname", pod["metadata"]["name"])
        command = [expanded(word, env) for word in [*container["command"], *container["args"]]]
        streams = [os.pipe(), os.pipe()]
        told, telling = os.pipe()
        sandbox = [
            *("bwrap", "--unshare-pid", "--as-pid-1", "--unshare-uts", "--hostname", hostname, "--die-with-parent"),
            *("--info-fd", str(telling), "--new-session"),
            *_root(),
            *self._mounts(spec, container, claims),
            *("--bind", str(self._note), "/dev/termination-log"),
            *("--ro-bind", str(self._hosts(spec, peers)), "/etc/hosts"),
            *("--chdir", container.get("workingDir", "/")),
        ]
        self._process = subprocess.Popen(
            [*sandbox, *command],
            env={"PATH": _path(), "HOSTNAME": hostname, **env},
            stdin=subprocess.DEVNULL,
            stdout=streams[0][1],
            stderr=streams[1][1],
            pass_fds=(telling,),
        )
        for _, writing in streams:
            os.close(writing)
        os.close(telling)
        with os.fdopen(told) as news:
            self._first_process = json.load(news)["child-pid"]
        descriptors = [reading for reading, _ in streams]
        self._reader = threading.Thread(target=self._read, args=descriptors, daemon=True)
        self._reader.start()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return the exit code of the container, None if it is still running."""
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(timeout_s)
            self._reader.join()
            return 128 - status if status < 0 else status
        return None

    @property
    def message(self) -> str:
        return self._note.read_text(encoding="utf-8", errors="replace")

    def terminate(self, grace_s: float) -> None:
        self._signal(signal.SIGTERM)
        if self.wait(grace_s) is None:
            self.kill()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._first_process, number)

    def _read(self, output: int, errors: int) -> None:
        """Read both streams, one after the other: each is in its order, and nobody promises one between them."""
        for descriptor in (output, errors):
            with os.fdopen(descriptor, "rb", buffering=0) as source:
                held = b""
                while data := source.read(65536):
                    *lines, held = (held + data).split(b"\n")
                    for line in lines:
                        self.log.add(line + b"\n")
                if held:
                    self.log.add(held)
        self.log.end()

    def _mounts(self, spec, container, claims):
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in sorted(container["volumeMounts"], key=lambda one: one["mountPath"].count("/")):
            volume = volumes[mount["name"]]
            if "persistentVolumeClaim" in volume:
                source = claims[volume["persistentVolumeClaim"]["claimName"]] / mount.get("subPath", "")
            else:
                source = self._directory / "volumes" / mount["name"]
                source.mkdir(parents=True, exist_ok=True)
            how = "--ro-bind" if mount.get("readOnly") else "--bind"
            yield from (how, str(source), mount["mountPath"])

    def _hosts(self, spec, peers):
        """Name the other pods of the job, as the headless Service would."""
        file = self._directory / "hosts"
        names = [f"127.0.0.1 {peer}.{spec['subdomain']} {peer}" for peer in peers if "subdomain" in spec]
        file.write_text("\n".join(["127.0.0.1 localhost", *names, ""]))
        return file


def _root():
    """This host, read only, with its own /proc, /dev and /tmp; the places of volumes are not in it."""
    for entry in sorted(Path("/").iterdir()):
        if entry.name in {"proc", "dev", "tmp", "cfs", "pollinator"}:
            continue
        if entry.is_symlink():
            yield from ("--symlink", str(entry.readlink()), str(entry))
        else:
            yield from ("--ro-bind", str(entry), str(entry))
    yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")
    if sys.prefix.startswith("/tmp/"):
        yield from ("--ro-bind", sys.prefix, sys.prefix)


def _path() -> str:
    return f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
