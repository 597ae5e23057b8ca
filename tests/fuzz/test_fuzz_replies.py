"""Whatever a server answers, using it ends in values or in one of our own errors, and writes nothing outside."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from effort import effort
from hypothesis import given
from hypothesis import strategies as st
from inprocess import ALICE, COLONY, CONTENT, OBJECT, InProcess, in_process, settled
from wire_strategies import cut, cuts, damage, doubled, mutated, mutations, written

from pollinator_magic.cfs.filesystem import Filesystem
from pollinator_magic.cfs.objects import DirectoryObjects
from pollinator_magic.cfs.plan import Policy
from pollinator_magic.cfs.state import SyncState
from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.events import Hint, ProcessWatch
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.commands.jobs import _job_row
from pollinator_magic.errors import JobFailed, PollinatorError
from pollinator_magic.executors.budget import Budget
from pollinator_magic.executors.engine import Capacity
from pollinator_magic.executors.specs import directory_below, task_of
from pollinator_magic.executors.workspace import Store, Workspace
from pollinator_magic.jobs import Job, Session
from pollinator_magic.jobs.executors import survey
from pollinator_magic.jobs.follow import follow
from pollinator_magic.jobs.outcomes import Row, bring
from pollinator_magic.notebook import executors as executor_views
from pollinator_magic.notebook.card import _age_s
from pollinator_magic.notebook.face import Face
from pollinator_magic.notebook.groupface import rows_text, values_html
from pollinator_magic.notebook.waiting import why_waiting
from pollinator_magic.screen import describe_moment, text_table
from pollinator_magic.settings import Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pollinator_magic.colonies.models import Process

ENOUGH = 12


class Impatient:
    """Hints that come at once, until there were enough of them."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._left = ENOUGH

    def wait(self, _timeout_s: float) -> Hint:
        self._left -= 1
        if self._left < 0:
            self.stop.set()
        return Hint.STATE


class Use:
    """One user's things, at a server that may answer anything."""

    def __init__(self, session: Session, ids: dict[str, list[str]], directory: Path) -> None:
        self.session = session
        self.client = session.client
        self.ids = ids
        self.directory = directory
        store = DirectoryObjects(directory / "objects")
        self.files = Filesystem(self.client, store, threads=2)
        (directory / "content").write_bytes(CONTENT)
        store.put(OBJECT, directory / "content", lambda _: None)
        (directory / "content").unlink()

    def look_at(self, process: Process) -> None:
        """Show a process in all the ways in which it is shown."""
        text_table(["a"] * 6, [_job_row(process, steps=True)])
        describe_moment(process.started_at)
        face = Face(process=process, short_id=process.processid[:12], since=str(_age_s(process)))
        assert "\x1b" not in face.plain() + face.html()
        why_waiting(process, self.client.executors(), [process])
        job = Job(self.session, process)
        row = Row({}, job, bring(job, read_log=True))
        assert row.duration_s is None or isinstance(row.duration_s, float)
        assert "\x1b" not in rows_text([row]) + values_html([row])
        repr((process, job, job.result_label, job.parameters, job.executor_names))
        job.raise_unless_successful()

    def follow_it(self) -> None:
        process = self.client.process(self.ids["process"][1])
        hints = Impatient()
        for event in itertools.islice(follow(self.client, process, hints=hints, stop=hints.stop), ENOUGH):
            repr(event)

    def read_logs(self) -> None:
        job = Job(self.session, self.client.process(self.ids["process"][1]))
        assert isinstance(str(job.log), str)
        job.log.tail(3)
        assert len(job.log) >= 0
        repr(job.exception)

    def list_jobs(self) -> None:
        for process in self.session.recent_processes():
            _job_row(process, steps=True)
        self.session.find_process(self.ids["process"][0][:6])

    def see_one(self) -> None:
        for process_id in self.ids["process"]:
            self.look_at(self.client.process(process_id))

    def choose_an_executor(self) -> None:
        views = survey(self.client)
        executor_views.static_table(views, "")
        executor_views.lines(views)
        for view in views:
            executor_views.cells(view)
            executor_views.heard(view)
            executor_views.detail(view)
        self.session.require_executors(["ex1"])

    def bring_results(self) -> None:
        self.files.pull("/p/src", self.directory / "target")

    def synchronise(self) -> None:
        (self.directory / "target").mkdir(exist_ok=True)
        (self.directory / "target" / "mine.txt").write_text("mine")
        state = SyncState(self.directory / "state")
        self.files.preview(self.directory / "target", "/p/src", state, Policy.DATA)
        self.files.sync(self.directory / "target", "/p/src", state)

    def push(self) -> None:
        (self.directory / "target" / "sub").mkdir(parents=True, exist_ok=True)
        (self.directory / "target" / "sub" / "mine.txt").write_text("mine")
        state = SyncState(self.directory / "state")
        self.files.push_source(self.directory / "target", "/q/src", state)
        self.files.push_source(self.directory / "target", "/q/src", state, verify=True)

    def check_out(self) -> None:
        self.files.checkout(self.ids["snapshot"][0], "/p/src", self.directory / "target")

    def take_work(self) -> None:
        process = self.client.process(self.ids["process"][0])
        budget = Budget(Capacity(cpu_millis=1000, memory_bytes=1 << 30), take_anything_when_idle=False)
        budget.take(process)
        budget.give_back(process)
        task_of(process)
        root = self.directory / "target"
        Workspace(Store(root, None), process)
        for mount in (*process.spec.fs.snapshots, *process.spec.fs.dirs):
            assert directory_below(root, mount.dir).resolve().is_relative_to(root.resolve())


USES: dict[str, Callable[[Use], None]] = {
    name: use for name, use in vars(Use).items() if not name.startswith("_") and name != "look_at"
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    path = tmp_path_factory.mktemp("template") / "colony.db"
    return path, settled(path)


@pytest.fixture(scope="module")
def colony(template):
    with in_process(template[0]) as colony:
        yield colony


@st.composite
def liars(draw: Any) -> Callable[[bytes, tuple[bytes, int]], tuple[bytes, int]]:
    """What changes some of a server's answers, those to the same request always alike."""
    changes = [draw(mutations) for _ in range(3)]
    form = draw(st.sampled_from(["whole", "whole", "whole", "damaged", "doubled"]))
    at = draw(st.integers(0, 50))
    edits = draw(cuts) if form == "damaged" else []
    status = draw(st.sampled_from([200] * 8 + [400, 500, 502]))
    spared = draw(st.integers(0, 4))

    def alter(body: bytes, answer: tuple[bytes, int]) -> tuple[bytes, int]:
        nonlocal spared
        spared -= 1
        if spared >= 0:
            return answer
        told = json.loads(base64.b64decode(json.loads(answer[0])["payload"]))
        text = written(mutated(told, changes[len(body) % 3]))
        text = doubled(text, at) if form == "doubled" else text
        payload = base64.b64encode(text.encode()).decode()
        reply = json.dumps({"payloadtype": "x", "payload": payload, "error": False}).encode()
        return cut(reply, edits), status if answer[1] == 200 else answer[1]

    return alter


@given(use=st.sampled_from(sorted(USES)), liar=liars())
@effort(120)
def test_using_any_answer_ends_in_values_or_in_our_own_errors(template, tmp_path, use, liar):
    with in_process(template[0]) as colony:
        use_it(colony, template[1], tmp_path, use, liar)


def use_it(colony: InProcess, ids: dict[str, list[str]], tmp_path: Path, use: str, liar: Any) -> None:
    directory = tmp_path / "around"
    directory.mkdir()
    client = colony.client(ALICE, liar)
    session = Session(Connection(client.server, COLONY, ALICE, None))
    session.client = client
    using = Use(session, ids, directory)
    try:
        with contextlib.suppress(PollinatorError):
            USES[use](using)
        known = {"target", "objects", "state"}
        assert {path.name for path in directory.iterdir()} <= known
        assert {path.name for path in tmp_path.iterdir()} == {"around"}
    finally:
        using.files.close()
        shutil.rmtree(directory)


@pytest.mark.parametrize("use", sorted(USES))
def test_the_uses_of_these_tests_get_to_their_ends_at_an_honest_server(template, tmp_path, use):
    with in_process(template[0]) as colony:
        client = colony.client(ALICE)
        session = Session(Connection(client.server, COLONY, ALICE, None))
        session.client = client
        using = Use(session, template[1], tmp_path)
        try:
            USES[use](using)
        except JobFailed:
            assert use == "see_one"
        finally:
            using.files.close()


@given(data=st.data())
@effort(90)
def test_no_frame_of_a_subscription_raises_anything_but_our_own_errors(template, colony, data):
    process_id = template[1]["process"][1]
    watch = ProcessWatch(Server("127.0.0.1", 1, tls=False), ALICE, COLONY, process_id)
    told = json.loads(base64.b64decode(json.loads(frame_of(colony, process_id))["payload"]))
    payload = base64.b64encode(written(mutated(told, data.draw(mutations))).encode()).decode()
    frame = json.dumps({"payloadtype": "subscribeprocessmsg", "payload": payload, "error": False}).encode()
    if data.draw(st.booleans()):
        frame = data.draw(damage(frame))

    with contextlib.suppress(PollinatorError):
        assert isinstance(watch._hint(frame), bool)


def frame_of(colony: InProcess, process_id: str) -> bytes:
    from pollinator_magic.colonies.envelope import seal

    answer, status = colony.ask(seal(ALICE, "getprocessmsg", {"processid": process_id}))
    assert status == 200
    return answer


def test_a_moment_is_always_comparable():
    from pollinator_magic.colonies.models import parse_time

    for text in ("2026-11-22T08:24:55", "2026-11-22", "9998-12-31T23:59:59-12:00", "0010-01-01T00:00:00+14:00"):
        moment = parse_time(text)
        assert moment is None or (datetime.now(timezone.utc) - moment) is not None
        describe_moment(moment)
    assert ProcessState(77) is ProcessState.UNKNOWN
