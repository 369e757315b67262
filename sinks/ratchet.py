"""Counters that never fall: the highest value that was ever exported of each series of a queue and channel.

A true total can fall, when a late event corrects what was counted; Prometheus would take that for a restart and count the
whole total again. So what is exported stays, and what is owed is told (docs/decisions/0006-counters-never-fall.md).
"""

from collections.abc import Mapping
from typing import Final

Highest = Mapping[str, int]  # series, without the labels of its queue -> value, in the integers it is counted in
NOTHING: Final[Highest] = {}


class Ratchet:
    """The series of one queue and channel. Values are integers: counts, ms, thousandths of points."""

    def __init__(self) -> None:
        self.debt: dict[str, float] = {}  # by series, in the unit it is exported in
        self._highest: dict[str, int] = {}
        self._kept: Highest = NOTHING
        self._rose = False

    def take(self, kept: Highest) -> bool:
        """Go on from what is kept of former exports; tell whether that is above what we know."""
        if kept is self._kept:
            return False
        self._kept = kept
        higher = {series: value for series, value in kept.items() if value > self._highest.get(series, 0)}
        self._highest.update(higher)
        return bool(higher)

    def of(self, series: str, true: int, factor: float = 1) -> int:
        """Return the value to export in place of the true one; `factor` brings it to the unit of the series."""
        highest = self._highest.get(series, 0)
        if true < highest:
            self.debt[series] = (highest - true) * factor
            return highest
        if self.debt:
            self.debt.pop(series, None)
        if true > highest:
            self._highest[series] = true
            self._rose = True
        return true

    def unkept(self) -> Highest | None:
        """Return all highest values where one rose since the last call: they are to be kept before they are shown."""
        if not self._rose:
            return None
        self._rose = False
        return dict(self._highest)

    def keep_again(self) -> None:
        """Let all values be kept once more: the last time they were not."""
        self._rose = True
