"""The report of a replay: terms by queue and hour, days of a zone, open hours, chats, issues, groups, and what stood open.

All numbers by hand from docs/counting.md; T = 20, S = 5 unless told. Times in seconds after Monday, 10 June 2024, 06:00 UTC.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from models.business_days import BusinessDays
from models.catalogue import BY_NAME
from models.errors import ConfigError
from models.events import ContactEvent, ExitReason
from streams.report import Frame
from tests.unit.builders import (
    START_MS,
    answered,
    callback_requested,
    classified,
    ended,
    exited,
    message,
    ms,
    queued,
    started,
    wrapped,
)
from tests.unit.test_replay import (
    DAY,
    FIRST,
    FOURTH,
    NO_COUNTS,
    SECOND,
    THIRD,
    lines,
    replay_of,
    report,
    row,
    settings,
    total,
)

HOUR = 3_600


def call(c: str, entry: float, wait: float, queue: str = "sales", talk: float = 60, **said: Any) -> list[ContactEvent]:
    """Return a call that is answered after `wait` and ends after `talk`."""
    at = entry + wait
    return [queued(entry, queue, c=c, **said), answered(at, c=c), ended(at + talk, "customer", c=c)]


def lost_call(c: str, entry: float, wait: float, queue: str = "sales") -> list[ContactEvent]:
    return [queued(entry, queue, c=c), ended(entry + wait, "customer", c=c)]


def at(text: str) -> float:
    """Return a time as seconds after the start of the tests' day."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() - START_MS / 1_000


def columns(found: dict[str, Any], *names: str, queue: str = "sales") -> list[tuple[Any, ...]]:
    """Return figures of the rows of a queue, each with its time of day."""
    return [
        (one["interval_start"][11:16], *(one[name] for name in names)) for one in found["rows"] if one["queue"] == queue
    ]


# ---------------------------------------------------------------- groups


def test_groups_add_up_their_queues() -> None:
    found = report(groups={"front": ["sales", "te*"], "back": ["mail-*"], "every": ["*"]})
    places = [(one["queue"], one["channel"], one.get("group")) for one in found["totals"]]
    assert places == [
        ("sales", "voice", None), ("tech", "voice", None),
        ("front", None, "front"), ("back", None, "back"), ("every", None, "every"),
        (None, None, None),
    ]  # fmt: skip
    everything = total(found, None)
    for group in ("front", "every"):
        assert {**total(found, group), "queue": None, "group": None} == {**everything, "group": None}
    assert (everything["offered"], everything["waiting"], everything["service_level"]) == (4, 1, 2 / 3)
    back = total(found, "back")
    assert (back["offered"], back["waiting"], back["asa"], back["longest_wait"]) == (0, 0, None, None)


def test_in_a_group_each_queue_is_measured_against_its_own_goals() -> None:
    """Waits of 30 s: in time where T is 60 s. Three of four in the group; quantiles and averages are of all calls."""
    events = [*call("a", 0, 10), *call("b", 10, 30), *call("c", 0, 30, "tech"), *call("d", 10, 50, "tech")]
    found = report(events, queues=[{"queue": "tech", "threshold_s": 60}], groups={"both": ["sales", "tech"]})
    levels = [total(found, queue)["service_level"] for queue in ("sales", "tech", "both", None)]
    assert levels == [1 / 2, 1.0, 3 / 4, 3 / 4]
    both = total(found, "both")
    assert (both["asa"], both["wait_p50"], both["max_wait"], both["talk"]) == (30.0, 30, 50, 240.0)


# ---------------------------------------------------------------- terms that differ by hour and weekday

# Every wait is 30 s.
#
#         06:05     06:14:50 | 06:15 ── T = 60 ──────────> on Mondays
#   a     Q 30 A             |
#   b               Q--------|----- 30 A
#   c                        |   06:20 Q 30 A
BY_THE_HOUR = [{"queue": "sales", "weekdays": ["mon"], "hours": "06:15-24:00", "threshold_s": 60}]
OF_TWO_TERMS = [*call("a", 300, 30), *call("b", 890, 30), *call("c", 1_200, 30)]


def test_on_the_same_day_each_entry_is_measured_by_the_terms_of_its_time() -> None:
    found = report(OF_TWO_TERMS, queues=BY_THE_HOUR)
    levels = [(time, level, n) for time, level, n in columns(found, "service_level", "answered_in_threshold")]
    assert levels[:2] == [("06:00", 0.0, 0), ("06:15", 1.0, 1)]
    assert total(found, "sales")["service_level"] == total(found, None)["service_level"] == 1 / 3
    assert total(found, "sales")["asa"] == 30.0
    by_day = report(OF_TWO_TERMS, Frame(1_440), queues=BY_THE_HOUR)
    assert columns(by_day, "service_level", "offered") == [("00:00", 1 / 3, 3)]
    assert total(report(OF_TWO_TERMS), "sales")["service_level"] == 0
    tuesdays = [{**BY_THE_HOUR[0], "weekdays": ["tue"]}]
    assert total(report(OF_TWO_TERMS, queues=tuesdays), "sales")["service_level"] == 0


def test_hours_are_those_of_the_zone() -> None:
    """From 08:15 in Zurich, which is 06:15 UTC in June."""
    zurich = [{**BY_THE_HOUR[0], "hours": "08:15-24:00"}]
    found = report(OF_TWO_TERMS, zone="Europe/Zurich", queues=zurich)
    assert total(found, "sales")["service_level"] == 1 / 3


def test_whether_the_threshold_is_passed_is_said_by_the_terms_of_the_entry() -> None:
    """Entered at 06:14:30, passed T = 20 at 06:14:50: once, and not again 60 s after the entry."""
    found, _ = replay_of(lines([queued(870, c="b")]), said=settings(queues=BY_THE_HOUR), as_of_ms=ms(1_000))
    made = found.report()
    assert columns(made, "service_level_live", "waiting") == [("06:00", 0.0, 1), ("06:15", None, 1)]
    waits, _ = replay_of(lines([queued(890, c="b")]), said=settings(queues=BY_THE_HOUR), as_of_ms=ms(1_000))
    assert columns(waits.report(), "service_level_live") == [("06:00", None), ("06:15", 0.0)]


def test_an_answer_is_in_time_by_the_terms_of_its_entry() -> None:
    """b waits 30 s over 06:15: it passed T = 20 at 06:15:10, and no T = 60 at its answer makes it in time as well."""
    found = report(call("b", 890, 30), queues=BY_THE_HOUR)
    assert columns(found, "service_level_live", "service_level") == [("06:00", None, 0.0), ("06:15", 0.0, None)]
    other = [{**BY_THE_HOUR[0], "threshold_s": 10}]
    found = report(call("b", 890, 15), queues=other)  # within T = 20, and never past it
    assert columns(found, "service_level_live") == [("06:00", None), ("06:15", 1.0)]


@pytest.mark.parametrize(("wait", "level"), [(4, None), (15, 0.0), (30, 0.0)])
def test_a_hang_up_is_short_or_in_time_by_the_terms_of_its_entry(wait: float, level: float | None) -> None:
    """T = 20 and S = 5 at the entry, T = 10 and S = 0 at the end; V9 positive would say 1 of the second."""
    other = [{**BY_THE_HOUR[0], "threshold_s": 10, "short_abandon_s": 0}]
    found = report(lost_call("b", 898, wait), queues=other)
    assert columns(found, "service_level_live")[-1] == ("06:15", level)
    positive = report(lost_call("b", 898, wait), queues=[*other, {"live": "positive"}])
    assert columns(positive, "service_level_live")[-1] == ("06:15", 1.0 if wait == 15 else level)


def test_who_is_lost_is_lost_whatever_the_terms_then() -> None:
    found = report([queued(0, c="a"), *call("d", 2 * HOUR, 5)], queues=BY_THE_HOUR)
    assert (total(found, "sales")["lost"], found["quality"]["lost"]) == (1, 1)


def test_who_waits_is_measured_by_the_terms_of_the_entry_too() -> None:
    """As of 06:15:40 b has waited 50 s against 20, d 35 s against 60."""
    found, _ = replay_of(
        lines([queued(890, c="b"), queued(905, c="d")]), said=settings(queues=BY_THE_HOUR), as_of_ms=ms(940)
    )
    sales = total(found.report(), "sales")
    assert (sales["cohort_waiting"], sales["sl_v9_negative"]) == (2, 0.0)
    assert sales["sl_v11"] == 0.0


# ---------------------------------------------------------------- days of a zone

ZURICH = BusinessDays("Europe/Zurich")


@pytest.mark.parametrize(
    ("starts", "hours"),
    [
        ("2024-03-29T23:00:00.000Z", 24),
        ("2024-03-30T23:00:00.000Z", 23),  # the clock goes from 02:00 to 03:00
        ("2024-03-31T22:00:00.000Z", 24),
        ("2024-10-26T22:00:00.000Z", 25),  # and from 03:00 back to 02:00
        ("2024-10-27T23:00:00.000Z", 24),
    ],
)
def test_a_day_has_the_hours_that_it_has(starts: str, hours: int) -> None:
    """A call in its first minute and one in its last, each waits 10 s."""
    first = at(starts[:19])
    last = first + hours * HOUR - 60
    found = report([*call("a", first, 10, talk=1), *call("b", last, 10, talk=1)], Frame(1_440, days=ZURICH))
    [only] = found["rows"]
    assert (only["interval_start"], only["interval_seconds"], only["offered"]) == (starts, hours * HOUR, 2)
    found = report([*call("a", first - 60, 10, talk=1), *call("b", last + 60, 10, talk=1)], Frame(1_440, days=ZURICH))
    assert [one["offered"] for one in found["rows"]] == [1, 1]  # the days before and after


def test_days_may_begin_in_the_morning() -> None:
    """06:00 in Zurich is 04:00 UTC: a call at 03:59 belongs to the day before."""
    days = BusinessDays("Europe/Zurich", "06:00")
    found = report(
        [*call("a", at("2024-06-10T03:59"), 10), *call("b", at("2024-06-10T04:00"), 10)], Frame(1_440, days=days)
    )
    assert [one["interval_start"] for one in found["rows"]] == ["2024-06-09T04:00:00.000Z", "2024-06-10T04:00:00.000Z"]


def test_limits_are_starts_of_days_of_the_zone() -> None:
    """The day that has 23 hours, and nothing of the days beside it."""
    from_s, to_s = at("2024-03-30T23:00"), at("2024-03-31T22:00")
    calls = [
        event for n, entry in enumerate((from_s - 1, from_s, to_s - 1, to_s)) for event in call(f"c{n}", entry, 10)
    ]
    found = report(calls, Frame(1_440, ms(from_s), ms(to_s), ZURICH))
    assert [(one["interval_start"], one["offered"]) for one in found["rows"]] == [("2024-03-30T23:00:00.000Z", 2)]
    assert total(found, "sales")["offered"] == 2
    with pytest.raises(ConfigError) as refused:
        Frame(1_440, ms(at("2024-03-31")), None, ZURICH)
    assert str(refused.value) == (
        "--from 2024-03-31T00:00:00.000Z: not the start of an interval of 1440 minutes (Europe/Zurich)"
    )


# ---------------------------------------------------------------- open hours

OPEN_HOURS: dict[str, Any] = {
    "queues": [
        {"queue": "desk", "calendar": "office", "wait_clock": "open_hours", "expires_min": 240},
        {"calendar": "office"},
    ],
    "calendars": {"office": {"mon": ["08:00-12:00", "13:00-18:00"], "tue": ["08:00-12:00"]}},
}


@pytest.mark.parametrize(
    ("entry", "answer", "wait"),
    [
        ("2024-06-10T06:00", "2024-06-10T08:00:15", 15),  # before they opened
        ("2024-06-10T11:59:50", "2024-06-10T13:00:30", 40),  # over lunch
        ("2024-06-10T17:59:59", "2024-06-11T08:00:20", 21),  # over night
        ("2024-06-10T12:10", "2024-06-10T12:20", 0),
    ],
)
@pytest.mark.parametrize(("queue", "channel"), [("desk", "voice"), ("sales", "email")])
def test_waits_by_open_hours(entry: str, answer: str, wait: int, queue: str, channel: str) -> None:
    """T = 20 s; e-mail waits by open hours unless told."""
    events = call("a", at(entry), at(answer) - at(entry), queue, channel=channel)
    found = total(report(events, **OPEN_HOURS), queue)
    assert (found["asa"], found["max_wait"], found["contact_wait"]) == (wait, wait, wait)
    assert found["service_level"] == found["service_level_contact"] == (1.0 if wait <= 20 else 0.0)


def test_by_open_hours_the_threshold_is_passed_in_open_hours() -> None:
    """Since 11:59:50; 20 s are over at 13:00:10, whether it waits still at 13:00:20 or was answered then."""
    events = call("a", at("2024-06-10T11:59:50"), HOUR + 30, "desk")
    for known in (events, events[:1]):
        replay, _ = replay_of(lines(known), said=settings(**OPEN_HOURS), as_of_ms=ms(at("2024-06-10T13:00:20")))
        found = [
            (time, level)
            for time, level in columns(replay.report(), "service_level_live", queue="desk")
            if level is not None
        ]
        assert found == [("13:00", 0.0)]


def test_other_queues_wait_day_and_night() -> None:
    found = report(call("a", 0, 2 * HOUR + 15), **OPEN_HOURS)
    assert total(found, "sales")["asa"] == 2 * HOUR + 15


def test_who_waits_while_it_is_closed_waits_within_the_threshold() -> None:
    """Since 11:59:50, as of 12:30: 10 s."""
    replay, _ = replay_of(
        lines([queued(at("2024-06-10T11:59:50"), "desk")]),
        said=settings(**OPEN_HOURS), as_of_ms=ms(at("2024-06-10T12:30")),
    )  # fmt: skip
    desk = total(replay.report(), "desk")
    assert (desk["waiting"], desk["sl_v12"], desk["longest_wait"]) == (1, 1.0, 1_810.0)
    assert desk["service_level_live"] is None  # nothing is decided


# ---------------------------------------------------------------- calls and chats


def test_calls_and_chats_in_one_file() -> None:
    """The same id is another contact in each. First responses after 40 s and 70 s, of 60 s; one is still waited for."""
    chats = [
        queued(0, "help", c="a"), message(0, c="a"), answered(10, c="a"), message(40, "agent", c="a"), ended(100, c="a"),
        queued(100, "help", c="b"), message(100, c="b"), answered(110, c="b"), message(170, "agent", c="b"),
        message(200, c="b"), ended(300, "customer", c="b"),
        queued(400, "help", c="e"), message(400, c="e"), ended(450, "customer", c="e"),
        queued(500, "help", c="f"), message(520, c="f"),
    ]  # fmt: skip
    mixed = sorted([*lines(), *lines(chats, "chat")], key=lambda line: line[::-1])
    found = replay_of(mixed)[0].report()
    assert [(one["queue"], one["channel"]) for one in found["totals"][:3]] == [
        ("help", "chat"), ("sales", "voice"), ("tech", "voice"),
    ]  # fmt: skip
    assert {**total(found, "sales")} == {**total(report(), "sales")}
    chat = total(found, "help")
    assert (chat["offered"], chat["answered"], chat["abandoned"], chat["waiting"]) == (4, 2, 1, 1)
    assert (chat["completed"], chat["dropped"], chat["missed"]) == (1, 1, 1)
    assert (chat["responses"], chat["frt"], chat["replies"]) == (2, 55.0, 2)
    assert chat["sl_v13"] == 1 / 4  # a in time, b late, e without one, f since 06:08:40
    assert (chat["unanswered"], chat["wait_for_reply_now"]) == (1, 2_480.0)
    assert total(found, None)["offered"] == 8
    assert found["quality"]["orphans"] == 0


# ---------------------------------------------------------------- issues


def test_issues_are_counted_apart() -> None:
    """a is reclassified, so that it counts for what was said last; d is about nothing."""
    events = [
        *call("a", 0, 10, issue="billing", reason="late fee", talk=50), classified(70, "order", c="a"),
        *call("b", 100, 10, issue="order", talk=30), wrapped(150, c="b"),
        *call("d", 200, 10),
        queued(300, issue="billing", reason="late fee", c="e"),
    ]  # fmt: skip
    found = report(events)
    assert [tuple(one.values()) for one in found["issues"]] == [
        # queue, channel, type, reason, contacts, handled, transferred, talk, hold, acw, aht
        ("sales", "voice", "billing", "late fee", 1, 0, 0, 0.0, 0.0, 0.0, None),
        ("sales", "voice", "order", "", 2, 2, 0, 80.0, 0.0, 10.0, 45.0),
    ]
    assert list(found["issues"][0])[:5] == ["queue", "channel", "issue_type", "issue_reason", "contacts"]
    assert total(found, None)["contacts"] == 4  # no issue is a queue
    assert len(found["rows"]) == 1


def test_issues_of_some_intervals_only() -> None:
    events = [*call("a", 0, 10, issue="billing"), *call("b", 900, 10, issue="billing")]
    [billing] = report(events, Frame(15, ms(900)))["issues"]
    assert (billing["contacts"], billing["handled"]) == (1, 1)


# ---------------------------------------------------------------- the quality of the data


def test_orphans_are_contacts_without_a_beginning() -> None:
    events = [
        *call("a", 0, 10),
        wrapped(10, c="x"),
        ended(20, c="y"),
        callback_requested(40, c="k"),
    ]
    assert report(events)["quality"] == NO_COUNTS | {"events": 6, "orphans": 2}


def test_of_which_the_end_was_never_heard_is_lost() -> None:
    """Nobody hears of a and b after 06:00 and 06:10:00; voice waits for an hour, `expires_min` says otherwise."""
    events = [queued(0, c="a"), queued(600, "tech", c="b"), *call("d", 2 * HOUR, 5)]
    assert report(events)["quality"]["lost"] == 2
    later = report(events, queues=[{"queue": "tech", "expires_min": 180}])
    assert (later["quality"]["lost"], total(later, "tech")["waiting"]) == (1, 1)


# ---------------------------------------------------------------- what stood open at the ends of intervals


def test_a_wait_stands_until_it_is_lost() -> None:
    """a enters at 06:00 and is lost at 07:00, which counts in the quarter that begins then."""
    found = report([queued(0, c="a"), *call("d", 2 * HOUR, 5)])
    assert columns(found, "waiting", "longest_wait", "lost", "cohort_lost") == [
        ("06:00", 1, 900.0, 0, 1),
        ("06:15", 1, 1_800.0, 0, 0),
        ("06:30", 1, 2_700.0, 0, 0),
        ("06:45", 1, 3_600.0, 0, 0),
        ("07:00", 0, None, 1, 0),
        ("08:00", 0, None, 0, 0),  # nothing of it between
    ]


def test_who_is_heard_of_again_had_been_waiting_all_the_time() -> None:
    """Answered at 07:30, half an hour after it would have been lost."""
    found = report(call("a", 0, 1.5 * HOUR))
    assert [time for time, waiting in columns(found, "waiting") if waiting] == [
        "06:00", "06:15", "06:30", "06:45", "07:00", "07:15",
    ]  # fmt: skip
    assert (total(found, "sales")["lost"], found["quality"]["lost"]) == (0, 0)


def test_talks_stand_open_at_the_end_of_each_interval() -> None:
    assert columns(report(), "in_progress", "waiting") == [
        (FIRST[11:16], 0, 1), (SECOND[11:16], 1, 1), (THIRD[11:16], 1, 0), (FOURTH[11:16], 1, 0),
    ]  # fmt: skip
    assert row(report(DAY)["rows"], "tech", FOURTH)["waiting"] == 1


def test_wrap_up_that_nobody_ended_yet_is_not_handled_yet() -> None:
    """It ended at 06:02, and five minutes of wrap-up are waited for; as of 06:05, and as of 06:07."""
    said = settings(queues=[{"queue": "sales", "wrap_up": "event", "wrap_up_limit_s": 300}])
    for as_of, in_acw, handled in ((300, 1, 0), (419, 1, 0), (420, 0, 1)):
        found = replay_of(lines(call("a", 0, 10, talk=110)), said=said, as_of_ms=ms(as_of))[0].report()
        for figures in (*found["totals"], *found["rows"]):
            assert (figures["in_acw"], figures["handled"]) == (in_acw, handled), as_of
            assert figures["acw_inferred"] == handled
            assert (figures["handle_p50"] is None) == (not handled)


def test_what_is_to_come_is_in_no_row() -> None:
    """As of 06:10 nobody is lost; the wait would be at 06:12, in the same interval."""
    said = settings(queues=[{"queue": "sales", "expires_min": 12}])
    for as_of, lost in ((600, 0), (720, 1)):
        found = replay_of(lines([queued(0, c="a")]), said=said, as_of_ms=ms(as_of))[0].report()
        assert [one["lost"] for one in (*found["totals"], *found["rows"])] == [lost] * 3
        assert found["quality"]["lost"] == lost


# ---------------------------------------------------------------- figures over several queues


@pytest.mark.parametrize("reason", ["timeout", "voicemail", "callback_accepted"])
def test_exits_of_any_other_reason(reason: ExitReason) -> None:
    found = total(report([queued(0, c="a"), exited(30, reason, c="a")]), "sales")
    assert (found["exited"], found["cohort_exited"], found["abandoned"]) == (1, 1, 0)
    assert found["sl_v7"] == 0.0


def test_the_goal_is_reached_by_so_many_answers_in_a_row() -> None:
    """One in time of two, to 80 %: 4 of 5."""
    found = total(report([*call("a", 0, 10), *call("b", 0, 30)]), "sales")
    assert found["must_answer_next"] == 3


def test_every_figure_of_a_row_is_in_the_catalogue_and_the_other_way_round() -> None:
    names = {"queue", "channel", "interval_start", "interval_seconds"}
    for one in report()["rows"]:
        assert one.keys() - names == BY_NAME.keys()


def test_an_abandoned_contact_is_given_up_when_it_ends() -> None:
    events: Iterable[ContactEvent] = [started(0, c="a"), *lost_call("a", 10, 30)]
    found = total(report(events), "sales")
    assert (found["contact_abandoned"], found["service_level_contact"], found["abandon_rate"]) == (1, 0.0, 1.0)
