"""A metric: what it is called, what it means, and how it comes from amounts or cells."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import ceil
from typing import Final, Literal

from models import measures
from models.amounts import COHORT, FLOW, NAMES, SCORED, Amounts
from models.histogram import quantiles_s
from models.measures import SPAN, Cells

Attribution = Literal["live", "flow", "cohort", "scored"]
Unit = Literal["contacts", "seconds", "ratio", "points"]
Chosen = Literal["headline", "live", "gap"]  # what the goals of a queue choose
Value = float | int | None
WINDOWS_MIN: Final = (15, 60)  # of the wallboards
ALLOWED: Final[dict[Attribution, frozenset[str]]] = {
    "live": frozenset(),
    "flow": FLOW,
    "cohort": COHORT,
    "scored": SCORED,
}


@dataclass(frozen=True)
class Metric:
    """One metric of the catalogue.

    It is a sum of amounts (those of `numerator` less those of `minus`), divided by another where there is a `denominator`:
    both sides are counted by one attribution, else the metric is refused. With a `share` it is a quantile of `histograms`
    instead: 0.9 is the 90th percentile, 1 the largest. `windows_min` are the wallboard's windows it is also exported for.
    """

    name: str
    unit: Unit
    attribution: Attribution
    help: str
    formula: str
    source: str
    numerator: tuple[str, ...] = ()
    denominator: tuple[str, ...] | None = None
    minus: tuple[str, ...] = ()
    factor: float = 1
    windows_min: tuple[int, ...] = ()
    histograms: tuple[int, ...] = ()
    share: float | None = None
    chosen: Chosen | None = None

    def __post_init__(self) -> None:
        used = {*self.numerator, *self.minus, *(self.denominator or ())}
        if foreign := used - ALLOWED[self.attribution]:
            raise ValueError(f"metric {self.name}: {', '.join(sorted(foreign))} not counted by {self.attribution}")

    def value(self, found: Amounts) -> Value:
        """Return the metric in its unit, unless it is a quantile or chosen; None where there is nothing to divide by."""
        above = self.counted(found)
        if self.denominator is None:
            return self.scaled(above)
        below = _sum(found, self.denominator)
        return above / below * self.scale if below else None

    @cached_property
    def amounts(self) -> frozenset[str]:
        """Return the amounts that it is made of: where the goals of a queue choose, it may be any."""
        return frozenset(NAMES if self.chosen else (*self.numerator, *self.minus, *(self.denominator or ())))

    @cached_property
    def scale(self) -> float:
        """What brings amounts to the unit."""
        return self.factor / 1_000 if self.unit == "seconds" else self.factor

    def counted(self, found: Amounts) -> int:
        """Return the numerator, in the integers it is counted in."""
        above = _sum(found, self.numerator)
        return above - _sum(found, self.minus) if self.minus else above

    def scaled(self, counted: int) -> float | int:
        """Return what was counted in the unit."""
        return counted if self.scale == 1 else counted * self.scale

    def missing(self, found: Amounts, goal: float) -> int | None:
        """Return how many more of the numerator in a row bring a ratio to its goal; None where that cannot be."""
        above = sum(found[name] for name in self.numerator)
        below = sum(found[name] for name in self.denominator or ())
        if not below or (goal >= 1 and above < below):
            return None
        return max(0, ceil(round((goal * below - above) / (1 - goal), 9))) if goal < 1 else 0


def _sum(found: Amounts, names: tuple[str, ...]) -> int:
    """Add up some amounts: a loop, since a generator costs three times as much and a scrape does this ten thousand times."""
    total = 0
    for name in names:
        total += found[name]
    return total


class Quantiles:
    """Reads all quantiles among some metrics from cells, in one pass."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._wanted: dict[tuple[int, ...], list[tuple[str, float]]] = {}
        for metric in metrics:
            if metric.share is not None:
                self._wanted.setdefault(metric.histograms, []).append((metric.name, metric.share))
        self._histograms = frozenset(chain.from_iterable(self._wanted))

    def read(self, cells: Cells) -> dict[str, Value]:
        """Return the quantiles in s by name; None where there are no durations."""
        counts: dict[int, dict[int, int]] = {}
        longest_ms = 0
        for cell, n in cells.items():
            bucket = cell % SPAN
            if cell - bucket in self._histograms:
                counts.setdefault(cell - bucket, {})[bucket] = n
            elif cell >= measures.LONG_WAIT and n:
                longest_ms = max(longest_ms, cell - measures.LONG_WAIT)
        values: dict[str, Value] = {}
        for histograms, wanted in self._wanted.items():
            together = Counter[int]()
            for histogram in histograms:
                together.update(counts.get(histogram, {}))
            found = quantiles_s(together, [share for _, share in wanted])
            for (name, share), value in zip(wanted, found, strict=True):
                values[name] = longest_ms / 1_000 if share == 1 and longest_ms else value
        return values
