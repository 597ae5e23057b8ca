"""How many requests a second the embedded server answers, beside a bare tornado handler that does one SQLite insert."""

from __future__ import annotations

import selectors
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks import fresh
from benchmarks.report import Options, Report, median
from benchmarks.surroundings import idle_executor, running_colony, scratch
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.envelope import seal
from pollinator_magic.colonies.models import Conditions, File, FunctionSpec, Reference, S3Object
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 0.7
_ROUNDS = 5
_CONNECTIONS = (1, 8)
_PREPARED = 6000  # every request only once: a repeated one is refused
_EXECUTOR = "bench"
_LIMIT = 0.6


def run(_options: Options) -> Report:
    """Measure."""
    report = Report(
        "requests a second to the embedded server, prepared, signed, over kept connections",
        ("bare, 1 connection", "own", "of bare", "bare, 8 connections", "own", "of bare"),
    )
    with scratch() as place, running_colony(place / "home", with_executor=False), _bare_server(place) as bare:
        found = fresh.call(rates, str(place / "home"), bare)
    for operation, by_connections in found.items():
        cells = []
        for pairs in by_connections:
            bare_rate, own_rate = (median([pair[side] for pair in pairs]) for side in (0, 1))
            ratio = median([own / beside for beside, own in pairs])
            cells += [f"{bare_rate:,.0f}", f"{own_rate:,.0f}", f"{ratio:.2f} x"]
        report.row(operation, *cells)
        ratios = [own / beside for beside, own in by_connections[-1]]  # a rate: one connection shows how long one takes
        report.target(operation, median(ratios), _LIMIT, "of a bare insert's rate", at_least=True)
    report.bars(
        "Requests a second, 8 connections",
        "1/s",
        {
            "bare tornado and one insert": median([pair[0] for rows in found.values() for pair in rows[1]]),
            **{f"pollinator_magic: {name}": median([pair[1] for pair in rows[1]]) for name, rows in found.items()},
        },
    )
    return report


def rates(home: str, bare: int) -> dict[str, list[list[list[float]]]]:
    """Return, by operation and number of connections, the rates of the bare server and of ours, round by round."""
    keys = Home(Path(home)).keys
    connection = LocalColony(Path(home)).connection(start=False)
    server, colony = connection.server, connection.colony
    idle_executor(Path(home), _EXECUTOR)
    conditions = Conditions(colonyname=colony, executornames=[_EXECUTOR], executortype="container-executor")
    spec = FunctionSpec(funcname="execute", conditions=conditions, maxexectime=600, maxretries=1)
    with Colonies(server, colony, keys.executor) as executor, Colonies(server, colony, keys.user) as user:
        user.submit(spec)
        process = executor.assign(5)
        assert process is not None
    work = {
        "getprocess": (keys.user, "getprocessmsg", lambda _: {"processid": process.processid}),
        "addlog": (
            keys.executor,
            "addlogmsg",
            lambda number: {"processid": process.processid, "message": f"{number:079}\n"},
        ),
        "addfile": (keys.user, "addfilemsg", lambda number: {"file": _file(colony, number)}),
        "submit": (keys.user, "submitfuncspecmsg", lambda _: {"spec": spec}),
    }
    found: dict[str, list[list[list[float]]]] = {name: [[] for _ in _CONNECTIONS] for name in work}
    for turn in range(_ROUNDS):
        for name, (key, msgtype, message) in work.items():
            for place, count in enumerate(_CONNECTIONS):
                ports = (bare, server.port) if turn % 2 else (server.port, bare)
                pair = {}
                for port in ports:
                    bodies = [_http(seal(key, msgtype, message(number))) for number in range(_PREPARED)]
                    pair[port] = _rate(port, bodies, count)
                found[name][place].append([pair[bare], pair[server.port]])
    return found


def _rate(port: int, requests: list[bytes], connections: int) -> float:
    """Return how many of the requests are answered in a second, over so many connections at the same time.

    One thread serves all connections: several would spend the processor on taking turns, which the server needs.
    """
    left = iter(requests)
    answered = 0
    with selectors.DefaultSelector() as selector, ExitStack() as streams:
        begin = time.perf_counter()
        for request in islice(left, connections):
            stream = streams.enter_context(socket.create_connection(("127.0.0.1", port)))
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(stream, selectors.EVENT_READ, stream)
            stream.sendall(request)
        while time.perf_counter() - begin < _SECONDS:
            for key, _ in selector.select():
                _receive(key.data)
                answered += 1
                key.data.sendall(next(left))
        return answered / (time.perf_counter() - begin)


def _receive(stream: socket.socket) -> None:
    """Read one successful answer."""
    received = stream.recv(65536)
    while b"\r\n\r\n" not in received:
        received += stream.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), received
    left = int(head.lower().partition(b"content-length: ")[2].split()[0]) - len(body)
    while left > 0:
        left -= len(stream.recv(65536))


def _http(body: bytes) -> bytes:
    head = f"POST /api HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def _file(colony: str, number: int) -> dict[str, object]:
    reference = Reference(s3object=S3Object(bucket="pollinator", object="0" * 64))
    file = File(colonyname=colony, label="/bench", name=f"{number}.bin", size=4096, checksum="0" * 64, ref=reference)
    record: dict[str, object] = msgspec.to_builtins(file)
    return record


@contextmanager
def _bare_server(place: Path) -> Iterator[int]:
    """Run the bare server in a process of its own; give its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bareserver", str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate()
