"""What upstream's servers do that a client would not expect, before an embedded colony (protocol.md, 4 to 9, 13, 14).

`spring` sets all of the traps at once that do not exclude each other.
"""

from __future__ import annotations

import asyncio
import copy
import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hostile_server import Dropping, envelope

if TYPE_CHECKING:
    from hostile_server import Exchange, HostileServer

UNSET = "0001-01-01T01:12:12+01:12"
_TIMES = {
    *("submissiontime", "starttime", "endtime", "waitdeadline", "execdeadline"),
    *("commissiontime", "lastheardfromtime", "added"),
}
_NULL_WHEN_EMPTY = {"executornames", "snapshots", "dirs", "fileids", "hardware", "software"}


def spring(server: HostileServer) -> None:
    """Set the traps."""
    hidden = HiddenSubLabels()
    server.alters("getfilelabelsmsg", hidden.labels)
    server.alters("createsnapshotmsg", hidden.snapshot)
    server.alters("getsnapshotmsg", hidden.again)
    server.instead("assignprocessmsg", sleep_through)
    server.refuses("getsnapshotsmsg", 500, "Failed to get snapshots")
    for operation in ("getlogsmsg", "addlogmsg", "searchlogsmsg"):
        server.alters(operation, double_errors)
    server.alters("", as_upstream_writes)
    server.pubsub = Dropping()


class HiddenSubLabels:
    """A label without files of its own hides those below it."""

    def __init__(self) -> None:
        self._empty: set[str] = set()

    async def labels(self, exchange: Exchange) -> None:
        name = exchange.message["name"].rstrip("/")
        if exchange.message["exact"] and not await _has_files(exchange, name):
            exchange.reply = None
        _shuffle(exchange)

    async def snapshot(self, exchange: Exchange) -> None:
        if exchange.status == 200 and not await _has_files(exchange, exchange.message["label"]):
            self._empty.add(exchange.reply["snapshotid"])
            self.again(exchange)

    def again(self, exchange: Exchange) -> None:
        if exchange.status == 200 and exchange.reply["snapshotid"] in self._empty:
            exchange.reply["fileids"] = None


async def _has_files(exchange: Exchange, label: str) -> bool:
    return bool(await exchange.ask("getfilesmsg", {"colonyname": exchange.server.colony.colony, "label": label}))


async def sleep_through(exchange: Exchange) -> None:
    """Give what is there at once; what comes later wakes up somebody else (section 8)."""
    timeout_s = exchange.message["timeout"]
    if timeout_s < 0 or await _is_asked_for(exchange):
        await exchange.carry_out()
    else:
        await asyncio.sleep(timeout_s)
        exchange.refuse(404, "No process available for assignment")
    as_upstream_writes(exchange)


async def _is_asked_for(exchange: Exchange) -> bool:
    """Whether a process waits for the executor that asks."""
    colony = exchange.server.colony.colony
    executor = await exchange.ask("getexecutorbyidmsg", {"colonyname": colony, "executorid": exchange.caller})
    waiting = await exchange.ask("getprocessesmsg", {"colonyname": colony, "count": 100, "state": 0})
    names = (process["spec"]["conditions"]["executornames"] for process in waiting or ())
    return any(not asked or executor["executorname"] in asked for asked in names)


class LateEnvironment:
    """A process is given out before its environment is stored, of which a part is there when it is first asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def assigned(self, exchange: Exchange) -> None:
        if exchange.status == 200:
            _keep_of_environment(exchange.reply, 0)

    def read(self, exchange: Exchange) -> None:
        if exchange.status == 200:
            self.asked += 1
            _keep_of_environment(exchange.reply, 1 if self.asked == 1 else 99)


def _keep_of_environment(process: dict[str, Any], count: int) -> None:
    process["spec"]["env"] = dict(list(process["spec"]["env"].items())[:count])
    process["attributes"] = [one for one in process["attributes"] if one["key"] in process["spec"]["env"]]


def double_errors(exchange: Exchange) -> None:
    """Write the error twice."""
    if exchange.status == 400:
        exchange.body = 2 * envelope(exchange.reply, error=True)


def as_upstream_writes(exchange: Exchange) -> None:
    """Write null for nothing, times as they come from a database in Stockholm, and fields that nobody knows."""
    if exchange.status == 200:
        exchange.reply = None if exchange.reply == [] else _rewritten(copy.deepcopy(exchange.reply))


def _rewritten(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return None if not value and name in _NULL_WHEN_EMPTY else [_rewritten(each) for each in value]
    if isinstance(value, dict):
        free = {"kwargs", "env"} & {name}
        return value if free else {key: _rewritten(each, key) for key, each in value.items()} | {"newfield": [1]}
    return stockholm(value) if name in _TIMES and isinstance(value, str) else value


def stockholm(text: str) -> str:
    """Return a UTC time of the embedded colony with another offset and nine digits."""
    if text.startswith("000"):
        return UNSET
    whole, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=1)))
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction.ljust(9, '7')}+01:00"


def _shuffle(exchange: Exchange) -> None:
    if isinstance(exchange.reply, list):
        random.Random(len(exchange.reply)).shuffle(exchange.reply)


def old_capabilities(exchange: Exchange) -> None:
    """Write executors as servers before 1.9.6 did: one hardware, one software, a location with coordinates."""
    for executor in exchange.reply if isinstance(exchange.reply, list) else [exchange.reply]:
        capabilities = executor["capabilities"]
        for kind in ("hardware", "software"):
            capabilities[kind] = (capabilities[kind] or [{}])[0]
        executor["location"] = {"long": 22.1, "lat": 65.6, "desc": "Luleå"}
