"""Offers to a person: it rings while the contact still waits (docs/counting.md).

`offers` and `ring` count at the end of the offer, in the queue of the visit.
"""

import pytest

from models import measures
from models.events import DeclineReason, Role
from tests.unit.builders import (
    answered,
    declined,
    ended,
    exited,
    is_abandoned,
    is_answered,
    is_consulted,
    is_counted,
    is_exited,
    is_given_up,
    is_handled,
    is_in_progress,
    is_ringing,
    is_rung,
    is_waiting,
    queued,
    ringing,
)
from tests.unit.cases import NOTHING, Case, assert_counts, closed

RANG = measures.RANG_AT_HANG_UP
CASES: dict[str, Case] = {
    # 0    2         12
    # Q....r.........A====E 72
    "rang and was answered": (
        [queued(0), ringing(2), answered(12), ended(72)],
        is_answered(0, 12) + is_rung(12, 10) + is_handled(72, talk=60),
    ),
    # 0    2 (now)
    # Q....r
    "rings still": ([queued(0), ringing(2)], is_waiting(0) + is_ringing(2)),
    # 0    2     14   15     16
    # Q....r ann D    r bob  A====E 20
    "somebody else answers": (
        [queued(0), ringing(2), declined(14, reason="no_answer"), ringing(15, "bob"), answered(16, "bob"), ended(20)],
        is_answered(0, 16) + is_rung(14, 12, declined="no_answer") + is_rung(16, 1) + is_handled(20, talk=4),
    ),
    # 0    2     3      9
    # Q....r ann r bob  A ann       with the visit ends what rang elsewhere for it
    "rings at two, one answers": (
        [queued(0), ringing(2), ringing(3, "bob"), answered(9)],
        is_answered(0, 9) + is_rung(9, 7) + is_rung(9, 6) + is_in_progress(9),
    ),
    # 0    2    5    9        the same person while it rings: one offer of 7 s
    # Q....r....r....A
    "rings again while it rings": (
        [queued(0), ringing(2), ringing(5), answered(9)],
        is_answered(0, 9) + is_rung(9, 7) + is_in_progress(9),
    ),
    # 0    2    5    6    9
    # Q....r....D....r....A
    "rings again after a decline": (
        [queued(0), ringing(2), declined(5, reason="busy"), ringing(6), answered(9)],
        is_answered(0, 9) + is_rung(5, 3, declined="busy") + is_rung(9, 3) + is_in_progress(9),
    ),
    # 2
    # rD        in one
    "rings and is declined in one": (
        [queued(0), ringing(2), declined(2, reason="error")],
        is_waiting(0) + is_rung(2, 0, declined="error"),
    ),
    "declined and never rung": ([queued(0), declined(4)], is_waiting(0)),
    # ---------------------------------------------------------------- hang-ups while it rings
    # 0    3    7
    # Q....r....E
    "hung up while ringing": (
        [queued(0), ringing(3), ended(7, "customer")],
        is_abandoned(0, 7) + is_given_up(0, 7) + is_rung(7, 4) + is_counted(7, RANG),
    ),
    "hung up while ringing at two": (
        [queued(0), ringing(3), ringing(4, "bob"), exited(7)],
        is_abandoned(0, 7) + is_rung(7, 4) + is_rung(7, 3) + is_counted(7, {RANG: 2}),
    ),
    "dropped while ringing": (
        [queued(0), ringing(3), ended(7, "system")],
        is_exited(0, 7, "system_drop") + is_given_up(0, 7) + is_rung(7, 4),
    ),
    "moved on while ringing": (
        [queued(0), ringing(3), exited(7, "overflow")],
        is_exited(0, 7, "overflow") + is_rung(7, 4),
    ),
    # 0    3   5    7         who let it ring on until 5 did not let it ring until the hang-up
    # Q....r...D....X
    "declined, then hung up": (
        [queued(0), ringing(3), declined(5, reason="no_answer"), exited(7)],
        is_abandoned(0, 7) + is_rung(5, 2, declined="no_answer"),
    ),
    # ---------------------------------------------------------------- for which visit
    # sales 0  Q..................
    # tech  1    Q....r......A 9       the offer names its queue
    "rings for the visit that it names": (
        [queued(0), queued(1, "tech"), ringing(2, queue="tech"), exited(5), declined(6)],
        is_abandoned(0, 5) + is_waiting(1, "tech", first=False, since=0) + is_rung(6, 4, "tech", declined="other"),
    ),
    "names none: for the one that waits longest": (
        [queued(0), queued(1, "tech"), ringing(2), exited(5, queue="sales")],
        is_abandoned(0, 5)
        + is_waiting(1, "tech", first=False, since=0)
        + is_rung(5, 3)
        + is_counted(5, RANG),
    ),
    "names a queue in which it does not wait: for the one that waits longest": (
        [queued(0), ringing(2, queue="tech"), declined(5, reason="rejected")],
        is_waiting(0) + is_rung(5, 3, declined="rejected"),
    ),
    # sales 0 Q.................E 9     bob's offer for tech ends with its visit, ann's goes on
    # tech  1  Q....r bob..X 6
    "the end of another visit ends no offer": (
        [queued(0), queued(1, "tech"), ringing(2), ringing(3, "bob", "tech"), exited(6, queue="tech")],
        is_waiting(0)
        + is_ringing(2)
        + is_abandoned(1, 5, "tech", first=False)
        + is_rung(6, 3, "tech")
        + is_counted(6, RANG, "tech"),
    ),
    # ---------------------------------------------------------------- without a visit
    # 0 A===============      ann
    #       10 r bob  14 A    bob is asked: no visit waits, in the contact's queue
    "asked for advice": (
        [queued(0), answered(0), ringing(10, "bob"), answered(14, "bob", role="consult")],
        is_answered(0, 0) + is_in_progress(0) + is_rung(14, 4),
    ),
    "no visit: in the queue that it names": (
        [ringing(10, queue="tech"), declined(14)],
        is_rung(14, 4, "tech", declined="other"),
    ),
    "no visit and none named": ([ringing(10), declined(14)], is_rung(14, 4, "_unknown", declined="other")),
    "no visit, and ended": ([ringing(10), ended(14)], is_rung(14, 4, "_unknown")),
    # it is an offer all the same, also for a visit that does not count
    "a visit that is not offered": (
        [queued(0, direction="outbound"), ringing(2), answered(9)],
        is_rung(9, 7) + is_in_progress(9),
    ),
    "a visit that is not offered, given up": (
        [queued(0, direction="callback"), ringing(2), exited(9)],
        is_rung(9, 7) + is_counted(9, RANG),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_offers(name: str) -> None:
    assert_counts(*CASES[name])


REASONS: list[DeclineReason | None] = [
    "no_answer",
    "rejected",
    "busy",
    "error",
    "rescinded",
    "caller_left",
    "other",
    None,
]


@pytest.mark.parametrize("reason", REASONS)
def test_each_decline_counts_for_its_reason(reason: DeclineReason | None) -> None:
    """One that gives none is `other`."""
    events = [queued(0), ringing(2), declined(14, reason=reason)]
    assert_counts(events, is_waiting(0) + is_rung(14, 12, declined=reason or "other"))


@pytest.mark.parametrize("role", ["monitor", "coach", "other"])
def test_who_listens_answers_no_offer(role: Role) -> None:
    assert_counts([queued(0), ringing(2), answered(5, role=role)], is_waiting(0) + is_ringing(2))


@pytest.mark.parametrize("role", ["conference", "consult"])
def test_who_joins_answers_an_offer_though_the_visit_waits_on(role: Role) -> None:
    sums = is_waiting(0) + is_rung(5, 3)
    assert_counts(
        [queued(0), ringing(2), answered(5, role=role)], sums + (is_in_progress(5) if role == "conference" else NOTHING)
    )


def test_an_offer_of_which_no_end_is_heard_counts_nowhere() -> None:
    assert closed([ringing(10, queue="tech")]) == {}


def test_an_offer_ends_where_the_person_joined() -> None:
    """0 A==========E 30, and bob rang from 10 to 14 and was asked until the end."""
    events = [queued(0), answered(0), ringing(10, "bob"), answered(14, "bob", role="consult"), ended(30)]
    sums = is_answered(0, 0) + is_rung(14, 4) + is_consulted(30, 16) + is_handled(30, talk=30)
    assert_counts(events, sums)
