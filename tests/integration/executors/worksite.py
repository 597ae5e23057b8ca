"""Where executors are tested: a colony, an executor's name that is the test's own, and what it is to do."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, suppress

import psutil

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import open_store
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import (
    Conditions,
    DirMount,
    FunctionSpec,
    KeepLocal,
    Mounts,
    OnConflicts,
    ProcessState,
    SnapshotMount,
)
from pollinator_magic.errors import NotFound, ServerError
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import Connection, Server
from tests.place import environment
from tests.waiting import WAIT_S, eventually

UNTIL_TOLD = "while [ ! -e /cfs/go ]; do sleep 0.02; done"


class Site:
    """A colony (tests/place.py), a user in it, and workers that run on this host as the executor `host`.

    What was submitted and pushed is removed at the end; the colony may be one that others use. Files lie where the
    colony keeps them unless `storage` is given.
    """

    def __init__(self, colony, directory, storage=None) -> None:
        self.colony = colony
        self.directory = directory
        self.host = colony.free_name("host")
        self.storage = storage or colony.any_storage
        self.user = Colonies(colony.server, colony.colony, colony.user_key)
        self.files = Filesystem(self.user, open_store(self.storage))
        self.workers = []
        self._submitted = []
        self._snapshots = []
        self._labels = []

    def connection(self, key, *, through=None, **fields):
        """Return what somebody with this key needs to act here, maybe through a proxy."""
        server = Server("127.0.0.1", through.port, tls=False) if through else self.colony.server
        return Connection(server, self.colony.colony, key, **{"storage": self.storage, **fields})

    def environment(self, key, **fields):
        """Return the variables of an executor that is a program of its own, and registers itself with this key."""
        return environment(self.connection(key, **fields), self.colony.owner_key)

    def owner(self):
        return Colonies(self.colony.server, self.colony.colony, self.colony.owner_key)

    def registered(self):
        """Return this site's executor as the colony knows it, or None."""
        return next((one for one in self.user.executors() if one.executorname == self.host), None)

    def worker(self, name="", *, key=None, owner=True, fs="fs", start=True, engine=None, connection=None, **options):
        fs_dir = self.directory / fs
        engine = engine or ProcessEngine(fs_dir, cpu_millis=2000, grace_s=0.5)
        connection = connection or self.connection(key or PrivateKey.generate())
        owner_key = self.colony.owner_key if owner else None
        worker = Worker(
            connection, owner_key, engine, name=name or self.host, fs_dir=fs_dir, **{"poll_s": 1, **options}
        )
        self.workers.append(worker)
        if start:
            worker.start()
        return worker

    def spec(self, command, *args, **fields):
        kwargs = {"cmd": command, "args": list(args), "docker-image": "", "init-cmd": "", "rebuild-image": False}
        kwargs.update(fields.pop("kwargs", {}))
        conditions = {
            "colonyname": self.colony.colony,
            "executornames": [self.host],
            "executortype": "container-executor",
            "nodes": 1,
            "processespernode": 1,
            "cpu": "1000m",
            "mem": "500Mi",
            "walltime": 60,
        }
        conditions.update(fields.pop("conditions", {}))
        defaults = {"funcname": "execute", "maxexectime": conditions["walltime"] - 1, "maxretries": 3, "priority": 5}
        return FunctionSpec(**{**defaults, "kwargs": kwargs, "conditions": Conditions(**conditions), **fields})

    def submit(self, command, *args, **fields):
        self._submitted.append(self.user.submit(self.spec(command, *args, **fields)).processid)
        return self._submitted[-1]

    def wait(self, process_id, *, state=None, within_s=WAIT_S):
        """Return the process once it is closed, or in `state`."""

        def arrived():
            process = self.user.process(process_id)
            if process.status is ProcessState.FAILED and not process.errors:
                return None  # a server sets them a moment after the state
            return process if (process.status.closed if state is None else process.status is state) else None

        return eventually(arrived, within_s=within_s)

    def log(self, process_id):
        entries, since = [], 0
        while page := self.user.logs(process_id, since_ns=since):
            entries += page
            since = page[-1].timestamp
        return "".join(entry.message for entry in entries)

    def project(self, files, *, data=None):
        """Push a source directory (and data) as a project; return mounts, environment and the result label."""
        name, run = f"p{secrets.token_hex(4)}", secrets.token_hex(32)
        source = self.directory / name / "src"
        write(source, files)
        self._labels.append(f"/pollinator/{name}")
        snapshot = self.files.push_source(source, f"/pollinator/{name}/src").snapshot
        self._snapshots.append(snapshot.snapshotid)
        base = f"/pollinator/{name}/{run}"
        result = f"/pollinator/{name}/jobs/{run}/result"
        dirs = [
            DirMount(label=result, dir=f"{base}/result", onconflicts=OnConflicts(onclose=KeepLocal(keeplocal=True)))
        ]
        if data is not None:
            write(self.directory / name / "data", data)
            self.files.sync(self.directory / name / "data", f"/pollinator/{name}/data")
            dirs.append(DirMount(label=f"/pollinator/{name}/data", dir=f"/pollinator/{name}/data", keepfiles=True))
        mounted = SnapshotMount(
            snapshotid=snapshot.snapshotid, label=snapshot.label, dir=f"{base}/src", keepsnapshot=True
        )
        fields = {"fs": Mounts(mount="/cfs", snapshots=[mounted], dirs=dirs), "env": {"PROJECT_DIR": f"/cfs{base}"}}
        return fields, result

    def pull(self, label):
        target = self.directory / secrets.token_hex(4)
        return {str(path.relative_to(target)): path.read_text() for path in self.files.pull(label, target)}

    def close(self):
        with ExitStack() as stack:
            stack.callback(self.user.close)
            stack.callback(self.files.close)
            stack.callback(self._remove_files)
            stack.callback(self._remove_processes)
            for worker in self.workers:
                stack.callback(worker.stop)

    def _remove_processes(self):
        for process_id in self._submitted:
            with suppress(NotFound):  # the test has removed it
                with suppress(ServerError):
                    self.user.cancel(process_id)
                self.user.remove_process(process_id)

    def _remove_files(self):
        store = open_store(self.storage)
        for snapshot_id in self._snapshots:
            self.user.remove_snapshot(snapshot_id)
        for label in [below.name for project in self._labels for below in self.user.labels_below(project)]:
            for file in self.user.files(label):
                for revision in self.user.revisions(label, file.name):
                    store.delete(revision.ref.s3object.object)
                self.user.remove_files_named(label, file.name)


def write(directory, files):
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def tell(site):
    (site.directory / "fs" / "go").touch()


def read_until(program, text):
    """Read what a program says to stderr until this is in it; return that. The rest is to be read from there too."""
    said = ""
    while text not in said:
        line = program.stderr.readline()
        assert line, said
        said += line
    return said


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
