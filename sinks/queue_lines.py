"""The lines of one queue and channel on `/metrics`, made again only where an event or time changed something.

Nobody waiting and nothing to divide by give no sample, never 0; what most queues never have (callbacks, surveys, chats on a
voice queue) is there once it happened.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from models import live, measures
from models.book import Book
from models.catalogue import BY_NAME
from models.goals import Goals
from models.live import LiveFigures
from models.merge import QueueView
from models.retention import MINUTE_MS
from sinks import counter_lines
from sinks.counter_lines import CounterLines
from sinks.exposition import Lines, labels_text, number_text
from sinks.names import ALWAYS_LIVE, GAUGES, GOAL, LABELS, OLDEST, THRESHOLD, WINDOWED
from sinks.pane_reader import PaneReader
from sinks.ratchet import Ratchet
from sinks.still_open import StillOpen
from sinks.window_lines import WindowLines

_ENDS_BY_TIME: Final = (
    measures.WAITING,
    measures.WAITING_CONTACT,
    measures.RINGING,
    measures.IN_ACW,
    measures.CALLBACKS,
)
_LIVE: Final = tuple((name, exported, name in ALWAYS_LIVE) for name, exported in GAUGES.items())


def families() -> dict[str, Lines]:
    """Return all families of queues, without lines, by name."""
    found = [Lines(exported, BY_NAME[name].help, "gauge") for name, exported in GAUGES.items()]
    found += [Lines(name, f"{text}; where there is none: no sample", "gauge") for name, text in OLDEST.values()]
    found += counter_lines.families()
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
        self._key = key
        self._goals = goals
        self._counters = CounterLines(self.labels, reader, ratchet)
        self._windows = [
            WindowLines(self.labels, minutes, metrics, reader)
            for minutes, metrics in WINDOWED
            if minutes <= longest_window_min
        ]
        self._view: QueueView | None = None
        self._from_ms = 0  # since when the lines hold, while the view is the same
        self._until_ms: int | None = None  # and until when; None: nobody asked yet
        self._lines: dict[str, str] = {}

    def of(self, view: QueueView, now_ms: int, *, anew: bool = False) -> dict[str, str]:
        """Return the lines of a view by family; `anew` makes them again though nothing of this seems to have changed."""
        if anew or view is not self._view or not self._holds(view, now_ms):
            self._view = view
            self._lines = self._made(view, now_ms, anew)
            self._from_ms, self._until_ms = now_ms, None
        return self._lines

    def _holds(self, view: QueueView, now_ms: int) -> bool:
        """Tell whether time has changed nothing yet; asked only where no event did: in a busy queue one always does."""
        if self._until_ms is None:
            self._until_ms = self._changes_ms(view, self._from_ms)
        return self._from_ms <= now_ms < self._until_ms

    def _made(self, view: QueueView, now_ms: int, anew: bool) -> dict[str, str]:
        lines: dict[str, str] = {}
        goals = self._goals.of(self._key, now_ms)
        self._add_live(lines, live.of_queue(view.open, now_ms, goals), now_ms)
        shortest_from_ms = max((window.from_ms(now_ms) for window in self._windows), default=0)
        goals_at: Callable[[int], Goals] = lambda _: goals  # noqa: E731  either of two
        still_open = StillOpen(view.open, goals_at, now_ms, shortest_from_ms)
        lines |= self._counters.of(view.total_at(now_ms), still_open.since(0), goals, anew=anew)
        if not self._goals.same_throughout(self._key):  # windows are read against the goals of each time
            goals_at = partial(self._goals.of, self._key)
            still_open = StillOpen(view.open, goals_at, now_ms, shortest_from_ms)
        for window in self._windows:
            lines |= window.of(view, now_ms, goals, goals_at, still_open)
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

    def _changes_ms(self, view: QueueView, now_ms: int) -> int:
        """Return when time alone changes a line: a minute ends, a wait passes a limit, an allowance is over."""
        goals = self._goals.of(self._key, now_ms)
        if goals.clock is not None and any(view.open.of(measures.WAITING)):
            return now_ms  # its limits stand on no clock that is read here
        moments = [(now_ms // MINUTE_MS + 1) * MINUTE_MS]
        for cell in range(measures.LIVE):
            moments += view.open.begins_after(cell, now_ms)
        for cell in _ENDS_BY_TIME:
            moments += [end for _, end, _ in view.open.of(cell)]
        for cell, limit_s in ((measures.WAITING, goals.threshold_s), (measures.NO_RESPONSE, goals.first_response_s)):
            moments += [start + 1_000 * limit_s + n for start, _, _ in view.open.of(cell) for n in (0, 1)]
        moments += [end + 1_000 * goals.callback_tolerance_s + 1 for _, end, _ in view.open.of(measures.CALLBACKS)]
        return min(moment for moment in moments if moment > now_ms)
