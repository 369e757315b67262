"""What recorded events say, as rows of intervals and totals: the report of `floorpulse replay`.

Sums come from the panes, each pane read against the goals that held then. What was waiting or in progress at the end of an
interval comes from the records, as it stood then; with what became known later of earlier times.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from rich.box import SIMPLE
from rich.table import Table

from models import catalogue, live, measures
from models.amounts import Amounts, AmountsReader, add_open, summed
from models.book import Book, Key
from models.business_days import BusinessDays
from models.errors import ConfigError
from models.goals import Goals
from models.live import LiveFigures
from models.log import Counts
from models.measures import Cells, accumulate
from models.merge import QueueView
from models.retention import MINUTE_MS, QUARTER_MS

_COLUMNS: Final = (
    ("offered", "offered", "{:,}"),
    ("answered", "answered", "{:,}"),
    ("abandoned", "abandoned", "{:,}"),
    ("short", "short_abandoned", "{:,}"),
    ("SL", "service_level", "{:.1%}"),
    ("ASA s", "asa", "{:.1f}"),
    ("wait s", "avg_wait_all", "{:.1f}"),
    ("AHT s", "aht", "{:.1f}"),
    ("CSAT", "csat", "{:.0%}"),
)
_OF_AN_ISSUE: Final = ("contacts", "handled", "transferred", "talk", "hold", "acw", "aht")
Row = dict[str, Any]
Span = tuple[int, int]  # half-open, ms


@dataclass(frozen=True)
class Frame:
    """What of the recording is reported: the intervals of so many minutes that start in `[from_ms, to_ms)`; None: all.

    Intervals are counted from the start of the business day. Raises `ConfigError` unless both limits are starts of
    intervals, and in order.
    """

    interval_min: int = 15
    from_ms: int | None = None
    to_ms: int | None = None
    days: BusinessDays = field(default_factory=BusinessDays)

    def __post_init__(self) -> None:
        for name, at_ms in (("--from", self.from_ms), ("--to", self.to_ms)):
            if at_ms is not None and self.days.intervals(at_ms, at_ms + 1, self.interval_min)[0][0] != at_ms:
                raise ConfigError(
                    f"{name} {iso(at_ms)}: not the start of an interval of {self.interval_min} minutes ({self.days.zone})"
                )
        if self.from_ms is not None and self.to_ms is not None and self.from_ms >= self.to_ms:
            raise ConfigError(f"--to {iso(self.to_ms)}: not after --from {iso(self.from_ms)}")

    def intervals(self, first_ms: int, now_ms: int) -> list[Span]:
        """Return the intervals from the one of `first_ms` to the one of `now_ms`, within the frame."""
        start_ms = first_ms if self.from_ms is None else self.from_ms
        end_ms = now_ms + 1 if self.to_ms is None else min(self.to_ms, now_ms + 1)
        return self.days.intervals(start_ms, end_ms, self.interval_min) if start_ms < end_ms else []

    @property
    def whole(self) -> bool:
        """Tell whether all of the recording is reported."""
        return self.from_ms is self.to_ms is None


@dataclass(frozen=True)
class Recorded:
    """All that a report is made of; `open_at` has what stood open at the end of each interval, and as of the report."""

    views: Sequence[QueueView]
    counts: Counts
    intervals: Sequence[Span]
    open_at: Sequence[Mapping[Key, LiveFigures]]
    now_ms: int


class Report:
    """Makes the rows."""

    def __init__(
        self, recorded: Recorded, frame: Frame, goals: Book[Goals], groups: Mapping[str, Sequence[str]]
    ) -> None:
        """Take what was recorded; `groups` are the queues of each group."""
        self._recorded = recorded
        self._frame = frame
        self._goals = goals
        self._groups = groups
        self._readers: dict[Goals, AmountsReader] = {}
        self._views = sorted((view for view in recorded.views if not view.issue), key=lambda view: view.key)
        self._issues = sorted((view for view in recorded.views if view.issue), key=lambda view: view.key)

    def made(self) -> Row:
        """Return rows by interval, totals by queue, group and over all, issues, and the quality of the data."""
        return {
            "as_of": iso(self._recorded.now_ms),
            "rows": list(self.rows()),
            "totals": self.totals(),
            "issues": list(self.issues()),
            "quality": self._quality(),
        }

    def rows(self) -> Iterator[Row]:
        """Yield a row for each interval of each queue and channel in which something happened or stood open."""
        for (start_ms, end_ms), opened in zip(self._recorded.intervals, self._recorded.open_at, strict=False):
            for view in self._views:
                cells = self._cells(view, start_ms, end_ms)
                standing = opened.get(view.key)
                if cells or standing is not None or self._loses(view, start_ms, end_ms):
                    found = self._amounts(view, start_ms, end_ms)
                    yield {
                        "queue": view.queue,
                        "channel": view.channel,
                        "interval_start": iso(start_ms),
                        "interval_seconds": (end_ms - start_ms) // 1_000,
                        **self._figures(found, cells, standing, self._goals.of(view.key, start_ms)),
                    }

    def totals(self) -> list[Row]:
        """Return a row for each queue and channel, for each group, and for everything."""
        start_ms, end_ms = self._reported
        standing = self._recorded.open_at[-1] if self._recorded.open_at else {}
        each: dict[Key, tuple[Amounts, Cells]] = {}
        rows = []
        for view in self._views:
            cells = view.total_at(self._recorded.now_ms) if self._frame.whole else self._cells(view, start_ms, end_ms)
            each[view.key] = self._amounts(view, start_ms, end_ms), cells
            figures = self._figures(*each[view.key], standing.get(view.key), self._goals.of(view.key, start_ms))
            rows.append({"queue": view.queue, "channel": view.channel, **figures})
        for group, queues in self._groups.items():
            members = [view.key for view in self._views if view.queue in queues]
            rows.append({"queue": group, "channel": None, "group": group, **self._together(members, each, standing)})
        rows.append({"queue": None, "channel": None, **self._together([*each], each, standing)})
        return rows

    def _together(
        self, keys: Sequence[Key], each: Mapping[Key, tuple[Amounts, Cells]], standing: Mapping[Key, LiveFigures]
    ) -> Row:
        """Add up queues and channels, each against its own goals."""
        everything: Cells = {}
        for key in keys:
            accumulate(everything, each[key][1])
        opened = live.of_all(standing[key] for key in keys if key in standing)
        return self._figures(summed(each[key][0] for key in keys), everything, opened, self._goals.of(("", ""), 0))

    def issues(self) -> Iterator[Row]:
        """Yield a row for each issue of a queue and channel of which anything is counted."""
        start_ms, end_ms = self._reported
        for view in self._issues:
            cells = view.total_at(self._recorded.now_ms) if self._frame.whole else self._cells(view, start_ms, end_ms)
            if cells:
                found = self._reader(goals := self._goals.of(view.key[:2], start_ms)).read(cells)
                yield {
                    "queue": view.queue,
                    "channel": view.channel,
                    "issue_type": view.issue[0],
                    "issue_reason": view.issue[1],
                    **{name: catalogue.value_of(catalogue.BY_NAME[name], found, goals) for name in _OF_AN_ISSUE},
                }

    @property
    def _reported(self) -> Span:
        intervals = self._recorded.intervals
        return (intervals[0][0], intervals[-1][1]) if intervals else (0, 0)

    def _quality(self) -> Row:
        lost = sum(self._amounts(view, *self._everything)["lost"] for view in self._views)
        return {**asdict(self._recorded.counts), "lost": lost}

    @property
    def _everything(self) -> Span:
        return 0, self._recorded.now_ms + 1

    def _amounts(self, view: QueueView, start_ms: int, end_ms: int) -> Amounts:
        """Read what happened in `[start_ms, end_ms)`, by the goals that held then, and what stands open of it still."""
        now_ms = self._recorded.now_ms
        if self._goals.same_throughout(view.key):
            reader = self._reader(self._goals.of(view.key, start_ms))
            return reader.add_open(
                reader.read(self._cells(view, start_ms, end_ms)), view.open, now_ms, start_ms, end_ms
            )
        parts = []
        for quarter_ms in _quarters(view, start_ms, end_ms):
            reader = self._reader(self._goals.of(view.key, quarter_ms))
            parts.append(reader.read(view.quarter(quarter_ms, now_ms)))
        return add_open(
            summed(parts), view.open, lambda at_ms: self._goals.of(view.key, at_ms), now_ms, start_ms, end_ms
        )

    def _cells(self, view: QueueView, start_ms: int, end_ms: int) -> Cells:
        """Return the sums of whole quarters of an hour, up to now."""
        if end_ms - start_ms > 200 * QUARTER_MS:
            quarters: Iterable[int] = _quarters(view, start_ms, end_ms)
        else:
            quarters = range(start_ms, end_ms, QUARTER_MS)
        total: Cells = {}
        for quarter_ms in quarters:
            accumulate(total, view.quarter(quarter_ms, self._recorded.now_ms))
        return total

    def _loses(self, view: QueueView, start_ms: int, end_ms: int) -> bool:
        """Tell whether anybody is lost in `[start_ms, end_ms)`, of whom nothing stands in the panes yet."""
        until_ms = min(end_ms, self._recorded.now_ms + 1)
        return any(start_ms <= expires < until_ms for _, expires, _ in view.open.of(measures.WAITING))

    def _reader(self, goals: Goals) -> AmountsReader:
        reader = self._readers.get(goals)
        if reader is None:
            reader = self._readers[goals] = AmountsReader(goals)
        return reader

    def _figures(self, found: Amounts, cells: Cells, standing: LiveFigures | None, goals: Goals) -> Row:
        return {**(standing or LiveFigures()).values(), **catalogue.values_of(found, goals, cells)}


def _quarters(view: QueueView, start_ms: int, end_ms: int) -> list[int]:
    """Return the starts of the quarters of an hour in which something is counted or waits."""
    known = {quarter * QUARTER_MS for quarter in view.quarters}
    known |= {minute * MINUTE_MS // QUARTER_MS * QUARTER_MS for minute in view.minutes}
    known |= {
        start // QUARTER_MS * QUARTER_MS
        for cell in (measures.WAITING, measures.NO_RESPONSE)
        for start, _, _ in view.open.of(cell)
    }
    return sorted(quarter for quarter in known if start_ms <= quarter < end_ms)


def first_ms(views: Sequence[QueueView]) -> int | None:
    """Return when the first quarter of an hour starts in which anything is counted or stands open; None of nothing."""
    starts = [quarter * QUARTER_MS for view in views for quarter in view.quarters]
    starts += [minute * MINUTE_MS // QUARTER_MS * QUARTER_MS for view in views for minute in view.minutes]
    starts += [
        start // QUARTER_MS * QUARTER_MS
        for view in views
        for cell in range(measures.LIVE)
        for start, _, _ in view.open.of(cell)
    ]
    return min(starts, default=None)


def iso(at_ms: int) -> str:
    """Return a time in UTC as ISO 8601 has it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def table_of(report: Row) -> Table:
    """Return the totals as a table for a terminal."""
    quality = ", ".join(f"{n:,} {name}" for name, n in report["quality"].items())
    title = f"Figures up to {report['as_of']}" if report["quality"]["events"] else "No events"
    table = Table(box=SIMPLE, padding=(0, 0), title=title, caption=quality)
    table.add_column("queue", no_wrap=True)
    table.add_column("channel", no_wrap=True)
    for title, _, _ in _COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    section = False
    for row in report["totals"]:
        if row["channel"] is None and not section:
            table.add_section()
            section = True
        cells = ("–" if row[name] is None else form.format(row[name]) for _, name, form in _COLUMNS)
        table.add_row(row["queue"] or "all", row["channel"] or ("group" if row["queue"] else ""), *cells)
    return table
