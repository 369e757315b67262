"""Amounts from cells, and from what stands open. By hand from GLOSSARY 3 and docs/counting.md; T = 20, S = 5 unless told."""

import pytest

from models import measures as m
from models.amounts import NAMES, AmountsReader, summed
from models.goals import Goals
from models.measures import Cells
from models.opened import Opened
from tests.unit.builders import ms, opened

GOALS = Goals(threshold_s=20, short_abandon_s=5)
HOUR_S = 3_600


def not_0(found: dict[str, int]) -> dict[str, int]:
    return {name: n for name, n in found.items() if n}


def found(cells: Cells, goals: Goals = GOALS) -> dict[str, int]:
    """Return the amounts that are not 0."""
    return not_0(AmountsReader(goals).read(cells))


# ---------------------------------------------------------------- from cells


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, {}),
        ({m.OFFERED: 3, m.CONTACTS: 2, m.CONTACT_WAIT_MS: 70}, {"offered": 3, "contacts": 2, "contact_wait_ms": 70}),
        ({m.ANSWER_WAIT + 20: 2, m.ANSWER_WAIT + 21: 4, m.ANSWER_WAIT + 700: 1}, {"answered": 7, "answered_in": 2}),
        ({m.ABANDON_WAIT + 5: 2, m.ABANDON_WAIT + 6: 1, m.ABANDON_WAIT + 20: 1, m.ABANDON_WAIT + 21: 4},
         {"abandoned": 8, "short_abandoned": 2, "abandoned_in": 2}),
        ({m.EXIT_WAIT + 5: 2, m.EXIT_WAIT + 700: 1, m.EXITED["moved"]: 3, m.LONG_WAIT + 650_000: 1}, {"exited": 3}),
        ({m.COHORT_CALLBACK_WAIT + 20: 2, m.COHORT_CALLBACK_WAIT + 21: 1}, {"cohort_exited": 3, "c_in": 2, "c_out": 1}),
        ({m.COHORT_EXIT_WAIT + 20: 2, m.COHORT_EXIT_WAIT + 21: 1}, {"cohort_exited": 3, "x_in": 2, "x_out": 1}),
        ({m.HANDLE: 1, m.HANDLE + 90: 1, m.TALK_MS: 80, m.HOLD_MS: 6, m.WRAP_UP_MS: 4},
         {"handled": 2, "talk_ms": 80, "hold_ms": 6, "wrap_up_ms": 4}),
        ({m.ANSWER_WAIT_MS: 1, m.ABANDON_WAIT_MS: 2, m.EXIT_WAIT_MS: 3},
         {"answer_wait_ms": 1, "abandon_wait_ms": 2, "exit_wait_ms": 3}),
        ({m.COHORT_ANSWER_WAIT + 20: 7, m.COHORT_ANSWER_WAIT + 21: 2}, {"cohort_answered": 9, "a_in": 7, "a_out": 2}),
        ({m.COHORT_ABANDON_WAIT + 5: 4, m.COHORT_ABANDON_WAIT + 6: 2, m.COHORT_ABANDON_WAIT + 20: 1,
          m.COHORT_ABANDON_WAIT + 21: 8},
         {"cohort_abandoned": 15, "sa": 4, "sa_in": 4, "b_in": 3, "b_out": 8}),
        ({m.CONTACT_ANSWER_WAIT + 20: 3, m.CONTACT_ANSWER_WAIT + 21: 1, m.CONTACT_ABANDON_WAIT + 4: 2},
         {"contact_answered": 4, "contact_answered_in": 3, "contact_abandoned": 2}),
        ({m.LOST: 1, m.COHORT_LOST: 2, m.SCORED: 3}, {"lost": 1, "cohort_lost": 2, "passed": 3}),
        ({m.COHORT_RESPONSE + 60: 2, m.COHORT_RESPONSE + 61: 1, m.COHORT_NO_RESPONSE: 4, m.RESPONSE + 61: 3},
         {"responded_in": 2, "responded_out": 1, "no_response": 4, "responses": 3}),
        ({m.REPLY + 9: 2, m.REPLY_MS: 17_500}, {"replies": 2, "reply_ms": 17_500}),
        ({m.CALLBACK_DELAY: 1, m.CALLBACK_DELAY + m.SPAN - 1: 1, m.CALLBACKS_MADE: 2},
         {"callbacks_kept": 1, "callbacks_made": 2}),
        (dict.fromkeys(m.BLOCKED.values(), 1), {"blocked": len(m.BLOCKED)}),
        ({m.TRANSFERS["blind"]: 1, m.TRANSFERS["queue"]: 2}, {"transfers_blind": 1, "transfers_queue": 2}),
    ],
)  # fmt: skip
def test_amounts(cells: Cells, expected: dict[str, int]) -> None:
    assert found(cells) == expected


def test_a_callback_is_kept_up_to_the_tolerance() -> None:
    """To the second, unlike waits, which are so only to 600 s."""
    for tolerance_s, kept in ((900, 1), (899, 0)):
        delayed = {m.CALLBACK_DELAY + 900: 1}
        assert found(delayed, Goals(callback_tolerance_s=tolerance_s)).get("callbacks_kept", 0) == kept


@pytest.mark.parametrize("reason", m.DECLINED)
def test_an_offer_that_was_declined_is_the_persons_doing_or_not(reason: str) -> None:
    """Of the reasons in docs/counting.md only two are no fault of the person."""
    amount = "rescinded" if reason in ("rescinded", "caller_left") else "not_answered"
    assert found({m.DECLINED[reason]: 1}) == {amount: 1}


def test_both_limits_are_inclusive_and_settings() -> None:
    """T = 30, S = 0: only who hung up in the second of entering is short."""
    cells = {m.COHORT_ANSWER_WAIT + 30: 1, m.COHORT_ANSWER_WAIT + 31: 1, m.COHORT_ABANDON_WAIT: 1}
    cells |= {m.COHORT_ABANDON_WAIT + 1: 1}
    expected = {"cohort_answered": 2, "a_in": 1, "a_out": 1, "cohort_abandoned": 2, "sa": 1, "sa_in": 1, "b_in": 1}
    assert found(cells, Goals(30, 0)) == expected


def test_a_short_abandon_limit_above_the_threshold() -> None:
    """T = 10, S = 15: a wait of 12 s is short, and not in time."""
    assert found({m.COHORT_ABANDON_WAIT + 12: 1}, Goals(10, 15)) == {"cohort_abandoned": 1, "sa": 1}
    assert found({m.COHORT_ABANDON_WAIT + 16: 1}, Goals(10, 15)) == {"cohort_abandoned": 1, "b_out": 1}


def test_live_cells_are_no_amounts() -> None:
    assert found(dict.fromkeys(range(m.LIVE), 3)) == {}


def test_amounts_are_summed_by_name() -> None:
    one, two = AmountsReader(GOALS).read({m.OFFERED: 1}), AmountsReader(GOALS).read({m.OFFERED: 2, m.LOST: 4})
    assert not_0(summed([one, two])) == {"offered": 3, "lost": 4}
    assert summed([]) == dict.fromkeys(NAMES, 0)


# ---------------------------------------------------------------- from what stands open

# Entries in seconds; lost an hour later.
#
#      0          100  120  590 600 = now
#  a   |---T-----------------------|
#  b               |----T----------|      T at 120
#  c                         |-----|      10 s old


WAITING = opened({m.WAITING: [(entry, entry + HOUR_S) for entry in (0, 100, 590)]})


def waiting(now_s: float, from_s: float, to_s: float, goals: Goals = GOALS, opened: Opened = WAITING) -> dict[str, int]:
    reader = AmountsReader(goals)
    return not_0(reader.add_open(reader.read({}), opened, ms(now_s), ms(from_s), ms(to_s)))


@pytest.mark.parametrize(
    ("now_s", "from_s", "to_s", "expected"),
    [
        (600, 0, 900, {"cohort_waiting": 3, "w_in": 1, "w_out": 2, "passing": 2}),
        (600, 0, 100, {"cohort_waiting": 1, "w_out": 1, "passing": 1}),  # half-open: b belongs to what comes after
        (600, 100, 120, {"cohort_waiting": 1, "w_out": 1}),  # b entered here, and passed T after it
        (600, 120, 900, {"cohort_waiting": 1, "w_in": 1, "passing": 1}),
        (600, 590.001, 900, {}),
        (20, 0, 900, {"cohort_waiting": 1, "w_in": 1}),  # T is in time; nobody else is there yet
        (20.001, 0, 900, {"cohort_waiting": 1, "w_out": 1, "passing": 1}),
        (-1, 0, 900, {}),
    ],
)
def test_who_waits_at_a_time(now_s: float, from_s: float, to_s: float, expected: dict[str, int]) -> None:
    assert waiting(now_s, from_s, to_s) == expected


@pytest.mark.parametrize(
    ("now_s", "from_s", "to_s", "expected"),
    [
        (3_599.999, 0, 900, {"cohort_waiting": 1, "w_out": 1, "passing": 1}),
        (3_600, 0, 900, {"cohort_lost": 1, "passing": 1}),
        (9_999, 0, 7_200, {"cohort_lost": 1, "lost": 1, "passing": 1}),
        (9_999, 3_600, 7_200, {"lost": 1}),  # flow: when it was given up
    ],
)
def test_who_is_lost_waits_no_more(now_s: float, from_s: float, to_s: float, expected: dict[str, int]) -> None:
    """It entered at 0, and nothing was heard for an hour; T was passed all the same."""
    assert waiting(now_s, from_s, to_s, opened=opened({m.WAITING: [(0, HOUR_S)]})) == expected


def test_who_was_lost_within_the_threshold_never_passed_it() -> None:
    assert waiting(999, 0, 999, Goals(threshold_s=60), opened({m.WAITING: [(0, 60)]})) == {"cohort_lost": 1, "lost": 1}


def test_a_first_response_is_overdue_after_its_target() -> None:
    """60 s: one asks since 0, one since 100."""
    asking = opened({m.NO_RESPONSE: [(0, 0), (100, 100)]})
    assert waiting(60, 0, 900, opened=asking) == {}
    assert waiting(160, 0, 900, opened=asking) == {"response_overdue": 1}
    assert waiting(161, 0, 900, opened=asking) == {"response_overdue": 2}
    assert waiting(161, 0, 100, opened=asking) == {"response_overdue": 1}


class OpenEverySecondMinute:
    """A calendar that is open in every even minute after the start."""

    def open_ms(self, start_ms: int, end_ms: int) -> int:
        return self._before(end_ms - ms(0)) - self._before(start_ms - ms(0))

    def _before(self, at_ms: int) -> int:
        rounds, rest = divmod(at_ms, 120_000)
        return 60_000 * rounds + min(rest, 60_000)


@pytest.mark.parametrize(
    ("now_s", "from_s", "to_s", "expected"),
    [
        (110, 0, 900, {"cohort_waiting": 1, "w_in": 1}),  # 10 s of it open
        (130, 0, 900, {"cohort_waiting": 1, "w_in": 1}),  # 20 s
        (131, 0, 900, {"cohort_waiting": 1, "w_out": 1, "passing": 1}),
        (131, 0, 130, {"cohort_waiting": 1, "w_out": 1}),
        (131, 130, 131, {"passing": 1}),  # passed at 130, not at 70
    ],
)
def test_by_open_hours_a_wait_stands_still_while_they_are_closed(
    now_s: float, from_s: float, to_s: float, expected: dict[str, int]
) -> None:
    """Open from 0 to 60 s and from 120 s on; who entered at 50 has waited for 20 s at 130."""
    goals = Goals(20, 5, clock=OpenEverySecondMinute())
    assert waiting(now_s, from_s, to_s, goals, opened({m.WAITING: [(50, 72 * HOUR_S)]})) == expected
