"""The record of a contact: which facts stand, in which order they are read, and that nothing else matters (docs/counting.md).

What the facts count for is in test_visits.py and its neighbours.
"""

import pytest

from models import measures
from models.contact import ASLEEP, Contact
from models.events import ContactEvent
from models.facts import MARK, mark_of
from models.folding import QueueRules
from tests.unit.builders import (
    Sums,
    answered,
    blank,
    blocked,
    by_rules,
    callback_requested,
    classified,
    declined,
    ended,
    escalated,
    exited,
    held,
    is_abandoned,
    is_answered,
    is_counted,
    is_exited,
    is_given_up,
    is_handled,
    is_in_progress,
    is_rung,
    is_waiting,
    learn,
    left,
    message,
    queued,
    rated,
    record_of,
    resumed,
    ringing,
    started,
    summed,
    survey_offered,
    transferred,
    without_zeros,
    wrapped,
)
from tests.unit.cases import NOTHING, Case, assert_counts

# ---------------------------------------------------------------- of one millisecond

SAME_TIME: dict[str, Case] = {
    # what closes is read before what opens: the old visit is moved, the new one waits
    # 0 Q........X 10
    #            Q....     tech
    "out of one queue and into another": (
        [queued(0), exited(10, "moved"), queued(10, "tech")],
        is_exited(0, 10, "moved") + is_waiting(10, "tech", first=False, since=0),
    ),
    # 0 Q..A 5===T 20
    #            QA===E 30 tech: queued and answered in the millisecond of the transfer
    "out of one leg and into another": (
        [queued(0), answered(5), transferred(20), queued(20, "tech"), answered(20, "bob"), ended(30)],
        is_answered(0, 5)
        + is_handled(20, talk=15, moved_on="other")
        + is_answered(20, 0, "tech", first=False)
        + is_handled(30, talk=10, queue="tech"),
    ),
    # where nothing is open yet, what closes waits for what opens
    "exited": ([queued(10), exited(10)], is_abandoned(10, 0)),
    "left": ([queued(0), answered(10), left(10)], is_answered(0, 10) + is_handled(10, talk=0)),
    "transferred": (
        [queued(0), answered(10), transferred(10)],
        is_answered(0, 10) + is_handled(10, talk=0, moved_on="other"),
    ),
    "resumed": (
        [queued(0), answered(5), held(10), resumed(10), ended(30)],
        is_answered(0, 5) + is_handled(30, talk=25, holds=1),
    ),
    "declined": ([queued(10), ringing(10), declined(10)], is_waiting(10) + is_rung(10, 0, declined="other")),
    "all of a contact": (
        [queued(10), ringing(10), answered(10), held(10), resumed(10), ended(10), wrapped(10)],
        is_answered(10, 0) + is_rung(10, 0) + is_handled(10, talk=0, holds=1),
    ),
    # a millisecond later it is too late
    "exited, then queued": ([exited(9.999), queued(10)], is_waiting(10)),
    "left, then answered": ([left(9.999), queued(10), answered(10)], is_answered(10, 0) + is_in_progress(10)),
    "declined, then rung": (
        [queued(0), declined(9.999), ringing(10), answered(12)],
        is_answered(0, 12) + is_rung(12, 2) + is_in_progress(12),
    ),
    # the source's own order goes before the rank of types: it ended, and came back
    # 0 Q...10 A(0) E(1) Q(2)
    "in the source's order": (
        [queued(0), answered(10), ended(10, seq=1), queued(10, seq=2)],
        is_answered(0, 10) + is_handled(10, talk=0) + is_waiting(10, first=False, since=0),
    ),
    # without it the entry is before the answer, which ends both visits
    "in no order that the source gave": (
        [queued(0), answered(10), ended(10), queued(10)],
        is_answered(0, 10) + is_handled(10, talk=0),
    ),
    # what closes or goes on, and nothing ever opened
    "nothing at all": ([resumed(1), transferred(1), left(1), exited(1), declined(1), held(1), wrapped(1)], NOTHING),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME_TIME)
def test_facts_of_one_millisecond(name: str) -> None:
    assert_counts(*SAME_TIME[name])


# ---------------------------------------------------------------- of one id


def test_of_one_id_the_higher_revision_stands() -> None:
    """The answer was first said to be at 12, then (rev 1) at 10, although 10 is earlier."""
    events = [queued(0), answered(12, "zoe", i="a"), answered(10, "ann", i="a", rev=1), ended(72)]
    assert_counts(events, is_answered(0, 10) + is_handled(72, talk=62))


def test_of_one_id_and_revision_the_later_stands() -> None:
    events = [queued(0), answered(12, "ann", i="a"), answered(10, "zoe", i="a"), ended(72)]
    assert_counts(events, is_answered(0, 12) + is_handled(72, talk=60))


def test_of_one_id_revision_and_time_always_the_same_stands() -> None:
    first, second = queued(0, "tech", i="q"), queued(0, "sale", i="q")
    sums = [record_of(order)[1] for order in ([first, second, exited(9)], [exited(9), second, first])]
    assert sums[0] == sums[1]
    assert sums[0] in (is_abandoned(0, 9, "tech"), is_abandoned(0, 9, "sale"))


def test_an_event_may_become_another_kind() -> None:
    """The exit of rev 0 was no exit but an answer."""
    events = [queued(0), exited(12, i="x"), answered(12, i="x", rev=1), ended(72)]
    assert_counts(events, is_answered(0, 12) + is_handled(72, talk=60))


def test_what_is_known_already_is_told_from_what_is_new() -> None:
    record, _ = record_of([queued(0), answered(12)])
    before = record.packed
    again = queued(0, i="again")
    assert learn(record, again, blank())
    assert not learn(record, again, blank())
    assert record.packed != before
    assert [fact[MARK] for fact in record.facts()].count(mark_of("again")) == 1


# ---------------------------------------------------------------- late, and taken up again


def test_an_event_that_comes_late_changes_what_came_after_it() -> None:
    """0    5      20
    Q....A======E         the answer comes last: until then it was abandoned"""
    record, out = Contact(), blank()
    for event in (queued(0), ended(20)):
        learn(record, event, out)
    assert summed(out) == is_abandoned(0, 20) + is_given_up(0, 20)
    learn(record, answered(5), out)
    assert summed(out) == without_zeros(is_answered(0, 5) + is_handled(20, talk=15))


def test_a_record_taken_up_from_its_bytes_goes_on_as_before() -> None:
    """0 5    30       50"""
    record, _ = record_of([queued(0), answered(5), ended(30)])
    again = Contact(record.packed)
    assert again.last_at == ASLEEP
    again.wake(blank())
    assert (again.last_at, again.ended) == (record.last_at, True)
    asleep, late = Contact(record.packed), wrapped(50)
    changes = blank(), blank()
    assert learn(asleep, late, changes[0])
    assert learn(record, late, changes[1])
    assert summed(changes[0]) == summed(changes[1])


def test_the_history_of_a_record_is_its_contribution_in_steps() -> None:
    events = [queued(0), answered(5), held(7), ended(30)]
    record, sums = record_of(events[::-1])
    steps = list(record.history(blank()))
    assert [at for at, _ in steps] == [event.at for event in events]
    assert summed(*(out for _, out in steps)) == sums
    assert summed(steps[0][1]) == is_waiting(0)


# ---------------------------------------------------------------- orphans

BEGINS: list[ContactEvent] = [started(0), queued(0), blocked(0), answered(0), callback_requested(0)]
BEGINS_NOTHING: list[ContactEvent] = [
    ringing(0), declined(0), held(0), resumed(0), transferred(0), left(0), exited(0), message(0), ended(0), wrapped(0),
    classified(0, "bill"), escalated(0), survey_offered(0), rated(0, 5),
]  # fmt: skip


@pytest.mark.parametrize("event", BEGINS, ids=lambda event: type(event).__name__)
def test_what_begins_a_contact(event: ContactEvent) -> None:
    assert record_of([event])[0].start == event.at


@pytest.mark.parametrize("event", BEGINS_NOTHING, ids=lambda event: type(event).__name__)
def test_what_begins_nothing(event: ContactEvent) -> None:
    """Whatever order it comes in: with `started` it is no orphan."""
    assert record_of([event], chats=True)[0].start is None
    assert record_of([event, started(-5)], chats=True)[0].start == started(-5).at


# ---------------------------------------------------------------- nothing is open


@pytest.mark.parametrize(
    ("events", "over"),
    [
        ([queued(0), answered(5), ended(30)], True),
        ([queued(0), answered(5)], False),
        ([queued(0)], False),
        ([queued(0), ringing(3)], False),
        ([queued(0), exited(5)], True),
        ([queued(0), exited(5), callback_requested(5), ended(5)], False),
        ([queued(0), answered(5), ended(30), rated(40, 5)], False),
    ],
)
def test_whether_closing_would_change_anything(events: list[ContactEvent], over: bool) -> None:
    record, _ = record_of(events)
    assert record.is_over == over


def test_a_wrap_up_that_is_waited_for_is_open() -> None:
    rules = by_rules(QueueRules(wrap_up="event"))
    assert not record_of([queued(0), answered(5), ended(30)], rules=rules)[0].is_over
    assert record_of([queued(0), answered(5), ended(30), wrapped(40)], rules=rules)[0].is_over


def is_rated(at: float, csat: int) -> Sums:
    cells = {measures.SURVEYS_ANSWERED: 1, measures.CSAT_RATED: 1, measures.CSAT_POINTS: 1_000 * csat}
    return is_counted(at, cells | {measures.CSAT_GOOD: int(csat >= 4)})


def test_what_is_remembered_of_a_closed_record() -> None:
    """Whose handling was whose, and the ratings: a later answer finds its queue, and takes the place of the first."""
    record, _ = record_of([queued(0), answered(5), ended(30), queued(40, "tech"), ended(50), rated(60, 5)])
    stub, out = Contact(record.stub(blank())), blank()
    before = summed(stub.contribution(blank()))
    learn(stub, rated(70, 1), out)
    assert before == is_rated(60, 5)
    sums = is_rated(70, 1)
    sums.subtract(is_rated(60, 5))
    assert summed(out) == without_zeros(sums)
    assert stub.start is not None
