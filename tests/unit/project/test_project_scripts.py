"""The scripts are run as executors run them: in a job's own directory, beside the data directory that jobs share."""

import os
import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.project import Project, build, prepare_scripts
from tests.fuzz.effort import effort


class Site:
    """Lays a project out as an executor does, and runs what the function specification says."""

    def __init__(self, root, project):
        self.project = project
        self.spec = build(project, colony="c", snapshot_id="5" * 64, run_id="run")
        self.root = root
        self.job = self.path(self.spec.env["PROJECT_DIR"])
        self.data = self.job.parent / "data"

    def path(self, inside):
        return self.root / inside.removeprefix("/cfs/")

    def prepare(self, *, data=True):
        prepare_scripts(self.project)
        self.job.mkdir(parents=True)
        (self.job / "src").symlink_to(self.project.src)
        if data:
            self.data.mkdir()
            (self.data / "hello.txt").write_text("hello")
        return self

    def start(self):
        """Start the process as `sh -c "[init-cmd;]cmd args..."`, with /cfs where it really is."""
        kwargs = self.spec.kwargs
        init = f"{kwargs['init-cmd']};" if kwargs["init-cmd"] else ""
        command = f"{init}{kwargs['cmd']} {' '.join(kwargs['args'])}".replace("/cfs/", f"{self.root}/")
        variables = {name: value.replace("/cfs/", f"{self.root}/") for name, value in self.spec.env.items()}
        return subprocess.Popen(
            ["sh", "-c", command],
            env={"PATH": os.environ["PATH"], **variables},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self):
        with self.start() as process:
            out, err = process.communicate(timeout=30)
        return process.returncode, out, err


@pytest.fixture
def site(tmp_path, project):
    def lay_out(code, *, data=True, **options):
        changed = project.with_options(**{"cmd": sys.executable, **options})
        changed.write_source(code)
        return Site(tmp_path / "cfs", changed).prepare(data=data)

    return lay_out


def test_the_program_sees_src_data_and_result_around_it(site):
    job = site("import os; print(open('data/hello.txt').read(), sorted(os.listdir()), os.path.exists('src/main.py'))")

    assert job.run() == (0, "hello ['data', 'result', 'src'] True\n", "")


def test_the_exit_code_is_the_programs(site):
    assert site("raise SystemExit(7)").run()[0] == 7


def test_the_program_replaces_the_shell(site):
    job = site("import os; print(os.getpid())")
    start, variables = job.job / "src" / ".pollinator" / "start.sh", {"PROJECT_DIR": str(job.job)}

    with subprocess.Popen(["sh", start], env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert int(process.stdout.read()) == process.pid


def test_a_missing_data_directory_is_an_empty_one(site):
    assert site("import os; print(os.listdir('data'))", data=False).run() == (0, "[]\n", "")


def test_ranks_that_start_together_link_the_data_once(site):
    job = site("print(open('data/hello.txt').read())")

    ranks = [job.start() for _ in range(12)]

    for rank in ranks:
        with rank:
            assert rank.communicate(timeout=30) == ("hello\n", "")
            assert rank.returncode == 0
    assert job.run()[0] == 0  # and again, with the link there from the start
    assert [path.name for path in job.data.iterdir()] == ["hello.txt"]
    assert (job.job / "data").readlink().as_posix() == "../data"


@pytest.mark.parametrize("name", ["a b.py", "it's.py", 'say "x".py', "$HOME.py", "-x.py", "sub dir/rün.py", "a;b&c.py"])
def test_sources_may_have_any_name(site, name):
    assert site("print('ran')", source=name).run() == (0, "ran\n", "")


def test_a_command_without_source_is_run_alone(site):
    assert site("", cmd="echo a b", source="").run() == (0, "a b\n", "")


def test_a_command_may_have_arguments(site):
    job = site("import sys; print(sys.flags.optimize)", cmd=f"{sys.executable} -OO")

    assert job.run() == (0, "2\n", "")


def test_a_command_may_have_shell_syntax(site):
    job = site("print(input())", cmd=f"""X='a  "b"'; export X && printf '%s\\n' "$X" | {sys.executable}""")

    assert job.run() == (0, 'a  "b"\n', "")


@pytest.mark.parametrize("prefix", ["GREETING=hi ", "command ", "env GREETING=hi "])
def test_a_command_may_begin_with_what_a_shell_cannot_replace_itself_with(site, prefix):
    job = site("import os; print(os.environ.get('GREETING', 'none'))", cmd=prefix + sys.executable)

    assert job.run() == (0, "hi\n" if "hi" in prefix else "none\n", "")


def test_a_failing_shell_command_fails_the_job(site):
    assert site("", cmd="true && (exit 3)", source="").run()[0] == 3


def test_what_init_exports_is_seen_by_the_program(site):
    job = site("import os; print(os.environ['WORDS'])", init="export WORDS='a  b'\r\necho ready | cat\r\n")

    assert job.run() == (0, "ready\na  b\n", "")


def test_init_sees_the_variables_of_the_job(site):
    job = site("", cmd="true", init='echo "$A"', env={"A": "x;y  'z'"})

    assert job.run() == (0, "x;y  'z'\n", "")


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@effort(25)
@given(variables=st.dictionaries(st.sampled_from(["A", "B_1", "_c"]), TEXT), argument=TEXT)
def test_variables_and_arguments_arrive_as_they_were_given(tmp_path_factory, variables, argument):
    root = tmp_path_factory.mktemp("site")
    argument = argument.replace("\r\n", "\n")  # commands are taken with Unix line ends
    project = Project.create(root / "project", "x").with_options(
        env=variables, source="", cmd=f"env python3 src/show.py {shlex.quote(argument)}"
    )
    project.write_source(
        "import os, sys\nsys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, "
        "[*sys.argv[1:], *(os.environ.get(name, '') for name in ('A', 'B_1', '_c'))])))",
        "show.py",
    )

    code, out, err = Site(root / "cfs", project).prepare().run()

    wanted = [argument, *(variables.get(name, "") for name in ("A", "B_1", "_c"))]
    assert (code, err) == (0, "")
    assert out.encode() == "\0".join(wanted).replace("\r\n", "\n").replace("\r", "\n").encode()


def test_scripts_are_the_same_every_time_and_are_not_touched(project):
    changed = project.with_options(init="a | b", env={"A": "x;y"})
    paths = prepare_scripts(changed)
    assert [path.relative_to(project.src).as_posix() for path in paths] == [
        ".pollinator/start.sh",
        ".pollinator/init.sh",
    ]
    for path in paths:
        os.utime(path, ns=(1, 1))

    assert prepare_scripts(changed) == paths

    assert [path.stat().st_mtime_ns for path in paths] == [1, 1]


def test_scripts_that_are_needed_no_more_are_removed(project, edited):
    start, init = prepare_scripts(project.with_options(init="a | b"))

    assert prepare_scripts(project) == (start,)
    assert not init.exists()

    shared = edited("tunnel: null", "results: shared")
    assert prepare_scripts(shared) == ()
    assert not start.exists()


def test_scripts_tell_the_reader_what_they_are(project):
    (start,) = prepare_scripts(project)

    assert start.read_text().startswith("#!/bin/sh\n# Written by pollinator_magic")
