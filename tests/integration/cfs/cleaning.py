"""Cleaning up in tests, and looking at what is left."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import open_store
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import format_time
from pollinator_magic.errors import ObjectMissing
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Job, Session, submit
from pollinator_magic.jobs.housekeeping import Housekeeping, Policy
from pollinator_magic.project import Project
from pollinator_magic.settings import Connection, DirectorySettings
from tests.jobs import write

if TYPE_CHECKING:
    from pathlib import Path

    from pollinator_magic.colonies.models import File, Snapshot
    from pollinator_magic.jobs.housekeeping import Cleaning
    from pollinator_magic.settings import StorageSettings
    from tests.place import Place

MONTH_S = 30 * 86_400
TABLES = ("files", "snapshots", "snapshot_files", "processes", "logs", "attributes")


def clean(session: Session, project: Project, keep: int = 0, older_s: float = 0) -> Cleaning:
    """Clean up in a month, as it were."""
    return Housekeeping(session, project, Policy(older_s, keep), now=time.time() + MONTH_S).clean()


def program(text: object) -> str:
    return f"open('result/r.txt', 'w').write({str(text)!r})"


def revisions(session: Session, project: Project) -> list[File]:
    client = session.client
    labels = client.labels_below(f"/pollinator/{project.name}")
    return [
        revision
        for label in labels
        for file in client.files(label.name)
        for revision in client.revisions(label.name, file.name)
    ]


def snapshots(session: Session, project: Project) -> list[Snapshot]:
    return [one for one in session.client.snapshots() if one.label.startswith(f"/pollinator/{project.name}/")]


def objects(session: Session, project: Project) -> set[str]:
    return {one.ref.s3object.object for one in revisions(session, project)}


def readable(session: Session, name: str) -> bool:
    try:
        for _ in session.filesystem.store.read(name):
            pass
    except ObjectMissing:
        return False
    return True


class Late:
    """An executor at which nobody works yet."""

    def __init__(self, colony: Place, storage: StorageSettings, directory: Path) -> None:
        self._colony, self._storage, self._directory = colony, storage, directory / "late"
        self._member = colony.new_executor("late")
        self._worker: Worker | None = None
        self.name = self._member.name

    def begin(self) -> None:
        self._worker = Worker(
            self._colony.connection(self._storage, self._member.key),
            self._colony.owner_key,
            ProcessEngine(self._directory, cpu_millis=8000, memory_bytes=16 << 30, grace_s=0.5),
            name=self.name,
            fs_dir=self._directory,
            poll_s=1,
        )
        self._worker.start()

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()


class World:
    """A colony with one project, whose jobs are carried out by hand."""

    def __init__(self, colony, directory: Path) -> None:
        self.colony = colony
        self.storage = DirectorySettings(directory / "objects")
        self.directory = directory
        self.session = Session(Connection(colony.server, colony.colony, colony.user_key, self.storage))
        self.hand = Colonies(colony.server, colony.colony, colony.new_executor("hand"))
        self.project = Project.create(directory / "project", "hand")

    def submit(self, text: str) -> Job:
        return submit(self.session, self.project, source=program(text))

    def run(self, text: str, results: dict[str, str]) -> Job:
        job = self.submit(text)
        process = self.hand.assign(-1)
        assert process is not None
        assert process.processid == job.id
        made = self.directory / "made" / job.id
        write(made, results)
        with Filesystem(self.hand, open_store(self.storage)) as files:
            files.upload_tree(made, job.result_label)
        self.hand.close_successful(job.id)
        job.refresh()
        return job

    def keeping(self, keep: int = 1) -> Housekeeping:
        return Housekeeping(self.session, self.project, Policy(0, keep), now=time.time() + MONTH_S)

    def database(self) -> dict[str, list[tuple[object, ...]]]:
        with closing(sqlite3.connect(self.colony.directory / "colony.db")) as database:
            return {table: sorted(database.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}

    def files(self) -> dict[str, bytes]:
        """Everything in the object store and in the project, but for locks."""
        return {
            file.relative_to(self.directory).as_posix(): file.read_bytes()
            for top in (self.storage.path, self.project.root)
            for file in top.rglob("*")
            if file.is_file() and not file.name.endswith("lock")
        }

    def age(self, days: int) -> None:
        """Make everything that has happened so far look so much older."""
        moment = format_time(datetime.now(timezone.utc) - timedelta(days=days)).encode()
        with closing(sqlite3.connect(self.colony.directory / "colony.db")) as database:
            for table, key in (("files", "sequencenr"), ("snapshots", "number"), ("processes", "number")):
                for number, document in database.execute(f"SELECT {key}, document FROM {table}").fetchall():
                    aged = re.sub(rb'"(added|endtime)":"2[^"]*"', rb'"\1":"' + moment + b'"', document)
                    database.execute(f"UPDATE {table} SET document = ? WHERE {key} = ?", (aged, number))
            database.commit()

    def state(self) -> tuple[object, object]:
        return self.database(), self.files()

    @staticmethod
    def held(database: dict[str, list[tuple[object, ...]]]) -> set[str]:
        """The objects that metadata refers to."""
        return {json.loads(row[-1])["ref"]["s3object"]["object"] for row in database["files"]}

    def save(self) -> None:
        with (
            closing(sqlite3.connect(self.colony.directory / "colony.db")) as live,
            closing(sqlite3.connect(self.directory / "saved.db")) as saved,
        ):
            live.backup(saved)
        shutil.copytree(self.storage.path, self.directory / "saved-objects")
        shutil.copytree(self.project.root, self.directory / "saved-project")

    def restore(self) -> None:
        with (
            closing(sqlite3.connect(self.colony.directory / "colony.db")) as live,
            closing(sqlite3.connect(self.directory / "saved.db")) as saved,
        ):
            saved.backup(live)
        for original, copy in ((self.storage.path, "saved-objects"), (self.project.root, "saved-project")):
            shutil.rmtree(original)
            shutil.copytree(self.directory / copy, original)

    def close(self) -> None:
        self.session.close()
        self.hand.close()
