"""What a worker says of itself beside its view: how long its steps take, how often they happened, and what the process uses.

Everything is measured once a batch, a flush or a snapshot, never once an event. A registry of its own, so that two workers in
one process, as in tests, do not meet. What is known of each source partition is no part of it: sinks/prometheus.py renders
that from the view, so that nothing stays behind when a partition goes elsewhere.
"""

import logging
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    Summary,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily

from sinks.exposition import AnyFamily, Source

VERSION: Final = version("floorpulse")
log = logging.getLogger("floorpulse")


class Telemetry:
    """The figures of one worker; may be changed and read in any thread."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's; a second series for each, of no use here
        self.registry = registry = CollectorRegistry()
        by_topic = ("topic",)
        self.fold = Summary("floorpulse_fold_seconds", "Folding one fetch of a source", by_topic, registry=registry)
        self.flush = Summary(
            "floorpulse_flush_seconds", "Sending what changed, until it is acknowledged", by_topic, registry=registry
        )
        self.snapshot = Summary(
            "floorpulse_snapshot_seconds", "Writing a snapshot, until it is acknowledged", by_topic, registry=registry
        )
        self.snapshot_bytes = Gauge(
            "floorpulse_snapshot_bytes", "Size of what the last snapshot wrote", by_topic, registry=registry
        )
        self.letters = Counter(
            "floorpulse_letters_sent", "Letters acknowledged in this topic", by_topic, registry=registry
        )
        self.merge = Summary("floorpulse_merge_seconds", "Merging one fetch of the partials", registry=registry)
        self.rebalances = Counter("floorpulse_rebalances", "Assignments of partitions", registry=registry)
        self._recovery = Gauge(
            "floorpulse_recovery_seconds", "From a start or an assignment to the next figures", registry=registry
        )
        self._recovering_since: float | None = time.monotonic()
        build = Gauge("floorpulse_build_info", "1, with the version", ("version",), registry=registry)
        build.labels(VERSION).set(1)
        ProcessCollector(registry=registry)

    def showed(self, recovering: bool) -> None:
        """Measure how long figures were missing; called whenever the view was replaced."""
        now = time.monotonic()
        if not recovering and self._recovering_since is not None:
            self._recovery.set(now - self._recovering_since)
            self._recovering_since = None
        elif recovering and self._recovering_since is None:
            self._recovering_since = now


class MeasuredCollector:
    """The families of another source, how long they took, and whether they came: a fault in it leaves the page there."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[AnyFamily]:
        """Yield what the other one yields; of a fault in it only that there was one, and a line in the log."""
        began = time.perf_counter()
        families: list[AnyFamily] = []
        try:
            families = list(self._source.collect())
        except Exception:
            log.exception("collector: no figures of the floor on /metrics")
        yield from families
        spent_s = time.perf_counter() - began
        yield GaugeMetricFamily("floorpulse_collector_duration_seconds", "Making the figures above", value=spent_s)
        yield GaugeMetricFamily("floorpulse_collector_success", "1 if they could be made", value=bool(families))
