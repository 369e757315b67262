"""Reads amounts and Prometheus buckets from cells, of those that were read before only what changed.

Views never change their cells, so what was read of the same object still holds. Of a window that moves, only the panes that
came, went or changed are read, and of one that changed only the cells that did: the rest of the sum stays.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from models import measures
from models.amounts import NAMES, Amounts, AmountsReader
from models.goals import Goals
from models.histogram import last_bucket_within
from models.measures import SPAN, Cells

WAIT_EDGES_S: Final = (5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600, 1200)
HANDLE_EDGES_S: Final = (15, 30, 60, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 3600)
MOST_MET: Final = 10_000
_NOTHING: Final[Cells] = {}


@dataclass(frozen=True)
class HistogramName:
    """A histogram of ours, as it is exported; `sums` are the amounts (ms) that make its sum."""

    name: str
    help: str
    histogram: int
    sums: tuple[str, ...]
    edges_s: tuple[int, ...] = WAIT_EDGES_S
    """Beside them the limits of the goals, of all but handle times."""
    always: bool = False
    """Whether it is there before it holds something."""


HISTOGRAMS: Final = (
    HistogramName(
        "cc_answer_wait_seconds", "Waits of the answered", measures.ANSWER_WAIT, ("answer_wait_ms",), always=True
    ),
    HistogramName(
        "cc_abandon_wait_seconds",
        "Waits of those who hung up",
        measures.ABANDON_WAIT,
        ("abandon_wait_ms",),
        always=True,
    ),
    HistogramName(
        "cc_handle_seconds",
        "Handle times: talk, hold and wrap-up",
        measures.HANDLE,
        ("talk_ms", "hold_ms", "wrap_up_ms"),
        HANDLE_EDGES_S,
        always=True,
    ),
    HistogramName("cc_reply_seconds", "Waits of chat customers for a reply", measures.REPLY, ("reply_ms",)),
    HistogramName(
        "cc_first_response_seconds",
        "Waits of chat customers for the first response",
        measures.RESPONSE,
        ("response_ms",),
    ),
)


@dataclass(frozen=True)
class Buckets:
    """A Prometheus histogram: how many are within each edge, its names as Prometheus writes them; the sum in ms."""

    edges: tuple[str, ...]
    within: list[int]
    sum_ms: int


@dataclass(frozen=True)
class Total:
    """The amounts of a total, and its histograms in the order of `HISTOGRAMS`."""

    found: Amounts
    histograms: list[Buckets]


class PaneReader:
    """Knows what each cell counts for, by the goals."""

    def __init__(self) -> None:
        self._places: dict[Goals, Places] = {}
        self._met: dict[int, tuple[Goals, Places]] = {}  # by who the goals are: to compare them takes longer

    def places(self, goals: Goals) -> "Places":
        """Return what each cell counts for against these goals."""
        met = self._met.get(id(goals))
        if met is None:
            if len(self._met) >= MOST_MET:
                self._met.clear()
            places = self._places.get(goals)
            if places is None:
                places = self._places[goals] = Places(goals)
            met = self._met[id(goals)] = goals, places
        return met[1]


class WindowSum:
    """The sums of the amounts of the panes of one window."""

    def __init__(self, reader: PaneReader) -> None:
        self._reader = reader
        self._panes: dict[int, tuple[Cells, Goals]] = {}
        self._sum: Amounts = dict.fromkeys(NAMES, 0)

    def read(self, panes: Mapping[int, Cells], first: int, last: int, goals_of: Callable[[int], Goals]) -> Amounts:
        """Return the sums over the panes numbered `first` to `last`, each against its goals; it is the caller's to change."""
        known = self._panes
        for number in [number for number in known if not first <= number <= last or number not in panes]:
            before, against = known.pop(number)
            self._change(before, _NOTHING, against)
        for number in range(first, last + 1):
            cells = panes.get(number)
            if cells is None:
                continue
            goals = goals_of(number)
            before, against = known.get(number, (_NOTHING, goals))
            if before is cells and against is goals:
                continue
            if against is not goals:
                self._change(before, _NOTHING, against)
                before = _NOTHING
            self._change(before, cells, goals)
            known[number] = cells, goals
        return dict(self._sum)

    def _change(self, before: Cells, cells: Cells, goals: Goals) -> None:
        total, places = self._sum, self._reader.places(goals)
        for cell, n in _changes(before, cells):
            for name in places.of(cell)[0]:
                total[name] += n


class TotalSum:
    """The amounts and histograms of one total."""

    def __init__(self, reader: PaneReader) -> None:
        self._reader = reader
        self._cells = _NOTHING
        self._goals: Goals | None = None
        self._found: Amounts = {}
        self._counts: list[int] = []  # of all histograms, one after the other

    def read(self, cells: Cells, goals: Goals) -> Total:
        """Return what the cells come to; neither they nor what is returned may be changed."""
        places = self._reader.places(goals)
        if goals is not self._goals:
            self._cells, self._goals = _NOTHING, goals
            self._found, self._counts = dict.fromkeys(NAMES, 0), [0] * places.slots
        found, counts = self._found, self._counts
        for cell, n in _changes(self._cells, cells):
            names, slot = places.of(cell)
            for name in names:
                found[name] += n
            if slot is not None:
                counts[slot] += n
        self._cells = cells
        return Total(found, places.histograms(found, counts))


def _changes(before: Cells, cells: Cells) -> list[tuple[int, int]]:
    """Return by how much each cell changed that did."""
    changes = [(cell, n - before.get(cell, 0)) for cell, n in cells.items() if before.get(cell) != n]
    came = sum([cell not in before for cell, _ in changes])
    if len(before) + came > len(cells):
        changes += [(cell, -before[cell]) for cell in before.keys() - cells.keys()]
    return changes


class Places:
    """What each cell counts for: its amounts, and its bucket in all histograms, one after the other."""

    def __init__(self, goals: Goals) -> None:
        self._amounts = AmountsReader(goals)
        limits = {goals.threshold_s, goals.short_abandon_s}
        self._edges = [
            _Edges(sorted({*named.edges_s, *(() if named.histogram == measures.HANDLE else limits)}))
            for named in HISTOGRAMS
        ]
        self._first: dict[int, tuple[int, _Edges]] = {}  # of a histogram: its first slot, and its edges
        self.slots = 0
        for named, edges in zip(HISTOGRAMS, self._edges, strict=True):
            self._first[named.histogram] = self.slots, edges
            self.slots += len(edges.names)
        self._known: dict[int, tuple[tuple[str, ...], int | None]] = {}

    def of(self, cell: int) -> tuple[tuple[str, ...], int | None]:
        """Return the amounts that a cell counts for, and its slot."""
        place = self._known.get(cell)
        if place is None:
            if cell >= measures.LONG_WAIT:
                return (), None  # one for each wait: not to be remembered
            place = self._known[cell] = self._amounts.names_of(cell), self._slot(cell)
        return place

    def histograms(self, found: Amounts, counts: list[int]) -> list[Buckets]:
        """Return the buckets of each histogram from the counts of all slots."""
        histograms, first = [], 0
        for named, edges in zip(HISTOGRAMS, self._edges, strict=True):
            end = first + len(edges.names)
            sum_ms = sum(found[amount] for amount in named.sums)
            histograms.append(Buckets(edges.names, list(accumulate(counts[first:end])), sum_ms))
            first = end
        return histograms

    def _slot(self, cell: int) -> int | None:
        bucket = cell % SPAN
        first = self._first.get(cell - bucket)
        return None if first is None else first[0] + first[1].edge_of(bucket)


class _Edges:
    """The upper edges of a Prometheus histogram, over the finer buckets of ours."""

    def __init__(self, edges_s: Iterable[float]) -> None:
        edges = list(edges_s)
        self.names = (*(str(float(edge)) for edge in edges), "+Inf")
        self._last_inside = [last_bucket_within(edge) for edge in edges]

    def edge_of(self, bucket: int) -> int:
        """Return the number of the edge that a bucket is within."""
        return bisect_left(self._last_inside, bucket)
