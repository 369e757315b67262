"""What stands open of a queue and channel, as it is read: who waits, rings, talks, and since when."""

from collections.abc import Iterator, Mapping, Sequence

from models.span import end_of, span, start_of

# By live cell (models/measures.py), how many by span.
ByCell = Sequence[Mapping[int, int]] | Mapping[int, Mapping[int, int]]


class Opened:
    """The live cells of several sources; a mapping must have each cell that is asked for."""

    def __init__(self, sources: Sequence[ByCell]) -> None:
        self._sources = sources

    def of(self, cell: int) -> Iterator[tuple[int, int, int]]:
        """Yield what stands open of a cell: start, end of the allowance (both ms), and how many."""
        for source in self._sources:
            for one, n in source[cell].items():
                yield start_of(one), end_of(one), n

    def begins_after(self, cell: int, now_ms: int) -> list[int]:
        """Return when those of a cell begin that have not by `now_ms`, in ms; as fast as `begun`."""
        first_ahead = span(now_ms + 1)
        return [start_of(one) for source in self._sources for one in source[cell] if one >= first_ahead]

    def begun(self, cell: int, now_ms: int) -> int:
        """Return how many of a cell have begun by `now_ms`, itself included: many times faster than to look at each."""
        first_ahead, found = span(now_ms + 1), 0
        for source in self._sources:
            spans = source[cell]
            if max(spans, default=0) < first_ahead:  # mostly all have
                found += sum(spans.values())
            else:
                found += sum([n for one, n in spans.items() if one < first_ahead])
        return found
