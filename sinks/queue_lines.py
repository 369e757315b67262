"""The lines of one queue and channel on `/metrics`, made again only where an event or time changed something.

Nobody waiting and nothing to divide by give no sample, never 0; what most queues never have (callbacks, surveys, chats on a
voice queue) is there once it happened. Counters go through the ratchet, so that they never fall.
"""

from functools import cache
from typing import Final

from models import catalogue, live, measures
from models.amounts import add_open
from models.book import Book
from models.catalogue import BY_NAME
from models.goals import Goals
from models.live import LiveFigures
from models.merge import QueueView, window_start_ms
from models.retention import MINUTE_MS
from sinks.exposition import Lines, labels_text, number_text
from sinks.names import (
    ALWAYS,
    ALWAYS_LIVE,
    BY_REASON,
    COUNTERS,
    GAUGES,
    GOAL,
    LABELS,
    OLDEST,
    THRESHOLD,
    WINDOWED,
    counter_name,
)
from sinks.pane_reader import HISTOGRAMS, Buckets, HistogramName, PaneReader, WindowSum
from sinks.ratchet import Ratchet

_COUNTERS: Final = tuple((counter_name(metric), metric, metric.name in ALWAYS) for metric in COUNTERS)
_LIVE: Final = tuple((name, exported, name in ALWAYS_LIVE) for name, exported in GAUGES.items())
_BY_REASON: Final = tuple(  # of each family: its name, and of each reason: the series, its last label, and the cell
    (
        name,
        tuple((f'{name}_total{{reason="{reason}"}}', f'reason="{reason}"}}', cell) for reason, cell in cells.items()),
    )
    for name, (_, cells) in BY_REASON.items()
)


@cache
def _edges(name: str, edges: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return of each edge of a histogram its series, and the last label of its lines."""
    return tuple((f'{name}_bucket{{le="{edge}"}}', f'le="{edge}"}}') for edge in edges)


def families() -> dict[str, Lines]:
    """Return all families of queues, without lines, by name."""
    found = [Lines(exported, BY_NAME[name].help, "gauge") for name, exported in GAUGES.items()]
    found += [Lines(name, f"{text}; where there is none: no sample", "gauge") for name, text in OLDEST.values()]
    found += [Lines(name, metric.help, "counter") for name, metric, _ in _COUNTERS]
    found += [Lines(name, text, "counter") for name, (text, _) in BY_REASON.items()]
    found += [Lines(named.name, named.help, "histogram") for named in HISTOGRAMS]
    found += [Lines(name, text, "gauge") for _, metrics in WINDOWED for name, text, _ in metrics]
    found += [Lines(*THRESHOLD, "gauge"), Lines(*GOAL, "gauge")]
    return {family.name: family for family in found}


class QueueLines:
    """Makes the lines of one queue and channel, and remembers them."""

    def __init__(
        self,
        key: tuple[str, ...],
        site: str,
        goals: Book[Goals],
        reader: PaneReader,
        ratchet: Ratchet,
        longest_window_min: int,
    ) -> None:
        self.labels = labels_text(dict(zip(LABELS, (*key[:2], site), strict=True)))
        self._open_labels = self.labels.removesuffix("}")
        self._key = key
        self._goals = goals
        self._reader = reader
        self._ratchet = ratchet
        self._windows = [(m, metrics, WindowSum(reader)) for m, metrics in WINDOWED if m <= longest_window_min]
        self._view: QueueView | None = None
        self._from_ms = self._until_ms = 0  # when the lines hold, while the view is the same
        self._lines: dict[str, str] = {}

    def of(self, view: QueueView, now_ms: int, *, anew: bool = False) -> dict[str, str]:
        """Return the lines of a view by family; `anew` makes them again though nothing of this seems to have changed."""
        if anew or view is not self._view or not self._from_ms <= now_ms < self._until_ms:
            self._view = view
            self._lines = self._made(view, now_ms)
            self._from_ms, self._until_ms = now_ms, self._changes_ms(view, now_ms)
        return self._lines

    def _made(self, view: QueueView, now_ms: int) -> dict[str, str]:
        lines: dict[str, str] = {}
        goals = self._goals.of(self._key, now_ms)
        self._add_live(lines, live.of_queue(view.open, now_ms, goals), now_ms)
        self._add_total(lines, view, now_ms, goals)
        self._add_windows(lines, view, now_ms, goals)
        self._add(lines, THRESHOLD[0], goals.threshold_s)
        self._add(lines, GOAL[0], goals.goal)
        return lines

    def _add(self, lines: dict[str, str], name: str, value: float | None) -> None:
        if value is not None:
            lines[name] = f"{name}{self.labels} {number_text(value)}\n"

    def _add_live(self, lines: dict[str, str], figures: LiveFigures, now_ms: int) -> None:
        for name, exported, always in _LIVE:
            value = getattr(figures, name)
            if value or always:
                self._add(lines, exported, value)
        for name, (exported, _) in OLDEST.items():
            age_ms = getattr(figures, name)
            self._add(lines, exported, None if age_ms is None else (now_ms - age_ms) / 1_000)

    def _add_total(self, lines: dict[str, str], view: QueueView, now_ms: int, goals: Goals) -> None:
        ratchet, opened = self._ratchet, self._open_labels
        ratchet.debt.clear()
        cells = view.total_at(now_ms)
        total = self._reader.total(cells, goals)
        found = self._reader.of(goals).add_open(dict(total.found), view.open, now_ms, 0, now_ms + 1)
        for name, metric, always in _COUNTERS:
            series = f"{name}_total"
            shown = ratchet.of(series, metric.counted(found), metric.scale)
            if shown or always:
                lines[name] = f"{series}{self.labels} {number_text(metric.scaled(shown))}\n"
        for name, reasons in _BY_REASON:
            text = ""
            for series, label, cell in reasons:
                if shown := ratchet.of(series, cells.get(cell, 0)):
                    text += f"{name}_total{opened},{label} {shown}\n"
            if text:
                lines[name] = text
        for named, buckets in zip(HISTOGRAMS, total.histograms, strict=True):
            if text := self._histogram(named, buckets):
                lines[named.name] = text

    def _histogram(self, named: HistogramName, buckets: Buckets) -> str:
        """Return the lines of a histogram; none where it is there only once it holds something."""
        name, ratchet, opened = named.name, self._ratchet, self._open_labels
        parts, shown = [], 0
        for (series, label), within in zip(_edges(name, buckets.edges), buckets.within, strict=True):
            value = ratchet.of(series, within)
            shown = value if value > shown else shown  # an edge that is new knows no former values
            parts.append(f"{name}_bucket{opened},{label} {shown}\n")
        if not (shown or named.always):
            return ""
        sum_ms = ratchet.of(f"{name}_sum", buckets.sum_ms, 0.001)
        parts.append(f"{name}_sum{self.labels} {sum_ms / 1_000!r}\n{name}_count{self.labels} {shown}\n")
        return "".join(parts)

    def _add_windows(self, lines: dict[str, str], view: QueueView, now_ms: int, goals: Goals) -> None:
        """Add what was counted in each window; each of its panes is read against the goals that held in it."""
        book, key = self._goals, self._key
        always = book.same_throughout(key)
        last = now_ms // MINUTE_MS
        for window_min, metrics, window in self._windows:
            start_ms = window_start_ms(now_ms, window_min)
            found = window.read(
                view.minutes,
                start_ms // MINUTE_MS,
                last,
                (lambda _: goals) if always else (lambda minute: book.of(key, minute * MINUTE_MS)),
            )
            add_open(
                found,
                view.open,
                (lambda _: goals) if always else (lambda at_ms: book.of(key, at_ms)),
                now_ms,
                start_ms,
                now_ms + 1,
            )
            for name, _, metric in metrics:
                self._add(lines, name, catalogue.value_of(metric, found, goals))

    def _changes_ms(self, view: QueueView, now_ms: int) -> int:
        """Return when time alone changes a line: a minute ends, a wait passes a limit, an allowance is over."""
        goals = self._goals.of(self._key, now_ms)
        if goals.clock is not None and any(view.open(measures.WAITING)):
            return now_ms  # its limits stand on no clock that is read here
        limits_ms = [1_000 * s for s in (goals.threshold_s, goals.first_response_s)]
        tolerance_ms = 1_000 * goals.callback_tolerance_s
        moments = [(now_ms // MINUTE_MS + 1) * MINUTE_MS]
        for cell in range(measures.LIVE):
            for start, end, _ in view.open(cell):
                moments += [start, end, end + tolerance_ms + 1]
                moments += [start + limit + n for limit in limits_ms for n in (0, 1)]
        return min(moment for moment in moments if moment > now_ms)
