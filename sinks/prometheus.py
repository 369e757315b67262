"""The Prometheus collector: renders what the worker knows when it is scraped, and nothing it no longer owns.

sinks/names.py says what the families of queues are, sinks/queue_lines.py makes their lines. Labels are queue, channel, site and
reason, and the issue of what is counted by issue: never a person or an id.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family

from models import measures
from models.book import Book, Key
from models.goals import Goals
from models.merge import QueueView
from models.metric import WINDOWS_MIN
from models.other import OTHER
from sinks.exposition import AnyFamily, Lines, labels_text, number_text
from sinks.names import DEBT, ISSUE_LABELS, ISSUES, MOST_ISSUES
from sinks.pane_reader import PaneReader
from sinks.queue_lines import QueueLines, families
from sinks.ratchet import NOTHING, Highest, Ratchet

COUNTS: Final = {  # of a source partition
    "events": "Events read",
    "duplicates": "Events already held",
    "late": "Events past the lateness horizon, in cc.late",
    "invalid": "Records that were no events, in cc.dead_letters",
    "lost": "Records that the log deleted before they were read",
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
    orphans: int
    lost: int
    newest_ms: int
    watermark_ms: int  # events before it are late
    appended_ms: int  # when the last record was appended that was read; 0 where none was since the start
    lag: int | None

    def lag_s(self, now_ms: int) -> float | None:
        """Return how long ago the last record that was read had been appended, 0 when nothing is left; None: not known."""
        if self.lag == 0:
            return 0
        known = self.lag is not None and self.appended_ms
        return max(0, now_ms - self.appended_ms) / 1_000 if known else None


@dataclass(frozen=True)
class FloorView:
    """All that one worker shows: its queues, and itself. Immutable; a new one replaces it."""

    queues: tuple[QueueView, ...] = ()
    sources: tuple[SourceView, ...] = ()
    recovering: bool = True
    fresh_ms: int | None = None
    kept: Mapping[Key, Highest] = field(default_factory=dict)
    """The highest values of counters that were kept, by queue and channel (sinks/ratchet.py)."""


class FloorCollector:
    """Renders the newest view; `now_ms` is the clock of the windows, `site_of` names the site of a queue."""

    def __init__(
        self,
        view: Callable[[], FloorView],
        now_ms: Callable[[], int],
        goals: Book[Goals],
        site_of: Callable[[str], str],
        longest_window_min: int = max(WINDOWS_MIN),
    ) -> None:
        """Take the longest window that the panes of a minute cover whatever the newest event time is."""
        self._longest_window_min = longest_window_min
        self._view = view
        self._now_ms = now_ms
        self._goals = goals
        self._site_of = site_of
        self._reader = PaneReader()
        self._queues: dict[Key, QueueLines] = {}
        self._ratchets: dict[Key, Ratchet] = {}

    def collect(self) -> Iterator[AnyFamily]:
        """Yield all families of the newest view; of a worker that is still reading its past only that it is."""
        view, now_ms = self._view(), self._now_ms()
        yield GaugeMetricFamily(
            "floorpulse_recovering", "1 while the worker reads its past back", value=view.recovering
        )
        if not view.recovering:
            yield from _sources(view, now_ms)
            yield from self._floor(view, now_ms)

    def unkept(self) -> dict[Key, Highest]:
        """Return the highest values of the queues of which a counter rose since the last call, all of such a queue."""
        risen = {key: ratchet.unkept() for key, ratchet in self._ratchets.items()}
        return {key: shown for key, shown in risen.items() if shown is not None}

    def keep_again(self, keys: Iterable[Key]) -> None:
        """Let what was to be kept be kept once more, of the queues that are still ours: it was not."""
        for key in self._ratchets.keys() & keys:
            self._ratchets[key].keep_again()

    def _floor(self, view: FloorView, now_ms: int) -> Iterator[Lines]:
        queues = [queue for queue in view.queues if not queue.issue]
        issues = [queue for queue in view.queues if queue.issue]
        lifted = self._own({queue.key[:2] for queue in view.queues}, view.kept)
        for key in self._ratchets.keys() - {queue.key for queue in queues}:
            self._ratchets[key].debt.clear()  # its counters are not shown
        made = [self._queues[queue.key].of(queue, now_ms, anew=queue.key in lifted) for queue in queues]
        for name, family in families().items():
            family.text = [lines[name] for lines in made if name in lines]
            yield family
        yield self._issues(issues)
        yield self._debt()

    def _own(self, keys: set[Key], kept: Mapping[Key, Highest]) -> set[Key]:
        """Forget the queues that are no longer ours, and let all go on from what was kept of them; return which that lifted."""
        self._ratchets = {key: self._ratchets.get(key) or Ratchet() for key in keys}
        self._queues = {key: self._queues.get(key) or self._new(key) for key in keys}
        return {key for key, ratchet in self._ratchets.items() if ratchet.take(kept.get(key, NOTHING))}

    def _new(self, key: Key) -> QueueLines:
        site, ratchet = self._site_of(key[0]), self._ratchets[key]
        return QueueLines(key, site, self._goals, self._reader, ratchet, self._longest_window_min)

    def _issues(self, issues: list[QueueView]) -> Lines:
        """Count contacts by issue; of too many the rarest are one of each queue."""
        counts: dict[Key, int] = {}
        largest = sorted(issues, key=lambda view: (-view.total.get(measures.CONTACTS, 0), view.key))
        for number, view in enumerate(largest):
            key = view.key if number < MOST_ISSUES else (*view.key[:2], OTHER, OTHER)
            counts[key] = counts.get(key, 0) + view.total.get(measures.CONTACTS, 0)
        family = Lines(*ISSUES, "counter")
        for key, true in counts.items():
            queue, issue = key[:2], labels_text(dict(zip(ISSUE_LABELS, key[2:], strict=True)))
            shown = self._ratchets[queue].of(f"{ISSUES[0]}_total{issue}", true)
            family.text.append(f"{ISSUES[0]}_total{self._queues[queue].labels[:-1]},{issue[1:]} {shown}\n")
        return family

    def _debt(self) -> Lines:
        family = Lines(*DEBT, "gauge")
        for key, ratchet in self._ratchets.items():
            for series, owed in ratchet.debt.items():
                label = labels_text({"series": series})
                family.text.append(f"{DEBT[0]}{self._queues[key].labels[:-1]},{label[1:]} {number_text(owed)}\n")
        return family


def _sources(view: FloorView, now_ms: int) -> Iterator[Family]:
    labels = ("topic", "partition")
    for name, text in COUNTS.items():
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
        if (behind_s := source.lag_s(now_ms)) is not None:
            lag_s.add_metric(where, behind_s)
    yield from (orphans, newest, watermark, lag, lag_s)
    if view.fresh_ms is not None:
        yield GaugeMetricFamily(
            "floorpulse_fresh_timestamp_seconds", "Figures are complete up to here", value=view.fresh_ms / 1_000
        )
