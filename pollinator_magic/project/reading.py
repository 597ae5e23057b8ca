"""Reading project.yaml: whatever the Pollinator command-line tool accepts, with the line of every value.

Missing keys become the same zero values as there; wrong types and broken YAML are errors that name key and line; keys
that do not exist are ignored, as there, but remembered as warnings with the nearest key that does. Whether the values
make sense is not judged here (see `validation`). Only the keys that are known are ever looked at, so that aliases
cannot multiply what is read.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import yaml

from pollinator_magic.errors import ProjectError
from pollinator_magic.project.naming import is_encodable
from pollinator_magic.project.values import (
    PROJECT_FILE,
    Conditions,
    Environment,
    GpuRequest,
    Origin,
    Results,
    Tunnel,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAXIMUM_SIZE = 64 * 1024  # bytes; real ones have a few hundred
_NULL = "tag:yaml.org,2002:null"
_NUMBERS = {"count": "must be a whole number", "walltime": "must be a positive whole number of seconds"}
_TRUE = {"true", "yes", "on", "y"}
_FALSE = {"false", "no", "off", "n"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]*([eE][-+]?[0-9]{1,2})?|[eE][-+]?[0-9]{1,2})")


@dataclass(frozen=True)
class Description:
    """What a project.yaml says."""

    name: str
    conditions: Conditions
    environment: Environment
    results: Results
    tunnel: Tunnel | None
    origins: Mapping[str, Origin]
    """For each key that is there (`conditions.mem`), its line."""
    warnings: tuple[str, ...]


def read_description(path: Path) -> Description:
    """Read a project.yaml; raise ProjectError where it cannot be read or is not one."""
    try:
        if not path.is_file():
            raise ProjectError(
                f"There is no {PROJECT_FILE} in {str(path.parent)!r}. Make one with `%pollinator new -n EXECUTOR`."
            )
        with path.open("rb") as file:
            content = file.read(MAXIMUM_SIZE + 1)
    except OSError as error:
        raise ProjectError(f"Cannot read {str(path)!r}: {error.strerror or error}.") from None
    return parse_description(content)


def parse_description(content: bytes) -> Description:
    """Read the bytes of a project.yaml; raise ProjectError for anything that is not one."""
    notes = _Notes()
    top = _Section(_compose(content, notes), "", notes)
    name, results = top.text("projectname"), top.results()
    conditions = _conditions(top.section("conditions"))
    environment = _environment(top.section("environment"))
    tunnel = _tunnel(top.section("tunnel"))
    top.warn_of_unknown_keys()
    return Description(name, conditions, environment, results, tunnel, notes.origins, tuple(notes.warnings))


def _conditions(section: _Section) -> Conditions:
    gpu = section.section("gpu")
    conditions = Conditions(
        executor_names=section.names("executorNames"),
        nodes=section.number("nodes"),
        processes_per_node=section.number("processesPerNode"),
        cpu=section.text("cpu"),
        mem=section.text("mem"),
        walltime_s=section.number("walltime"),
        gpu=GpuRequest(count=gpu.number("count"), name=gpu.text("name")),
    )
    section.warn_of_unknown_keys()
    gpu.warn_of_unknown_keys()
    return conditions


def _environment(section: _Section) -> Environment:
    environment = Environment(
        image=section.text("docker"),
        rebuild_image=section.flag("rebuildImage"),
        init=section.text("init-cmd"),
        cmd=section.text("cmd"),
        source=section.text("source"),
    )
    section.warn_of_unknown_keys()
    return environment


def _tunnel(section: _Section) -> Tunnel | None:
    tunnel = Tunnel(
        user=section.text("user"),
        jump_host=section.text("jumpHost"),
        jump_host_port=section.number("jumpHostPort"),
        ssh_key=section.text("sshKey"),
        local_port=section.number("localPort"),
        remote_port=section.number("remotePort"),
        host=section.text("host"),
    )
    section.warn_of_unknown_keys()
    return tunnel if section.is_given else None


@dataclass
class _Notes:
    origins: dict[str, Origin] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class _Section:
    """The keys of one mapping; a section that is missing or null has none."""

    def __init__(self, node: yaml.Node | None, path: str, notes: _Notes) -> None:
        self._path = path
        self._notes = notes
        self._asked: set[str] = set()
        self._nodes: dict[str, yaml.Node] = {}
        self._lines: dict[str, int] = {}
        self.is_given = node is not None and not _is_null(node)
        if node is None or _is_null(node):
            return
        if not isinstance(node, yaml.MappingNode):
            problem = f"must hold keys, not {_shown(node)}" if path else "must begin with keys such as projectname:"
            raise Origin(path, _line(node)).error(problem)
        for key, value in node.value:
            self._add(key, value)

    def _add(self, key: yaml.Node, value: yaml.Node) -> None:
        if not isinstance(key, yaml.ScalarNode) or not is_encodable(key.value) or key.value == "<<":
            raise Origin(self._path, _line(key)).error("has a key that is not a plain name")
        origin = Origin(f"{self._path}.{key.value}".lstrip("."), _line(value))
        if key.value in self._nodes:
            raise origin.error(f"is given a second time, after line {self._lines[key.value]}")
        self._nodes[key.value] = value
        self._lines[key.value] = _line(key)
        if not _is_null(value):
            self._notes.origins[origin.name] = origin

    def section(self, key: str) -> _Section:
        self._asked.add(key)
        return _Section(self._nodes.get(key), f"{self._path}.{key}".lstrip("."), self._notes)

    def text(self, key: str) -> str:
        """Any scalar, as it is written: `cpu: 2` is the text `2`."""
        node = self._scalar(key, "must be text")
        return node.value if node else ""

    def number(self, key: str) -> int:
        expected = _NUMBERS.get(key, "must be a positive whole number")
        node = self._scalar(key, expected)
        if node is None:
            return 0
        number = _integer(node.value) if node.style is None else None
        if number is None:
            self._refuse(key, expected, node)
        return number

    def flag(self, key: str) -> bool:
        node = self._scalar(key, "must be true or false")
        if node is None:
            return False
        word = node.value.lower() if node.style is None else ""
        if word not in _TRUE | _FALSE:
            self._refuse(key, "must be true or false", node)
        return word in _TRUE

    def names(self, key: str) -> tuple[str, ...] | None:
        self._asked.add(key)
        node = self._nodes.get(key)
        if node is None or _is_null(node):
            return None
        if not isinstance(node, yaml.SequenceNode):
            self._refuse(key, "must be a list of names", node)
        items = [item for item in node.value if not _is_null(item)]
        for item in items:
            if not isinstance(item, yaml.ScalarNode) or not is_encodable(item.value):
                self._refuse(key, "must be a list of names", item)
        return tuple(item.value for item in items)

    def results(self) -> Results:
        node = self._scalar("results", "must be per-job or shared")
        if node is None:
            return Results.PER_JOB
        if node.value not in set(Results):
            self._refuse("results", "must be per-job or shared", node)
        return Results(node.value)

    def warn_of_unknown_keys(self) -> None:
        known = {key.lower(): key for key in sorted(self._asked)}
        for key in self._nodes:
            if key not in self._asked:
                near = difflib.get_close_matches(key.lower(), known, n=1)
                hint = f"; did you mean {known[near[0]]}?" if near else " and has no effect"
                name = f"{self._path}.{key}".lstrip(".")
                self._notes.warnings.append(f"{PROJECT_FILE}: {name} is not a key{hint} (line {self._lines[key]})")

    def _scalar(self, key: str, expected: str) -> yaml.ScalarNode | None:
        self._asked.add(key)
        node = self._nodes.get(key)
        if node is None or _is_null(node):
            return None
        if not isinstance(node, yaml.ScalarNode) or not is_encodable(node.value):
            self._refuse(key, expected, node)
        return node

    def _refuse(self, key: str, expected: str, node: yaml.Node) -> NoReturn:
        name = f"{self._path}.{key}".lstrip(".")
        raise Origin(name, _line(node)).error(f"{expected}, not {_shown(node)}")


def _compose(content: bytes, notes: _Notes) -> yaml.Node | None:
    """Parse the first document into nodes, which know their lines; nothing is constructed from them."""
    if len(content) > MAXIMUM_SIZE:
        raise ProjectError(f"{PROJECT_FILE} is larger than {MAXIMUM_SIZE // 1024} KiB, so it cannot be a project file.")
    try:
        text = content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ProjectError(f"{PROJECT_FILE}: is not UTF-8 text (line {line})") from None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_node() if loader.check_node() else None
        if loader.check_node():
            notes.warnings.append(f"{PROJECT_FILE}: only the part before the second `---` is used")
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ProjectError(f"{PROJECT_FILE}: holds a character that YAML does not allow (line {line})") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line_note = f" (line {mark.line + 1})" if mark else ""
        raise ProjectError(f"{PROJECT_FILE}: {error.problem or error.context}{line_note}") from None
    except (ValueError, OverflowError):
        raise ProjectError(f"{PROJECT_FILE}: holds an escape sequence that is not a character.") from None
    except RecursionError:
        raise ProjectError(f"{PROJECT_FILE}: is nested too deeply.") from None
    return node


def _integer(text: str) -> int | None:
    """Read a plain scalar as the Go tool does: any base, and floats that are whole."""
    try:
        if _INTEGER.fullmatch(text):
            number = int(text, 0)
        elif _FLOAT.fullmatch(text) and float(text).is_integer():
            number = int(float(text))
        else:
            return None
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        value = node.value if len(node.value) <= 40 else node.value[:40] + "…"
        return f"{value!r}" if node.style is None else f"the text {value!r}"
    return "a list" if isinstance(node, yaml.SequenceNode) else "keys"
