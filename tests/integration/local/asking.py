"""Raw, signed requests to a colony, and what the real server was heard to answer to the same ones."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.models import Conditions, FunctionSpec, Process, ProcessState
from tests.colony_server import RunningColony

if TYPE_CHECKING:
    from pollinator_magic.colonies.address import Server
    from pollinator_magic.colonies.keys import PrivateKey

_VECTORS = Path(__file__).parents[2] / "vectors" / "rpc"
EXECUTOR_TYPE = "vec-exec"


def envelope(key: PrivateKey | None, message: dict[str, Any]) -> dict[str, Any]:
    payload = base64.b64encode(json.dumps(message).encode()).decode()
    signature = key.sign(payload) if key else ""
    return {"payloadtype": message.get("msgtype", ""), "payload": payload, "signature": signature}


def post(server: Server, body: bytes | str) -> requests.Response:
    return requests.post(f"{server.url}/api", data=body, timeout=30)


def decoded(response: requests.Response) -> Any:
    return json.loads(base64.b64decode(response.json()["payload"]))


def ask(
    server: Server, key: PrivateKey | None, message: dict[str, Any], payloadtype: str | None = None
) -> tuple[int, Any]:
    """Send one request; return the HTTP status and the decoded reply."""
    request = envelope(key, message)
    if payloadtype is not None:
        request["payloadtype"] = payloadtype
    response = post(server, json.dumps(request))
    assert response.json()["error"] is (response.status_code != 200)
    return response.status_code, decoded(response)


def recorded(group: str, case: str) -> dict[str, Any]:
    """Return a recorded exchange: its request, caller, status and reply."""
    cases = json.loads((_VECTORS / f"{group}.json").read_text())["cases"]
    return next(found for found in cases if found["case"] == case)


class World(RunningColony):
    """The colony of the recordings: vec, with the users alice and bob and the executors ex1 and ex2."""

    def __init__(self) -> None:
        super().__init__("vec")
        self.keys = {
            "server": self.server_key,
            "colony": self.owner_key,
            "alice": self.user_key,
            "bob": self.new_user("bob"),
            "ex1": self.new_executor("ex1", executor_type=EXECUTOR_TYPE),
            "ex2": self.new_executor("ex2", executor_type=EXECUTOR_TYPE),
        }
        self._clients: dict[str, Colonies] = {}

    def client(self, name: str) -> Colonies:
        if name not in self._clients:
            self._clients[name] = Colonies(self.server, self.colony, self.keys[name])
        return self._clients[name]

    def spec(self, executor: str = "ex1", **fields: Any) -> FunctionSpec:
        conditions = {"colonyname": self.colony, "executortype": EXECUTOR_TYPE, "executornames": [executor]}
        conditions |= fields.pop("conditions", {})
        defaults = {"funcname": "execute", "maxexectime": -1, "maxwaittime": -1, "maxretries": 3}
        return FunctionSpec(conditions=Conditions(**conditions), **{**defaults, **fields})

    def process(self, state: str = "waiting", executor: str = "ex1") -> Process:
        """Bring a new process into a state."""
        alice, runner = self.client("alice"), self.client(executor)
        process = alice.submit(self.spec(executor))
        if state != "waiting":
            assigned = runner.assign(-1)
            assert assigned
            assert assigned.processid == process.processid
        if state == "successful":
            runner.close_successful(process.processid, ["done"])
        elif state == "failed":
            runner.close_failed(process.processid, ["boom"])
        elif state == "cancelled":
            alice.cancel(process.processid)
        return alice.process(process.processid)

    def state(self, process: Process) -> ProcessState:
        return self.client("alice").process(process.processid).status

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        super().close()
