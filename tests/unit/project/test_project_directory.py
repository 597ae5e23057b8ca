"""A project is made once, opened often, changed by options, locked between kernels, and never overwritten."""

import os
import subprocess
import sys
import threading

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.errors import ProjectError, UsageError
from pollinator_magic.project import Project, Results
from pollinator_magic.project.values import GpuRequest
from tests.fuzz.effort import effort


def snapshot(root):
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "lock")  # locking touches its file
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_new_project_has_the_keys_and_order_of_the_go_tool_and_no_init_cmd(project):
    content = yaml.safe_load(project.file.read_text())

    assert list(content) == ["projectname", "conditions", "environment", "tunnel"]
    assert list(content["conditions"]) == [
        "executorNames",
        "nodes",
        "processesPerNode",
        "cpu",
        "mem",
        "walltime",
        "gpu",
    ]
    assert list(content["environment"]) == ["docker", "rebuildImage", "cmd", "source"]
    assert len(bytes.fromhex(content["projectname"])) == 32
    assert project.results is Results.PER_JOB
    assert project.warnings == ()


def test_two_new_projects_have_different_names(tmp_path):
    assert Project.create(tmp_path / "a", "x").name != Project.create(tmp_path / "b", "x").name


def test_a_new_project_holds_what_was_asked_for(tmp_path):
    project = Project.create(tmp_path, ["a", "b"], image="x/y:1", init="apt update && apt install -y jq")

    assert project.executors == ("a", "b")
    assert project.environment.image == "x/y:1"
    assert project.environment.init == "apt update && apt install -y jq"


@effort(30)
@given(
    executors=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)),
    init=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
def test_what_is_created_is_what_is_opened(tmp_path_factory, executors, init):
    created = Project.create(tmp_path_factory.mktemp("p"), executors, init=init)
    opened = Project.open(created.root)

    assert opened == created
    assert opened.executors == tuple(executors)
    assert opened.environment.init == init


def test_the_sample_runs_from_the_standard_library(project):
    environment = {"PROJECT_DIR": str(project.src.parent), "PATH": os.environ["PATH"]}

    subprocess.run([sys.executable, "-S", project.src / "main.py"], env=environment, check=True)

    assert (project.result / "result.txt").read_text() == "HELLO FROM THE DATA DIRECTORY!\n"


def test_creating_overwrites_nothing(tmp_path):
    (tmp_path / "cfs" / "src").mkdir(parents=True)
    (tmp_path / "cfs" / "src" / "main.py").write_text("mine")
    project = Project.create(tmp_path, "local")
    assert (project.src / "main.py").read_text() == "mine"
    before = snapshot(tmp_path)

    with pytest.raises(ProjectError, match="There is a project in"):
        Project.create(tmp_path, "other")

    assert snapshot(tmp_path) == before


def test_state_is_not_for_version_control(project):
    assert (project.state / ".gitignore").read_text() == "*\n"


def test_opening_writes_nothing(project):
    before = snapshot(project.root)

    Project.open(project.root)

    assert snapshot(project.root) == before


def test_open_or_create_makes_a_project_without_samples_once(tmp_path):
    first = Project.open_or_create(tmp_path, "local")
    second = Project.open_or_create(tmp_path, "other")

    assert first == second
    assert first.executors == ("local",)
    assert list(first.src.iterdir()) == list(first.data.iterdir()) == list(first.result.iterdir()) == []


def test_directories_that_git_did_not_keep_are_made_again(project):
    project.result.rmdir()
    (project.data / "hello.txt").unlink()
    project.data.rmdir()

    Project.open_or_create(project.root)

    assert project.result.is_dir()
    assert project.data.is_dir()


def test_kernels_that_create_a_project_at_once_agree_on_one(tmp_path):
    names = []
    threads = [
        threading.Thread(target=lambda: names.append(Project.open_or_create(tmp_path, "x").name)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(names) == 8
    assert len(set(names)) == 1


def test_a_file_in_the_way_is_a_clear_error(tmp_path):
    (tmp_path / "cfs").write_text("")

    with pytest.raises(ProjectError, match="Cannot"):
        Project.create(tmp_path, "local")


def test_a_file_in_the_place_of_the_directory_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ProjectError, match=r"Cannot make the directory .* needs a directory that can be written"):
        Project.create(tmp_path / "file", "local")


def test_options_make_another_project_and_leave_this_one_and_the_file_alone(project):
    before, text = Project.open(project.root), project.file.read_text()

    changed = project.with_options(
        executors=["lumi-std"], nodes="4", ppn=2, cpu="2.5", mem="1.5Gi", gpu="a100:2", walltime="1h30m",
        image="julia:1.10", cmd="julia", init="x", source="a.jl", pip=["numpy"], env={"A": "1"},
    )  # fmt: skip

    conditions, environment = changed.conditions, changed.environment
    assert changed.executors == ("lumi-std",)
    assert (conditions.nodes, conditions.processes_per_node, conditions.walltime_s) == (4, 2, 5400)
    assert (conditions.cpu, conditions.mem, conditions.gpu) == ("2500m", "1536Mi", GpuRequest(2, "a100"))
    assert (environment.image, environment.cmd, environment.init) == ("julia:1.10", "julia", "x")
    assert (environment.source, environment.pip, environment.variables) == ("a.jl", ("numpy",), {"A": "1"})
    assert project == before
    assert project.file.read_text() == text


def test_options_that_are_none_change_nothing(project):
    assert project.with_options(nodes=None, mem=None, executors=None, env=None) == project


def test_an_option_that_does_not_exist_is_an_error(project):
    with pytest.raises(TypeError, match="colour"):
        project.with_options(colour="red")


def test_source_is_written_whole_and_ends_with_a_newline(project):
    assert project.write_source("print('ü')") == project.src / "main.py"

    assert (project.src / "main.py").read_bytes() == "print('ü')\n".encode()
    assert [path.name for path in project.src.iterdir()] == ["main.py"]


def test_source_goes_where_the_options_say(project):
    assert project.with_options(source="sub/a b.py").write_source("1\n") == project.src / "sub" / "a b.py"
    assert project.write_source("1\n", "other.py").read_text() == "1\n"


def test_an_equal_source_is_not_touched(project):
    path = project.write_source("x = 1\n")
    os.utime(path, ns=(1, 1))

    project.write_source("x = 1\n")
    assert path.stat().st_mtime_ns == 1

    project.write_source("x = 2\n")
    assert path.stat().st_mtime_ns != 1


def test_a_source_stays_executable(project):
    path = project.write_source("x = 1\n")
    path.chmod(0o755)

    project.write_source("x = 2\n")

    assert path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "name", ["../x.py", "/x.py", "a/../../x.py", "..", ".", "a/", "a\0b", "C:x.py", "a\\b.py", "a\nb"]
)
def test_a_source_cannot_leave_its_directory(project, name):
    before = snapshot(project.root)

    with pytest.raises(UsageError):
        project.write_source("x", name)

    assert snapshot(project.root) == before


def test_a_source_cannot_leave_its_directory_through_a_link(project, tmp_path):
    (tmp_path / "outside").mkdir()
    (project.src / "link").symlink_to(tmp_path / "outside")

    with pytest.raises(UsageError, match="through a link"):
        project.write_source("x", "link/x.py")

    assert list((tmp_path / "outside").iterdir()) == []


def test_text_that_no_file_can_hold_is_refused_and_the_source_kept(project):
    path = project.write_source("x = 1\n")

    with pytest.raises(ProjectError, match="UTF-8"):
        project.write_source("x = '\ud800'")

    assert path.read_text() == "x = 1\n"


HOLDER = """
import sys
from pollinator_magic.project import Project
with Project.open(sys.argv[1]).lock():
    print("locked", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other_kernel(project):
    """Another process that holds the project's lock until it is told to go on."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, project.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_project_that_another_kernel_uses_is_waited_for(project, other_kernel):
    said = []

    def release(line):
        said.append(line)
        other_kernel.stdin.write("\n")
        other_kernel.stdin.flush()

    with project.lock(on_wait=release):
        pass

    assert len(said) == 1
    assert "Waiting for another notebook" in said[0]


def test_waiting_for_another_kernel_ends_with_a_clear_error(project, other_kernel):
    with pytest.raises(ProjectError, match="Another notebook or command line"), project.lock(timeout_s=0.1):
        pass


def test_the_lock_of_a_killed_kernel_is_free(project, other_kernel):
    other_kernel.kill()
    other_kernel.wait()

    with project.lock(timeout_s=5):
        pass


def test_the_same_thread_may_lock_again_and_others_may_not(project):
    errors = []

    def other_thread():
        try:
            with Project.open(project.root).lock(timeout_s=0.05):
                pass
        except ProjectError as error:
            errors.append(error)

    with project.lock(), Project.open(project.root).lock(timeout_s=0.1):
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()

    assert len(errors) == 1
    with project.lock(timeout_s=0.1):
        pass
