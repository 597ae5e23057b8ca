"""The main job end to end: a program and its files go to an executor, its log and its results come back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.progress import Direction
from pollinator_magic.colonies.models import ProcessState
from pollinator_magic.errors import JobFailed
from pollinator_magic.jobs import LogText, StateChanged, submit
from pollinator_magic.project import Project
from tests.jobs import WAIT_S, contents, own_lines, run, write

if TYPE_CHECKING:
    from pollinator_magic.cfs.progress import TransferProgress

# --- there and back --------------------------------------------------------------------------------------------------


def test_the_sample_of_a_new_project_runs_and_leaves_its_result(session, project):
    job = submit(session, project)

    events = list(job.follow())

    text = "".join(event.text for event in events if isinstance(event, LogText))
    assert "Hello from the data directory! (read on " in text
    assert "wrote result.txt\n" in text
    assert [event.state for event in events if isinstance(event, StateChanged)][-1] is ProcessState.SUCCESS
    assert contents(job) == {"result.txt": b"HELLO FROM THE DATA DIRECTORY!\n"}
    assert (project.log / f"{job.id}.log").read_text() == text == str(job.log)


def test_the_cell_is_the_program(session, project):
    job = run(session, project, "print('from the', 'cell')")

    assert own_lines(job) == ["from the cell"]
    assert (project.src / "main.py").read_text() == "print('from the', 'cell')\n"


def test_results_keep_their_names_directories_and_bytes(session, project):
    job = run(
        session,
        project,
        "import os\n"
        "os.makedirs('result/sub/deeper')\n"
        "open('result/sub/deeper/nested.txt', 'w').write('nested')\n"
        "open('result/empty', 'w').close()\n"
        "open('result/Ergebnis für Öl 油 🙂.txt', 'w').write('ünïcödé')\n"
        "open('result/with space.bin', 'wb').write(bytes(range(256)) * 1000)\n"
        "open('result/.hidden', 'w').write('hidden')\n",
    )

    assert contents(job) == {
        "sub/deeper/nested.txt": b"nested",
        "empty": b"",
        "Ergebnis für Öl 油 🙂.txt": "ünïcödé".encode(),
        "with space.bin": bytes(range(256)) * 1000,
        ".hidden": b"hidden",
    }


def test_a_job_without_results_has_none(session, project):
    assert dict(run(session, project, "pass").results) == {}


def test_only_the_results_that_match_are_fetched(session, project):
    job = run(session, project, "for name in 'a.csv', 'b.csv', 'c.txt': open(f'result/{name}', 'w').write(name)")

    assert sorted(job.fetch_results(["*.csv"])) == ["a.csv", "b.csv"]
    assert sorted(job.fetch_results()) == ["a.csv", "b.csv", "c.txt"]


def test_text_and_lines_of_the_log_arrive_as_they_were_printed(session, project):
    job = submit(
        session,
        project,
        source="import sys\n"
        "for number in range(3000): print(number, 'grüße')\n"
        "sys.stdout.flush()\n"
        "print('to standard error', file=sys.stderr)\n"
        "sys.stdout.write('without an end')\n",
    )

    job.wait(WAIT_S)

    assert own_lines(job) == [*(f"{number} grüße" for number in range(3000)), "to standard error", "without an end"]


def test_progress_is_told_in_the_calling_thread_until_everything_is_there(session, project):
    write(project.data, {f"{number}.bin": b"x" * 1000 for number in range(100)})
    told = []

    def progress(now: TransferProgress) -> None:
        told.append((now, threading.current_thread()))

    job = submit(session, project, source="open('result/r', 'w').write('result')", progress=progress).wait(WAIT_S)
    job.fetch_results(progress=progress)

    hello = (project.data / "hello.txt").stat().st_size
    scripts = sum(file.stat().st_size for file in project.src.rglob("*") if file.is_file())
    last = {now.direction: now for now, _ in told}
    up, down = last[Direction.UP], last[Direction.DOWN]
    assert {thread for _, thread in told} == {threading.current_thread()}
    assert (up.files_done, up.files_total) == (103, 103)
    assert up.bytes_done == up.bytes_total == 100_000 + hello + scripts
    assert (down.files_done, down.files_total, down.bytes_done) == (1, 1, 6)


def test_a_failed_job_raises_its_exit_status_and_keeps_log_and_results(session, project, executor):
    job = submit(
        session,
        project,
        source="open('result/partial.txt', 'w').write('as far as it came')\nprint('last words')\nraise SystemExit(3)",
    )

    with pytest.raises(JobFailed, match=rf"failed on {executor}: .*status 3") as failure:
        job.wait(WAIT_S)

    assert failure.value.process_id == job.id
    assert "status 3" in failure.value.errors[0]
    assert failure.value.log_tail.splitlines()[-1] == "last words"
    assert contents(job) == {"partial.txt": b"as far as it came"}


def test_a_traceback_of_the_job_is_the_tail_of_its_log(session, project):
    with pytest.raises(JobFailed) as failure:
        run(session, project, "x = 1\nx / 0")

    assert failure.value.log_tail.splitlines()[-1] == "ZeroDivisionError: division by zero"


# --- what goes in ----------------------------------------------------------------------------------------------------


def test_data_is_there_and_changes_of_it_reach_the_next_job(session, project):
    write(project.data, {"numbers.txt": "1 2 3", "sub/more/deep.txt": "deep", "empty.txt": "", "raw.bin": b"\0\xff\n"})
    cell = (
        "from pathlib import Path\n"
        "for path in sorted(Path('data').rglob('*')):\n"
        "    if path.is_file(): print(path, path.read_bytes())"
    )
    first = run(session, project, cell)
    (project.data / "sub/more/deep.txt").unlink()
    (project.data / "numbers.txt").write_text("4 5 6")
    second = run(session, project)

    hello = "data/hello.txt b'Hello from the data directory!\\n'"
    assert own_lines(first) == [
        "data/empty.txt b''",
        hello,
        "data/numbers.txt b'1 2 3'",
        "data/raw.bin b'\\x00\\xff\\n'",
        "data/sub/more/deep.txt b'deep'",
    ]
    assert own_lines(second) == [
        "data/empty.txt b''",
        hello,
        "data/numbers.txt b'4 5 6'",
        "data/raw.bin b'\\x00\\xff\\n'",
    ]


def test_several_source_files_in_directories_run_together(session, project):
    write(
        project.src,
        {"helper.py": "def word(): return 'helped'", "package/__init__.py": "", "package/deep/table.txt": "t"},
    )

    job = run(
        session,
        project,
        "import helper, package\n"
        "from pathlib import Path\n"
        "print(helper.word(), package.__name__, Path('src/package/deep/table.txt').read_text())",
    )

    assert own_lines(job) == ["helped package t"]


def test_a_deleted_source_file_is_gone_from_the_next_job(session, project):
    write(project.src, {"old.py": "x = 1", "kept.py": "x = 2"})
    cell = "import os; print(sorted(name for name in os.listdir('src') if name.endswith('.py')))"
    first = run(session, project, cell)
    (project.src / "old.py").unlink()
    second = run(session, project)

    assert own_lines(first) == ["['kept.py', 'main.py', 'old.py']"]
    assert own_lines(second) == ["['kept.py', 'main.py']"]


def test_a_missing_data_directory_is_no_obstacle(session, project):
    (project.data / "hello.txt").unlink()
    project.data.rmdir()

    assert own_lines(run(session, project, "import os; print(os.listdir('data'))")) == ["[]"]


def test_a_source_directory_with_only_directories_runs(session, project):
    (project.src / "main.py").unlink()
    write(project.src, {"only/sub/main.py": "import os; print(os.listdir('src/only/sub'))"})

    assert own_lines(run(session, project.with_options(source="only/sub/main.py"))) == ["['main.py']"]


def test_a_read_only_source_file_is_sent_and_may_be_the_cells_own(session, project):
    write(project.src, {"fixed.py": "word = 'read only'"})
    (project.src / "fixed.py").chmod(0o444)
    (project.src / "main.py").chmod(0o444)

    job = run(session, project, "from fixed import word; print(word)")

    assert own_lines(job) == ["read only"]


def test_a_link_inside_src_is_sent_as_what_it_shows_and_one_that_leads_out_is_not(session, project, tmp_path):
    write(tmp_path, {"outside.py": "secret = 1"})
    write(project.src, {"helper.py": "word = 'linked'"})
    (project.src / "alias.py").symlink_to("helper.py")
    (project.src / "outside.py").symlink_to(tmp_path / "outside.py")

    job = run(session, project, "import os, alias; print(alias.word, os.path.exists('src/outside.py'))")

    assert own_lines(job) == ["linked False"]


# --- whose results ---------------------------------------------------------------------------------------------------


def test_two_jobs_at_once_keep_their_results_apart(session, project):
    cell = "open('result/same.txt', 'w').write('{0}'); open('result/{0}.txt', 'w').close(); print('{0}')"
    first = submit(session, project, source=cell.format("first"))
    second = submit(session, project, source=cell.format("second"))

    for job in (first, second):
        job.wait(WAIT_S)

    assert contents(first) == {"same.txt": b"first", "first.txt": b""}
    assert contents(second) == {"same.txt": b"second", "second.txt": b""}
    assert (own_lines(first), own_lines(second)) == (["first"], ["second"])


def test_a_job_sees_nothing_of_an_earlier_jobs_results(session, project):
    cell = "import os; print(os.listdir('result')); open('result/x', 'w').close()"

    jobs = [run(session, project, cell) for _ in range(2)]

    assert [own_lines(job) for job in jobs] == [["[]"], ["[]"]]
    assert jobs[0].result_label != jobs[1].result_label


def test_the_result_directory_shows_the_newest_job_and_keeps_what_was_changed_by_hand(session, project):
    first = run(session, project, "for n in 'ab': open(f'result/{n}.txt', 'w').write('first')")
    first.show_results()
    (project.result / "a.txt").write_text("my notes")
    second = run(session, project, "open('result/a.txt', 'w').write('second')")
    second.show_results()

    shown = {file.name: file.read_text() for file in project.result.iterdir()}
    assert shown == {"a.txt": "second", "a.local-1.txt": "my notes"}
    assert contents(first) == {"a.txt": b"first", "b.txt": b"first"}


def test_with_shared_results_the_project_has_one_result_directory_as_with_the_command_line_tool(session, project):
    project.file.write_text(project.file.read_text() + "\nresults: shared\n")
    shared = Project.open(project.root)
    write(shared.data, {"word.txt": "shared"})
    cell = (
        "import os\n"
        "from pathlib import Path\n"
        "home = Path(os.environ['PROJECT_DIR'])\n"
        "result = home / 'result'\n"
        "result.mkdir(exist_ok=True)\n"
        "(result / '{0}.txt').write_text((home / 'data' / 'word.txt').read_text())\n"
    )

    first = run(session, shared, cell.format("first"))
    second = run(session, shared, cell.format("second"))

    assert first.result_label == second.result_label == f"/pollinator/{project.name}/result"
    assert contents(second) == {"first.txt": b"shared", "second.txt": b"shared"}
