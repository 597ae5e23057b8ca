"""What is committed of the JupyterLab extension: its lock file and its built form."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pollinator_magic

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "labextension"
BUILT = ROOT / "pollinator_magic" / "_labextension"
NAMES_NOT_FETCHED = {"http://www.w3.org"}
"""Hosts of names that look like addresses: those of XML."""
DOCUMENTED = {"https://colonyos.io"}
"""Hosts that a user may follow a link to."""


def test_the_versions_of_the_two_halves_are_the_same():
    said = {file: json.loads((SOURCE / file).read_text())["version"] for file in ("package.json", "package-lock.json")}
    said["built"] = json.loads((BUILT / "package.json").read_text())["version"]

    assert set(said.values()) == {pollinator_magic.__version__}, said


def test_the_lock_file_pins_every_package_by_its_content_and_names_no_registry():
    text = (SOURCE / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    addresses = set(re.findall(r"https?://([^/\"]+)", text))

    assert '"resolved"' not in text
    assert addresses <= {"eslint.org", "github.com", "opencollective.com", "tidelift.com"}, "other than who to fund"
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_what_is_built_is_small():
    files = [*BUILT.rglob("static/*.js"), *BUILT.rglob("static/*.css")]
    compressed = sum(len(gzip.compress(file.read_bytes(), mtime=0)) for file in files)

    assert files
    assert compressed < 120 * 1024


def test_what_is_built_names_no_address_that_a_page_would_load_from():
    for file in BUILT.rglob("static/*.js"):
        hosts = set(re.findall(r"https?://[^\s/\"'`)\\]+", file.read_text(encoding="utf-8")))
        assert hosts <= NAMES_NOT_FETCHED | DOCUMENTED, file.name


def test_what_is_built_contains_no_packages_but_those_that_put_styles_into_a_page():
    packages = json.loads((BUILT / "static" / "third-party-licenses.json").read_text())["packages"]

    assert {package["name"]: package["licenseId"] for package in packages} == {
        "css-loader": "MIT",
        "style-loader": "MIT",
    }
    assert all(package["extractedText"] for package in packages)


def test_what_is_built_names_the_file_that_jupyterlab_loads_first_and_has_the_schemas_of_the_source():
    built = json.loads((BUILT / "package.json").read_text())
    schemas = {file.name: file.read_bytes() for file in (BUILT / "schemas" / "pollinator-magic").glob("*.json")}

    assert (BUILT / built["jupyterlab"]["_build"]["load"]).is_file()
    assert schemas == {file.name: file.read_bytes() for file in (SOURCE / "schema").glob("*.json")}


def test_the_source_imports_what_it_declares_and_no_more():
    files = [file for file in (SOURCE / "src").rglob("*.ts*") if ".test." not in file.name]
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    imported = re.findall(r"^(?:import|export|}).* from '((?:@[^'/]+/)?[a-z][^'/]*)", source, re.MULTILINE)

    assert set(imported) == set(json.loads((SOURCE / "package.json").read_text())["dependencies"])
