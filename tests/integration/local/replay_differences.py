"""Where the embedded colony does not answer as a Colonies server was recorded to do, on purpose.

docs/differences.md says the same to users, under the same titles.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Cases (patterns of `group/case`) that differ at these places (patterns of `Finding.place`)."""

    title: str
    reason: str
    cases: tuple[str, ...]
    places: tuple[str, ...] = ("*",)


DIFFERENCES = (
    Difference(
        "Crons, channels, pausing and locations are left out",
        "The embedded colony stays small; it refuses what it does not know as a server refuses what is newer than it.",
        ("cron/*", "channel/*", "pause/*", "location/*", "websocket/channel_*"),
    ),
    Difference(
        "Empty lists inside an object are lists",
        "A client may then go through them without asking whether they are null.",
        ("process_*/*", "executor/*", "snapshot/*", "workflow/*", "websocket/process*"),
        ("*spec.fs.snapshots", "*spec.fs.dirs", "*capabilities.hardware", "*capabilities.software", "*fileids"),
    ),
    Difference(
        "Empty fields of a function are written",
        "Fields that are always there are easier to read; all clients read them.",
        ("function/*",),
        ("*args", "*description"),
    ),
    Difference(
        "A reply shows what is stored",
        "The server answers some requests from memory, before it has filled in deadlines and times.",
        ("process_assign/success", "workflow/submit"),
        ("execdeadline", "attributes.*.state", "submissiontime"),
    ),
    Difference(
        "Errors are worded for people",
        "The texts of parsers and databases say nothing about what to do, and no client looks at them.",
        (
            *("envelope/bad_json_body", "envelope/empty_body", "envelope/json_array_body", "process_submit/mem_*"),
            *("process_assign/bad_mem_string", "attribute/add_same_key_again", "process_list/count_negative"),
        ),
        ("message",),
    ),
    Difference(
        "Every refusal is one error envelope",
        "The server answers some requests with nothing at all, or twice in one body.",
        (
            *("envelope/json_null_body", "envelope/payload_json_null", "log/get_count_negative"),
            *("process_history/not_member_empty_200", "statistics/colony_not_member_empty_200"),
        ),
        ("status", "body"),
    ),
    Difference(
        "Executors built against version 1.8 can register",
        "The official executors send hardware and software as single objects, which the server refuses.",
        ("executor/add_old_capabilities_shape_rejected",),
    ),
    Difference(
        "Two executors with one identity are two executors",
        "The server answers with the older of them, and what is done to one happens to both.",
        ("executor/add_same_id_other_name", "executor/list"),
        ("executorname", "*.state"),
    ),
    Difference(
        "Closing again counts once",
        "A process ran once, however often its executor says that it was successful.",
        ("function/list_after_one_execution",),
        ("*.counter",),
    ),
    Difference(
        "A refused close changes nothing",
        "The server overwrites the output of a cancelled process, and then refuses.",
        ("process_get/cancelled_then_closed_by_executor", "process_list/cancelled"),
        ("*out",),
    ),
    Difference(
        "A process that runs again has not ended",
        "The server shows the end of the attempt before while the next one runs.",
        ("process_timeouts/maxexectime_1_maxretries_2",),
        ("results.*.endtime_set",),
    ),
    Difference(
        "Logs stay within their colony",
        "The server looks executors up by name in all colonies, and shows the logs of others.",
        ("log/get_by_executor_leaks_other_colony",),
    ),
    Difference(
        "What is searched for is taken as it is",
        "With the server, % and _ in a text or a label stand for anything.",
        ("log/search_sql_wildcards_apply", "file/labels_like_wildcard"),
    ),
    Difference(
        "Labels need no files of their own",
        "The server finds nothing below a label that holds only other labels, and freezes an empty snapshot of it.",
        ("file/labels_exact_root_without_direct_files_is_null", "snapshot/create_root_without_direct_files_is_EMPTY"),
    ),
    Difference(
        "A snapshot keeps its files",
        "A job whose snapshot was taken must find its files, also when somebody has removed one since.",
        ("snapshot/dangling_file_lookup",),
    ),
    Difference(
        "A colon in the name of a snapshot does no harm",
        "The server then lists no snapshot of the colony any more.",
        ("snapshot/list_broken_by_colon_name",),
    ),
    Difference(
        "Every condition can be met",
        "The server accepts processes that ask for storage, or for more than 127 nodes, and nobody ever gets them.",
        (
            *("process_assign/condition_storage_1Gi", "process_assign/condition_nodes_128"),
            "process_assign/condition_processespernode_128",
        ),
    ),
    Difference(
        "A unit of memory is accepted always or never",
        "The server accepts KB, Kb, MB, Mb, TB and Tb at random.",
        ("process_submit/memory_suffix_survey",),
    ),
    Difference(
        "No wake-up is lost, and every subscriber hears of everything",
        "The server tells one listener of an event, whether or not it can use it, and the others sleep on.",
        (
            "process_assign/wakeup_lost_to_*",
            *("websocket/two_processes_subscribers_share_events", "websocket/subscriber_steals_executor_wakeup"),
        ),
    ),
    Difference(
        "Subscriptions are for members, and for their colony",
        "The server shows any process to any key, and processes of other colonies to executors of the same type.",
        ("websocket/process_outsider_key_is_accepted", "websocket/processes_sees_other_colony"),
    ),
    Difference(
        "A step of a workflow that succeeded stays successful",
        "The server marks it as failed when a later step fails, although its output is there and right.",
        ("workflow/get_failed",),
        ("nodes.*.style.background",),
    ),
)
