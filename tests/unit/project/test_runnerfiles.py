"""The notebook runner in the snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pollinator_magic import runner as runner_package
from pollinator_magic.errors import UsageError
from pollinator_magic.project import Project, Runner, prepare_scripts
from pollinator_magic.project.runnerfiles import is_python


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path, "local", sample_files=False).with_options(source="main.py", cmd="python3")


def files(project: Project) -> dict[str, str]:
    root = project.src / ".pollinator"
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_python_cell_is_run_by_a_copy_of_the_runner(project: Project):
    prepare_scripts(project, Runner(line_offset=1))

    written = files(project)
    assert "exec python3 src/.pollinator/runner/start.py src/main.py" in written["start.sh"]
    modules = {path.name: path.read_text() for path in Path(runner_package.__file__).parent.glob("*.py")}
    assert {name: written[f"runner/{name}"] for name in modules} == modules
    assert json.loads(written["run.json"])["line_offset"] == 1


def test_without_a_runner_the_program_runs_plainly(project: Project):
    prepare_scripts(project)

    assert "exec python3 src/main.py" in files(project)["start.sh"]


def test_what_is_equal_is_not_written_again(project: Project):
    prepare_scripts(project, Runner(inputs={"a": 1}))
    before = {path: path.stat().st_mtime_ns for path in (project.src / ".pollinator").rglob("*")}

    prepare_scripts(project, Runner(inputs={"a": 1}))

    assert {path: path.stat().st_mtime_ns for path in (project.src / ".pollinator").rglob("*")} == before


def test_variables_that_go_in_are_those_of_this_run_alone(project: Project):
    prepare_scripts(project, Runner(inputs={"a": 1, "b": "text"}))
    prepare_scripts(project, Runner(inputs={"b": "text"}))
    assert [name for name in files(project) if name.startswith("in/") and name.endswith(".json")] == ["in/b.json"]

    prepare_scripts(project, Runner())
    assert not [name for name in files(project) if name.startswith("in/")]


def test_modules_of_an_older_runner_go(project: Project):
    prepare_scripts(project, Runner())
    old = project.src / ".pollinator" / "runner" / "of_an_older_version.py"
    old.write_text("raise SystemExit")

    prepare_scripts(project, Runner())

    assert not old.exists()


@pytest.mark.parametrize(
    ("command", "source", "python"),
    [
        ("python3", "main.py", True),
        ("python", "deep/main.py", True),
        ("/opt/conda/bin/python3.12 -u", "main.py", True),
        ("srun --mpi=pmix python3", "main.py", True),
        ("python3 -m torch.distributed.run", "main.py", False),
        ("python3 -c 'pass'", "main.py", False),
        ("bash", "main.sh", False),
        ("python3", "main.sh", False),
        ("node", "main.py", False),
        ("", "main.py", False),
    ],
)
def test_python_is_what_a_python_runs_from_a_python_file(project: Project, command: str, source: str, python: bool):
    assert is_python(project.with_options(cmd=command, source=source).environment) is python


def test_other_languages_run_plainly_and_refuse_variables(project: Project):
    bash = project.with_options(cmd="bash", source="main.sh")

    prepare_scripts(bash, Runner())
    assert "exec bash src/main.sh" in files(bash)["start.sh"]
    assert not (bash.src / ".pollinator" / "runner").exists()
    with pytest.raises(UsageError, match="not Python"):
        prepare_scripts(bash, Runner(inputs={"a": 1}))


def test_shared_results_leave_no_place_for_the_runner(tmp_path: Path):
    project = Project.create(tmp_path, "local", sample_files=False)
    project.file.write_text(project.file.read_text() + "\nresults: shared\n")
    shared = Project.open(tmp_path)

    assert prepare_scripts(shared, Runner()) == ()
    with pytest.raises(UsageError, match="results are shared"):
        prepare_scripts(shared, Runner(outputs=("x",)))


def test_variables_of_earlier_steps_are_named_in_the_settings_and_only_then(project: Project):
    prepare_scripts(project, Runner(from_steps={"model": "fit"}))
    assert json.loads(files(project)["run.json"])["from_steps"] == {"model": "fit"}

    prepare_scripts(project, Runner())
    assert "from_steps" not in json.loads(files(project)["run.json"])


def test_variables_of_earlier_steps_need_a_runner(project: Project):
    with pytest.raises(UsageError, match="--in and --out need the notebook runner"):
        prepare_scripts(project.with_options(cmd="bash", source="main.sh"), Runner(from_steps={"model": "fit"}))
