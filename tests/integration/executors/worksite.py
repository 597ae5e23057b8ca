from __future__ import annotations

import secrets
import time

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
    SnapshotMount,
)
from pollinator_magic.executors.process import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.settings import Connection, DirectorySettings


class Site:
    """A colony, a user in it, and workers that run on this host."""

    def __init__(self, colony, directory) -> None:
        self.colony = colony
        self.directory = directory
        self.storage = DirectorySettings(directory / "objects")
        self.user = Colonies(colony.server, colony.colony, colony.user_key)
        self.files = Filesystem(self.user, open_store(self.storage))
        self.workers = []

    def connection(self, key, **fields):
        return Connection(self.colony.server, self.colony.colony, key, **{"storage": self.storage, **fields})

    def worker(
        self, name="host", *, key=None, owner=True, fs="fs", start=True, engine=None, connection=None, **options
    ):
        fs_dir = self.directory / fs
        engine = engine or ProcessEngine(fs_dir, cpu_millis=2000, grace_s=0.5)
        connection = connection or self.connection(key or PrivateKey.generate())
        owner_key = self.colony.owner_key if owner else None
        worker = Worker(connection, owner_key, engine, name=name, fs_dir=fs_dir, **{"poll_s": 1, **options})
        self.workers.append(worker)
        if start:
            worker.start()
        return worker

    def spec(self, command, *args, **fields):
        kwargs = {"cmd": command, "args": list(args), "docker-image": "", "init-cmd": "", "rebuild-image": False}
        kwargs.update(fields.pop("kwargs", {}))
        conditions = {
            "colonyname": self.colony.colony,
            "executornames": ["host"],
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
        return self.user.submit(self.spec(command, *args, **fields)).processid

    def wait(self, process_id, *, state=None, within_s=30.0):
        """Return the process once it is closed, or in `state`."""

        def arrived():
            process = self.user.process(process_id)
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
        snapshot = self.files.push_source(source, f"/pollinator/{name}/src").snapshot
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
        self.colony.stop()  # ends the polls at once
        for worker in self.workers:
            worker.stop()
        self.colony.start()
        self.files.close()
        self.user.close()


def write(directory, files):
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def eventually(condition, *, within_s=30.0):
    deadline = time.monotonic() + within_s
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return result
