"""Callbacks: promised, attempted, made or cancelled (docs/counting.md).

0                30                                   640
Q................X r=callback_accepted                attempted: connected
                 requested, due at 630: owed==========|      waited for 610 s, made 10 s after it was due
"""

from math import ceil

import pytest

from models import measures
from models.events import AttemptResult
from tests.unit.builders import (
    Sums,
    answered,
    callback_attempted,
    callback_cancelled,
    callback_requested,
    ended,
    exited,
    in_ms,
    is_abandoned,
    is_answered,
    is_counted,
    is_exited,
    is_given_up,
    is_in_progress,
    is_met,
    is_open,
    queued,
)
from tests.unit.cases import Case, assert_counts, closed

CONNECTED = {measures.CALLBACKS_ATTEMPTED: 1, measures.CALLBACKS_CONNECTED: 1}
FAILED = {measures.CALLBACKS_ATTEMPTED: 1, measures.CALLBACKS_FAILED: 1}
LEFT = [queued(0), exited(30, "callback_accepted"), ended(31)]
HAS_LEFT = is_exited(0, 30, "callback_accepted")


def is_requested(at: float, queue: str = "sales") -> Sums:
    return is_counted(at, measures.CALLBACKS_REQUESTED, queue)


def is_owed(since: float, due_s: int = 0, queue: str = "sales") -> Sums:
    """Let a callback be owed, due so long after it was asked for."""
    return is_open(measures.CALLBACKS, since, due_s, queue)


def is_made(at: float, waited: float, late: float = 0) -> Sums:
    made = {measures.CALLBACKS_MADE: 1, measures.CALLBACK_WAIT_MS: in_ms(waited)}
    return is_counted(at, CONNECTED | made | {measures.CALLBACK_DELAY + min(ceil(late), 3_601): 1})


CASES: dict[str, Case] = {
    # the contact is not given up while a callback is owed
    "owed, at once": ([*LEFT, callback_requested(30)], HAS_LEFT + is_requested(30) + is_owed(30)),
    "owed, at a time": ([*LEFT, callback_requested(30, 630)], HAS_LEFT + is_requested(30) + is_owed(30, 600)),
    "made": (
        [*LEFT, callback_requested(30, 630), callback_attempted(640)],
        HAS_LEFT + is_requested(30) + is_made(640, 610, late=10),
    ),
    "made before it was due": (
        [*LEFT, callback_requested(30, 630), callback_attempted(600)],
        HAS_LEFT + is_requested(30) + is_made(600, 570),
    ),
    "made, due at once": (
        [*LEFT, callback_requested(30), callback_attempted(45)],
        HAS_LEFT + is_requested(30) + is_made(45, 15, late=15),
    ),
    # due at 30.4, made at 40.6: 10.2 s late, though the span of what is owed has whole seconds
    "due within a second": (
        [*LEFT, callback_requested(30, 30.4), callback_attempted(40.6)],
        HAS_LEFT + is_requested(30) + is_made(40.6, 10.6, late=10.2),
    ),
    "due before it was asked for": (
        [*LEFT, callback_requested(30, 10), callback_attempted(40)],
        HAS_LEFT + is_requested(30) + is_made(40, 10, late=30),
    ),
    # 30 asked ..... 100 tried, 200 tried ..... 300 made
    "made at the third attempt": (
        [
            *LEFT,
            callback_requested(30),
            callback_attempted(100, "busy"),
            callback_attempted(200, "no_answer"),
            callback_attempted(300),
        ],
        HAS_LEFT
        + is_requested(30)
        + is_counted(100, FAILED)
        + is_counted(200, FAILED)
        + is_made(300, 270, late=270),
    ),
    # another request while it is open: its due time alone, also sooner
    "asked for again": (
        [*LEFT, callback_requested(30, 630), callback_requested(60, 130)],
        HAS_LEFT + is_requested(30) + is_owed(30, 100),
    ),
    "asked for again, at once": (
        [*LEFT, callback_requested(30, 630), callback_requested(60), callback_attempted(70)],
        HAS_LEFT + is_requested(30) + is_made(70, 40, late=10),
    ),
    "asked for again after it was made": (
        [*LEFT, callback_requested(30), callback_attempted(45), callback_requested(100)],
        HAS_LEFT + is_requested(30) + is_made(45, 15, late=15) + is_requested(100) + is_owed(100),
    ),
    # ---------------------------------------------------------------- nothing is owed
    "an attempt that nobody asked for": (
        [*LEFT, callback_attempted(45)],
        HAS_LEFT + is_given_up(0, 31) + is_counted(45, CONNECTED),
    ),
    "an attempt after it was made": (
        [*LEFT, callback_requested(30), callback_attempted(45), callback_attempted(50, "busy")],
        HAS_LEFT + is_requested(30) + is_made(45, 15, late=15) + is_counted(50, FAILED),
    ),
    "of a contact without a queue": (
        [callback_requested(30), callback_attempted(45, "failed")],
        is_requested(30, "_unknown") + is_owed(30, queue="_unknown") + is_counted(45, FAILED, "_unknown"),
    ),
    "cancelled and never asked for": ([*LEFT, callback_cancelled(45)], HAS_LEFT + is_given_up(0, 31)),
    # ---------------------------------------------------------------- and the contact
    "cancelled after the end: given up then": (
        [*LEFT, callback_requested(30), callback_cancelled(100)],
        HAS_LEFT + is_requested(30) + is_counted(100, measures.CALLBACKS_CANCELLED) + is_given_up(0, 100),
    ),
    "cancelled before the end: given up at the end": (
        [queued(0), callback_requested(10), callback_cancelled(12), ended(31)],
        is_abandoned(0, 31) + is_requested(10) + is_counted(12, measures.CALLBACKS_CANCELLED) + is_given_up(0, 31),
    ),
    "hung up, and a callback is owed": (
        [queued(0), callback_requested(10), ended(31)],
        is_abandoned(0, 31) + is_requested(10) + is_owed(10),
    ),
    # 640 Q (callback)..650 A====     not offered, but an answer: the contact waited for 650 s
    "called back and answered": (
        [*LEFT, callback_requested(30), callback_attempted(640), queued(640, direction="callback"), answered(650)],
        HAS_LEFT + is_requested(30) + is_made(640, 610, late=610) + is_met(0, 650) + is_in_progress(650),
    ),
    # the callback is asked for in sales; the contact moves on, the callback does not
    "stays in the queue in which it was asked for": (
        [*LEFT, callback_requested(30), queued(100, "tech"), answered(105), callback_attempted(110, "other")],
        HAS_LEFT
        + is_requested(30)
        + is_owed(30)
        + is_answered(100, 5, "tech", first=False)
        + is_met(0, 105)
        + is_in_progress(105, "tech")
        + is_counted(110, FAILED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_callbacks(name: str) -> None:
    assert_counts(*CASES[name])


RESULTS: list[AttemptResult | None] = ["no_answer", "busy", "failed", "other", None]


@pytest.mark.parametrize("result", RESULTS)
def test_an_attempt_that_did_not_connect_leaves_it_owed(result: AttemptResult | None) -> None:
    events = [*LEFT, callback_requested(30), callback_attempted(45, result)]
    assert_counts(events, HAS_LEFT + is_requested(30) + is_owed(30) + is_counted(45, FAILED))


def test_a_callback_of_a_closed_record_is_owed_no_more() -> None:
    assert closed([*LEFT, callback_requested(30)]) == HAS_LEFT + is_requested(30)
