"""Waiting in a queue, blocked contacts, and the moments of the live service level (docs/counting.md)."""

from dataclasses import replace

import pytest

from models import measures
from models.book import Book, Clause
from models.calendars import OpenHours
from models.events import BlockReason, By, Direction, ExitReason
from models.folding import QueueRules, default_rules, ruled
from tests.unit.builders import (
    HOUR_S,
    START_MS,
    about,
    answered,
    blocked,
    by_rules,
    ended,
    exited,
    is_abandoned,
    is_answered,
    is_counted,
    is_exited,
    is_given_up,
    is_handled,
    is_in_progress,
    is_lost,
    is_met,
    is_offered,
    is_open,
    is_ringing,
    is_waiting,
    key,
    queued,
    ringing,
    started,
)
from tests.unit.cases import NOTHING, Case, assert_counts, closed, counted

CASES: dict[str, Case] = {
    # 0         12                    72
    # Q.........A=====================E
    "plain call": ([queued(0), answered(12), ended(72)], is_answered(0, 12) + is_handled(72, talk=60)),
    # 0    5 (now)
    # Q....
    "still waiting": ([queued(0)], is_waiting(0)),
    # -30.5     0    5 (now)
    # S.........Q....     the contact waits since it began
    "still waiting, and was in the IVR before": ([started(-30.5), queued(0)], is_waiting(0, since=-30.5)),
    # -30       0              31        the contact's own wait begins at the entry too
    # S         Q..............X E 33
    "abandoned after the IVR": (
        [started(-30), queued(0), exited(31), ended(33)],
        is_abandoned(0, 31) + is_given_up(0, 33),
    ),
    # 0.5       12.345           30
    # Q.........A================E       a wait of 11.845 s counts as 12 s, its sum is exact
    "milliseconds": (
        [queued(0.5), answered(12.345), ended(30)],
        is_answered(0.5, 11.845) + is_handled(30, talk=17.655),
    ),
    # 0         8
    # S         E        in the IVR: no visit, nothing counted
    "never queued": ([started(0), ended(8, "customer")], NOTHING),
    # ---------------------------------------------------------------- ends
    # 0         31
    # Q.........XE      both words for one hang-up count once
    "exited and ended in one": ([queued(0), exited(31), ended(31)], is_abandoned(0, 31) + is_given_up(0, 31)),
    # 0         31   40
    # Q.........X    X
    "exited again": ([queued(0), exited(31), exited(40, "timeout")], is_abandoned(0, 31)),
    # 0         31   40   50
    # Q.........E    X    E
    "exited after the end, and ended again": (
        [queued(0), ended(31), exited(40, "timeout"), ended(50)],
        is_abandoned(0, 31) + is_given_up(0, 31),
    ),
    # 10
    # QX
    "queued and exited in one": ([queued(10), exited(10)], is_abandoned(10, 0)),
    "queued and ended in one": ([queued(10), ended(10)], is_abandoned(10, 0) + is_given_up(10, 0)),
    # 10
    # QA=====E 40
    "queued and answered in one": ([queued(10), answered(10), ended(40)], is_answered(10, 0) + is_handled(40, 30)),
    # ---------------------------------------------------------------- several queues
    # 0    5         20
    # Q....X         (moved)
    #      Q.........A=====E 30        two visits, one contact: it waited for 20 s
    "moved to another queue": (
        [queued(0), exited(5, "moved"), queued(5, "tech"), answered(20), ended(30)],
        is_exited(0, 5, "moved")
        + is_answered(5, 15, "tech", first=False)
        + is_met(0, 20)
        + is_handled(30, talk=10, queue="tech"),
    ),
    # 0         30         90
    # Q.........X overflow
    #           Q..........E
    "overflow, and hung up there": (
        [queued(0), exited(30, "overflow"), queued(30, "tech"), ended(90, "customer")],
        is_exited(0, 30, "overflow") + is_abandoned(30, 60, "tech", first=False) + is_given_up(0, 90),
    ),
    # sales 0  Q...............A=====E 30
    # tech  4      Q...........           answered elsewhere: neither offered nor lost
    "two queues, answered in the first": (
        [queued(0), queued(4, "tech"), answered(20, queue="sales"), ended(30)],
        is_answered(0, 20) + is_handled(30, talk=10),
    ),
    # the visit to sales is not offered any more; the contact counts there all the same
    "two queues, answered in the second": (
        [queued(0), queued(4, "tech"), answered(20, queue="tech"), ended(30)],
        is_counted(0, measures.CONTACTS)
        + is_met(0, 20)
        + is_answered(4, 16, "tech", first=False)
        + is_handled(30, talk=10, queue="tech"),
    ),
    "two queues, answered in none named: the longest waiting": (
        [queued(0), queued(4, "tech"), answered(20), ended(30)],
        is_answered(0, 20) + is_handled(30, talk=10),
    ),
    "two queues, told before the answer that it was elsewhere": (
        [queued(0), queued(4, "tech"), exited(19, "answered_elsewhere", "tech"), answered(20), ended(30)],
        is_answered(0, 20) + is_handled(30, talk=10),
    ),
    # sales 0  Q......X 9  (timeout)
    # tech  4      Q.................E 30
    "two queues, out of one by name, hung up in the other": (
        [queued(0), queued(4, "tech"), exited(9, "timeout", "sales"), ended(30)],
        is_exited(0, 9, "timeout") + is_abandoned(4, 26, "tech", first=False) + is_given_up(0, 30),
    ),
    "two queues, out of one that is not named: the longest waiting": (
        [queued(0), queued(4, "tech"), exited(9, "timeout")],
        is_exited(0, 9, "timeout") + is_waiting(4, "tech", first=False, since=0),
    ),
    "two queues, hung up in both": (
        [queued(0), queued(4, "tech"), ended(30)],
        is_abandoned(0, 30) + is_abandoned(4, 26, "tech", first=False) + is_given_up(0, 30),
    ),
    # sales 0  Q.........A==========E 30      an exit out of a queue in which nothing waits
    "out of a queue in which it does not wait": (
        [queued(0), exited(9, "timeout", "tech"), answered(10), ended(30)],
        is_answered(0, 10) + is_handled(30, talk=20),
    ),
    # sales 0  Q..........................E 30
    # tech          10 A==================      ends no visit, but the contact was answered
    "answered for a queue in which it does not wait": (
        [queued(0), answered(10, queue="tech"), ended(30)],
        is_abandoned(0, 30) + is_met(0, 10) + is_handled(30, talk=20, queue="tech"),
    ),
    # sales  0 A====E 5      10 Q.......E 20 (tech)      the answer was before the first entry
    "answered before it was queued": (
        [answered(0, queue="sales"), ended(5), queued(10, "tech"), ended(20)],
        is_handled(5, talk=5) + is_abandoned(10, 10, "tech") + is_given_up(10, 10, "tech"),
    ),
    # ---------------------------------------------------------------- again, and again
    # 0       9        20       50      a contact of two stays is given up but once, at its first end
    # Q.......E        Q........A===E 60
    "back after the end": (
        [queued(0), ended(9), queued(20), answered(50), ended(60)],
        is_abandoned(0, 9)
        + is_given_up(0, 9)
        + is_answered(20, 30, first=False)
        + is_handled(60, talk=10),
    ),
    # ---------------------------------------------------------------- channel
    "a finer channel": (
        [queued(0, channel="video"), answered(5), ended(9)],
        is_answered(0, 5, key("sales", "video")) + is_handled(9, talk=4, queue=key("sales", "video")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_visits(name: str) -> None:
    assert_counts(*CASES[name])


ENDINGS: list[tuple[By | None, bool]] = [
    (None, True),
    ("customer", True),
    ("agent", False),
    ("system", False),
    ("other", False),
]


@pytest.mark.parametrize(("by", "abandoned"), ENDINGS)
def test_who_ended_it_tells_an_abandon_from_a_drop(by: By | None, abandoned: bool) -> None:
    gone = is_abandoned(0, 31) if abandoned else is_exited(0, 31, "system_drop")
    assert_counts([queued(0), ended(31, by)], gone + is_given_up(0, 31))


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
    assert_counts([queued(0), exited(31, reason)], is_exited(0, 31, reason))


def test_the_reasons_have_cells_of_their_own() -> None:
    cells = {cell for reason in REASONS for _, _, cell in is_exited(0, 31, reason)}
    # offered, the contact, passed T, two cohort waits (callbacks, the rest), the wait and its sum
    assert len(cells) == len(REASONS) + 7


def test_told_that_it_was_answered_elsewhere() -> None:
    """Neither offered nor lost; the contact counts."""
    assert counted([queued(0), exited(31, "answered_elsewhere")]) == is_counted(0, measures.CONTACTS)


@pytest.mark.parametrize("direction", ["outbound", "callback", "other"])
@pytest.mark.parametrize("where", ["started", "queued"])
def test_what_is_not_inbound_is_not_offered(direction: Direction, where: str) -> None:
    """Neither the visit counts nor the contact; the person's work does."""
    if where == "started":
        begin = [started(0, direction), queued(1)]
    else:
        begin = [started(0, "inbound"), queued(1, direction=direction)]
    assert_counts([*begin], NOTHING)
    assert_counts([*begin, exited(9, "timeout")], NOTHING)
    assert_counts([*begin, ended(99)], NOTHING)
    assert_counts([*begin, answered(9)], is_in_progress(9))
    assert_counts([*begin, answered(99), ended(120)], is_handled(120, talk=21))


def test_the_visits_own_direction_goes_before_the_contacts() -> None:
    """A call that was dialled and is then put into a queue as inbound is offered there."""
    begin = [started(0, "outbound"), queued(1, direction="inbound")]
    assert_counts([*begin, exited(9)], is_abandoned(1, 8))


def test_the_direction_that_started_named_last_holds() -> None:
    begin = [started(0, "outbound"), started(0.5, "inbound"), started(0.6), queued(1)]
    assert_counts([*begin, exited(9)], is_abandoned(1, 8))


def test_callbacks_may_be_offered() -> None:
    rules = by_rules(QueueRules(callbacks_in_offered=True))
    assert_counts([queued(0, direction="callback"), answered(9)], is_answered(0, 9) + is_in_progress(9), rules=rules)
    assert_counts([queued(0, direction="outbound"), answered(9)], is_in_progress(9), rules=rules)


# ---------------------------------------------------------------- blocked

BLOCKS: list[BlockReason] = ["queue_closed", "queue_full", "no_agent", "other"]


@pytest.mark.parametrize("reason", BLOCKS)
def test_turned_away(reason: BlockReason) -> None:
    assert_counts([started(0), blocked(1, "sales", reason), ended(1)], is_counted(1, measures.BLOCKED[reason]))


def test_turned_away_from_where() -> None:
    """In its queue, else in the contact's, else in one that is not known, in the channel that it says."""
    full = measures.BLOCKED["queue_full"]
    assert_counts([blocked(1, None)], is_counted(1, full, key("_unknown")))
    assert_counts([blocked(1, None, channel="video")], is_counted(1, full, key("_unknown", "video")))
    assert_counts([blocked(1, "sales", channel="video")], is_counted(1, full, key("sales", "video")))
    assert_counts(
        [queued(0, "tech"), exited(1), blocked(1, None)], is_abandoned(0, 1, "tech") + is_counted(1, full, "tech")
    )


# ---------------------------------------------------------------- lost


def test_lost_after_an_hour_of_silence() -> None:
    """0                     60 min
    Q.....................        its contact is neither answered nor given up"""
    assert closed([queued(0)]) == is_lost(0, HOUR_S)


def test_what_is_heard_lets_the_wait_last_on_in_whole_minutes() -> None:
    """0        119.9    130                 62 min
    Q........r........r..............         after the first minute, then after the second: 60 + 2 min"""
    events = [queued(0), ringing(119.9), ringing(130)]
    waiting = is_offered(0) + is_open(measures.WAITING, 0, HOUR_S + 120) + is_ringing(119.9)
    assert_counts(events, waiting)
    assert counted(events[:2]) == is_offered(0) + is_open(measures.WAITING, 0, HOUR_S + 60) + is_ringing(119.9)
    assert closed(events) == is_lost(0, HOUR_S + 120)


def test_the_contacts_wait_lasts_on_as_well() -> None:
    """-30.5 S, 0 Q, 130 r: 62 min after the entry it is lost, 3,750.5 s after its start, in whole seconds."""
    sums = is_offered(0) + is_open(measures.WAITING, 0, HOUR_S + 120) + is_ringing(130)
    assert_counts(
        [started(-30.5), queued(0), ringing(130)], sums + is_open(measures.WAITING_CONTACT, -30.5, HOUR_S + 150)
    )


def test_an_event_that_comes_later_undoes_it() -> None:
    """0                     60 min         120 min       it had been waiting all the time
    Q.....................(lost)........A"""
    events = [queued(0), answered(2 * HOUR_S)]
    assert_counts(events, is_answered(0, 2 * HOUR_S) + is_in_progress(2 * HOUR_S))


@pytest.mark.parametrize(("channel", "hours"), [("voice", 1), ("chat", 4), ("messaging", 72), ("email", 72)])
def test_how_long_silence_may_last_depends_on_the_channel(channel: str, hours: int) -> None:
    where = key("sales", channel)
    assert_counts([queued(0, channel=channel)], is_waiting(0, where, allowance_s=hours * HOUR_S))


def test_who_is_not_offered_is_not_lost() -> None:
    assert closed([queued(0, direction="outbound")]) == {}


# ---------------------------------------------------------------- the live service level, by moment


@pytest.mark.parametrize(("wait", "passed"), [(20, False), (20.001, True), (600, True), (600.001, True), (3_000, True)])
def test_an_answer_above_the_threshold_passed_it_at_entry_and_threshold(wait: float, passed: bool) -> None:
    found = counted([queued(0), answered(wait)])
    assert found.get((key(), START_MS + 20_000, measures.SCORED)) == (1 if passed else None)
    assert found == is_answered(0, wait) + is_in_progress(wait)


@pytest.mark.parametrize(("wait", "scored"), [(3, False), (3.001, False), (5, False), (5.001, True)])
def test_short_abandons_never_count_though_they_passed_it(wait: float, scored: bool) -> None:
    """T = 3 s and S = 5 s."""
    found = counted([queued(0), exited(wait)], rules=by_rules(QueueRules(threshold_s=3, short_abandon_s=5)))
    assert found.get((key(), START_MS + 3_000, measures.SCORED)) == (1 if scored else None)


def test_other_exits_pass_it_however_short_they_are() -> None:
    found = counted([queued(0), exited(4, "timeout")], rules=by_rules(QueueRules(threshold_s=3, short_abandon_s=5)))
    assert found[key(), START_MS + 3_000, measures.SCORED] == 1


@pytest.mark.parametrize(("wait", "passed"), [(650, False), (700, False), (700.001, True)])
def test_thresholds_longer_than_the_histograms_seconds(wait: float, passed: bool) -> None:
    found = counted([queued(0), answered(wait)], rules=by_rules(QueueRules(threshold_s=700)))
    assert found.get((key(), START_MS + 700_000, measures.SCORED)) == (1 if passed else None)
    assert found[key(), START_MS + round(wait * 1_000), measures.LONG_WAIT + round(wait * 1_000)] == 1


def test_the_settings_in_force_at_the_entry_hold() -> None:
    """T is 60 s from the second quarter on.

    0                       15 min
    T = 20 s               |T = 60 s
         890 Q.............|........A 930     waited for 40 s: passed its 20 s at 910
                           |900 Q.......A 940          40 s: within 60
    """
    clause = Clause({"threshold_s": 60}, valid_from_ms=START_MS + 900_000)
    rules = Book(default_rules, (clause,), ruled)
    late = is_answered(890, 40) + is_in_progress(930)
    late.subtract(is_counted(930, measures.MORE_ANSWERED_IN))  # by the 60 s of the answer it is in time
    assert_counts([queued(890), answered(930)], late, rules=rules)
    within = is_answered(900, 40) - is_counted(920, measures.SCORED)
    assert_counts([queued(900), answered(940)], within + is_in_progress(940), rules=rules)


# ---------------------------------------------------------------- open hours

# Monday    06:00       06:10          07:00                     17:00
#           open========|              open======================|
OPEN = OpenHours("UTC", (((360, 370), (420, 1_020)), *((),) * 6))
BY_OPEN_HOURS = by_rules(replace(QueueRules(threshold_s=700), clock=OPEN))


def test_a_wait_by_open_hours_is_the_open_time_in_it() -> None:
    """9 min of the first opening, 40 s of the second: 580 s between 06:01 and 07:00:40, of the contact's wait too."""
    entry, at = 60, HOUR_S + 40
    wait = 9 * 60 + 40
    sums = is_offered(entry) + is_met(entry, wait) + is_counted(entry, measures.COHORT_ANSWER_WAIT + wait)
    sums += is_counted(at, {measures.ANSWER_WAIT + wait: 1, measures.ANSWER_WAIT_MS: wait * 1_000})
    assert_counts([queued(entry), answered(at)], sums + is_in_progress(at), rules=BY_OPEN_HOURS)


def test_an_abandon_by_open_hours() -> None:
    """06:09:30 to 06:40: half a minute; given up at the end, at 07:00:10: 40 s."""
    entry, at = 570, 2_400
    sums = is_offered(entry) + is_given_up(entry, 40) + is_counted(entry, measures.COHORT_ABANDON_WAIT + 30)
    sums += is_counted(at, {measures.ABANDON_WAIT + 30: 1, measures.ABANDON_WAIT_MS: 30_000})
    assert_counts([queued(entry), exited(at), ended(HOUR_S + 10)], sums, rules=BY_OPEN_HOURS)


@pytest.mark.parametrize(("threshold_s", "passed_at"), [(20, 590), (60, HOUR_S + 30), (100, None)])
def test_a_threshold_by_open_hours_is_passed_in_open_hours(threshold_s: int, passed_at: float | None) -> None:
    """In from 06:09:30, 30 s of it open; out at 07:01, after 90 s: 20 s are over at 06:09:50, 60 s at 07:00:30."""
    rules = by_rules(QueueRules(threshold_s=threshold_s, clock=OPEN))
    found = counted([queued(570), exited(HOUR_S + 60)], rules=rules)
    passed = [at for _, at, cell in found if cell == measures.SCORED]
    assert passed == ([] if passed_at is None else [START_MS + round(passed_at * 1_000)])


def test_a_wait_while_it_is_closed_is_no_wait() -> None:
    found = counted([queued(1_000), exited(2_000, "timeout")], rules=BY_OPEN_HOURS)
    assert found == is_offered(1_000) + is_counted(1_000, measures.COHORT_EXIT_WAIT) + is_counted(
        2_000, {measures.EXIT_WAIT: 1, measures.EXITED["timeout"]: 1}
    )


def test_what_a_visit_counts_for_the_issue_is_the_contact_alone() -> None:
    expected = is_waiting(0) + about("bill", "refund", is_counted(0, measures.CONTACTS))
    assert_counts([queued(0, issue="bill", reason="refund")], expected)
