"""What time alone does to contacts: they are put away, taken up again, closed, and forgotten (docs/counting.md).

0 E       1 min .. 10 min        6 h                             + 7 days
  |over: away | wrap-up: away    | closed: what is open is lost  | forgotten
  |                              | whose handling and ratings were whose is remembered
"""

import pytest

from models import measures, snapshot
from models.book import Key
from models.events import ContactEvent
from models.folding import FoldSettings
from models.measures import Cells, accumulate
from models.partition import PartitionState
from models.span import span
from tests.unit.builders import (
    DECODE,
    FOREVER,
    HOUR_S,
    answered,
    callback_requested,
    ended,
    exited,
    folded,
    held,
    key,
    ms,
    queued,
    rated,
    records,
    ringing,
    started,
    survey_offered,
    wrapped,
)

DEFAULT = FoldSettings()
SALES, TECH = key(), key("tech")
DAY_S = 24 * HOUR_S
RATINGS = (measures.SURVEYS_ANSWERED, measures.CSAT_GOOD, measures.COHORT_SURVEYS_ANSWERED)


def state_of(*events: ContactEvent, settings: FoldSettings = DEFAULT) -> PartitionState:
    return folded(events, settings)


def go_on(state: PartitionState, *events: ContactEvent) -> PartitionState:
    state.fold(records(events, state.offset + 1))
    return state


def total(state: PartitionState, queue: Key = SALES) -> Cells:
    """Return the sums of a queue, of all times."""
    sums: Cells = {}
    panes = state.panes.queue(queue)
    for cells in (*panes.minutes.values(), *panes.quarters.values(), panes.rest):
        accumulate(sums, cells)
    return sums


def live(state: PartitionState, cell: int, queue: Key = SALES) -> dict[int, int]:
    return state.panes.queue(queue).live[cell]


def away(state: PartitionState) -> list[str]:
    return sorted(name for name, _ in state.put_away.items())


def restored(state: PartitionState) -> PartitionState:
    again = PartitionState(DECODE, state.settings)
    snapshot.restore(again, snapshot.whole(state))
    return again


def tick(s: float, queue: str = "clock") -> ContactEvent:
    """Let time pass: somebody enters another queue."""
    return queued(s, queue, c=f"tick {s}")


# ---------------------------------------------------------------- away, and taken up again


def test_a_contact_that_ended_is_put_away_when_its_minute_is_over() -> None:
    state = state_of(queued(0), exited(9), ended(9))
    assert list(state.contacts) == ["c"]
    go_on(state, tick(60))
    assert list(state.contacts) == ["tick 60"]
    assert away(state) == ["c"]


def test_wrap_up_is_waited_for() -> None:
    """For ten minutes; a wrap-up that came is waited for no more."""
    state = state_of(queued(0), answered(5), ended(30))
    assert "c" in go_on(state, tick(600)).contacts
    go_on(state, wrapped(601))
    assert "c" not in go_on(state, tick(1_320)).contacts


def test_wrap_up_that_never_comes_is_waited_for_ten_minutes() -> None:
    state = state_of(queued(0), answered(5), ended(30), tick(60))
    assert "c" in state.contacts
    assert "c" not in go_on(state, tick(720)).contacts


def test_whoever_is_silent_for_an_hour_is_put_away_and_waits_on() -> None:
    """Looked for once in a quarter of an hour. 0 Q, 76 min: away; 2 h A: it had been waiting all the time."""
    state = state_of(queued(0), tick(60 * 60))
    assert "c" in state.contacts
    go_on(state, tick(76 * 60))
    assert (away(state), live(state, measures.WAITING)) == (["c"], {span(ms(0), HOUR_S): 1})
    go_on(state, answered(2 * HOUR_S))
    assert live(state, measures.WAITING) == {}
    assert live(state, measures.IN_PROGRESS) == {span(ms(2 * HOUR_S)): 1}
    assert total(state)[measures.ANSWER_WAIT_MS] == 2 * HOUR_S * 1_000
    assert measures.LOST not in total(state)


def test_a_contact_that_was_put_away_is_taken_up_again() -> None:
    """0 5    30                  900
    Q.A====E--------------------W    wrapped after it was put away: the leg is complete there, and nothing counts twice"""
    late = [queued(0), answered(5), ended(30), tick(800), wrapped(900)]
    state = state_of(*late[:4])
    assert away(state) == ["c"]
    go_on(state, late[4])
    assert away(state) == []
    assert total(state) == total(state_of(*late, settings=FOREVER))
    assert total(state)[measures.WRAP_UP_MS] == 870_000


def test_a_duplicate_of_a_contact_that_was_put_away_does_not_keep_it_open() -> None:
    """A vendor's whole record after the fact says everything again (DESIGN 4): memory must not grow with it."""
    first = queued(0, i="q")
    state = state_of(first, exited(9), ended(9), tick(60))
    go_on(state, first, tick(120), tick(1_200))
    assert state.counts.duplicates == 1
    assert away(state) == ["c"]


# ---------------------------------------------------------------- closed

# The quarter of the last fact must have ended before the horizon, 6 h before the newest event; time turns by the quarter.
CLOSES_S = 6 * HOUR_S + 900


def closing(*events: ContactEvent) -> PartitionState:
    """Return the state before and after these, of the first quarter, are closed."""
    state = state_of(*events, tick(CLOSES_S - 1))
    assert away(state) == ["c"]
    return state


def test_who_waits_still_is_lost() -> None:
    """When an hour had passed; the threshold was passed at the entry and T."""
    state = closing(queued(0))
    assert live(state, measures.WAITING) == {span(ms(0), HOUR_S): 1}
    go_on(state, tick(CLOSES_S))
    assert live(state, measures.WAITING) == {}
    lost_at = state.panes.queues[SALES].quarters[ms(HOUR_S) // 900_000]
    assert lost_at == {measures.LOST: 1}
    assert total(state) == {
        measures.OFFERED: 1,
        measures.CONTACTS: 1,
        measures.COHORT_LOST: 1,
        measures.LOST: 1,
        measures.SCORED: 1,
    }


def test_who_talks_still_is_unfinished() -> None:
    state = closing(queued(0), answered(5), held(9))
    go_on(state, tick(CLOSES_S))
    assert live(state, measures.IN_PROGRESS) == {}
    assert total(state)[measures.UNFINISHED] == 1
    assert measures.TALK_MS not in total(state)


def test_what_rings_or_is_owed_stands_open_no_more() -> None:
    state = closing(queued(0), ringing(3), callback_requested(9))
    go_on(state, tick(CLOSES_S))
    assert [live(state, cell) for cell in range(measures.LIVE)] == [{}] * measures.LIVE
    assert (total(state)[measures.CALLBACKS_REQUESTED], total(state).get(measures.OFFERS)) == (1, None)


def test_a_callback_is_owed_for_as_long_as_it_is_not_due() -> None:
    """Due two days later: the record is closed when the horizon has passed that."""
    state = state_of(queued(0), exited(9, "callback_accepted"), callback_requested(9, 2 * DAY_S), ended(9))
    go_on(state, tick(2 * DAY_S + HOUR_S))
    assert len(live(state, measures.CALLBACKS)) == 1
    go_on(state, tick(2 * DAY_S + CLOSES_S))
    assert live(state, measures.CALLBACKS) == {}


def test_what_was_heard_later_puts_the_closing_off() -> None:
    state = state_of(queued(0), ringing(HOUR_S), tick(CLOSES_S))
    assert len(live(state, measures.WAITING)) == 1
    go_on(state, tick(CLOSES_S + HOUR_S))
    assert live(state, measures.WAITING) == {}
    assert total(state)[measures.LOST] == 1


def test_without_a_horizon_nothing_is_closed() -> None:
    state = state_of(queued(0), tick(10_000 * HOUR_S), settings=FOREVER)
    assert (away(state), len(live(state, measures.WAITING))) == (["c"], 1)


def test_events_of_a_closed_contact_are_late() -> None:
    state = go_on(closing(queued(0)), tick(CLOSES_S), answered(5))
    assert state.counts.late == 1
    assert total(state)[measures.LOST] == 1


# ---------------------------------------------------------------- surveys outlive their contact


def call(*more: ContactEvent) -> list[ContactEvent]:
    """sales 0 Q..5 A===E 30, put away and closed."""
    return [queued(0), answered(5), ended(30), *more, tick(CLOSES_S)]


def ratings(state: PartitionState, queue: Key = SALES) -> list[int]:
    return [total(state, queue).get(cell, 0) for cell in RATINGS]


@pytest.mark.parametrize("restart", [False, True])
def test_a_rating_days_later_finds_its_queue(restart: bool) -> None:
    state = state_of(*call())
    assert away(state) == ["c"]
    if restart:
        state = restored(state)
    go_on(state, rated(6 * DAY_S, 5))
    assert ratings(state) == [1, 1, 0]
    assert (total(state)[measures.OFFERED], state.counts.orphans) == (1, 0)


@pytest.mark.parametrize("restart", [False, True])
def test_a_second_rating_days_later_takes_the_place_of_the_first(restart: bool) -> None:
    """And is an answer to the offer: 40 offered, 50 rated 5, two days later rated 1."""
    state = state_of(*call(survey_offered(40), rated(50, 5)))
    assert ratings(state) == [1, 1, 1]
    if restart:
        state = restored(state)
    go_on(state, rated(2 * DAY_S, 1))
    assert ratings(state) == [1, 0, 1]
    go_on(state, rated(4 * DAY_S, 4), rated(4 * DAY_S + 5, 2))
    assert ratings(state) == [1, 0, 1]


def test_a_rating_from_before_a_later_handling_stays_where_it_was() -> None:
    """sales 0 Q..5 A===E 30, rated 5 at 50; tech 100 Q..105 A===E 130; two days later the second rating, of tech."""
    again = [queued(100, "tech"), answered(105, "bob"), ended(130)]
    state = state_of(*call(rated(50, 5), *again))
    assert (ratings(state), ratings(state, TECH)) == ([1, 1, 0], [0, 0, 0])
    go_on(state, rated(2 * DAY_S, 1))
    assert (ratings(state), ratings(state, TECH)) == ([0, 0, 0], [1, 0, 0])


def test_a_survey_may_name_the_person_days_later() -> None:
    again = [queued(100, "tech"), answered(105, "bob"), ended(130)]
    state = go_on(state_of(*call(*again)), rated(2 * DAY_S, 5, agent="ann"))
    assert (ratings(state), ratings(state, TECH)) == ([1, 1, 0], [0, 0, 0])


def test_after_the_days_of_surveys_a_contact_is_forgotten() -> None:
    """Seven days after the quarter in which it was heard last, when the horizon has passed them."""
    state = state_of(*call(), tick(7 * DAY_S + CLOSES_S - 1))
    assert "c" in away(state)
    go_on(state, tick(7 * DAY_S + CLOSES_S))
    assert "c" not in away(state)
    go_on(state, rated(7 * DAY_S + CLOSES_S + 1, 5))
    assert ratings(state) == [0, 0, 0]
    assert ratings(state, key("_unknown")) == [1, 1, 0]
    assert state.counts.orphans == 1


def test_where_no_survey_is_waited_for_nothing_is_remembered() -> None:
    state = state_of(*call(), settings=FoldSettings(survey_days=0))
    assert away(state) == []


# ---------------------------------------------------------------- orphans


def test_contacts_of_which_no_beginning_is_known_are_counted() -> None:
    state = state_of(answered(0, c="a"), ended(1, c="b"), wrapped(2, c="b"), rated(3, c="d"))
    assert state.counts.orphans == 2


def test_whose_beginning_comes_late_is_no_orphan() -> None:
    state = state_of(ended(9))
    assert state.counts.orphans == 1
    assert go_on(state, queued(0)).counts.orphans == 0


def test_an_orphan_that_was_put_away_is_still_the_same() -> None:
    """It is silent for an hour, said again, and then its beginning comes; a restart in between changes nothing."""
    event = exited(9, i="x")
    for restart in (False, True):
        state = state_of(event, tick(76 * 60))
        assert away(state) == ["c"]
        if restart:
            state = restored(state)
        assert go_on(state, event).counts.orphans == 1
        assert go_on(state, started(0)).counts.orphans == 0


def test_an_orphan_that_is_closed_stays_counted() -> None:
    state = go_on(state_of(ended(9)), tick(CLOSES_S))
    assert state.counts.orphans == 1
    assert state.orphans == set()


# ---------------------------------------------------------------- snapshots


def test_a_snapshot_holds_who_is_away_who_is_closed_and_the_orphans() -> None:
    """Closed: c, which was rated; away and still waiting: d; an orphan that is away: e; here: the ticks."""
    state = state_of(*call(rated(40, 5)), queued(CLOSES_S, c="d"), ended(CLOSES_S, c="e"))
    go_on(state, tick(CLOSES_S + 76 * 60))
    assert away(state)[:3] == ["c", "d", "e"]
    again = restored(state)
    assert sorted(again.put_away.items()) == sorted(state.put_away.items())
    assert (again.orphans, again.counts) == ({"e"}, state.counts)
    assert snapshot.whole(again) == snapshot.whole(state)
    later = [rated(2 * DAY_S, 1), answered(2 * DAY_S, c="d"), tick(2 * DAY_S + CLOSES_S)]
    for each in (state, again):
        go_on(each, *later)
    assert snapshot.whole(again) == snapshot.whole(state)
    assert ratings(again) == [1, 0, 0]
