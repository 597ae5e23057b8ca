"""The embedded colony refuses and answers as the real server was recorded to do."""

from __future__ import annotations

import pytest
from asking import World, ask, recorded, without_ids

from pollinator_magic.colonies.keys import PrivateKey

_NOBODY = "0" * 64

# (group, case, state of the process that the request is about)
CASES = [
    ("envelope", "unknown_payloadtype", ""),
    ("envelope", "empty_payloadtype", ""),
    ("envelope", "msgtype_mismatch", ""),
    ("envelope", "payload_wrong_field_type", ""),
    ("colony", "add_duplicate_name", ""),
    ("colony", "add_not_server_owner", ""),
    ("colony", "add_bad_id_length", ""),
    ("colony", "add_missing_colony", ""),
    ("colony", "list_not_server_owner", ""),
    ("colony", "get_by_colony_owner_denied", ""),
    ("colony", "get_not_member", ""),
    ("colony", "get_unknown_colony", ""),
    ("colony", "remove_not_server_owner", ""),
    ("colony", "remove_unknown", ""),
    ("user", "list_empty_by_colony_owner_denied", ""),
    ("user", "add_duplicate_name", ""),
    ("user", "add_not_colony_owner", ""),
    ("user", "add_unknown_colony", ""),
    ("user", "get_unknown_name", ""),
    ("user", "get_unknown_id", ""),
    ("user", "remove_not_colony_owner", ""),
    ("user", "remove_unknown", ""),
    ("executor", "add_not_colony_owner", ""),
    ("executor", "add_missing_executor", ""),
    ("executor", "approve_not_owner", ""),
    ("executor", "approve_unknown", ""),
    ("executor", "get_unknown", ""),
    ("executor", "get_by_unknown_id", ""),
    ("executor", "list_not_member", ""),
    ("executor", "update_capabilities", ""),
    ("executor", "update_capabilities_other_executor", ""),
    ("executor", "update_capabilities_unknown", ""),
    ("executor", "report_allocation", ""),
    ("executor", "report_allocation_by_other", ""),
    ("executor", "remove_not_owner", ""),
    ("executor", "remove_unknown", ""),
    ("function", "list_empty", ""),
    ("function", "add_to_other_executor", ""),
    ("function", "add_unknown_executor", ""),
    ("function", "list_not_member", ""),
    ("function", "remove_unknown", ""),
    ("process_submit", "not_member", ""),
    ("process_submit", "by_colony_owner_denied", ""),
    ("process_submit", "unknown_colony", ""),
    ("process_submit", "empty_colony", ""),
    ("process_submit", "missing_spec", ""),
    ("process_submit", "priority_too_high", ""),
    ("process_submit", "cpu_garbage", ""),
    ("process_submit", "kwargs_not_object", ""),
    ("process_get", "unknown", ""),
    ("process_get", "not_member", "running"),
    ("process_get", "by_colony_owner_denied", "waiting"),
    ("process_list", "running_empty_is_null", ""),
    ("process_list", "count_100", ""),
    ("process_list", "count_101", ""),
    ("process_list", "count_zero", "successful"),
    ("process_list", "state_5", ""),
    ("process_list", "state_minus_1", ""),
    ("process_list", "by_initiator_executor_rejected", ""),
    ("process_list", "not_member", ""),
    ("process_history", "none_is_null", "failed"),
    ("process_assign", "timeout_zero", ""),
    ("process_assign", "by_user_denied", ""),
    ("process_assign", "no_work_negative_timeout_returns_at_once", ""),
    ("process_assign", "not_member", ""),
    ("process_cancel", "waiting_by_other_user", "waiting"),
    ("process_cancel", "running_by_user", "running"),
    ("process_cancel", "executor_add_log_after_cancel", "cancelled"),
    ("process_cancel", "executor_close_after_cancel", "cancelled"),
    ("process_cancel", "executor_fail_after_cancel", "cancelled"),
    ("process_cancel", "already_cancelled", "cancelled"),
    ("process_cancel", "successful_process", "successful"),
    ("process_cancel", "failed_process", "failed"),
    ("process_cancel", "unknown", ""),
    ("process_cancel", "not_member", "waiting"),
    ("process_close_failed", "waiting_process", "waiting"),
    ("process_close_failed", "successful_process", "successful"),
    ("process_close_failed", "unknown_process", ""),
    ("process_close_successful", "by_other_executor", "running"),
    ("process_close_successful", "by_user", "running"),
    ("process_close_successful", "waiting_process", "waiting"),
    ("process_close_successful", "unknown_process", ""),
    ("process_close_successful", "success", "running"),
    ("process_close_successful", "already_successful", "successful"),
    ("process_set_output", "success", "running"),
    ("process_set_output", "by_user", "running"),
    ("process_set_output", "by_other_executor", "running"),
    ("process_set_output", "unknown_process", ""),
    ("process_set_output", "waiting_process", "waiting"),
    ("process_set_output", "after_close", "successful"),
    ("process_remove", "running", "running"),
    ("process_remove", "closed", "successful"),
    ("process_remove", "unknown", ""),
    ("process_remove", "not_member", "waiting"),
    ("process_remove_all", "running_refused", ""),
    ("process_remove_all", "not_owner", ""),
    ("process_timeouts", "late_close_after_failure", "failed"),
    ("process_timeouts", "late_log_after_unassign", "waiting"),
    ("process_timeouts", "late_close_after_unassign", "waiting"),
    ("attribute", "get_unknown", ""),
    ("attribute", "add_out_type_1", "running"),
    ("attribute", "add_by_user", "running"),
    ("attribute", "add_unknown_process", ""),
    ("attribute", "add_to_waiting_process", "waiting"),
    ("attribute", "add_after_close", "successful"),
    ("log", "add", "running"),
    ("log", "add_by_other_executor", "running"),
    ("log", "add_by_user", "running"),
    ("log", "add_unknown_process", ""),
    ("log", "add_to_waiting_process", "waiting"),
    ("log", "add_empty_message", "running"),
    ("log", "add_after_close", "successful"),
    ("log", "get_none_is_null", "running"),
    ("log", "get_count_zero", "running"),
    ("log", "get_count_501", "running"),
    ("log", "get_not_member", "running"),
    ("log", "get_unknown_process", ""),
    ("log", "get_unknown_executor", ""),
    ("log", "add_executor_log", ""),
    ("log", "add_executor_log_name_mismatch", ""),
    ("log", "search_count_101", ""),
    ("log", "search_days_31", ""),
    ("log", "search_not_member", ""),
    ("file", "labels_empty_null", ""),
    ("file", "add_not_member", ""),
    ("file", "add_by_colony_owner_denied", ""),
    ("file", "add_missing_file", ""),
    ("file", "get_unknown_id", ""),
    ("file", "get_unknown_name", ""),
    ("file", "get_malformed", ""),
    ("file", "get_not_member", ""),
    ("file", "list_filedata_unknown_label_is_empty_list", ""),
    ("file", "list_filedata_not_member", ""),
    ("file", "remove_by_id_unknown_succeeds", ""),
    ("file", "remove_malformed", ""),
    ("file", "remove_not_member", ""),
    ("snapshot", "list_empty_null", ""),
    ("snapshot", "get_unknown_id", ""),
    ("snapshot", "get_unknown_name", ""),
    ("snapshot", "get_malformed", ""),
    ("snapshot", "get_not_member", ""),
    ("snapshot", "remove_unknown_succeeds", ""),
    ("snapshot", "remove_all", ""),
    ("statistics", "colony_unknown", ""),
    ("statistics", "server_not_owner", ""),
    ("server_info", "version_msgtype_mismatch", ""),
    ("server_info", "cluster_not_owner", ""),
]


@pytest.fixture(scope="module")
def shared():
    world = World()
    world.keys["outsider"] = PrivateKey.generate()
    yield world
    world.close()


@pytest.fixture(autouse=True)
def clean(shared: World):
    yield
    shared.client("colony").remove_all_processes()


def _about(message: dict, process_id: str) -> dict:
    """Let the recorded request be about this process, unless it is about none that exists."""
    fields = {**message}
    for name in ("processid", "targetid"):
        if fields.get(name) not in {None, "", _NOBODY}:
            fields[name] = process_id
    if isinstance(fields.get("attribute"), dict):
        fields["attribute"] = _about(fields["attribute"], process_id)
    return fields


@pytest.mark.parametrize(("group", "case", "state"), CASES, ids=[f"{group}-{case}" for group, case, _ in CASES])
def test_answers_as_the_real_server_was_recorded(shared: World, group: str, case: str, state: str):
    recording = recorded(group, case)
    request = recording["request_envelope_decoded"]
    process = shared.process(state) if state else None
    message = _about(request["payload"], process.processid if process else "")
    payloadtype = request["payloadtype"]

    status, reply = ask(shared.server, shared.keys.get(recording["caller"]), message, payloadtype)

    assert status == recording["http_status"]
    expected = recording["reply_decoded"]
    if status == 200 and isinstance(expected, dict):
        assert set(reply) >= set(expected)
    else:
        assert without_ids(reply) == without_ids(expected)


def test_a_submitted_process_is_normalised_and_shaped_as_recorded(shared: World):
    recording = recorded("process_submit", "full")

    status, reply = ask(shared.server, shared.keys["alice"], recording["request_envelope_decoded"]["payload"])

    expected = recording["reply_decoded"]
    assert status == 200
    assert reply["spec"] == expected["spec"]
    assert set(reply) == set(expected)
    assert [(a["key"], a["value"], a["attributetype"]) for a in reply["attributes"]] == [("FOO", "bar", 3)]


@pytest.mark.parametrize(
    ("group", "case"),
    [("envelope", "field_names_case_insensitive"), ("envelope", "unknown_fields_ignored")],
)
def test_requests_are_read_as_leniently_as_by_the_real_server(shared: World, group: str, case: str):
    recording = recorded(group, case)
    message = recording["request_envelope_decoded"]["payload"]

    status, reply = ask(shared.server, shared.keys["alice"], message, "getcolonymsg")

    assert status == 200
    assert reply == {"colonyid": shared.owner_key.identity, "name": "vec"}


@pytest.mark.parametrize("name", ["submitworkflowspecmsg", "addcronmsg", "channelreadmsg", "pauseassignmentsmsg"])
def test_operations_of_a_larger_server_are_refused_as_by_an_older_one(shared: World, name: str):
    status, reply = ask(shared.server, shared.keys["alice"], {"msgtype": name, "colonyname": "vec"})

    assert (status, reply["message"]) == (403, f"invalid rpcMsg.PayloadType: {name}")


def test_memory_sizes_are_read_as_surveyed_and_never_at_random(shared: World):
    survey = recorded("process_submit", "memory_suffix_survey")["results"]
    spec = {"funcname": "f", "maxexectime": -1, "conditions": {"colonyname": "vec", "executortype": "none"}}

    for suffix, heard in survey.items():
        spec["conditions"]["mem"] = f"2048{suffix}"
        status, reply = ask(shared.server, shared.keys["alice"], {"msgtype": "submitfuncspecmsg", "spec": spec})
        if heard["accepted"] == heard["of"]:
            assert (status, reply["spec"]["conditions"]["mem"]) == (200, heard["returned"][0]), suffix
        else:
            assert status == 400, suffix
