"""Counters that never fall: what is exported, what is owed, and what is to be kept."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from sinks.ratchet import Highest, Ratchet

SERIES = st.sampled_from("abc")
VALUES = st.dictionaries(SERIES, st.integers(0, 9))


def exported(ratchet: Ratchet, true: Highest) -> dict[str, int]:
    return {series: ratchet.of(series, value) for series, value in true.items()}


def test_a_total_that_falls_stays_and_is_owed() -> None:
    """7, then 5 and 6 after corrections, then 8."""
    ratchet = Ratchet()
    found = [(ratchet.of("calls", true), dict(ratchet.debt)) for true in (7, 5, 6, 7, 8)]
    assert found == [(7, {}), (7, {"calls": 2}), (7, {"calls": 1}), (7, {}), (8, {})]


def test_what_is_owed_is_in_the_unit_of_the_series() -> None:
    ratchet = Ratchet()
    for true_ms in (90_000, 72_500):
        ratchet.of("seconds", true_ms, 0.001)
    assert ratchet.debt == {"seconds": 17.5}


def test_only_what_rose_is_to_be_kept_and_then_all_of_the_queue() -> None:
    ratchet = Ratchet()
    assert ratchet.unkept() is None
    exported(ratchet, {"a": 1, "b": 2, "c": 0})
    assert ratchet.unkept() == {"a": 1, "b": 2}
    exported(ratchet, {"a": 1, "b": 1})
    assert ratchet.unkept() is None
    exported(ratchet, {"a": 2, "b": 1})
    assert ratchet.unkept() == {"a": 2, "b": 2}


def test_a_new_owner_goes_on_from_what_was_kept() -> None:
    ratchet = Ratchet()
    assert ratchet.take({"calls": 7})
    assert (ratchet.of("calls", 5), ratchet.debt) == (7, {"calls": 2})
    assert not ratchet.take({"calls": 7})


@given(st.lists(st.tuples(VALUES, st.booleans()), min_size=1))
def test_no_series_falls_over_crashes(steps: Iterable[tuple[Highest, bool]]) -> None:
    """Each step is a scrape of some true values; then maybe a crash, after which only what was kept is known."""
    ratchet, kept = Ratchet(), dict[str, int]()
    last: dict[str, int] = {}
    for true, crash in steps:
        shown = exported(ratchet, true)
        kept = dict(ratchet.unkept() or kept)  # before it is shown
        for series, value in shown.items():
            assert value >= last.get(series, 0)
            assert value - ratchet.debt.get(series, 0) == true[series]
        last |= shown
        if crash:
            ratchet = Ratchet()
            ratchet.take(kept)


@given(st.lists(st.lists(st.integers(0, 5), min_size=4, max_size=4), min_size=1))
def test_the_buckets_of_a_histogram_stay_cumulative(histograms: list[list[int]]) -> None:
    """Each is how many fell into each bucket; clamped edge by edge, a wider edge never has fewer."""
    ratchet = Ratchet()
    for counts in histograms:
        within = [ratchet.of(str(edge), sum(counts[: edge + 1])) for edge in range(4)]
        assert within == sorted(within)
