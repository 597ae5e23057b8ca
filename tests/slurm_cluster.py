"""A real Slurm on this host, for tests: `with running_slurm() as cluster: ...`.

Four nodes, n1 to n4, each with four processors and 2000 MiB that it only believes in, in the partitions `batch` (all,
the default) and `small` (two). Everything lies in a directory of its own and listens on free ports of the loopback
device. It needs root and Debian's slurm-wlm and munge. What uses more memory than it has is killed within a second or
two.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.executors.slurm.settings import SlurmSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = 4
_PROGRAMS = ("munged", "slurmctld", "slurmd")
_COMMANDS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo", "sacct")
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/munge.sock,cred_expire=5
CredType=cred/munge
SlurmctldPort={port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool/%n
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.%n.pid
SlurmctldLogFile={directory}/log/slurmctld.log
SlurmdLogFile={directory}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=30
SlurmdParameters=config_overrides
KillWait=2
MinJobAge=600
NodeName=n[1-{nodes}] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=4 RealMemory=2000
PartitionName=batch Nodes=n[1-{nodes}] Default=YES MaxTime=01:00:00 State=UP
PartitionName=small Nodes=n[1-2] MaxTime=00:10:00 State=UP
"""


class SlurmCluster:
    """A Slurm that runs, and what tests do to it."""

    def __init__(self) -> None:
        missing = [name for name in _PROGRAMS if shutil.which(name, path=_path()) is None]
        if missing:
            raise RuntimeError(f"{', '.join(missing)} not found: install Debian's slurm-wlm and munge.")
        self.directory = Path(tempfile.mkdtemp(prefix="slurm-"))  # a short path: munge's socket lies in it
        self.conf = self.directory / "slurm.conf"
        for name in ("log", "state", "spool"):
            (self.directory / name).mkdir()
        port = _free_ports(NODES + 1)
        self.conf.write_text(
            _CONFIGURATION.format(directory=self.directory, port=port, first=port + 1, last=port + NODES, nodes=NODES)
        )
        self._environment = {"PATH": _path(), "HOME": "/root", "SLURM_CONF": str(self.conf)}
        self._munged = self._start_munged()
        self._controller = self._start("slurmctld", "-D", "-c")
        self._nodes = [self._start("slurmd", "-D", "-N", f"n{number}") for number in range(1, NODES + 1)]
        self.wait_until_idle()

    def settings(self, **fields) -> SlurmSettings:
        """Settings of an engine for this cluster, on bare nodes unless told otherwise."""
        return SlurmSettings(**{"conf": str(self.conf), "runtime": "none", **fields})

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command of Slurm and return what it prints."""
        done = subprocess.run(words, env=self._environment, capture_output=True, text=True, check=False, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def states(self) -> dict[str, str]:
        """The jobs in the queue, by number."""
        lines = self.run("squeue", "-h", "-o", "%i %T").splitlines()
        return dict(line.split() for line in lines)

    def wait_until_idle(self) -> None:
        """Return when every node could take a job."""
        self._until(lambda: set(self.run("sinfo", "-h", "-N", "-o", "%T", check=False).split()) == {"idle"})

    def clear(self) -> None:
        """End all jobs."""
        for job in self.states():
            self.run("scancel", "--full", "--signal=KILL", job, check=False)
            self.run("scancel", job, check=False)
        self.run("scontrol", "update", "NodeName=ALL", "State=RESUME", check=False)
        self.wait_until_idle()

    def stop_controller(self) -> None:
        """Nobody answers any more; jobs go on."""
        _stop(self._controller)

    def start_controller(self, *, forgetful: bool = False) -> None:
        """It answers again; a forgetful one knows of no job."""
        self._controller = self._start("slurmctld", "-D", *(["-c"] if forgetful else []))
        self._until(lambda: "UP" in self.run("scontrol", "ping", check=False))

    def counting_commands(self, directory: Path) -> Path:
        """Make a directory of Slurm's commands that write a line into the file `asked` each time."""
        directory.mkdir()
        for name in _COMMANDS:
            file, real = directory / name, shutil.which(name, path=_path())
            file.write_text(f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >> {directory}/asked\nexec {real} "$@"\n')
            file.chmod(0o755)
        return directory

    def close(self) -> None:
        """Stop everything, whatever state it is in."""
        with suppress(Exception):
            self.clear()
        for process in (*self._nodes, self._controller, self._munged):
            _stop(process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _start_munged(self) -> subprocess.Popen[bytes]:
        key = self.directory / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        places = {
            "key-file": key,
            "socket": self.directory / "munge.sock",
            "pid-file": self.directory / "munged.pid",
            "log-file": self.directory / "munged.log",
            "seed-file": self.directory / "munged.seed",
        }
        options = [f"--{name}={path}" for name, path in places.items()]
        process = self._start("munged", "--foreground", "--force", "--num-threads=2", *options)
        self._until(places["socket"].exists)
        return process

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a daemon that ends with this process, whatever becomes of it."""
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.directory / "log" / f"{words[0]}.err").open("ab"),
            start_new_session=True,
        )

    def _until(self, condition) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(file.read_text()[-2000:] for file in (self.directory / "log").iterdir())
                raise TimeoutError(f"The Slurm of the tests does not get ready:\n{logs}")
            time.sleep(0.05)


@contextmanager
def running_slurm() -> Iterator[SlurmCluster]:
    """Start one, and stop it."""
    cluster = SlurmCluster()
    try:
        yield cluster
    finally:
        cluster.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _free_ports(count: int) -> int:
    """Return the first of some free ports in a row, below those that the system gives out itself."""
    while True:
        first = 10_000 + secrets.randbelow(20_000)
        with suppress(OSError):
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
