"""Panes: each contribution stands in the finest tier that still holds its time, and once (DESIGN 6). Worked by hand.

   now - 48 h                     now - 75 min                now
       |  a quarter of an hour each    |  a minute each        |
rest   [-------------------------------)[----------------------]
"""

import pytest

from models.book import Key
from models.contribution import Contribution
from models.measures import IN_PROGRESS, LIVE, OFFERED, TALK_MS, WAITING
from models.panes import Panes, QueuePanes
from models.retention import MINUTE_MS, QUARTER_MS, Retention
from models.span import span
from tests.unit.builders import START_MS, key, ms

HOUR_S = 3_600
SALES = key()
DEFAULT = Retention()
NOTHING_ELSE: list[dict[int, int]] = [{}] * (LIVE - 2)  # besides who waits and who is handled


def panes_of(*counted: tuple[float, int, int], now_s: float = 0, retention: Retention = DEFAULT) -> Panes:
    """Return panes whose newest event is at `now_s`, with (time, cell, n) added to the queue `sales`."""
    panes = Panes(retention)
    panes.advance(ms(now_s))
    panes.add(Contribution(counted=[(SALES, ms(at), ((cell, n),), 1) for at, cell, n in counted]))
    return panes


def opened(*changes: tuple[int, float, int]) -> Contribution:
    return Contribution(opened=[(SALES, cell, span(ms(start)), n) for cell, start, n in changes])


def minute(seconds: float) -> int:
    return ms(seconds) // MINUTE_MS


def quarter(seconds: float) -> int:
    return ms(seconds) // QUARTER_MS


def sales(panes: Panes) -> QueuePanes:
    return panes.queues[SALES]


@pytest.mark.parametrize(
    ("at_s", "number"),
    [(0, 0), (59.999, 0), (60, 1), (899.999, 14), (900, 15), (-0.001, -1)],
)
def test_a_pane_is_half_open(at_s: float, number: int) -> None:
    assert sales(panes_of((at_s, OFFERED, 1))).minutes == {START_MS // MINUTE_MS + number: {OFFERED: 1}}


@pytest.mark.parametrize(
    ("age_s", "tier"),
    [
        (-60, "minutes"),  # ahead of the newest event: another queue's, or of the same batch
        (0, "minutes"),
        (75 * 60, "minutes"),  # the newest event stands at the start of a minute: the pane 75 minutes before is held
        (75 * 60 + 0.001, "quarters"),
        (48 * HOUR_S, "quarters"),
        (48 * HOUR_S + 0.001, "rest"),
    ],
)
def test_the_finest_tier_that_still_holds_a_time(age_s: float, tier: str) -> None:
    """Also when it comes so late that its minute is gone."""
    found = sales(panes_of((-age_s, OFFERED, 1)))
    assert found.minutes == ({minute(-age_s): {OFFERED: 1}} if tier == "minutes" else {})
    assert found.quarters == ({quarter(-age_s): {OFFERED: 1}} if tier == "quarters" else {})
    assert found.rest == ({OFFERED: 1} if tier == "rest" else {})


def test_a_pane_that_leaves_its_tier_is_added_to_the_coarser_one() -> None:
    """Two minutes of the first quarter and one of the second; 75 min later one is left, 48 h later they are in the rest."""
    panes = panes_of((0, OFFERED, 2), (840, OFFERED, 3), (840, TALK_MS, 500), (900, OFFERED, 5))
    panes.advance(ms(900 + 75 * 60))
    assert sales(panes).minutes == {minute(900): {OFFERED: 5}}
    assert sales(panes).quarters == {quarter(0): {OFFERED: 5, TALK_MS: 500}}
    panes.advance(ms(960 + 75 * 60))
    assert sales(panes).minutes == {}
    assert sales(panes).quarters == {quarter(0): {OFFERED: 5, TALK_MS: 500}, quarter(900): {OFFERED: 5}}
    panes.advance(ms(900 + 48 * HOUR_S))
    assert sales(panes).quarters == {quarter(900): {OFFERED: 5}}
    assert sales(panes).rest == {OFFERED: 5, TALK_MS: 500}


def test_a_leap_over_both_tiers() -> None:
    panes = panes_of((0, OFFERED, 2))
    panes.advance(ms(100 * HOUR_S))
    assert (sales(panes).minutes, sales(panes).quarters, sales(panes).rest) == ({}, {}, {OFFERED: 2})
    assert sorted(panes.collect()) == [(SALES, f"1m:{START_MS}"), (SALES, "total")]


def test_quarters_may_be_kept_for_ever() -> None:
    panes = panes_of((0, OFFERED, 2), retention=Retention(quarters_ms=None))
    panes.advance(ms(1_000 * HOUR_S))
    assert sales(panes).quarters == {quarter(0): {OFFERED: 2}}
    assert sales(panes).rest == {}


def test_live_cells_stand_by_their_span_and_are_gone_when_they_come_to_nothing() -> None:
    panes = Panes(DEFAULT)
    panes.add(opened((WAITING, 1.5, 1), (WAITING, 1.5, 1), (WAITING, 2, 1), (IN_PROGRESS, 2, 1)))
    assert sales(panes).part("live") == [{span(ms(1.5)): 2, span(ms(2)): 1}, {span(ms(2)): 1}, *NOTHING_ELSE]
    panes.add(opened((WAITING, 1.5, -1), (WAITING, 2, -1)))
    assert sales(panes).part("live") == [{span(ms(1.5)): 1}, {span(ms(2)): 1}, *NOTHING_ELSE]


def test_the_same_start_with_another_allowance_is_another_span() -> None:
    """An hour's allowance, and an hour and a minute's: what was heard lets a wait last on."""
    panes = Panes(DEFAULT)
    short, long = span(ms(0), 3_600), span(ms(0), 3_660)
    panes.add(Contribution(opened=[(SALES, WAITING, short, 1), (SALES, WAITING, short, -1), (SALES, WAITING, long, 1)]))
    assert sales(panes).part("live") == [{long: 1}, {}, *NOTHING_ELSE]


def test_what_is_open_stays_however_old_it_is() -> None:
    panes = Panes(DEFAULT)
    panes.add(opened((WAITING, 0, 1)))
    panes.advance(ms(1_000 * HOUR_S))
    assert sales(panes).part("live") == [{span(ms(0)): 1}, {}, *NOTHING_ELSE]


def test_only_what_changed_is_collected_and_only_once() -> None:
    panes = panes_of((0, OFFERED, 1), (60, OFFERED, 1))
    panes.add(opened((WAITING, 0, 1)))
    assert sorted(panes.collect()) == [(SALES, f"1m:{ms(0)}"), (SALES, f"1m:{ms(60)}"), (SALES, "live")]
    assert list(panes.collect()) == []
    panes.add(
        Contribution(counted=[(SALES, ms(60), ((OFFERED, 1),), 1), (("tech", "chat"), ms(0), ((OFFERED, 1),), 1)])
    )
    assert sorted(panes.collect()) == [(SALES, f"1m:{ms(60)}"), (("tech", "chat"), f"1m:{ms(0)}")]


def test_a_pane_that_moves_is_collected_in_both_tiers() -> None:
    """Whoever reads parts must drop the minute in the same step in which the quarter grows."""
    panes = panes_of((0, OFFERED, 1))
    list(panes.collect())
    panes.advance(ms(60 + 75 * 60))
    assert sorted(panes.collect()) == [(SALES, f"15m:{ms(0)}"), (SALES, f"1m:{ms(0)}")]
    assert sales(panes).part(f"1m:{ms(0)}") == {}
    assert sales(panes).part(f"15m:{ms(0)}") == {OFFERED: 1}


def test_a_part_leaves_out_what_came_to_nothing() -> None:
    panes = panes_of((0, OFFERED, 1), (0, OFFERED, -1), (0, TALK_MS, 7))
    assert sales(panes).part(f"1m:{ms(0)}") == {TALK_MS: 7}


@pytest.mark.parametrize(
    ("part", "empty"),
    [("live", [{}, {}, *NOTHING_ELSE]), ("total", {}), (f"1m:{START_MS}", {}), (f"15m:{START_MS}", {})],
)
def test_a_part_that_is_not_there_is_empty(part: str, empty: object) -> None:
    named: Key = ("nobody", "voice")
    assert Panes(DEFAULT).queue(named).part(part) == empty
