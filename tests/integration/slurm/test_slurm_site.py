"""What an executor says of its cluster, and what is found before it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.kinds import kind
from pollinator_magic.executors.slurm.engine import SlurmEngine
from pollinator_magic.executors.slurm.kind import KIND

SINGULARITY = str(Path(__file__).parents[2] / "standins" / "singularity")


def findings(cluster, directory, **settings):
    return list(KIND.check(cluster.settings(**settings), directory / "fs"))


def test_slurm_is_a_kind_of_engine():
    assert kind("slurm") is KIND


def test_the_nodes_of_the_partition_are_described(nodes):
    default, small = nodes.engine().describe(), nodes.engine(partition="small").describe()

    (hardware,) = default.hardware
    assert (hardware.nodes, hardware.cpu, hardware.cores, hardware.mem) == (4, "4000m", 4, "2000Mi")
    assert hardware.gpu.count == 0
    assert small.hardware[0].nodes == 2
    assert [software.name for software in default.software] == ["Slurm"]


def test_everything_is_found_good_where_it_is(cluster, tmp_path):
    found = findings(cluster, tmp_path, runtime=SINGULARITY)

    assert [finding for finding in found if not finding.good and finding.fatal] == []
    assert any("4 nodes in partition batch" in finding.what for finding in found)
    assert any("would take a job" in finding.what for finding in found)
    assert any(finding.what.startswith(SINGULARITY) for finding in found)
    assert not (tmp_path / "fs").exists()
    assert cluster.states() == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"partition": "nosuch"}, "no partition 'nosuch'"),
        ({"constraint": "nosuch"}, "would not take a job"),
        ({"commands": "/nonexistent"}, "not found"),
        ({"conf": "/nonexistent/slurm.conf"}, "is not there"),
    ],
)
def test_what_is_missing_is_found_before_the_start_with_what_to_do(cluster, tmp_path, settings, words):
    bad = [finding for finding in findings(cluster, tmp_path, **settings) if not finding.good and finding.fatal]

    assert len(bad) == 1
    assert words in bad[0].what
    assert bad[0].remedy.endswith(".")


def test_a_missing_runtime_is_worth_a_look(cluster, tmp_path):
    bad = [finding for finding in findings(cluster, tmp_path, runtime="nosuch-runtime") if not finding.good]

    assert any("nosuch-runtime is not found" in finding.what and not finding.fatal for finding in bad)


def test_a_directory_that_shells_could_not_be_told_is_refused(cluster, tmp_path):
    with pytest.raises(ConfigurationError, match="letters, digits"):
        SlurmEngine(cluster.settings(), tmp_path / "with a space").open()


def test_a_controller_that_does_not_answer_is_found(cluster, tmp_path):
    cluster.stop_controller()
    try:
        bad = [finding for finding in findings(cluster, tmp_path) if not finding.good and finding.fatal]
    finally:
        cluster.start_controller()

    assert ["does not answer" in finding.what for finding in bad] == [True]
