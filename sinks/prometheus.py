"""The Prometheus collector: renders what the worker knows when it is scraped, and nothing it no longer owns.

Additive parts first (counters and histograms, for PromQL to add up and divide), then live gauges, then the catalogue's
windowed figures with the window in the name. Nobody waiting and nothing to divide by give no sample, never 0. Labels are
queue, channel, site and reason: never a person or an id.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar, cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from models import catalogue, measures
from models.catalogue import Amounts, Goals, Metric
from models.histogram import last_bucket_within
from models.measures import SPAN, Cells
from models.merge import QueueView, window_start_ms

F = TypeVar("F", bound=Family)
Buckets = list[tuple[str, float]]  # upper edge in seconds, and how many are within it
Total = tuple[Amounts, Buckets, Buckets, Buckets]  # of the waits of the answered, of the abandoned, and of handling
LABELS = ("queue", "channel", "site")
WAIT_EDGES_S = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200)
HANDLE_EDGES_S = (15, 30, 60, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 3600)
_COUNTERS = {
    "offered": "cc_contacts_offered",
    "answered": "cc_contacts_answered",
    "abandoned": "cc_contacts_abandoned",
    "short_abandoned": "cc_contacts_short_abandoned",
    "handled": "cc_contacts_handled",
    "transferred": "cc_contacts_transferred",
    "talk": "cc_talk_seconds",
    "hold": "cc_hold_seconds",
    "acw": "cc_wrap_up_seconds",
}


@dataclass(frozen=True)
class SourceView:
    """How far one source partition was folded by this worker."""

    topic: str
    partition: int
    events: int
    duplicates: int
    late: int
    invalid: int
    newest_ms: int
    lag: int | None


@dataclass(frozen=True)
class FloorView:
    """All that one worker shows: its queues, and itself. Immutable; a new one replaces it."""

    queues: tuple[QueueView, ...] = ()
    sources: tuple[SourceView, ...] = ()
    recovering: bool = True
    fresh_ms: int | None = None


class FloorCollector(Collector):
    """Renders the newest view; `now_ms` is the clock of the windows."""

    def __init__(self, view: Callable[[], FloorView], now_ms: Callable[[], int], goals: Goals, site: str) -> None:
        self._view = view
        self._now_ms = now_ms
        self._goals = goals
        self._site = site
        self._reader = _Reader(goals)

    def describe(self) -> Iterable[Family]:
        """Return nothing: the names are fixed, and no view is there yet when the collector is registered."""
        return []

    def collect(self) -> Iterator[Family]:
        """Yield all families of the newest view; of a worker that is still reading its past only that it is."""
        view = self._view()
        yield GaugeMetricFamily(
            "floorpulse_recovering", "1 while the worker reads its past back", value=view.recovering
        )
        if not view.recovering:
            yield from _sources(view)
            yield from self._queues(view)

    def _queues(self, view: FloorView) -> Iterator[Family]:
        now_ms, reader = self._now_ms(), self._reader
        families = _Families(self._goals)
        for queue in view.queues:
            labels = [queue.queue, queue.channel, self._site]
            families.add_total(labels, queue.total, reader)
            families.add_live(labels, queue, now_ms)
            for window in catalogue.WINDOWS_MIN:
                found = reader.sum(queue.panes(now_ms, window))
                entries = queue.waiting(window_start_ms(now_ms, window), now_ms + 1)
                families.add_window(labels, window, catalogue.with_waiting(found, entries, now_ms, self._goals))
        reader.forget_unread()
        yield from families.all()
        threshold = GaugeMetricFamily("cc_service_level_threshold_seconds", "Answered within this is in time")
        threshold.add_metric([], self._goals.threshold_s)
        yield threshold


def _sources(view: FloorView) -> Iterator[Family]:
    labels = ("topic", "partition")
    counters = {
        "events": "Events read",
        "duplicates": "Events already held",
        "late": "Events past the lateness horizon, in cc.late",
        "invalid": "Records that were no events, in cc.dead_letters",
    }
    for name, text in counters.items():
        family = CounterMetricFamily(f"floorpulse_{name}", text, labels=labels)
        for source in view.sources:
            family.add_metric([source.topic, str(source.partition)], getattr(source, name))
        yield family
    newest = GaugeMetricFamily("floorpulse_newest_event_timestamp_seconds", "Newest event time read", labels=labels)
    lag = GaugeMetricFamily("floorpulse_lag_records", "Records in the log not read yet", labels=labels)
    for source in view.sources:
        if source.newest_ms:
            newest.add_metric([source.topic, str(source.partition)], source.newest_ms / 1_000)
        if source.lag is not None:
            lag.add_metric([source.topic, str(source.partition)], source.lag)
    yield newest
    yield lag
    if view.fresh_ms is not None:
        yield GaugeMetricFamily(
            "floorpulse_fresh_timestamp_seconds", "Figures are complete up to here", value=view.fresh_ms / 1_000
        )


@dataclass
class _Families:
    """The families of the queues, filled queue by queue."""

    goals: Goals
    by_name: dict[str, Family] = field(default_factory=dict)

    def all(self) -> Iterable[Family]:
        return self.by_name.values()

    def add_total(self, labels: list[str], total: Cells, reader: "_Reader") -> None:
        found, waits, abandon_waits, handles = reader.total(total)
        for name, exported in _COUNTERS.items():
            metric = catalogue.BY_NAME[name]
            self._counter(exported, metric.help).add_metric(labels, metric.value(found) or 0)
        exited = self._counter("cc_contacts_exited", "Contacts that left the queue otherwise", (*LABELS, "reason"))
        for reason, cell in measures.EXITED.items():
            if total.get(cell):
                exited.add_metric([*labels, reason], total[cell])
        handle_ms = found["talk_ms"] + found["hold_ms"] + found["wrap_up_ms"]
        for name, text, buckets, sum_ms in (
            ("cc_answer_wait_seconds", "Waits of the answered", waits, found["answer_wait_ms"]),
            ("cc_abandon_wait_seconds", "Waits of those who hung up", abandon_waits, found["abandon_wait_ms"]),
            ("cc_handle_seconds", "Handle times: talk, hold and wrap-up", handles, handle_ms),
        ):
            self._histogram(name, text).add_metric(labels, buckets, sum_ms / 1_000)

    def add_live(self, labels: list[str], queue: QueueView, now_ms: int) -> None:
        waiting = catalogue.BY_NAME["waiting"]
        self._gauge("cc_contacts_waiting", waiting.help).add_metric(labels, queue.open_now(measures.WAITING, now_ms))
        in_progress = catalogue.BY_NAME["in_progress"]
        self._gauge("cc_contacts_in_progress", in_progress.help).add_metric(
            labels, queue.open_now(measures.IN_PROGRESS, now_ms)
        )
        oldest_ms = queue.oldest_start_ms(measures.WAITING, now_ms)
        self._add(
            "cc_queue_oldest_wait_start_timestamp_seconds",
            "Entry of the contact that waits longest; none waiting: no sample",
            labels,
            None if oldest_ms is None else oldest_ms / 1_000,
        )

    def add_window(self, labels: list[str], window_min: int, found: Amounts) -> None:
        for metric in catalogue.METRICS:
            if window_min in metric.windows_min and metric.attribution != "live":
                by = "entered" if metric.attribution == "cohort" else "counted"
                text = f"{metric.help}, {by} in the last {window_min} min: {metric.formula}"
                self._add(windowed_name(metric, window_min), text, labels, metric.value(found))
        headline = catalogue.BY_NAME[self.goals.headline]
        text = f"Service level, entered in the last {window_min} min: {headline.formula}"
        self._add(f"cc_service_level_{window_min}m_ratio", text, labels, headline.value(found))

    def _add(self, name: str, text: str, labels: list[str], value: float | None) -> None:
        """Add a sample to a gauge; the family is there also where there is none to add."""
        family = self._gauge(name, text)
        if value is not None:
            family.add_metric(labels, value)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = LABELS) -> CounterMetricFamily:
        return self._family(name, lambda: CounterMetricFamily(name, text, labels=labels))

    def _gauge(self, name: str, text: str) -> GaugeMetricFamily:
        return self._family(name, lambda: GaugeMetricFamily(name, text, labels=LABELS))

    def _histogram(self, name: str, text: str) -> HistogramMetricFamily:
        return self._family(name, lambda: HistogramMetricFamily(name, text, labels=LABELS))

    def _family(self, name: str, make: Callable[[], F]) -> F:
        family = self.by_name.get(name)
        if family is None:
            family = self.by_name[name] = make()
        return cast(F, family)


class _Reader:
    """Reads amounts and Prometheus buckets from cells, each set of cells once for as long as it is asked for.

    Views never change their cells, so what was read of the same object still holds.
    """

    def __init__(self, goals: Goals) -> None:
        self._goals = goals
        waits = sorted({*WAIT_EDGES_S, goals.threshold_s, goals.short_abandon_s})
        self._histograms = {
            measures.ANSWER_WAIT: _Edges(waits),
            measures.ABANDON_WAIT: _Edges(waits),
            measures.HANDLE: _Edges(HANDLE_EDGES_S),
        }
        self._panes: dict[int, tuple[Cells, Amounts]] = {}
        self._totals: dict[int, tuple[Cells, Total]] = {}
        self._read: set[int] = set()

    def sum(self, panes: Iterable[Cells]) -> Amounts:
        """Return the sums of the amounts of panes."""
        return catalogue.summed(self._amounts(cells) for cells in panes)

    def _amounts(self, cells: Cells) -> Amounts:
        self._read.add(id(cells))
        known = self._panes.get(id(cells))
        if known is None:
            known = self._panes[id(cells)] = cells, catalogue.amounts(cells, self._goals)
        return known[1]

    def total(self, cells: Cells) -> Total:
        """Return the amounts and the buckets of the three histograms."""
        self._read.add(id(cells))
        known = self._totals.get(id(cells))
        if known is None:
            waits, abandon_waits, handles = (
                edges.buckets(cells, histogram) for histogram, edges in self._histograms.items()
            )
            total = catalogue.amounts(cells, self._goals), waits, abandon_waits, handles
            known = self._totals[id(cells)] = cells, total
        return known[1]

    def forget_unread(self) -> None:
        """Forget what was not asked for since the last call."""
        for read in (self._panes, self._totals):
            for gone in read.keys() - self._read:
                del read[gone]
        self._read = set()


class _Edges:
    """The upper edges of a Prometheus histogram, over the finer buckets of ours."""

    def __init__(self, edges_s: Iterable[float]) -> None:
        edges = list(edges_s)
        self._names = [*(str(float(edge)) for edge in edges), "+Inf"]
        last_inside = [last_bucket_within(edge) for edge in edges]
        self._edge_of = [bisect_left(last_inside, bucket) for bucket in range(SPAN)]

    def buckets(self, cells: Cells, histogram: int) -> Buckets:
        """Return how many are within each edge."""
        counts = [0] * len(self._names)
        for cell, n in cells.items():
            if histogram <= cell < histogram + SPAN:
                counts[self._edge_of[cell - histogram]] += n
        return list(zip(self._names, accumulate(counts), strict=True))


def windowed_name(metric: Metric, window_min: int) -> str:
    """Return a metric's name for a window: `cc_asa_15m_seconds`, `cc_contacts_offered_15m`."""
    if metric.unit == "contacts":
        return f"cc_contacts_{metric.name}_{window_min}m"
    return f"cc_{metric.name}_{window_min}m_{metric.unit}"
