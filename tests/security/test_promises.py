"""The document on security promises what is tested, and names the tests that there are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
TABLE = DOCUMENT.read_text(encoding="utf-8").partition("## How each promise is tested")[2].partition("\n## ")[0]
ROWS = [row.strip("| ").split(" | ") for row in TABLE.splitlines() if row.startswith("| ")][2:]


def named(tests: str) -> list[tuple[str, str]]:
    return [(file, test) for file, _, test in (name.partition("::") for name in re.findall(r"`([^`]+)`", tests))]


@pytest.mark.parametrize(("promise", "tests"), ROWS, ids=[promise for promise, _ in ROWS])
def test_the_tests_of_a_promise_are_there(promise, tests):
    assert named(tests)
    for file, test in named(tests):
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert any(name.startswith("test_") for name in functions)
        assert not test or test in functions, f"{promise}: {test}"


def test_every_file_of_tests_here_stands_for_a_promise():
    said = {Path(file).name for _, tests in ROWS for file, _ in named(tests)}

    assert {file.name for file in Path(__file__).parent.glob("test_*.py")} <= said


def test_the_audit_is_documented_and_can_be_run():
    assert "make audit" in DOCUMENT.read_text(encoding="utf-8")
    assert re.search(r"^audit:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_wheel_asks_for_packages_by_name_and_lowest_version(tmp_path):
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(wheel.read(name).decode())

    asked = [str(one) for one in metadata.get_all("Requires-Dist", [])]
    assert len(asked) > 15
    assert not [one for one in asked if "@" in one or "://" in one]
    always = [one.partition("; python_version ")[0] for one in asked if "extra ==" not in one]
    assert [one for one in always if not re.fullmatch(r"[A-Za-z0-9-]+>=[0-9.]+", one)] == []
