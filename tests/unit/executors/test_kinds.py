"""Kinds of engines are found where they are installed, and imported when somebody asks for them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors import kinds
from pollinator_magic.executors.engine import Counting
from pollinator_magic.executors.kinds import EngineKind

SITE_KIND = """
from pollinator_magic.executors.kinds import EngineKind, Settings
class OvenSettings(Settings, frozen=True):
    degrees: int = 180
KIND = EngineKind("oven", "Jobs are baked.", OvenSettings, lambda settings, directory: None, lambda *_: ())
OTHER = "not a kind"
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package of a site that has a kind of its own; return where, for other interpreters."""
    (tmp_path / "oven_of_a_site.py").write_text(SITE_KIND)
    facts = tmp_path / "oven_of_a_site-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: oven-of-a-site\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        f"[{kinds.GROUP}]\noven = oven_of_a_site:KIND\nfalse = oven_of_a_site:OTHER\ngone = no_such_package:KIND\n"
        "broken = oven_of_a_site:NOWHERE\nraising = raising_of_a_site:KIND\n"
    )
    (tmp_path / "raising_of_a_site.py").write_text("raise ValueError('no oven')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path


def run(*words, path=""):
    command = [sys.executable, "-c", "import sys\nfrom pollinator_magic.cli import main\nsys.exit(main(sys.argv[1:]))"]
    environment = {"PYTHONPATH": str(path), "PATH": "/usr/bin:/bin", "COLUMNS": "200"}
    return subprocess.run([*command, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["container", "kubernetes", "process", "slurm"])
def test_every_kind_of_this_package_is_there_and_complete(name):
    kind = kinds.kind(name)
    assert isinstance(kind, EngineKind)
    assert (kind.name, kind.settings()) == (name, kind.settings())
    assert kind.summary.endswith(".")


@pytest.mark.parametrize("name", ["container", "kubernetes", "slurm"])
def test_engines_that_ask_somebody_count_it_for_the_metrics(name, tmp_path):
    kind = kinds.kind(name)
    engine = kind.make(kind.settings(), tmp_path)
    assert isinstance(engine, Counting)
    assert engine.queries == 0


def test_a_kind_that_a_site_has_installed_is_found(installed):
    assert "oven" in kinds.names()
    assert kinds.kind("oven").settings().degrees == 180


def test_a_kind_that_there_is_not_is_told_with_those_that_there_are():
    with pytest.raises(ConfigurationError, match=r"There is no engine 'slrum', only .*slurm"):
        kinds.kind("slrum")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone", "cannot be loaded: No module named 'no_such_package'. Install what it needs."),
        ("false", "is no EngineKind"),
        ("broken", "cannot be loaded: AttributeError"),
        ("raising", "cannot be loaded: ValueError: no oven. Its package has to be mended."),
    ],
)
def test_a_kind_that_is_broken_is_told(installed, name, said):
    with pytest.raises(ConfigurationError, match=said):
        kinds.kind(name)


def test_the_kinds_are_listed_also_those_that_are_broken(installed):
    listed = run("executor", "kinds", path=installed)
    assert listed.returncode == 0
    lines = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert lines["oven"].endswith("Jobs are baked.")
    assert "not usable" in lines["gone"]
    assert {"process", "slurm", "container", "kubernetes"} <= lines.keys()


def test_the_help_of_a_kind_has_its_settings(installed):
    shown = run("executor", "start", "oven", "--help", path=installed)
    assert "--degrees N" in shown.stdout
    assert "(by default 180)" in shown.stdout
    assert "--degrees" not in run("executor", "--help", path=installed).stdout


def test_a_kind_that_nobody_could_mean_is_refused_with_the_nearest():
    refused = run("executor", "start", "proces", "--name", "x")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Did you mean 'process'?" in refused.stderr
    assert "Say which kind of executor" in run("executor", "start").stderr


def test_an_option_named_like_a_kind_does_not_stand_for_it():
    refused = run("executor", "start", "--name", "slurm", "process", "--cpu", "0")
    assert "cpu: '0'" in refused.stderr


def test_no_engine_is_imported_before_it_is_asked_for():
    program = (
        "import sys\nfrom pollinator_magic import cli\n"
        "cli.main(['executor', 'start', '--help'])\n"
        "heavy = {'boto3', 'kubernetes', 'prometheus_client', 'requests'}\n"
        "engines = {name for name in sys.modules if name.startswith('pollinator_magic.executors.')}\n"
        "print(sorted(heavy & set(sys.modules)), sorted(engines), file=sys.stderr)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    light = ("configuration", "flags", "kinds", "paths", "tables")
    assert said.stderr.strip() == f"[] {[f'pollinator_magic.executors.{name}' for name in light]}"


@pytest.mark.parametrize("name", ["container", "kubernetes", "slurm"])
def test_the_help_of_a_kind_needs_nothing_but_this_package(name):
    """Completion asks for it while somebody types."""
    program = (
        "import sys\nfrom pollinator_magic.executors import kinds\n"
        f"kinds.kind({name!r})\n"
        "print(sorted({'boto3', 'kubernetes', 'prometheus_client', 'requests'} & set(sys.modules)))\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "[]"


def test_what_this_package_registers_is_what_it_documents():
    from pollinator_magic.executors.reference import OWN

    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    section = text.partition(f'"{kinds.GROUP}"]')[2].partition("\n[")[0]
    assert {line.split(" = ")[0] for line in section.splitlines() if " = " in line} == set(OWN)
