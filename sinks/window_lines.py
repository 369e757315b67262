"""The lines of the metrics of one window, of one queue and channel; made again only where an amount that they use changed."""

from collections.abc import Callable

from models import catalogue
from models.amounts import NAMES, Amounts
from models.goals import Goals
from models.merge import QueueView, window_start_ms
from models.metric import Metric
from models.retention import MINUTE_MS
from sinks.exposition import number_text
from sinks.pane_reader import PaneReader, WindowSum
from sinks.still_open import StillOpen


class WindowLines:
    """Remembers the amounts of the window, and the lines that were made of them."""

    def __init__(
        self, labels: str, window_min: int, metrics: tuple[tuple[str, str, Metric], ...], reader: PaneReader
    ) -> None:
        """Take the metrics with the names that they are exported by."""
        self._labels = labels
        self._window_min = window_min
        self._metrics = [(name, metric, metric.amounts) for name, _, metric in metrics]
        self._sum = WindowSum(reader)
        self._found: Amounts = {}
        self._goals: Goals | None = None
        self._lines: dict[str, str] = {}

    def from_ms(self, now_ms: int) -> int:
        """Return when the window begins."""
        return window_start_ms(now_ms, self._window_min)

    def of(
        self, view: QueueView, now_ms: int, goals: Goals, goals_at: Callable[[int], Goals], still_open: StillOpen
    ) -> dict[str, str]:
        """Return the lines by family; panes are read against the goals that held in them, ratios against those of now."""
        first = self.from_ms(now_ms) // MINUTE_MS
        last = first + self._window_min - 1
        found = self._sum.read(view.minutes, first, last, lambda minute: goals_at(minute * MINUTE_MS))
        for name, n in still_open.since(first * MINUTE_MS).items():
            found[name] += n
        known, lines = self._found, self._lines
        changed = set(NAMES) if goals is not self._goals else {name for name, n in found.items() if n != known[name]}
        if changed:
            for name, metric, amounts in self._metrics:
                if amounts.isdisjoint(changed):
                    continue
                value = catalogue.value_of(metric, found, goals)
                if value is None:
                    lines.pop(name, None)
                else:
                    lines[name] = f"{name}{self._labels} {number_text(value)}\n"
        self._found, self._goals = found, goals
        return lines
