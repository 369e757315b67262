"""Stage 2: the owner of a queue adds up what the source partitions know of it.

`MergeState` is one partition of the partials topic. What a source says is shown only at its next progress record, so that
no half flush is seen. Sums are kept by difference; views are immutable and may be read in any thread.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from models import measures
from models.book import Key
from models.measures import Cells, accumulate, added
from models.opened import Opened
from models.panes import LIVE_PART, REST_PART, Live
from models.partials import Gone, Partial, Progress, Shown, Source
from models.retention import MINUTE_MS, QUARTER_MS, Retention, left_tier

FORGET_MS: Final = 10 * MINUTE_MS  # of event time
_NO_LIVE: Final[list[Live]] = [{} for _ in range(measures.LIVE)]


@dataclass(frozen=True)
class QueueView:
    """The figures of one queue and channel, or of an issue in it, as they stood at a progress boundary; it never changes."""

    key: Key
    total: Cells
    minutes: Mapping[int, Cells]
    quarters: Mapping[int, Cells]
    live: tuple[list[Live], ...]

    @property
    def queue(self) -> str:
        """Return the queue."""
        return self.key[0]

    @property
    def channel(self) -> str:
        """Return the channel."""
        return self.key[1]

    @property
    def issue(self) -> tuple[str, ...]:
        """Return type and reason of the issue, where it is the view of one."""
        return self.key[2:]

    @property
    def is_empty(self) -> bool:
        """Whether all that was ever said of it was taken back, as of the unknown queue once the entry is known."""
        return not (self.total or self.minutes or self.quarters or any(any(live) for live in self.live))

    def total_at(self, now_ms: int) -> Cells:
        """Return all sums but those that stand in the future: what time alone will bring if nothing forestalls it."""
        ahead = [pane for minute, pane in self.minutes.items() if minute > now_ms // MINUTE_MS]
        total = self.total
        for pane in ahead:
            total = added(total, pane, -1)
        return total

    def panes(self, now_ms: int, minutes: int) -> list[Cells]:
        """Return the panes of the last `minutes` minutes, the one that `now_ms` is in with them."""
        first, last = window_start_ms(now_ms, minutes) // MINUTE_MS, now_ms // MINUTE_MS
        return [self.minutes[minute] for minute in range(first, last + 1) if minute in self.minutes]

    def quarter(self, start_ms: int, now_ms: int = 1 << 62) -> Cells:
        """Return the sums of the quarter of an hour that starts at `start_ms`, but those ahead of now (see `total_at`)."""
        quarter = start_ms // QUARTER_MS
        inside = range(quarter * 15, min(quarter * 15 + 15, now_ms // MINUTE_MS + 1))
        panes = [self.minutes[minute] for minute in inside if minute in self.minutes]
        return _sum([*panes, self.quarters.get(quarter, {})])

    @property
    def open(self) -> Opened:
        """Return what stands open."""
        return Opened(self.live)


def window_start_ms(now_ms: int, minutes: int) -> int:
    """Return when a window of whole minutes began, the one that `now_ms` is in with them."""
    return (now_ms // MINUTE_MS - minutes + 1) * MINUTE_MS


def _sum(panes: Iterable[Cells]) -> Cells:
    total: defaultdict[int, int] = defaultdict(int)
    for pane in panes:
        for cell, n in pane.items():
            total[cell] += n
    return dict(total)


class QueueState:
    """One queue and channel: what each source knows of it, and the sums over the sources."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self._known: dict[tuple[Source, str], Partial] = {}
        self._total: Cells = {}
        self._minutes: dict[int, Cells] = {}
        self._quarters: dict[int, Cells] = {}
        self._live: dict[Source, list[Live]] = {}
        self._view: QueueView | None = None
        self._shown: tuple[Cells, dict[int, Cells], dict[int, Cells]] | None = None  # total, minutes, quarters of views

    def apply(self, source: Source, partial: Partial) -> Partial | None:
        """Take what a source says now instead of what it said before.

        Returns the partial to write back where this one is older in the log and must not be its key's last word: a former
        owner's, or, of the same epoch, a repair that came too late. An older one of a newer epoch comes from an owner that
        is catching up, and is left alone.
        """
        known = self._known.get((source, partial.part))
        if known is not None and partial.offset < known.offset:
            return known if partial.epoch <= known.epoch else None
        self._known[source, partial.part] = partial
        self._view = None
        if isinstance(partial.body, list) or partial.part == LIVE_PART:
            self._live[source] = partial.body if isinstance(partial.body, list) else _NO_LIVE
            return None
        before = known.body if known is not None and isinstance(known.body, dict) else {}
        change = added(partial.body, before, -1)
        self._shown = None
        accumulate(self._total, change)
        if partial.part != REST_PART:
            tier, start_ms = partial.part.split(":")
            panes, length = (self._minutes, MINUTE_MS) if tier == "1m" else (self._quarters, QUARTER_MS)
            number = int(start_ms) // length
            pane = added(panes.get(number, {}), change)  # a new one: views hold the old one
            if pane:
                panes[number] = pane
            else:
                panes.pop(number, None)
        return None

    def forget(self, source: Source, newest_ms: int, retention: Retention) -> list[Gone]:
        """Forget the parts of a source that are empty for good: else there were one for every minute that ever was."""
        gone = [
            part
            for (known, part), partial in self._known.items()
            if known == source and not partial.body and left_tier(part, newest_ms, retention)
        ]
        for part in gone:
            del self._known[source, part]
        return [Gone(self.key, part) for part in gone]

    def view(self) -> QueueView:
        """Return the figures as they stand."""
        if self._view is None:
            if self._shown is None:
                self._shown = dict(self._total), dict(self._minutes), dict(self._quarters)
            self._view = QueueView(self.key, *self._shown, tuple(self._live.values()))
        return self._view


class MergeState:
    """One partition of the partials topic, a function of its log; `retention` is that of stage 1."""

    def __init__(self, retention: Retention | None = None) -> None:
        self.offset = -1
        self._retention = retention or Retention()
        self.queues: dict[Key, QueueState] = {}
        self.progress: dict[Source, Progress] = {}
        self.shown: dict[Key, Mapping[str, int]] = {}  # see `Shown`; each is replaced, never changed
        self._staged: defaultdict[Source, list[Partial]] = defaultdict(list)  # since their progress record
        self._forgotten: dict[Source, int] = {}  # the newest event time when the past was forgotten last

    def apply(self, source: Source, record: Partial | Progress) -> list[Partial | Gone]:
        """Take the next record; return what is to be written back: repairs (see `QueueState.apply`), and what is gone."""
        if isinstance(record, Partial):
            self._staged[source].append(record)
            return []
        known = self.progress.get(source)
        if known is None or (record.offset, record.epoch) >= (known.offset, known.epoch):
            self.progress[source] = record
        # With it goes what owners before said last, since compaction keeps no progress record of theirs; but not what
        # they said of more of the log than this one has seen: that may be half of a flush.
        said: list[Partial] = []
        waits: list[Partial] = []
        for partial in self._staged[source]:
            told = partial.epoch <= record.epoch and partial.offset <= record.offset
            (said if told else waits).append(partial)
        self._staged[source] = waits
        newest_ms = self.progress[source].newest_ms
        words: list[Partial | Gone] = []
        for partial in said:
            past = left_tier(partial.part, newest_ms, self._retention)
            if past and partial.body:  # a zombie's: there may be no newer word
                words.append(Gone(partial.key, partial.part))
            elif repair := self._queue(partial.key).apply(source, partial):
                words.append(repair)
        if newest_ms >= self._forgotten.get(source, 0) + FORGET_MS:
            self._forgotten[source] = newest_ms
            for queue in self.queues.values():
                words += queue.forget(source, newest_ms, self._retention)
        return words

    def keep(self, said: Shown) -> Shown | None:
        """Take what was shown of a queue; of each series the highest value stands, whoever showed it.

        Returns what is to be written back where this one does not know all of it, as a former owner's last word.
        """
        known = self.shown.get(said.key, {})
        if higher := {series: value for series, value in said.values.items() if value > known.get(series, 0)}:
            known = self.shown[said.key] = {**known, **higher}
        return Shown(said.key, dict(known)) if known.items() - said.values.items() else None

    def _queue(self, key: Key) -> QueueState:
        state = self.queues.get(key)
        if state is None:
            state = self.queues[key] = QueueState(key)
        return state

    def views(self) -> list[QueueView]:
        """Return the views of all queues of this partition of which anything is known."""
        return [view for state in self.queues.values() if not (view := state.view()).is_empty]

    def fresh_ms(self) -> int | None:
        """Return up to when the figures are complete: the oldest, over the sources, of newest event or caught up."""
        return min((max(known.newest_ms, known.caught_up_ms) for known in self.progress.values()), default=None)
