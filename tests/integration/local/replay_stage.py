"""Replays recorded exchanges with a real Colonies server on an embedded one, and collects what is not the same."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import websocket
from asking import EXECUTOR_TYPE, envelope, post
from replay_sameness import Finding, Meanings, compare

from pollinator_magic.colonies.address import Server
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey, recover_identity
from pollinator_magic.colonies.models import Colony, Conditions, Executor, FunctionSpec, User
from pollinator_magic.local.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_VECTORS = Path(__file__).parents[2] / "vectors" / "rpc"
CALLERS = ("server", "colony", "alice", "bob", "ex1", "ex2", "pending", "outsider", "colony2", "user2", "exec2")
_SERVER_OWNER = "039231c7644e04b6895471dd5335cf332681c54e27f81fac54f9067b3f2c0103"  # identity of the recorded "server"
_IN_ANY_ORDER = {"getfilelabelsmsg", "getfilesmsg", "getexecutorsmsg", "getusersmsg", "getcoloniesmsg"}


@functools.cache
def recordings() -> dict[str, dict[str, Any]]:
    """Return everything that was recorded, by `group/case`."""
    return {
        f"{path.stem}/{case['case']}": case
        for path in sorted(_VECTORS.glob("*.json"))
        for case in json.loads(path.read_text())["cases"]
    }


class Stage:
    """An embedded server, the callers of the recordings with keys of their own, and what was found so far."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="replay-"))
        self.keys = {caller: PrivateKey.generate() for caller in CALLERS}
        self._running = LocalServer(
            self.directory / "colony.db", owner_id=self.keys["server"].identity, version="replay"
        )
        self._running.start()
        self.server = Server("127.0.0.1", self._running.port, tls=False)
        self.meanings = Meanings()
        self.meanings.learn(_SERVER_OWNER, self.keys["server"].identity)
        for caller in CALLERS[1:]:
            recorded = PrivateKey.from_hex(hashlib.sha256(f"pollinator-vector:{caller}".encode()).hexdigest())
            self.meanings.learn(recorded.identity, self.keys[caller].identity)
        self.findings: dict[str, list[Finding]] = {}
        self._clients: dict[str, Colonies] = {}

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._running.stop()
        shutil.rmtree(self.directory)

    # --- what happens beside the recorded exchanges ----------------------------------------------------------------

    def client(self, caller: str, colony: str = "") -> Colonies:
        """Return a client for what was done, but not recorded."""
        colony = colony or ("vec2" if caller in {"colony2", "user2", "exec2"} else "vec")
        if caller not in self._clients:
            self._clients[caller] = Colonies(self.server, colony, self.keys[caller])
        return self._clients[caller]

    def found(self, colony: str = "vec") -> None:
        """Register the colony with its users and executors: vec, or the other one, vec2."""
        second = colony == "vec2"
        owner = "colony2" if second else "colony"
        self.client("server").add_colony(Colony(colonyid=self.keys[owner].identity, name=colony))
        for name in ["user2"] if second else ["alice", "bob"]:
            self.client(owner).add_user(User(colonyname=colony, userid=self.keys[name].identity, name=name))
        for name in ["exec2"] if second else ["ex1", "ex2"]:
            self.register("ex1" if second else name, self.keys[name], owner)

    def register(self, name: str, key: PrivateKey, owner: str = "colony") -> None:
        """Add an executor, and approve it."""
        self.client(owner).add_executor(
            Executor(
                executorid=key.identity,
                executorname=name,
                executortype=EXECUTOR_TYPE,
                colonyname=self.client(owner).colony,
            )
        )
        self.client(owner).approve_executor(name)

    def spec(self, executor: str = "ex1", **fields: Any) -> FunctionSpec:
        """Return the specification that the recordings used where nothing else is said."""
        conditions = {"colonyname": "vec", "executortype": EXECUTOR_TYPE, "executornames": [executor]}
        conditions |= fields.pop("conditions", {})
        defaults = {"funcname": "execute", "maxexectime": -1, "maxwaittime": -1, "maxretries": 3}
        return FunctionSpec(conditions=Conditions(**conditions), **{**defaults, **fields})

    def submit_again(self, name: str) -> str:
        """Submit the process that a recorded reply, or frame, shows; return its id."""
        case = recordings()[name]
        return self.submit_shown(case.get("reply_decoded") or case["frames"][0]["decoded"])

    def submit_shown(self, shown: dict[str, Any]) -> str:
        """Submit a process that was recorded; return its id."""
        spec = msgspec.convert(shown["spec"], FunctionSpec)
        process = self.client("alice").submit(spec)
        self.meanings.learn(shown["processid"], process.processid)
        return process.processid

    def submit_for(self, name: str, **fields: Any) -> str:
        """Submit the process that a recorded request is about; return its id."""
        process = self.client("alice").submit(self.spec(**fields))
        message = recordings()[name]["request_envelope_decoded"]["payload"]
        self.meanings.learn(message["processid"], process.processid)
        return process.processid

    # --- recorded exchanges ----------------------------------------------------------------------------------------

    def play(self, group: str, *cases: str) -> Any:
        """Send what was sent in these cases of a group, one after the other; return the last reply."""
        reply = None
        for case in cases:
            name = f"{group}/{case}"
            reply, found = self._exchange(name)
            self.note(name, found)
        return reply

    def play_rest(self, group: str) -> None:
        """Send what was sent in all cases of a group that have not been replayed, in the order of the recording."""
        for name in recordings():
            if name.startswith(f"{group}/") and name not in self.findings:
                self.play(*name.split("/"))

    def note(self, name: str, found: Sequence[Finding]) -> None:
        """Keep what was found in a case; every case is replayed once."""
        assert name in recordings(), name
        assert name not in self.findings, f"{name} was replayed before"
        self.findings[name] = list(found)

    def note_values(self, name: str, recorded: object, replayed: object) -> None:
        """Keep whether a measurement that was recorded comes out the same."""
        self.note(name, compare({"results": recorded}, {"results": replayed}, self.meanings))

    def _exchange(self, name: str) -> tuple[Any, list[Finding]]:
        case = recordings()[name]
        response = post(self.server, self.request_of(name))
        found = []
        if response.status_code != case["http_status"]:
            found.append(Finding("status", f"{case['http_status']} became {response.status_code}"))
            if 200 in {response.status_code, case["http_status"]}:
                return None, found  # what follows can only be different
        if "reply_body" in case:
            if response.text != case["reply_body"]:
                found.append(Finding("body", f"{case['reply_body']!r} became {response.text!r}"))
            return None, found
        wrapped = response.json()
        expected = {name: case["reply_envelope"][name] for name in ("payloadtype", "error")}
        found += compare(expected, {name: wrapped[name] for name in expected}, self.meanings)
        reply = json.loads(base64.b64decode(wrapped["payload"]))
        unordered = case["reply_envelope"]["payloadtype"] in _IN_ANY_ORDER
        found += compare(case["reply_decoded"], reply, self.meanings, unordered=unordered)
        return reply, found

    def request_of(self, name: str, *, longest_s: int = 10) -> str:
        """Return the body of a recorded request, with the ids of the replay, signed by its caller.

        It waits no longer than `longest_s`: what is to happen meanwhile does not take its time here.
        """
        case = recordings()[name]
        if "request_envelope" not in case:
            return str(case["request_body"])
        sent = dict(case["request_envelope"])
        try:
            message = json.loads(base64.b64decode(sent["payload"], validate=True))
        except ValueError:
            message = None  # such is the case
        if isinstance(message, dict):
            if "timeout" in message:
                message["timeout"] = min(message["timeout"], longest_s)
            sent["payload"] = base64.b64encode(json.dumps(self.meanings.translate(message)).encode()).decode()
        if _was_signed(case):
            sent["signature"] = self._key(case["caller"]).sign(sent["payload"])
        return json.dumps(sent)

    def _key(self, caller: str) -> PrivateKey:
        if caller not in self.keys:  # an identity that the recording gave no name
            self.keys[caller] = PrivateKey.generate()
            self.meanings.learn(caller, self.keys[caller].identity)
        return self.keys[caller]

    # --- recorded subscriptions ------------------------------------------------------------------------------------

    def listen(self, name: str, meanwhile: Callable[[], object] = lambda: None, *, differs: bool = False) -> None:
        """Subscribe as recorded, let something happen, and compare the frames and the end of the connection.

        Where it `differs`, what was recorded is not waited for.
        """
        case = recordings()[name]
        listener, ends = Listener(self.server), case["end"] != _GAVE_UP
        with listener:
            listener.send(case.get("request_text") or self.request_of(name, longest_s=1))
            if differs or ends:
                listener.synchronise(self.keys["alice"])
            meanwhile()
            ended = not differs and listener.hear(len(case["frames"]), ends=ends)
        types = [frame["frame"]["payloadtype"] for frame in case["frames"]]
        replayed = [frame["payloadtype"] for frame, _ in listener.frames]
        if types != replayed:
            found = [Finding("frames", f"{types} became {replayed}")]
        else:
            decoded = [frame["decoded"] for frame in case["frames"]]
            found = compare(decoded, [content for _, content in listener.frames], self.meanings)
            if ended != ends:
                found.append(Finding("end", f"{case['end']!r} became {'an end' if ended else 'none'}"))
        self.note(name, found)


_GAVE_UP = "client gave up"


class Listener:
    """A websocket connection, and the frames that came over it."""

    def __init__(self, server: Server) -> None:
        self.frames: list[tuple[dict[str, Any], Any]] = []
        self._socket = websocket.create_connection(f"ws://{server.host}:{server.port}/pubsub", timeout=10)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, text: str) -> None:
        self._socket.send(text)

    def synchronise(self, key: PrivateKey) -> None:
        """Take all frames that come before the answer to something else, or before the connection ends."""
        with contextlib.suppress(websocket.WebSocketConnectionClosedException, OSError):
            self.send(json.dumps({**envelope(key, {"msgtype": "wrong"}), "payloadtype": "subscribeprocessmsg"}))
            while "does not match" not in self._receive()[1].get("message", ""):
                pass
            self.frames.pop()

    def hear(self, expected: int, *, ends: bool) -> bool:
        """Take frames until there are as many as expected, and the end if there is to be one; tell whether it came."""
        while True:
            self._socket.settimeout(10 if ends or len(self.frames) < expected else 0.1)
            try:
                self._receive()
            except websocket.WebSocketTimeoutException:
                return False
            except (websocket.WebSocketConnectionClosedException, OSError):
                return True

    def _receive(self) -> tuple[dict[str, Any], Any]:
        wrapped = json.loads(self._socket.recv())
        self.frames.append((wrapped, json.loads(base64.b64decode(wrapped["payload"]))))
        return self.frames[-1]


def _was_signed(case: dict[str, Any]) -> bool:
    """Whether the recorded signature was the caller's: some are wrong on purpose, some are empty."""
    sent = case["request_envelope"]
    try:
        identity = recover_identity(sent["payload"], sent["signature"])
    except ValueError:
        return False
    caller = case["caller"]
    if caller == "server":
        return identity == _SERVER_OWNER
    if caller in CALLERS:
        key = hashlib.sha256(f"pollinator-vector:{caller}".encode()).hexdigest()
        return identity == PrivateKey.from_hex(key).identity
    return bool(caller)
