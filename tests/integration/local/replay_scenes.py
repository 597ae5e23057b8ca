"""What happened in the recordings, in an order in which it can have happened: recorded exchanges, and what lay between.

Each scene has a server of its own. Together they replay every recorded case once.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
from asking import EXECUTOR_TYPE
from replay_acts import (
    accepts,
    assign,
    cases_of,
    file_in,
    id_of,
    listening,
    process_of,
    shown_in,
    state_after_leaving,
    status_of_poll_beside,
    trace_of,
)
from replay_stage import Stage, recordings

from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import (
    Colony,
    File,
    FunctionSpec,
    ProcessState,
    User,
    WorkflowSpec,
)
from tests.waiting import eventually


def members(stage: Stage) -> None:
    """The colony and its users come into being; other colonies are there too."""
    add = ("add", "add_duplicate_name", "add_not_server_owner", "add_bad_id_length", "add_missing_colony")
    stage.play("colony", *add)
    server, owner, outsider = stage.client("server"), stage.client("colony"), stage.keys["outsider"].identity
    for name, owner_key in {"dev": None, "feas": None, "vec2": stage.keys["colony2"]}.items():
        server.add_colony(Colony(colonyid=(owner_key or PrivateKey.generate()).identity, name=name))
    stage.play("user", "list_empty_by_colony_owner_denied", "add", "add_second", "add_duplicate_name")
    owner.add_user(User(colonyname="vec", userid=outsider, name="dup1"))
    stage.play("user", "add_duplicate_id_other_name", "add_not_colony_owner", "add_unknown_colony", "list")
    for name in ("dup1", "dup2"):
        owner.remove_user(name)
    owner.add_user(User(colonyname="vec", userid=PrivateKey.generate().identity, name="temp"))
    stage.play_rest("user")
    stage.play("colony", "list", "list_not_server_owner", "get_by_colony_owner_denied", "get", "get_not_member")
    server.add_colony(Colony(colonyid=PrivateKey.generate().identity, name="vectmp"))
    stage.play_rest("colony")
    stage.play_rest("envelope")
    stage.play_rest("server_info")


def executors(stage: Stage) -> None:
    """Executors register, wait for approval, and are removed."""
    stage.client("server").add_colony(Colony(colonyid=stage.keys["colony"].identity, name="vec"))
    stage.client("colony").add_user(User(colonyname="vec", userid=stage.keys["alice"].identity, name="alice"))
    tolerated = "add_old_capabilities_shape_rejected"  # at the end: it would be one more in the lists
    cases = [case for case in cases_of("executor") if case != tolerated]
    stage.play("executor", *cases[: cases.index("approve")])
    stage.client("colony").approve_executor("ex2")
    stage.play("executor", *cases[cases.index("approve") :], tolerated)


def functions(stage: Stage) -> None:
    """An executor announces functions; one of them is run, and closed twice."""
    stage.found()
    stage.play("function", *cases_of("function", last="remove_unknown"))
    process = stage.client("alice").submit(stage.spec())
    assign(stage, "ex1")
    for _ in range(2):
        stage.client("ex1").close_successful(process.processid, ["done"])
    stage.play_rest("function")


def processes(stage: Stage) -> None:
    """Some processes are submitted and run; one fails, two are cancelled, one is removed."""
    stage.found()
    stage.found("vec2")
    stage.play("process_submit", *(case for case in cases_of("process_submit") if case != "memory_suffix_survey"))
    stage.play("process_get", *cases_of("process_get", last="by_executor"))
    stage.play("process_assign", *cases_of("process_assign", last="success"))
    stage.play("process_get", "running")
    running = threading.Timer(0.1, stage.submit_again, ["process_assign/long_poll_woken_after_1s"])
    running.start()
    stage.play("process_assign", "long_poll_woken_after_1s")
    running.join()

    stage.play("log", *cases_of("log", last="add_to_waiting_process"))
    for number in range(4):
        stage.client("ex1").add_log(id_of(stage, "process_submit/full"), f"line {number} no newline")
    stage.play("log", *cases_of("log", first="add_empty_message", last="add_executor_log_name_mismatch"))
    other = stage.client("user2").submit(stage.spec(conditions={"colonyname": "vec2"}))
    assign(stage, "exec2")
    stage.client("exec2").add_log(other.processid, "SECRET OF vec2")
    stage.play("log", *cases_of("log", first="get_by_executor_leaks_other_colony", last="search_not_member"))

    stage.play("attribute", *cases_of("attribute", last="add_to_waiting_process"))
    stage.play("process_get", "running_with_attributes")
    stage.play("process_set_output", *cases_of("process_set_output", last="waiting_process"))
    stage.play("process_get", "running_with_output")
    stage.play_rest("process_close_successful")
    stage.play("process_get", "successful")
    stage.play("process_close_failed", "by_other_executor", "success")
    stage.play("process_get", "failed")
    stage.play_rest("process_close_failed")
    stage.play("process_set_output", "after_close")
    stage.play("attribute", "add_after_close")
    stage.play("log", "add_after_close")

    stage.submit_again("process_get/cancelled_while_waiting")
    stage.play("process_cancel", "waiting_by_other_user")
    stage.play("process_get", "cancelled_while_waiting")
    stage.submit_again("process_get/cancelled_while_running")
    assign(stage, "ex1")
    stage.play("process_cancel", "running_by_user")
    stage.play("process_get", "cancelled_while_running")
    stage.play_rest("process_cancel")
    stage.play("process_get", "cancelled_then_closed_by_executor")

    stage.play_rest("process_list")
    stage.play_rest("process_history")
    stage.play_rest("statistics")
    removed = stage.submit_again("process_get/successful_no_output")
    assign(stage, "ex1")
    stage.play("process_remove", "running")
    stage.client("ex1").close_successful(removed)
    stage.play_rest("process_get")
    stage.play_rest("process_remove")
    stage.play_rest("process_remove_all")


def matching(stage: Stage) -> None:
    """Processes wait with unusual conditions, memory is written in every way, and polls compete for work."""
    stage.found()
    stage.found("vec2")
    alice, owner = stage.client("alice"), stage.client("colony")
    gpu = {"name": "none", "mem": "", "count": 8, "nodecount": 0}
    for case, conditions in {
        "condition_storage_1Gi": {"storage": "1Gi"},
        "condition_nodes_127": {"nodes": 127},
        "condition_nodes_128": {"nodes": 128},
        "condition_processespernode_128": {"processespernode": 128},
        "condition_gpu_8": {"gpu": gpu},
    }.items():
        alice.submit(msgspec.convert(msgspec.to_builtins(stage.spec(conditions=conditions)), FunctionSpec))
        stage.play("process_assign", case)
        owner.remove_all_processes()

    survey = recordings()["process_submit/memory_suffix_survey"]["results"]
    stage.note_values("process_submit/memory_suffix_survey", survey, {each: accepts(stage, each) for each in survey})
    owner.remove_all_processes()

    for case, rival in {
        "wakeup_lost_to_other_executor_same_colony": "ex1",
        "wakeup_lost_to_executor_of_other_colony": "exec2",
    }.items():
        recorded = [each["http_status"] for each in recordings()[f"process_assign/{case}"]["results_for_ex2"]]
        replayed = [status_of_poll_beside(stage, rival) for _ in recorded]
        stage.note_values(f"process_assign/{case}", recorded, replayed)
    name = "process_assign/client_disconnects_during_long_poll"
    recorded = [each["process_state_0.6s_later"] for each in recordings()[name]["results"]]
    replayed = [state_after_leaving(stage, when) for when in ("after the reply came", "before", "long before")]
    stage.note_values(name, recorded, replayed)


def timeouts(stage: Stage) -> None:
    """Processes wait or run for too long, and their executors come back too late."""
    stage.found()
    traces = {
        "maxexectime_1_maxretries_2": {"maxexectime": 1, "maxretries": 2},
        "maxexectime_0": {"maxexectime": 0, "maxretries": 0},
        "maxexectime_minus_1": {},
        "maxwaittime_1": {"maxwaittime": 1},
        "maxwaittime_0": {"maxwaittime": 0},
        "executor_removed_while_running": {},
    }
    with ThreadPoolExecutor(len(traces)) as threads:
        runs = {case: threads.submit(trace_of, stage, case, fields) for case, fields in traces.items()}
        seen = {case: run.result() for case, run in runs.items()}
    for case, trace in seen.items():
        events = recordings()[f"process_timeouts/{case}"]["events"]
        recorded = [{name: value for name, value in event.items() if name != "t_s"} for event in events]
        stage.note_values(f"process_timeouts/{case}", recorded, trace)

    late = stage.submit_for("process_timeouts/late_close_after_failure", maxexectime=0, maxretries=0)
    assign(stage, "ex1")
    eventually(lambda: process_of(stage, late).status is ProcessState.FAILED)
    stage.play("process_timeouts", "late_close_after_failure")
    again = stage.submit_again("process_timeouts/get_after_unassign")
    assign(stage, "ex1")
    eventually(lambda: process_of(stage, again).status is ProcessState.WAITING)
    stage.play("process_timeouts", "late_log_after_unassign", "late_close_after_unassign", "get_after_unassign")
    stage.client("colony").remove_all_processes()
    waited = stage.submit_again("process_timeouts/get_after_maxwaittime")
    eventually(lambda: process_of(stage, waited).status is ProcessState.FAILED)
    stage.play("process_timeouts", "get_after_maxwaittime")
    case = recordings()["process_timeouts/removed_executor_key_is_refused"]
    stage.submit_for("process_timeouts/removed_executor_key_is_refused")
    shown = recordings()["process_timeouts/get_after_executor_removed"]["reply_decoded"]["spec"]["conditions"]
    stage.keys[case["caller"]] = PrivateKey.generate()
    (name,) = shown["executornames"]
    stage.register(name, stage.keys[case["caller"]])
    stage.submit_again("process_timeouts/get_after_executor_removed")
    assign(stage, case["caller"])
    stage.client("colony").remove_executor(name)
    stage.play_rest("process_timeouts")


def files(stage: Stage) -> None:
    """Files are added, looked up and removed; snapshots freeze them."""
    stage.found()
    alice = stage.client("alice")
    stage.play("file", *cases_of("file", last="add_empty_file"))
    util = alice.add_file(file_in("/proj/src/pkg", "util.py"))
    alice.add_file(file_in("/proj/src2", "other.py"))
    alice.add_file(file_in("/deep/a/b", "only.txt"))
    stage.play("file", *cases_of("file", first="add_label_without_slash_kept_verbatim", last="remove_not_member"))
    for case in ("get_file_written_by_real_cli", "get_empty_file_written_by_real_cli"):
        (shown,) = recordings()[f"file/{case}"]["reply_decoded"]
        alice.add_file(msgspec.convert(shown, File))
    stage.play_rest("file")

    created = recordings()["snapshot/create"]["reply_decoded"]["fileids"]
    (of_util,) = [each for each in created if each not in stage.meanings]
    stage.meanings.learn(of_util, util.fileid)
    stage.play("snapshot", *cases_of("snapshot", last="create_root_without_direct_files_is_EMPTY"))
    newer = alice.add_file(file_in("/proj/src", "main.py"))
    later = recordings()["snapshot/create_name_with_colon"]["reply_decoded"]["fileids"]
    (of_newer,) = [each for each in later if each not in stage.meanings]
    stage.meanings.learn(of_newer, newer.fileid)
    stage.play("snapshot", *cases_of("snapshot", first="get_by_id_keeps_old_revision", last="list"))
    alice.remove_file(util.fileid)
    stage.play_rest("snapshot")


def workflows(stage: Stage) -> None:
    """One workflow fails in its second step, another is cancelled before its first."""
    stage.found()
    submitted = recordings()["workflow/submit"]["request_envelope_decoded"]["payload"]["spec"]
    stage.play("workflow", *cases_of("workflow", last="not_member"))
    first = assign(stage, "ex1")
    stage.play("workflow", "get_running", "cancel_member_process_refused", "remove_running_refused")
    stage.client("ex1").close_successful(first.processid, ["r1"])
    second = stage.play("workflow", "assign_child_has_parent_output_as_input")
    stage.play("workflow", "remove_member_process_refused")
    stage.client("ex1").close_failed(second["processid"], ["boom"])
    stage.play("workflow", *cases_of("workflow", first="get_failed", last="get_unknown"))
    graph = stage.client("alice").submit_workflow(msgspec.convert(submitted, WorkflowSpec))
    shown = recordings()["workflow/get_cancelled"]["reply_decoded"]
    stage.meanings.learn(shown["processgraphid"], graph.processgraphid)
    members = {process_of(stage, each).spec.nodename: each for each in graph.processids}
    for node in shown["nodes"]:
        stage.meanings.learn(node["id"], members[node["data"]["label"]])
    stage.play_rest("workflow")


def subscriptions(stage: Stage) -> None:
    """Websocket connections wait for processes to come into a state."""
    stage.found()
    stage.found("vec2")
    alice, ex1 = stage.client("alice"), stage.client("ex1")
    for name in recordings():
        if name.startswith("websocket/channel_"):
            stage.listen(name, differs=True)
    process = stage.submit_again("websocket/process_already_in_state")
    stage.listen("websocket/process_already_in_state")
    stage.listen("websocket/process_running_on_assign", lambda: assign(stage, "ex1"))
    stage.listen(
        "websocket/process_empty_executortype_ok",
        lambda: ex1.close_successful(process, shown_in("process_empty_executortype_ok")["out"]),
    )
    stage.submit_for("websocket/process_wrong_executortype_never_fires")
    wrong = assign(stage, "ex1")
    stage.listen(
        "websocket/process_wrong_executortype_never_fires", lambda: ex1.close_successful(wrong.processid, ["x"])
    )
    failing = stage.submit_for("websocket/process_success_subscription_does_not_see_failure")
    assign(stage, "ex1")
    stage.listen(
        "websocket/process_success_subscription_does_not_see_failure", lambda: ex1.close_failed(failing, ["x"])
    )
    cancelled = stage.submit_again("websocket/process_cancelled")
    assign(stage, "ex1")
    stage.listen("websocket/process_cancelled", lambda: alice.cancel(cancelled))
    stage.submit_again("websocket/process_outsider_key_is_accepted")
    stage.listen("websocket/process_outsider_key_is_accepted", differs=True)
    for case in ("process_unknown", "process_timeout_zero", "process_timeout_1"):
        stage.listen(f"websocket/{case}")
    for case in ("msgtype_mismatch", "bad_json", "bad_signature", "unknown_payloadtype_ignored"):
        stage.listen(f"websocket/{case}")
    stage.listen("websocket/processes_user_key_refused")
    stage.client("colony").remove_all_processes()
    case = "websocket/processes_waiting_by_executor"
    stage.listen(case, lambda: [stage.submit_shown(frame["decoded"]) for frame in recordings()[case]["frames"]])
    user2 = stage.client("user2")
    stage.listen(
        "websocket/processes_sees_other_colony", lambda: user2.submit(stage.spec(conditions={"colonyname": "vec2"}))
    )

    everything = {"msgtype": "subscribeprocessesmsg", "colonyname": "vec", "executortype": EXECUTOR_TYPE, "state": 0}
    with listening(stage, "ex2", everything) as one, listening(stage, "ex2", everything) as other:
        for _ in range(4):
            alice.submit(stage.spec())
        for each in (one, other):
            each.synchronise(stage.keys["alice"])
    recorded = recordings()["websocket/two_processes_subscribers_share_events"]["events_per_subscriber"]
    heard = [len(each.frames) for each in (one, other)]
    stage.note_values("websocket/two_processes_subscribers_share_events", recorded, heard)
    stage.client("colony").remove_all_processes()
    name = "websocket/subscriber_steals_executor_wakeup"
    recorded = [each["http_status"] for each in recordings()[name]["assign_results"]]
    with listening(stage, "ex2", everything):
        stage.note_values(name, recorded, [status_of_poll_beside(stage, None) for _ in recorded])


def left_out(stage: Stage) -> None:
    """What the embedded colony does not know."""
    stage.found()
    for group in ("channel", "cron", "location", "pause"):
        stage.play_rest(group)


SCENES = (
    *(members, executors, functions, processes, matching, timeouts),
    *(files, workflows, subscriptions, left_out),
)
