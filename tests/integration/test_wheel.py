"""The wheel of an unpacked source distribution, made and installed where there is no Node.js."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from tests.browser.jupyterlab import environment, running_lab

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "pollinator_magic" / "_labextension"
EXTENSION = "share/jupyter/labextensions/pollinator-magic/"
SERVER_CONFIG = "etc/jupyter/jupyter_server_config.d/pollinator_magic.json"


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory):
    """An environment whose PATH leads to no program at all, so to no Node.js."""
    return {**os.environ, "PATH": str(tmp_path_factory.mktemp("nothing"))}


@pytest.fixture(scope="module")
def source(tmp_path_factory, nowhere):
    """The source distribution, unpacked."""
    directory = tmp_path_factory.mktemp("source")
    build(ROOT, "sdist", directory, nowhere)
    with tarfile.open(next(directory.glob("*.tar.gz"))) as archive:
        archive.extractall(directory)
    return next(path for path in directory.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory, nowhere):
    directory = tmp_path_factory.mktemp("wheel")
    build(source, "wheel", directory, nowhere)
    return next(directory.glob("*.whl"))


def build(project: Path, target: str, directory: Path, variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", directory]
    subprocess.run(command, cwd=project, env=variables, check=True)


def test_the_source_distribution_holds_both_forms_of_the_extension_and_nothing_that_tools_left(source):
    names = {path.relative_to(source).as_posix() for path in source.rglob("*")}

    assert {"labextension/src/index.ts", "labextension/package-lock.json", "pollinator_magic/_labextension"} <= names
    assert not {"labextension/node_modules", "labextension/lib", "labextension/tsconfig.tsbuildinfo"} & names


def test_the_wheel_holds_the_extension_once_and_where_jupyterlab_looks_for_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        contents = {name: archive.read(name) for name in names if "/data/" in name}
    data = f"{wheel.name.removesuffix('-py3-none-any.whl')}.data/data/"
    built = {path.relative_to(BUILT).as_posix(): path.read_bytes() for path in BUILT.rglob("*") if path.is_file()}
    expected = {data + EXTENSION + name: content for name, content in built.items()}
    expected[data + EXTENSION + "install.json"] = (ROOT / "labextension" / "install.json").read_bytes()
    expected[data + SERVER_CONFIG] = (ROOT / "jupyter-config" / "pollinator_magic.json").read_bytes()

    assert json.loads(built["package.json"])["jupyterlab"]["_build"]["load"] in built
    assert "schemas/pollinator-magic/colony.json" in built
    assert contents == expected
    assert not any("_labextension" in name or name.startswith("labextension") for name in names)
    assert max(Counter(names).values()) == 1


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of a fresh environment with the wheel; it sees what the tests have installed, but no checkout."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(pip, check=True)
    packages = next((venv / "lib").glob("python*/site-packages"))
    # .pth files of that place, such as the one that leads to this checkout, are not followed
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_jupyterlab_and_its_server_find_both_halves_enabled_and_in_order(installed, nowhere, tmp_path):
    def said(*command: str) -> str:
        variables = environment(tmp_path) | {"PATH": nowhere["PATH"]}
        done = subprocess.run(
            [installed, *command], env=variables, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)

    assert str(ROOT) not in said("-c", "import pollinator_magic; print(pollinator_magic.__file__)")
    labextensions = said("-m", "jupyterlab.labextensions", "list")
    assert "pollinator-magic v0.1.0 enabled OK (python, pollinator-magic)" in labextensions
    extensions = said("-m", "jupyter_server.extension.serverextension", "list")
    assert "pollinator_magic enabled" in extensions
    assert "pollinator_magic 0.1.0 OK" in extensions


def test_a_jupyterlab_of_that_environment_serves_both_halves(installed, nowhere, tmp_path):
    """The browser suite shows what they do; here is only that they are there without anything else being done."""
    application = Path(sysconfig.get_path("data")) / "share" / "jupyter" / "lab"
    with running_lab(tmp_path, f"--app-dir={application}", python=installed, path=nowhere["PATH"]) as lab:
        page = lab.get("lab").text
        listed = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
        ours = next(one for one in listed["federated_extensions"] if one["name"] == "pollinator-magic")

        assert lab.get(f"lab/extensions/pollinator-magic/{ours['load']}").content == (BUILT / ours["load"]).read_bytes()
        assert lab.get("lab/api/settings/pollinator-magic:colony").json()["schema"]["title"] == "Pollinator"
        assert lab.get("pollinator-magic/connection").json()["reachable"] is False
