"""Durations as sparse histograms: whole seconds, rounded up, to 600 s, then steps of 1 %.

"Within T" is exact for each whole second up to 600 and at the upper edges above; beyond, a duration counts for the
bucket whose upper edge is at most 1 % above it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import ceil
from typing import Final

SECONDS: Final = 600
LONGEST_MS: Final = 40 * 86_400_000  # durations above share the last bucket


def _upper_edges() -> list[int]:
    edges = [second * 1_000 for second in range(SECONDS + 1)]
    while edges[-1] < LONGEST_MS:
        edges.append(edges[-1] * 101 // 100)
    return edges


UPPER_EDGES_MS: Final = _upper_edges()  # inclusive, by bucket


def bucket_of(duration_ms: int) -> int:
    """Return the bucket of a duration in ms; negative durations (clocks that disagree) count as 0."""
    if duration_ms <= 600_000:
        return (duration_ms + 999) // 1_000 if duration_ms > 0 else 0
    return min(bisect_left(UPPER_EDGES_MS, duration_ms, SECONDS), len(UPPER_EDGES_MS) - 1)


def last_bucket_within(limit_s: float) -> int:
    """Return the last bucket whose durations are all at most `limit_s` seconds."""
    limit_ms = int(limit_s * 1_000)
    if limit_ms < 600_000:
        return limit_ms // 1_000
    position = bisect_left(UPPER_EDGES_MS, limit_ms, SECONDS)
    exact = position < len(UPPER_EDGES_MS) and UPPER_EDGES_MS[position] == limit_ms
    return position if exact else position - 1


def quantiles_s(counts: Mapping[int, int], shares: Iterable[float]) -> list[float | None]:
    """Return the upper edges, in s, of the buckets that hold the nearest-rank quantiles; None of nothing.

    The nearest rank of share p among n is the ceil(p·n)-th smallest (ISO 3534-1). To the second up to 600 s, at most 1 %
    above beyond.
    """
    buckets = sorted(bucket for bucket, n in counts.items() if n)
    if not buckets:
        return [None for _ in shares]
    ranks = list(accumulate(counts[bucket] for bucket in buckets))
    return [UPPER_EDGES_MS[buckets[bisect_left(ranks, ceil(share * ranks[-1]))]] / 1_000 for share in shares]
