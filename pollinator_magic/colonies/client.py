"""One method an operation of the Colonies server (protocol.md, section 7), in one colony, as one key.

Lists are never None. Every method raises the errors of `rpc` and `envelope`: ServerUnreachable, AccessDenied, NotFound,
Unsupported, InvalidReply, or plain ServerError for a request that the server refuses.

What is repeated when the connection breaks: reading, and whatever ends the same when it is done twice. Never repeated
are submissions, assignments, log lines, attributes and functions (a second one would count), and additions of users,
executors and colonies (the second would be refused as a duplicate).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from pollinator_magic.colonies.envelope import short
from pollinator_magic.colonies.models import (
    Attribute,
    AttributeType,
    Colony,
    Cron,
    Executor,
    File,
    FileData,
    Function,
    Label,
    LogEntry,
    Process,
    ProcessGraph,
    ProcessState,
    Snapshot,
    Statistics,
    User,
    Version,
    prepare_reading,
)
from pollinator_magic.colonies.rpc import Rpc
from pollinator_magic.errors import (
    InvalidReply,
    NotFound,
    ServerError,
    ServerUnreachable,
    SubmissionUnclear,
    Unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from pollinator_magic.colonies.address import Server
    from pollinator_magic.colonies.keys import PrivateKey
    from pollinator_magic.colonies.models import (
        Allocations,
        Capabilities,
        FunctionSpec,
        Wire,
        WorkflowSpec,
    )

MAX_PROCESSES = 100
"""So many processes the server lists at most."""
MAX_CRONS = 100
MAX_LOGS = 500
"""So many log entries the server returns at most in one reply."""
MAX_FOUND_LOGS = 100
MAX_SEARCH_DAYS = 30

_NO_WORK = {404, 408, 503}  # nothing within the timeout; the last two while assignments are paused
_ASSIGN_MARGIN_S = 10.0


class _Nothing(msgspec.Struct):
    """The reply `{}`."""


prepare_reading(_Nothing)


class Colonies:
    """Operations in colony `colony` of `server`, signed with `key`. May be used by many threads at once."""

    def __init__(
        self,
        server: Server,
        colony: str,
        key: PrivateKey,
        *,
        connect_timeout_s: float = 5,
        read_timeout_s: float = 30,
        verify: bool = True,
    ) -> None:
        self.server = server
        self.colony = colony
        self.identity = key.identity
        self.rpc = Rpc(server, key, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s, verify=verify)

    def close(self) -> None:
        """Close the connections."""
        self.rpc.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Colonies({self.server.url}, colony {self.colony!r}, identity {short(self.identity)})"

    # Colonies and users

    def add_colony(self, colony: Colony) -> Colony:
        """Add a colony; needs the server owner's key. Its `colonyid` is its owner's identity."""
        return self.rpc.call("addcolonymsg", {"colony": colony}, Colony, repeatable=False)

    def remove_colony(self, name: str) -> None:
        """Remove a colony and everything in it; needs the server owner's key."""
        self._remove("removecolonymsg", {"colonyname": name})

    def colonies(self) -> list[Colony]:
        """Return all colonies of the server; needs the server owner's key."""
        return self.rpc.call("getcoloniesmsg", {}, list[Colony])

    def colony_info(self) -> Colony:
        """Return this colony's record; a member's key is needed."""
        return self.rpc.call("getcolonymsg", {"colonyname": self.colony}, Colony)

    def add_user(self, user: User) -> User:
        """Add a user; needs the colony owner's key. A name that exists is refused, a known identity is not."""
        return self.rpc.call("addusermsg", {"user": user}, User, repeatable=False)

    def users(self) -> list[User]:
        """Return the users of the colony."""
        return self.rpc.call("getusersmsg", {"colonyname": self.colony}, list[User])

    def user(self, name: str) -> User:
        """Return the user of that name."""
        return self.rpc.call("getusermsg", {"colonyname": self.colony, "name": name}, User)

    def me(self) -> User:
        """Return the user that this key belongs to; NotFound if it is an executor's, AccessDenied if it is nobody's."""
        try:
            return self.rpc.call("getuserbyidmsg", {"colonyname": self.colony, "userid": self.identity}, User)
        except Unsupported:  # a server of before 1.9
            for user in self.users():
                if user.userid == self.identity:
                    return user
            raise NotFound(f"{self.server} has no user with this key in colony {self.colony!r}.") from None

    def remove_user(self, name: str) -> None:
        """Remove a user; needs the colony owner's key."""
        self._remove("removeusermsg", {"colonyname": self.colony, "name": name})

    # Executors and functions

    def add_executor(self, executor: Executor) -> Executor:
        """Register an executor, which is then pending; needs the colony owner's key.

        The same name again registers anew or is refused, as the server is configured.
        """
        record = _without(executor, "state", "allocations")
        try:
            return self.rpc.call("addexecutormsg", {"executor": record}, Executor, repeatable=False)
        except ServerError as error:
            if error.status != 400 or "invalid JSON" not in str(error):
                raise
        older = {**record, "capabilities": _first_of_each(record["capabilities"])}
        return self.rpc.call("addexecutormsg", {"executor": older}, Executor, repeatable=False)

    def approve_executor(self, name: str) -> None:
        """Let a registered executor work; needs the colony owner's key."""
        self._do("approveexecutormsg", self._executor(name))

    def reject_executor(self, name: str) -> None:
        """Refuse a registered executor; needs the colony owner's key."""
        self._do("rejectexecutormsg", self._executor(name))

    def remove_executor(self, name: str) -> None:
        """Unregister an executor; its running processes go back to waiting. Needs the colony owner's key."""
        self._remove("removeexecutormsg", self._executor(name))

    def executors(self) -> list[Executor]:
        """Return all executors of the colony, rejected and unregistered ones too (see `Executor.status`)."""
        return self.rpc.call("getexecutorsmsg", {"colonyname": self.colony}, list[Executor])

    def executor(self, name: str) -> Executor:
        """Return the executor of that name."""
        return self.rpc.call("getexecutormsg", self._executor(name), Executor)

    def executor_by_id(self, executor_id: str) -> Executor:
        """Return the executor with that identity."""
        return self.rpc.call("getexecutorbyidmsg", {"colonyname": self.colony, "executorid": executor_id}, Executor)

    def update_capabilities(self, name: str, capabilities: Capabilities) -> None:
        """Announce what the executor offers; needs its own key."""
        self._do("updateexecutormsg", {**self._executor(name), "capabilities": capabilities})

    def report_allocations(self, name: str, allocations: Allocations) -> None:
        """Announce what compute projects have used on the executor; needs its own key."""
        self._do("reportallocationmsg", {**self._executor(name), "allocations": allocations})

    def add_function(self, function: Function) -> Function:
        """Announce a function of the executor whose key this is. Announcing it twice makes two of them."""
        record: dict[str, object] = {
            "executorname": function.executorname,
            "colonyname": function.colonyname or self.colony,
            "funcname": function.funcname,
        }
        for name in ("executortype", "description", "args"):
            if getattr(function, name):
                record[name] = getattr(function, name)
        return self.rpc.call("addfunctionmsg", {"fun": record}, Function, repeatable=False)

    def functions(self, executor: str = "") -> list[Function]:
        """Return the functions of one executor, by default of all in the colony."""
        return self.rpc.call("getfunctionsmsg", self._executor(executor), list[Function])

    def remove_function(self, function_id: str) -> None:
        """Withdraw a function; needs its executor's key."""
        self._remove("removefunctionmsg", {"functionid": function_id})

    # Processes

    def submit(self, spec: FunctionSpec) -> Process:
        """Submit a function specification and return the waiting process, as the server normalised it.

        Never sent twice: when the answer is lost or cannot be read, SubmissionUnclear says so.
        """
        with self._once("job"):
            return self.rpc.call("submitfuncspecmsg", {"spec": spec}, Process, repeatable=False)

    def process(self, process_id: str) -> Process:
        """Return a process by its full id."""
        return self.rpc.call("getprocessmsg", {"processid": process_id}, Process)

    def processes(
        self,
        state: ProcessState,
        *,
        count: int = MAX_PROCESSES,
        executor_type: str = "",
        label: str = "",
        initiator: str = "",
    ) -> list[Process]:
        """Return up to `count` (at most 100) processes in `state`.

        Waiting ones come in the order in which they will run, closed ones latest first. The server applies one filter
        only: `executor_type`, else `initiator` (a user's name), else `label`.
        """
        message = {
            "colonyname": self.colony,
            "count": min(count, MAX_PROCESSES),
            "state": state,
            "executortype": executor_type,
            "label": label,
            "initiator": initiator,
        }
        try:
            return self.rpc.call("getprocessesmsg", message, list[Process])
        except ServerError as error:
            if state is ProcessState.CANCELLED and "invalid msg.State" in str(error):
                return []  # a server of before 1.9.6, where nothing is ever cancelled
            raise

    def history(self, state: ProcessState, *, seconds: int, executor_id: str = "") -> list[Process]:
        """Return all processes in `state` that were submitted within the last `seconds`, oldest first."""
        message = {"colonyname": self.colony, "executorid": executor_id, "seconds": seconds, "state": state}
        return self.rpc.call("getprocesshistmsg", message, list[Process])

    def assign(self, timeout_s: int, *, cpu: str = "", mem: str = "") -> Process | None:
        """Wait up to `timeout_s` whole seconds (negative: not at all) for work for this executor, or return None.

        `cpu` ("1500m") and `mem` ("2Gi") are what is free here; "" is unlimited. Wake-ups get lost on the server, so
        short timeouts (5 to 10 s), asked again at once, find work sooner than one long one.
        """
        message = {"colonyname": self.colony, "timeout": timeout_s, "availablecpu": cpu, "availablemem": mem}
        patience_s = max(timeout_s, 0) + _ASSIGN_MARGIN_S
        try:
            # Not repeated: a process assigned in a lost reply runs nowhere, and asking again would take a second one.
            return self.rpc.call("assignprocessmsg", message, Process, repeatable=False, read_timeout_s=patience_s)
        except (ServerUnreachable, InvalidReply):
            raise
        except ServerError as error:
            if error.status in _NO_WORK:
                return None
            raise

    def close_successful(self, process_id: str, output: Sequence[Any] = ()) -> None:
        """Close a process that this executor runs as successful, with any JSON values as its output."""
        self._do("closesuccessfulmsg", {"processid": process_id, "out": list(output)})

    def close_failed(self, process_id: str, errors: Sequence[str]) -> None:
        """Close a process that this executor runs as failed, with what users should read about it."""
        message: dict[str, object] = {"processid": process_id, "errors": list(errors)}
        self._do("closefailedmsg", message, done_already="failed process as failed")

    def set_output(self, process_id: str, output: Sequence[Any]) -> None:
        """Replace the output of a process that this executor runs; an empty one changes nothing."""
        self._do("setoutputmsg", {"processid": process_id, "out": list(output)})

    def cancel(self, process_id: str) -> None:
        """Cancel a waiting or running process. ServerError with status 400 if it is closed already."""
        self._do("cancelprocessmsg", {"processid": process_id}, done_already="already cancelled")

    def remove_process(self, process_id: str) -> None:
        """Remove the record of a process that is not running."""
        self._remove("removeprocessmsg", {"processid": process_id, "all": False})

    def remove_all_processes(self, state: int = -1) -> None:
        """Remove the records of all processes, or of those in one state; needs the colony owner's key."""
        self._do("removeallprocessesmsg", {"colonyname": self.colony, "state": state})

    # Workflows

    def submit_workflow(self, workflow: WorkflowSpec) -> ProcessGraph:
        """Submit functions that depend on each other; return the graph of their processes, yet without a drawing.

        An empty `workflow.colonyname` means this colony. Never sent twice, as with `submit`.
        """
        spec = msgspec.structs.replace(workflow, colonyname=workflow.colonyname or self.colony)
        with self._once("workflow"):
            return self.rpc.call("submitworkflowspecmsg", {"spec": spec}, ProcessGraph, repeatable=False)

    def process_graph(self, graph_id: str) -> ProcessGraph:
        """Return a process graph by its full id, with nodes and edges."""
        return self.rpc.call("getprocessgraphmsg", {"processgraphid": graph_id}, ProcessGraph)

    def process_graphs(self, state: ProcessState, *, count: int = MAX_PROCESSES) -> list[ProcessGraph]:
        """Return up to `count` (at most 100) process graphs in `state`, newest first, without nodes and edges."""
        message = {"colonyname": self.colony, "count": min(count, MAX_PROCESSES), "state": state}
        return self.rpc.call("getprocessgraphsmsg", message, list[ProcessGraph])

    def cancel_graph(self, graph_id: str) -> None:
        """Cancel a process graph with all members that have not ended."""
        self._do("cancelprocessgraphmsg", {"processgraphid": graph_id})

    def remove_graph(self, graph_id: str) -> None:
        """Remove the records of a process graph that is not running, and of its processes."""
        self._remove("removeprocessgraphmsg", {"processgraphid": graph_id, "all": False})

    def remove_all_graphs(self, state: int = -1) -> None:
        """Remove all process graphs with their processes, or those in one state; needs the colony owner's key."""
        self._do("removeallprocessgraphsmsg", {"colonyname": self.colony, "state": state})

    def crons(self, *, count: int = MAX_CRONS) -> list[Cron]:
        """Return up to `count` of what the server submits by itself; none from a server that knows no such thing."""
        try:
            return self.rpc.call("getcronsmsg", {"colonyname": self.colony, "count": count}, list[Cron])
        except (Unsupported, NotFound):  # a server of before 1.9 does not find any where there are none
            return []

    # Attributes and logs

    def add_attribute(
        self, process_id: str, key: str, value: str, kind: AttributeType = AttributeType.OUT
    ) -> Attribute:
        """Attach a key and value to a process that this executor runs. It cannot be changed or set again."""
        attribute = {
            "targetid": process_id,
            "targetcolonyname": self.colony,
            "targetprocessgraphid": "",
            "attributetype": kind,
            "key": key,
            "value": value,
        }
        return self.rpc.call("addattributemsg", {"attribute": attribute}, Attribute, repeatable=False)

    def attribute(self, attribute_id: str) -> Attribute:
        """Return an attribute by its id. A process carries its attributes itself (`Process.attributes`)."""
        return self.rpc.call("getattributemsg", {"attributeid": attribute_id}, Attribute)

    def add_log(self, process_id: str, message: str) -> None:
        """Append to the log of a process that this executor runs; AccessDenied once it is not running any more."""
        self._do("addlogmsg", {"processid": process_id, "message": message}, repeatable=False)

    def add_executor_log(self, name: str, message: str) -> None:
        """Append to the executor's own log; needs its key."""
        self._do("addexecutorlogmsg", {**self._executor(name), "message": message}, repeatable=False)

    def logs(
        self, process_id: str, *, since_ns: int = 0, count: int = MAX_LOGS, latest: bool = False
    ) -> list[LogEntry]:
        """Return up to `count` (at most 500) entries of a process's log, oldest first.

        They begin after `since_ns` (Unix nanoseconds of the last entry seen; 0 is the beginning), or are the last ones
        with `latest`.
        """
        return self._logs(process_id, "", since_ns, count, latest=latest)

    def executor_logs(
        self, name: str, *, since_ns: int = 0, count: int = MAX_LOGS, latest: bool = False
    ) -> list[LogEntry]:
        """Return entries of an executor's own log, as `logs` does. The server also finds its namesakes elsewhere."""
        found = self._logs("", name, since_ns, count, latest=latest)
        return [entry for entry in found if entry.colonyname in {"", self.colony}]

    def search_logs(self, text: str, *, days: int = 1, count: int = MAX_FOUND_LOGS) -> list[LogEntry]:
        """Return up to `count` (at most 100) log entries of the last `days` (at most 30) with `text`, unordered.

        Case matters, and `%` and `_` are wildcards of the server.
        """
        message = {
            "colonyname": self.colony,
            "text": text,
            "days": min(days, MAX_SEARCH_DAYS),
            "count": min(count, MAX_FOUND_LOGS),
        }
        return self.rpc.call("searchlogsmsg", message, list[LogEntry])

    # Files: metadata only, the contents are in the object store

    def add_file(self, file: File) -> File:
        """Record a new revision of `file.label` / `file.name` and return it with its id.

        Repeated when the reply was lost: that may leave one more revision of the same content, which readers cannot
        tell from the first, and is better than a transfer that fails half-way.
        """
        record = _without(file, "fileid", "sequencenr", "added")
        record["colonyname"] = file.colonyname or self.colony
        return self.rpc.call("addfilemsg", {"file": record}, File, bulk=True)

    def file(self, file_id: str) -> File:
        """Return one revision by its id."""
        return self._one_file({"fileid": file_id, "label": "", "name": "", "latest": False})

    def file_named(self, label: str, name: str) -> File:
        """Return the latest revision of a file."""
        return self._one_file({"fileid": "", "label": label, "name": name, "latest": True})

    def revisions(self, label: str, name: str) -> list[File]:
        """Return all revisions of a file, newest first."""
        message = {"colonyname": self.colony, "fileid": "", "label": label, "name": name, "latest": False}
        return self.rpc.call("getfilemsg", message, list[File])

    def files(self, label: str) -> list[FileData]:
        """Return the latest revisions of the files directly in `label`, unordered; none for an unknown label."""
        return self.rpc.call("getfilesmsg", {"colonyname": self.colony, "label": label}, list[FileData])

    def labels(self, prefix: str = "") -> list[Label]:
        """Return all labels that start with this text (`/a` finds `/ab`; `%` and `_` are wildcards)."""
        return self.rpc.call(
            "getfilelabelsmsg", {"colonyname": self.colony, "name": prefix, "exact": False}, list[Label]
        )

    def labels_below(self, label: str) -> list[Label]:
        """Return `label` itself, if it holds files, and all labels in it.

        The server's own exact search finds nothing where the label itself holds no file, hence the prefix search. What
        precedes a backslash is searched for, because the server takes one for an escape.
        """
        base = label.rstrip("/")
        found = self.labels(base.split("\\", 1)[0])
        return [each for each in found if each.name == base or each.name.startswith(base + "/")]

    def remove_file(self, file_id: str) -> None:
        """Remove one revision; no error if it is unknown. The object stays."""
        self._do("removefilemsg", {"colonyname": self.colony, "fileid": file_id, "label": "", "name": ""})

    def remove_files_named(self, label: str, name: str) -> None:
        """Remove all revisions of a file; no error if there are none. The objects stay."""
        self._do("removefilemsg", {"colonyname": self.colony, "fileid": "", "label": label, "name": name})

    # Snapshots

    def create_snapshot(self, label: str, name: str) -> Snapshot:
        """Freeze the latest revisions of all files in and below `label`, under a name that is new in the colony.

        The label must hold a file directly, else the snapshot is empty. The name must not contain a colon, which would
        break the server's listing.
        """
        try:
            return self.rpc.call(
                "createsnapshotmsg", {"colonyname": self.colony, "label": label, "name": name}, Snapshot
            )
        except ServerError as error:
            if error.repeated and "already exists" in str(error):  # made by the try whose reply was lost
                return self._snapshot(name=name)
            raise

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """Return a snapshot by its id."""
        return self._snapshot(snapshot_id)

    def snapshots(self) -> list[Snapshot]:
        """Return all snapshots of the colony, newest first."""
        return self.rpc.call("getsnapshotsmsg", {"colonyname": self.colony}, list[Snapshot])

    def remove_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot; no error if it is unknown. Its files stay."""
        self._do("removesnapshotmsg", {"colonyname": self.colony, "snapshotid": snapshot_id, "name": ""})

    # The server

    def version(self) -> Version:
        """Return what the server says of itself."""
        return self.rpc.call("versionmsg", {}, Version)

    def statistics(self) -> Statistics:
        """Return the colony's counters."""
        return self.rpc.call("getcolonystatsmsg", {"colonyname": self.colony}, Statistics)

    def healthy(self) -> bool:
        """Whether the server answers at all; never raises."""
        return self.rpc.healthy()

    # What several operations share

    @contextmanager
    def _once(self, what: str) -> Iterator[None]:
        """Say so if `what` may have been submitted although no reply came."""
        try:
            yield
        except (ServerUnreachable, InvalidReply) as error:
            if isinstance(error, ServerUnreachable) and not error.sent:
                raise
            raise SubmissionUnclear(
                f"The answer of {self.server} to a submission was lost, so the {what} may be running. "
                f"Look for it with `%pollinator jobs` before you submit it again. ({error})",
                status=error.status,
                sent=True,
            ) from error

    def _executor(self, name: str) -> dict[str, object]:
        return {"colonyname": self.colony, "executorname": name}

    def _do(
        self, msgtype: str, message: dict[str, object], *, repeatable: bool = True, done_already: str | None = None
    ) -> None:
        """Carry out what has no reply; `done_already` is how the server refuses to do it a second time."""
        try:
            self.rpc.call(msgtype, message, _Nothing, repeatable=repeatable)
        except ServerError as error:
            if not (done_already and error.repeated and done_already in str(error)):
                raise

    def _remove(self, msgtype: str, message: dict[str, object]) -> None:
        """Remove; that it is gone is success if an earlier try of ours may have removed it."""
        try:
            self._do(msgtype, message)
        except NotFound as error:
            if not error.repeated:
                raise

    def _logs(self, process_id: str, executor: str, since_ns: int, count: int, *, latest: bool) -> list[LogEntry]:
        message = {
            "colonyname": self.colony,
            "processid": process_id,
            "executorname": executor,
            "count": min(count, MAX_LOGS),
            "since": since_ns,
            "latest": latest,
        }
        return self.rpc.call("getlogsmsg", message, list[LogEntry])

    def _one_file(self, which: dict[str, object]) -> File:
        found = self.rpc.call("getfilemsg", {"colonyname": self.colony, **which}, list[File])
        if not found:
            raise NotFound(f"{self.server} has no file {which['fileid'] or which['name']!r} in colony {self.colony!r}.")
        return found[0]

    def _snapshot(self, snapshot_id: str = "", name: str = "") -> Snapshot:
        message = {"colonyname": self.colony, "snapshotid": snapshot_id, "name": name}
        return self.rpc.call("getsnapshotmsg", message, Snapshot)


def _without(record: Wire, *names: str) -> dict[str, Any]:
    """Return the fields of a record without those that only the server sets."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    return {name: value for name, value in fields.items() if name not in names}


def _first_of_each(capabilities: dict[str, list[Any]]) -> dict[str, Any]:
    """Return capabilities as servers before 1.9.6 read them: one object where the later ones have a list."""
    return {name: next(iter(entries), {}) for name, entries in capabilities.items()}
