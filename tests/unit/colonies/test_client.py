"""What the client asks for is what the recorded tools asked for, and what it returns is what the server recorded."""

# ruff: noqa: ARG005  all recorded calls have one shape, whether they need the recorded message or not
from __future__ import annotations

import inspect

import msgspec
import pytest
from recordings import ALL
from scripted_server import cuts, refuses, replies, says, sleeps, slowly

from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import (
    Allocations,
    AttributeType,
    Capabilities,
    Colony,
    Conditions,
    Executor,
    File,
    Function,
    FunctionSpec,
    Hardware,
    ProcessState,
    User,
    WorkflowSpec,
)
from pollinator_magic.errors import (
    AccessDenied,
    InvalidReply,
    NotFound,
    ServerError,
    ServerUnreachable,
    SubmissionUnclear,
    Unsupported,
)

PROCESS = "ce3698b0c56e8e7dbb8af6304e80476f5c2fe93a710fd8d679a8fc74be79a037"
SPEC = FunctionSpec(funcname="execute", conditions=Conditions(colonyname="hpc"))
READ = msgspec.convert

# The recorded exchange, and the call that must send the same request. `m` is the recorded message, so that ids need no
# copying; what a call adds by itself (colony name, empty fields) is not taken from it.
EXCHANGES = {
    "colony/add": lambda c, m: c.add_colony(READ(m["colony"], Colony)),
    "colony/remove": lambda c, m: c.remove_colony("vectmp"),
    "colony/list": lambda c, m: c.colonies(),
    "colony/get": lambda c, m: c.colony_info(),
    "user/add": lambda c, m: c.add_user(READ(m["user"], User)),
    "user/list": lambda c, m: c.users(),
    "user/get_by_name": lambda c, m: c.user("alice"),
    "user/remove": lambda c, m: c.remove_user("temp"),
    "executor/approve": lambda c, m: c.approve_executor("ex1"),
    "executor/reject": lambda c, m: c.reject_executor("pend1"),
    "executor/remove": lambda c, m: c.remove_executor("pend1"),
    "executor/list_empty": lambda c, m: c.executors(),
    "executor/list": lambda c, m: c.executors(),
    "executor/get": lambda c, m: c.executor("ex1"),
    "executor/get_by_id": lambda c, m: c.executor_by_id(m["executorid"]),
    "executor/update_capabilities": lambda c, m: c.update_capabilities("ex1", READ(m["capabilities"], Capabilities)),
    "executor/report_allocation": lambda c, m: c.report_allocations("ex1", READ(m["allocations"], Allocations)),
    "function/add": lambda c, m: c.add_function(Function(executorname="ex1", funcname="execute")),
    "function/add_with_description": lambda c, m: c.add_function(READ(m["fun"], Function)),
    "function/list_by_executor": lambda c, m: c.functions("ex1"),
    "function/list_by_colony": lambda c, m: c.functions(),
    "function/remove": lambda c, m: c.remove_function(m["functionid"]),
    "process_submit/full": lambda c, m: c.submit(READ(m["spec"], FunctionSpec)),
    "process_get/waiting_full": lambda c, m: c.process(m["processid"]),
    "process_list/waiting": lambda c, m: c.processes(ProcessState.WAITING, count=1),
    "process_list/successful": lambda c, m: c.processes(ProcessState.SUCCESS, count=1),
    "process_history/failed_last_hour": lambda c, m: c.history(ProcessState.FAILED, seconds=3600),
    "process_history/by_executor_id": lambda c, m: c.history(
        ProcessState.FAILED, seconds=3600, executor_id=m["executorid"]
    ),
    "process_history/none_is_null": lambda c, m: c.history(
        ProcessState.FAILED, seconds=3600, executor_id=m["executorid"]
    ),
    "process_assign/success": lambda c, m: c.assign(2, cpu="1500m", mem="2Gi"),
    "process_assign/no_work_negative_timeout_returns_at_once": lambda c, m: c.assign(-1),
    "process_close_successful/success": lambda c, m: c.close_successful(m["processid"], ["done", {"a": 1}]),
    "process_close_failed/success": lambda c, m: c.close_failed(m["processid"], ["boom", "second"]),
    "process_set_output/success": lambda c, m: c.set_output(m["processid"], ["partial", 1]),
    "process_cancel/running_by_user": lambda c, m: c.cancel(m["processid"]),
    "process_remove/closed": lambda c, m: c.remove_process(m["processid"]),
    "process_remove_all/waiting": lambda c, m: c.remove_all_processes(ProcessState.WAITING),
    "workflow/get_waiting": lambda c, m: c.process_graph(m["processgraphid"]),
    "workflow/list_failed": lambda c, m: c.process_graphs(ProcessState.FAILED, count=1),
    "workflow/list_running_null": lambda c, m: c.process_graphs(ProcessState.RUNNING, count=1),
    "workflow/cancel_graph": lambda c, m: c.cancel_graph(m["processgraphid"]),
    "workflow/remove": lambda c, m: c.remove_graph(m["processgraphid"]),
    "cron/list": lambda c, m: c.crons(count=10),
    "cron/list_empty_is_list": lambda c, m: c.crons(count=10),
    "attribute/add_out_type_1": lambda c, m: c.add_attribute(PROCESS, "result", "42"),
    "attribute/add_env_type_3": lambda c, m: c.add_attribute(PROCESS, "NODES", "n1,n2", AttributeType.ENV),
    "attribute/get": lambda c, m: c.attribute(m["attributeid"]),
    "log/add": lambda c, m: c.add_log(PROCESS, "hello\n"),
    "log/add_executor_log": lambda c, m: c.add_executor_log("ex1", "executor started"),
    "log/get_all": lambda c, m: c.logs(PROCESS, count=100),
    "log/get_since_is_exclusive_ns": lambda c, m: c.logs(PROCESS, since_ns=m["since"], count=100),
    "log/search": lambda c, m: c.search_logs("line", count=10),
    "file/add": lambda c, m: c.add_file(READ(m["file"], File)),
    "file/get_by_id": lambda c, m: c.file(m["fileid"]),
    "file/get_latest_by_name": lambda c, m: c.file_named("/proj/src", "main.py"),
    "file/get_by_name_all_revisions_newest_first": lambda c, m: c.revisions("/proj/src", "main.py"),
    "file/list_filedata": lambda c, m: c.files("/proj/src"),
    "file/labels_all": lambda c, m: c.labels(),
    "file/labels_empty_null": lambda c, m: c.labels(),
    "file/labels_prefix": lambda c, m: c.labels("/proj/src"),
    "file/remove_by_id": lambda c, m: c.remove_file(m["fileid"]),
    "file/remove_by_name_all_revisions": lambda c, m: c.remove_files_named("/proj/misc", "id.txt"),
    "snapshot/create": lambda c, m: c.create_snapshot("/proj/src", "snap1"),
    "snapshot/get_by_id_keeps_old_revision": lambda c, m: c.snapshot(m["snapshotid"]),
    "snapshot/list": lambda c, m: c.snapshots(),
    "snapshot/list_empty_null": lambda c, m: c.snapshots(),
    "snapshot/remove_by_id": lambda c, m: c.remove_snapshot(m["snapshotid"]),
    "envelope/version_unsigned": lambda c, m: c.version(),
    "statistics/colony": lambda c, m: c.statistics(),
}


@pytest.fixture
def vec(server, key):
    with Colonies(server.address, "vec", key, read_timeout_s=10) as colonies:
        yield colonies


@pytest.mark.parametrize("name", EXCHANGES)
def test_requests_equal_the_recorded_ones_and_replies_are_understood(vec, server, name):
    recorded = ALL[name]
    server.plays(says(recorded.body, recorded.status))

    result = EXCHANGES[name](vec, recorded.message)

    assert server.messages == [recorded.message]
    if recorded.reply is None:
        assert result == []
    elif recorded.reply == {} or recorded.status != 200:
        assert result is None
    elif isinstance(recorded.reply, list) and isinstance(result, list):
        assert len(result) == len(recorded.reply)
    else:
        assert result


@pytest.mark.parametrize("name", ["executor/add", "executor/add_minimal"])
def test_a_registration_says_all_that_was_recorded_and_nothing_that_is_the_servers(vec, server, name):
    recorded = ALL[name]
    server.plays(says(recorded.body))
    executor = READ(recorded.message["executor"], Executor)

    assert vec.add_executor(executor).executorid == executor.executorid

    sent = server.messages[0]["executor"]
    assert {field: sent[field] for field in recorded.message["executor"]} == recorded.message["executor"]
    assert not {"state", "allocations"} & sent.keys()


def test_the_minimal_specification_is_sent_with_its_defaults(vec, server):
    recorded = ALL["process_submit/minimal"]
    server.plays(says(recorded.body))

    vec.submit(READ(recorded.message["spec"], FunctionSpec))

    spec = server.messages[0]["spec"]
    assert spec["funcname"] == "f"
    assert spec["conditions"]["executortype"] == "other-type"
    assert "channels" not in spec


def test_a_workflow_is_sent_with_all_that_was_recorded(vec, server):
    recorded = ALL["workflow/submit"]
    server.plays(says(recorded.body))
    workflow = READ(recorded.message["spec"], WorkflowSpec)

    graph = vec.submit_workflow(WorkflowSpec(functionspecs=workflow.functionspecs))

    assert server.messages[0]["msgtype"] == recorded.message["msgtype"]
    assert READ(server.messages[0]["spec"], WorkflowSpec) == workflow
    assert len(graph.processids) == len(workflow.functionspecs)


def test_me_is_the_user_with_this_keys_identity(vec, server, key):
    server.plays(replies({"name": "alice", "userid": key.identity}))

    assert vec.me().name == "alice"
    assert server.messages == [{"msgtype": "getuserbyidmsg", "colonyname": "vec", "userid": key.identity}]


def test_every_public_operation_is_compared_with_a_recording():
    compared = " ".join(inspect.getsource(call) for call in EXCHANGES.values())
    apart = {
        "add_executor",
        "me",
        "labels_below",
        "executor_logs",
        "submit_workflow",
        "remove_all_graphs",
        "healthy",
        "close",
    }

    operations = {name for name, value in vars(Colonies).items() if inspect.isfunction(value) and name[0] != "_"}

    assert {name for name in operations - apart if f"c.{name}(" not in compared} == set()


def test_every_public_operation_says_what_it_means():
    for name, method in inspect.getmembers(Colonies, inspect.isfunction):
        assert name.startswith("_") or method.__doc__


def test_counts_are_kept_within_what_the_server_allows(client, server):
    server.plays(replies(None))

    client.processes(ProcessState.WAITING, count=1000)
    client.logs(PROCESS, count=10_000)
    client.search_logs("x", days=365, count=1000)

    assert [message["count"] for message in server.messages] == [100, 500, 100]
    assert server.messages[2]["days"] == 30


def test_no_work_is_none_however_the_server_says_it(client, server):
    for status, text in [
        (404, "No process available for assignment"),
        (408, "Assignment timeout: colony assignments are paused"),
        (503, "No processes available: colony assignments are paused"),
    ]:
        server.plays(refuses(status, text))
        assert client.assign(1) is None


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (refuses(400, "Invalid timeout value, timeout cannot be zero"), ServerError),
        (refuses(500, "Failed to assign process, executor not found"), AccessDenied),
        (says("404 page not found", 404), InvalidReply),
        (says("<h1>503</h1>", 503), ServerUnreachable),
    ],
    ids=["refused", "no-executor", "no-colonies-server", "gateway"],
)
def test_a_failed_assignment_is_not_taken_for_no_work(client, server, play, error):
    server.plays(play)

    with pytest.raises(error):
        client.assign(1)
    assert len(server.messages) == 1


def test_an_assignment_waits_longer_than_the_server_does(server, key):
    server.plays(slowly(0.2, replies({"processid": "p1"})))
    with Colonies(server.address, "hpc", key, read_timeout_s=0.05) as client:
        assert client.assign(3).processid == "p1"


def test_a_submission_whose_answer_is_lost_is_unclear_and_not_repeated(client, server):
    server.plays(cuts, replies({"processid": "p1"}))

    with pytest.raises(SubmissionUnclear, match="%pollinator jobs"):
        client.submit(SPEC)
    assert len(server.messages) == 1


def test_a_submission_that_is_not_answered_in_time_is_unclear(server, key):
    server.plays(sleeps)
    with Colonies(server.address, "hpc", key, read_timeout_s=0.1) as client, pytest.raises(SubmissionUnclear):
        client.submit(SPEC)
    assert len(server.messages) == 1


def test_a_submission_to_nobody_is_clear(nobody, key):
    with Colonies(nobody, "hpc", key) as client, pytest.raises(ServerUnreachable) as caught:
        client.submit(SPEC)

    assert not isinstance(caught.value, SubmissionUnclear)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.add_log(PROCESS, "x"),
        lambda c: c.add_executor_log("ex1", "x"),
        lambda c: c.add_attribute(PROCESS, "k", "v"),
        lambda c: c.add_function(Function(executorname="ex1", funcname="f")),
        lambda c: c.add_user(User(name="eve")),
        lambda c: c.add_executor(Executor(executorname="ex1")),
        lambda c: c.add_colony(Colony(name="hpc")),
        lambda c: c.assign(1),
    ],
    ids=lambda call: inspect.getsource(call).split("c.")[-1].split("(")[0],
)
def test_what_would_count_twice_is_sent_once(client, server, call):
    server.plays(cuts, replies({}))

    with pytest.raises(ServerUnreachable):
        call(client)
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("call", "second_answer"),
    [
        (lambda c: c.cancel(PROCESS), refuses(400, "Tried to cancel already cancelled process")),
        (lambda c: c.close_failed(PROCESS, ["x"]), refuses(400, "Tried to set failed process as failed")),
        (lambda c: c.remove_process(PROCESS), refuses(500, "Failed to remove process, process is nil")),
        (lambda c: c.remove_user("eve"), refuses(400, "User with name <eve> not found")),
        (lambda c: c.remove_colony("old"), refuses(400, "Colony with name <old> not found")),
        (lambda c: c.remove_function("f"), refuses(404, "Failed to remove function, function does not exist")),
    ],
    ids=["cancel", "close_failed", "remove_process", "remove_user", "remove_colony", "remove_function"],
)
def test_what_a_lost_answer_has_done_already_is_done(client, server, call, second_answer):
    server.plays(cuts, second_answer)
    call(client)

    server.plays(second_answer)
    with pytest.raises(ServerError):  # without a lost answer it was somebody else
        call(client)


def test_cancelling_a_closed_process_is_refused_even_after_a_lost_answer(client, server):
    server.plays(cuts, refuses(400, "Tried to cancel successful process"))

    with pytest.raises(ServerError, match="successful"):
        client.cancel(PROCESS)


def test_a_snapshot_whose_answer_was_lost_is_found_by_its_name(client, server):
    exists = refuses(500, "Snapshot with name <s1> in Colony <hpc> already exists")
    server.plays(cuts, exists, replies({"snapshotid": "id1", "name": "s1"}))

    assert client.create_snapshot("/p/src", "s1").snapshotid == "id1"
    assert server.messages[-1] == {"msgtype": "getsnapshotmsg", "colonyname": "hpc", "snapshotid": "", "name": "s1"}


def test_a_snapshot_name_that_is_taken_is_refused(client, server):
    exists = refuses(500, "Snapshot with name <s1> in Colony <hpc> already exists")
    server.plays(exists, replies({"snapshotid": "of somebody else", "name": "s1"}))

    with pytest.raises(ServerError, match="already exists"):
        client.create_snapshot("/p/src", "s1")


def test_cancelling_on_an_old_server_is_unsupported(client, server):
    server.plays(refuses(403, "invalid rpcMsg.PayloadType: cancelprocessmsg"))

    with pytest.raises(Unsupported):
        client.cancel(PROCESS)


def test_an_old_server_has_no_cancelled_processes(client, server):
    server.plays(refuses(400, "Failed to get processes, invalid msg.State"))

    assert client.processes(ProcessState.CANCELLED) == []
    with pytest.raises(ServerError, match=r"invalid msg\.State"):
        client.processes(ProcessState.FAILED)


def test_an_old_server_without_crons_has_none(client, server):
    server.plays(refuses(500, "Failed to get crons, crons is nil"))

    assert client.crons() == []


def test_on_an_old_server_me_is_found_among_the_users(client, server, key):
    me, other = {"userid": key.identity, "name": "alice"}, {"userid": "0" * 64, "name": "bob"}
    unknown = refuses(403, "invalid rpcMsg.PayloadType: getuserbyidmsg")
    server.plays(unknown, replies([other, me]), unknown, replies([other]))

    assert client.me().name == "alice"
    with pytest.raises(NotFound, match="no user with this key"):
        client.me()


def test_an_old_server_is_told_one_hardware_and_one_software(client, server):
    machine = Capabilities(hardware=[Hardware(model="first"), Hardware(model="second")])
    executor = Executor(executorid="0" * 64, executorname="e", capabilities=machine)
    server.plays(refuses(400, "Failed to add executor, invalid JSON"), replies({"executorname": "e"}))

    assert client.add_executor(executor).executorname == "e"

    lists, objects = (message["executor"]["capabilities"] for message in server.messages)
    assert [entry["model"] for entry in lists["hardware"]] == ["first", "second"]
    assert (objects["hardware"]["model"], objects["software"]) == ("first", {})


def test_another_refusal_of_a_registration_is_not_repeated(client, server):
    server.plays(refuses(400, "Executor with name <e> in Colony <hpc> already exists"))

    with pytest.raises(ServerError, match="already exists"):
        client.add_executor(Executor(executorid="0" * 64, executorname="e"))

    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("label", "asked", "found"),
    [
        ("/p/src", "/p/src", ["/p/src", "/p/src/pkg", "/p/src/"]),
        ("/p/src/", "/p/src", ["/p/src", "/p/src/pkg", "/p/src/"]),
        ("/p/s_c", "/p/s_c", []),
        ("/", "", ["/p/src", "/p/src/pkg", "/p/src2", "/p/src/", "/q"]),
        ("/p\\x", "/p", []),
    ],
)
def test_labels_below_are_the_label_and_its_sub_labels_only(client, server, label, asked, found):
    names = ["/p/src", "/p/src/pkg", "/p/src2", "/p/src/", "/q"]
    server.plays(replies([{"name": name, "files": 1} for name in names]))

    assert [each.name for each in client.labels_below(label)] == found
    assert server.messages[0]["name"] == asked
    assert server.messages[0]["exact"] is False


def test_labels_below_are_found_although_the_label_itself_holds_no_file(client, server):
    server.plays(replies([{"name": "/p/src/pkg", "files": 1}]))

    assert [each.name for each in client.labels_below("/p/src")] == ["/p/src/pkg"]


def test_an_executors_log_does_not_show_its_namesake_of_another_colony(client, server):
    server.plays(replies([{"message": "ours", "colonyname": "hpc"}, {"message": "theirs", "colonyname": "other"}]))

    assert [entry.message for entry in client.executor_logs("ex1")] == ["ours"]
    assert server.messages[0]["executorname"] == "ex1"
    assert server.messages[0]["processid"] == ""


def test_a_file_that_is_not_there_is_not_found_even_if_the_server_returns_nothing(client, server):
    server.plays(replies([]))

    with pytest.raises(NotFound, match=r"no file 'main\.py'"):
        client.file_named("/p/src", "main.py")


def test_the_key_is_not_in_the_clients_repr(server):
    key = PrivateKey.generate()
    with Colonies(server.address, "hpc", key) as client:
        assert key.reveal() not in repr(client) + repr(vars(client))
        assert (
            repr(client)
            == f"Colonies({server.address.url}, colony 'hpc', identity {key.identity[:4]}…{key.identity[-4:]})"
        )


def test_health_is_asked_without_a_signature(client, server):
    assert client.healthy()
    assert server.messages == []
