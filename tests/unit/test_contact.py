"""What a contact contributes: each case a drawn time line and the sums by GLOSSARY 0 to 5, worked by hand.

Time lines run in seconds. `Q` queued, `A` answered, `H` held, `R` resumed, `T` transferred, `L` left, `X` exited,
`E` ended, `W` wrapped; `.` waits, `=` talks, `~` holds, `-` wrap-up; letters that touch happen in the same millisecond.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import islice, permutations

import pytest

from models.contact import Contact, Contribution
from models.events import ContactEvent, Direction, ExitReason, Role
from tests.unit.builders import (
    Sums,
    answered,
    blocked,
    declined,
    ended,
    exited,
    held,
    is_abandoned,
    is_answered,
    is_exited,
    is_handled,
    is_in_progress,
    is_waiting,
    key,
    learn,
    left,
    queued,
    record_of,
    resumed,
    ringing,
    started,
    summed,
    transferred,
    without_zeros,
    wrapped,
)

Case = tuple[list[ContactEvent], Sums]
NOTHING: Sums = Counter()
CASES: dict[str, Case] = {
    # ---------------------------------------------------------------- plain calls
    # 0         12                    72
    # Q.........A=====================E
    "plain call": (
        [started(0), queued(0), ringing(2), answered(12), ended(72)],
        is_answered(0, 12) + is_handled(72, talk=60),
    ),
    # 0    5 (now)
    # Q....
    "still waiting": ([queued(0)], is_waiting(0)),
    # 0    5    9 (now)
    # Q....A====
    "still talking": ([queued(0), answered(5)], is_answered(0, 5) + is_in_progress(5)),
    # 0.5       12.345           30
    # Q.........A================E       a wait of 11.845 s counts as 12 s, its sum is exact
    "milliseconds": (
        [queued(0.5), answered(12.345), ended(30)],
        is_answered(0.5, 11.845) + is_handled(30, talk=17.655),
    ),
    # 0    2    14   15        20
    # Q.... ann no   bob A=====E        a ring is still waiting
    "somebody else answers": (
        [queued(0), ringing(2), declined(14), ringing(15, "bob"), answered(16, "bob"), ended(20)],
        is_answered(0, 16) + is_handled(20, talk=4),
    ),
    # 0         8
    #           E        in the IVR: no visit, nothing counted
    "never queued": ([started(0), ended(8, "customer")], NOTHING),
    "turned away": ([started(0), blocked(1), ended(1)], NOTHING),
    # ---------------------------------------------------------------- hang-ups while waiting
    # 0         31  33
    # Q.........X   E
    "abandoned": ([queued(0), exited(31), ended(33)], is_abandoned(0, 31)),
    # 0         31
    # Q.........E
    "abandoned by ended alone, unknown who": ([queued(0), ended(31)], is_abandoned(0, 31)),
    "abandoned by ended alone, the customer": ([queued(0), ended(31, "customer")], is_abandoned(0, 31)),
    "system drop": ([queued(0), ended(31, "system")], is_exited(0, 31, "system_drop")),
    "ended by an agent while waiting": ([queued(0), ended(31, "agent")], is_exited(0, 31, "system_drop")),
    # 0    3    7
    # Q....ring E        a hang-up while it rings is abandoned (GLOSSARY 0)
    "hang-up while ringing": ([queued(0), ringing(3), ended(7, "customer")], is_abandoned(0, 7)),
    # 0         31
    # Q.........XE      both words for one hang-up count once
    "exited and ended in one": ([queued(0), exited(31), ended(31)], is_abandoned(0, 31)),
    # ---------------------------------------------------------------- the same millisecond
    # 10
    # QA=====E 40
    "queued and answered": ([queued(10), answered(10), ended(40)], is_answered(10, 0) + is_handled(40, talk=30)),
    # 10
    # QX
    "queued and exited": ([queued(10), exited(10)], is_abandoned(10, 0)),
    # 10
    # QE
    "queued and ended": ([queued(10), ended(10)], is_abandoned(10, 0)),
    # 10
    # QAE
    "queued, answered and ended": (
        [queued(10), answered(10), ended(10)],
        is_answered(10, 0) + is_handled(10, talk=0),
    ),
    # 0    5         20
    # Q....A=========TQ......A=====E
    #                 tech   26    30
    "transferred and queued": (
        [queued(0), answered(5), transferred(20), queued(20, "tech"), answered(26, "bob"), ended(30)],
        is_answered(0, 5)
        + is_handled(20, talk=15, moved_on=1)
        + is_answered(20, 6, "tech")
        + is_handled(30, talk=4, queue="tech"),
    ),
    # 0    5         20
    # Q....X         (moved)
    #      Q.........A=====E 30
    "moved to another queue": (
        [queued(0), exited(5, "moved"), queued(5, "tech"), answered(20), ended(30)],
        is_exited(0, 5, "moved") + is_answered(5, 15, "tech") + is_handled(30, talk=10, queue="tech"),
    ),
    # 0 5    10        20      25
    # Q.A====H~~~~~~~~~RH~~~~~~R==E 30      off hold and on again in one
    "held again": (
        [queued(0), answered(5), held(10), resumed(20), held(20), resumed(25), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=10, hold=15),
    ),
    # 0 5    10
    # Q.A====HR========E 30
    "hold of no length": (
        [queued(0), answered(5), held(10), resumed(10), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=25),
    ),
    # 0 5    10       20
    # Q.A====H~~~~~~~~RHR==E 30
    "hold of no length after a hold": (
        [queued(0), answered(5), held(10), resumed(20), held(20), resumed(20), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=15, hold=10),
    ),
    # 0 5
    # Q.AH~~~~~R==E
    #          15 30
    "answered and held": (
        [queued(0), answered(5), held(5), resumed(15), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=15, hold=10),
    ),
    # 0 5
    # Q.AL    bob: A===E
    #              6   10
    "answered and left": (
        [queued(0), answered(5), left(5), answered(6, "bob"), ended(10)],
        is_answered(0, 5) + is_handled(5, talk=0) + is_handled(10, talk=4),
    ),
    # 0 5         20
    # Q.A=========LA=====E 30      the same person goes and comes back in one
    "left and answered again": (
        [queued(0), answered(5), left(20), answered(20), ended(30)],
        is_answered(0, 5) + is_handled(20, talk=15) + is_handled(30, talk=10),
    ),
    # 0 5    20
    # Q.A====EW
    "ended and wrapped": (
        [queued(0), answered(5), ended(20), wrapped(20)],
        is_answered(0, 5) + is_handled(20, talk=15),
    ),
    # ---------------------------------------------------------------- facts said again change nothing
    # 0 5    10   12   20   22
    # Q.A====H~~~~H~~~~R====R===E 30
    "held and resumed again": (
        [queued(0), answered(5), held(10), held(12), resumed(20), resumed(22), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=15, hold=10),
    ),
    # 0 5    10
    # Q.A====R===E 30
    "resumed and never held": (
        [queued(0), answered(5), resumed(10), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=25),
    ),
    # 0 5    30       50   60
    # Q.A====E--------W    W
    "wrapped again": (
        [queued(0), answered(5), ended(30), wrapped(50), wrapped(60)],
        is_answered(0, 5) + is_handled(50, talk=25, acw=20),
    ),
    # 0 5    9      30
    # Q.A====A======E
    "answered again": ([queued(0), answered(5), answered(9), ended(30)], is_answered(0, 5) + is_handled(30, talk=25)),
    # 0 5    30   40
    # Q.A====E    E
    "ended again": ([queued(0), answered(5), ended(30), ended(40)], is_answered(0, 5) + is_handled(30, talk=25)),
    # 0 5       9
    # Q.X       X
    "exited again": ([queued(0), exited(5), exited(9, "timeout")], is_abandoned(0, 5)),
    # ---------------------------------------------------------------- wrap-up and hold
    # 0 5    30       50
    # Q.A====E--------W       the whole leg is completed at 50
    "wrap-up moves the completion": (
        [queued(0), answered(5), ended(30), wrapped(50)],
        is_answered(0, 5) + is_handled(50, talk=25, acw=20),
    ),
    # 0 5    20       35
    # Q.A====H~~~~~~~~E       hung up while on hold
    "ended while held": (
        [queued(0), answered(5), held(20), ended(35)],
        is_answered(0, 5) + is_handled(35, talk=15, hold=15),
    ),
    # 0 5    20       35     40
    # Q.A====H~~~~~~~~L      bob: A==E 50
    "left while held": (
        [queued(0), answered(5), held(20), left(35), answered(40, "bob"), ended(50)],
        is_answered(0, 5) + is_handled(35, talk=15, hold=15) + is_handled(50, talk=10),
    ),
    # 0 5    20                40
    # Q.A====T-----------------W    (ann)
    #        Q.....A======E---------W (bob)
    #              26     30        60
    "two wrap-ups, each its person's": (
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
        is_answered(0, 5)
        + is_handled(40, talk=15, acw=20, moved_on=1)
        + is_answered(20, 6, "tech")
        + is_handled(60, talk=4, acw=30, queue="tech"),
    ),
    # the same, wrapped without a name at 60: it is the one who left last
    "wrap-up of nobody named": (
        [
            queued(0),
            answered(5),
            transferred(20),
            queued(20, "tech"),
            answered(26, "bob"),
            ended(30),
            wrapped(60),
        ],
        is_answered(0, 5)
        + is_handled(20, talk=15, moved_on=1)
        + is_answered(20, 6, "tech")
        + is_handled(60, talk=4, acw=30, queue="tech"),
    ),
    "wrap-up of somebody unknown": (
        [queued(0), answered(5), ended(30), wrapped(50, "zoe")],
        is_answered(0, 5) + is_handled(30, talk=25),
    ),
    # ---------------------------------------------------------------- transfers, several queues, several people
    # 0    5         20          50
    # Q....A=========T           E     a transfer that names nobody ends no leg
    "transfer of nobody named": (
        [queued(0), answered(5), transferred(20, None), ended(50)],
        is_answered(0, 5) + is_handled(50, talk=45),
    ),
    # 0    5         20   25
    # Q....A=========T    Q.....X      a second visit, abandoned
    #                     tech  40
    "transferred and hung up": (
        [queued(0), answered(5), transferred(20), queued(25, "tech"), exited(40), ended(40)],
        is_answered(0, 5) + is_handled(20, talk=15, moved_on=1) + is_abandoned(25, 15, "tech"),
    ),
    # sales 0  Q...............A=====E 30
    # tech  4      Q...........           answered elsewhere: neither offered nor lost
    "two queues, answered in the first": (
        [queued(0), queued(4, "tech"), answered(20, queue="sales"), ended(30)],
        is_answered(0, 20) + is_handled(30, talk=10),
    ),
    "two queues, answered in the second": (
        [queued(0), queued(4, "tech"), answered(20, queue="tech"), ended(30)],
        is_answered(4, 16, "tech") + is_handled(30, talk=10, queue="tech"),
    ),
    "two queues, answered in none named: the longest waiting": (
        [queued(0), queued(4, "tech"), answered(20), ended(30)],
        is_answered(0, 20) + is_handled(30, talk=10),
    ),
    "two queues, told that it was answered elsewhere": (
        [
            queued(0),
            queued(4, "tech"),
            answered(20, queue="tech"),
            exited(20, "answered_elsewhere", "sales"),
            ended(30),
        ],
        is_answered(4, 16, "tech") + is_handled(30, talk=10, queue="tech"),
    ),
    "two queues, told so before the answer": (
        [
            queued(0),
            queued(4, "tech"),
            exited(19, "answered_elsewhere", "sales"),
            answered(20, queue="tech"),
            ended(30),
        ],
        is_answered(4, 16, "tech") + is_handled(30, talk=10, queue="tech"),
    ),
    # sales 0  Q......X 9  (timeout)
    # tech  4      Q.................E 30
    "two queues, out of one by name, hung up in the other": (
        [queued(0), queued(4, "tech"), exited(9, "timeout", "sales"), ended(30)],
        is_exited(0, 9, "timeout") + is_abandoned(4, 26, "tech"),
    ),
    "two queues, hung up in both": (
        [queued(0), queued(4, "tech"), ended(30)],
        is_abandoned(0, 30) + is_abandoned(4, 26, "tech"),
    ),
    # 0 5    15           40
    # Q.A=================E         ann
    #        A======L               bob, conference: a leg of his own, no second answer
    #               25
    "conference": (
        [queued(0), answered(5), answered(15, "bob", role="conference"), left(25, "bob"), ended(40)],
        is_answered(0, 5) + is_handled(25, talk=10) + is_handled(40, talk=35),
    ),
    # 0 5    10    15
    # Q.A====H~~~~~R==E 30   ann
    #      A=======E         bob: hold of a person named is that person's
    "hold of one of two": (
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
    # ---------------------------------------------------------------- channel, direction
    "a finer channel": (
        [queued(0, channel="video"), answered(5), ended(9)],
        is_answered(0, 5, key("sales", "video")) + is_handled(9, talk=4, queue=key("sales", "video")),
    ),
    # no queue, no visit: the leg counts for the queue that the answer names
    "answered and never queued": ([answered(5, queue="sales"), ended(9)], is_handled(9, talk=4)),
    "answered and never queued, no queue named": ([answered(5), ended(9)], NOTHING),
}


def given(case: Case) -> tuple[list[ContactEvent], dict[tuple[tuple[str, str], int, int], int]]:
    events, sums = case
    return events, without_zeros(sums)


@pytest.mark.parametrize("name", CASES)
def test_in_order(name: str) -> None:
    events, expected = given(CASES[name])
    record, sums = record_of(events)
    assert sums == expected
    assert summed(record.contribution()) == expected


@pytest.mark.parametrize("name", CASES)
def test_in_any_order_and_any_number_of_times(name: str) -> None:
    """At most 300 of the orders, in the first and last ones everything said twice."""
    events, expected = given(CASES[name])
    for order in islice(permutations(events), 300):
        assert record_of(order)[1] == expected
    assert record_of([*events, *events])[1] == expected
    assert record_of([*events, *events][::-1])[1] == expected


@pytest.mark.parametrize("role", ["consult", "monitor", "coach"])
def test_who_listens_does_not_count(role: Role) -> None:
    """DESIGN 4 and GLOSSARY 5: neither an answer nor a leg, whether the contact waits or talks."""
    while_waiting = [queued(0), answered(3, "bob", role=role), left(4, "bob"), answered(12), ended(72)]
    while_talking = [queued(0), answered(12), answered(20, "bob", role=role), left(30, "bob"), ended(72)]
    expected = without_zeros(is_answered(0, 12) + is_handled(72, talk=60))
    assert record_of(while_waiting)[1] == expected
    assert record_of(while_talking)[1] == expected


@pytest.mark.parametrize("direction", ["callback", "outbound"])
@pytest.mark.parametrize("where", ["started", "queued"])
def test_callbacks_and_outbound_are_not_offered_and_do_not_wait(direction: Direction, where: str) -> None:
    """DESIGN 4. The person's work counts all the same."""
    if where == "started":
        begin: list[ContactEvent] = [started(0, direction), queued(1)]
    else:
        begin = [started(0, "inbound"), queued(1, direction=direction)]
    assert record_of(begin)[1] == {}
    assert record_of([*begin, exited(9)])[1] == {}
    assert record_of([*begin, exited(9, "timeout")])[1] == {}
    assert record_of([*begin, answered(9)])[1] == is_in_progress(9)
    assert record_of([*begin, answered(9), ended(20)])[1] == without_zeros(is_handled(20, talk=11))


def test_the_visits_own_direction_goes_before_the_contacts() -> None:
    """A call that was dialled and is then put into a queue as inbound is offered there."""
    events = [started(0, "outbound"), queued(1, direction="inbound"), exited(9)]
    assert record_of(events)[1] == is_abandoned(1, 8)


REASONS: list[ExitReason] = [
    "callback_accepted",
    "moved",
    "overflow",
    "voicemail",
    "key_exit",
    "timeout",
    "leave_empty",
    "withdrawn",
    "system_drop",
    "other",
]


@pytest.mark.parametrize("reason", REASONS)
def test_each_exit_counts_for_its_reason(reason: ExitReason) -> None:
    """0         31
    Q.........X     not an abandon"""
    assert record_of([queued(0), exited(31, reason), ended(31)])[1] == is_exited(0, 31, reason)


def test_the_reasons_have_cells_of_their_own() -> None:
    cells = {cell for reason in REASONS for _, _, cell in is_exited(0, 31, reason)}
    assert len(cells) == len(REASONS) + 5  # offered, two cohort waits (callbacks, the rest), the wait and its sum


def test_answered_elsewhere_is_neither_offered_nor_lost() -> None:
    assert record_of([queued(0), exited(31, "answered_elsewhere")])[1] == {}


# ---------------------------------------------------------------- the same id again, with other content


def any_order(events: Sequence[ContactEvent]) -> list[dict[tuple[tuple[str, str], int, int], int]]:
    return [record_of(order)[1] for order in permutations(events)]


def test_of_one_id_the_higher_revision_stands() -> None:
    """The answer was first said to be at 12, then (rev 1) at 10, although 10 is earlier and its bytes are smaller."""
    events = [queued(0), answered(12, "zoe", i="a"), answered(10, "ann", i="a", rev=1), ended(72)]
    assert all(sums == without_zeros(is_answered(0, 10) + is_handled(72, talk=62)) for sums in any_order(events))


def test_of_one_id_and_revision_the_later_stands() -> None:
    events = [queued(0), answered(12, "ann", i="a"), answered(10, "zoe", i="a"), ended(72)]
    assert all(sums == without_zeros(is_answered(0, 12) + is_handled(72, talk=60)) for sums in any_order(events))


def test_of_one_id_revision_and_time_the_greater_bytes_stand() -> None:
    """`tech` is greater than `sale`."""
    events = [queued(0, "tech", i="q"), queued(0, "sale", i="q"), exited(9)]
    assert all(sums == is_abandoned(0, 9, "tech") for sums in any_order(events))


def test_an_event_may_become_another_kind() -> None:
    """The exit of rev 0 was no exit but an answer."""
    events = [queued(0), exited(12, i="x"), answered(12, i="x", rev=1), ended(72)]
    assert all(sums == without_zeros(is_answered(0, 12) + is_handled(72, talk=60)) for sums in any_order(events))


def test_what_is_known_already_is_told_from_what_is_new() -> None:
    record, _ = record_of([queued(0), answered(12)])
    before = record.packed
    again = queued(0, i="again")
    assert learn(record, again, Contribution())
    assert not learn(record, again, Contribution())
    assert record.packed != before


def test_a_record_taken_up_from_its_bytes_goes_on_as_before() -> None:
    """0 5    30       50"""
    record, _ = record_of([queued(0), answered(5), ended(30)])
    again = Contact(record.packed)
    assert summed(again.contribution()) == summed(record.contribution())
    asleep, late = Contact(record.packed), wrapped(50)
    changes = Contribution(), Contribution()
    assert learn(asleep, late, changes[0])
    assert learn(record, late, changes[1])
    assert summed(changes[0]) == summed(changes[1])


def test_the_history_of_a_record_is_its_contribution_in_steps() -> None:
    events = [queued(0), answered(5), held(7), ended(30)]
    record, sums = record_of(events[::-1])
    steps = list(record.history())
    assert [at for at, _ in steps] == [event.at for event in events]
    assert summed(*(out for _, out in steps)) == sums
    assert summed(steps[0][1]) == is_waiting(0)
