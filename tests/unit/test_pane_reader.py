"""Amounts and Prometheus buckets from cells, read once for as long as they are asked for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models import measures as m
from models.amounts import AmountsReader, summed
from models.goals import Goals
from models.measures import Cells
from sinks.pane_reader import HANDLE_EDGES_S, HISTOGRAMS, WAIT_EDGES_S, Buckets, PaneReader, Total, TotalSum, WindowSum

GOALS = Goals(threshold_s=20, short_abandon_s=5)
CELLS = st.sampled_from([m.OFFERED, m.TALK_MS, m.ANSWER_WAIT + 7, m.ANSWER_WAIT + 30, m.COHORT_ABANDON_WAIT + 3])


def buckets_of(total: Total, name: str) -> Buckets:
    return next(found for named, found in zip(HISTOGRAMS, total.histograms, strict=True) if named.name == name)


def counts_of(total: Total, name: str) -> dict[str, int]:
    found = buckets_of(total, name)
    return dict(zip(found.edges, found.within, strict=True))


def total_of(cells: Cells, goals: Goals) -> Total:
    return TotalSum(PaneReader()).read(cells, goals)


def test_panes_are_summed_against_the_goals() -> None:
    """T = 20 and 60: waits of 20 and of 30 s."""
    panes = {0: {m.ANSWER_WAIT + 20: 1}, 1: {m.ANSWER_WAIT + 30: 2}, 2: {}}
    for goals, expected in ((Goals(20), 1), (Goals(60), 3)):
        found = WindowSum(PaneReader()).read(panes, 0, 2, lambda _, goals=goals: goals)  # type: ignore[misc]
        assert found["answered_in"] == expected
    assert WindowSum(PaneReader()).read({}, 0, 2, lambda _: GOALS)["answered"] == 0


def test_buckets_are_cumulative_and_their_edges_inclusive() -> None:
    """Waits of 5, 6, 20, 21 and 1300 s."""
    cells = {m.ANSWER_WAIT + bucket: 1 for bucket in (5, 6, 20, 21)} | {m.ANSWER_WAIT + 680: 1, m.OFFERED: 5}
    found = counts_of(total_of(cells, GOALS), "cc_answer_wait_seconds")
    assert [found[edge] for edge in ("5.0", "10.0", "20.0", "25.0", "1200.0", "+Inf")] == [1, 2, 3, 4, 4, 5]
    assert list(found) == [*(str(float(edge)) for edge in WAIT_EDGES_S), "+Inf"]


def test_the_limits_of_the_goals_are_edges_of_waits_and_not_of_handle_times() -> None:
    total = total_of({}, Goals(threshold_s=33, short_abandon_s=7))
    assert {"7.0", "33.0"} <= counts_of(total, "cc_answer_wait_seconds").keys()
    assert list(counts_of(total, "cc_handle_seconds")) == [*(str(float(edge)) for edge in HANDLE_EDGES_S), "+Inf"]


def test_sums_stand_beside_the_buckets() -> None:
    cells = {m.HANDLE + 90: 1, m.TALK_MS: 60_000, m.HOLD_MS: 20_000, m.WRAP_UP_MS: 10_000}
    found = buckets_of(total_of(cells, GOALS), "cc_handle_seconds")
    assert (found.edges[-1], found.within[-1], found.sum_ms) == ("+Inf", 1, 90_000)


def test_amounts_of_a_total_are_those_that_the_reader_of_amounts_finds() -> None:
    cells = {cell + bucket: 3 for cell in range(0, 15 * m.SPAN, m.SPAN) for bucket in (0, 7, 21, 400, 900)}
    cells |= {cell: cell for cell in range(m.LIVE, 160)} | {m.LONG_WAIT + 700_123: 1}
    assert total_of(cells, GOALS).found == AmountsReader(GOALS).read(cells)


def test_each_histogram_holds_its_own() -> None:
    total = total_of({named.histogram + 7: n for n, named in enumerate(HISTOGRAMS, 1)}, GOALS)
    assert [found.within[-1] for found in total.histograms] == [1, 2, 3, 4, 5]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.dictionaries(CELLS, st.integers(-3, 9)), st.sampled_from([Goals(20), Goals(60)]))))
def test_a_total_that_changes_is_what_its_cells_come_to(steps: list[tuple[Cells, Goals]]) -> None:
    """Cells come, change and go, and the goals change: the total is that of the cells read anew."""
    total = TotalSum(PaneReader())
    for cells, goals in steps:
        assert total.read(cells, goals) == total_of(cells, goals)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.dictionaries(CELLS, st.integers(-3, 9)))))
def test_a_window_that_moves_is_the_sum_of_its_panes(steps: list[tuple[int, int, Cells]]) -> None:
    """Each step changes one pane and moves the window, back too: the sum is that of the panes read anew."""
    reader, panes, window, moved = AmountsReader(GOALS), dict[int, Cells](), WindowSum(PaneReader()), 0
    for number, by, cells in steps:
        panes[number], moved = cells, (moved + by) % 7
        found = window.read(panes, moved, moved + 3, lambda _: GOALS)
        inside = [reader.read(cells) for n, cells in panes.items() if moved <= n <= moved + 3]
        assert found == summed(inside)


def test_goals_that_change_restate_a_pane_that_did_not() -> None:
    panes, window = {0: {m.ANSWER_WAIT + 30: 2}}, WindowSum(PaneReader())
    assert window.read(panes, 0, 3, lambda _: Goals(20))["answered_in"] == 0
    assert window.read(panes, 0, 3, lambda _: Goals(60))["answered_in"] == 2


class Watched(dict[int, int]):
    """Cells that count how often they are read."""

    reads = 0

    def items(self):  # type: ignore[no-untyped-def]  # the type of a dict's view cannot be named
        self.reads += 1
        return super().items()


def test_a_window_reads_only_the_panes_that_changed() -> None:
    kept, window = Watched({m.OFFERED: 3}), WindowSum(PaneReader())
    for changed in range(4):
        assert window.read({0: kept, 1: {m.OFFERED: changed}}, 0, 1, lambda _: GOALS)["offered"] == 3 + changed
    assert kept.reads == 1
