"""No operation is carried out for somebody who cannot sign for it, and nothing changes when they try."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import requests

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Conditions, File, Function, FunctionSpec, WorkflowSpec
from pollinator_magic.local.operations import ROUTES
from pollinator_magic.local.operations.information import UNSIGNED
from tests.colony_server import RunningColony

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollinator_magic.colonies.models import Process

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
COLONY = "test"
TYPE = "container-executor"
SIGNED = sorted(ROUTES.keys() - UNSIGNED, key=lambda name: ("removeall" in name, name))
FOR_EVERY_EXECUTOR = {"getusersmsg", "getusermsg", "getuserbyidmsg", "getexecutorsmsg"}
"""What executors may read before they are approved, and after, as a Colonies server lets them."""


class Scene:
    """A colony in which there is something to do for every operation, and whoever may do it."""

    def __init__(self, colony: RunningColony) -> None:
        self.colony = colony
        self._http = requests.Session()
        self.keys = {
            "server": colony.server_key,
            "owner": colony.owner_key,
            "user": colony.user_key,
            "executor": colony.new_executor("ex"),
            "stranger": PrivateKey.generate(),
            "pending": colony.new_executor("pending", approve=False),
            "rejected": colony.new_executor("rejected"),
            "removed": colony.new_executor("removed"),
        }
        colony.new_user("bob")
        for name in ("new", "unwanted", "leaving"):
            colony.new_executor(name, approve=False)
        with Colonies(colony.server, COLONY, colony.owner_key) as owner:
            owner.reject_executor("rejected")
            owner.remove_executor("removed")
        with (
            Colonies(colony.server, COLONY, colony.user_key) as user,
            Colonies(colony.server, COLONY, self.keys["executor"]) as executor,
        ):
            self.requests = self._of_server() | self._of_owner() | self._of_executor(user, executor)
            self.requests |= self._of_user(user)

    def genuine(self, msgtype: str) -> tuple[str, str]:
        """Return an operation's payload, and the signature of somebody who may ask for it."""
        who, fields = self.requests[msgtype]
        payload = base64.b64encode(json.dumps({"msgtype": msgtype, **fields}).encode()).decode()
        return payload, self.keys[who].sign(payload)

    def send(self, payloadtype: str, payload: str, signature: str) -> int:
        body = json.dumps({"payloadtype": payloadtype, "payload": payload, "signature": signature})
        return self._http.post(f"{self.colony.server.url}/api", data=body, timeout=30).status_code

    def dump(self) -> str:
        with closing(sqlite3.connect(self.colony.directory / "colony.db")) as database:
            return "\n".join(database.iterdump())

    def _of_server(self) -> dict[str, tuple[str, dict[str, Any]]]:
        colony = {"name": "another", "colonyid": "a" * 64}
        return {
            "addcolonymsg": ("server", {"colony": colony}),
            "removecolonymsg": ("server", {"colonyname": "another"}),
            "getcoloniesmsg": ("server", {}),
            "getclustermsg": ("server", {}),
            "getstatisticsmsg": ("server", {}),
        }

    def _of_owner(self) -> dict[str, tuple[str, dict[str, Any]]]:
        executor = {"executorname": "added", "executorid": "b" * 64, "executortype": TYPE, "colonyname": COLONY}
        return {
            "addusermsg": ("owner", {"user": {"colonyname": COLONY, "userid": "c" * 64, "name": "carol"}}),
            "removeusermsg": ("owner", of_colony(name="bob")),
            "addexecutormsg": ("owner", {"executor": executor}),
            "approveexecutormsg": ("owner", of_colony(executorname="new")),
            "rejectexecutormsg": ("owner", of_colony(executorname="unwanted")),
            "removeexecutormsg": ("owner", of_colony(executorname="leaving")),
            "removeallprocessesmsg": ("owner", of_colony(state=0)),
            "removeallprocessgraphsmsg": ("owner", of_colony(state=0)),
        }

    def _of_executor(self, user: Colonies, executor: Colonies) -> dict[str, tuple[str, dict[str, Any]]]:
        def running() -> str:
            user.submit(spec())
            return assigned(executor).processid

        first, second, third = running(), running(), running()
        added = executor.add_attribute(first, "k", "v")
        function = executor.add_function(Function(executorname="ex", colonyname=COLONY, funcname="f"))
        ours = {"executorname": "ex", "executorid": self.keys["executor"].identity}
        another = {"executorname": "ex", "colonyname": COLONY, "funcname": "g"}
        for _ in range(2):
            user.submit(spec())  # to be assigned
        return {
            "updateexecutormsg": ("executor", of_colony(**ours, capabilities={})),
            "reportallocationmsg": ("executor", of_colony(**ours, allocations={})),
            "addfunctionmsg": ("executor", {"fun": another}),
            "removefunctionmsg": ("executor", {"functionid": function.functionid}),
            "assignprocessmsg": ("executor", of_colony(timeout=-1)),
            "closesuccessfulmsg": ("executor", {"processid": second, "out": ["x"]}),
            "closefailedmsg": ("executor", {"processid": third, "errors": ["x"]}),
            "setoutputmsg": ("executor", {"processid": first, "out": ["x"]}),
            "addattributemsg": ("executor", {"attribute": {"targetid": first, "key": "new", "value": "v"}}),
            "getattributemsg": ("executor", {"attributeid": added.attributeid}),
            "addlogmsg": ("executor", {"processid": first, "message": "x"}),
            "addexecutorlogmsg": ("executor", of_colony(**ours, message="x")),
            "getlogsmsg": ("user", of_colony(processid=first, count=10)),
        }

    def _of_user(self, user: Colonies) -> dict[str, tuple[str, dict[str, Any]]]:
        waiting, cancelled, removed = (user.submit(spec()).processid for _ in range(3))
        workflow = WorkflowSpec(colonyname=COLONY, functionspecs=[spec(nodename="a")])
        graph, old = user.submit_workflow(workflow), user.submit_workflow(workflow)
        file, old_file = (user.add_file(File(colonyname=COLONY, label="/l", name=name)) for name in "ab")
        snapshot, old_snapshot = user.create_snapshot("/l", "s"), user.create_snapshot("/l", "old")
        member = self.keys["user"].identity
        conditions = {"colonyname": COLONY, "executortype": TYPE}
        function = {"funcname": "f", "maxexectime": -1, "nodename": "a", "conditions": conditions}
        requests_ = {
            "getcolonymsg": of_colony(),
            "getusersmsg": of_colony(),
            "getusermsg": of_colony(name="alice"),
            "getuserbyidmsg": of_colony(userid=member),
            "getexecutorsmsg": of_colony(),
            "getexecutormsg": of_colony(executorname="ex"),
            "getexecutorbyidmsg": of_colony(executorid=self.keys["executor"].identity),
            "getfunctionsmsg": of_colony(),
            "submitfuncspecmsg": {"spec": function},
            "getprocessmsg": {"processid": waiting},
            "getprocessesmsg": of_colony(count=10),
            "getprocesshistmsg": of_colony(seconds=1000),
            "cancelprocessmsg": {"processid": cancelled},
            "removeprocessmsg": {"processid": removed},
            "submitworkflowspecmsg": {"spec": {"colonyname": COLONY, "functionspecs": [function]}},
            "getprocessgraphmsg": {"processgraphid": graph.processgraphid},
            "getprocessgraphsmsg": of_colony(count=10),
            "cancelprocessgraphmsg": {"processgraphid": graph.processgraphid},
            "removeprocessgraphmsg": {"processgraphid": old.processgraphid},
            "searchlogsmsg": of_colony(text="x", days=1, count=10),
            "addfilemsg": {"file": {"colonyname": COLONY, "label": "/l", "name": "new"}},
            "getfilemsg": of_colony(fileid=file.fileid),
            "getfilesmsg": of_colony(label="/l"),
            "getfilelabelsmsg": of_colony(name="/"),
            "removefilemsg": of_colony(fileid=old_file.fileid),
            "createsnapshotmsg": of_colony(label="/l", name="new"),
            "getsnapshotmsg": of_colony(snapshotid=snapshot.snapshotid),
            "getsnapshotsmsg": of_colony(),
            "removesnapshotmsg": of_colony(snapshotid=old_snapshot.snapshotid),
            "removeallsnapshotmsg": of_colony(),
            "getcolonystatsmsg": of_colony(),
        }
        return {msgtype: ("user", fields) for msgtype, fields in requests_.items()}


def of_colony(**fields: Any) -> dict[str, Any]:
    return {"colonyname": COLONY, **fields}


def spec(**fields: Any) -> FunctionSpec:
    conditions = Conditions(colonyname=COLONY, executortype=TYPE)
    return FunctionSpec(funcname="f", maxexectime=-1, conditions=conditions, **fields)


def assigned(executor: Colonies) -> Process:
    process = executor.assign(-1)
    assert process
    return process


def flipped(text: str, position: int) -> str:
    """Change one bit of what hexadecimal digits say."""
    return text[:position] + f"{int(text[position], 16) ^ 1:x}" + text[position + 1 :]


def upper_half(signature: str) -> str:
    """Return the other signature that belongs to a signature, and which anybody can make of it."""
    r, s, v = signature[:64], int(signature[64:128], 16), int(signature[128:], 16)
    return f"{r}{ORDER - s:064x}{v ^ 1:02x}"


def altered(payload: str) -> str:
    """Change what is asked for, a little."""
    message = json.loads(base64.b64decode(payload))
    return base64.b64encode(json.dumps({**message, "altered": True}).encode()).decode()


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    colony = RunningColony(COLONY)
    try:
        yield Scene(colony)
    finally:
        colony.close()


@pytest.mark.parametrize("msgtype", SIGNED)
def test_keys_that_may_not_do_it_do_nothing(scene, msgtype):
    payload, _ = scene.genuine(msgtype)
    role = scene.requests[msgtype][0]
    others = {"stranger", "pending", "rejected", "removed", "owner", "server"} - {role}
    if msgtype in FOR_EVERY_EXECUTOR:
        others -= {"pending", "rejected", "removed"}
    if role in {"owner", "server"}:
        others |= {"user", "executor"}
    before = scene.dump()

    statuses = {who: scene.send(msgtype, payload, scene.keys[who].sign(payload)) for who in others}

    assert {who: status for who, status in statuses.items() if not 400 <= status < 500} == {}
    assert scene.dump() == before


@pytest.mark.parametrize("msgtype", SIGNED)
def test_what_was_signed_for_one_operation_is_no_other(scene, msgtype):
    payload, signature = scene.genuine(msgtype)
    before = scene.dump()

    place = SIGNED.index(msgtype)
    others = [SIGNED[(place + step) % len(SIGNED)] for step in (1, 2, 5, 11, 23)]
    statuses = {other: scene.send(other, payload, signature) for other in others}

    assert set(statuses.values()) <= {400, 403}
    assert scene.dump() == before


def test_what_needs_no_signature_changes_nothing_and_tells_no_secret(scene):
    before = scene.dump()

    for msgtype in UNSIGNED:
        payload = base64.b64encode(json.dumps({"msgtype": msgtype}).encode()).decode()
        body = json.dumps({"payloadtype": msgtype, "payload": payload, "signature": ""})
        reply = requests.post(f"{scene.colony.server.url}/api", data=body, timeout=30)
        assert reply.status_code == 200
        said = base64.b64decode(reply.json()["payload"]).decode()
        assert COLONY not in said.replace("buildversion", "").replace('"test"', "")

    assert scene.dump() == before
    assert not any(ROUTES[msgtype].writes for msgtype in UNSIGNED)


def test_every_operation_was_tried(scene):
    assert scene.requests.keys() == ROUTES.keys() - UNSIGNED


@pytest.mark.parametrize("msgtype", SIGNED)
def test_a_forged_signature_does_nothing_and_the_genuine_one_does_it(scene, msgtype):
    payload, signature = scene.genuine(msgtype)
    elsewhere = base64.b64encode(b'{"msgtype": "getcolonymsg"}').decode()
    forged = {
        "no signature": (payload, ""),
        "another payload's": (payload, scene.keys[scene.requests[msgtype][0]].sign(elsewhere)),
        "an altered payload's": (altered(payload), signature),
        "a bit of r": (payload, flipped(signature, 10)),
        "a bit of s": (payload, flipped(signature, 100)),
        "another v": (payload, flipped(signature, 129)),
        "s in the upper half": (payload, upper_half(signature)),
        "too short": (payload, signature[:-2]),
        "too long": (payload, signature + "00"),
        "not hexadecimal": (payload, "x" * 130),
        "zeros": (payload, "0" * 130),
    }
    before = scene.dump()

    statuses = {kind: scene.send(msgtype, *attempt) for kind, attempt in forged.items()}

    assert {kind: status for kind, status in statuses.items() if not 400 <= status < 500} == {}
    assert scene.dump() == before
    if msgtype == "removecolonymsg":
        scene.send("addcolonymsg", *scene.genuine("addcolonymsg"))  # if it was not yet added by its own test
    assert scene.send(msgtype, payload, signature) == 200, "it was refused for another reason than its signature"
