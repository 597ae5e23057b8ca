"""Whole jobs through a server that has all of upstream's traps set at once (see `upstream_traps.spring`)."""

from __future__ import annotations

import pytest
from upstream_traps import spring

from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import JobCancelled, JobFailed
from pollinator_magic.jobs import LogText, StateChanged, submit, submit_each
from pollinator_magic.jobs.log import read_log
from tests.jobs import ENDLESS, WAIT_S, contents, follow_until_text, own_lines, run, write

LOOK_AROUND = """\
import os
here = os.environ["PROJECT_DIR"]
found = [os.path.join(place, name) for place, _, names in os.walk(here, followlinks=True) for name in names]
print(*sorted(os.path.relpath(path, here) for path in found if "/.pollinator" not in path), sep="\\n")
os.makedirs("result/only/below")
open("result/only/below/out.txt", "w").write("out")
open("result/only/empty", "w").close()
"""


@pytest.fixture(autouse=True)
def sprung(hostile, executor):
    """All traps are set, after the executor has come to work."""
    spring(hostile)


def test_a_project_with_only_directories_and_empty_files_runs_and_brings_its_results(session, project, hostile):
    (project.src / "main.py").unlink()
    write(project.src, {"pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/main.py": "", "pkg/sub/a.txt": "A"})
    write(project.data, {"deep/er/in.txt": "data", "empty.txt": ""})
    project = project.with_options(source="pkg/sub/main.py")

    job = run(session, project, LOOK_AROUND)

    assert own_lines(job) == [
        *("data/deep/er/in.txt", "data/empty.txt", "data/hello.txt"),
        *("src/pkg/__init__.py", "src/pkg/sub/__init__.py", "src/pkg/sub/a.txt", "src/pkg/sub/main.py"),
    ]
    assert contents(job) == {"only/below/out.txt": b"out", "only/empty": b""}
    assert any(exchange.msgtype == "createsnapshotmsg" and exchange.reply["fileids"] for exchange in hostile.asked)


def test_a_job_is_followed_to_its_end_although_no_subscription_fires(session, project, hostile):
    job = submit(session, project, source="for n in range(3): print(n, flush=True)")

    events = list(job.follow())

    assert "".join(event.text for event in events if isinstance(event, LogText)).endswith("0\n1\n2\n")
    assert events[-1] == StateChanged(job.process)
    assert job.process.status is ProcessState.SUCCESS
    assert job.process.ended_at >= job.process.started_at >= job.process.submitted_at
    assert hostile.subscribed.wait(WAIT_S)


def test_a_failed_job_says_why_and_leaves_its_results(session, project):
    job = submit(session, project, source="open('result/half', 'w').write('half'); raise SystemExit(3)")

    with pytest.raises(JobFailed, match="3"):
        job.wait(WAIT_S)

    assert contents(job) == {"half": b"half"}


def test_a_cancelled_job_ends_for_who_follows_it_and_on_the_executor(session, project, hostile):
    job = submit(session, project, source=ENDLESS)
    follow_until_text(job)
    job.cancel()

    events = list(job.follow())

    assert events[-1].state is ProcessState.CANCELLED
    with pytest.raises(JobCancelled):
        job.raise_unless_successful()
    run(session, project, "print('the executor has room again')")


def test_a_sweep_runs_and_each_job_has_its_results(session, project):
    group = submit_each(
        session, project, [{"n": 1}, {"n": 2}], source="import os; open('result/n', 'w').write(os.environ['n'] * 2)"
    )

    group.wait(WAIT_S)

    assert [contents(job) for job in group] == [{"n": b"11"}, {"n": b"22"}]


def test_the_log_is_read_whole_whatever_the_server_writes_for_nothing(session, project):
    silent = run(session, project, "pass")

    assert all("is not used" in entry.message for entry in read_log(session.client, silent.id))
    assert session.client.search_logs("no such text") == []
    assert session.client.processes(ProcessState.FAILED, label="nobody") == []
