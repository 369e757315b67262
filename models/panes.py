"""The panes of one queue and channel: sums of contributions by event time, in tiers.

A pane is a small half-open window `[start, end)`. A contribution goes to the finest tier that still holds its time: a
minute, else a quarter of an hour, else the rest, which has no time. A pane that leaves its tier is added to the coarser
one. So each contribution stands once, and the sum over all is the total since the beginning.
Live cells stand beside the panes by their span.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from models import measures
from models.book import Key
from models.contribution import Contribution
from models.measures import Cells, accumulate
from models.retention import MINUTE_MS, QUARTER_MS, Retention

LIVE_PART: Final = "live"
REST_PART: Final = "total"
Live = dict[int, int]  # span (models/span.py) -> how many


@dataclass
class Horizon:
    """From which minute and quarter (numbers since the epoch) on panes are still held in their tier."""

    minute: int = 0
    quarter: int = 0


class QueuePanes:
    """All sums of one queue and channel, and which parts of them changed since they were last collected.

    A part is what is sent as a whole: `live`, `total` (the rest), `1m:<start>` or `15m:<start>`, start in ms.
    """

    __slots__ = (
        "_horizon",
        "changed_live",
        "changed_minutes",
        "changed_quarters",
        "changed_rest",
        "live",
        "minutes",
        "quarters",
        "rest",
        "retired_minutes",
    )

    def __init__(self, horizon: Horizon) -> None:
        self._horizon = horizon
        self.live: tuple[Live, ...] = tuple({} for _ in range(measures.LIVE))
        self.minutes: dict[int, Cells] = {}
        self.quarters: dict[int, Cells] = {}
        self.rest: Cells = {}
        self.changed_live = False
        self.changed_rest = False
        self.changed_minutes: dict[int, Cells] = {}  # of `minutes`
        self.retired_minutes: set[int] = set()
        self.changed_quarters: set[int] = set()

    def minute(self, minute: int) -> Cells:
        """Return the pane of a minute, to be added to."""
        pane = self.changed_minutes[minute] = self.minutes.setdefault(minute, {})
        return pane

    def older(self, at: int) -> Cells:
        """Return the pane of a time that has left the tier of minutes, to be added to."""
        quarter = at // QUARTER_MS
        if quarter >= self._horizon.quarter:
            self.changed_quarters.add(quarter)
            return self.quarters.setdefault(quarter, {})
        self.changed_rest = True
        return self.rest

    def retire(self, before: Horizon) -> None:
        """Move the panes that have left their tier into the coarser one; `before` was the horizon so far."""
        for minute in _passed(self.minutes, before.minute, self._horizon.minute):
            accumulate(self.older(minute * MINUTE_MS), self.minutes.pop(minute))
            self.changed_minutes.pop(minute, None)
            self.retired_minutes.add(minute)
        for quarter in _passed(self.quarters, before.quarter, self._horizon.quarter):
            accumulate(self.rest, self.quarters.pop(quarter))
            self.changed_quarters.add(quarter)
            self.changed_rest = True

    def collect(self) -> list[str]:
        """Return the names of the parts that changed since the last call."""
        parts = [f"1m:{minute * MINUTE_MS}" for minute in (*self.changed_minutes, *self.retired_minutes)]
        parts += [f"15m:{quarter * QUARTER_MS}" for quarter in self.changed_quarters]
        if self.changed_rest:
            parts.append(REST_PART)
        if self.changed_live:
            parts.append(LIVE_PART)
        self.changed_live = self.changed_rest = False
        self.changed_minutes = {}
        self.retired_minutes = set()
        self.changed_quarters = set()
        return parts

    def parts(self) -> list[str]:
        """Return the names of all parts that there are."""
        minutes = [f"1m:{minute * MINUTE_MS}" for minute in self.minutes]
        return [*minutes, *(f"15m:{quarter * QUARTER_MS}" for quarter in self.quarters), REST_PART, LIVE_PART]

    def part(self, name: str) -> Cells | list[Live]:
        """Return a part as it stands; empty where it is gone. Cells that came to 0 are left out."""
        if name == LIVE_PART:
            return [dict(live) for live in self.live]
        if name == REST_PART:
            cells = self.rest
        else:
            tier, start_ms = name.split(":")
            if tier == "1m":
                cells = self.minutes.get(int(start_ms) // MINUTE_MS, {})
            else:
                cells = self.quarters.get(int(start_ms) // QUARTER_MS, {})
        return {cell: n for cell, n in cells.items() if n}


def _passed(held: Mapping[int, Cells], first: int, end: int) -> list[int]:
    """Return which of the numbers `[first, end)` are held; none before them is."""
    if end - first < len(held):
        return [number for number in range(first, end) if number in held]
    return [number for number in held if number < end]


class Panes:
    """The panes of all queues of one source partition, kept by the newest event time."""

    def __init__(self, retention: Retention) -> None:
        self.queues: dict[Key, QueuePanes] = {}
        self._retention = retention
        self._horizon = Horizon()

    def add(self, contribution: Contribution) -> None:
        """Add what a record contributes."""
        queues, first_minute = self.queues, self._horizon.minute
        last: Key | None = None  # what follows is mostly of the same queue
        for key, at, cells, factor in contribution.counted:
            if key is not last:
                panes = queues.get(key) or self.queue(key)
                changed, last = panes.changed_minutes, key
            minute = at // MINUTE_MS
            pane = changed.get(minute)
            if pane is None:
                pane = panes.minute(minute) if minute >= first_minute else panes.older(at)
            for cell, n in cells:
                pane[cell] = pane.get(cell, 0) + factor * n
        last = None
        for key, cell, span, factor in contribution.opened:
            if key is not last:
                panes = queues.get(key) or self.queue(key)
                panes.changed_live = True
                spans, last = panes.live, key
            live = spans[cell]
            left = live.get(span, 0) + factor
            if left:
                live[span] = left
            else:
                del live[span]

    def queue(self, key: Key) -> QueuePanes:
        """Return the panes of one queue and channel."""
        return self.queues.setdefault(key, QueuePanes(self._horizon))

    def advance(self, newest_ms: int) -> None:
        """Let panes leave their tiers by the newest event time."""
        horizon, retention = self._horizon, self._retention
        before = replace(horizon)
        horizon.minute = (newest_ms - retention.minutes_ms) // MINUTE_MS
        if retention.quarters_ms is not None:
            horizon.quarter = (newest_ms - retention.quarters_ms) // QUARTER_MS
        for panes in self.queues.values():
            panes.retire(before)

    def collect(self) -> Iterator[tuple[Key, str]]:
        """Yield the parts that changed since the last call."""
        for key, panes in self.queues.items():
            for part in panes.collect():
                yield key, part

    def parts(self) -> Iterator[tuple[Key, str]]:
        """Yield all parts that there are."""
        for key, panes in self.queues.items():
            for part in panes.parts():
                yield key, part
