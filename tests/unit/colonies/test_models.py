"""Wire types read what servers of several versions write."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.colonies.models import (
    UNSET_TIME,
    Capabilities,
    Conditions,
    Executor,
    ExecutorState,
    File,
    FunctionSpec,
    Mounts,
    Process,
    ProcessState,
    Reference,
    S3Object,
    Snapshot,
    format_time,
    parse_time,
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0001-01-01T00:00:00Z",
        "0001-01-01T01:12:12+01:12",
        "0000-12-31T19:03:58-04:56",
        "yesterday",
        "9999-12-31T23:59:59Z",
    ],
)
def test_every_form_of_an_unset_time_is_none(text):
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T08:24:55.822481+01:00", datetime(2026, 11, 22, 7, 24, 55, 822481, timezone.utc)),
        ("2026-11-22T08:24:55.857906006+01:00", datetime(2026, 11, 22, 7, 24, 55, 857906, timezone.utc)),
        ("2026-11-22T08:24:55.5Z", datetime(2026, 11, 22, 8, 24, 55, 500000, timezone.utc)),
        ("2026-11-22T08:24:55-05:30", datetime(2026, 11, 22, 13, 54, 55, 0, timezone.utc)),
        ("2026-11-22T08:24:55", datetime(2026, 11, 22, 8, 24, 55, 0, timezone.utc)),
    ],
)
def test_times_have_any_offset_and_up_to_nine_digits(text, expected):
    assert parse_time(text) == expected


@given(st.integers(0, 250_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_a_time_survives_the_wire(seconds, offset_minutes):
    moment = datetime(1000, 1, 3, tzinfo=timezone(timedelta(minutes=offset_minutes))) + timedelta(seconds=seconds / 7)

    assert parse_time(format_time(moment)) == moment


def test_no_time_is_the_unset_time():
    assert format_time(None) == UNSET_TIME


def test_null_lists_are_empty_lists():
    process = msgspec.json.decode(b'{"errors": null, "in": null, "out": null, "attributes": null}', type=Process)
    spec = msgspec.json.decode(b'{"fs": {"snapshots": null, "dirs": null}, "args": null}', type=FunctionSpec)
    snapshot = msgspec.json.decode(b'{"fileids": null}', type=Snapshot)

    assert (process.errors, process.input, process.output, process.attributes) == ([], [], [], [])
    assert (spec.fs.snapshots, spec.fs.dirs, spec.args) == ([], [], [])
    assert snapshot.fileids == []


@pytest.mark.parametrize("written", ['{"model": "VM"}', '[{"model": "VM"}]'])
def test_hardware_may_be_one_object_as_in_older_servers_or_a_list(written):
    capabilities = msgspec.json.decode(f'{{"hardware": {written}, "software": null}}', type=Capabilities)

    assert [hardware.model for hardware in capabilities.hardware] == ["VM"]
    assert capabilities.software == []


def test_an_executors_place_is_read_from_the_new_and_the_old_form():
    new = msgspec.json.decode(b'{"locationname": "lab"}', type=Executor)
    old = msgspec.json.decode(b'{"location": {"long": 1, "lat": 2, "desc": "cellar"}}', type=Executor)

    assert (new.place, old.place, Executor().place) == ("lab", "cellar", "")


def test_states_of_newer_servers_count_as_closed():
    process = msgspec.json.decode(b'{"state": 17}', type=Process)

    assert process.status is ProcessState.UNKNOWN
    assert process.status.closed
    assert msgspec.json.decode(b'{"state": 9}', type=Executor).status is ExecutorState.UNKNOWN


@pytest.mark.parametrize(
    ("state", "closed"),
    [
        (ProcessState.WAITING, False),
        (ProcessState.RUNNING, False),
        (ProcessState.SUCCESS, True),
        (ProcessState.FAILED, True),
        (ProcessState.CANCELLED, True),
    ],
)
def test_success_failure_and_cancellation_are_final(state, closed):
    assert state.closed is closed


def test_input_and_output_have_their_names_on_the_wire():
    assert msgspec.to_builtins(Process(input=[1], output=[2])) | {"in": [1], "out": [2]} == msgspec.to_builtins(
        Process(input=[1], output=[2])
    )


def test_fields_that_the_go_tools_leave_out_are_left_out():
    assert "locationname" not in msgspec.to_builtins(Conditions())
    assert "channels" not in msgspec.to_builtins(FunctionSpec())
    assert msgspec.to_builtins(Conditions(locationname="lab"))["locationname"] == "lab"


def test_unknown_fields_are_ignored():
    assert msgspec.json.decode(b'{"name": "a.txt", "colour": "red"}', type=File).name == "a.txt"


def test_storage_keys_in_file_metadata_are_not_shown():
    file = File(ref=Reference(s3object=S3Object(server="s3:9000", accesskey="AKSECRET", secretkey="SKSECRET")))

    assert "s3:9000" in repr(file)
    assert "SECRET" not in repr(file)


def test_lists_are_not_shared_between_objects():
    Mounts().snapshots.append("x")

    assert Mounts().snapshots == []
