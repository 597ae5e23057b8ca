"""What an executor counts, for Prometheus: text over HTTP, for whoever watches many executors."""

from __future__ import annotations

import platform
import time
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import psutil

from pollinator_magic.errors import ConfigurationError
from pollinator_magic.executors.engine import Counting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from pollinator_magic.executors.counts import Counts
    from pollinator_magic.executors.engine import Engine

_PREFIX = "pollinator_executor"
MISSING = (
    "Metrics need the package prometheus-client, which is not installed: "
    "pip install 'pollinator-magic[metrics]', or leave metrics out."
)


@contextmanager
def serving(address: tuple[str, int], collector: Collector) -> Iterator[None]:
    """Serve metrics at this host and port until the block ends; raise ConfigurationError where that is impossible."""
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError:
        raise ConfigurationError(MISSING) from None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    host, port = address
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigurationError(
            f"Metrics cannot be served at {host}, port {port}: {error.strerror}. Give --metrics another address."
        ) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Collector:
    """Reads what is counted when somebody asks; `labels` say which executor this is."""

    def __init__(self, counts: Counts, engine: Engine, labels: Mapping[str, str]) -> None:
        self._counts = counts
        self._engine = engine
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        counts, process = self._counts, psutil.Process()
        ended = CounterMetricFamily(f"{_PREFIX}_jobs_ended", "Jobs that have ended, by how.", labels=["state"])
        for state in ("succeeded", "failed", "cancelled", "lost"):
            ended.add_metric([state], getattr(counts, state))
        yield InfoMetricFamily(
            f"{_PREFIX}_build",
            "Which executor this is, and what it is made of.",
            value={"version": version("pollinator-magic"), "python": platform.python_version(), **self._labels},
        )
        yield CounterMetricFamily(f"{_PREFIX}_jobs_taken", "Jobs that the server has given out.", counts.taken)
        yield GaugeMetricFamily(f"{_PREFIX}_jobs_running", "Jobs that are being run.", counts.running)
        yield ended
        yield CounterMetricFamily(f"{_PREFIX}_log_bytes", "Bytes that jobs have printed.", counts.log_bytes)
        yield CounterMetricFamily(f"{_PREFIX}_polls", "Questions for work that were answered.", counts.polls)
        if counts.last_heard is not None:
            yield GaugeMetricFamily(
                f"{_PREFIX}_seconds_since_last_heard",
                "Seconds since the server has answered a question for work.",
                time.monotonic() - counts.last_heard,
            )
        if isinstance(self._engine, Counting):
            yield CounterMetricFamily(
                f"{_PREFIX}_engine_queries",
                "Questions to the batch system, cluster or runtime how jobs stand.",
                self._engine.queries,
            )
        yield GaugeMetricFamily("process_resident_memory_bytes", "Resident memory.", process.memory_info().rss)
        yield GaugeMetricFamily("process_start_time_seconds", "Start of the process.", process.create_time())
