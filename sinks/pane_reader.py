"""Reads amounts and Prometheus buckets from cells, each set of cells once for as long as it is asked for.

Views never change their cells, so what was read of the same object still holds.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Generic, TypeVar

from models import measures
from models.amounts import Amounts, AmountsReader, summed
from models.goals import Goals
from models.histogram import last_bucket_within
from models.measures import SPAN, Cells

T = TypeVar("T")
Buckets = list[tuple[str, float]]  # upper edge in seconds, and how many are within it
WAIT_EDGES_S: Final = (5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600, 1200)
HANDLE_EDGES_S: Final = (15, 30, 60, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 3600)
_HISTOGRAMS: Final = (
    ("cc_answer_wait_seconds", "Waits of the answered", measures.ANSWER_WAIT, ("answer_wait_ms",)),
    ("cc_abandon_wait_seconds", "Waits of those who hung up", measures.ABANDON_WAIT, ("abandon_wait_ms",)),
    (
        "cc_handle_seconds",
        "Handle times: talk, hold and wrap-up",
        measures.HANDLE,
        ("talk_ms", "hold_ms", "wrap_up_ms"),
    ),
    ("cc_reply_seconds", "Waits of chat customers for a reply", measures.REPLY, ("reply_ms",)),
    (
        "cc_first_response_seconds",
        "Waits of chat customers for the first response",
        measures.RESPONSE,
        ("response_ms",),
    ),
)
MOST_MET: Final = 10_000
_ALWAYS: Final = 3  # of them; the others are there once they hold something


@dataclass(frozen=True)
class Total:
    """The amounts of a total, and its histograms: by name, help, buckets and sum in ms."""

    found: Amounts
    histograms: dict[str, tuple[str, Buckets, int]]


class PaneReader:
    """Reads cells against goals and remembers what it read."""

    def __init__(self) -> None:
        self._readers: dict[Goals, AmountsReader] = {}
        self._met: dict[int, tuple[Goals, AmountsReader]] = {}  # by who the goals are: to compare them takes longer
        self._edges: dict[tuple[float, ...], _Edges] = {}
        self._panes = _Memory[Amounts]()
        self._totals = _Memory[Total]()

    def of(self, goals: Goals) -> AmountsReader:
        """Return the reader of amounts against these goals."""
        met = self._met.get(id(goals))
        if met is None:
            if len(self._met) >= MOST_MET:
                self._met.clear()
            met = self._met[id(goals)] = goals, self._readers.setdefault(goals, AmountsReader(goals))
        return met[1]

    def sum(self, panes: Iterable[Cells], goals: Goals) -> Amounts:
        """Return the sums of the amounts of panes."""
        read = self.of(goals).read
        return summed(
            self._panes.of(cells, goals, lambda cells, _: {name: n for name, n in read(cells).items() if n})
            for cells in panes
        )

    def total(self, cells: Cells, goals: Goals) -> Total:
        """Return the amounts and the buckets of the histograms."""
        return self._totals.of(cells, goals, self._total)

    def _total(self, cells: Cells, goals: Goals) -> Total:
        found = self.of(goals).read(cells)
        waits = self._edges_at(sorted({*WAIT_EDGES_S, goals.threshold_s, goals.short_abandon_s}))
        handles = self._edges_at(HANDLE_EDGES_S)
        edges = {cell: handles if cell == measures.HANDLE else waits for _, _, cell, _ in _HISTOGRAMS}
        counts = {histogram: [0] * len(of.names) for histogram, of in edges.items()}
        for cell, n in cells.items():
            bucket = cell % SPAN
            if (of := edges.get(cell - bucket)) is not None:
                counts[cell - bucket][of.edge_of[bucket]] += n
        histograms = {}
        for number, (name, text, histogram, sums) in enumerate(_HISTOGRAMS):
            buckets: Buckets = list(zip(edges[histogram].names, accumulate(counts[histogram]), strict=True))
            if number < _ALWAYS or buckets[-1][1]:
                histograms[name] = text, buckets, sum(found[amount] for amount in sums)
        return Total(found, histograms)

    def _edges_at(self, edges_s: Iterable[float]) -> "_Edges":
        key = tuple(edges_s)
        edges = self._edges.get(key)
        if edges is None:
            edges = self._edges[key] = _Edges(key)
        return edges

    def forget_unread(self) -> None:
        """Forget what was not asked for since the last call."""
        self._panes.forget_unread()
        self._totals.forget_unread()


class _Memory(Generic[T]):
    """What was read of cells against goals. Both are told by who they are, not what they hold, and so are kept with it."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Cells, Goals, T]] = {}
        self._read: dict[tuple[int, int], tuple[Cells, Goals, T]] = {}  # since unread ones were forgotten

    def of(self, cells: Cells, goals: Goals, read: Callable[[Cells, Goals], T]) -> T:
        """Return what is known, else read it."""
        key = id(cells), id(goals)
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._known.get(key) or (cells, goals, read(cells, goals))
        return found[2]

    def forget_unread(self) -> None:
        """Forget what was not asked for since the last call."""
        self._known, self._read = self._read, {}


class _Edges:
    """The upper edges of a Prometheus histogram, over the finer buckets of ours: `edge_of` says which is whose."""

    def __init__(self, edges_s: Iterable[float]) -> None:
        edges = list(edges_s)
        self.names = [*(str(float(edge)) for edge in edges), "+Inf"]
        last_inside = [last_bucket_within(edge) for edge in edges]
        self.edge_of = [bisect_left(last_inside, bucket) for bucket in range(SPAN)]
