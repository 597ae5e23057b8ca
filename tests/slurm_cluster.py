"""A real Slurm on this host, for tests: `with running_slurm() as cluster: ...`.

Four nodes, n1 to n4, each with four processors and 2000 MiB that it only believes in, in the partitions `batch` (all,
the default), `small` (two), and `cheap` (all). Jobs of `urgent` take their nodes: from those of `batch` by having them
start again later, from those of `cheap` by ending them. Two more nodes, in `gpu`, have accelerators, which are devices
of another kind: g1 two of the type a100, g2 one of the type 2080ti. `running_slurm(accounting=True)` has a slurmdbd as
well, and a controller that forgets jobs a moment after their end.

Everything lies in a directory of its own and listens on free ports of the loopback device. It needs root and Debian's
slurm-wlm and munge. What uses more memory than it has is killed within a second or two.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pollinator_magic.executors.slurm.settings import SlurmSettings
from tests import slurm_accounting
from tests.slurm_accounting import Accounting

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = ("n1", "n2", "n3", "n4", "g1", "g2")
_PROGRAMS = ("munged", "slurmctld", "slurmd")
_COMMANDS = ("sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo", "sacct", "sshare")
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={directory}/munge.sock,cred_expire=5
CredType=cred/munge
SlurmctldPort={port}0
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
KillWait=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
NodeName=DEFAULT CPUs=4 RealMemory=2000
NodeName=n[1-4] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{port}1-{port}4]
NodeName=g1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={port}5 Gres=gpu:a100:2
NodeName=g2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={port}6 Gres=gpu:2080ti:1
PartitionName=batch Nodes=n[1-4] Default=YES MaxTime=01:00:00 State=UP
PartitionName=small Nodes=n[1-2] MaxTime=00:10:00 State=UP
PartitionName=cheap Nodes=n[1-4] MaxTime=01:00:00 State=UP PreemptMode=CANCEL
PartitionName=urgent Nodes=n[1-4] MaxTime=01:00:00 State=UP PriorityTier=9
PartitionName=gpu Nodes=g[1-2] MaxTime=01:00:00 State=UP
"""
_ACCELERATORS = """\
NodeName=g1 Name=gpu Type=a100 File={directory}/gpu[0-1]
NodeName=g2 Name=gpu Type=2080ti File={directory}/gpu0
"""
_WITHOUT_ACCOUNTING = "MinJobAge=600\n"


class SlurmCluster:
    """A Slurm that runs, and what tests do to it."""

    def __init__(self, *, accounting: bool = False) -> None:
        programs = (*_PROGRAMS, *(slurm_accounting.PROGRAMS if accounting else ()))
        missing = [name for name in programs if shutil.which(name, path=_path()) is None]
        if missing:
            raise RuntimeError(f"{', '.join(missing)} not found: run tests/tools.py, which installs what is missing.")
        with ExitStack() as closing:  # what has been started is stopped where the rest cannot be
            self._closing = closing
            self.directory = Path(tempfile.mkdtemp(prefix="slurm-"))  # a short path: sockets lie in it
            closing.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self.conf = self.directory / "slurm.conf"
            self._start_all(accounting=accounting)
            self._closing = closing.pop_all()

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

    def stop_accounting(self) -> None:
        """Nobody keeps accounts any more; what the controller has to say about jobs waits."""
        _stop(self._slurmdbd)

    def start_accounting(self) -> None:
        """Accounts are kept again."""
        self._slurmdbd = self._start("slurmdbd", "-D")
        self._until(lambda: "test" in self.run("sacctmgr", "-n", "show", "cluster", check=False))

    def end_now(self, job: str) -> None:
        """Have the time limit of a running job be over at once; Slurm notices within half a minute."""
        self.run("scontrol", "update", f"JobId={job}", "EndTime=now+2")  # a moment that is over is refused

    def stop_controller(self) -> None:
        """Nobody answers any more; jobs go on."""
        _stop(self._controller)

    def start_controller(self, *, forgetful: bool = False) -> None:
        """It answers again; a forgetful one knows of no job."""
        self._controller = self._start("slurmctld", "-D", *(["-c"] if forgetful else []))
        self._until(lambda: "UP" in self.run("scontrol", "ping", check=False))

    def add_account(self, name: str, *settings: str) -> None:
        """Make an account for the user of the tests, with settings such as GrpTRESMins=cpu=60."""
        self.run("sacctmgr", "-i", "add", "account", name, "Cluster=test", *settings)
        self.run("sacctmgr", "-i", "add", "user", "root", f"Account={name}")

    def wait_until_running(self, job: str) -> None:
        """Return when the job runs."""
        self._until(lambda: self.states().get(job) == "RUNNING")

    def wait_until_forgotten(self, job: str) -> None:
        """Return when the controller does not know the job any more, and accounting knows how it has ended.

        After slurmdbd was away it knows at first that one was cancelled, and up to ten seconds later by whom.
        """

        def has_end() -> bool:
            return self.run("sacct", "-n", "-X", "-o", "End", "-j", job).strip()[:1].isdigit()

        self._until(lambda: not self.run("scontrol", "show", "job", job, check=False))
        self._until(has_end)

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
        self._closing.close()

    def _start_all(self, *, accounting: bool) -> None:
        for name in ("log", "state", "spool"):
            (self.directory / name).mkdir()
        for number, device in enumerate(("/dev/null", "/dev/zero")):
            (self.directory / f"gpu{number}").symlink_to(device)
        port = _free_ports()
        self.accounting = Accounting(self.directory, port * 10 + 9) if accounting else None
        more = self.accounting.settings if self.accounting else _WITHOUT_ACCOUNTING
        self.conf.write_text(_CONFIGURATION.format(directory=self.directory, port=port) + more)
        (self.directory / "gres.conf").write_text(_ACCELERATORS.format(directory=self.directory))
        self._environment = {"PATH": _path(), "HOME": "/root", "SLURM_CONF": str(self.conf)}
        self._start_munged()
        if self.accounting:
            self._start_accounting(self.accounting)
        self._controller = self._start("slurmctld", "-D", "-c")
        for name in NODES:
            self._start("slurmd", "-D", "-N", name)
        self.wait_until_idle()

    def _start_accounting(self, accounting: Accounting) -> None:
        self._environment |= accounting.environment
        self._start(*accounting.database_words())
        self._until(lambda: accounting.sql("SELECT 1", check=False))
        self._slurmdbd = self._start("slurmdbd", "-D")
        self._until(lambda: "test" in self.run("sacctmgr", "-i", "add", "cluster", "test", check=False))
        self.add_account(slurm_accounting.ACCOUNT)
        self.run("sacctmgr", "-i", "modify", "user", "root", "set", f"DefaultAccount={slurm_accounting.ACCOUNT}")

    def _start_munged(self) -> None:
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
        self._start("munged", "--foreground", "--force", "--num-threads=10", *options)
        self._until(places["socket"].exists)

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a daemon that ends with this process, whatever becomes of it."""
        with (self.directory / "log" / f"{words[0]}.err").open("ab") as errors:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *words],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self._closing.callback(_stop, process)
        return process

    def _until(self, condition) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(file.read_text()[-2000:] for file in (self.directory / "log").iterdir())
                raise TimeoutError(f"The Slurm of the tests does not get ready:\n{logs}")
            time.sleep(0.05)


@contextmanager
def running_slurm(*, accounting: bool = False) -> Iterator[SlurmCluster]:
    """Start one, and stop it."""
    cluster = SlurmCluster(accounting=accounting)
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


def _free_ports() -> int:
    """Return all digits but the last of ten free ports in a row, below those that the system gives out itself."""
    while True:
        first = 1_000 + secrets.randbelow(2_000)
        with suppress(OSError), ExitStack() as probes:
            for port in range(first * 10, first * 10 + 10):
                probe = probes.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port))
            return first
