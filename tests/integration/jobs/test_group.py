"""Sweeps: one cell, many jobs, submitted after one push and known by one poller."""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import (
    GroupFailed,
    GroupIncomplete,
    JobCancelled,
    ServerError,
    ServerUnreachable,
    SubmissionUnclear,
    UsageError,
)
from pollinator_magic.jobs import Job
from pollinator_magic.jobs.group import Group
from pollinator_magic.jobs.parameters import combinations
from pollinator_magic.jobs.submission import preview, submit
from pollinator_magic.jobs.sweep import submit_each
from pollinator_magic.project import Project, Runner
from tests.jobs import WAIT_S, own_lines, write

if TYPE_CHECKING:
    pass

SHOW = """\
import base64, json, os
encoded = os.environ["POLLINATOR_PARAMETERS"]
print(json.dumps(json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))), os.environ["x"])
open("result/x.txt", "w").write(os.environ["x"])
"""
FAIL_ON_2 = "import os\nprint('trying', os.environ['x'])\nraise SystemExit(3 if os.environ['x'] == '2' else 0)"


@pytest.fixture(scope="module")
def storage(colony):
    return colony.any_storage


@pytest.fixture
def idle(nobody, tmp_path) -> Project:
    """A project whose jobs wait for ever."""
    return Project.create(tmp_path / "idle", nobody)


def refuse_from(session, monkeypatch, number: int, error: Exception) -> None:
    """Let submissions fail from this one on, counted from 0."""
    client, counting = session.client, threading.Lock()
    submit, count = client.submit, [0]

    def failing(spec):
        with counting:
            count[0] += 1
            fails = count[0] > number
        if fails:
            raise error
        return submit(spec)

    monkeypatch.setattr(client, "submit", failing)


def sweep(session, project, *each: str, **options) -> Group:
    return submit_each(session, project, combinations(each), **options)


# --- there and back --------------------------------------------------------------------------------------------------


def test_each_job_is_told_its_parameters_and_has_results_of_its_own(session, project):
    group = sweep(session, project, "x=1:3", "name='a b',c", source=SHOW)

    assert group.wait(WAIT_S) is group

    assert group.parameters == combinations(["x=1:3", "name='a b',c"])
    assert len(group) == 6
    for job, parameters in zip(group, group.parameters, strict=True):
        assert job.parameters == parameters
        assert own_lines(job)[-1].startswith(str(parameters).replace("'", '"'))
        assert own_lines(job)[-1].endswith(f" {parameters['x']}")
    assert [results["x.txt"].text() for results in group.results] == ["1", "1", "2", "2", "3", "3"]
    assert group.counts() == {ProcessState.SUCCESS: 6}
    assert group.done
    assert group.failed == []


def test_values_of_other_languages_are_variables_of_their_own_names(session, project):
    bash = project.with_options(cmd="bash", source="main.sh")

    group = sweep(session, bash, "rate=0.5", "on=true", "gone=none", source='echo "$rate $on [$gone] ${PATH:+path}"')

    assert own_lines(group.wait(WAIT_S)[0]) == ["0.5 true [] path"]


def test_a_sweep_costs_one_push_and_a_submission_for_each_job(session, idle, operations):
    submit(session, idle, source="print(0)").cancel()
    operations.clear()
    submit(session, idle, source="print(1)").cancel()
    once = Counter(operations)
    operations.clear()

    group = sweep(session, idle, "x=1:20", source="print(2)")

    expected = once - Counter(["cancelprocessmsg", "getprocessmsg", "getprocessmsg"])
    expected["submitfuncspecmsg"] = 20
    asked = Counter({name: count for name, count in Counter(operations).items() if name != "getprocessesmsg"})
    assert asked == expected
    assert len({job.process.spec.fs.snapshots[0].snapshotid for job in group}) == 1
    assert len({job.result_label for job in group}) == 20


def test_submissions_go_out_a_few_at_a_time_and_keep_their_order(session, idle, monkeypatch):
    submit_one, at_work, most, counting = session.client.submit, [0], [0], threading.Lock()
    together = threading.Event()

    def counted(spec):
        with counting:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
            if at_work[0] == 4:
                together.set()
        together.wait(10)
        try:
            return submit_one(spec)
        finally:
            with counting:
                at_work[0] -= 1

    monkeypatch.setattr(session.client, "submit", counted)

    group = sweep(session, idle, "x=1:12")

    assert most == [4]
    assert [job.process.spec.env["x"] for job in group] == [str(number) for number in range(1, 13)]


def test_a_preview_shows_what_one_job_of_a_sweep_would_be(session, idle):
    shown = preview(session, idle, source="print(1)", parameters={"x": 5})

    assert shown.spec.env["x"] == "5"
    assert "POLLINATOR_PARAMETERS" in shown.spec.env


def test_who_sent_it_is_told_of_the_group_before_the_first_job_and_while_it_grows(session, idle):
    seen: list[tuple[int, threading.Thread]] = []

    group = sweep(session, idle, "x=1:5", changed=lambda group: seen.append((len(group), threading.current_thread())))

    assert seen[0][0] == 0
    assert seen[-1][0] == 5 == len(group)
    assert {thread for _, thread in seen} == {threading.current_thread()}


# --- what cannot be meant --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "runner", "parameters", "said"),
    [
        ({"env": {"x": "1"}}, None, [{"x": 1}], "'x' is given by --env"),
        ({}, Runner(inputs={"x": 1}), [{"x": 1}], "'x' is given by --in"),
        ({}, None, [], "no parameters"),
        ({}, None, [{"x": 1}] * 1001, "1,001 jobs"),
        ({}, None, [{"HOME": 1}], "'HOME' is not for parameters"),
        ({}, None, [{"x": float("nan")}], "cannot travel"),
    ],
)
def test_what_cannot_be_meant_is_found_before_anything_is_sent(
    session, idle, operations, options, runner, parameters, said
):
    with pytest.raises(UsageError, match=re.escape(said)):
        submit_each(session, idle.with_options(**options), parameters, source="print(1)", runner=runner)

    assert operations == []
    assert (idle.src / "main.py").read_text() != "print(1)\n"


def test_jobs_that_share_their_results_are_not_swept(session, idle):
    idle.file.write_text(idle.file.read_text() + "results: shared\n")

    with pytest.raises(UsageError, match="results: shared"):
        sweep(session, Project.open(idle.root), "x=1:2")


# --- when something goes wrong ---------------------------------------------------------------------------------------


def test_jobs_that_fail_are_named_with_their_reason_and_run_again_from_the_same_snapshot(session, project, operations):
    group = sweep(session, project, "x=1:3", source=FAIL_ON_2)

    with pytest.raises(GroupFailed) as failure:
        group.wait(WAIT_S)

    assert "1 of 3 jobs failed" in str(failure.value)
    assert "x=2: Exit status 3" in str(failure.value)
    assert "_.rerun_failed()" in str(failure.value)
    assert failure.value.process_ids == (group[1].id,)
    assert group.failed == [group[1]]
    operations.clear()

    again = group.rerun_failed()

    assert not {"addfilemsg", "createsnapshotmsg", "getfilelabelsmsg"} & set(operations)
    assert again.parameters == [{"x": 2}]
    assert again[0].id != group[1].id
    assert again[0].result_label != group[1].result_label
    assert again[0].process.spec.fs.snapshots[0].snapshotid == group[1].process.spec.fs.snapshots[0].snapshotid
    with pytest.raises(GroupFailed):
        again.wait(WAIT_S)
    assert own_lines(again[0])[-1] == "trying 2"


def test_all_jobs_of_a_group_can_be_run_again(session, project):
    group = sweep(session, project, "x=1:2", source=SHOW).wait(WAIT_S)

    again = group.rerun().wait(WAIT_S)

    assert again.parameters == group.parameters
    assert {job.id for job in again}.isdisjoint(job.id for job in group)
    assert [results["x.txt"].text() for results in again.results] == ["1", "2"]


def test_what_was_submitted_before_a_failure_stays_and_the_rest_can_be_submitted_later(
    session, idle, monkeypatch, operations
):
    with monkeypatch.context() as broken:
        refuse_from(session, broken, 5, ServerUnreachable("It is gone."))
        with pytest.raises(GroupIncomplete) as incomplete:
            sweep(session, idle, "x=1:12")
    group = incomplete.value.group
    assert len(group) == 5
    assert len(group.missing) == 7
    assert "5 of 12 jobs were submitted and go on" in str(incomplete.value)
    assert "It is gone." in str(incomplete.value)
    assert "_.submit_missing()" in str(incomplete.value)
    assert "7 not submitted" in repr(group)
    before = {job.id for job in group}
    operations.clear()

    assert group.submit_missing() is group

    assert Counter(operations)["submitfuncspecmsg"] == 7
    assert not {"addfilemsg", "createsnapshotmsg"} & set(operations)
    assert group.missing == []
    assert group.parameters == combinations(["x=1:12"])
    assert before < {job.id for job in group}


def test_if_not_one_job_could_be_submitted_the_error_is_that_of_a_single_job(session, idle, monkeypatch):
    refuse_from(session, monkeypatch, 0, ServerError("It does not want to."))

    with pytest.raises(ServerError, match="It does not want to"):
        sweep(session, idle, "x=1:3")


def test_a_submission_of_which_nobody_knows_is_another_job_when_it_is_repeated(session, idle, monkeypatch):
    with monkeypatch.context() as broken:
        refuse_from(session, broken, 1, SubmissionUnclear("It broke."))
        with pytest.raises(GroupIncomplete) as incomplete:
            sweep(session, idle, "x=1:2")
    group = incomplete.value.group
    (unclear,) = [member.spec.env["PROJECT_DIR"] for member in group.members if member.job is None] or [""]

    group.submit_missing()

    assert len({job.process.spec.env["PROJECT_DIR"] for job in group}) == 2
    assert unclear in {job.process.spec.env["PROJECT_DIR"] for job in group}


def test_an_interrupted_submission_leaves_a_group_with_what_was_submitted(session, idle, monkeypatch):
    known: list[Group] = []
    refuse_from(session, monkeypatch, 3, KeyboardInterrupt())  # as if it came just there

    with pytest.raises(KeyboardInterrupt):
        sweep(session, idle, "x=1:12", changed=known.append)

    assert len(known[0]) == 3
    assert len(known[0].missing) == 9


# --- states ----------------------------------------------------------------------------------------------------------


def test_all_open_jobs_are_cancelled(session, idle):
    group = sweep(session, idle, "x=1:6")
    group[0].cancel()

    group.cancel()

    assert group.counts() == {ProcessState.CANCELLED: 6}
    with pytest.raises(JobCancelled, match=r"6 of 6 jobs were cancelled. `_.rerun_failed\(\)`"):
        group.wait(WAIT_S)
    again = group.rerun_failed()
    assert len(again) == 6
    again.cancel()


def test_one_job_that_cannot_be_cancelled_does_not_keep_the_others(session, idle, monkeypatch):
    group = sweep(session, idle, "x=1:6")
    cancel = session.client.cancel

    def one_fails(process_id: str) -> None:
        if process_id == group[2].id:
            raise ServerError("Not this one.")
        cancel(process_id)

    with monkeypatch.context() as broken:
        broken.setattr(session.client, "cancel", one_fails)
        with pytest.raises(ServerError, match="Not this one"):
            group.cancel()

    group.counts()
    assert [job.refresh().status for job in group].count(ProcessState.CANCELLED) == 5
    group.cancel()


def test_waiting_ends_after_its_time_and_the_jobs_go_on(session, idle):
    group = sweep(session, idle, "x=1:3")

    with pytest.raises(TimeoutError, match="3 of 3 jobs are still waiting or running"):
        group.wait(0.1)

    assert group.counts() == {ProcessState.WAITING: 3}
    group.cancel()


def test_changes_come_until_all_are_closed(session, idle):
    group = sweep(session, idle, "x=1:3")
    changes = group.follow()
    threading.Thread(target=group.cancel).start()

    last = {change.id: change.process.status for change in changes if isinstance(change, Job)}

    assert last == {job.id: ProcessState.CANCELLED for job in group}


def test_following_ends_when_it_is_stopped_and_the_jobs_go_on(session, idle):
    group, stop = sweep(session, idle, "x=1:3"), threading.Event()
    threading.Timer(0.2, stop.set).start()

    list(group.follow(stop))

    assert not group.done
    group.cancel()


def test_waiting_for_many_jobs_asks_for_lists_and_not_for_each_job(session, idle, operations):
    group, stop = sweep(session, idle, "x=1:50"), threading.Event()
    operations.clear()
    threading.Timer(2, stop.set).start()

    list(group.follow(stop))

    assert set(operations) <= {"getprocessesmsg"}
    assert len(operations) <= 6
    assert sum(thread.name == "pollinator-poller" for thread in threading.enumerate()) == 1
    group.cancel()


def test_a_group_says_at_once_what_jobs_are_that_nobody_has_watched(session, idle):
    group = sweep(session, idle, "x=1:3")
    group.cancel()

    late = Group(session, idle, group.members)

    assert late.done
    assert late[:2].counts() == {ProcessState.CANCELLED: 2}


# --- tables ----------------------------------------------------------------------------------------------------------


def test_the_table_has_parameters_state_duration_and_value_of_each_job(session, project):
    source = "import os\nif os.environ['x'] == '2': raise SystemExit(3)\nint(x) * 10"
    group = sweep(session, project, "x=1:3", source=source, runner=Runner())
    with pytest.raises(GroupFailed):
        group.wait(WAIT_S)

    table = group.table()

    assert [row["parameters"] for row in table] == [{"x": 1}, {"x": 2}, {"x": 3}]
    assert [row["state"] for row in table] == ["success", "failed", "success"]
    assert [row["value"] for row in table] == [10, None, 30]
    assert table[1]["problem"] == "Exit status 3"
    assert all(row["duration_s"] > 0 for row in table)
    assert [row["process"] for row in table] == [job.id for job in group]


def test_what_a_python_job_raised_is_said_with_its_line(session, project):
    group = sweep(session, project, "x=0:1", source="1 / x", runner=Runner(line_offset=1))

    with pytest.raises(GroupFailed, match=r"x=0: ZeroDivisionError: division by zero \(line 2 of the cell\)"):
        group.wait(WAIT_S)


def test_the_frame_has_a_column_for_each_parameter(session, idle):
    group = sweep(session, idle, "x=1:2", "state=a,b")

    frame = group.frame()

    assert list(frame.columns) == ["x", "state", "job_state", "duration_s", "value", "problem", "process"]
    assert list(frame["state"]) == ["a", "b", "a", "b"]
    assert set(frame["job_state"]) == {"waiting"}
    group.cancel()


def test_a_group_reads_well(session, idle):
    group = sweep(session, idle, "x=1:25")
    group[0].cancel()

    lines = repr(group).splitlines()

    assert lines[0] == "25 jobs: 24 waiting, 1 cancelled"
    assert lines[1] == "  x=1   cancelled"
    assert lines[-1] == "  and 5 more: `.frame()` has all"
    assert len(lines) == 22
    group.cancel()


def test_names_and_values_cannot_forge_what_is_shown(session, idle):
    group = submit_each(session, idle, [{"x": "a\x1b[2J\nforged"}])

    assert "\x1b" not in repr(group)
    assert len(repr(group).splitlines()) == 2
    group.cancel()


def test_the_cells_other_files_go_along_once(session, project, operations):
    write(project.src, {"helper.py": "def double(x): return 2 * x"})

    group = sweep(session, project, "x=1:3", source="import os, helper; print(helper.double(int(os.environ['x'])))")

    assert [own_lines(job)[-1] for job in group.wait(WAIT_S)] == ["2", "4", "6"]
    assert Counter(operations)["createsnapshotmsg"] == 1


def test_the_log_of_every_job_is_kept(session, project):
    group = submit_each(session, project, [{"x": 1}, {"x": 2}], source="import os; print('log of', os.environ['x'])")
    group.wait(WAIT_S)
    group.collect()

    kept = [(project.log / f"{job.id}.log").read_text().splitlines()[-1] for job in group]
    assert kept == ["log of 1", "log of 2"]
