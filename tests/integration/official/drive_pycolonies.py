"""Uses a colony through the official Python SDK, as its users do; run with the SDK on the path.

The colony and the S3 server are those of the environment, with the keys of the server's and the colony's owner. Every
part is independent of the others. Prints, as one JSON object, each part's name with null, or with what went wrong.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import pycolonies
from crypto import Crypto
from model import Workflow

client, COLONY, OWNER, _, USER = pycolonies.colonies_client()
SERVER = os.environ["COLONIES_SERVER_PRVKEY"]
crypto = Crypto()


class Executor:
    """An executor of its own type, so that nobody else's work comes to it."""

    def __init__(self) -> None:
        self.key = crypto.prvkey()
        self.name = fresh("executor")
        self.type = fresh("type")
        self.record = {
            "executorname": self.name,
            "executorid": crypto.id(self.key),
            "colonyname": COLONY,
            "executortype": self.type,
        }
        client.add_executor(self.record, OWNER)
        client.approve_executor(COLONY, self.name, OWNER)

    def spec(self, function="echo", **changes):
        """Return a function specification for this executor."""
        return pycolonies.func_spec(function, ["hello"], COLONY, self.type, maxexectime=60, maxretries=1, **changes)

    def submit(self, function="echo", **changes):
        return client.submit_func_spec(self.spec(function, **changes), USER)

    def assign(self):
        return client.assign(COLONY, 10, self.key)


def members():
    colony, name = fresh("colony"), fresh("user")
    owner, user = crypto.prvkey(), crypto.prvkey()
    client.add_colony({"name": colony, "colonyid": crypto.id(owner)}, SERVER)
    assert colony in {entry["name"] for entry in client.list_colonies(SERVER)}
    record = {"colonyname": colony, "userid": crypto.id(user), "name": name, "email": "a@b.se", "phone": "1"}
    assert client.add_user(record, owner)["name"] == name
    assert client.get_users(colony, user) == [record]
    assert client.get_colony(colony, user)["name"] == colony
    client.remove_user(colony, name, owner)
    refused("Access denied, not a member of Colony", client.get_colony, colony, user)
    client.del_colony(colony, SERVER)
    assert colony not in {entry["name"] for entry in client.list_colonies(SERVER)}


def executors():
    executor = Executor()
    assert executor.name in {entry["executorname"] for entry in client.list_executors(COLONY, USER)}
    assert client.get_executor(COLONY, executor.name, USER)["state"] == 1
    client.add_function(COLONY, executor.name, "echo", executor.key)
    assert [entry["funcname"] for entry in client.get_functions_by_executor(COLONY, executor.name, USER)] == ["echo"]
    assert executor.name in {entry["executorname"] for entry in client.get_functions_by_colony(COLONY, USER)}
    client.reject_executor(COLONY, executor.name, OWNER)
    refused("Access denied", client.assign, COLONY, 1, executor.key)
    client.approve_executor(COLONY, executor.name, OWNER)
    client.remove_executor(COLONY, executor.name, OWNER)
    refused("Access denied", client.assign, COLONY, 1, executor.key)


def processes():
    executor = Executor()
    submitted = executor.submit(kwargs={"greeting": "hi"})
    assert submitted.state == client.WAITING
    assigned = executor.assign()
    assert assigned.processid == submitted.processid
    assert (assigned.spec.args, assigned.spec.kwargs) == (["hello"], {"greeting": "hi"})
    added = client.add_attribute(assigned.processid, "key", "value", executor.key)
    assert client.get_attribute(added["attributeid"], USER)["value"] == "value"
    client.set_output(assigned.processid, ["partly"], executor.key)
    assert client.get_process(assigned.processid, USER).output == ["partly"]
    client.close(assigned.processid, ["whole", 1, 2.5], executor.key)
    closed = client.get_process(assigned.processid, USER)
    assert (closed.state, closed.output) == (client.SUCCESSFUL, ["whole", 1, 2.5])
    assert [entry.key for entry in closed.attributes] == ["key"]
    listed = client.list_processes(COLONY, 100, client.SUCCESSFUL, USER)
    assert closed.processid in {entry["processid"] for entry in listed}
    client.remove_process(closed.processid, USER)
    refused("process not found", client.get_process, closed.processid, USER)


def failures():
    executor = Executor()
    executor.submit()
    assigned = executor.assign()
    client.fail(assigned.processid, ["it broke"], executor.key)
    failed = client.get_process(assigned.processid, USER)
    assert (failed.state, failed.errors) == (client.FAILED, ["it broke"])
    refused("No process available for assignment", client.assign, COLONY, 1, executor.key)
    refused("executor not found", client.assign, COLONY, 1, USER)


def functions():
    def double(number):
        return number * 2

    executor = Executor()
    spec = pycolonies.func_spec(double, [21], COLONY, executor.type, maxexectime=60)
    client.submit_func_spec(spec, USER)
    environment = executor.assign().spec.env
    assert environment["args_spec"] == "number"
    assert "code" in environment


def logs():
    executor = Executor()
    executor.submit()
    process = executor.assign().processid
    for line in ("one\n", "two\n", "three\n"):
        client.add_log(process, line, executor.key)
    entries = client.get_process_log(COLONY, process, 100, 0, USER)
    assert [entry["message"] for entry in entries] == ["one\n", "two\n", "three\n"]
    later = client.get_process_log(COLONY, process, 100, entries[0]["timestamp"], USER)
    assert [entry["message"] for entry in later] == ["two\n", "three\n"]
    by_executor = client.get_executor_log(COLONY, executor.name, 100, 0, USER)
    assert [entry["message"] for entry in by_executor] == ["one\n", "two\n", "three\n"]
    client.close(process, [], executor.key)
    refused("", client.add_log, process, "late", executor.key)


def waiting():
    executor = Executor()
    submitted = executor.submit()

    def work():
        client.close(executor.assign().processid, ["done"], executor.key)

    worker = threading.Timer(0.2, work)
    worker.start()
    finished = client.wait(submitted, 30, USER)
    worker.join()
    assert (finished.state, finished.output) == (client.SUCCESSFUL, ["done"])
    assert client.wait(submitted, 30, USER).state == client.SUCCESSFUL


def workflows():
    executor = Executor()
    graph = client.submit_workflow(diamond(executor), USER)
    assert len(graph.processids) == 4
    assert len(graph.rootprocessids) == 1
    for expected in ("first", "left", "right", "last"):
        process = executor.assign()
        assert process.spec.nodename == expected
        client.close(process.processid, [expected], executor.key)
    last = client.find_process("last", graph.processids, USER)
    assert sorted(last.input) == ["left", "right"]
    done = client.get_processgraph(graph.processgraphid, USER)
    assert done.state == client.SUCCESSFUL
    assert (len(done.nodes), len(done.edges)) == (4, 4)
    listed = client.get_processgraphs(COLONY, 100, USER, state=client.SUCCESSFUL)
    assert graph.processgraphid in {entry["processgraphid"] for entry in listed}
    client.remove_processgraph(graph.processgraphid, USER)
    refused("", client.get_processgraph, graph.processgraphid, USER)


def failing_workflows():
    executor = Executor()
    graph = client.submit_workflow(diamond(executor), USER)
    client.fail(executor.assign().processid, ["it broke"], executor.key)
    assert client.get_processgraph(graph.processgraphid, USER).state == client.FAILED
    assert client.find_process("last", graph.processids, USER).state == client.FAILED


def files():
    label = f"/{fresh('files')}"
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "hello.txt")
        source.write_text("from a file")
        client.upload_file(COLONY, USER, filepath=str(source), label=label)
        client.upload_data(COLONY, USER, filename="data.bin", data=b"\x00\x01", label=label)
        assert client.download_data(COLONY, USER, label=label, filename="data.bin") == b"\x00\x01"
        target = client.download_file(COLONY, USER, dst=f"{directory}/to", label=label, filename="hello.txt")
        assert Path(target).read_text() == "from a file"
    assert {entry["name"] for entry in client.get_files(label, COLONY, USER)} == {"hello.txt", "data.bin"}
    assert client.get_file_labels(COLONY, USER, name=label, exact=True) == [{"name": label, "files": 2}]
    client.upload_data(COLONY, USER, filename="data.bin", data=b"new", label=label)
    assert len(client.get_file(COLONY, USER, label=label, filename="data.bin", latest=False)) == 2
    assert client.download_data(COLONY, USER, label=label, filename="data.bin") == b"new"
    client.delete_file(COLONY, USER, label=label, filename="data.bin")
    assert {entry["name"] for entry in client.get_files(label, COLONY, USER)} == {"hello.txt"}


def snapshots():
    label, name = f"/{fresh('frozen')}", fresh("snapshot")
    client.upload_data(COLONY, USER, filename="a.txt", data=b"old", label=label)
    snapshot = client.create_snapshot(COLONY, label, name, USER)
    client.upload_data(COLONY, USER, filename="a.txt", data=b"new", label=label)
    assert client.get_snapshot_by_name(COLONY, name, USER)["fileids"] == snapshot["fileids"]
    assert client.get_snapshot_by_id(COLONY, snapshot["snapshotid"], USER)["name"] == name
    assert name in {entry["name"] for entry in client.get_snapshots(COLONY, USER)}
    (fileid,) = snapshot["fileids"]
    assert client.download_data(COLONY, USER, fileid=fileid) == b"old"


def statistics():
    executor = Executor()
    before = client.stats(COLONY, USER)
    executor.submit()
    after = client.stats(COLONY, USER)
    assert after["waitingprocesses"] == before["waitingprocesses"] + 1


def clearing():
    executor = Executor()
    executor.submit()
    client.close(executor.assign().processid, [], executor.key)
    client.remove_all_processes(COLONY, OWNER, state=client.SUCCESSFUL)
    assert not client.list_processes(COLONY, 100, client.SUCCESSFUL, USER)


def diamond(executor):
    """Return a workflow of four functions: the second and third follow the first, and the last follows both."""
    workflow = Workflow(colonyname=COLONY)
    dependencies = {"first": [], "left": ["first"], "right": ["first"], "last": ["left", "right"]}
    for priority, (name, after) in enumerate(dependencies.items()):
        spec = executor.spec(name, priority=len(dependencies) - priority)
        spec.conditions.dependencies = after
        workflow.functionspecs.append(spec)
    return workflow


def fresh(kind):
    return f"{kind}-{secrets.token_hex(6)}"


def refused(message, call, *arguments):
    """Make a call that the server refuses with this in its message."""
    said = None
    try:
        call(*arguments)
    except pycolonies.ColoniesConnectionError as error:
        said = str(error)
    assert said is not None, "it was not refused"
    assert message in said, said


PARTS = (
    *(members, executors, processes, failures, functions, logs, waiting, workflows, failing_workflows),
    *(files, snapshots, statistics, clearing),
)


def main() -> None:
    outcomes = {}
    for part in PARTS:
        began = time.monotonic()
        try:
            part()
            outcomes[part.__name__] = None
        except Exception:  # noqa: BLE001  whatever it is, the test shows it
            outcomes[part.__name__] = traceback.format_exc()
        print(f"{part.__name__}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    print(json.dumps(outcomes))


main()
