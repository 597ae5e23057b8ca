"""What happened in the recordings beside the recorded exchanges, and measurements that are taken again."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asking import envelope
from replay_stage import Listener, Stage, recordings

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import File, Process, ProcessState, S3Object
from pollinator_magic.colonies.models import Reference as FileReference
from pollinator_magic.errors import ServerError
from tests.waiting import eventually


def cases_of(group: str, *, first: str = "", last: str = "") -> list[str]:
    """Return the cases of a group from `first` to `last`, in the order of the recording."""
    cases = [name.split("/")[1] for name in recordings() if name.startswith(f"{group}/")]
    return cases[cases.index(first) if first else 0 : cases.index(last) + 1 if last else None]


def assign(stage: Stage, executor: str) -> Process:
    process = stage.client(executor).assign(-1)
    assert process is not None
    return process


def process_of(stage: Stage, process_id: str) -> Process:
    return stage.client("alice").process(process_id)


def id_of(stage: Stage, name: str) -> str:
    return str(stage.meanings.translate(recordings()[name]["reply_decoded"]["processid"]))


def shown_in(case: str) -> dict[str, Any]:
    """Return the process of a recorded frame."""
    return dict(recordings()[f"websocket/{case}"]["frames"][0]["decoded"])


def file_in(label: str, name: str) -> File:
    return File(
        label=label, name=name, size=1, checksum="ab", ref=FileReference(s3object=S3Object(object="o", bucket="b"))
    )


def accepts(stage: Stage, suffix: str) -> dict[str, Any]:
    """Submit `2048` with this unit, and tell it as the survey does, which tried 16 times."""
    try:
        process = stage.client("alice").submit(stage.spec(conditions={"mem": f"2048{suffix}"}))
    except ServerError:
        return {"accepted": 0, "of": 16, "returned": []}
    return {"accepted": 16, "of": 16, "returned": [process.spec.conditions.mem]}


def status_of_poll_beside(stage: Stage, rival: str | None) -> int:
    """Let ex2, and perhaps a rival, wait for work that only ex2 may do; return the status of ex2's answer."""
    with ThreadPoolExecutor(2) as threads:
        polls = [threads.submit(stage.client(each).assign, 5) for each in (rival, "ex2") if each]
        process = stage.client("alice").submit(stage.spec("ex2"))
        found = polls[-1].result()
        if found:
            stage.client("ex2").close_successful(found.processid)
        if rival:  # give it something, so that it does not wait to its end
            colony = "vec2" if rival == "exec2" else "vec"
            submitter = stage.client("user2" if rival == "exec2" else "alice")
            submitter.submit(stage.spec("ex1", conditions={"colonyname": colony}))
            polls[0].result()
    return 200 if found and found.processid == process.processid else 404


def state_after_leaving(stage: Stage, when: str) -> int:
    """Let ex1 wait for work on a bare connection, and leave; return the state of what was meanwhile submitted."""
    message = {"msgtype": "assignprocessmsg", "colonyname": "vec", "timeout": 10}
    body = json.dumps(envelope(stage.keys["ex1"], message)).encode()
    head = f"POST /api HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connection = socket.create_connection((stage.server.host, stage.server.port), timeout=10)
    with connection:
        connection.sendall(head + body)
        if when == "after the reply came":
            process = stage.client("alice").submit(stage.spec())
            assert select.select([connection], [], [], 10)[0]
    if when != "after the reply came":
        process = stage.client("alice").submit(stage.spec())
    state = process_of(stage, process.processid).state
    stage.client("colony").remove_all_processes()
    return state


def trace_of(stage: Stage, case: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Watch a process through the states in which an executor that never closes anything leaves it."""
    key = PrivateKey.generate()
    executor = case
    stage.register(executor, key)
    stage.keys[executor] = key
    process_id = stage.client("alice").submit(stage.spec(executor, **fields)).processid
    trace = [event_of(process_of(stage, process_id))]
    if not case.startswith("maxwaittime"):
        trace.append(event_of(assign(stage, executor)))
    if case == "executor_removed_while_running":
        trace.clear()  # the recording begins when the executor is gone
        stage.client("colony").remove_executor(executor)
    recorded = recordings()[f"process_timeouts/{case}"]["events"]

    def goes_on() -> bool:
        event = event_of(process_of(stage, process_id))
        if not trace or event != trace[-1]:
            trace.append(event)
            if event["retries"] and event["state"] == ProcessState.WAITING:
                trace.append(event_of(assign(stage, executor)))
        return len(trace) > len(recorded)

    eventually(lambda: goes_on() or len(trace) == len(recorded), within_s=60)
    with contextlib.suppress(AssertionError):  # and nothing else happens, although deadlines are checked once more
        eventually(goes_on, within_s=1.5)
    return trace


def event_of(process: Process) -> dict[str, Any]:
    return {
        "state": process.state,
        "retries": process.retries,
        "isassigned": process.isassigned,
        "has_assignedexecutorid": bool(process.assignedexecutorid),
        "errors": process.errors,
        "starttime_set": process.started_at is not None,
        "endtime_set": process.ended_at is not None,
    }


def listening(stage: Stage, caller: str, message: dict[str, Any]) -> Listener:
    """Return a connection with a subscription that the server has taken note of."""
    listener = Listener(stage.server)
    listener.send(json.dumps(envelope(stage.keys[caller], {**message, "timeout": 20})))
    listener.synchronise(stage.keys["alice"])
    return listener
