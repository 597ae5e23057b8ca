"""Function specifications are those of the Go tool where results are shared, and a job's own otherwise."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollinator_magic.errors import ProjectError
from pollinator_magic.project import (
    Environment,
    Project,
    Results,
    build,
    data_label,
    result_label,
    source_label,
)
from pollinator_magic.project.naming import is_plain

VECTORS = sorted((Path(__file__).parents[2] / "vectors" / "funcspec").glob("*.json"))
ACCEPTED = [path for path in VECTORS if json.loads(path.read_text())["exit_code"] == 0]
REFUSED = [path for path in VECTORS if path not in ACCEPTED]
RUN = "5eed" * 16


def open_vector(path, root, *, results):
    """The vector's project.yaml, with `results` added: a key that the Go tool does not know."""
    text = path.with_suffix(".project.yaml").read_text()
    (root / "project.yaml").write_text(f"{text}\nresults: {results}\n")
    return Project.open(root)


def encoded(spec):
    return msgspec.json.decode(msgspec.json.encode(spec))


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_with_shared_results_the_go_tool_would_send_the_same(path, tmp_path):
    recorded = json.loads(path.read_text())
    project = open_vector(path, tmp_path, results="shared")

    spec = build(project, colony=recorded["colonyname"], snapshot_id=recorded["snapshotid"])

    assert encoded(spec) == recorded["funcspec"]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_what_the_go_tool_refuses_is_an_error_with_a_line(path, tmp_path):
    with pytest.raises(ProjectError, match=r"project\.yaml: .*\(line \d+\)"):
        open_vector(path, tmp_path, results="shared")


def test_there_are_vectors():
    assert len(ACCEPTED) >= 20
    assert len(REFUSED) >= 2


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_conditions_are_the_same_in_both_layouts(path, tmp_path):
    recorded = json.loads(path.read_text())
    project = open_vector(path, tmp_path, results="per-job")

    spec = build(project, colony=recorded["colonyname"], snapshot_id=recorded["snapshotid"])

    assert encoded(spec)["conditions"] == recorded["funcspec"]["conditions"]
    assert spec.maxexectime == recorded["funcspec"]["maxexectime"]


def test_a_job_of_its_own_has_its_own_directories_and_shares_the_data():
    spec = build(Project(Path(), "team/p"), colony="c", snapshot_id="snap", run_id="run")

    home = "/pollinator/team/p"
    assert spec.env == {"PROJECT_DIR": f"/cfs{home}/run"}
    assert spec.label == "team/p"
    assert spec.maxretries == 1
    assert encoded(spec.fs) == {
        "mount": "/cfs",
        "snapshots": [
            {
                "snapshotid": "snap",
                "label": f"{home}/src",
                "dir": f"{home}/run/src",
                "keepfiles": False,
                "keepsnapshot": True,
            }
        ],
        "dirs": [
            {
                "label": f"{home}/jobs/run/result",
                "dir": f"{home}/run/result",
                "keepfiles": False,
                "onconflicts": {"onstart": {"keeplocal": False}, "onclose": {"keeplocal": True}},
            },
            {
                "label": f"{home}/data",
                "dir": f"{home}/data",
                "keepfiles": True,
                "onconflicts": {"onstart": {"keeplocal": False}, "onclose": {"keeplocal": False}},
            },
        ],
    }


def test_two_jobs_of_one_snapshot_never_share_a_result_label():
    project = Project(Path(), "p")
    first, second = (build(project, colony="c", snapshot_id="snap") for _ in range(2))

    assert first.fs.dirs[0].label != second.fs.dirs[0].label
    assert first.fs.dirs[0].dir != second.fs.dirs[0].dir


def test_labels_are_those_of_the_specification():
    for results in Results:
        project = Project(Path(), "p", results=results)
        spec = build(project, colony="c", snapshot_id="s", run_id=RUN)

        assert spec.fs.snapshots[0].label == source_label(project)
        assert [mount.label for mount in spec.fs.dirs] == [result_label(project, RUN), data_label(project)]


def test_the_program_is_started_by_the_script_in_the_snapshot(project):
    spec = build(project.with_options(init="pip3 install numpy"), colony="c", snapshot_id="s", run_id="run")

    assert spec.kwargs["cmd"] == "sh"
    assert spec.kwargs["args"] == [f"/cfs/pollinator/{project.name}/run/src/.pollinator/start.sh"]
    assert spec.kwargs["init-cmd"] == "pip3 install numpy"


@pytest.mark.parametrize(
    "options",
    [
        {"init": "a && b"},
        {"init": "a\nb"},
        {"init": "a", "pip": ["numpy"]},
        {"pip": ["numpy>=2"]},
        {"init": "make", "env": {"A": "x;y"}},
    ],
)
def test_preparations_that_are_not_plain_words_are_in_a_script(project, options):
    spec = build(project.with_options(**options), colony="c", snapshot_id="s", run_id="run")

    assert spec.kwargs["init-cmd"] == f". /cfs/pollinator/{project.name}/run/src/.pollinator/init.sh"


def test_requirements_alone_stay_readable_on_the_wire(project):
    spec = build(project.with_options(pip=["numpy", "scipy==1.14"]), colony="c", snapshot_id="s")

    assert spec.kwargs["init-cmd"] == "pip3 install numpy scipy==1.14"


def test_with_shared_results_requirements_and_variables_are_added_to_what_the_go_tool_sends(tmp_path):
    project = open_vector(VECTORS[0], tmp_path, results="shared").with_options(pip=["scipy"], env={"A": "1"})
    spec = build(project, colony="c", snapshot_id="s")

    assert spec.kwargs["init-cmd"] == "pip3 install numpy;pip3 install scipy"
    assert spec.env == {"A": "1", "PROJECT_DIR": "/cfs/pollinator/vecproj-default"}


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)


@given(
    cmd=st.text(),
    init=st.text() | st.sampled_from(["pip3 install numpy", "a && b"]),
    source=st.text(),
    pip=st.lists(st.text(min_size=1)),
    variables=st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True), st.text()),
)
def test_everything_on_the_wire_is_plain_words(cmd, init, source, pip, variables):
    environment = Environment("python:3.12", cmd=cmd, init=init, source=source, pip=tuple(pip), variables=variables)
    spec = build(Project(Path(), "p", environment=environment), colony="c", snapshot_id="5" * 64)

    assert [text for text in strings_of([spec.kwargs, spec.env, encoded(spec.fs)]) if not is_plain(text)] == []


def test_plain_words_are_those_that_no_executor_damages():
    assert is_plain("pip3 install numpy==1.2 /a/b_c-d.e x@y,z 5%")
    for character in "+&<>'\"`$\\|;()[]{}*?#~!\n\t\0ü":
        assert not is_plain(f"a{character}b")
