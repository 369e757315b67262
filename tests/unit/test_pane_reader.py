"""Amounts and Prometheus buckets from cells, read once for as long as they are asked for."""

import pytest

from models import measures as m
from models.goals import Goals
from models.measures import Cells
from sinks.pane_reader import HANDLE_EDGES_S, WAIT_EDGES_S, PaneReader, Total

GOALS = Goals(threshold_s=20, short_abandon_s=5)


def counts_of(total: Total, name: str) -> dict[str, float]:
    return dict(total.histograms[name][1])


def test_panes_are_summed_against_the_goals() -> None:
    """T = 20 and 60: waits of 20 and of 30 s."""
    reader, panes = PaneReader(), [{m.ANSWER_WAIT + 20: 1}, {m.ANSWER_WAIT + 30: 2}, {}]
    assert [reader.sum(panes, Goals(t))["answered_in"] for t in (20, 60)] == [1, 3]
    assert reader.sum([], GOALS)["answered"] == 0


def test_buckets_are_cumulative_and_their_edges_inclusive() -> None:
    """Waits of 5, 6, 20, 21 and 1300 s."""
    cells = {m.ANSWER_WAIT + bucket: 1 for bucket in (5, 6, 20, 21)} | {m.ANSWER_WAIT + 680: 1, m.OFFERED: 5}
    found = counts_of(PaneReader().total(cells, GOALS), "cc_answer_wait_seconds")
    assert [found[edge] for edge in ("5.0", "10.0", "20.0", "25.0", "1200.0", "+Inf")] == [1, 2, 3, 4, 4, 5]
    assert list(found) == [*(str(float(edge)) for edge in WAIT_EDGES_S), "+Inf"]


def test_the_limits_of_the_goals_are_edges_of_waits_and_not_of_handle_times() -> None:
    total = PaneReader().total({}, Goals(threshold_s=33, short_abandon_s=7))
    assert {"7.0", "33.0"} <= counts_of(total, "cc_answer_wait_seconds").keys()
    assert list(counts_of(total, "cc_handle_seconds")) == [*(str(float(edge)) for edge in HANDLE_EDGES_S), "+Inf"]


def test_sums_stand_beside_the_buckets() -> None:
    cells = {m.HANDLE + 90: 1, m.TALK_MS: 60_000, m.HOLD_MS: 20_000, m.WRAP_UP_MS: 10_000}
    _, buckets, sum_ms = PaneReader().total(cells, GOALS).histograms["cc_handle_seconds"]
    assert (buckets[-1], sum_ms) == (("+Inf", 1), 90_000)


def test_histograms_of_chats_are_there_once_they_hold_something() -> None:
    waits = {"cc_answer_wait_seconds", "cc_abandon_wait_seconds", "cc_handle_seconds"}
    assert PaneReader().total({}, GOALS).histograms.keys() == waits
    found = PaneReader().total({m.REPLY + 9: 1, m.REPLY_MS: 9_000}, GOALS).histograms
    assert found.keys() == waits | {"cc_reply_seconds"}
    assert found["cc_reply_seconds"][2] == 9_000


class Watched(dict[int, int]):
    """Cells that count how often they are read."""

    reads = 0

    def items(self):  # type: ignore[no-untyped-def]  # the type of a dict's view cannot be named
        self.reads += 1
        return super().items()


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_was_read_is_read_again_only_once_it_was_not_asked_for(forgotten: bool) -> None:
    reader, cells = PaneReader(), Watched({m.OFFERED: 3})
    for _ in range(3):
        assert reader.sum([cells], GOALS)["offered"] == 3
    reader.forget_unread()  # it was read since the last call
    if forgotten:
        reader.forget_unread()
    assert reader.sum([cells], GOALS)["offered"] == 3
    assert cells.reads == (2 if forgotten else 1)


def test_the_same_cells_may_be_a_pane_and_a_total() -> None:
    """Of a queue of which there is only one minute; whoever asks gets what was asked for."""
    reader, cells = PaneReader(), {m.OFFERED: 3, m.HANDLE + 5: 1}
    shared: Cells = cells
    for _ in range(2):
        assert reader.sum([shared], GOALS)["offered"] == 3
        assert reader.total(shared, GOALS).found["handled"] == 1
