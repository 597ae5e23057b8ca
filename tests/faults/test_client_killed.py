"""SIGKILL of a kernel at any step of push, submit, follow and pull: what is left is whole, and a rerun succeeds."""

from __future__ import annotations

import json
import random
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Results
from pollinator_magic.project import Project
from pollinator_magic.project.samples import DEFAULT_IMAGE
from pollinator_magic.settings import Connection, DirectorySettings
from tests.colony_server import running_colony
from tests.faults.mortals import running_nursery, way_to
from tests.faults.points import SOAK, points

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.mortals import Nursery

pytestmark = pytest.mark.timeout(300 * SOAK)

LINES = 40
PROGRAM = """\
import os, pathlib
with open({runs!r}, "a") as runs:
    runs.write(os.environ["COLONIES_PROCESS_ID"] + "\\n")
for number in range({lines}):
    print("line", number, {name!r}, flush=number % 10 == 0)
project = pathlib.Path(os.environ["PROJECT_DIR"])
result = project / "result"
(result / "deep").mkdir(parents=True)
(result / "sources").write_text("".join(part.read_text() for part in sorted((project / "src").glob("part*"))))
(result / "deep" / "data").write_text("".join(file.read_text() for file in sorted((project / "data").iterdir())))
(result / "large").write_bytes({name!r}.encode() * 50_000)
"""


class Kernel:
    """A project directory in which one kernel after the other works, on a real colony with a real executor."""

    def __init__(self, nursery: Nursery, connection: Connection, directory: Path) -> None:
        self.directory = directory
        self._nursery = nursery
        self._way = way_to(connection)
        self.user = Colonies(connection.server, connection.colony, connection.key)
        self._runs = directory / "runs"
        self._submitted = directory / "submitted"
        self._done = directory / "done"
        self._names: Counter[str] = Counter()
        self.steps: dict[bool, int] = {}
        self.expected_logs: dict[str, str] = {}
        self.begin_project()

    def begin_project(self) -> None:
        """Go to a new, empty directory, where the first cell makes the project."""
        self._names["project"] += 1
        self.root = self.directory / f"project{self._names['project']}"
        self.root.mkdir()
        self._new = True
        self._versions: dict[str, set[bytes]] = {}
        for name in ("data/one", "data/two", "src/part0", "src/part1"):
            self._write(name, f"{name} as it began\n")

    def change(self) -> None:
        """Change a file, add one, and delete one, in `src` and in `data`; `undo` brings back what was deleted."""
        self._names["change"] += 1
        now = self._names["change"]
        deleted = [max((self.root / "cfs" / one).glob("[pot]*")) for one in ("src", "data")]
        self._deleted = {path: path.read_bytes() for path in deleted}
        for path in deleted:
            path.unlink()
        for name in ("src/part0", f"src/part{now}-new", "data/one", f"data/other{now}"):
            self._write(name, f"{name} as of change {now}\n")

    def undo(self) -> None:
        """Bring back what was deleted last."""
        for path, content in self._deleted.items():
            path.write_bytes(content)
        self._deleted = {}

    def run(self, *, die_at: int = 0) -> dict:
        """Run a cell; the same one again after it was killed."""
        left = [one for one in self._lines(self._submitted) if one not in self._lines(self._done)]
        if die_at == 0 or not left:
            self._names["cell"] += 1
        self._name = f"cell {self._names['cell']}"
        source = PROGRAM.format(runs=str(self._runs), lines=LINES, name=self._name)
        self._versions.setdefault("src/main.py", set()).add(source.encode())
        order = {"root": str(self.root), "executor": "host", "source": source, "left": left if die_at == 0 else []}
        notes = {"submitted": str(self._submitted), "done": str(self._done)}
        before = set(self._lines(self._submitted))
        said = self._nursery.end(self._nursery.begin("client", die_at=die_at, **self._way, **order, **notes))
        for job in set(self._lines(self._submitted)) - before:
            self.expected_logs[job] = self.log
        if not said["killed"]:
            assert "error" not in said, said["error"]
            self.steps[self._new] = said["steps"]
            self._new = False
        return said

    @property
    def log(self) -> str:
        """What a run of the cell prints."""
        remark = f"This executor runs jobs directly on the host; the image {DEFAULT_IMAGE} is not used.\n"
        return remark + "".join(f"line {number} {self._name}\n" for number in range(LINES))

    def check_wreckage(self) -> None:
        """What a killed kernel has left: nothing half-written has a final name, and everything can be read."""
        if (self.root / "project.yaml").exists():
            Project.open(self.root)
        for file in self.root.rglob("*"):
            if not file.is_file() or file.name.startswith(PART_PREFIX):
                continue
            if file.suffix == ".json" and ".pollinator" in file.parts:
                json.loads(file.read_bytes())
            name = file.relative_to(self.root / "cfs").as_posix() if "cfs" in file.parts else ""
            if name.startswith(("data/", "src/part")) or name == "src/main.py":
                assert file.read_bytes() in self._versions[name], name
            if file.name == "large":
                assert len(file.read_bytes()) % 50_000 == 0, file

    def check_end(self, said: dict) -> None:
        """Everything is as if nobody had been killed."""
        assert said["log"] == self.log
        project = Project.open(self.root)
        parts = sorted(project.src.glob("part*"))
        expected = {
            "sources": "".join(part.read_text() for part in parts).encode(),
            "deep/data": "".join(file.read_text() for file in sorted(project.data.iterdir())).encode(),
            "large": self._name.encode() * 50_000,
        }
        for root in (project.result, project.state / "jobs" / said["job"] / "result"):
            found = {name: result.bytes() for name, result in Results(root).items()}
            assert found == expected, root
        for job in self._lines(self._submitted):
            own = self.root / "cfs" / "log" / f"{job}.log"
            assert not own.exists() or own.read_text() == self.expected_logs[job]
        assert self._lines(self._submitted) == self._lines(self._done)

    def check_colony(self) -> None:
        """Every submission that was acknowledged has run, once; none has two processes."""
        ended = [process for state in ProcessState if state >= 0 for process in self.user.processes(state)]
        places = Counter((process.spec.env or {})["PROJECT_DIR"] for process in ended)
        assert max(places.values()) == 1
        runs = Counter(self._lines(self._runs))
        assert set(runs.values()) == {1}
        assert set(self._lines(self._submitted)) <= runs.keys()

    def _write(self, name: str, text: str) -> None:
        file = self.root / "cfs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self._versions.setdefault(name, set()).add(text.encode())

    @staticmethod
    def _lines(file: Path) -> list[str]:
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    with ExitStack() as closing:
        colony = closing.enter_context(running_colony())
        objects = DirectorySettings(tmp_path / "objects")
        connection = Connection(colony.server, colony.colony, PrivateKey.generate(), objects)
        engine = ProcessEngine(tmp_path / "fs", cpu_millis=8000, memory_bytes=16 << 30)
        worker = Worker(connection, colony.owner_key, engine, name="host", fs_dir=tmp_path / "fs", poll_s=1)
        worker.start()
        closing.callback(worker.stop)
        nursery = closing.enter_context(running_nursery())
        kernel = Kernel(nursery, Connection(colony.server, colony.colony, colony.user_key, objects), tmp_path)
        closing.callback(kernel.user.close)
        yield kernel


def test_a_kernel_that_is_killed_at_any_step_leaves_nothing_half_done(kernel: Kernel):
    kernel.check_end(kernel.run())  # of a new project, and
    kernel.change()
    kernel.check_end(kernel.run())  # of one that changes: so many steps there are without a kill
    killed = 0
    for seed in points("client killed", 36):
        chance = random.Random(seed)
        new = chance.random() < 0.25
        if new:
            kernel.begin_project()
        else:
            kernel.change()
        step = chance.randint(1, kernel.steps[new])
        said = kernel.run(die_at=step)
        killed += said["killed"]
        try:
            kernel.check_wreckage()
            if not new and chance.random() < 0.3:
                kernel.undo()
            kernel.check_end(kernel.run())
        except Exception as error:
            raise AssertionError(f"after a kill at step {step} of {kernel.steps} (seed {seed}, new: {new})") from error
    kernel.check_colony()
    assert killed > 0.8 * len(points("client killed", 36))
