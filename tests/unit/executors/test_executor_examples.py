"""What the documents say of executors can be used as it stands."""

from __future__ import annotations

import re
import shlex
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from pollinator_magic.cli import parser_of
from pollinator_magic.executors import kinds
from pollinator_magic.executors.configuration import ExecutorSettings, configure
from pollinator_magic.executors.reference import BEGIN, END, main, markdown, put_into
from pollinator_magic.settings import read_env_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "executors.md"
EXAMPLES = ROOT / "docs" / "examples"
UNIT = EXAMPLES / "pollinate-executor@.service"
DIRECTIVES = {
    "Unit": {"Description", "Documentation", "StartLimitIntervalSec"},
    "Service": {"Type", "ExecStart", "Restart", "RestartSec", "KillMode", "TimeoutStopSec", "UMask"},
    "Install": {"WantedBy"},
}


def test_the_reference_in_the_document_is_that_of_the_settings():
    document = DOCUMENT.read_text(encoding="utf-8")
    assert put_into(document, markdown()) == document, "run: python -m pollinator_magic.executors.reference " + str(
        DOCUMENT.relative_to(ROOT)
    )


def test_the_reference_can_be_printed_and_put_into_a_document(tmp_path, capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out.strip()
    assert printed == markdown()
    file = tmp_path / "document.md"
    file.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    assert main([str(file)]) == 0
    assert file.read_text() == f"before\n\n{BEGIN}\n\n{printed}\n\n{END}\n\nafter\n"


@pytest.mark.parametrize("name", kinds.names())
def test_every_kind_has_an_example_and_every_key_of_it_is_known(name):
    file = EXAMPLES / f"{name}.toml"
    configuration = configure(kinds.kind(name), file)
    assert configuration.executor.name
    assert configuration.executor.env_file == str(EXAMPLES / "colony.env")
    assert set(tomllib.loads(file.read_text())) == {"executor", name}
    assert f"start {name} --config {name}.toml --check" in file.read_text()
    assert f"](examples/{name}.toml)" in DOCUMENT.read_text(encoding="utf-8")


def test_the_example_of_keys_can_be_read_and_holds_none():
    variables = read_env_file(EXAMPLES / "colony.env.example")
    assert {"COLONIES_SERVER_HOST", "COLONIES_PRVKEY", "COLONIES_COLONY_PRVKEY", "AWS_S3_SECRETKEY"} <= variables.keys()
    assert not any(value for name, value in variables.items() if name.endswith("KEY"))


@pytest.fixture
def unit():
    """The unit by sections, as systemd reads it: names have capitals, a comment is a line of its own."""
    parser = ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#", ";"), strict=True)
    parser.optionxform = str
    parser.read(UNIT, encoding="utf-8")
    return parser


def test_the_unit_has_the_sections_and_directives_that_systemd_knows(unit):
    assert {section: set(unit[section]) for section in unit.sections()} == DIRECTIVES
    assert unit["Service"]["KillMode"] == "process"  # else systemd would end the jobs before the executor could
    assert unit["Service"]["UMask"] == "0077"
    for name in ("RestartSec", "TimeoutStopSec"):
        assert unit["Service"][name].isdecimal()


@pytest.mark.parametrize("name", kinds.names())
def test_the_unit_starts_an_executor_of_each_kind(unit, name):
    words = shlex.split(unit["Service"]["ExecStart"].replace("%i", name).replace("%h", "/home/colony"))
    assert words[:2] == ["/home/colony/executor/bin/pollinate", "executor"]
    parsed = parser_of("executor", "pollinate", words[2:]).parse_intermixed_args(words[2:])
    assert (parsed.action, parsed.kind) == ("start", name)
    assert parsed.config == f"/home/colony/.config/pollinator/{name}.toml"


@pytest.mark.parametrize("name", kinds.names())
def test_systemd_waits_for_longer_than_running_jobs_may_take(unit, name):
    settings = configure(kinds.kind(name), EXAMPLES / f"{name}.toml").executor
    assert settings.drain_s is not None
    assert settings.drain_s < int(unit["Service"]["TimeoutStopSec"])


def test_what_the_document_says_to_type_is_understood():
    text = DOCUMENT.read_text(encoding="utf-8")
    commands = re.findall(r"^\$? ?(?:\S*/)?pollinate (executor start .*)$", text, re.MULTILINE)
    assert len(commands) >= 2
    for command in commands:
        words = shlex.split(command)[1:]
        assert parser_of("executor", "pollinate", words).parse_intermixed_args(words).kind == words[1]


def test_the_document_names_each_setting_of_every_executor():
    text = DOCUMENT.read_text(encoding="utf-8").partition("## All settings")[0]
    assert {"fs-dir", "env-file", "drain-s", "metrics", "log-format"} <= set(
        re.findall(r"`([a-z-]+)(?: = .*?)?`", text)
    )
    assert ExecutorSettings(name="x").drain_s is None
