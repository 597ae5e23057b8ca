"""What sinfo says of nodes."""

from __future__ import annotations

import pytest

from pollinator_magic.executors.slurm.hardware import NodeKind, from_sinfo

SINFO = """\
batch*|n1|4|2000|idle|(null)
small|n1|4|2000|idle|(null)
batch*|n2|4|2000|mixed|(null)
batch*|n3|4|2000|down*|(null)
gpu|g1|64|515000+|allocated|gpu:a100:4(S:0-3),nvme:1
gpu|g2|64|515000|idle~|gpu:a100:4(S:0-3),nvme:1
old|o1|8|16000|idle|gpu:2
"""


def test_nodes_are_counted_by_what_they_have_without_those_that_are_away():
    nodes = from_sinfo(SINFO)

    assert nodes.default == "batch"
    assert nodes.of("") == [(NodeKind("batch", 4, 2000, "", 0), 2)]
    assert nodes.of("gpu") == [(NodeKind("gpu", 64, 515000, "a100", 4), 2)]
    assert nodes.of("old") == [(NodeKind("old", 8, 16000, "", 2), 1)]
    assert nodes.of("nosuch") == []
    assert nodes.away == {"batch": 1}


def test_lines_that_are_none_are_passed_over():
    assert from_sinfo("\nx\n|||||\na|b|c|d|e|f\n").kinds == {}


@pytest.mark.parametrize(
    ("gres", "name", "count"),
    [
        ("gpu:8", "", 8),
        ("gpu:2080ti:4", "2080ti", 4),
        ("gpu:4090:8(S:0-1)", "4090", 8),
        ("gpu:a100_3g.20gb:2,shard:8", "a100_3g.20gb", 2),
        ("nvme:2,gpu:h100:4(IDX:0-3)", "h100", 4),
        ("nogpu:3", "", 0),
        ("(null)", "", 0),
    ],
)
def test_accelerators_are_read_whatever_their_type_is_called(gres, name, count):
    assert from_sinfo(f"gpu*|g1|4|2000|idle|{gres}\n").of("gpu") == [(NodeKind("gpu", 4, 2000, name, count), 1)]
