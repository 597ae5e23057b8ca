"""What travels on the wire: the objects of protocol.md, section 6.

Field names are ColonyOS's own, so that encoding needs no table. Reading is tolerant: unknown fields are ignored, every
field may be missing, `null` is an empty list, hardware and software may be an object or a list (section 14). Times stay
text as they came; properties ending in `_at` interpret them, with None for the several forms of "unset" (section 1).
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

if TYPE_CHECKING:
    ListOf = list  # a list that the server may write as null
    OneOrMany = list  # a list that older versions write as a single object
else:

    class ListOf:
        """At run time: a list or null; `Wire.__post_init__` makes null an empty list."""

        def __class_getitem__(cls, item: Any) -> Any:
            return list[item] | None

    class OneOrMany:
        """At run time: a list, a single object, or null; `Wire.__post_init__` makes it a list."""

        def __class_getitem__(cls, item: Any) -> Any:
            return list[item] | item | None


UNSET_TIME = "0001-01-01T00:00:00Z"
_FRACTION = re.compile(r"\.(\d+)")


def prepare_reading(*types: type[msgspec.Struct]) -> None:
    """Have msgspec look at types now, before anything of them is read.

    It does so by itself at the first reading. But threads in which that is the first reading at the same time end the
    interpreter (a race in msgspec 0.22 and before: one thread reads with what another has not filled in yet).
    """
    for each in types:
        msgspec.json.Decoder(each)


def parse_time(text: str) -> datetime | None:
    """Read a time of the server, with any offset and up to nine digits of fraction; None if it is unset (year <= 1).

    One without an offset is UTC, so that all can be compared; one that other time zones could not hold is none.
    """
    if not text or text.startswith("000"):
        return None
    text = _FRACTION.sub(lambda match: "." + match.group(1)[:6].ljust(6, "0"), text).replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment if moment.year < 9999 else None


def format_time(moment: datetime | None) -> str:
    """Write a time as the server does; None becomes the unset time."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z") if moment else UNSET_TIME


class Wire(msgspec.Struct, kw_only=True):
    """Base of the wire types: null and single objects become lists."""

    _lists: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in self._lists:
            value = getattr(self, name)
            if not isinstance(value, list):
                setattr(self, name, [] if value is None else [value])


class ProcessState(IntEnum):
    """States of a process and of a process graph; those of newer servers read as UNKNOWN, which counts as closed."""

    UNKNOWN = -1
    WAITING = 0
    RUNNING = 1
    SUCCESS = 2
    FAILED = 3
    CANCELLED = 4

    @classmethod
    def _missing_(cls, _value: object) -> ProcessState:
        return cls.UNKNOWN

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def closed(self) -> bool:
        """Whether the process will not change any more."""
        return self not in {ProcessState.WAITING, ProcessState.RUNNING}


class ExecutorState(IntEnum):
    """States of an executor's registration."""

    UNKNOWN = -1
    PENDING = 0
    APPROVED = 1
    REJECTED = 2
    UNREGISTERED = 3

    @classmethod
    def _missing_(cls, _value: object) -> ExecutorState:
        return cls.UNKNOWN


class AttributeType(IntEnum):
    """What an attribute belongs to."""

    IN = 0
    OUT = 1
    ERR = 2
    ENV = 3


class Colony(Wire):
    """A colony; its id is its owner's identity."""

    colonyid: str = ""
    name: str = ""


class User(Wire):
    """A user of a colony; `userid` is the identity of the user's key."""

    colonyname: str = ""
    userid: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""


class Gpu(Wire):
    """Accelerators, as asked for or as present."""

    name: str = ""
    mem: str = ""
    count: int = 0
    nodecount: int = 0


class Hardware(Wire):
    """Hardware that an executor offers."""

    _lists = ("network",)

    model: str = ""
    nodes: int = 0
    cpu: str = ""
    cores: int = 0
    mem: str = ""
    storage: str = ""
    gpu: Gpu = field(default_factory=Gpu)
    platform: str = ""
    architecture: str = ""
    network: ListOf[str] = field(default_factory=list)


class Software(Wire):
    """Software that an executor offers."""

    name: str = ""
    type: str = ""
    version: str = ""


class Capabilities(Wire):
    """What an executor offers."""

    _lists = ("hardware", "software")

    hardware: OneOrMany[Hardware] = field(default_factory=list)
    software: OneOrMany[Software] = field(default_factory=list)


class Allocation(Wire):
    """What a compute project may use and has used on an executor."""

    allocatedcpu: int = 0
    usedcpu: int = 0
    allocatedgpu: int = 0
    usedgpu: int = 0
    allocatedstorage: int = 0
    usedstorage: int = 0


class Allocations(Wire):
    """Allocations by compute project."""

    projects: dict[str, Allocation] | None = None


class Executor(Wire):
    """An executor's registration in a colony."""

    executorid: str = ""
    executortype: str = ""
    executorname: str = ""
    colonyname: str = ""
    state: int = 0
    requirefuncreg: bool = False
    commissiontime: str = UNSET_TIME
    lastheardfromtime: str = UNSET_TIME
    locationname: str | UnsetType = UNSET
    location: dict[str, Any] | UnsetType | None = UNSET
    capabilities: Capabilities = field(default_factory=Capabilities)
    allocations: Allocations = field(default_factory=Allocations)

    @property
    def status(self) -> ExecutorState:
        """The registration's state."""
        return ExecutorState(self.state)

    @property
    def last_heard_at(self) -> datetime | None:
        """When it last asked for work; None if never."""
        return parse_time(self.lastheardfromtime)

    @property
    def place(self) -> str:
        """Where it stands, from the new or the old form of the location (section 14)."""
        if isinstance(self.locationname, str) and self.locationname:
            return self.locationname
        return str(self.location.get("desc", "")) if isinstance(self.location, dict) else ""


class Function(Wire):
    """A function that an executor has announced."""

    _lists = ("args",)

    functionid: str = ""
    executorname: str = ""
    executortype: str = ""
    colonyname: str = ""
    funcname: str = ""
    description: str = ""
    args: ListOf[dict[str, Any]] = field(default_factory=list)
    counter: int = 0
    minwaittime: float = 0.0
    maxwaittime: float = 0.0
    avgwaittime: float = 0.0
    minexectime: float = 0.0
    maxexectime: float = 0.0
    avgexectime: float = 0.0


class Attribute(Wire):
    """A key and value on a process."""

    attributeid: str = ""
    targetid: str = ""
    targetcolonyname: str = ""
    targetprocessgraphid: str = ""
    state: int = 0
    attributetype: int = 0
    key: str = ""
    value: str = ""


class Conditions(Wire):
    """What an executor must be and have to run the process (section 6.2)."""

    _lists = ("dependencies",)

    colonyname: str = ""
    executornames: list[str] | None = None
    executortype: str = ""
    locationname: str | UnsetType = UNSET
    dependencies: ListOf[str] = field(default_factory=list)
    nodes: int = 0
    cpu: str = ""
    processes: int = 0
    processespernode: int = 0
    mem: str = ""
    storage: str = ""
    gpu: Gpu = field(default_factory=Gpu)
    walltime: int = 0


class SnapshotMount(Wire):
    """A snapshot that the executor lays out in `dir` (below `Mounts.mount`) before the process runs."""

    snapshotid: str = ""
    label: str = ""
    dir: str = ""
    keepfiles: bool = False
    keepsnapshot: bool = False


class KeepLocal(Wire):
    """Whether the executor's own file wins a conflict."""

    keeplocal: bool = False


class OnConflicts(Wire):
    """Who wins conflicts when the process starts and when it closes."""

    onstart: KeepLocal = field(default_factory=KeepLocal)
    onclose: KeepLocal = field(default_factory=KeepLocal)


class DirMount(Wire):
    """A label that the executor synchronises with `dir` before and after the process runs."""

    label: str = ""
    dir: str = ""
    keepfiles: bool = False
    onconflicts: OnConflicts = field(default_factory=OnConflicts)


class Mounts(Wire):
    """The part of the meta-filesystem that a process sees."""

    _lists = ("snapshots", "dirs")

    mount: str = ""
    snapshots: ListOf[SnapshotMount] = field(default_factory=list)
    dirs: ListOf[DirMount] = field(default_factory=list)


class FunctionSpec(Wire):
    """What shall be run, where, for how long, with which files (section 6.2). Durations are whole seconds."""

    _lists = ("args",)

    nodename: str = ""
    funcname: str = ""
    args: ListOf[Any] = field(default_factory=list)
    kwargs: dict[str, Any] | None = field(default_factory=dict)
    priority: int = 0
    maxwaittime: int = 0
    maxexectime: int = 0
    maxretries: int = 0
    conditions: Conditions = field(default_factory=Conditions)
    label: str = ""
    fs: Mounts = field(default_factory=Mounts)
    env: dict[str, str] | None = field(default_factory=dict)
    channels: list[str] | UnsetType | None = UNSET


class Process(Wire):
    """The server's record of one execution (section 6.1)."""

    _lists = ("attributes", "parents", "children", "input", "output", "errors")

    processid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    assignedexecutorid: str = ""
    isassigned: bool = False
    state: int = 0
    prioritytime: int = 0
    submissiontime: str = UNSET_TIME
    starttime: str = UNSET_TIME
    endtime: str = UNSET_TIME
    waitdeadline: str = UNSET_TIME
    execdeadline: str = UNSET_TIME
    retries: int = 0
    attributes: ListOf[Attribute] = field(default_factory=list)
    spec: FunctionSpec = field(default_factory=FunctionSpec)
    waitforparents: bool = False
    parents: ListOf[str] = field(default_factory=list)
    children: ListOf[str] = field(default_factory=list)
    processgraphid: str = ""
    input: ListOf[Any] = field(name="in", default_factory=list)
    output: ListOf[Any] = field(name="out", default_factory=list)
    errors: ListOf[str] = field(default_factory=list)

    @property
    def status(self) -> ProcessState:
        """The state, with those of newer servers as UNKNOWN."""
        return ProcessState(self.state)

    @property
    def submitted_at(self) -> datetime | None:
        """When it was submitted."""
        return parse_time(self.submissiontime)

    @property
    def started_at(self) -> datetime | None:
        """When its latest attempt started; stays set while it waits for the next one."""
        return parse_time(self.starttime)

    @property
    def ended_at(self) -> datetime | None:
        """When it closed."""
        return parse_time(self.endtime)


class WorkflowSpec(Wire):
    """Functions that depend on each other: `conditions.dependencies` of each are names of nodes (`nodename`)."""

    _lists = ("functionspecs",)

    colonyname: str = ""
    functionspecs: ListOf[FunctionSpec] = field(default_factory=list)


class NodeLabel(Wire):
    """What stands on a node."""

    label: str = ""


class NodePosition(Wire):
    """Where a node stands, in pixels."""

    x: int = 0
    y: int = 0


class NodeStyle(Wire):
    """Colours of a node."""

    color: str = ""
    background: str = ""


class GraphNode(Wire):
    """A process as drawn in its graph; `type` is `input` without parents, `output` without children."""

    id: str = ""
    data: NodeLabel = field(default_factory=NodeLabel)
    position: NodePosition = field(default_factory=NodePosition)
    type: str = ""
    style: NodeStyle = field(default_factory=NodeStyle)


class GraphEdge(Wire):
    """An arrow from a process to one that depends on it, as drawn in their graph."""

    id: str = ""
    source: str = ""
    target: str = ""
    animated: bool = False


class ProcessGraph(Wire):
    """The server's record of a workflow. Only a graph that is asked for by its id comes with `nodes` and `edges`."""

    _lists = ("rootprocessids", "processids", "nodes", "edges")

    processgraphid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    rootprocessids: ListOf[str] = field(default_factory=list)
    state: int = 0
    submissiontime: str = UNSET_TIME
    starttime: str = UNSET_TIME
    endtime: str = UNSET_TIME
    processids: ListOf[str] = field(default_factory=list)
    nodes: ListOf[GraphNode] = field(default_factory=list)
    edges: ListOf[GraphEdge] = field(default_factory=list)

    @property
    def status(self) -> ProcessState:
        """The state, with those of newer servers as UNKNOWN."""
        return ProcessState(self.state)


class LogEntry(Wire):
    """A chunk of log as the executor sent it: many lines or part of one. `timestamp` is Unix nanoseconds."""

    processid: str = ""
    colonyname: str = ""
    executorname: str = ""
    message: str = ""
    timestamp: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] = 0


class S3Object(Wire):
    """Where the content of a file lies. The key fields must exist; this project always leaves them empty."""

    server: str = ""
    port: int = -1
    tls: bool = False
    accesskey: str = ""
    secretkey: str = ""
    region: str = ""
    encryptionkey: str = ""
    encryptionalg: str = ""
    object: str = ""
    bucket: str = ""

    def __repr__(self) -> str:
        return f"S3Object({self.server}, bucket={self.bucket!r}, object={self.object!r})"


class Reference(Wire):
    """How to get at a file's content."""

    protocol: str = "s3"
    s3object: S3Object = field(default_factory=S3Object)


class File(Wire):
    """One revision of a file of the meta-filesystem; its id never changes its meaning."""

    fileid: str = ""
    colonyname: str = ""
    label: str = ""
    name: str = ""
    size: int = 0
    sequencenr: int = 0
    checksum: str = ""
    checksumalg: str = "SHA256"
    ref: Reference = field(default_factory=Reference)
    added: str = UNSET_TIME


class FileData(Wire):
    """The latest revision of a file as listings show it: without its id. `size` is bytes."""

    name: str = ""
    checksum: str = ""
    size: int = 0
    s3filename: str = ""


class Label(Wire):
    """A directory of the meta-filesystem; `files` counts revisions."""

    name: str = ""
    files: int = 0


class Snapshot(Wire):
    """The ids of the latest revision of every file below a label, at one moment; in no order."""

    _lists = ("fileids",)

    snapshotid: str = ""
    colonyname: str = ""
    label: str = ""
    name: str = ""
    fileids: ListOf[str] = field(default_factory=list)
    added: str = UNSET_TIME


class Statistics(Wire):
    """Counters of a colony."""

    colonies: int = 0
    executors: int = 0
    activeexecutors: int = 0
    unregisteredexecutors: int = 0
    waitingprocesses: int = 0
    runningprocesses: int = 0
    successfulprocesses: int = 0
    failedprocesses: int = 0
    cancelledprocesses: int = 0
    waitingworkflows: int = 0
    runningworkflows: int = 0
    successfulworkflows: int = 0
    failedworkflows: int = 0
    cancelledworkflows: int = 0


class Cron(Wire):
    """What the server submits again and again; `workflowspec` is the JSON text of what it submits."""

    cronid: str = ""
    name: str = ""
    workflowspec: str = ""


class Version(Wire):
    """What the server says of itself; the strings may be empty."""

    buildversion: str = ""
    buildtime: str = ""


prepare_reading(*Wire.__subclasses__())
