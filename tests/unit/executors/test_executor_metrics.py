from __future__ import annotations

import socket
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import pollinator_magic
from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.counts import Counts
from pollinator_magic.executors.metrics import Collector, serving

DOCUMENT = Path(__file__).parents[3] / "docs" / "executors.md"
LABELS = {"executor": "lab", "engine": "process", "colony": "hpc"}


class Asking:
    queries = 7


@pytest.fixture
def address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1", probe.getsockname()[1]


def read(address):
    """Return the metrics that are served, by their names and the values of their labels."""
    with urllib.request.urlopen("http://{}:{}/metrics".format(*address), timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        families = text_string_to_metric_families(answer.read().decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_what_is_counted_can_be_read_and_changes(address):
    counts = Counts()
    with serving(address, Collector(counts, Asking(), LABELS)):
        before = read(address)
        counts.add(taken=3, running=1, succeeded=1, lost=1, log_bytes=100)
        counts.heard()
        after = read(address)
    assert before["pollinator_executor_jobs_taken_total",] == 0
    assert ("pollinator_executor_seconds_since_last_heard",) not in before
    assert after["pollinator_executor_jobs_taken_total",] == 3
    assert after["pollinator_executor_jobs_running",] == 1
    ended = [after["pollinator_executor_jobs_ended_total", how] for how in ("succeeded", "failed", "cancelled", "lost")]
    assert ended == [1, 0, 0, 1]
    assert after["pollinator_executor_log_bytes_total",] == 100
    assert after["pollinator_executor_polls_total",] == 1
    assert after["pollinator_executor_engine_queries_total",] == 7
    assert 0 <= after["pollinator_executor_seconds_since_last_heard",] < 60
    assert after["process_resident_memory_bytes",] > 1 << 20
    assert 0 < after["process_start_time_seconds",] < time.time() + 1


def test_it_is_said_which_executor_this_is(address):
    with serving(address, Collector(Counts(), object(), LABELS)):
        names = read(address)
    (build,) = (name for name in names if name[0] == "pollinator_executor_build_info")
    assert {pollinator_magic.__version__, *LABELS.values()} <= set(build)
    assert ("pollinator_executor_engine_queries_total",) not in names  # an engine that asks nobody


def test_the_document_names_every_metric(address):
    counts = Counts()
    counts.heard()
    with serving(address, Collector(counts, Asking(), LABELS)):
        names = {name for name, *_ in read(address)}
    text = DOCUMENT.read_text(encoding="utf-8").partition("\n## Metrics")[2].partition("\n## ")[0]
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_afterwards_nothing_listens(address):
    with serving(address, Collector(Counts(), object(), LABELS)):
        read(address)
    with pytest.raises(OSError, match="refused"):
        read(address)


def test_an_address_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = taken.getsockname()
        with pytest.raises(ConfigurationError, match="Give --metrics another address") as raised:
            serving(where, Collector(Counts(), object(), LABELS)).__enter__()
    assert f"port {where[1]}" in str(raised.value)


def test_a_package_that_is_missing_is_named_with_how_to_get_it(address, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'pollinator-magic\[metrics\]'"):
        serving(address, Collector(Counts(), object(), LABELS)).__enter__()
