"""The Prometheus collector: renders what the worker knows when it is scraped, and nothing it no longer owns.

Additive parts first (counters and histograms, for PromQL to add up and divide), then live gauges, then the catalogue's
windowed figures with the window in the name. Nobody waiting and nothing to divide by give no sample, never 0; what most
queues never have (callbacks, surveys, chats on a voice queue) is there once it happened. Labels are queue, channel, site and
reason, and the issue of what is counted by issue: never a person or an id.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from models import catalogue, live, measures
from models.amounts import Amounts, add_open, summed
from models.book import Book
from models.catalogue import BY_NAME, METRICS
from models.goals import Goals
from models.live import LiveFigures
from models.measures import Cells
from models.merge import QueueView, window_start_ms
from models.metric import WINDOWS_MIN, Metric
from models.retention import MINUTE_MS
from sinks.pane_reader import PaneReader

F = TypeVar("F", bound=Family)
LABELS: Final = ("queue", "channel", "site")
MOST_ISSUES: Final = 500  # series; the others are together one of each queue
OTHER: Final = "_other"
ALWAYS: Final = frozenset(  # counters that each queue has from the start
    {"offered", "answered", "abandoned", "short_abandoned", "handled", "transferred", "talk", "hold", "acw"}
)
_CONTACTS: Final = ALWAYS | frozenset(  # counters of contacts; others count things of their own
    {"lost", "held", "resolved", "escalated", "unfinished", "completed", "missed", "dropped", "consults"}
    | {"hold_abandoned_customer", "hold_abandoned_agent", "agent_disconnect_first"}
)
BY_REASON: Final = {
    "cc_contacts_exited": ("Contacts that left the queue otherwise", measures.EXITED),
    "cc_contacts_blocked": ("Contacts turned away before the queue", measures.BLOCKED),
    "cc_contacts_transfers": ("Handlings that ended in a transfer, by its kind", measures.TRANSFERS),
    "cc_offers_declined": ("Offers to a person that were declined", measures.DECLINED),
}
GAUGES: Final = {
    "waiting": "cc_contacts_waiting",
    "ringing": "cc_contacts_ringing",
    "in_progress": "cc_contacts_in_progress",
    "in_acw": "cc_contacts_in_wrap_up",
    "callbacks_scheduled": "cc_callbacks_scheduled",
    "callbacks_due": "cc_callbacks_due",
    "callbacks_overdue": "cc_callbacks_overdue",
    "unanswered": "cc_contacts_unanswered",
}
ALWAYS_LIVE: Final = ("waiting", "ringing", "in_progress")
_OLDEST: Final = {
    "longest_wait": ("cc_queue_oldest_wait_start_timestamp_seconds", "Entry of the contact that waits longest"),
    "longest_contact_age": (
        "cc_queue_oldest_contact_start_timestamp_seconds",
        "Start of the oldest contact that waits",
    ),
    "wait_for_reply_now": ("cc_queue_oldest_unanswered_timestamp_seconds", "Oldest message that waits for a reply"),
    "oldest_callback": ("cc_queue_oldest_callback_timestamp_seconds", "Request of the oldest open callback"),
}


def counted(metric: Metric) -> bool:
    """Tell whether a metric is exported as a counter: a plain sum of what happened."""
    plain = metric.attribution == "flow" and metric.denominator is None and not metric.minus and metric.share is None
    return plain and metric.name not in {"exited", "blocked", "declined", "answer_wait", "abandon_wait"}


COUNTERS: Final = tuple(metric for metric in METRICS if counted(metric) and not metric.name.startswith("transfers_"))


def counter_name(metric: Metric) -> str:
    """Return a counter's name, without `_total`: `cc_contacts_offered`, `cc_talk_seconds`, `cc_replies`."""
    name = "wrap_up" if metric.name == "acw" else metric.name
    if metric.unit == "seconds":
        return f"cc_{name}_seconds"
    return f"cc_contacts_{name}" if name in _CONTACTS else f"cc_{name}"


def windowed_name(metric: Metric, window_min: int) -> str:
    """Return a metric's name for a window: `cc_asa_15m_seconds`, `cc_contacts_offered_15m`."""
    if metric.unit == "contacts":
        name = f"contacts_{metric.name}" if metric.chosen is None else metric.name
        return f"cc_{name}_{window_min}m"
    return f"cc_{metric.name}_{window_min}m_{metric.unit}"


def _windowed_help(metric: Metric, window_min: int) -> str:
    by = {"cohort": "entered", "flow": "counted", "scored": "decided"}[metric.attribution]
    return f"{metric.help}, {by} in the last {window_min} min: {metric.formula}"


WINDOWED: Final = tuple(  # of each window: name, help and metric
    (
        window,
        tuple((windowed_name(m, window), _windowed_help(m, window), m) for m in METRICS if window in m.windows_min),
    )
    for window in WINDOWS_MIN
)


@dataclass(frozen=True)
class SourceView:
    """How far one source partition was folded by this worker."""

    topic: str
    partition: int
    events: int
    duplicates: int
    late: int
    invalid: int
    orphans: int
    lost: int
    newest_ms: int
    watermark_ms: int  # events before it are late
    appended_ms: int  # when the last record was appended that was read; 0 where none was since the start
    lag: int | None


@dataclass(frozen=True)
class FloorView:
    """All that one worker shows: its queues, and itself. Immutable; a new one replaces it."""

    queues: tuple[QueueView, ...] = ()
    sources: tuple[SourceView, ...] = ()
    recovering: bool = True
    fresh_ms: int | None = None


class FloorCollector(Collector):
    """Renders the newest view; `now_ms` is the clock of the windows, `site_of` names the site of a queue."""

    def __init__(
        self,
        view: Callable[[], FloorView],
        now_ms: Callable[[], int],
        goals: Book[Goals],
        site_of: Callable[[str], str],
    ) -> None:
        self._view = view
        self._now_ms = now_ms
        self._goals = goals
        self._site_of = site_of
        self._reader = PaneReader()

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
            yield from _sources(view, self._now_ms())
            yield from self._queues(view)

    def _queues(self, view: FloorView) -> Iterator[Family]:
        now_ms, families = self._now_ms(), _Families()
        for queue in view.queues:
            if not queue.issue:
                self._add_queue(families, queue, now_ms)
        self._add_issues(families, [queue for queue in view.queues if queue.issue])
        self._reader.forget_unread()
        yield from families.by_name.values()

    def _add_queue(self, families: "_Families", queue: QueueView, now_ms: int) -> None:
        labels = [queue.queue, queue.channel, self._site_of(queue.queue)]
        goals = self._goals.of(queue.key, now_ms)
        families.add_live(labels, live.of_queue(queue.open, now_ms, goals), now_ms)
        total = self._reader.total(queue.total_at(now_ms), goals)
        found = self._reader.of(goals).add_open(dict(total.found), queue.open, now_ms, 0, now_ms + 1)
        families.add_total(labels, queue.total, found)
        for name, (text, buckets, sum_ms) in total.histograms.items():
            families.histogram(name, text).add_metric(labels, buckets, sum_ms / 1_000)
        for window, metrics in WINDOWED:
            found = self._window(queue, now_ms, window)
            for name, text, metric in metrics:
                families.add(name, text, labels, catalogue.value_of(metric, found, goals))
        families.add("cc_service_level_threshold_seconds", "Answered within this is in time", labels, goals.threshold_s)
        families.add("cc_service_level_goal_ratio", "What the service level is to reach", labels, goals.goal)

    def _window(self, queue: QueueView, now_ms: int, window_min: int) -> Amounts:
        """Read the panes of a window, each against the goals that held in it."""
        start_ms, end_ms, reader = window_start_ms(now_ms, window_min), now_ms + 1, self._reader
        if self._goals.same_throughout(queue.key):
            goals = self._goals.of(queue.key, now_ms)
            found = reader.sum(queue.panes(now_ms, window_min), goals)
            return reader.of(goals).add_open(found, queue.open, now_ms, start_ms, end_ms)
        parts = []
        for minute_ms in range(start_ms, end_ms, MINUTE_MS):
            goals = self._goals.of(queue.key, minute_ms)
            if (pane := queue.minutes.get(minute_ms // MINUTE_MS)) is not None:
                parts.append(reader.sum([pane], goals))
        return add_open(
            summed(parts), queue.open, lambda at_ms: self._goals.of(queue.key, at_ms), now_ms, start_ms, end_ms
        )

    def _add_issues(self, families: "_Families", issues: list[QueueView]) -> None:
        """Count contacts by issue; of too many the rarest are one."""
        counts: dict[tuple[str, ...], int] = {}
        largest = sorted(issues, key=lambda view: (-view.total.get(measures.CONTACTS, 0), view.key))
        for number, view in enumerate(largest):
            key = view.key if number < MOST_ISSUES else (*view.key[:2], OTHER, OTHER)
            counts[key] = counts.get(key, 0) + view.total.get(measures.CONTACTS, 0)
        family = families.counter(
            "cc_issue_contacts", "Contacts by what they are about", (*LABELS, "issue_type", "issue_reason")
        )
        for (queue, channel, *issue), n in counts.items():
            family.add_metric([queue, channel, self._site_of(queue), *issue], n)


def _sources(view: FloorView, now_ms: int) -> Iterator[Family]:
    labels = ("topic", "partition")
    counters = {
        "events": "Events read",
        "duplicates": "Events already held",
        "late": "Events past the lateness horizon, in cc.late",
        "invalid": "Records that were no events, in cc.dead_letters",
        "lost": "Records that the log deleted before they were read",
    }
    for name, text in counters.items():
        family = CounterMetricFamily(f"floorpulse_{name}", text, labels=labels)
        for source in view.sources:
            family.add_metric([source.topic, str(source.partition)], getattr(source, name))
        yield family
    orphans = GaugeMetricFamily("floorpulse_orphans", "Contacts of which no beginning is known", labels=labels)
    newest = GaugeMetricFamily("floorpulse_newest_event_timestamp_seconds", "Newest event time read", labels=labels)
    watermark = GaugeMetricFamily("floorpulse_watermark_timestamp_seconds", "Events before it are late", labels=labels)
    lag = GaugeMetricFamily("floorpulse_lag_records", "Records in the log not read yet", labels=labels)
    lag_s = GaugeMetricFamily(
        "floorpulse_lag_seconds", "Age of the last record read, 0 when nothing is left", labels=labels
    )
    for source in view.sources:
        where = [source.topic, str(source.partition)]
        orphans.add_metric(where, source.orphans)
        if source.newest_ms:
            newest.add_metric(where, source.newest_ms / 1_000)
            watermark.add_metric(where, source.watermark_ms / 1_000)
        if source.lag is not None:
            lag.add_metric(where, source.lag)
        if source.lag == 0:
            lag_s.add_metric(where, 0)
        elif source.lag is not None and source.appended_ms:
            lag_s.add_metric(where, max(0, now_ms - source.appended_ms) / 1_000)
    yield from (orphans, newest, watermark, lag, lag_s)
    if view.fresh_ms is not None:
        yield GaugeMetricFamily(
            "floorpulse_fresh_timestamp_seconds", "Figures are complete up to here", value=view.fresh_ms / 1_000
        )


@dataclass
class _Families:
    """The families of the queues, filled queue by queue."""

    by_name: dict[str, Family] = field(default_factory=dict)

    def add_total(self, labels: list[str], total: Cells, found: Amounts) -> None:
        for metric in COUNTERS:
            value = metric.value(found)
            family = self.counter(counter_name(metric), metric.help)
            if value or metric.name in ALWAYS:
                family.add_metric(labels, value or 0)
        for name, (text, cells) in BY_REASON.items():
            by_reason = self.counter(name, text, (*LABELS, "reason"))
            for reason, cell in cells.items():
                if total.get(cell):
                    by_reason.add_metric([*labels, reason], total[cell])

    def add_live(self, labels: list[str], figures: LiveFigures, now_ms: int) -> None:
        for name, exported in GAUGES.items():
            value = getattr(figures, name)
            wanted = value or name in ALWAYS_LIVE
            self.add(exported, BY_NAME[name].help, labels, value if wanted else None)
        for name, (exported, text) in _OLDEST.items():
            age_ms = getattr(figures, name)
            since_s = None if age_ms is None else (now_ms - age_ms) / 1_000
            self.add(exported, f"{text}; where there is none: no sample", labels, since_s)

    def add(self, name: str, text: str, labels: list[str], value: float | None) -> None:
        """Add a sample to a gauge; the family is there also where there is none to add."""
        family = self._family(name, lambda: GaugeMetricFamily(name, text, labels=LABELS))
        if value is not None:
            family.add_metric(labels, value)

    def counter(self, name: str, text: str, labels: tuple[str, ...] = LABELS) -> CounterMetricFamily:
        return self._family(name, lambda: CounterMetricFamily(name, text, labels=labels))

    def histogram(self, name: str, text: str) -> HistogramMetricFamily:
        return self._family(name, lambda: HistogramMetricFamily(name, text, labels=LABELS))

    def _family(self, name: str, make: Callable[[], F]) -> F:
        family = self.by_name.get(name)
        if family is None:
            family = self.by_name[name] = make()
        return cast(F, family)
