"""The command line as a program of its own: what it prints where, its exit codes, its bars."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import termios
import threading
from typing import TYPE_CHECKING

import pytest

import pollinator_magic
from pollinator_magic.cli import SUBCOMMANDS
from pollinator_magic.colonies.models import ExecutorState, ProcessState
from pollinator_magic.errors import JobFailed
from pollinator_magic.jobs import Job, submit
from pollinator_magic.jobs.ledger import Entry, Ledger
from pollinator_magic.project import Project
from tests.commandline import CommandLine
from tests.jobs import ENDLESS, WAIT_S, contents, own_lines, run, waiting_for
from tests.place import environment
from tests.waiting import eventually

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from pollinator_magic.jobs import Session


@pytest.fixture(scope="session")
def storage(colony):
    return colony.any_storage


@pytest.fixture
def elsewhere(session: Session, tmp_path: Path) -> CommandLine:
    """A terminal in a directory that is no project."""
    (tmp_path / "elsewhere").mkdir()
    return CommandLine(tmp_path / "elsewhere", environment(session.connection))


def only_job(session: Session, project: Project) -> Job:
    """The one job of this project."""
    mark = f"/pollinator/{project.name}/"
    found = [
        process.processid
        for process in session.recent_processes()
        if any(mark in mount.label for mount in process.spec.fs.dirs)
    ]
    assert len(found) == 1
    return Job.attach(session, found[0], project)


def program(project: Project, text: str) -> None:
    (project.src / "main.py").write_text(text)


# --- the four of the Go tool -----------------------------------------------------------------------------------------


def test_new_then_run_follow_prints_the_log_and_brings_the_results(elsewhere, executor):
    made = elsewhere("new", "-n", executor)
    ran = elsewhere("run", "--follow")

    assert (made.returncode, ran.returncode) == (0, 0)
    assert "project.yaml" in made.stdout
    assert "Hello from the data directory! (read on " in ran.stdout
    assert "result.txt" in ran.stdout
    assert "submitted to " + executor in ran.stderr
    assert "success after" in ran.stderr
    assert (elsewhere.directory / "cfs/result/result.txt").read_text() == "HELLO FROM THE DATA DIRECTORY!\n"


def test_new_does_not_touch_a_project_that_is_there(pollinate, project, executor):
    before = project.file.read_text()

    again = pollinate("new", "-n", executor)

    assert again.returncode == 2
    assert "There is a project in" in again.stderr
    assert project.file.read_text() == before


def test_run_returns_at_once_with_the_id_of_the_job(pollinate, session, project):
    ran = pollinate("run")
    job = only_job(session, project)

    assert ran.returncode == 0
    assert f"process {job.short_id} submitted" in ran.stderr
    assert job.wait(WAIT_S).succeeded


def test_the_job_of_a_terminal_is_remembered_with_its_project(pollinate, session, project, tmp_path):
    pollinate("run", POLLINATOR_HOME=str(tmp_path / "home"))

    assert Ledger(tmp_path / "home").read() == {only_job(session, project).id: Entry(project=project.root)}


def test_a_failed_job_is_exit_code_1_with_its_log_and_its_results(pollinate, project):
    program(project, "open('result/kept.txt', 'w').write('kept')\nprint('last words')\nraise SystemExit(3)")

    ran = pollinate("run", "--follow")

    assert ran.returncode == 1
    assert "last words" in ran.stdout
    assert "status 3" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert (project.result / "kept.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--mem", "4GB"], "--mem '4GB' is not a memory size"),
        (["run", "--nodse", "2"], "Did you mean '--nodes'?"),
        (["run", "nobody"], "No executor named 'nobody'"),
        (["run", "--env", "no assignment"], "--env"),
        (["rnu"], "there is no subcommand 'rnu'. Did you mean 'run'?"),
        (["attach", "not-an-id"], "is not a process id"),
        (["attach", "0123456789abcdef"], "No recent process"),
        (["pull"], "required: ID"),
        (["logs", "0123", "--tail", "0"], "'0' is not a positive whole number"),
        (["jobs", "--count", "-1"], "'-1' is not a positive whole number"),
        (["local", "stats"], "Did you mean 'status'?"),
        (["funcspec", "--dry-run"], "unrecognized arguments: --dry-run"),
        (["connect", "no-such-file.env"], "no-such-file.env"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_exit_code_2_and_says_what_to_do(pollinate, words, said):
    ran = pollinate(*words)

    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_an_id_that_the_colony_does_not_know_starts_no_embedded_one(pollinate, tmp_path):
    home = tmp_path / "home"

    ran = pollinate("attach", "0123456789abcdef", POLLINATOR_HOME=str(home))

    assert "No recent process" in ran.stderr
    assert not home.exists()


def test_a_directory_without_a_project_says_how_to_make_one(elsewhere):
    ran = elsewhere("run")

    assert ran.returncode == 2
    assert "project.yaml" in ran.stderr
    assert list(elsewhere.directory.iterdir()) == []


def test_missing_credentials_are_named(pollinate):
    ran = pollinate("run", COLONIES_PRVKEY=None)

    assert ran.returncode == 2
    assert "COLONIES_PRVKEY is not set" in ran.stderr


def test_funcspec_prints_what_run_would_submit(pollinate, session, project):
    printed = json.loads(pollinate("funcspec", "--nodes", "2").stdout)

    assert printed["conditions"]["nodes"] == 2
    assert printed["env"]["PROJECT_DIR"].startswith(f"/cfs/pollinator/{project.name}/")
    assert session.client.snapshot(printed["fs"]["snapshots"][0]["snapshotid"]).fileids
    assert session.client.processes(ProcessState.WAITING, initiator=session.client.me().name) == []


def test_a_dry_run_shows_the_specification_and_the_files_and_sends_nothing(pollinate, session, project):
    ran = pollinate("run", "--dry-run")

    assert ran.returncode == 0
    assert '"funcname": "execute"' in ran.stdout
    assert "would upload 1 in cfs/data: hello.txt" in ran.stdout
    assert "Nothing was sent." in ran.stdout
    assert session.client.labels_below(f"/pollinator/{project.name}") == []


def test_version_and_help_need_no_colony(elsewhere):
    nowhere = dict.fromkeys(name for name in elsewhere.environment if name.startswith(("COLONIES_", "AWS_")))

    assert elsewhere("version", **nowhere).stdout == f"pollinator-magic {pollinator_magic.__version__}\n"
    for words in (["help"], ["--help"], []):
        shown = elsewhere(*words, **nowhere)
        assert shown.returncode == 0
        assert all(f"\n  {name} " in shown.stdout for name in SUBCOMMANDS)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_explains_itself(elsewhere, name):
    shown = elsewhere(name, "--help")

    assert shown.returncode == 0
    assert shown.stdout.startswith("usage: pollinate " + name)


# --- the colony and its jobs -----------------------------------------------------------------------------------------


def test_executors_and_status_show_the_colony(elsewhere, colony, session, executor):
    executors, status = elsewhere("executors"), elsewhere("status")

    assert executor in executors.stdout
    row = next(line for line in executors.stdout.splitlines() if line.startswith(executor))
    assert {"idle", "busy"} & set(row.split())
    assert f"{colony.colony} at {colony.server}" in status.stdout
    assert session.client.me().name in status.stdout
    assert session.connection.key.reveal() not in status.stdout + status.stderr


def test_connect_checks_an_environment_file(elsewhere, session):
    file = elsewhere.directory / "lumi.env"
    variables = {name: value for name, value in elsewhere.environment.items() if name.startswith(("COLONIES", "AWS_"))}
    file.write_text("".join(f'export {name}="{value}"\n' for name, value in variables.items()))

    ran = elsewhere("connect", "lumi.env", **dict.fromkeys(variables))

    assert ran.returncode == 0
    assert f"as '{session.client.me().name}'" in ran.stdout


def test_a_job_is_listed_shown_again_and_pulled_by_the_beginning_of_its_id(
    pollinate, elsewhere, session, project, tmp_path
):
    program(project, "print('line 1\\nline 2\\nline 3'); open('result/x.csv', 'w').write('1'); open('result/y', 'w')")
    pollinate("run", "--follow")
    job = only_job(session, project)
    listed, everywhere = pollinate("jobs"), elsewhere("jobs", "--all")
    whole, tail = pollinate("logs", job.id[:8]), pollinate("logs", job.id[:8], "--tail", "2")
    (project.result / "x.csv").unlink()
    attached = pollinate("attach", job.id[:8])
    pulled = elsewhere("pull", job.id[:8], "--to", "here", "--get", "*.csv")

    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == [job.short_id]
    assert job.short_id in everywhere.stdout
    assert whole.stdout.endswith("line 1\nline 2\nline 3\n")
    assert not whole.stdout.endswith("\n\n")
    assert tail.stdout == "line 2\nline 3\n"
    assert attached.returncode == 0
    assert attached.stdout.count("line 2\n") == 1
    assert (project.result / "x.csv").read_text() == "1"
    assert pulled.returncode == 0
    assert [file.name for file in (elsewhere.directory / "here").iterdir()] == ["x.csv"]


def test_results_that_are_pulled_among_other_files_are_told_from_them(pollinate, project, session):
    job = run(session, project, "open('result/x.csv', 'w').write('1')")

    pulled = pollinate("pull", job.id, "--to", ".")

    assert pulled.stdout == "1 result\n  x.csv  1 B\nin .\n"


def test_a_reader_that_has_seen_enough_ends_the_program_quietly(pollinate, session, project):
    job = run(session, project, "for line in range(50_000): print(line)")
    reading = pollinate.start("logs", job.id)
    reading.stdout.close()

    assert reading.wait(WAIT_S) == 141
    assert reading.stderr.read() == ""


def test_a_failed_job_cannot_forge_the_terminal_or_notebook_that_shows_why(pollinate, session, project):
    text = "print('\\x1b]0;my title\\x07\\x1b[2Jlast words'); raise SystemExit(3)"
    program(project, text)

    ran = pollinate("run", "--follow")
    with pytest.raises(JobFailed) as failure:
        run(session, project, text)

    assert "last words" in ran.stdout
    assert "last words" not in ran.stderr  # it has just been seen
    assert "last words" in str(failure.value)
    assert "\x1b" not in ran.stdout + ran.stderr + str(failure.value)


def test_advice_on_the_command_line_is_in_its_own_words(pollinate, project):
    program(project, "raise SystemExit(3)")

    said = pollinate("run", "--follow").stderr

    assert "`pollinate logs " in said
    assert "%pollinator" not in said


@pytest.mark.parametrize(
    ("directory", "said"), [("log", "Cannot write the log to"), ("result", "/result', but could not be copied to")]
)
def test_what_cannot_be_kept_in_the_project_is_named(pollinate, session, project, directory, said):
    job = run(session, project, "open('result/x', 'w').write('1')")
    shutil.rmtree(project.root / "cfs" / directory, ignore_errors=True)
    (project.root / "cfs" / directory).write_text("not a directory")

    ran = pollinate("attach", job.id)

    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_pulling_a_job_of_another_directory_needs_a_place_to_put_it(elsewhere, session, project):
    job = run(session, project)

    ran = elsewhere("pull", job.id)

    assert ran.returncode == 2
    assert "say where its results shall go" in ran.stderr


def test_a_cancelled_job_is_exit_code_1_for_whoever_follows_it(pollinate, session, project):
    job = submit(session, project, source=ENDLESS)
    cancelled, again = pollinate("cancel", job.id[:8]), pollinate("cancel", job.id[:8])
    attached = pollinate("attach", job.id[:8])

    assert cancelled.stdout == f"Cancelled {job.short_id}.\n"
    assert "had ended already: cancelled" in again.stdout
    assert attached.returncode == 1
    assert "was cancelled" in attached.stderr


# --- interrupts ------------------------------------------------------------------------------------------------------


def heed_interrupts() -> None:
    """A test runner in the background may have had SIGINT ignored, which new processes inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(following: subprocess.Popen[str]) -> str:
    """Interrupt it once the program talks; return what it says then."""
    for line in following.stdout:
        if line == "begun\n":
            break
    following.send_signal(signal.SIGINT)
    return following.communicate(timeout=WAIT_S)[1]


def test_an_interrupt_leaves_the_job_running_and_says_how_to_go_on(pollinate, session, project):
    program(project, ENDLESS)
    following = pollinate.start("run", "--follow", preexec_fn=heed_interrupts)
    said = interrupted(following)
    job = only_job(session, project)

    assert following.returncode == 130
    assert f"process {job.short_id} goes on" in said
    assert f"attach {job.short_id}" in said
    assert f"cancel {job.short_id}" in said
    assert "Traceback" not in said
    assert job.state is ProcessState.RUNNING
    job.cancel()


def test_an_interrupt_cancels_the_job_where_that_is_asked_for(pollinate, session, project):
    program(project, ENDLESS)
    following = pollinate.start("run", "--follow", "--on-interrupt", "cancel", preexec_fn=heed_interrupts)
    said = interrupted(following)

    assert following.returncode == 130
    assert "was cancelled" in said
    assert only_job(session, project).state is ProcessState.CANCELLED


# --- an executor -----------------------------------------------------------------------------------------------------


def test_an_executor_serves_jobs_until_it_is_told_to_stop_and_finishes_what_runs(colony, session, project, tmp_path):
    name = colony.free_name("started")
    settings = {**environment(session.connection), "COLONIES_COLONY_PRVKEY": colony.owner_key.reveal()}
    terminal = CommandLine(tmp_path, settings)
    serving = terminal.start("executor", "start", "process", "--name", name, "--fs-dir", str(tmp_path / "fs"))
    try:
        eventually(
            lambda: any(
                one.executorname == name and one.status is ExecutorState.APPROVED for one in session.client.executors()
            )
        )
        theirs = project.with_options(executors=[name])
        first = run(session, theirs, "open('result/x', 'w').write('served'); print('served')")
        last = submit(session, theirs, source=waiting_for(tmp_path / "go", then="print('done')"))
        eventually(lambda: last.state is ProcessState.RUNNING)
        serving.send_signal(signal.SIGTERM)
        (tmp_path / "go").touch()
        said = serving.communicate(timeout=WAIT_S)[1]
    finally:
        serving.kill()
        serving.wait()

    assert (own_lines(first), contents(first)) == (["served"], {"x": b"served"})
    assert serving.returncode == 0
    assert f"Executor '{name}' takes jobs of colony" in said
    assert colony.owner_key.reveal() not in said
    assert last.wait(WAIT_S).succeeded
    assert own_lines(last) == ["done"]


# --- bars ------------------------------------------------------------------------------------------------------------


def on_a_terminal(pollinate: CommandLine, *words: str) -> str:
    """Run it where standard error is a terminal; return what that terminal was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))  # bars need some width
    shown = bytearray()

    def read() -> None:
        try:
            while block := os.read(ours, 65536):
                shown.extend(block)
        except OSError:  # how Linux says that nobody has the other end any more
            pass

    reading = threading.Thread(target=read, name="terminal")
    reading.start()
    running = pollinate.start(*words, stderr=theirs)
    os.close(theirs)
    running.communicate(timeout=WAIT_S)
    reading.join(WAIT_S)
    os.close(ours)
    assert running.returncode == 0, shown
    return shown.decode()


def test_bars_of_uploads_and_downloads_are_shown_on_a_terminal_and_nowhere_else(pollinate, project):
    program(project, "open('result/large.bin', 'wb').write(bytes(300_000))")
    (project.data / "more.bin").write_bytes(bytes(100_000))

    shown = on_a_terminal(pollinate, "run", "--follow")
    unseen = pollinate("run", "--follow")

    assert "uploading: 100%" in shown
    assert "downloading: 100%" in shown
    assert "4/4 files" in shown
    assert "293k/293k" in shown
    assert unseen.returncode == 0
    assert "loading" not in unseen.stderr
