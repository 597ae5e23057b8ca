"""Each weakness of upstream that a client or an executor meets has a test that plays it, or shows it cannot happen.

The keys are rows of protocol.md, section 13, and other sections that list irregularities; the values are tests.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]

ROWS = {
    "13.1 empty files have no object": [
        "test_a_project_with_only_directories_and_empty_files_runs_and_brings_its_results",
        "test_a_job_gets_the_empty_files_of_other_tools_which_have_no_object",
        "test_an_empty_file_travels_and_its_object_is_never_asked_for",
        "test_an_empty_file_has_an_object_for_tools_that_ask_for_it",
    ],
    "13.2 an empty remote file truncates the local one": [
        "test_an_empty_result_that_has_no_object_replaces_nothing_that_was_changed_here",
    ],
    "13.3 downloads are neither atomic nor checked": [
        "test_a_truncated_object_is_refused_and_the_local_file_stays",
        "test_anything_else_is_refused_and_nothing_is_left",
    ],
    "13.4 deletions come back": [
        "test_a_deleted_file_disappears_everywhere_and_does_not_come_back",
        "test_a_deleted_source_file_is_gone_from_the_next_job",
    ],
    "13.5 a label without files hides its sub labels": [
        "test_a_project_with_only_directories_and_empty_files_runs_and_brings_its_results",
        "test_a_directory_of_only_directories_gets_a_marker_so_that_other_tools_see_it",
        "test_labels_below_are_found_although_the_label_itself_holds_no_file",
        "test_a_snapshot_that_hides_what_was_pushed_ends_in_an_error_and_nothing_is_removed",
    ],
    "13.6 files of one name in several directories": [
        "test_files_of_the_same_name_in_different_directories_keep_their_own_content",
    ],
    "13.7 keys of the store in metadata": [
        "test_no_key_of_the_object_store_is_in_the_metadata",
        "test_storage_keys_in_file_metadata_are_not_shown",
    ],
    "13.8 names that leave the directory": [
        "test_a_hostile_name_in_a_listing_is_refused_before_anything_is_written",
        "test_a_hostile_label_in_a_listing_is_refused_before_anything_is_written",
        "test_a_hostile_name_in_a_snapshot_is_refused_before_anything_is_written",
        "test_an_executor_that_is_given_hostile_names_writes_nothing_and_says_so",
        "test_files_are_not_put_outside_of_the_executors_file_system",
    ],
    "13.9 transfers go on after a failure": [
        "test_the_first_failure_stops_the_rest_and_is_raised",
        "test_when_each_returns_or_raises_nothing_works_any_more",
    ],
    "13.10 following a failure or a cancellation": [
        "test_a_failed_job_says_why_and_leaves_its_results",
        "test_a_cancelled_job_ends_for_who_follows_it_and_on_the_executor",
        "test_a_failed_job_is_exit_code_1_with_its_log_and_its_results",
        "test_a_cancelled_job_is_exit_code_1_for_whoever_follows_it",
    ],
    "13.11 directories that are missing": [
        "test_a_missing_data_directory_is_no_obstacle",
        "test_a_job_without_results_gives_an_empty_directory",
    ],
    "13.12 everything is uploaded": ["test_ignored_files_are_not_pushed_but_start_scripts_are"],
    "13.13 a walltime that cannot be": [
        "test_a_malformed_project_is_refused_by_key_and_line_before_anything_is_sent",
        "test_other_walltimes_are_refused",
    ],
    "13.14 keys and units that are wrong": [
        "test_what_project_yaml_says_is_judged_with_its_line",
        "test_a_malformed_option_is_refused_by_its_name_before_anything_is_sent",
    ],
    "13.15 results that all runs share": [
        "test_two_jobs_at_once_keep_their_results_apart",
        "test_a_job_sees_nothing_of_an_earlier_jobs_results",
    ],
    "13.16 commands that are not quoted": [
        "test_arguments_arrive_as_they_were_given",
        "test_variables_and_arguments_arrive_as_they_were_given",
    ],
    "13.17 batch scripts that damage commands": [
        "test_variables_and_arguments_arrive_as_they_were_given",
        "test_shared_results_pass_commands_unquoted_so_what_needs_quotes_is_refused",
    ],
    "13.18 executors are told nothing": [
        "test_an_executor_finds_out_that_a_silent_job_was_cancelled",
        "test_a_cancellation_is_noticed_by_a_job_that_says_nothing",
        "test_a_process_that_the_server_gave_to_the_queue_again_is_lost",
        "test_a_job_that_runs_for_too_long_is_stopped_closed_and_not_started_again",
    ],
    "13.19 subscriptions without a check": [
        "test_what_happens_to_another_process_is_no_hint_and_no_end",
        "test_a_forged_end_in_a_subscription_does_not_end_anything",
        "test_only_members_of_the_colony_hear_of_a_process",
    ],
    "13.20 logs of executors by name only": [
        "test_an_executors_log_does_not_show_its_namesake_of_another_colony",
    ],
    "13.21 lost wake-ups": [
        "test_a_job_that_wakes_nobody_up_is_taken_by_the_next_short_poll",
        "test_an_executor_never_asks_for_longer_than_a_lost_wake_up_may_cost",
    ],
    "13.22 what is never scheduled": [
        "test_what_options_say_is_judged_by_the_option",
        "test_other_memory_is_refused",
        "test_storage_and_many_nodes_do_not_keep_work_waiting",
    ],
    "13.23 odd bodies and statuses": [
        "test_an_odd_answer_while_following_is_one_of_our_errors_in_a_line_and_the_job_can_be_followed_again",
        "test_a_process_that_is_gone_is_not_found_however_the_server_says_so",
        "test_of_two_envelopes_in_a_row_the_first_one_counts",
        "test_an_empty_success_is_how_some_operations_refuse_a_stranger",
    ],
    "13.24 requests can be repeated by others": ["test_a_request_of_ours_is_carried_out_once"],
    "13.25 spinning and waiting for success only": [
        "test_connections_that_are_always_dropped_are_not_made_again_and_again",
        "test_a_job_is_followed_to_its_end_whatever_becomes_of_subscriptions",
        "test_a_failed_job_raises_with_the_executors_words_and_the_tail_of_the_log",
    ],
    "13.26 tunnels listen everywhere, believe any host, and take all nodes for one": [
        "test_nobody_but_this_machine_reaches_it",
        "test_an_unknown_server_is_refused_with_its_fingerprint_and_the_line_that_makes_it_known",
        "test_the_port_of_the_first_of_several_nodes_is_on_this_machine",
    ],
    "13.27 names of variables": [
        "test_tls_is_on_unless_either_variable_turns_it_off",
        "test_tls_variables_that_differ_are_warned_about_and_the_first_one_counts",
        "test_the_region_of_the_documentation_stands_in_for_the_one_that_is_read",
    ],
    "13.28 a colon in a name breaks listings": [
        "test_a_listing_of_executors_that_one_name_breaks_does_not_keep_others_from_running_jobs",
        "test_a_snapshot_list_that_fails_for_the_whole_colony_does_not_matter_to_jobs",
        "test_a_name_that_would_break_the_listings_of_a_colony_is_refused_before_anything_is_sent",
    ],
    "13.29 a refused close overwrites the output": [
        "test_a_close_that_is_refused_because_of_a_cancellation_leaves_the_job_cancelled_and_the_executor_at_work",
        "test_a_failure_that_comes_with_an_output_is_a_failure",
    ],
    "1 times, nulls and fields that nobody knows": [
        "test_a_job_is_followed_to_its_end_although_no_subscription_fires",
        "test_a_job_whose_times_make_no_sense_can_be_shown",
        "test_the_log_is_read_whole_whatever_the_server_writes_for_nothing",
        "test_unknown_fields_are_ignored",
    ],
    "4 counts, pauses and operations that are not known": [
        "test_counts_are_kept_within_what_the_server_allows",
        "test_a_paused_colony_is_no_work_and_no_trouble",
        "test_an_operation_that_the_server_does_not_know_is_unsupported",
    ],
    "7.5 entries that share a timestamp, chunks, and no memory of what was asked": [
        "test_entries_that_share_a_timestamp_at_the_end_of_a_page_are_neither_lost_nor_repeated",
        "test_every_entry_is_read_once_whatever_shares_a_timestamp",
        "test_a_server_that_ignores_from_where_the_log_is_asked_for_repeats_nothing",
        "test_entries_in_any_order_are_read_in_the_order_of_their_times",
    ],
    "7.6 labels that only begin alike": ["test_labels_below_are_the_label_and_its_sub_labels_only"],
    "7.7 snapshots with files that are gone": [
        "test_a_snapshot_whose_files_were_removed_is_refused_as_a_whole",
        "test_a_snapshot_with_a_file_of_another_label_is_refused_as_a_whole",
    ],
    "6.4 variables that are stored after their process": [
        "test_a_job_that_is_given_out_before_its_environment_is_stored_gets_all_of_it",
    ],
    "8 processes that went back to the queue": [
        "test_a_process_that_went_back_to_the_queue_is_waiting_whatever_times_are_left_of_its_last_attempt",
        "test_a_process_assigned_in_a_reply_that_was_lost_is_run",
        "test_an_executor_that_was_dropped_registers_again",
    ],
    "9 connections that end without a word": [
        "test_a_dropped_connection_is_made_again",
        "test_a_connection_that_went_silent_is_made_again",
    ],
    "14 servers of other versions": [
        "test_executors_of_an_old_server_are_listed_with_what_they_have",
        "test_an_executor_registers_at_a_server_that_knows_one_kind_of_hardware_only",
        "test_an_executor_that_is_known_already_works_at_a_server_that_takes_no_new_capabilities",
        "test_a_server_without_cancelling_says_so_and_the_job_goes_on",
        "test_a_server_that_knows_no_latest_entries_still_shows_the_end_of_a_log",
        "test_a_state_that_nobody_knows_is_an_end",
    ],
}


def test_every_row_of_section_13_is_here():
    rows = {int(row.split()[0].removeprefix("13.")) for row in ROWS if row.startswith("13.")}

    assert rows == set(range(1, 30))


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The names of all tests."""
    return {
        node.name
        for file in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("row", ROWS)
def test_the_tests_of_a_row_are_there(known, row):
    assert set(ROWS[row]) <= known
