"""Rows of contacts: what stands in one row, worked by hand, and that sums over rows are the report's.

Q sales 12 A ann 30 H 10 R 20 T (queue)          Q tech 40 A bob 60 E, wrap-up of bob 25
0       12       42   52   72                     75       115      175                200
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from models.codec import encode
from models.events import ContactEvent, Prefix
from models.settings import Settings
from streams.contact_rows import ContactRow, rows_of
from streams.replay import Replay
from streams.shard import Shard
from tests.recount.days import day, shuffled
from tests.unit.builders import (
    answered,
    blocked,
    ended,
    exited,
    held,
    left,
    message,
    ms,
    queued,
    rated,
    resumed,
    ringing,
    started,
    transferred,
    wrapped,
)

DAY: list[ContactEvent] = [
    queued(0, issue="bill"), ringing(4), answered(12), held(42), resumed(52), transferred(72, "ann", "queue"),
    queued(75, "tech"), answered(115, "bob"), ended(175, "customer"), wrapped(200, "bob", resolved=True),
    rated(900, 4, agent="bob"),
]  # fmt: skip


def replayed(lines: Iterable[bytes], wrap_up: str = "none") -> Replay:
    replay = Replay(Settings.model_validate({"queues": [{"wrap_up": wrap_up}]}), lambda *_: None)
    replay.read("file", lines)
    return replay


def rows(replay: Replay, now_ms: int) -> list[ContactRow]:
    """Return the rows of all contacts, which one shard has."""
    [found] = replay.shards.ask(f"{__name__}:rows_in", now_ms)
    return list(found)


def rows_in(shard: Shard, now_ms: int) -> list[ContactRow]:
    return [
        row
        for prefix, contact_id, contact in shard.contacts()
        for row in rows_of(contact_id, contact, shard.states[prefix].blank(), now_ms)
    ]


def of(events: Iterable[ContactEvent], prefix: Prefix = "call", wrap_up: str = "none") -> list[ContactRow]:
    """Return the rows of contacts, those of "c" first."""
    events = list(events)
    found = rows(replayed([encode(prefix, event) for event in events], wrap_up), max(event.at for event in events))
    return sorted(found, key=lambda row: row.contact_id != "c")


def facts(row: ContactRow, *names: str) -> list[object]:
    return [getattr(row, name) for name in names]


# ---------------------------------------------------------------- by hand


def test_a_leg_and_the_visit_that_it_answered_are_one_row() -> None:
    first, second = of(DAY)
    assert first == ContactRow(
        contact_id="c", queue="sales", channel="voice", kind="leg", direction="inbound", leg=1, visit=1, offered=True,
        entered=ms(0), rang=ms(4), answered=ms(12), ended=ms(72), completed=ms(72), agent="ann", role="primary",
        exit_reason="answered", wait_ms=12_000, offers=1, ring_ms=8_000, talk_ms=50_000, hold_ms=10_000, holds=1,
        handle_ms=60_000, transfer="queue", issue_type="bill", last_event=ms(900),
    )  # fmt: skip
    assert second == ContactRow(
        contact_id="c", queue="tech", channel="voice", kind="leg", direction="inbound", leg=2, visit=2, offered=True,
        entered=ms(75), answered=ms(115), ended=ms(175), wrapped=ms(200), completed=ms(200), agent="bob", role="primary",
        exit_reason="answered", wait_ms=40_000, talk_ms=60_000, hold_ms=0, holds=0, acw_ms=25_000, handle_ms=85_000,
        ended_by="customer", resolved=True, issue_type="bill", csat=4.0, last_event=ms(900),
    )  # fmt: skip


def test_a_visit_that_nobody_answered_is_a_row_of_its_own() -> None:
    [row] = of([queued(0), ended(30)])
    assert facts(row, "kind", "offered", "exit_reason", "wait_ms", "ended", "agent", "leg") == [
        "visit", True, "abandoned", 30_000, ms(30), None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(("later_s", "reason"), [(3_599, "waiting"), (3_600, "lost")])
def test_who_waits_still_is_waiting_until_lost(later_s: int, reason: str) -> None:
    found = of([queued(0), started(later_s, c="another")])
    assert [row.exit_reason for row in found] == [reason, None]


def test_of_two_queues_the_one_that_did_not_answer_counts_as_not_offered() -> None:
    found = of([queued(0), queued(1, "tech"), answered(9, "bob", "tech"), ended(20)])
    assert [facts(row, "queue", "kind", "offered", "exit_reason") for row in found] == [
        ["sales", "visit", False, "answered_elsewhere"],
        ["tech", "leg", True, "answered"],
    ]


def test_an_exit_of_the_millisecond_of_the_entry_is_of_that_visit() -> None:
    [row] = of([exited(5, "overflow"), queued(5)])
    assert facts(row, "offered", "exit_reason", "wait_ms", "ended") == [True, "overflow", 0, ms(5)]


def test_a_person_who_still_talks_and_answers_another_queue_has_one_leg() -> None:
    found = of([queued(0), answered(5), queued(10, "tech"), answered(20), ended(60)])
    assert [facts(row, "kind", "leg", "agent", "wait_ms", "ended") for row in found] == [
        ["leg", 1, "ann", 5_000, ms(60)],
        ["visit", None, "ann", 10_000, None],
    ]


def test_who_was_consulted_and_takes_over_has_two_rows() -> None:
    found = of([
        queued(0), answered(5), answered(30, "bob", role="consult"), transferred(50, "ann", "consult", "bob"), ended(90),
    ])  # fmt: skip
    assert [facts(row, "kind", "agent", "role", "answered", "ended", "transfer", "consult_ms") for row in found] == [
        ["leg", "ann", "primary", ms(5), ms(50), "consult", None],
        ["consult", "bob", "consult", ms(30), ms(50), None, 20_000],
        ["leg", "bob", "primary", ms(50), ms(90), None, None],
    ]


def test_a_consultation_of_no_time_is_a_row() -> None:
    found = of([queued(0), answered(5), left(30, "bob"), answered(30, "bob", role="consult"), ended(90)])
    assert facts(found[1], "kind", "agent", "answered", "ended", "consult_ms") == ["consult", "bob", ms(30), ms(30), 0]


def test_a_leg_whose_wrap_up_may_come_is_not_completed_before_the_limit() -> None:
    call = [queued(0), answered(5), ended(60)]
    [row, _] = of([*call, started(500, c="another")], wrap_up="event")
    assert facts(row, "ended", "completed", "talk_ms", "handle_ms") == [ms(60), None, None, None]
    [row, _] = of([*call, started(700, c="another")], wrap_up="event")
    assert facts(row, "ended", "completed", "talk_ms", "handle_ms") == [ms(60), ms(660), 55_000, 55_000]


def test_replies_are_of_the_newest_row_of_their_queue() -> None:
    chat = [queued(0), message(0), answered(10), message(20, "agent"), message(30), message(45, "agent"), ended(60)]
    [row] = of(chat, "chat")
    assert facts(row, "channel", "first_response_ms", "replies", "reply_ms") == ["chat", 20_000, 2, 35_000]


def test_who_never_entered_a_queue_has_a_row_too() -> None:
    assert [facts(row, "kind", "queue", "exit_reason") for row in of([blocked(0)])] == [["blocked", "sales", "blocked"]]
    assert [facts(row, "kind", "queue", "channel") for row in of([started(0), ended(5)])] == [["other", None, "voice"]]


def test_two_surveys_about_one_leg_are_two_rows() -> None:
    call = [
        queued(0),
        answered(5),
        ended(60),
        rated(70, 5, survey="a"),
        rated(80, 1, survey="b"),
        rated(90, 2, survey="b"),
    ]
    assert [facts(row, "kind", "csat") for row in of(call)] == [["leg", 5.0], ["other", 2.0]]


# ---------------------------------------------------------------- sums

Reads = Callable[[ContactRow], float | bool | None]
SUMS: dict[str, Reads] = {
    "offered": lambda row: row.offered,
    "answered": lambda row: row.offered and row.exit_reason == "answered",
    "abandoned": lambda row: row.offered and row.exit_reason == "abandoned",
    "exited": lambda row: row.offered and row.exit_reason not in ("answered", "abandoned", "waiting", "lost"),
    "lost": lambda row: row.offered and row.exit_reason == "lost",
    "cohort_waiting": lambda row: row.offered and row.exit_reason == "waiting",
    "blocked": lambda row: row.exit_reason == "blocked",
    "answer_wait": lambda row: row.offered and row.exit_reason == "answered" and (row.wait_ms or 0) / 1_000,
    "abandon_wait": lambda row: row.offered and row.exit_reason == "abandoned" and (row.wait_ms or 0) / 1_000,
    "handled": lambda row: row.completed is not None,
    "talk": lambda row: (row.talk_ms or 0) / 1_000,
    "hold": lambda row: (row.hold_ms or 0) / 1_000,
    "acw": lambda row: (row.acw_ms or 0) / 1_000,
    "holds": lambda row: row.holds,
    "held": lambda row: bool(row.holds),
    "agent_disconnect_first": lambda row: row.completed is not None and row.ended_by == "agent",
    "transferred": lambda row: row.transfer is not None,
    **{
        f"transfers_{kind}": lambda row, kind=kind: row.transfer == kind  # type: ignore[misc]  # its kind is bound here
        for kind in ("blind", "consult", "queue", "external", "other")
    },
    "consults": lambda row: row.consult_ms is not None,
    "consult": lambda row: (row.consult_ms or 0) / 1_000,
    "offers": lambda row: row.offers,
    "ring": lambda row: row.ring_ms / 1_000,
    "resolved": lambda row: row.resolved is True,
    "responses": lambda row: row.first_response_ms is not None,
    "replies": lambda row: row.replies,
    "csat_rated": lambda row: row.csat is not None,
    "csat_good": lambda row: row.csat is not None and row.csat >= 4,
    "nps_rated": lambda row: row.nps is not None,
    "nps_promoters": lambda row: row.nps is not None and row.nps >= 9,
}
MEANS: dict[str, tuple[Reads, str]] = {
    "frt": (lambda row: (row.first_response_ms or 0) / 1_000, "responses"),
    "avg_reply_time": (lambda row: row.reply_ms / 1_000, "replies"),
    "aht": (lambda row: (row.handle_ms or 0) / 1_000, "handled"),
    "csat_score": (lambda row: row.csat, "csat_rated"),
}


@pytest.mark.parametrize("wrap_up", ["none", "event"])
@pytest.mark.parametrize("seed", range(6))
def test_the_sums_over_rows_are_those_of_the_report(seed: int, wrap_up: str) -> None:
    lines = shuffled(day(seed, 150, 6), seed)
    replay = replayed(lines, wrap_up)
    report = replay.report()
    found = rows(replay, replay.now_ms)
    sums: dict[tuple[str | None, str], Counter[str]] = {}
    for row in found:
        total = sums.setdefault((row.queue, row.channel), Counter())
        for name, read in [*SUMS.items(), *((f"Σ {name}", read) for name, (read, _) in MEANS.items())]:
            total[name] += read(row) or 0  # type: ignore[assignment]  # a Counter counts whole things, says its type
    totals = [total for total in report["totals"] if total["channel"] is not None]
    assert len(totals) > 5
    for total in totals:
        mine = sums.get((total["queue"], total["channel"]), Counter())
        assert {name: pytest.approx(mine[name]) for name in SUMS} == {name: total[name] for name in SUMS}
        for name, (_, count) in MEANS.items():
            assert total[name] == (pytest.approx(mine[f"Σ {name}"] / mine[count]) if mine[count] else None)
    assert {row.contact_id for row in found} == {json.loads(line)["contact_id"] for line in lines}
