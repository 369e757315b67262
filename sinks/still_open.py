"""The amounts of what stands open of a queue and channel at a moment, for several windows that end there."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from models import measures
from models.amounts import Amounts, add_open
from models.goals import Goals
from models.opened import Opened

_READ: Final = (measures.WAITING, measures.NO_RESPONSE)


class StillOpen:
    """Looks at what stands open once where all of it began in the shortest window, as it mostly did: all windows hold it."""

    def __init__(self, opened: Opened, goals_at: Callable[[int], Goals], now_ms: int, shortest_from_ms: int) -> None:
        """Take when the shortest window begins, and the goals of who entered at a time."""
        self._opened = opened
        self._goals_at = goals_at
        self._now_ms = now_ms
        self._known: dict[int, Amounts] = {}
        is_recent = not any(opened.begun(cell, shortest_from_ms - 1) for cell in _READ)
        self._from_ms = shortest_from_ms if is_recent else 0

    def since(self, from_ms: int) -> Amounts:
        """Return what belongs to the window from `from_ms` to now, without what is 0."""
        from_ms = max(from_ms, self._from_ms)
        amounts = self._known.get(from_ms)
        if amounts is None:
            to_ms = self._now_ms + 1
            amounts = add_open(Counter(), self._opened, self._goals_at, self._now_ms, from_ms, to_ms)
            self._known[from_ms] = amounts
        return amounts
