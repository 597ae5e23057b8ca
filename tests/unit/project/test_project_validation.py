"""What no executor could run is refused before anything is sent, naming the line or the option."""

import pytest

from pollinator_magic.errors import PollinatorError, ProjectError, UsageError
from pollinator_magic.project import Project, validate


def test_a_new_project_is_valid(project):
    validate(project)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nodes: 1", "nodes: 0", "conditions.nodes must be a positive whole number, not 0 (line 7)"),
        (
            "nodes: 1",
            "nodes: 128",
            "conditions.nodes must be at most 127, not 128 (line 7). More would never be scheduled",
        ),
        ("processesPerNode: 1", "processesPerNode: 300", "conditions.processesPerNode must be at most 127, not 300"),
        ("  nodes: 1\n", "", "project.yaml: conditions.nodes is missing. Write 1 unless"),
        ("walltime: 600", "walltime: 1", "conditions.walltime must be at least 2 seconds, not 1 (line 11)"),
        ("walltime: 600", "walltime: -5", "conditions.walltime must be at least 2 seconds, not -5 (line 11)"),
        ("walltime: 600", "walltime: 4000000000", "conditions.walltime must be at most 2147483647 seconds"),
        ("  walltime: 600\n", "", "conditions.walltime is missing"),
        (
            "cpu: 1000m",
            "cpu: 2",
            "conditions.cpu '2' is not an amount of CPU that executors understand (line 9). Write 2000m.",
        ),
        ("cpu: 1000m", "cpu: 5m", "Use thousandths of a core, e.g. 1000m."),
        ("  cpu: 1000m\n", "", "conditions.cpu is missing"),
        (
            "mem: 1000Mi",
            "mem: 4GB",
            "conditions.mem '4GB' is not a memory size that executors understand (line 10). Use Mi or Gi, e.g. 4Gi.",
        ),
        ("mem: 1000Mi", "mem: 1.5Gi", "Write 1536Mi."),
        ("mem: 1000Mi", "mem: 1048576Ki", "Write 1024Mi."),
        ("mem: 1000Mi", "mem: ''", "conditions.mem is empty (line 10)"),
        ("count: 0", "count: -1", "conditions.gpu.count must be a whole number, not -1 (line 13)"),
        ("name: ''", "name: a b", "conditions.gpu.name 'a b' may only hold"),
        ("- local", "- 'a:b'", "conditions.executorNames holds 'a:b'"),
        ("- local", "- ''", "conditions.executorNames holds ''"),
        ("docker: python:3.12-rc-bookworm", "docker:", "environment.docker is missing"),
        (
            "docker: python:3.12-rc-bookworm",
            "docker: a b",
            "environment.docker 'a b' is not the name of a container image",
        ),
        ("cmd: python3", "cmd: ''", "environment.cmd is empty"),
        ("source: main.py", "source: ../main.py", "environment.source '../main.py' must be a path inside cfs/src"),
        ("source: main.py", "source: /etc/passwd", "must be a path inside cfs/src"),
        ("source: main.py", "source: C:x.py", "must be a path inside cfs/src"),
        ("source: main.py", "source: mian.py", "environment.source 'mian.py' is not a file in"),
    ],
)
def test_what_project_yaml_says_is_judged_with_its_line(edited, old, new, message):
    project = edited(old, new)

    with pytest.raises(ProjectError) as caught:
        validate(project)

    assert str(caught.value).startswith("project.yaml: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "name", ["''", "/a", "a/", "a//b", "..", "a/../b", ".", "a:b", "a b", "a\\b", "rün", "a/src", '"a\\nb"']
)
def test_names_that_cannot_be_directories_of_jobs_are_refused(tmp_path, name):
    project = Project.create(tmp_path, "local")
    lines = project.file.read_text().splitlines()
    lines[2] = f"projectname: {name}"
    project.file.write_text("\n".join(lines))

    with pytest.raises(ProjectError, match="projectname"):
        validate(Project.open(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mem": "4GB"}, "--mem '4GB' is not a memory size that executors understand. Use Ki, Mi or Gi, e.g. 4Gi."),
        ({"nodes": "four"}, "--nodes must be a positive whole number, not 'four'"),
        ({"nodes": 128}, "--nodes must be at most 127, not 128. More would never be scheduled."),
        ({"ppn": "0"}, "--ppn must be a positive whole number, not '0'"),
        ({"walltime": "1"}, "--walltime must be at least 2 seconds, not 1"),
        (
            {"walltime": "soon"},
            "--walltime 'soon' is not a time. Use seconds, or d, h, m and s: 90, 10m, 2h, 1h30m, 1d.",
        ),
        (
            {"cpu": "two"},
            "--cpu 'two' is not an amount of CPU. Use cores or thousandths of a core, e.g. 2, 0.5 or 500m.",
        ),
        ({"gpu": "lots"}, "--gpu 'lots' is not a number of GPUs. Use N or NAME:N, e.g. 2 or nvidia_a100_80gb:2."),
        ({"executors": ["a:b"]}, "EXECUTOR holds 'a:b': names of executors have no colons and no control characters"),
        (
            {"source": "../x.py"},
            "--source '../x.py' must be a path inside cfs/src, with forward slashes and without '..'",
        ),
        ({"source": "gone.py"}, "--source 'gone.py' is not a file in"),
        ({"image": ""}, "--image is empty"),
        ({"cmd": " "}, "--cmd is empty"),
        ({"cmd": "a\0b"}, "--cmd holds characters that commands cannot have"),
        ({"env": {"1A": "x"}}, "--env '1A' is not a name for an environment variable"),
        ({"env": {"PROJECT_DIR": "x"}}, "--env PROJECT_DIR is set by the job itself"),
        ({"env": {"A": "x\0"}}, "--env 'A' has a value that environment variables cannot hold"),
        ({"pip": ["numpy", " "]}, "--pip must be names of packages, separated by commas"),
    ],
)
def test_what_options_say_is_judged_by_the_option(project, options, message):
    with pytest.raises(UsageError) as caught:
        validate(project.with_options(**options))

    assert str(caught.value).startswith(message)


def test_the_cell_that_is_about_to_be_written_need_not_exist(project):
    changed = project.with_options(source="cell.py")

    validate(changed, source_given=True)
    with pytest.raises(UsageError):
        validate(changed)


def test_a_source_is_not_needed(project):
    validate(project.with_options(source="", cmd="nvidia-smi"))


def test_shared_results_pass_commands_unquoted_so_what_needs_quotes_is_refused(edited):
    project = edited("cmd: python3", "cmd: echo 'a b' | python3 -").with_options(source="")
    shared = edited("tunnel: null", "results: shared")
    validate(project)
    validate(shared)
    (shared.src / "a b.py").touch()

    for options in ({"source": "a b.py"}, {"pip": ["numpy>=2"]}):
        with pytest.raises(PollinatorError, match="results: shared"):
            validate(shared.with_options(**options))
