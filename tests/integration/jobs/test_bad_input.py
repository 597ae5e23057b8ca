"""What goes wrong before, while and after a job runs: it is said, nothing is lost, and running again is enough."""

from __future__ import annotations

import os
import resource
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from pollinator_magic.cfs.ignore import PART_PREFIX
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.colonies.models import Process, ProcessState
from pollinator_magic.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidKey,
    InvalidReply,
    PollinatorError,
    ProjectError,
    ServerUnreachable,
    StorageDenied,
    StorageError,
    TransferError,
    UnknownExecutor,
    UnsafeName,
    UsageError,
)
from pollinator_magic.jobs import Job, Session, submit
from pollinator_magic.project import Project, result_label, source_label
from pollinator_magic.settings import Connection, DirectorySettings, Server, connection_from_environment
from tests.colony_server import running_colony
from tests.commandline import CommandLine
from tests.jobs import WAIT_S, contents, own_lines, run
from tests.place import environment
from tests.s3_server import free_port, running_s3
from tests.tls import tls_in_front_of, write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def storage(colony):
    return colony.any_storage


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry as often as always, only sooner."""
    monkeypatch.setattr("pollinator_magic.colonies.rpc._FIRST_DELAY_S", 0.01)


@pytest.fixture(scope="module")
def s3():
    with running_s3() as running:
        yield running


@pytest.fixture
def idle(colony) -> Iterator[str]:
    """An executor that takes no work: whether something can be submitted is all that counts."""
    name = colony.new_executor("idle").name
    yield name
    with colony.session(storage=None) as session:
        for process in session.client.processes(ProcessState.WAITING):
            if process.spec.conditions.executornames == [name]:
                session.client.cancel(process.processid)


@pytest.fixture
def own(tmp_path: Path):
    """A colony that a test may stop, with a user's session and a project in it."""
    with running_colony() as colony:
        colony.new_executor("idle")
        connection = Connection(colony.server, colony.colony, colony.user_key, DirectorySettings(tmp_path / "objects"))
        with Session(connection) as session:
            yield colony, session, Project.create(tmp_path / "project", "idle")


def everything_in(directory: Path) -> dict[str, bytes]:
    return {
        file.relative_to(directory).as_posix(): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def half_written(directory: Path) -> list[Path]:
    return [
        file
        for file in directory.rglob("*")
        if file.name.startswith(PART_PREFIX) or file.suffix in {".part", ".tmp", ".new"}
    ]


def submitted(session: Session, project: Project) -> list[str]:
    """The processes of this project that the colony knows."""
    mark = f"/pollinator/{project.name}/"
    return [
        process.processid
        for process in session.recent_processes()
        if any(mark in mount.label for mount in process.spec.fs.dirs)
    ]


# --- who asks, and whom ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wrong:
    """A connection with one mistake in it, and what the user reads of it."""

    mistake: str
    kind: type[PollinatorError]
    words: str

    def connection(self, right: Connection) -> Connection:
        server = right.server
        changed = {
            "key": {"key": PrivateKey.generate()},
            "host": {"server": Server("no-such-host.invalid", server.port, tls=False)},
            "port": {"server": Server("127.0.0.1", free_port(), tls=False)},
            "colony": {"colony": "no-such-colony"},
            "storage": {"storage": None},
        }
        return replace(right, **changed[self.mistake])


WRONG = [
    Wrong("key", AccessDenied, r"does not accept this key for colony '.*' \(identity ....….*Ask its owner.*PRVKEY"),
    Wrong("host", ServerUnreachable, r"no host named 'no-such-host\.invalid'\. Check COLONIES_SERVER_HOST"),
    Wrong("port", ServerUnreachable, r"cannot be reached.*Check COLONIES_SERVER_HOST and COLONIES_SERVER_PORT"),
    Wrong("colony", PollinatorError, r"no-such-colony.*COLONIES_COLONY_NAME"),
    Wrong("storage", ConfigurationError, r"No object store is configured.*Set AWS_S3_ENDPOINT"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.mistake)
def test_a_wrong_setting_is_said_before_anything_is_sent_and_the_right_one_works(session, project, wrong):
    with Session(wrong.connection(session.connection)) as broken:
        with pytest.raises(wrong.kind, match=wrong.words) as caught:
            submit(broken, project, source="print('at last')")
        assert broken.connection.key.reveal() not in str(caught.value)

    assert submitted(session, project) == []
    assert session.client.files(source_label(project)) == []
    assert half_written(project.root) == []
    assert own_lines(run(session, project, "print('at last')")) == ["at last"]


def test_somebody_who_was_a_member_is_told_to_ask_the_owner(colony, storage, project):
    key = colony.new_user("leaver")
    with colony.session(storage, key) as session:
        name = session.client.me().name
        with Colonies(colony.server, colony.colony, colony.owner_key) as owner:
            owner.remove_user(name)

        with pytest.raises(AccessDenied, match="Ask its owner to add you"):
            submit(session, project)


def over(session: Session, server: Server) -> Session:
    """The same user, by another way."""
    return Session(replace(session.connection, server=server))


def test_a_server_that_expects_tls_says_so_and_is_used_with_it(colony, session, project, tmp_path, monkeypatch):
    certificate = write_certificate(tmp_path / "certificate.pem")
    with tls_in_front_of(colony.server.host, colony.server.port, certificate) as port:
        plain, secure = (Server("127.0.0.1", port, tls=tls) for tls in (False, True))
        with over(session, plain) as broken, pytest.raises(ServerUnreachable, match="COLONIES_TLS=true"):
            submit(broken, project)
        with (
            over(session, secure) as broken,
            pytest.raises(ServerUnreachable, match=r"not trusted.*REQUESTS_CA_BUNDLE"),
        ):
            submit(broken, project)

        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with over(session, secure) as right:
            assert own_lines(run(right, project, "print('over TLS')")) == ["over TLS"]


def test_a_server_without_tls_says_so_when_it_is_asked_for_it(own):
    colony, session, project = own
    with over(session, replace(colony.server, tls=True)) as broken:
        vars(broken)["client"] = Colonies(
            broken.connection.server, colony.colony, colony.user_key, connect_timeout_s=0.2
        )  # as patient as any other, but for a test

        with pytest.raises(ServerUnreachable, match="COLONIES_TLS=false"):
            submit(broken, project)

    assert submit(session, project).state is ProcessState.WAITING


@pytest.mark.parametrize("name", ["COLONIES_SERVER_HOST", "COLONIES_COLONY_NAME", "COLONIES_PRVKEY"])
def test_a_variable_that_is_missing_is_named(colony, name):
    variables = environment(colony.connection(None, colony.user_key))
    del variables[name]

    with pytest.raises(ConfigurationError, match=rf"{name} is not set.*%pollinator connect FILE"):
        connection_from_environment(variables)


@pytest.mark.parametrize("key", ["abc", "z" * 64, "0" * 64, "f" * 64])
def test_a_key_that_is_none_is_refused_without_being_shown(colony, key):
    variables = environment(colony.connection(None, colony.user_key))

    with pytest.raises(InvalidKey) as caught:
        connection_from_environment({**variables, "COLONIES_PRVKEY": key})

    assert key not in str(caught.value)


def test_an_executor_that_does_not_exist_is_answered_with_the_nearest_one(session, project, executor):
    before = everything_in(project.root)
    with pytest.raises(
        UnknownExecutor, match=rf"No executor named '{executor}x' in colony .*Did you mean '{executor}'"
    ):
        submit(session, project.with_options(executors=[f"{executor}x"]), source="print('now')")

    assert everything_in(project.root) == before
    assert session.client.files(source_label(project)) == []
    assert own_lines(run(session, project, "print('now')")) == ["now"]


# --- servers that go away --------------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_said_and_running_again_is_enough(own):
    colony, session, project = own
    colony.stop()
    before = everything_in(project.root)
    with pytest.raises(ServerUnreachable, match=r"cannot be reached: connection refused.*that the server is running"):
        submit(session, project, source="print('again')")
    assert everything_in(project.root) == before
    colony.start()

    assert submit(session, project, source="print('again')").state is ProcessState.WAITING


def test_a_server_that_goes_down_in_the_middle_of_a_push_loses_nothing(own, monkeypatch, tmp_path):
    colony, session, project = own
    for number in range(20):
        (project.src / f"{number}.py").write_text(f"x = {number}")
    store = session.filesystem.store
    put = store.put

    going_down = threading.Lock()

    def put_and_go_down(*args: object) -> None:
        put(*args)
        if going_down.acquire(blocking=False):
            colony.stop()

    monkeypatch.setattr(store, "put", put_and_go_down)
    with pytest.raises(ServerUnreachable, match=r"cannot be reached|broke the connection"):
        submit(session, project, source="print('again')")
    assert half_written(project.root) == []
    monkeypatch.undo()
    colony.start()

    job = submit(session, project, source="print('again')")

    mount = job.process.spec.fs.snapshots[0]
    session.filesystem.checkout(mount.snapshotid, mount.label, tmp_path / "frozen")
    assert everything_in(tmp_path / "frozen") == everything_in(project.src)
    assert len(submitted(session, project)) == 1


def test_a_bucket_that_does_not_exist_is_made(colony, s3, idle, tmp_path):
    bucket = f"new-{secrets.token_hex(4)}"
    project = Project.create(tmp_path / "project", idle)
    with colony.session(s3.settings(bucket)) as session:
        submit(session, project)

    assert len(s3.objects(bucket)) == len(everything_in(project.src)) + len(everything_in(project.data))


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"secret_key": "not-the-secret"}, StorageDenied, "does not accept these keys.*AWS_S3_SECRETKEY"),
        ({"access_key": "nobody"}, StorageDenied, "does not accept these keys.*AWS_S3_ACCESSKEY"),
        ({"endpoint": f"127.0.0.1:{free_port()}"}, StorageError, "cannot be reached.*AWS_S3_ENDPOINT"),
        ({"tls": True}, StorageError, "AWS_S3_TLS=false"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_an_object_store_that_refuses_is_named_and_nothing_refers_to_what_is_not_there(
    colony, s3, idle, tmp_path, changes, kind, words
):
    project = Project.create(tmp_path / "project", idle)
    right = s3.settings(f"bucket-{secrets.token_hex(4)}")
    with colony.session(replace(right, **changes)) as broken:
        with pytest.raises(kind, match=words) as caught:
            submit(broken, project)
        assert not any(secret in str(caught.value) for secret in (right.secret_key, changes.get("secret_key", "?")))
        assert broken.client.files(source_label(project)) == []
        assert submitted(broken, project) == []
    assert half_written(project.root) == []

    with colony.session(right) as session:
        assert submit(session, project).state is ProcessState.WAITING


def test_results_that_cannot_be_fetched_now_are_fetched_later(colony, session, project):
    job = run(session, project, "for n in 'abc': open(f'result/{n}', 'w').write(n * 1000)")
    gone = replace(session.connection, storage=DirectorySettings(project.root / "no-such-store"))
    with Session(gone) as elsewhere, pytest.raises(StorageError, match="no object"):
        Job.attach(elsewhere, job.id, project).fetch_results()
    assert half_written(project.root) == []

    assert contents(job) == {n: n.encode() * 1000 for n in "abc"}


# --- disks that are full ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_full_is_said_and_with_more_room_the_results_come(session, project, tmp_path):
    job = run(session, project, "open('result/large.bin', 'wb').write(bytes(500_000))")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine does not let us mount a disk")
    try:
        with pytest.raises(TransferError, match=r"'large\.bin'.*no room for its 500,000 bytes.*run again"):
            job.fetch_results(to=disk / "results")
        assert half_written(disk) == []
        assert not (disk / "results/large.bin").exists()
        subprocess.run(["mount", "-o", "remount,size=2m", disk], check=True)
        assert job.fetch_results(to=disk / "results")["large.bin"].size == 500_000
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_limit_of_file_sizes_is_said_and_without_it_the_results_come(session, project):
    job = run(session, project, "open('result/large.bin', 'wb').write(bytes(500_000))")
    pollinate = CommandLine(project.root, environment(session.connection))

    refused = pollinate(
        "pull", job.id, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    )

    assert refused.returncode == 2
    assert "Cannot write 'large.bin': the disk has no room for its 500,000 bytes" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert half_written(project.root) == []
    assert not list(project.root.rglob("large.bin"))
    assert pollinate("pull", job.id).returncode == 0
    assert (project.result / "large.bin").stat().st_size == 500_000


# --- what the user writes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("nodes: 1", "nodes: four"), r"project\.yaml: conditions\.nodes .*not 'four' \(line \d+\)"),
        (("nodes: 1", "nodes: 0"), r"project\.yaml: conditions\.nodes must be a positive whole number.*\(line \d+\)"),
        (("mem: 1000Mi", "mem: 4GB"), r"project\.yaml: conditions\.mem .*'4GB'.*\(line \d+\).* 4"),
        (("walltime: 600", "walltime: 1"), r"project\.yaml: conditions\.walltime .*\(line \d+\)"),
        (("conditions:", "conditions: ["), r"project\.yaml.*line \d+"),
        (("cmd: python3", "cmd: ''"), r"project\.yaml: environment\.cmd is empty"),
        (("cmd: python3", "cmd: [python3, -u]"), r"project\.yaml: environment\.cmd .*\(line \d+\)"),
        (("source: main.py", "source: ../../etc/passwd"), r"project\.yaml: environment\.source .*inside cfs/src"),
        (("projectname: ", "projectname: ../"), r"project\.yaml: projectname .*\(line \d+\)"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
def test_a_malformed_project_is_refused_by_key_and_line_before_anything_is_sent(session, project, wrong, words):
    right = project.file.read_text()
    project.file.write_text(right.replace(*wrong))
    before = everything_in(project.root)

    with pytest.raises(ProjectError, match=words):
        submit(session, Project.open(project.root), source="print('now')")

    assert "client" not in vars(session)
    assert everything_in(project.root) == before
    project.file.write_text(right)
    assert own_lines(run(session, Project.open(project.root), "print('now')")) == ["now"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mem": "4GB"}, r"--mem '4GB' is not a memory size that executors understand\. .*4Gi"),
        ({"cpu": "much"}, "--cpu 'much'"),
        ({"nodes": "four"}, "--nodes .*'four'"),
        ({"walltime": "soon"}, "--walltime .*'soon'"),
        ({"walltime": "1"}, "--walltime"),
        ({"gpu": "A100:many"}, "--gpu"),
        ({"source": "../x.py"}, r"--source .*inside cfs/src"),
        ({"env": {"A B": "c"}}, "--env"),
        ({"image": "no image; at all"}, "--image"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_malformed_option_is_refused_by_its_name_before_anything_is_sent(session, project, options, words):
    before = everything_in(project.root)

    with pytest.raises(UsageError, match=words):
        submit(session, project.with_options(**options), source="print('now')")

    assert "client" not in vars(session)
    assert everything_in(project.root) == before


# --- what comes from others ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("", "../evil"),
        ("", "/etc/evil"),
        ("", "a/../../evil"),
        ("/..", "evil"),
        ("", "..\\evil"),
        ("", "evil\x1b[2J"),
        ("", ""),
    ],
)
def test_an_executor_that_names_results_outside_writes_nothing_at_all(
    colony, storage, session, project, tmp_path, label, name
):
    rogue = colony.new_executor("rogue")
    job = submit(session, project.with_options(executors=[rogue.name]))
    with colony.session(storage, rogue.key) as executor:
        executor.client.assign(10)
        (tmp_path / "good").mkdir()
        (tmp_path / "good/good.txt").write_text("good")
        executor.filesystem.upload_tree(tmp_path / "good", job.result_label)
        file = executor.client.file_named(job.result_label, "good.txt")
        file.label, file.name = job.result_label + label, name
        evil = executor.client.add_file(file)
        executor.client.close_successful(job.id)
    before = everything_in(tmp_path)

    with pytest.raises(UnsafeName, match="file name"):
        job.wait(WAIT_S).fetch_results()

    assert everything_in(tmp_path) == before
    session.client.remove_file(evil.fileid)
    assert contents(job) == {"good.txt": b"good"}


def test_an_executor_that_changes_sources_of_the_label_does_not_reach_the_users_directory_through_results(
    colony, storage, session, project
):
    """Results come from the job's own label only, whatever else an executor has written."""
    job = run(session, project, "open('result/own.txt', 'w').write('own')")
    with colony.session(storage) as other:
        (project.root / "foreign").mkdir()
        (project.root / "foreign/foreign.txt").write_text("foreign")
        other.filesystem.upload_tree(project.root / "foreign", result_label(project, "another-run"))

    assert contents(job) == {"own.txt": b"own"}


# --- two at once -----------------------------------------------------------------------------------------------------

KERNEL = """
import sys
import threading
from pollinator_magic.jobs import Session, submit
from pollinator_magic.project import Project
from pollinator_magic.settings import connection_from_environment

name, root = sys.argv[1:]
project = Project.open(root)
with Session(connection_from_environment()) as session:
    session.client.me()
    session.filesystem
    print("ready", flush=True)
    sys.stdin.readline()
    for turn in range(4):
        (project.src / f"{name}_{turn}.py").write_text(f"word = '{name} {turn}'")
        cell = f"from {name}_{turn} import word; print(word); open('result/same.txt', 'w').write(word)"
        job = submit(session, project, source=cell).wait(60)
        job.show_results()
        print(job.id, flush=True)
"""


def test_two_kernels_in_one_project_each_run_their_own_cells_and_lose_nothing(session, project, tmp_path):
    (project.result / "notes.txt").write_text("by hand")
    kernels = {
        name: subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", KERNEL, name, str(project.root)],
            env=environment(session.connection),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    }
    for kernel in kernels.values():
        assert kernel.stdout.readline() == "ready\n"
    for kernel in kernels.values():
        kernel.stdin.write("go\n")
        kernel.stdin.flush()
    jobs = {name: kernel.communicate(timeout=120)[0].split() for name, kernel in kernels.items()}

    assert [kernel.returncode for kernel in kernels.values()] == [0, 0]
    words = [f"{name} {turn}" for name in kernels for turn in range(4)]
    done = [Job.attach(session, job_id, project) for name in kernels for job_id in jobs[name]]
    assert [own_lines(job) for job in done] == [[word] for word in words]
    assert [contents(job) for job in done] == [{"same.txt": word.encode()} for word in words]
    assert {f"{word.replace(' ', '_')}.py" for word in words} <= {file.name for file in project.src.iterdir()}
    assert (project.result / "notes.txt").read_text() == "by hand"
    assert half_written(project.root) == []

    last = submit(session, project)
    mount = last.process.spec.fs.snapshots[0]
    session.filesystem.checkout(mount.snapshotid, mount.label, tmp_path / "frozen")
    assert everything_in(tmp_path / "frozen") == everything_in(project.src)
    last.wait(WAIT_S)


@pytest.mark.parametrize("process_id", ["../../../outside", "abcd/../../../outside", "/outside", "", "abcd\x1b[2J"])
def test_a_server_cannot_choose_where_the_files_of_a_job_are_written(colony, process_id: str):
    with colony.session(storage=None) as session, pytest.raises(InvalidReply):
        Job(session, Process(processid=process_id))


def test_a_job_keeps_its_id_whatever_the_server_answers_later(colony):
    with colony.session(storage=None) as session:
        job = Job(session, Process(processid="abcd"))
        job.process = Process(processid="../../outside")

    assert job.id == "abcd"


def test_the_message_of_a_failure_shows_no_control_sequences_of_the_job(colony):
    with colony.session(storage=None) as session:
        job = Job(session, Process(processid="abcd", errors=["\x1b[2Jcleared"]))

    assert "\x1b" not in job._failure(None, ["tail\x1b[H", "\x1b]0;title\x07"])
