"""A process that has everything imported and forks others, which live one life each and may be killed at any step.

Forking costs a few milliseconds where starting Python costs half a second; to the world outside, what is forked is a
process as any other. A step is whatever the outside could notice: a file opened for writing, renamed, removed, a
directory made, a lock taken, a program started, bytes sent or received.

One JSON object a line on standard input starts a life: `{"life": "client" or "worker", "die_at": 17, …}`. Two answer:
`{"began": pid}`, and when it has ended `{"ended": pid, "status": wait status, "steps": …, …what it says}`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import traceback
from contextlib import closing
from pathlib import Path

import requests.adapters  # noqa: F401  so that no child has to
import urllib3.response  # noqa: F401
import websocket  # noqa: F401

from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.errors import PollinatorError
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Job, LogText, Session, submit
from pollinator_magic.project import Project, data_label  # noqa: F401  the label is made with much that is lazy
from pollinator_magic.settings import Connection, DirectorySettings
from tests.integration.executors.detached import DetachedEngine

_OF_FILES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.truncate"}
_OTHERS = {"subprocess.Popen", "socket.connect", "fcntl.flock"}
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Steps:
    """Counts the steps of this process, and kills it at one of them."""

    def __init__(self, die_at: int) -> None:
        self.taken = 0
        self._die_at = die_at
        self._counting = threading.Lock()

    def watch(self) -> None:
        sys.addaudithook(self._audit)
        send, receive = socket.socket.sendall, socket.socket.recv_into

        def sendall(sock, *arguments):
            self.take()
            send(sock, *arguments)
            self.take()

        def recv_into(sock, *arguments):
            count = receive(sock, *arguments)
            self.take()
            return count

        socket.socket.sendall, socket.socket.recv_into = sendall, recv_into

    def take(self) -> None:
        with self._counting:
            self.taken += 1
            if self.taken == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _OF_FILES or event in _OTHERS or (event == "open" and _writes(*arguments)):
            self.take()


def _writes(path: object, _mode: object, flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & _FOR_WRITING) and not str(path).startswith(("/dev", "/proc"))


def connection_of(order: dict) -> Connection:
    return Connection(
        Server("127.0.0.1", order["port"], tls=False),
        order["colony"],
        PrivateKey.from_hex(order["key"]),
        DirectorySettings(Path(order["objects"])),
        embedded=order.get("embedded", False),
    )


def client(order: dict) -> dict:
    """Push, submit, follow, pull, as a cell does; before it, do the same with a job that was left behind."""
    with Session(connection_of(order)) as session:
        project = Project.open_or_create(order["root"], order["executor"])
        for job_id in order["left"]:
            _see_through(Job.attach(session, job_id, project), order)
        job = submit(session, project, source=order["source"])
        _note(order["submitted"], job.id)
        return {"job": job.id, "log": _see_through(job, order)}


def _see_through(job: Job, order: dict) -> str:
    said = "".join(event.text for event in job.follow(resume=True) if isinstance(event, LogText))
    job.fetch_results()
    job.show_results()
    _note(order["done"], job.id)
    return said


def worker(order: dict) -> dict:
    """Be an executor until told to end."""
    directory = Path(order["directory"])
    owner = PrivateKey.from_hex(order["owner"])
    if order.get("durable"):
        engine = DetachedEngine(directory, jobs=4)
    else:
        engine = ProcessEngine(directory, cpu_millis=4000, memory_bytes=8 << 30, grace_s=0.2)
    options = {"poll_s": 1, "drain_s": order.get("drain_s")}
    Worker(connection_of(order), owner, engine, name=order["executor"], fs_dir=directory, **options).run()
    return {}


def _note(file: str, line: str) -> None:
    """Append a line in one write: it is there or not."""
    with closing(os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "wb", buffering=0)) as sink:
        sink.write(f"{line}\n".encode())


def _live(order: dict, report: Path) -> None:
    steps = Steps(order["die_at"])
    said: dict = {}
    try:
        steps.watch()
        said = {"client": client, "worker": worker}[order["life"]](order)
    except PollinatorError as error:
        said = {"error": f"{type(error).__name__}: {error}"}
    except BaseException:  # noqa: BLE001  it is reported
        said = {"error": traceback.format_exc()}
    report.write_text(json.dumps({**said, "steps": steps.taken}))


def main() -> None:
    """Fork what is ordered, tell what has ended."""
    directory = Path(tempfile.mkdtemp(prefix="nursery-"))
    reports: dict[int, Path] = {}
    number = 0
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], 0.02 if reports else None)
        if readable:
            line = sys.stdin.readline()
            if not line:
                break
            number += 1
            report = directory / str(number)
            pid = os.fork()
            if pid == 0:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(2, 1)
                _live(json.loads(line), report)
                os._exit(0)
            reports[pid] = report
            _tell({"began": pid})
        for pid in list(reports):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                report = reports.pop(pid)
                said = json.loads(report.read_text()) if report.exists() else {}
                _tell({"ended": pid, "status": status, **said})
    for pid in reports:
        os.kill(pid, signal.SIGKILL)


def _tell(answer: dict) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
