"""What people write: option lines, project.yaml, environment files, parameters. It is read as meant, or refused."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import shlex
import warnings
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from effort import effort
from hypothesis import example, given
from hypothesis import strategies as st
from wire_strategies import anything, cut, cuts, hostile, mutated, places, written

from pollinator_magic.cli import SUBCOMMANDS, parser_of
from pollinator_magic.colonies.models import Process
from pollinator_magic.errors import ConfigurationError, PollinatorError, ProjectError, UsageError
from pollinator_magic.executors.specs import SpecRefused, task_of
from pollinator_magic.jobs.parameterfile import parameter_sets, rows
from pollinator_magic.jobs.parameters import combinations, describe, parameters_of, typed, variables
from pollinator_magic.options import RunOptions, parse_run_line, split
from pollinator_magic.project import Project
from pollinator_magic.project.reading import parse_description
from pollinator_magic.project.samples import project_text
from pollinator_magic.project.spec import build
from pollinator_magic.project.validation import validate
from pollinator_magic.settings import connection_from_environment, owner_key_from_environment, read_env_file

if TYPE_CHECKING:
    from pathlib import Path

plain = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=8)
words = plain.filter(lambda text: not text.startswith("-") and "," not in text)
identifiers = st.sampled_from(["a", "x_1", "größe", "_", "lr", "Ω"])


# --- option lines ----------------------------------------------------------------------------------------------------

OPTIONS = {
    "nodes": ("--nodes", st.none() | words),
    "cpu": ("--cpu", st.none() | words),
    "mem": ("--mem", st.none() | words),
    "walltime": ("--walltime", st.none() | words),
    "image": ("--image", st.none() | words),
    "command": ("--cmd", st.none() | words),
    "init": ("--init", st.none() | words),
    "source": ("--source", st.none() | words),
    "map_file": ("--map", st.none() | words),
    "name": ("--as", st.none() | identifiers),
}


@given(
    given_options=st.fixed_dictionaries({name: values for name, (_, values) in OPTIONS.items()}),
    executors=st.lists(words, max_size=3),
    env=st.lists(st.tuples(st.sampled_from(["A", "B_2"]), plain), max_size=3),
    switches=st.sets(st.sampled_from(["detach", "cached", "dry_run", "quiet", "verbose", "script"])),
    first=st.booleans(),
    joined=st.booleans(),
)
@effort(60)
def test_an_option_line_says_what_was_written_wherever_its_words_stand(
    given_options, executors, env, switches, first, joined
):
    spoken = []
    for name, value in given_options.items():
        if value is not None:
            spoken += [f"{OPTIONS[name][0]}={value}"] if joined else [OPTIONS[name][0], value]
    for name, value in env:
        spoken += ["--env", f"{name}={value}"]
    spoken += [f"--{switch.replace('_', '-')}" for switch in sorted(switches)]
    line = shlex.join([*executors, *spoken] if first else [*spoken, *executors])

    options = parse_run_line("%%pollinate", line)

    expected = RunOptions(executors=tuple(executors), env=tuple(env), **given_options, **dict.fromkeys(switches, True))
    assert {field.name: getattr(options, field.name) for field in fields(RunOptions)} == {
        field.name: getattr(expected, field.name) for field in fields(RunOptions)
    }


FRAGMENTS = st.sampled_from([
    "--each", "lr=0.1,0.01", "x=1:5", "--env", "A=1", "--nodes", "-d", "--detach", "--no-detach", "--", "-", "---",
    "local", "'", '"', "\\", "--out", "a,b", "--as", "class", "--pip", "numpy>=1,<2", "--on-interrupt", "=", "--=",
    "--map=", "#", "$(rm)", "\n", "\0", "\x1b[2J", "…", "--get='*.csv'", "-h", "--help", "--verbose=1",
])  # fmt: skip


@given(st.lists(FRAGMENTS | st.text(max_size=5), max_size=8).map(" ".join))
@effort(120)
def test_any_line_is_read_or_refused_in_one_printable_line(line):
    for prog in ("%%pollinate", "pollinate run"):
        try:
            options = parse_run_line(prog, line)
        except UsageError as error:
            assert "\n" not in str(error) or "\n" in line  # noqa: PT017  not raising is as good
        else:
            assert isinstance(options, RunOptions)
            with contextlib.suppress(UsageError):
                parameter_sets(options.each, options.map_file)


@given(st.sampled_from(sorted(SUBCOMMANDS)), st.lists(FRAGMENTS | st.text(max_size=5), max_size=6).map(" ".join))
@effort(120)
def test_the_words_of_any_subcommand_are_read_or_refused(name, line):
    with contextlib.suppress(UsageError):
        parser_of(name, "pollinate").parse_intermixed_args(split(line))


# --- project.yaml ----------------------------------------------------------------------------------------------------

PROJECT = yaml.safe_load(project_text("p" * 8, ["local"], image="python:3.12", init="pip3 install numpy"))
PROJECT["tunnel"] = {"user": "u", "jumpHost": "h", "jumpHostPort": 22, "sshKey": "k", "localPort": 1, "remotePort": 2}
PROJECT["results"] = "per-job"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    project = Project.create(tmp_path / "project", "local")
    return project.root


@given(st.lists(st.tuples(places, anything), max_size=4))
@example([([1], "<nested 3000>")])
@effort(120)
def test_a_project_with_anything_in_any_place_is_refused_or_makes_what_an_executor_takes(root, changes):
    (root / "project.yaml").write_text(written(mutated(PROJECT, changes)))  # JSON is YAML

    with contextlib.suppress(PollinatorError):
        project = Project.open(root)
        repr(project)
        changed = project.with_options(nodes="2", mem="1Gi", walltime="10m", pip=("numpy",))
        for each in (project, changed):
            validate(each, source_given=True)
            spec = build(each, colony="c", snapshot_id="0" * 64)
            try:
                task_of(Process(processid="f" * 64, spec=spec))
            except SpecRefused as refused:
                raise AssertionError("what was found to be right is refused by our own executor") from refused


@given(cuts)
@example([(0.0, 0, b"\xff\xfe")])
@effort(120)
def test_a_damaged_project_is_read_or_refused_by_name(changes):
    text = project_text("p" * 8, ["lumi"], image="python:3.12", init="pip3 install numpy").encode()

    try:
        parse_description(cut(text, changes))
    except ProjectError as error:
        assert str(error).startswith("project.yaml")  # noqa: PT017  not raising is as good


texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)


@given(
    name=texts.filter(bool),
    executors=st.lists(texts, max_size=3),
    numbers=st.tuples(*[st.integers(0, 10**6)] * 3),
    others=st.tuples(texts, texts, texts, texts, texts),
    rebuild=st.booleans(),
)
@effort(60)
def test_a_project_that_a_yaml_library_has_written_is_read_as_it_was_meant(name, executors, numbers, others, rebuild):
    nodes, ppn, walltime = numbers
    cpu, mem, image, init, source = others
    text = yaml.safe_dump(
        {
            "projectname": name,
            "conditions": {
                "executorNames": executors,
                "nodes": nodes,
                "processesPerNode": ppn,
                "cpu": cpu,
                "mem": mem,
                "walltime": walltime,
            },
            "environment": {"docker": image, "rebuildImage": rebuild, "init-cmd": init, "source": source},
        },
        allow_unicode=True,
    )

    read = parse_description(text.encode())

    said, environment = read.conditions, read.environment
    assert (read.name, said.executor_names) == (name, tuple(executors))
    assert (said.nodes, said.processes_per_node, said.walltime_s) == numbers
    assert (said.cpu, said.mem) == (cpu, mem)
    assert (environment.image, environment.init, environment.source) == (image, init, source)
    assert environment.rebuild_image is rebuild
    assert read.warnings == ()


# --- environment files -----------------------------------------------------------------------------------------------

VARIABLES = [
    *("COLONIES_SERVER_HOST", "COLONIES_SERVER_PORT", "COLONIES_SERVER_HTTP_PORT", "COLONIES_TLS", "COLONIES_PRVKEY"),
    *("COLONIES_SERVER_TLS", "COLONIES_COLONY_NAME", "COLONIES_COLONY_PRVKEY", "AWS_S3_ENDPOINT", "AWS_S3_BUCKET"),
    *("AWS_S3_ACCESSKEY", "AWS_S3_SECRETKEY", "AWS_S3_REGION", "AWS_S3_TLS", "AWS_S3_SKIPVERIFY"),
    *("POLLINATOR_OBJECTS_DIR", "COLONYOS_DASHBOARD_URL"),
]
USUAL = st.sampled_from(["localhost", "443", "true", "hpc", "s3:9000", "http://s3", "us-east-1", "/tmp/x"])


KEY = "cd" * 32


@given(
    st.dictionaries(st.sampled_from(VARIABLES), USUAL | st.text(max_size=8)),
    st.dictionaries(st.sampled_from([name for name in VARIABLES if name.endswith("KEY")]), st.just(KEY)),
)
@effort(180)
def test_any_environment_is_a_connection_or_is_refused_without_showing_a_key(environment, keys):
    environment |= keys
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            said = repr(connection_from_environment(environment)) + repr(owner_key_from_environment(environment))
        except ConfigurationError as error:
            said = str(error)

    assert KEY not in said


@given(st.binary(max_size=80) | st.lists(FRAGMENTS, max_size=6).map(lambda found: "\n".join(found).encode()))
@effort(120)
def test_any_bytes_are_an_environment_file_or_are_refused_by_line(tmp_path, content):
    file = tmp_path / "some.env"
    file.write_bytes(content)

    try:
        found = read_env_file(file)
    except ConfigurationError as error:
        assert "some.env" in str(error)  # noqa: PT017  not raising is as good
    else:
        assert all(name.isidentifier() and name.isascii() for name in found)


@given(st.dictionaries(st.sampled_from(["A", "COLONIES_PRVKEY", "B_2"]), texts), st.booleans())
@effort(60)
def test_quoted_values_are_read_as_they_were_written(tmp_path, values, export):
    file = tmp_path / "some.env"
    written_as = {name: f"'{text}'" if "'" not in text else f'"{text}"' for name, text in values.items()}
    file.write_text("".join(f"{'export ' * export}{name}={text}\n" for name, text in written_as.items()))
    if any("'" in text and '"' in text for text in values.values()):
        return  # nothing can be escaped in such a file

    if all(len(f"{name}={text}".splitlines()) == 1 for name, text in values.items()):
        assert read_env_file(file) == values


# --- parameters ------------------------------------------------------------------------------------------------------

numbers = st.sampled_from(["1", "-2", "0.5", "1e3", "1e400", "-1e-400", "007", "1:5", "0:1:0.2", "5:1", "1:1e9", "nan"])
listed = st.lists(numbers | st.text(max_size=5) | st.sampled_from(["", "'a,b'", '"', "true", "NONE"]), max_size=4)


@given(st.lists(st.tuples(identifiers | st.text(max_size=4), listed), max_size=3))
@example([("x", ["1e400:1e400"])])
@effort(180)
def test_anything_given_to_each_becomes_parameters_that_travel_or_is_refused(each):
    said = [f"{name}={','.join(values)}" for name, values in each]

    with contextlib.suppress(UsageError):
        for parameters in combinations(said)[:5]:
            describe(parameters)
            assert parameters_of(variables(parameters)) == parameters


@given(st.dictionaries(identifiers, st.lists(st.integers() | st.floats(allow_nan=False), min_size=1, max_size=3)))
@effort(90)
def test_numbers_are_given_to_each_as_they_are_written(each):
    numbers_of = {name: [value for value in values if math.isfinite(value)] for name, values in each.items()}
    said = [f"{name}={','.join(map(repr, values))}" for name, values in numbers_of.items() if values]
    names = [text.partition("=")[0] for text in said]
    distinct = len({combinations([f"{name}=1"])[0].popitem()[0] for name in names}) == len(names)
    if not distinct or any(len(repr(value)) > 40 for values in numbers_of.values() for value in values):
        return

    for name, values in zip(names, (values for values in numbers_of.values() if values), strict=True):
        (read,) = ([one[key] for one in combinations([f"{name}={','.join(map(repr, values))}"]) for key in one],)
        assert read == values
        assert [type(value) for value in read] == [type(value) for value in values]


@given(st.sampled_from([".csv", ".tsv", ".json", ".jsonl"]), st.binary(max_size=60) | FRAGMENTS.map(str.encode))
@effort(120)
def test_any_bytes_are_a_table_or_are_refused_in_words(tmp_path, suffix, content):
    file = tmp_path / f"table{suffix}"
    file.write_bytes(content)

    with contextlib.suppress(UsageError):
        for row in rows(file):
            assert row


@given(st.lists(st.fixed_dictionaries({"a": hostile, "b": hostile}), max_size=3), cuts | st.just([]))
@effort(120)
def test_json_tables_with_anything_in_them_become_parameters_or_are_refused(tmp_path, table, changes):
    whole, lines = tmp_path / "table.json", tmp_path / "table.jsonl"
    whole.write_bytes(cut(written(table).encode(), changes))
    lines.write_bytes(cut("\n".join(map(written, table)).encode(), changes))

    for file in (whole, lines):
        with contextlib.suppress(UsageError):
            for row in rows(file):
                describe(row)
                assert parameters_of(variables(row)) == json.loads(json.dumps(row))


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=6)


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=4)))
@effort(120)
def test_a_table_that_a_csv_library_has_written_has_every_cell(tmp_path, table):
    file = tmp_path / "table.csv"
    sink = io.StringIO()
    writer = csv.writer(sink, quoting=csv.QUOTE_ALL)
    names = ["a", "b", "c"][: len(table[0]) if table else 1]
    writer.writerows([names, *table])
    file.write_bytes(sink.getvalue().encode())
    kept = [row for row in table if any(cell.strip() for cell in row)]

    try:
        read = rows(file)
    except UsageError:
        assert not kept
        return

    assert len(read) == len(kept)
    for row, cells_of in zip(read, kept, strict=True):
        for name, cell in zip(names, cells_of, strict=True):
            value = row[name]
            meant = typed(cell.strip()) if cell.strip() else None
            assert value in (cell, meant) or _same_number(value, meant)


def _same_number(value: Any, meant: Any) -> bool:
    return isinstance(value, float) and isinstance(meant, int) and value == float(meant)
