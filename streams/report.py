"""What recorded events say, as rows of intervals and totals: the report of `floorpulse replay`.

Sums come from the panes. What was waiting or in progress at the end of an interval comes from the records, read again fact
by fact, as it stood then; with what became known later of earlier times.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from rich.box import SIMPLE
from rich.table import Table

from models import catalogue, measures, partials
from models.book import Key
from models.catalogue import METRICS, Goals
from models.contact import Contact
from models.errors import ConfigError
from models.measures import Cells, accumulate
from models.merge import MergeState, QueueView
from models.panes import MINUTE_MS, QUARTER_MS
from models.partition import PartitionState

_SOURCE: Final = ("cc.calls", 0)
_COLUMNS: Final = (
    ("offered", "offered", "{:,}"),
    ("answered", "answered", "{:,}"),
    ("abandoned", "abandoned", "{:,}"),
    ("short", "short_abandoned", "{:,}"),
    ("SL", "service_level", "{:.1%}"),
    ("ASA s", "asa", "{:.1f}"),
    ("wait s", "avg_wait_all", "{:.1f}"),
    ("AHT s", "aht", "{:.1f}"),
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Frame:
    """What of the recording is reported: the intervals of `interval_ms` that start in `[from_ms, to_ms)`; None: all.

    Intervals are counted from midnight UTC. Raises `ConfigError` unless both limits are starts of intervals, and in order.
    """

    interval_ms: int = QUARTER_MS
    from_ms: int | None = None
    to_ms: int | None = None

    def __post_init__(self) -> None:
        for name, at_ms in (("--from", self.from_ms), ("--to", self.to_ms)):
            if at_ms is not None and at_ms % self.interval_ms:
                minutes = self.interval_ms // 60_000
                raise ConfigError(f"{name} {iso(at_ms)}: not the start of an interval of {minutes} minutes (UTC)")
        if self.from_ms is not None and self.to_ms is not None and self.from_ms >= self.to_ms:
            raise ConfigError(f"--to {iso(self.to_ms)}: not after --from {iso(self.from_ms)}")

    def starts(self, first_ms: int, now_ms: int) -> range:
        """Return the starts of the intervals from the one of `first_ms` to the one of `now_ms`, within the frame."""
        start_ms = first_ms // self.interval_ms * self.interval_ms if self.from_ms is None else self.from_ms
        end_ms = now_ms + 1 if self.to_ms is None else min(self.to_ms, now_ms + 1)
        return range(start_ms, end_ms, self.interval_ms)


@dataclass(frozen=True)
class LiveFigures:
    """What stood open at one moment."""

    waiting: int = 0
    longest_wait: float | None = None
    in_progress: int = 0


def report(state: PartitionState, goals: Goals, frame: Frame, now_ms: int) -> Row:
    """Return rows by interval, totals by queue and over all, and the quality of the data, as of `now_ms`."""
    return _Report(state, goals, frame, now_ms).rows_and_totals()


class _Report:
    def __init__(self, state: PartitionState, goals: Goals, frame: Frame, now_ms: int) -> None:
        self._state = state
        self._goals = goals
        self._frame = frame
        self._now_ms = now_ms
        self._live = _LiveHistory(_contacts(state))
        self._views = _views(state)

    def rows_and_totals(self) -> Row:
        frame, now_ms = self._frame, self._now_ms
        quarters = [start for view in self._views for start in _quarters(view)]
        starts = frame.starts(min(quarters) * QUARTER_MS, now_ms) if quarters else range(0)
        rows = [row for start_ms in starts for row in self._interval(start_ms, start_ms + frame.interval_ms)]
        end_ms = now_ms if frame.to_ms is None else min(now_ms, frame.to_ms)
        self._live.advance(end_ms + 1 if end_ms == now_ms else end_ms)
        totals = self._totals(starts.start, frame.to_ms or now_ms + 1, end_ms)
        return {"as_of": iso(now_ms), "rows": rows, "totals": totals, "quality": asdict(self._state.counts)}

    def _interval(self, start_ms: int, end_ms: int) -> Iterator[Row]:
        self._live.advance(end_ms)
        for view in self._views:
            cells = _cells(view, start_ms, end_ms)
            live = self._live.figures((view.queue, view.channel), min(end_ms, self._now_ms))
            if cells or live != LiveFigures():
                yield {
                    "queue": view.queue,
                    "channel": view.channel,
                    "interval_start": iso(start_ms),
                    "interval_seconds": self._frame.interval_ms // 1_000,
                    **self._figures(cells, live, view.waiting(start_ms, end_ms)),
                }

    def _totals(self, from_ms: int, to_ms: int, end_ms: int) -> list[Row]:
        whole = self._frame.from_ms is self._frame.to_ms is None
        everything: Cells = {}
        totals, lives = [], []
        for view in self._views:
            cells = view.total if whole else _cells(view, from_ms, to_ms)
            accumulate(everything, cells)
            lives.append(self._live.figures((view.queue, view.channel), end_ms))
            figures = self._figures(cells, lives[-1], view.waiting(from_ms, to_ms))
            totals.append({"queue": view.queue, "channel": view.channel, **figures})
        waiting = chain.from_iterable(view.waiting(from_ms, to_ms) for view in self._views)
        totals.append({"queue": None, "channel": None, **self._figures(everything, _all_of(lives), waiting)})
        return totals

    def _figures(self, cells: Cells, live: LiveFigures, waiting: Iterable[tuple[int, int]]) -> Row:
        found = catalogue.with_waiting(catalogue.amounts(cells, self._goals), waiting, self._now_ms, self._goals)
        figures: Row = {"waiting": live.waiting, "longest_wait": live.longest_wait, "in_progress": live.in_progress}
        for metric in METRICS:
            if metric.attribution != "live":
                figures[metric.name] = metric.value(found) if metric.share is None else metric.quantile(cells)
        figures["service_level"] = figures[self._goals.headline]
        return figures


def _views(state: PartitionState) -> list[QueueView]:
    merge = MergeState(state.settings.retention)
    for record in partials.flush(state):
        merge.apply(_SOURCE, record)
    return sorted(merge.views(), key=lambda view: (view.queue, view.channel))


def _contacts(state: PartitionState) -> Iterator[Contact]:
    yield from state.contacts.values()
    for held in state.finished.values():
        yield from (Contact(packed) for packed in held.values())


def _quarters(view: QueueView) -> Iterator[int]:
    yield from view.quarters
    yield from (minute * MINUTE_MS // QUARTER_MS for minute in view.minutes)


def _cells(view: QueueView, start_ms: int, end_ms: int) -> Cells:
    """Return the sums of whole quarters of an hour."""
    total: Cells = {}
    for quarter_ms in range(start_ms, end_ms, QUARTER_MS):
        accumulate(total, view.quarter(quarter_ms))
    return total


class _LiveHistory:
    """What stood open over time, from the records: advanced to one moment after the other."""

    def __init__(self, contacts: Iterable[Contact]) -> None:
        self._changes = sorted(
            (at, key, cell, start, n)
            for contact in contacts
            for at, contribution in contact.history()
            for key, cell, start, n in contribution.opened
        )
        self._next = 0
        self._open: defaultdict[tuple[Key, int], defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))

    def advance(self, until_ms: int) -> None:
        """Go on to the moment `until_ms`, what happens in it not included."""
        while self._next < len(self._changes) and self._changes[self._next][0] < until_ms:
            _, key, cell, start, n = self._changes[self._next]
            still = self._open[key, cell]
            still[start] += n
            if not still[start]:
                del still[start]
            self._next += 1

    def figures(self, key: Key, now_ms: int) -> LiveFigures:
        """Return what stands open of a queue and channel."""
        waiting = self._open[key, measures.WAITING]
        longest = (now_ms - min(waiting)) / 1_000 if waiting else None
        return LiveFigures(sum(waiting.values()), longest, sum(self._open[key, measures.IN_PROGRESS].values()))


def _all_of(figures: Iterable[LiveFigures]) -> LiveFigures:
    every = list(figures)
    longest = max((one.longest_wait for one in every if one.longest_wait is not None), default=None)
    return LiveFigures(sum(one.waiting for one in every), longest, sum(one.in_progress for one in every))


def iso(at_ms: int) -> str:
    """Return a time in UTC as ISO 8601 has it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def table_of(report: Row) -> Table:
    """Return the totals as a table for a terminal."""
    quality = ", ".join(f"{n:,} {name}" for name, n in report["quality"].items())
    table = Table(box=SIMPLE, padding=(0, 0), title=f"Figures up to {report['as_of']}", caption=quality)
    table.add_column("queue", no_wrap=True)
    table.add_column("channel", no_wrap=True)
    for title, _, _ in _COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    for row in report["totals"]:
        if row["queue"] is None:
            table.add_section()
        cells = ("–" if row[name] is None else form.format(row[name]) for _, name, form in _COLUMNS)
        table.add_row(row["queue"] or "all", row["channel"] or "", *cells)
    return table
