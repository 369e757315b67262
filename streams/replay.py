"""History through the core without Kafka: recorded events in, the same figures out.

The events of a file go through `PartitionState` and `MergeState` as those of a topic do; only the horizons are off, so
they may come in any order and reach back as far as they like.
"""

import gzip
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from models import catalogue, measures, partials
from models.catalogue import METRICS, Goals
from models.contact import Contact, Key
from models.errors import ConfigError
from models.events import decoder
from models.measures import Cells, accumulate
from models.merge import MergeState, QueueView
from models.panes import QUARTER_MS, Retention
from models.partition import Counts, FoldSettings, Letter, Line, PartitionState
from models.settings import Settings

INTERVAL_MS = QUARTER_MS
_COLUMNS = (
    ("offered", "offered", "{:,}"),
    ("answered", "answered", "{:,}"),
    ("abandoned", "abandoned", "{:,}"),
    ("short", "short_abandoned", "{:,}"),
    ("SL", "service_level", "{:.1%}"),
    ("ASA s", "asa", "{:.1f}"),
    ("wait s", "avg_wait_all", "{:.1f}"),
    ("AHT s", "aht", "{:.1f}"),
)
_SOURCE = ("cc.calls", 0)
Row = dict[str, Any]


@dataclass(frozen=True)
class LiveFigures:
    """What stood open at one moment."""

    waiting: int = 0
    longest_wait: float | None = None
    in_progress: int = 0


@dataclass
class Replay:
    """The figures of recorded events: `report` is what `--json` prints."""

    goals: Goals
    on_invalid: Callable[[str, Letter], None]
    state: PartitionState = field(init=False)

    def __post_init__(self) -> None:
        forever = FoldSettings(lateness_ms=None, skew_ms=None, retention=Retention(quarters_ms=None))
        self.state = PartitionState(decoder("call"), forever)

    def read(self, name: str, lines: Iterable[bytes]) -> None:
        """Fold the lines of one file; a line that is no event goes to `on_invalid` and is counted."""
        first = self.state.offset + 1
        self.state.fold(Line(first + number, line) for number, line in enumerate(lines) if not line.isspace())
        for letter in self.state.letters:
            self.on_invalid(f"{name}:{letter.offset - first + 1}", letter)
        self.state.letters.clear()

    @property
    def counts(self) -> Counts:
        """Return how many events were read, and how many of them were duplicates or invalid."""
        return self.state.counts

    def report(self) -> Row:
        """Return rows by interval, totals by queue and over all, and the quality of the data."""
        views, newest = self._views(), self.state.newest
        live = _LiveHistory(self._contacts())
        rows = []
        for end_ms in _interval_ends(views, newest):
            start_ms = end_ms - INTERVAL_MS
            live.advance(end_ms)
            for view in views:
                cells = view.quarter(start_ms)
                then = live.figures((view.queue, view.channel), min(end_ms, newest))
                if cells or then != LiveFigures():
                    figures = self._figures(cells, then, view.waiting(start_ms, end_ms))
                    rows.append({**_head(view.queue, view.channel, end_ms), **figures})
        live.advance(newest + 1)
        now = [live.figures((view.queue, view.channel), newest) for view in views]
        totals = [
            {
                "queue": view.queue,
                "channel": view.channel,
                **self._figures(view.total, then, view.waiting(0, newest + 1)),
            }
            for view, then in zip(views, now, strict=True)
        ]
        everything: Cells = {}
        for view in views:
            accumulate(everything, view.total)
        waiting = chain.from_iterable(view.waiting(0, newest + 1) for view in views)
        totals.append({"queue": None, "channel": None, **self._figures(everything, _all_of(now), waiting)})
        return {"as_of": _iso(newest), "rows": rows, "totals": totals, "quality": self._quality()}

    def _views(self) -> list[QueueView]:
        merge = MergeState()
        for key, part in self.state.collect():
            merge.apply(_SOURCE, partials.partial(self.state, key, part))
        merge.apply(_SOURCE, partials.Progress(0, self.state.offset, self.state.newest, 0, self.state.counts, ""))
        return sorted(merge.views(), key=lambda view: (view.queue, view.channel))

    def _contacts(self) -> Iterator[Contact]:
        yield from self.state.contacts.values()
        for held in self.state.finished.values():
            yield from (Contact(packed) for packed in held.values())

    def _figures(self, cells: Cells, live: LiveFigures, waiting: Iterable[tuple[int, int]]) -> Row:
        found = catalogue.with_waiting(catalogue.amounts(cells, self.goals), waiting, self.state.newest, self.goals)
        figures: Row = {"waiting": live.waiting, "longest_wait": live.longest_wait, "in_progress": live.in_progress}
        for metric in METRICS:
            if metric.attribution != "live":
                figures[metric.name] = metric.value(found) if metric.share is None else metric.quantile(cells)
        figures["service_level"] = figures[self.goals.headline]
        return figures

    def _quality(self) -> Row:
        counts = self.counts
        return {
            "events": counts.events,
            "duplicates": counts.duplicates,
            "late": counts.late,
            "invalid": counts.invalid,
        }


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


def _interval_ends(views: Iterable[QueueView], newest_ms: int) -> list[int]:
    """Return the ends of all intervals from the first with a figure to the one of the newest event."""
    starts = [start for view in views for start in (*view.quarters, *(minute // 15 for minute in view.minutes))]
    first = min(starts, default=newest_ms // INTERVAL_MS + 1)
    return [(quarter + 1) * INTERVAL_MS for quarter in range(first, newest_ms // INTERVAL_MS + 1)]


def _head(queue: str, channel: str, end_ms: int) -> Row:
    start = _iso(end_ms - INTERVAL_MS)
    return {"queue": queue, "channel": channel, "interval_start": start, "interval_seconds": INTERVAL_MS // 1_000}


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run_replay(paths: Iterable[str], settings: Settings, as_json: bool) -> None:
    """Replay files, and print their figures on standard output: a table, or JSON."""
    errors = Console(stderr=True, highlight=False)
    replay = Replay(settings.goals(), lambda where, letter: print(f"{where}: {letter.reason}", file=sys.stderr))
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        for path in paths:
            with open_events(path) as file:
                try:
                    replay.read(path, _watched(file, path, progress))
                except (OSError, EOFError, zlib.error) as error:  # a damaged .gz
                    raise ConfigError(f"{path}: cannot be read: {error}") from None
    report = replay.report()
    if as_json:
        sys.stdout.buffer.write(to_json(report))
    else:
        Console(highlight=False).print(_table(report))


def _watched(file: BinaryIO, path: str, progress: Progress) -> Iterator[bytes]:
    """Yield the lines of a file; the progress bar counts them, and bytes where the size is known."""
    size = Path(path).stat().st_size if Path(path).is_file() and not path.endswith(".gz") else None
    task = progress.add_task(path, total=size)
    done = 0
    for number, line in enumerate(file):
        yield line
        done += len(line)
        if number % 10_000 == 0:
            progress.update(task, completed=done)


def _table(report: Row) -> Table:
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


def to_json(report: Row) -> bytes:
    """Encode a report for other programs."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def open_events(path: str) -> BinaryIO:
    """Open a file of events, one JSON object a line: `.jsonl`, `.jsonl.gz`, or `-` for standard input."""
    if path == "-":
        return sys.stdin.buffer
    try:
        if Path(path).is_dir():
            raise ConfigError(f"{path}: is a folder, allowed: a file of events, one JSON object a line")
        return cast(BinaryIO, gzip.open(path, "rb")) if path.endswith(".gz") else Path(path).open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
