"""project.yaml is read as the Go tool reads it, and what is wrong is named with key and line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pollinator_magic.errors import ProjectError
from pollinator_magic.project.reading import MAXIMUM_SIZE, parse_description, read_description
from pollinator_magic.project.values import Results, Tunnel

VECTORS = Path(__file__).parents[2] / "vectors" / "funcspec"


def parse(text):
    return parse_description(text.encode())


def error_of(text):
    with pytest.raises(ProjectError) as caught:
        parse(text)
    return str(caught.value)


def test_every_key_is_read_with_its_line():
    description = read_description(VECTORS / "gpu.project.yaml")

    assert description.name == "vecproj-gpu"
    assert description.conditions.executor_names == ("dev-docker",)
    assert description.conditions.walltime_s == 600
    assert (description.conditions.gpu.count, description.conditions.gpu.name) == (4, "nvidia_a100_80gb")
    assert description.environment.image == "python:3.12-rc-bookworm"
    assert description.environment.init == "pip3 install numpy"
    assert description.origins["conditions.mem"].line == 8
    assert description.origins["conditions.gpu.count"].line == 11
    assert description.tunnel is None
    assert description.results is Results.PER_JOB
    assert description.warnings == ()


def test_a_tunnel_is_read():
    assert read_description(VECTORS / "tunnel.project.yaml").tunnel == Tunnel(
        user="me",
        jump_host="login.example.org",
        jump_host_port=22,
        ssh_key="id_rsa",
        local_port=38888,
        remote_port=8888,
    )


def test_a_tunnel_may_name_the_host_itself():
    assert parse("tunnel: {host: n1, remotePort: 80}").tunnel == Tunnel(host="n1", remote_port=80)


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_what_the_go_tool_refuses_is_refused_and_nothing_else(path):
    refused = json.loads(path.read_text())["exit_code"] != 0
    source = path.with_suffix(".project.yaml")

    if refused:
        with pytest.raises(ProjectError, match=r"\(line \d+\)"):
            read_description(source)
    else:
        read_description(source)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "projectname: x\nconditions:\n  nodes: four",
            "project.yaml: conditions.nodes must be a positive whole number, not 'four' (line 3)",
        ),
        (
            "conditions:\n  nodes: '4'",
            "project.yaml: conditions.nodes must be a positive whole number, not the text '4' (line 2)",
        ),
        ("conditions: {walltime: 1.5}", "must be a positive whole number of seconds, not '1.5' (line 1)"),
        ("conditions: {walltime: 99999999999999999999}", "must be a positive whole number"),
        ("conditions: {walltime: 10:30}", "not '10:30' (line 1)"),
        ("conditions: {nodes: 010}", "not '010' (line 1)"),
        ("conditions: 5", "project.yaml: conditions must hold keys, not '5' (line 1)"),
        ("conditions:\n  executorNames: lumi", "conditions.executorNames must be a list of names, not 'lumi' (line 2)"),
        ("conditions: {executorNames: [[a]]}", "must be a list of names, not a list (line 1)"),
        ("environment: {rebuildImage: 1}", "environment.rebuildImage must be true or false, not '1' (line 1)"),
        ("projectname: [a]", "project.yaml: projectname must be text, not a list (line 1)"),
        ("results: mine", "project.yaml: results must be per-job or shared, not 'mine' (line 1)"),
        ("- a", "project.yaml must begin with keys such as projectname: (line 1)"),
        ("projectname: a\n\nprojectname: b", "projectname is given a second time, after line 1 (line 3)"),
        ("a: &a {}\n<<: *a", "has a key that is not a plain name (line 2)"),
        ("projectname: x\n\tconditions: {}", "(line 2)"),
        ("projectname: [", "(line 1)"),
        ("projectname: *nobody", "found undefined alias 'nobody' (line 1)"),
        ("a: b\nc: \x01", "holds a character that YAML does not allow (line 2)"),
        ('a: "\\UFFFFFFFF"', "holds an escape sequence that is not a character"),
        ('projectname: "\\ud800"', "projectname must be text"),
        ("[" * 5000, "is nested too deeply"),
        (" " * MAXIMUM_SIZE + "a: b", "larger than 64 KiB"),
    ],
)
def test_an_error_names_key_and_line(text, message):
    assert message in error_of(text)


def test_bytes_that_are_not_text_are_refused_with_their_line():
    with pytest.raises(ProjectError, match=r"is not UTF-8 text \(line 2\)"):
        parse_description(b"projectname: x\n# \xff\xfe")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_every_editor_are_read(encoding):
    assert parse_description("projectname: rün\r\n".encode(encoding)).name == "rün"


def test_numbers_are_read_in_the_forms_that_the_go_tool_knows():
    read = parse("conditions: {nodes: 0x10, processesPerNode: 2.0, walltime: 1_000, gpu: {count: +3}}").conditions

    assert (read.nodes, read.processes_per_node, read.walltime_s, read.gpu.count) == (16, 2, 1000, 3)


def test_text_is_taken_as_it_is_written_even_if_it_looks_like_a_number():
    read = parse("projectname: 007\nconditions: {cpu: 2, mem: 1e3, executorNames: [1, null, yes]}")

    assert read.name == "007"
    assert (read.conditions.cpu, read.conditions.mem) == ("2", "1e3")
    assert read.conditions.executor_names == ("1", "yes")


def test_null_is_the_same_as_a_missing_key():
    read = parse("projectname:\nconditions: ~\nenvironment: {docker: null}\ntunnel: null")

    assert replace(read, origins={}) == parse("")
    assert set(read.origins) == {"environment"}


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "projectname: x\nconditions:\n  executornames: [a]",
            "project.yaml: conditions.executornames is not a key; did you mean executorNames? (line 3)",
        ),
        (
            "environment: {initCmd: a}",
            "project.yaml: environment.initCmd is not a key; did you mean init-cmd? (line 1)",
        ),
        ("conditions: {gpu: {mem: 40Gi}}", "project.yaml: conditions.gpu.mem is not a key"),
        ("zzzz: 1", "project.yaml: zzzz is not a key and has no effect (line 1)"),
        ("projectname: a\n---\nprojectname: b", "project.yaml: only the part before the second `---` is used"),
    ],
)
def test_what_has_no_effect_is_a_warning(text, warning):
    (found,) = parse(text).warnings

    assert found.startswith(warning)


def test_aliases_cannot_multiply_what_is_read():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 50)]

    assert "a list of names" in error_of("\n".join([*levels, "conditions: {executorNames: *a49}"]))


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ProjectError, match="%pollinator new"):
        read_description(tmp_path / "project.yaml")


KEYS = [
    "projectname",
    "conditions",
    "environment",
    "tunnel",
    "results",
    "nodes",
    "gpu",
    "count",
    "executorNames",
    "cpu",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES.map(lambda value: yaml.safe_dump(value, allow_unicode=True)) | st.text())
@example("? [a]\n: b")
@example("!!int 'x': 1")
@example("conditions: !!map [a]")
@example("&a [*a]")
@example("conditions: &a {gpu: *a}")
@example("%YAML 9.9\n--- a")
@example("conditions: {nodes: !!int '4'}")
def test_no_text_raises_anything_but_a_project_error(text):
    try:
        parse_description(text.encode("utf-8", "replace"))
    except ProjectError as error:
        assert str(error).startswith("project.yaml")  # noqa: PT017  not raising is as good


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_project_error(content):
    try:
        parse_description(content)
    except ProjectError as error:
        assert str(error).startswith("project.yaml")  # noqa: PT017  not raising is as good
