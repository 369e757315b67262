"""The lines of the counters and histograms of one queue and channel, made again only where what they are made of changed.

They go through the ratchet, so that they never fall.
"""

from functools import cache
from typing import Final

from models.amounts import Amounts
from models.goals import Goals
from models.measures import Cells
from sinks.exposition import Lines, number_text
from sinks.names import ALWAYS, BY_REASON, COUNTERS, counter_name
from sinks.pane_reader import HISTOGRAMS, Buckets, HistogramName, PaneReader, TotalSum
from sinks.ratchet import Ratchet

_COUNTERS: Final = tuple((counter_name(metric), metric, metric.name in ALWAYS) for metric in COUNTERS)
_BY_REASON: Final = tuple(  # of each family: its name, and of each reason: the series, its last label, and the cell
    (
        name,
        tuple((f'{name}_total{{reason="{reason}"}}', f'reason="{reason}"}}', cell) for reason, cell in cells.items()),
    )
    for name, (_, cells) in BY_REASON.items()
)


@cache
def _edges(name: str, edges: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return of each edge of a histogram its series, and the last label of its lines."""
    return tuple((f'{name}_bucket{{le="{edge}"}}', f'le="{edge}"}}') for edge in edges)


def families() -> list[Lines]:
    """Return the families of counters and histograms, without lines."""
    found = [Lines(name, metric.help, "counter") for name, metric, _ in _COUNTERS]
    found += [Lines(name, text, "counter") for name, (text, _) in BY_REASON.items()]
    return found + [Lines(named.name, named.help, "histogram") for named in HISTOGRAMS]


class CounterLines:
    """Makes the lines of one queue and channel, and remembers them."""

    def __init__(self, labels: str, reader: PaneReader, ratchet: Ratchet) -> None:
        self._labels = labels
        self._open_labels = labels.removesuffix("}")
        self._ratchet = ratchet
        self._total = TotalSum(reader)
        self._cells: Cells | None = None
        self._still_open: Amounts | None = None
        self._goals: Goals | None = None
        self._lines: dict[str, str] = {}
        self._exact: dict[str, tuple[Buckets, str]] = {}  # of the histograms that were shown as they are

    def of(self, cells: Cells, still_open: Amounts, goals: Goals, *, anew: bool) -> dict[str, str]:
        """Return the lines by family, of a total and the amounts of what stands open of it; `anew`: whatever changed."""
        if anew:
            self._exact.clear()
        if anew or cells is not self._cells or goals is not self._goals or still_open != self._still_open:
            self._lines = self._made(cells, still_open, goals)
            self._cells, self._still_open, self._goals = cells, still_open, goals
        return self._lines

    def _made(self, cells: Cells, still_open: Amounts, goals: Goals) -> dict[str, str]:
        lines: dict[str, str] = {}
        ratchet, labels, opened = self._ratchet, self._labels, self._open_labels
        ratchet.debt.clear()
        total = self._total.read(cells, goals)
        found = dict(total.found)
        for name, n in still_open.items():
            found[name] += n
        for name, metric, always in _COUNTERS:
            series = f"{name}_total"
            shown = ratchet.of(series, metric.counted(found), metric.scale)
            if shown or always:
                lines[name] = f"{series}{labels} {number_text(metric.scaled(shown))}\n"
        for name, reasons in _BY_REASON:
            text = ""
            for series, label, cell in reasons:
                if shown := ratchet.of(series, cells.get(cell, 0)):
                    text += f"{name}_total{opened},{label} {shown}\n"
            if text:
                lines[name] = text
        for named, buckets in zip(HISTOGRAMS, total.histograms, strict=True):
            if text := self._histogram(named, buckets):
                lines[named.name] = text
        return lines

    def _histogram(self, named: HistogramName, buckets: Buckets) -> str:
        """Return the lines of a histogram; none where it is there only once it holds something."""
        name, ratchet, opened = named.name, self._ratchet, self._open_labels
        known = self._exact.get(name)
        if known is not None and known[0] == buckets:
            return known[1]
        owed, parts, shown = len(ratchet.debt), [], 0
        for (series, label), within in zip(_edges(name, buckets.edges), buckets.within, strict=True):
            value = ratchet.of(series, within)
            shown = value if value > shown else shown  # an edge that is new knows no former values
            parts.append(f"{name}_bucket{opened},{label} {shown}\n")
        if not (shown or named.always):
            return ""
        sum_ms = ratchet.of(f"{name}_sum", buckets.sum_ms, 0.001)
        parts.append(f"{name}_sum{self._labels} {sum_ms / 1_000!r}\n{name}_count{self._labels} {shown}\n")
        text = "".join(parts)
        if len(ratchet.debt) == owed:
            self._exact[name] = buckets, text
        return text
