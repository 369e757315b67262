"""Durations in buckets: whole seconds, rounded up, to 600 s, then steps of 1 % (DESIGN 2.4). All numbers by hand."""

from collections import Counter

import pytest

from models.histogram import LONGEST_MS, UPPER_EDGES_MS, bucket_of, last_bucket_within, quantiles_s
from models.measures import SPAN


@pytest.mark.parametrize(
    ("duration_ms", "bucket"),
    [
        (-5_000, 0),  # clocks that disagree
        (0, 0),
        (1, 1),
        (999, 1),
        (1_000, 1),
        (1_001, 2),
        (20_000, 20),
        (20_001, 21),
        (599_001, 600),
        (600_000, 600),
        (600_001, 601),
        (606_000, 601),  # 600 s and 1 %
        (606_001, 602),
        (612_060, 602),  # 606 s and 1 %
        (612_061, 603),
    ],
)
def test_the_bucket_of_a_duration(duration_ms: int, bucket: int) -> None:
    assert bucket_of(duration_ms) == bucket


def test_above_600_s_a_bucket_ends_at_most_1_percent_above_any_of_its_durations() -> None:
    duration_ms = 600_001
    while duration_ms < LONGEST_MS:
        edge_ms = UPPER_EDGES_MS[bucket_of(duration_ms)]
        assert duration_ms <= edge_ms <= duration_ms * 1.01
        duration_ms += 1 + duration_ms // 997


def test_the_longest_durations_share_the_last_bucket_and_fit_a_histogram() -> None:
    last = bucket_of(10 * LONGEST_MS)
    assert last == len(UPPER_EDGES_MS) - 1 < SPAN
    assert bucket_of(LONGEST_MS + 40 * 86_400_000) == last


@pytest.mark.parametrize(
    ("limit_s", "bucket"),
    [
        (0, 0),
        (0.999, 0),  # the bucket of 1 s holds waits above it
        (1, 1),
        (19.9, 19),
        (20, 20),
        (20.5, 20),
        (600, 600),
        (605.999, 600),
        (606, 601),
        (611, 601),
        (40 * 86_400, None),
    ],
)
def test_the_last_bucket_within_a_limit(limit_s: float, bucket: int | None) -> None:
    found = last_bucket_within(limit_s)
    if bucket is not None:
        assert found == bucket
    assert UPPER_EDGES_MS[found] <= limit_s * 1_000 < UPPER_EDGES_MS[found + 1]


def test_within_is_exact_for_each_whole_second_to_600() -> None:
    for second in range(601):
        last = last_bucket_within(second)
        assert bucket_of(second * 1_000) <= last < bucket_of(second * 1_000 + 1)


@pytest.mark.parametrize(
    ("waits_s", "share", "right"),
    [
        # nearest rank: the ceil(share * n)-th smallest
        ([], 0.5, None),
        ([7], 0.5, 7),
        ([1, 2, 3, 4], 0.5, 2),
        ([1, 2, 3, 4, 5], 0.5, 3),
        ([*range(1, 101)], 0.9, 90),
        ([*range(1, 101)], 0.99, 99),
        ([0, 0, 0, 600], 0.75, 0),
        ([0, 0, 0, 600], 0.76, 600),
        ([1.2], 0.5, 2),  # whole seconds, rounded up
    ],
)
def test_a_quantile_is_exact_to_the_second(waits_s: list[float], share: float, right: float | None) -> None:
    assert quantiles_s(Counter(bucket_of(round(1_000 * wait)) for wait in waits_s), [share]) == [right]


@pytest.mark.parametrize("wait_s", [601, 777.7, 1_500, 86_400])
def test_beyond_ten_minutes_a_quantile_is_at_most_one_percent_above(wait_s: float) -> None:
    [found] = quantiles_s({bucket_of(round(1_000 * wait_s)): 1}, [0.5])
    assert found is not None
    assert wait_s <= found <= 1.01 * wait_s


def test_several_quantiles_at_once_in_the_order_that_was_asked_for() -> None:
    """Of 1 to 100 s; a wait that was taken back leaves a bucket of 0."""
    counts = dict.fromkeys(range(1, 101), 1) | {300: 0}
    assert quantiles_s(counts, [0.99, 0.5, 1, 0.9]) == [99, 50, 100, 90]
    assert quantiles_s({300: 0}, [0.5, 1]) == [None, None]
