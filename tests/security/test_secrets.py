"""A day with two colonies: whatever happens, no key comes to light."""

from __future__ import annotations

import base64
import copy
import dataclasses
import io
import logging
import os
import pickle
import pkgutil
import pprint
import sqlite3
import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from secret_texts import Search, frames_of

from pollinator_magic.cfs.objects import S3Objects
from pollinator_magic.colonies.client import Colonies
from pollinator_magic.colonies.keys import PrivateKey
from pollinator_magic.errors import JobCancelled, JobFailed
from pollinator_magic.executors.process.engine import ProcessEngine
from pollinator_magic.executors.sessions import MARK
from pollinator_magic.executors.worker import Worker
from pollinator_magic.jobs import Job, Session, submit
from pollinator_magic.local.colony import LocalColony
from pollinator_magic.local.home import Home
from pollinator_magic.project import Project
from pollinator_magic.settings import (
    Connection,
    connection_from_environment,
    owner_key_from_environment,
    read_env_file,
)
from tests.colony_server import RunningColony, running_colony
from tests.jobs import ENDLESS, WAIT_S, follow_until_text, run
from tests.place import environment
from tests.s3_server import RunningS3, free_port, running_s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOW_ALL = """
import os, pathlib
print(dict(os.environ))
for of in ("self", os.getppid()):
    for what in ("environ", "cmdline"):
        try:
            print(pathlib.Path(f"/proc/{of}/{what}").read_bytes())
        except OSError:
            pass
"""
OWN = ("COLONIES_", "AWS_", "POLLINATOR_", "COLONYOS_")


@dataclasses.dataclass
class Site:
    """A colony with objects over S3 and an executor, as somewhere else."""

    colony: RunningColony
    s3: RunningS3
    connection: Connection
    executor: str
    executor_key: PrivateKey

    @property
    def secrets(self) -> list[str]:
        colony = self.colony
        keys = (colony.server_key, colony.owner_key, colony.user_key, self.executor_key)
        return [*(key.reveal() for key in keys), self.s3.settings().secret_key, self.s3.settings().access_key]

    @property
    def hidden(self) -> list[str]:
        """All but the access key, which is the name of the one that signs a request."""
        return [secret for secret in self.secrets if secret != self.s3.settings().access_key]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    files = tmp_path_factory.mktemp("executor")
    with running_colony() as colony, running_s3() as s3:
        connection = Connection(colony.server, colony.colony, colony.user_key, s3.settings())
        executor_key = PrivateKey.generate()
        engine = ProcessEngine(files, cpu_millis=8000, memory_bytes=16 << 30, grace_s=0.5)
        own = dataclasses.replace(connection, key=executor_key)
        worker = Worker(own, colony.owner_key, engine, name="ex", fs_dir=files, poll_s=1)
        worker.start()
        try:
            yield Site(colony, s3, connection, "ex", executor_key)
        finally:
            worker.stop()


@pytest.fixture(scope="module")
def embedded(tmp_path_factory) -> Iterator[LocalColony]:
    local = LocalColony(tmp_path_factory.mktemp("embedded") / "home")
    try:
        local.connection()
        local.serve_objects()
        yield local
    finally:
        local.stop()


def secrets_of(local: LocalColony) -> list[str]:
    found = [file.read_text().split() for file in (local.home / "keys").glob("*.key")]
    assert len(found) == 5
    return [text for texts in found for text in texts]


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Let every library say all that it has to say."""
    said = io.StringIO()
    handler, root = logging.StreamHandler(said), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)r"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def dump(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump())


@pytest.mark.parametrize("form", [str, str.upper, lambda s: base64.b64encode(f"x={s}".encode()).decode()])
def test_the_search_finds_a_secret_in_any_form(form):
    secret, search = PrivateKey.generate().reveal(), Search()
    search.add("here", f"… {form(secret)} …")
    search.add("not here", PrivateKey.generate().reveal())

    assert search.leaks([secret]) == ["here"]


def test_jobs_leave_no_key_anywhere_however_they_end(site, tmp_path):
    search = Search()
    project = Project.create(tmp_path / "project", site.executor)
    with everything_logged() as said, Session(site.connection) as session:
        good = run(session, project, SHOW_ALL + "open('result/out.txt', 'w').write('x')")
        with pytest.raises(JobFailed):
            run(session, project, "raise SystemExit('it went wrong')")
        bad = Job(session, session.recent_processes(count=1)[0], project)
        endless = submit(session, project, source=ENDLESS)
        follow_until_text(endless)
        endless.cancel()
        with pytest.raises(JobCancelled):
            endless.wait(WAIT_S)
        for job in (good, bad, endless):
            search.add(f"log of {job.state}", str(job.log))
            search.add(f"representation of {job.state}", f"{job!r} {vars(job)} {job.results!r}")
        assert good.results["out.txt"].bytes() == b"x"
    assert [job.state.name for job in (good, bad, endless)] == ["SUCCESS", "FAILED", "CANCELLED"]
    assert MARK in str(good.log)
    search.add("database", dump(site.colony.directory / "colony.db"))
    search.add_files("project", tmp_path.rglob("*"))
    search.add_files("objects", site.s3.directory.rglob("*"))

    assert search.leaks(site.secrets) == []
    assert any(where.startswith(f"project: {project.state}") for where in search.said)
    assert any(where.startswith("objects: ") for where in search.said)
    logged = Search()
    logged.add("log", said.getvalue())
    assert all(name in said.getvalue() for name in ("urllib3", "botocore", "pollinator_magic"))
    assert logged.leaks(site.hidden) == []


def test_processes_show_no_key_on_their_command_lines_and_jobs_have_none_in_their_environment(embedded, tmp_path):
    search, secrets = Search(), secrets_of(embedded)
    project = Project.create(tmp_path / "project", "local")
    with Session(embedded.connection()) as session:
        shown = run(session, project, SHOW_ALL)
        job = submit(session, project, source=ENDLESS)
        follow_until_text(job)
        mark = f"{MARK}={job.id}"
        ours = 0
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                search.add(f"command line of {process.name()}", "\0".join(process.cmdline()))
                variables = "\0".join(f"{name}={value}" for name, value in process.environ().items())
                if mark in variables or process.pid == embedded.status().pid:
                    search.add(f"environment of {process.pid}", variables)
                    ours += mark in variables
        job.cancel()
    search.add("log of the job", str(shown.log))

    assert ours
    assert any("rclone" in where for where in search.said)
    assert search.leaks(secrets) == []


def test_what_the_embedded_colony_keeps_and_says_holds_no_key_but_in_its_files_of_keys(embedded, tmp_path):
    search, home = Search(), embedded.home
    with Session(embedded.connection()) as session:
        run(session, Project.create(tmp_path / "project", "local"), "print('said')")
    search.add("logs", embedded.logs(1000))
    search.add("status", f"{embedded.status()!r}")
    search.add("environment", embedded.environment().text(with_keys=False))
    search.add("database", dump(home / "colony.db"))
    search.add_files("home", (file for file in home.rglob("*") if home / "keys" not in file.parents))
    search.add_files("project", tmp_path.rglob("*"))

    assert search.leaks(secrets_of(embedded)) == []
    assert {f"home: {home / name}" for name in ("daemon.log", "colony.db", "daemon.json")} <= search.said.keys()


def shown_forms(thing: object) -> Iterator[str]:
    """Yield what a user who looks at an object may see of it, and what may be made of it."""
    yield from (repr(thing), str(thing), f"{thing}", pprint.pformat(thing), ascii(thing))
    with suppress(TypeError):  # it has none
        yield repr(vars(thing))
        yield pprint.pformat(vars(thing))
    for change in (copy.copy, copy.deepcopy, dataclasses.asdict, dataclasses.astuple, dataclasses.replace):
        with suppress(TypeError, RecursionError):  # it cannot be copied, as boto3's clients, or is no dataclass
            yield repr(change(thing))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with suppress(TypeError, pickle.PicklingError, AttributeError):
            yield pickle.dumps(thing, protocol).decode("latin-1")


def test_no_object_shows_or_gives_away_a_key(site, embedded, tmp_path):
    search, home = Search(), Home(embedded.home)
    project = Project.create(tmp_path / "project", site.executor)
    variables = environment(site.connection)
    with ExitStack() as closing_all:
        session = closing_all.enter_context(Session(site.connection))
        job = run(session, project, "print(1)")
        store = S3Objects(site.s3.settings())
        store.put("name", project.root / "project.yaml", lambda _: None)
        things = {
            "key": site.connection.key,
            "connection": site.connection,
            "read connection": connection_from_environment(variables),
            "owner key": owner_key_from_environment({"COLONIES_COLONY_PRVKEY": site.colony.owner_key.reveal()}),
            "S3 settings": site.s3.settings(),
            "session": session,
            "client": session.client,
            "rpc": session.client.rpc,
            "file system": session.filesystem,
            "store": store,
            "signer": store._signed,
            "boto3 client": store._client,
            "job": job,
            "process": session.client.process(job.id),
            "project": project,
            "embedded colony": embedded,
            "embedded connection": embedded.connection(),
            "home": home,
            "keys": home.keys,
            "S3 keys": home.s3_keys,
            "environment": embedded.environment(),
            "variables": embedded.environment().keys,
        }
        for name, thing in things.items():
            search.add(name, "\n".join(shown_forms(thing)))

    assert search.leaks([*site.secrets, *secrets_of(embedded)]) == []


def write_env(file: Path, variables: dict[str, str], *, broken: str = "") -> Path:
    lines = [f"export {name}={value}" for name, value in variables.items() if name.startswith(OWN)]
    file.write_text("\n".join([*lines, broken]) + "\n")
    return file


def env_files(site: Site, directory: Path) -> dict[str, Path]:
    """Make files of variables that lead to every kind of trouble, all of them with real keys in them."""
    directory.mkdir(exist_ok=True)
    good = environment(site.connection)
    key, secret = good["COLONIES_PRVKEY"], good["AWS_S3_SECRETKEY"]
    changes: dict[str, dict[str, str]] = {
        "good": {},
        "mistyped": {"COLONIES_PRVKEY": f"{key[:-1]}x"},
        "cut": {"COLONIES_PRVKEY": key[:-1]},
        "incomplete": {"COLONIES_COLONY_NAME": ""},
        "stranger": {"COLONIES_PRVKEY": site.colony.server_key.reveal()},
        "down": {"COLONIES_SERVER_PORT": str(free_port())},
        "odd": {"COLONIES_SERVER_HOST": "http://x/y"},
        "wrong_s3": {"AWS_S3_SECRETKEY": f"{secret}-but-wrong"},
        "spaced_s3": {"AWS_S3_SECRETKEY": f"{secret} x"},
        "s3_down": {"AWS_S3_ENDPOINT": f"127.0.0.1:{free_port()}"},
        "s3_odd": {"AWS_S3_REGION": "no region"},
    }
    files = {name: write_env(directory / f"{name}.env", good | change) for name, change in changes.items()}
    files["broken"] = write_env(directory / "broken.env", good, broken=f"COLONIES_PRVKEY: {key}")
    return files


def failures(site: Site, directory: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what goes wrong, from the reading of a file to the use of what is in it."""
    file = directory / "file"
    file.write_bytes(b"x" * 1000)
    large = directory / "large"
    large.write_bytes(b"x" * 20_000_000)

    def use(env: Path) -> object:
        connection = connection_from_environment(read_env_file(env))
        with Colonies(connection.server, connection.colony, connection.key, connect_timeout_s=2) as client:
            return client.me()

    def store(env: Path, content: Path) -> object:
        connection = connection_from_environment(read_env_file(env))
        objects = S3Objects(connection.storage, read_timeout_s=2)
        return objects.put("name", content, lambda _: None), list(objects.read("nobody"))

    for name, env in env_files(site, directory / "env").items():
        yield f"use {name}", lambda env=env: use(env)
        yield f"store {name}", lambda env=env: store(env, file)
        if name in {"wrong_s3", "s3_down"}:
            yield f"store large {name}", lambda env=env: store(env, large)
    yield "sign what is no text", lambda: site.connection.key.sign("ä")


def test_no_error_shows_a_key_even_in_the_variables_of_its_frames(site, tmp_path):
    search, raised = Search(), set()

    for name, act in failures(site, tmp_path):
        try:
            act()
        except Exception as error:  # noqa: BLE001  whatever it is
            raised.add(name)
            search.add(name, "\n".join([str(error), repr(error), repr(vars(error)), *frames_of(error)]))

    assert len(raised) >= 15
    assert not raised & {"use good", "use s3_odd", "use s3_down", "use wrong_s3"}
    mistyped = environment(site.connection)["COLONIES_PRVKEY"][:-1]
    assert search.leaks([*site.hidden, mistyped]) == []
    # The access key is in a header of every request to S3: it says who has signed it.
    assert [where for where in search.leaks(site.secrets) if not where.startswith("store")] == []


@pytest.mark.parametrize(
    "where",
    [
        "botocore.session.Session.create_client",
        "botocore.auth.S3SigV4Auth.add_auth",
        "urllib3.HTTPConnectionPool.urlopen",
    ],
)
def test_an_interrupt_within_a_library_shows_no_key(site, monkeypatch, tmp_path, where):
    for name, size in (("small", 1000), ("large", 1_000_000)):
        (tmp_path / name).write_bytes(b"x" * size)

    usual, me = pkgutil.resolve_name(where), threading.get_ident()

    def interrupt(*args: Any, **options: Any) -> Any:
        if threading.get_ident() == me:  # and not the executor
            raise KeyboardInterrupt
        return usual(*args, **options)

    monkeypatch.setattr(where, interrupt)
    search = Search()
    for name in ("small", "large"):
        try:
            store = S3Objects(site.s3.settings("not-made-yet"))  # which is left to boto3
            store.put("name", tmp_path / name, lambda _: None)
        except BaseException as error:  # noqa: BLE001  it is an interrupt, but threads of boto3's may give it another name
            search.add(name, "\n".join(frames_of(error)))

    assert "large" in search.said
    assert search.leaks(site.hidden) == []


WRAPPED = """
try:
    get_ipython().run_line_magic("pollinator", "connect env/{name}.env")
except Exception as error:
    raise RuntimeError("the user's own words") from error
"""


def test_no_notebook_holds_a_key_whatever_was_tried_in_it(site, embedded, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(OWN)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POLLINATOR_HOME", str(embedded.home))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    files = env_files(site, tmp_path / "env")
    cells = [
        "%xmode Verbose\n%load_ext pollinator_magic\nimport logging, sys\nlogging.basicConfig(stream=sys.stdout)",
        "%pollinator local status --env",
        "%pollinator local status --env --keys",
        f"%%pollinate local --as here\n{SHOW_ALL}",
        "vars(here), here.session, here.session.connection, vars(here.session.connection), here.session.client.rpc",
        *(f"%pollinator connect env/{name}.env" for name in sorted(files)),
        *(WRAPPED.format(name=name) for name in sorted(files)),
        "%tb",
        "%pollinator connect env/wrong_s3.env",
        f"%%pollinate {site.executor}\nprint('it does not get there')",
        "%tb",
        "%pollinator connect env/good.env",
        "logging.getLogger().setLevel(logging.DEBUG)",
        f"%%pollinate {site.executor} --as there\n{SHOW_ALL}",
        "logging.getLogger().setLevel(logging.WARNING)\n%pollinator status",
        "vars(there), there.session, vars(there.session.connection), vars(there.session.connection.storage)",
        f"%%pollinate {site.executor}\n1 / 0",
        "import pickle\npickle.dumps(there.session.connection)",
        "import pickle\npickle.dumps(there.session.connection.storage)",
        "%whos",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}).execute()

    search = Search()
    for number, cell in enumerate(notebook.cells):
        search.add(f"cell {number}", nbformat.v4.writes(nbformat.v4.new_notebook(cells=[cell])))
    everything_else = (path for path in tmp_path.rglob("*") if tmp_path / "env" not in path.parents)
    search.add_files("files", everything_else)
    text = "".join(map(str, notebook.cells))
    assert all(word in text for word in ("InvalidKey", "StorageDenied", "ServerUnreachable", "ConfigurationError"))
    assert "the user's own words" in text
    assert "A secret is not pickled" in text or "A private key is not pickled" in text
    access = site.s3.settings().access_key
    mistyped = environment(site.connection)["COLONIES_PRVKEY"][:-1]
    assert search.leaks([*secrets_of(embedded), *site.hidden, mistyped]) == []
    assert [where for where in search.leaks([access]) if "botocore" not in search.said[where].decode()] == []
