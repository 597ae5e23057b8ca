"""What is installed: names, version, and the wheel's content."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pollinator_magic

ROOT = Path(__file__).parents[2]


def test_every_public_name_is_there_and_says_what_it_is():
    for name in pollinator_magic.__all__:
        assert getattr(pollinator_magic, name).__doc__


def test_importing_the_package_imports_the_standard_library_only():
    program = (
        "import sys, pollinator_magic\n"
        "print({name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - {'__main__'})\n"
    )
    # -S, because what is installed in editable form is imported at start-up by the interpreter itself
    command = [sys.executable, "-S", "-c", program]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert output.strip() == "{'pollinator_magic'}"


def test_the_version_stands_in_one_place_more_and_is_the_same():
    said = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

    assert said is not None
    assert said[1] == pollinator_magic.__version__


def test_the_wheel_holds_every_module_the_type_marker_and_the_command(tmp_path):
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        entry_points = wheel.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()

    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pollinator_magic").rglob("*.py")}
    assert sources <= names
    assert "pollinator_magic/py.typed" in names
    assert "pollinate = pollinator_magic.cli:main" in entry_points
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_links_in_the_documents_lead_somewhere():
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_no_module_takes_the_place_of_a_public_name():
    """Importing a submodule sets an attribute of its package, which must not be one that means something else."""
    modules = {path.stem for path in (ROOT / "pollinator_magic").iterdir()}

    assert not modules & set(pollinator_magic.__all__)
