"""Being handled: talk, hold, transfers, conferences and consultations (docs/counting.md). Without wrap-up.

All of a leg counts at its completion, here its end.
"""

import pytest

from models import measures
from models.events import By, Role, TransferKind
from tests.unit.builders import (
    answered,
    ended,
    escalated,
    exited,
    held,
    is_abandoned,
    is_answered,
    is_consulted,
    is_counted,
    is_given_up,
    is_handled,
    is_in_progress,
    key,
    left,
    queued,
    resumed,
    transferred,
)
from tests.unit.cases import Case, assert_counts, closed

CASES: dict[str, Case] = {
    # 0    5    9 (now)
    # Q....A====
    "talks still": ([queued(0), answered(5)], is_answered(0, 5) + is_in_progress(5)),
    # 0    5    9      30       a second answer of the same person changes nothing
    # Q....A====A======E
    "answered again": ([queued(0), answered(5), answered(9), ended(30)], is_answered(0, 5) + is_handled(30, talk=25)),
    # 0 5    30   40
    # Q.A====E    E
    "ended again": ([queued(0), answered(5), ended(30), ended(40)], is_answered(0, 5) + is_handled(30, talk=25)),
    # 0 5         20
    # Q.A=========LA=====E 30      the same person goes and comes back in one
    "left and answered again": (
        [queued(0), answered(5), left(20), answered(20), ended(30)],
        is_answered(0, 5) + is_handled(20, talk=15) + is_handled(30, talk=10),
    ),
    # 0 5
    # Q.AL    bob: A===E
    #              6   10
    "answered and left": (
        [queued(0), answered(5), left(5), answered(6, "bob"), ended(10)],
        is_answered(0, 5) + is_handled(5, talk=0) + is_handled(10, talk=4),
    ),
    "left and never answered": ([queued(0), left(3), exited(5)], is_abandoned(0, 5)),
    # 10
    # QAE
    "queued, answered and ended in one": (
        [queued(10), answered(10), ended(10)],
        is_answered(10, 0) + is_handled(10, talk=0),
    ),
    # ---------------------------------------------------------------- hold
    # 0 5    10        20      25
    # Q.A====H~~~~~~~~~RH~~~~~~R==E 30      off hold and on again in one
    "held again": (
        [queued(0), answered(5), held(10), resumed(20), held(20), resumed(25), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=10, hold=15, holds=2),
    ),
    # 0 5    10   12   20   22
    # Q.A====H~~~~H~~~~R====R===E 30       said again while it is so: changes nothing
    "held and resumed twice": (
        [queued(0), answered(5), held(10), held(12), resumed(20), resumed(22), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=15, hold=10),
    ),
    # 0 5    10
    # Q.A====HR========E 30       a hold of no length is a hold
    "hold of no length": (
        [queued(0), answered(5), held(10), resumed(10), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=25, holds=1),
    ),
    # 0 5    10       20
    # Q.A====H~~~~~~~~RHR==E 30
    "hold of no length after a hold": (
        [queued(0), answered(5), held(10), resumed(20), held(20), resumed(20), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=15, hold=10, holds=2),
    ),
    # 0 5
    # Q.AH~~~~~R==E
    #          15 30
    "answered and held in one": (
        [queued(0), answered(5), held(5), resumed(15), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=15, hold=10),
    ),
    "resumed and never held": (
        [queued(0), answered(5), resumed(10), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=25),
    ),
    "held and never answered": ([queued(0), held(3), exited(5)], is_abandoned(0, 5)),
    # 0 5    20       35     40
    # Q.A====H~~~~~~~~L      A bob==E 50
    "left while held": (
        [queued(0), answered(5), held(20), left(35), answered(40, "bob"), ended(50)],
        is_answered(0, 5) + is_handled(35, talk=15, hold=15) + is_handled(50, talk=10),
    ),
    # 0 5    10    15
    # Q.A==================E 30   ann
    #      A==H~~~~R=======E      bob: who is named
    "hold of one who is named": (
        [
            queued(0),
            answered(5),
            answered(6, "bob", role="conference"),
            held(10, "bob"),
            resumed(15, "bob"),
            ended(30),
        ],
        is_answered(0, 5) + is_handled(30, talk=25) + is_handled(30, talk=19, hold=5),
    ),
    # 0 5    10~~~~15~~~~~~20            ann: held without a name is of the leg begun first,
    # Q.A====H     |       R=====E 30
    #     6 A======H~~~~~~~~~~R==E       bob: and so is resumed, of those that are held
    #              15        25
    "hold of nobody named": (
        [
            queued(0),
            answered(5),
            answered(6, "bob", role="conference"),
            held(10),
            held(15, "bob"),
            resumed(20),
            resumed(25),
            ended(30),
        ],
        is_answered(0, 5) + is_handled(30, talk=15, hold=10) + is_handled(30, talk=14, hold=10),
    ),
    # ---------------------------------------------------------------- transfers
    # 0    5         20
    # Q....A=========TQ......A=====E
    #                 tech   26    30
    "transferred and queued": (
        [queued(0), answered(5), transferred(20, kind="queue"), queued(20, "tech"), answered(26, "bob"), ended(30)],
        is_answered(0, 5)
        + is_handled(20, talk=15, moved_on="queue")
        + is_answered(20, 6, "tech", first=False)
        + is_handled(30, talk=4, queue="tech"),
    ),
    # 0    5         20   25
    # Q....A=========T    Q.....X      a second visit, abandoned; the contact was answered
    #                     tech  40
    "transferred and hung up": (
        [queued(0), answered(5), transferred(20, kind="blind"), queued(25, "tech"), exited(40), ended(40)],
        is_answered(0, 5)
        + is_handled(20, talk=15, moved_on="blind")
        + is_abandoned(25, 15, "tech", first=False),
    ),
    # 0    5         20          50
    # Q....A=========T           E     a transfer that names nobody ends no leg
    "transfer of nobody named": (
        [queued(0), answered(5), transferred(20, None), ended(50)],
        is_answered(0, 5) + is_handled(50, talk=45),
    ),
    "transfer of somebody unknown": (
        [queued(0), answered(5), transferred(20, "zoe"), ended(50)],
        is_answered(0, 5) + is_handled(50, talk=45),
    ),
    # ---------------------------------------------------------------- conference, consultation
    # 0 5    15           40
    # Q.A=================E         ann
    #        A======L               bob, conference: a leg of his own, no second answer
    #               25
    "conference": (
        [queued(0), answered(5), answered(15, "bob", role="conference"), left(25, "bob"), ended(40)],
        is_answered(0, 5) + is_handled(25, talk=10) + is_handled(40, talk=35),
    ),
    # 0         8 (now)
    # Q.........     somebody joins while it waits: a leg, and the visit waits on until the answer
    #    3 A====
    "conference while it waits": (
        [queued(0), answered(3, "bob", role="conference"), answered(12), ended(20)],
        is_answered(0, 12) + is_handled(20, talk=17) + is_handled(20, talk=8),
    ),
    # 0 5    15           40
    # Q.A=================E         ann
    #        A......L 25            bob, consulted: no leg
    "consultation": (
        [queued(0), answered(5), answered(15, "bob", role="consult"), left(25, "bob"), ended(40)],
        is_answered(0, 5) + is_consulted(25, 10) + is_handled(40, talk=35),
    ),
    "consultation to the end": (
        [queued(0), answered(5), answered(15, "bob", role="consult"), ended(40)],
        is_answered(0, 5) + is_consulted(40, 25) + is_handled(40, talk=35),
    ),
    "consultation for a queue": (
        [queued(0), answered(5), answered(15, "bob", "tech", role="consult"), left(25, "bob"), ended(40)],
        is_answered(0, 5) + is_consulted(25, 10, "tech") + is_handled(40, talk=35),
    ),
    # 0 5    15    25     30      40
    # Q.A=================L               ann
    #        A.....A==============E       bob takes over: consulted for 10 s, then a leg
    "taken over by an answer": (
        [queued(0), answered(5), answered(15, "bob", role="consult"), answered(25, "bob"), left(30), ended(40)],
        is_answered(0, 5) + is_consulted(25, 10) + is_handled(30, talk=25) + is_handled(40, talk=15),
    ),
    # 0 5    15    25             40
    # Q.A==========T                      ann
    #        A.....+==============E       bob: the transfer names him
    "taken over by a transfer": (
        [
            queued(0),
            answered(5),
            answered(15, "bob", role="consult"),
            transferred(25, "ann", "consult", "bob"),
            ended(40),
        ],
        is_answered(0, 5)
        + is_handled(25, talk=20, moved_on="consult")
        + is_consulted(25, 10)
        + is_handled(40, talk=15),
    ),
    "a transfer to one who was not consulting begins nothing": (
        [queued(0), answered(5), transferred(25, "ann", "blind", "bob"), ended(40)],
        is_answered(0, 5) + is_handled(25, talk=20, moved_on="blind"),
    ),
    "a consultation that was transferred away": (
        [queued(0), answered(5), answered(15, "bob", role="consult"), transferred(25, "bob"), ended(40)],
        is_answered(0, 5) + is_consulted(25, 10) + is_handled(40, talk=35),
    ),
    # 0 5    15 ..H 18    20~~~~30
    # Q.A=================H     R=====E 40     ann's hold: who is asked is held for nothing
    "hold without a name is not of a consultation": (
        [queued(0), answered(5), answered(15, "bob", role="consult"), held(20), resumed(30), ended(40)],
        is_answered(0, 5) + is_consulted(40, 25) + is_handled(40, talk=25, hold=10),
    ),
    #      3 A...H 4..........|      bob is asked before ann answers, and put on hold
    # 0 Q....A 5===H 10~~R 20===E 40 ann: resumed without a name is of her leg
    "resumed without a name is not of a consultation": (
        [
            queued(0),
            answered(3, "bob", role="consult"),
            held(4, "bob"),
            answered(5),
            held(10, "ann"),
            resumed(20),
            ended(40),
        ],
        is_answered(0, 5) + is_consulted(40, 37) + is_handled(40, talk=25, hold=10),
    ),
    # ---------------------------------------------------------------- whose queue
    # no queue, no visit: the leg counts for the queue that the answer names
    "answered and never queued": ([answered(5, queue="sales"), ended(9)], is_handled(9, talk=4)),
    "answered and never queued, no queue named": ([answered(5), ended(9)], is_handled(9, talk=4, queue="_unknown")),
    "joined, and no queue named: the contact's": (
        [answered(5, queue="tech"), answered(6, "bob", role="conference"), ended(9)],
        is_handled(9, talk=4, queue="tech") + is_handled(9, talk=3, queue="tech"),
    ),
    "never queued, in a finer channel": (
        [answered(5, queue="sales", channel="video"), ended(9)],
        is_handled(9, talk=4, queue=key("sales", "video")),
    ),
    "outbound": (
        [queued(0, "tech", direction="outbound"), answered(5), ended(9)],
        is_handled(9, talk=4, queue="tech"),
    ),
    "raised to a higher level": (
        [queued(0), answered(5), escalated(7), ended(9)],
        is_answered(0, 5) + is_handled(9, talk=4) + is_counted(7, measures.ESCALATED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_legs(name: str) -> None:
    assert_counts(*CASES[name])


@pytest.mark.parametrize("role", ["monitor", "coach", "other"])
def test_who_listens_does_not_count(role: Role) -> None:
    """Neither an answer nor a leg, whether the contact waits or talks."""
    while_waiting = [queued(0), answered(3, "bob", role=role), left(4, "bob"), answered(12), ended(72)]
    while_talking = [queued(0), answered(12), answered(20, "bob", role=role), left(30, "bob"), ended(72)]
    expected = is_answered(0, 12) + is_handled(72, talk=60)
    assert_counts([*while_waiting], expected)
    assert_counts([*while_talking], expected)


KINDS: list[TransferKind | None] = ["blind", "consult", "queue", "external", "other", None]


@pytest.mark.parametrize("kind", KINDS)
def test_each_transfer_counts_for_its_kind(kind: TransferKind | None) -> None:
    events = [queued(0), answered(5), transferred(20, kind=kind)]
    assert_counts(events, is_answered(0, 5) + is_handled(20, talk=15, moved_on=kind or "other"))


ENDINGS: list[tuple[By | None, tuple[int, ...]]] = [
    ("customer", (measures.HOLD_ABANDONED_CUSTOMER,)),
    ("agent", (measures.HOLD_ABANDONED_AGENT, measures.AGENT_DISCONNECT)),
    ("system", ()),
    ("other", ()),
    (None, ()),
]


@pytest.mark.parametrize(("by", "also"), ENDINGS)
def test_who_ended_it_while_it_was_held(by: By | None, also: tuple[int, ...]) -> None:
    """0 5    20       35
    Q.A====H~~~~~~~~E"""
    events = [queued(0), answered(5), held(20), ended(35, by)]
    assert_counts(events, is_answered(0, 5) + is_handled(35, talk=15, hold=15, also=also))


@pytest.mark.parametrize(("by", "first"), [("agent", True), ("customer", False), ("system", False), (None, False)])
def test_who_hung_up_first(by: By | None, first: bool) -> None:
    also = (measures.AGENT_DISCONNECT,) if first else ()
    assert_counts([queued(0), answered(5), ended(35, by)], is_answered(0, 5) + is_handled(35, talk=30, also=also))


def test_a_leg_of_which_the_end_is_never_heard_is_unfinished() -> None:
    """At what was heard last; what it is asked beside counts nowhere."""
    events = [queued(0), answered(5), answered(9, "bob", role="consult")]
    assert closed(events) == is_answered(0, 5) + is_counted(9, measures.UNFINISHED)


def test_nothing_of_a_contact_that_was_over_changes_by_closing() -> None:
    events = [queued(0), exited(5), ended(5)]
    assert closed(events) == is_abandoned(0, 5) + is_given_up(0, 5)
