"""The work after the contact: by which rule it is waited for, and whose it is (docs/counting.md)."""

import pytest

from models import measures
from models.folding import QueueRules, WrapUp
from tests.unit.builders import (
    Sums,
    answered,
    by_rules,
    ended,
    held,
    is_answered,
    is_counted,
    is_handled,
    is_in_progress,
    is_open,
    left,
    queued,
    resumed,
    transferred,
    wrapped,
)
from tests.unit.cases import Case, assert_counts, closed

INFERRED = measures.ACW_INFERRED
WAITED_FOR: list[WrapUp] = ["event", "agent_state"]
# 0 5    30
# Q.A====E
CALL = [queued(0), answered(5), ended(30)]
ANSWERED = is_answered(0, 5)

NOT_WAITED_FOR: dict[str, Case] = {
    "none": ([*CALL], ANSWERED + is_handled(30, talk=25)),
    # 0 5    30       50       the whole leg is completed at 50
    # Q.A====E--------W
    "it comes all the same": ([*CALL, wrapped(50)], ANSWERED + is_handled(50, talk=25, acw=20)),
    # 0 5    30
    # Q.A====EW
    "ended and wrapped in one": ([*CALL, wrapped(30)], ANSWERED + is_handled(30, talk=25)),
    "wrapped again": ([*CALL, wrapped(50), wrapped(60)], ANSWERED + is_handled(50, talk=25, acw=20)),
    "wrapped by somebody unknown": ([*CALL, wrapped(50, "zoe")], ANSWERED + is_handled(30, talk=25)),
    "wrapped while it goes on": ([queued(0), answered(5), wrapped(9), ended(30)], ANSWERED + is_handled(30, talk=25)),
    "wrapped and never begun": ([wrapped(9, resolved=True)], Sums()),
    # 0 5    10~~~~20    30        50
    # Q.A====H     R=====E---------W     all of it moves
    "with a hold": (
        [queued(0), answered(5), held(10), resumed(20), ended(30, "agent"), wrapped(50)],
        ANSWERED + is_handled(50, talk=15, hold=10, acw=20, also=(measures.AGENT_DISCONNECT,)),
    ),
    # 0 5    20                40
    # Q.A====T-----------------W    (ann)
    #        Q.....A======E---------W (bob)
    #        tech  26     30        60
    "each by its person": (
        [
            queued(0),
            answered(5),
            transferred(20),
            queued(20, "tech"),
            answered(26, "bob"),
            ended(30),
            wrapped(40, "ann"),
            wrapped(60, "bob"),
        ],
        ANSWERED
        + is_handled(40, talk=15, acw=20, moved_on="other")
        + is_answered(20, 6, "tech", first=False)
        + is_handled(60, talk=4, acw=30, queue="tech"),
    ),
    # the same, without names: the leg that ended last, then the other
    "by nobody named": (
        [
            queued(0),
            answered(5),
            transferred(20),
            queued(20, "tech"),
            answered(26, "bob"),
            ended(30),
            wrapped(40),
            wrapped(60),
        ],
        ANSWERED
        + is_handled(60, talk=15, acw=40, moved_on="other")
        + is_answered(20, 6, "tech", first=False)
        + is_handled(40, talk=4, acw=10, queue="tech"),
    ),
    # 0 5             30     50
    # Q.A=============E             ann
    #       10 A======E------W      bob: both ended together, his was begun last
    "of two that ended together": (
        [queued(0), answered(5), answered(10, "bob", role="conference"), ended(30), wrapped(50)],
        ANSWERED + is_handled(30, talk=25) + is_handled(50, talk=20, acw=20),
    ),
    # 0 5      15   20       30    40
    # Q.A======L    A========E-----W       of one person's two legs the last
    "of two legs of one person": (
        [queued(0), answered(5), left(15), answered(20), ended(30), wrapped(40, "ann")],
        ANSWERED + is_handled(15, talk=10) + is_handled(40, talk=10, acw=10),
    ),
    "resolved": (
        [*CALL, wrapped(50, resolved=True)],
        ANSWERED + is_handled(50, talk=25, acw=20) + is_counted(50, measures.RESOLVED),
    ),
    "not resolved": (
        [*CALL, wrapped(50, resolved=False)],
        ANSWERED + is_handled(50, talk=25, acw=20) + is_counted(50, measures.UNRESOLVED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_WAITED_FOR)
def test_wrap_up_that_is_not_waited_for(name: str) -> None:
    assert_counts(*NOT_WAITED_FOR[name])


# Waited for: 0 5    30                      630 660
#             Q.A====E-----------------------|   |    in wrap-up to the limit, 10 min after the end; then inferred


def is_inferred(end: float, talk: float, limit_s: int = 600) -> Sums:
    """Complete a leg without wrap-up time at the first whole minute after the limit; up to that it is in wrap-up."""
    return is_handled(-(-(end + limit_s) // 60) * 60, talk=talk, also=(INFERRED,)) + is_open(
        measures.IN_ACW, end, limit_s
    )


WAITED: dict[str, Case] = {
    "talks still": ([queued(0), answered(5)], ANSWERED + is_in_progress(5)),
    "it does not come": ([*CALL], ANSWERED + is_inferred(30, 25)),
    "it comes": ([*CALL, wrapped(50)], ANSWERED + is_handled(50, talk=25, acw=20)),
    "it comes at once": ([*CALL, wrapped(30)], ANSWERED + is_handled(30, talk=25)),
    # 0 5    30                      630      700
    # Q.A====E-----------------------|--------W
    "it comes after the limit": ([*CALL, wrapped(700)], ANSWERED + is_handled(700, talk=25, acw=670)),
    "somebody else's": ([*CALL, wrapped(50, "zoe")], ANSWERED + is_inferred(30, 25)),
    # 0 5    20   30                620  630
    # Q.A====L----+-----------------|                 ann
    #             A 22===E----------W 50              bob
    "one comes of two": (
        [queued(0), answered(5), left(20), answered(22, "bob"), ended(30), wrapped(50, "bob")],
        ANSWERED + is_inferred(20, 15) + is_handled(50, talk=8, acw=20),
    ),
    # a consultation has none
    "consultation": (
        [queued(0), answered(5), answered(10, "bob", role="consult"), left(20, "bob"), wrapped(25, "bob"), ended(30)],
        ANSWERED + is_inferred(30, 25) + is_counted(20, {measures.CONSULTS: 1, measures.CONSULT_MS: 10_000}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", WAITED_FOR)
@pytest.mark.parametrize("name", WAITED)
def test_wrap_up_that_is_waited_for(name: str, mode: WrapUp) -> None:
    assert_counts(*WAITED[name], rules=by_rules(QueueRules(wrap_up=mode)))


def test_the_limit_may_be_another() -> None:
    rules = by_rules(QueueRules(wrap_up="event", wrap_up_limit_s=45))
    assert_counts([*CALL], ANSWERED + is_inferred(30, 25, limit_s=45), rules=rules)


def test_a_record_that_is_closed_is_in_wrap_up_no_more() -> None:
    found = closed([*CALL], rules=by_rules(QueueRules(wrap_up="event")))
    assert found == ANSWERED + is_handled(660, talk=25, also=(INFERRED,))
