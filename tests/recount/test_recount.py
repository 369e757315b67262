"""The recount against cases worked by hand from docs/counting.md, in its order.

Times are seconds after 06:00 UTC, ten a column or as written above a drawing. A letter is an event: `S` started, `Q` queued,
`r` ringing, `D` declined, `A` answered, `H` held, `R` resumed, `T` transferred, `L` left, `X` exited, `B` blocked,
`E` ended, `W` wrapped, `C` callback asked for, `a` attempted, `c` cancelled; in chats `m` is the customer, `p` a person and
`b` the bot who writes; `o` is a survey offered, `g` a rating given.
"""

import json
import re
from typing import Any, Final

import pytest

from models.codec import decoder
from models.errors import DecodeError
from tests.recount.days import START_MS, day, shuffled
from tests.recount.recount import Figures, recount

Event = dict[str, Any]
MINUTE: Final = 60
HOUR: Final = 3_600

# The names of a subject: a case says all of them that are not 0.
VISITS: Final = r"offered|answered|(short_)?abandoned|exited(\..*)?|lost|(answer|abandon|exit)_wait_ms|waiting"
CELLS: Final = r"[abcxw]_(in|out)|sa|cohort_lost"
LIVE: Final = r"live_.*"
CONTACT: Final = r"contacts|contact_(answered|abandoned|wait_ms)"
OFFERS: Final = r"offers|ring_ms|declined.*|rona.*"
LEGS: Final = r"handled|talk_ms|hold.*|held|acw.*|transferred.*|agent_disconnect_first|in_progress|in_acw"
CONSULTS: Final = r"consult.*"
MATTERS: Final = r"matters|resolved"
CHATS: Final = r"replies|reply_time_ms|responses|frt.*_ms|missed|dropped|completed"
DUE: Final = r"responded_.*|no_response|response_overdue"
CALLBACKS: Final = r"callback_.*|callbacks_(requested|attempted|connected|failed|cancelled|kept)"
SURVEYS: Final = r"csat_(rated|good)|nps.*|ces.*|(cohort_)?surveys.*|rated_.*"
ISSUES: Final = r"issue_(contacts|handled|transferred):.*"


def call(what: str, s: float, **fields: Any) -> Event:
    return {"type": f"call.{what}", "at": START_MS + round(s * 1_000), "contact_id": "c", **fields}


def chat(what: str, s: float, **fields: Any) -> Event:
    return {**call(what, s, **fields), "type": f"chat.{what}"}


def lines(*events: Event) -> list[bytes]:
    return [json.dumps({"id": f"e{n}", **event}).encode() for n, event in enumerate(events)]


def count(*events: Event, now: float | None = None, **settings: Any) -> Figures:
    newest = max(event["at"] for event in events)
    return recount(lines(*events), newest if now is None else START_MS + round(now * 1_000), **settings)[0]


def told(
    found: Figures, subject: str, queue: str = "sales", channel: str = "voice", start: int | None = None
) -> dict[str, int]:
    """Return what is not 0 of a subject in one queue: of the quarter that starts so many minutes after 06:00, else of all."""
    figures = found.get((queue, channel, None if start is None else START_MS + start * 60_000), {})
    return {name: n for name, n in figures.items() if n and re.fullmatch(subject, name)}


# A record


@pytest.mark.parametrize(
    ("versions", "stands"),
    [
        ([(0, 12), (1, 10)], 10),  # the higher rev, though it is earlier
        ([(0, 12), (0, 10)], 12),  # else the later
        ([(2, 9), (1, 30), (2, 8)], 9),
    ],
)
def test_of_two_events_with_one_id_one_stands(versions: list[tuple[int, float]], stands: int) -> None:
    answers = [call("answered", at, id="same", rev=rev, agent="ann") for rev, at in versions]
    for order in (answers, answers[::-1]):
        found = count(call("queued", 0, queue="sales"), *order, now=60)
        assert told(found, VISITS) == {"offered": 1, "answered": 1, "answer_wait_ms": stands * 1_000}


def test_equal_bytes_else_the_greater_ones() -> None:
    """`tech` is greater than `sales`."""
    found = count(call("queued", 0, id="same", queue="sales"), call("queued", 0, id="same", queue="tech"))
    assert told(found, VISITS, "tech") == {"offered": 1, "waiting": 1}
    assert told(found, VISITS) == {}


def test_an_id_is_of_its_contact_and_what_was_said_again_is_counted() -> None:
    events = lines(
        call("queued", 0, id="1", queue="sales"),
        call("queued", 0, id="1", queue="sales", contact_id="d"),
        call("queued", 0, id="1", queue="sales"),
        call("queued", 5, id="1", queue="sales"),  # outdoes the first: no duplicate
        call("queued", 4, id="1", queue="sales"),  # outdone
    )
    found, quality = recount([*events, b"nonsense", b"[]", b"\xff", b'{"type":"call.held"}'], START_MS + 5_000)
    assert told(found, VISITS) == {"offered": 2, "waiting": 2}
    assert quality == {"events": 5, "duplicates": 2, "invalid": 4, "late": 0, "orphans": 0, "lost": 0}


# 0    at once: queued, answered, ended in the same millisecond, told in the wrong order
# QAE
def test_facts_of_one_time_are_read_by_rank() -> None:
    found = count(call("ended", 0), call("answered", 0, agent="ann"), call("queued", 0, queue="sales"))
    assert told(found, f"{VISITS}|{LEGS}") == {"offered": 1, "answered": 1, "handled": 1}


# 0          20
# Q(sales)   X(moved) Q(tech)    the exit is read first, and is of the visit before
def test_what_closes_is_read_before_what_opens() -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("queued", 20, queue="tech"),
        call("exited", 20, reason="moved"),
    )
    assert told(found, VISITS) == {"offered": 1, "exited": 1, "exited.moved": 1, "exit_wait_ms": 20_000}
    assert told(found, VISITS, "tech") == {"offered": 1, "waiting": 1}


# 0             at once: what closes finds nothing open yet, and waits for it
# X Q   L A   D r   T A(consult)
def test_what_closes_waits_for_what_opens_in_its_millisecond() -> None:
    left = count(call("queued", 0, queue="sales"), call("exited", 0, reason="timeout"), now=9)
    assert told(left, VISITS) == {"offered": 1, "exited": 1, "exited.timeout": 1}
    handled = count(call("left", 0, agent="ann"), call("answered", 0, agent="ann", queue="sales"), now=9)
    assert told(handled, LEGS) == {"handled": 1}
    offered = count(call("declined", 0, agent="ann"), call("ringing", 0, seq=1, agent="ann", queue="sales"), now=9)
    assert told(offered, OFFERS) == {"offers": 1, "declined": 1, "declined.none": 1, "rona": 1, "rona_excl_abandon": 1}
    taken = count(
        call("transferred", 0, to_agent="bob"), call("answered", 0, agent="bob", role="consult", queue="sales"), now=9
    )
    assert told(taken, f"{LEGS}|{CONSULTS}") == {"consults": 1, "in_progress": 1}


def test_what_else_closes_does_not_wait() -> None:
    wrapped = count(
        call("answered", 0, agent="ann", queue="sales"), call("ended", 9, seq=1), call("wrapped", 9, resolved=True)
    )
    assert told(wrapped, f"{LEGS}|{MATTERS}") == {"handled": 1, "talk_ms": 9_000}


# 0   10   20       a millisecond later it changes nothing
# X   Q    R H
def test_what_closes_nothing_changes_nothing() -> None:
    found = count(call("exited", 0, reason="timeout"), call("queued", 10, queue="sales"), call("resumed", 20), now=30)
    assert told(found, f"{VISITS}|{LEGS}") == {"offered": 1, "waiting": 1}


def test_the_channel_is_the_events_else_the_topics() -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("queued", 0, queue="sales", contact_id="d", channel="video"),
        chat("queued", 0, queue="sales", contact_id="e"),
        call("blocked", 0, reason="no_agent", contact_id="f"),
        call("blocked", 0, reason="no_agent", contact_id="g", channel="fax"),
    )
    assert {(queue, channel) for queue, channel, start in found if start is None} == {
        ("sales", "voice"), ("sales", "video"), ("sales", "chat"), ("_unknown", "voice"), ("_unknown", "fax"), (None, None)
    }  # fmt: skip


def test_where_another_event_names_a_queue_its_channel_is_the_contacts() -> None:
    offered = call("survey_offered", 9, queue="tech", channel="fax")
    found = count(call("queued", 0, queue="sales", channel="video"), offered)
    assert told(found, SURVEYS, "tech", "video") == {"surveys_offered": 1}
    assert told(count(offered), SURVEYS, "tech") == {"surveys_offered": 1}
    escalated = call("escalated", 9, channel="fax")
    assert told(count(escalated), "escalated", "_unknown") == {"escalated": 1}


# 0                       5           7               the first answer that named a queue, until the contact enters one
# A(ann, sales monitor)   A(tech)     A(billing)
def test_the_contacts_queue() -> None:
    begin = [
        call("answered", 0, agent="ann", queue="sales", role="monitor"),
        call("answered", 5, agent="bob", queue="tech", channel="video"),
        call("answered", 7, agent="cid", queue="billing"),
    ]
    assert told(count(*begin, call("escalated", 9)), "escalated", "tech", "video") == {"escalated": 1}
    assert told(count(*begin, call("queued", 8, queue="sales"), call("escalated", 9)), "escalated") == {"escalated": 1}
    assert told(count(*begin, call("blocked", 9, reason="no_agent")), "blocked", "tech", "video") == {"blocked": 1}


# Visits


# 0   10   32      answered after 12, said in the second quarter
# Q   r    A
def test_an_answer_counts_when_it_happens_and_by_the_entry() -> None:
    found = count(
        call("queued", 15 * MINUTE - 10, queue="sales"),
        call("ringing", 15 * MINUTE - 5, agent="ann"),
        call("answered", 15 * MINUTE + 2, agent="ann"),
        now=16 * MINUTE,
    )
    assert told(found, f"{VISITS}|{CELLS}", start=0) == {"offered": 1, "a_in": 1, "waiting": 1}
    assert told(found, f"{VISITS}|{CELLS}", start=15) == {"answered": 1, "answer_wait_ms": 12_000}


@pytest.mark.parametrize(
    ("direction", "of_started", "in_offered", "offered"),
    [
        (None, None, False, 1),
        ("inbound", "outbound", False, 1),  # its own goes before
        (None, "outbound", False, 0),
        (None, "inbound", False, 1),
        ("callback", None, False, 0),
        ("callback", None, True, 1),
        ("other", "inbound", True, 0),
    ],
)
def test_what_is_offered(direction: str | None, of_started: str | None, in_offered: bool, offered: int) -> None:
    found = count(
        call("started", 0, direction=of_started),
        call("queued", 1, queue="sales", direction=direction),
        call("answered", 3, agent="ann"),
        call("ended", 9),
        callbacks_in_offered=in_offered,
    )
    assert told(found, VISITS).get("offered", 0) == told(found, CELLS).get("a_in", 0) == offered
    assert told(found, CONTACT).get("contacts", 0) == offered
    assert told(found, LEGS) == {"handled": 1, "talk_ms": 6_000}  # handled all the same


# 0          10        30          45
# Q(sales)   Q(tech)   A           W: tech waited 20, but counts nowhere
#                      A(tech)        or sales does not
@pytest.mark.parametrize(("named", "of"), [(None, "sales"), ("sales", "sales"), ("tech", "tech")])
def test_an_answer_ends_the_other_visits(named: str | None, of: str) -> None:
    other = "tech" if of == "sales" else "sales"
    found = count(
        call("queued", 0, queue="sales"),
        call("queued", 10, queue="tech"),
        call("answered", 30, agent="ann", queue=named),
        now=45,
    )
    wait_ms = 30_000 if of == "sales" else 20_000
    cell = "a_out" if of == "sales" else "a_in"
    assert told(found, f"{VISITS}|{CELLS}", of) == {"offered": 1, "answered": 1, "answer_wait_ms": wait_ms, cell: 1}
    assert told(found, f"{VISITS}|{CELLS}", other) == {}


# 0          10         30            40
# Q(sales)   Q(tech)    X(tech)       X      the second is of the one that waits longest; (billing) is of none
def test_an_exit_is_of_its_queue_else_of_the_one_that_waits_longest() -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("queued", 10, queue="tech"),
        call("exited", 25, queue="billing", reason="voicemail"),
        call("exited", 30, queue="tech", reason="callback_accepted"),
        call("exited", 40, reason="abandoned"),
    )
    assert told(found, f"{VISITS}|{CELLS}", "tech") == {
        "offered": 1, "exited": 1, "exited.callback_accepted": 1, "exit_wait_ms": 20_000, "c_in": 1
    }  # fmt: skip
    assert told(found, f"{VISITS}|{CELLS}") == {"offered": 1, "abandoned": 1, "abandon_wait_ms": 40_000, "b_out": 1}


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("customer", {"abandoned": 1, "abandon_wait_ms": 8_000, "b_in": 1}),
        (None, {"abandoned": 1, "abandon_wait_ms": 8_000, "b_in": 1}),
        ("agent", {"exited": 1, "exited.system_drop": 1, "exit_wait_ms": 8_000, "x_in": 1}),
        ("system", {"exited": 1, "exited.system_drop": 1, "exit_wait_ms": 8_000, "x_in": 1}),
    ],
)
def test_the_end_ends_all_visits(by: str | None, expected: dict[str, int]) -> None:
    found = count(call("queued", 0, queue="sales"), call("queued", 0, queue="tech"), call("ended", 8, by=by))
    assert told(found, f"{VISITS}|{CELLS}") == told(found, f"{VISITS}|{CELLS}", "tech") == {"offered": 1, **expected}


# 0     70.5         3660     3670.5         heard of last after 70.5; lost an hour later, in whole minutes after the entry
# Q     classified   lost
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (3_659.999, {"offered": 1, "waiting": 1, "w_out": 1}),
        (3_660, {"offered": 1, "lost": 1, "cohort_lost": 1}),
    ],
)
def test_a_visit_is_lost_when_nothing_was_heard_for_an_hour(now: float, expected: dict[str, int]) -> None:
    found = count(call("queued", 0, queue="sales"), call("classified", 70.5), now=now)
    assert told(found, f"{VISITS}|{CELLS}") == expected
    assert told(found, "lost", start=60) == ({"lost": 1} if "lost" in expected else {})
    assert told(found, "waiting", start=45) == {"waiting": 1}


def test_an_event_undoes_the_loss() -> None:
    found = count(call("queued", 0, queue="sales"), call("answered", 2 * HOUR, agent="ann"), now=9 * HOUR)
    assert told(found, f"{VISITS}|{CELLS}") == {
        "offered": 1,
        "answered": 1,
        "answer_wait_ms": 2 * HOUR * 1_000,
        "a_out": 1,
    }


@pytest.mark.parametrize(("channel", "hours"), [(None, 4), ("messaging", 72), ("voice", 1)])
def test_how_long_nothing_may_be_heard_depends_on_the_channel(channel: str | None, hours: int) -> None:
    for now, lost in ((hours * HOUR - 1, 0), (hours * HOUR, 1)):
        found = count(chat("queued", 0, queue="sales", channel=channel), now=now)
        assert told(found, VISITS, channel=channel or "chat").get("lost", 0) == lost


def test_blocked_never_entered() -> None:
    found = count(call("blocked", 0, queue="sales", reason="queue_full"), call("ended", 0))
    assert told(found, f"{VISITS}|blocked.*") == {"blocked": 1, "blocked.queue_full": 1}


# Service level


@pytest.mark.parametrize(
    ("what", "wait", "cell", "live"),
    [
        ("answered", 20, "a_in", {"live_a_in": 1}),
        ("answered", 20.001, "a_out", {"live_passed": 1}),
        ("abandoned", 5, "sa", {}),
        ("abandoned", 5.001, "b_in", {"live_b_in": 1}),
        ("abandoned", 20.001, "b_out", {"live_passed": 1}),
        ("callback_accepted", 20, "c_in", {}),
        ("callback_accepted", 21, "c_out", {"live_passed": 1}),
        ("overflow", 20, "x_in", {}),
        ("system_drop", 21, "x_out", {"live_passed": 1}),
        (None, 20, "w_in", {}),
        (None, 20.001, "w_out", {"live_passed": 1}),
    ],
)
def test_each_offered_visit_falls_into_one_cell(what: str | None, wait: float, cell: str, live: dict[str, int]) -> None:
    closing = {"answered": call("answered", wait, agent="ann"), None: call("held", wait)}
    found = count(call("queued", 0, queue="sales"), closing.get(what, call("exited", wait, reason=what)))
    assert told(found, CELLS) == {cell: 1}
    assert told(found, LIVE) == live


# 890    900     910     930
# Q              T = 20  A      passed T in the second quarter, entered in the first
def test_live_service_level_counts_when_it_is_decided() -> None:
    found = count(call("queued", 890, queue="sales"), call("answered", 930, agent="ann"))
    assert told(found, LIVE, start=15) == {"live_passed": 1}
    assert told(found, LIVE, start=0) == {}


def test_a_lost_visit_passed_the_threshold_all_the_same() -> None:
    found = count(call("queued", 0, queue="sales"), now=2 * HOUR)
    assert told(found, f"{LIVE}|{CELLS}") == {"live_passed": 1, "cohort_lost": 1}


# The contact's own wait


# 0          15              25
# Q(sales)   X(overflow) Q(tech)  A     in time in tech, 25 s for the customer
def test_overflow_hides_nothing() -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("exited", 15, reason="overflow"),
        call("queued", 15, queue="tech"),
        call("answered", 25, agent="ann"),
        call("answered", 99, agent="bob"),
    )
    assert told(found, CONTACT) == {"contacts": 1, "contact_answered": 1, "contact_wait_ms": 25_000}
    assert told(found, f"{CONTACT}|{CELLS}", "tech") == {"a_in": 1}


# 0   10                  20        30
# Q   A(consult)          E         A     given up at 20; a consultation is no answer
def test_a_contact_gives_up_where_it_ends_without_an_answer() -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("answered", 10, agent="ann", role="consult"),
        call("ended", 20, by="customer"),
        call("answered", 30, agent="ann"),
    )
    assert told(found, CONTACT) == {"contacts": 1, "contact_abandoned": 1}


# 0   5   10   20        a callback that is owed when it ends
# Q   C   E    c or a
@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ([], {}),
        ([call("callback_cancelled", 20)], {"contact_abandoned": 1}),
        ([call("callback_attempted", 20, result="busy")], {}),
        ([call("callback_attempted", 20, result="connected"), call("callback_cancelled", 30)], {}),
        ([call("callback_attempted", 20, result="connected"), call("ended", 30)], {"contact_abandoned": 1}),
        ([call("answered", 25, agent="ann")], {"contact_answered": 1, "contact_wait_ms": 25_000}),
    ],
)
def test_a_contact_to_whom_a_callback_is_owed_has_not_given_up(then: list[Event], expected: dict[str, int]) -> None:
    begin = [call("queued", 0, queue="sales"), call("callback_requested", 5), call("ended", 10)]
    assert told(count(*begin, *then), CONTACT) == {"contacts": 1, **expected}
    before = count(call("queued", 0, queue="sales"), call("callback_requested", 5), call("callback_cancelled", 9))
    assert told(before, CONTACT) == {"contacts": 1}  # it has not ended


# 0          5               9
# Q(sales)   Q(tech)         A(tech): sales was its first queue, though it counts there in nothing else
def test_a_contact_counts_where_another_answer_ended_its_first_visit() -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("queued", 5, queue="tech"),
        call("answered", 9, agent="ann", queue="tech"),
    )
    assert told(found, f"{CONTACT}|offered") == {"contacts": 1, "contact_answered": 1, "contact_wait_ms": 9_000}


# Offers to a person


# 0   5        10             20        25        30
# Q   r(ann)   r(ann) again   D(ann)    r(bob)    A(bob)
def test_an_offer_ends_with_the_decline_or_the_answer() -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("ringing", 5, agent="ann"),
        call("ringing", 10, agent="ann"),
        call("declined", 20, agent="ann", reason="busy"),
        call("ringing", 25, agent="bob"),
        call("answered", 30, agent="bob"),
    )
    assert told(found, OFFERS) == {
        "offers": 2, "ring_ms": 20_000, "declined": 1, "declined.busy": 1, "rona": 1, "rona_excl_abandon": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "rona", "excl"),
    [
        ([call("declined", 9, agent="ann")], 1, 1),
        ([call("declined", 9, agent="ann", reason="rescinded")], 0, 0),
        ([call("declined", 9, agent="ann", reason="caller_left")], 0, 0),
        ([call("exited", 9, reason="abandoned")], 1, 0),
        ([call("ended", 9, by="customer"), call("declined", 10, agent="ann")], 1, 0),  # too late to be declined
        ([call("ended", 9, by="system")], 0, 0),
        ([call("exited", 9, reason="overflow")], 0, 0),
        ([call("answered", 9, agent="bob")], 0, 0),  # somebody else was faster
    ],
)
def test_whose_fault_an_unanswered_offer_is(ending: list[Event], rona: int, excl: int) -> None:
    found = count(call("queued", 0, queue="sales"), call("ringing", 2, agent="ann"), *ending)
    offers = told(found, OFFERS)
    assert (offers["offers"], offers["ring_ms"]) == (1, 7_000)
    assert (offers.get("rona", 0), offers.get("rona_excl_abandon", 0)) == (rona, excl)


# 0          1         2                3 r(bob, no such queue)     4
# Q(sales)   Q(tech)   r(ann, tech)     for sales                   A(cid, tech): both end; sales is answered elsewhere
def test_an_offer_is_for_a_visit() -> None:
    found = count(
        call("ringing", -1, agent="ann", queue="billing"),  # for none; rings on
        call("queued", 0, queue="sales"),
        call("queued", 1, queue="tech"),
        call("ringing", 2, agent="ann", queue="tech"),
        call("ringing", 3, agent="bob", queue="billing"),
        call("ringing", 3, agent="cid", queue="tech"),
        call("answered", 4, agent="cid", queue="tech"),
        call("ended", 5),
    )
    assert told(found, OFFERS) == {"offers": 1, "ring_ms": 1_000}
    assert told(found, OFFERS, "tech") == {"offers": 1, "ring_ms": 1_000}
    assert told(found, OFFERS, "billing") == {"offers": 1, "ring_ms": 6_000}


# 0             5     3605      an offer for a call that is not offered; without an end it rings for an hour
# Q(outbound)   r
def test_an_offer_without_an_end() -> None:
    begin = [call("queued", 0, queue="sales", direction="outbound"), call("ringing", 5, agent="ann")]
    assert told(count(*begin, now=HOUR + 4), f"{OFFERS}|ringing") == {"ringing": 1}
    assert told(count(*begin, now=HOUR + 5), f"{OFFERS}|ringing") == {}
    assert told(count(*begin, call("declined", 8, agent="ann", reason="rescinded")), "offers|ring_ms") == {
        "offers": 1, "ring_ms": 3_000
    }  # fmt: skip


# Legs


# 0   10   40   50   60     100   130
# Q   A    H    H    R      E     W       talk 30 + 40, hold 20, wrap-up 30: all at 130
def test_handle_time_is_talk_hold_and_wrap_up() -> None:
    s = 15 * MINUTE - 120
    found = count(
        call("queued", s, queue="sales"),
        call("answered", s + 10, agent="ann"),
        call("held", s + 40, agent="ann"),
        call("held", s + 50),
        call("resumed", s + 60),
        call("ended", s + 100, by="agent"),
        call("wrapped", s + 130),
    )
    handled = {"handled": 1, "talk_ms": 70_000, "hold_ms": 20_000, "acw_ms": 30_000, "holds": 1, "held": 1}
    assert told(found, LEGS, start=15) == {**handled, "agent_disconnect_first": 1}
    assert told(found, LEGS, start=0) == {}


# 0    5            10   20             30   40     without a person: of the leg begun first, of the held one begun first
# A    A(bob conf)  H    H(bob), R      R    E
def test_whose_hold_it_is() -> None:
    found = count(
        call("answered", 0, agent="ann", queue="sales"),
        call("answered", 5, agent="bob", role="conference", queue="tech"),
        call("held", 10),
        call("held", 15),
        call("held", 20, agent="bob"),
        call("resumed", 20, seq=1),
        call("resumed", 30),
        call("ended", 40),
    )
    assert told(found, "hold_ms|holds") == {"hold_ms": 10_000, "holds": 1}
    assert told(found, "hold_ms|holds", "tech") == {"hold_ms": 10_000, "holds": 1}


# 0    5            20        30             50
# A    A(bob conf)  H(bob)    L(ann)         E(customer): bob is on hold
def test_a_conference_is_a_leg_of_each() -> None:
    found = count(
        call("answered", 0, agent="ann", queue="sales"),
        call("answered", 5, agent="bob", role="conference"),
        call("answered", 6, agent="bob"),  # open already
        call("answered", 7, agent="cid", role="monitor"),
        call("held", 20, agent="bob"),
        call("left", 30, agent="ann"),
        call("ended", 50, by="customer"),
    )
    assert told(found, LEGS) == {
        "handled": 2, "talk_ms": 45_000, "hold_ms": 30_000, "holds": 1, "held": 1, "hold_abandoned.customer": 1
    }  # fmt: skip


# 0    10   20             35                       60
# Q    A    A(bob cons)    T(ann to bob, consult)   E      bob's leg from 35, in the queue of the contact
def test_one_who_was_consulted_takes_over() -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("answered", 10, agent="ann"),
        call("answered", 20, agent="bob", role="consult"),
        call("transferred", 35, agent="ann", to_agent="bob", kind="consult"),
        call("ended", 60),
    )
    assert told(found, CONSULTS) == {"consults": 1, "consult_ms": 15_000}
    assert told(found, LEGS) == {"handled": 2, "talk_ms": 50_000, "transferred": 1, "transferred.consult": 1}


# 0    10             20               30      or he answers as primary, or leaves
# A    A(bob cons)    A(bob) or L(bob) E
@pytest.mark.parametrize(
    ("then", "legs"),
    [
        (call("answered", 20, agent="bob", queue="tech"), {"handled": 1, "talk_ms": 10_000}),
        (call("answered", 20, agent="bob", queue="tech", role="conference"), {"handled": 1, "talk_ms": 10_000}),
        (call("left", 20, agent="bob"), {}),
    ],
)
def test_a_consultation_is_no_leg(then: Event, legs: dict[str, int]) -> None:
    found = count(
        call("answered", 0, agent="ann", queue="sales"),
        call("answered", 10, agent="bob", role="consult", queue="tech"),
        then,
        call("ended", 30),
    )
    assert told(found, f"{LEGS}|{CONSULTS}", "tech") == {"consults": 1, "consult_ms": 10_000, **legs}
    assert told(found, LEGS) == {"handled": 1, "talk_ms": 30_000}


@pytest.mark.parametrize("kind", ["blind", "queue", "external", "other", None])
def test_transfers_by_kind(kind: str | None) -> None:
    found = count(
        call("answered", 0, agent="ann", queue="sales"),
        call("transferred", 5, kind=kind),  # names nobody: ends nothing
        call("transferred", 10, agent="ann", kind=kind),
    )
    assert told(found, LEGS) == {"handled": 1, "talk_ms": 10_000, "transferred": 1, f"transferred.{kind or 'other'}": 1}


def test_what_is_in_progress() -> None:
    found = count(call("queued", 890, queue="sales"), call("answered", 899, agent="ann"), call("ended", 901))
    assert told(found, "in_progress|waiting", start=0) == {"in_progress": 1}
    assert told(found, "in_progress|waiting", start=15) == {}


# 0    10        20       30        40       50
# A    L         A(bob)   L(bob)    W        W(ann)    the first is bob's, who left last
def test_wrap_up_is_of_the_leg_that_ended_last() -> None:
    found = count(
        call("answered", 0, agent="ann", queue="sales"),
        call("left", 10, agent="ann"),
        call("answered", 20, agent="bob", queue="tech"),
        call("left", 30, agent="bob"),
        call("wrapped", 40, resolved=False),
        call("wrapped", 50, agent="ann", resolved=True),
        call("wrapped", 60, resolved=True),  # nobody is left who could have written it
    )
    assert told(found, f"{LEGS}|{MATTERS}", "tech") == {"handled": 1, "talk_ms": 10_000, "acw_ms": 10_000, "matters": 1}
    assert told(found, f"{LEGS}|{MATTERS}") == {
        "handled": 1, "talk_ms": 10_000, "acw_ms": 40_000, "matters": 1, "resolved": 1
    }  # fmt: skip


# 0    5               20       30       together: of the one begun last, though its end is read first
# A    A(bob tech)     L(bob)L  W
def test_wrap_up_of_legs_that_ended_together() -> None:
    found = count(
        call("answered", 0, agent="ann", queue="sales"),
        call("answered", 5, agent="bob", queue="tech", role="conference"),
        call("left", 20, agent="bob"),
        call("left", 20, seq=1, agent="ann"),
        call("wrapped", 30),
    )
    assert told(found, "acw_ms", "tech") == {"acw_ms": 10_000}
    assert told(found, "acw_ms") == {}


# 0    100      700 720       wrap-up is waited for, ten minutes at most, and inferred in the first whole minute after that
# A    E        |   inferred
@pytest.mark.parametrize(
    ("now", "wrapped", "expected"),
    [
        (699, None, {"in_acw": 1}),
        (719, None, {}),
        (720, None, {"handled": 1, "talk_ms": 100_000, "acw_inferred": 1}),
        (900, 130, {"handled": 1, "talk_ms": 100_000, "acw_ms": 30_000}),
        (900, 800, {"handled": 1, "talk_ms": 100_000, "acw_ms": 700_000}),
    ],
)
def test_wrap_up_that_is_waited_for(now: float, wrapped: float | None, expected: dict[str, int]) -> None:
    events = [call("answered", 0, agent="ann", queue="sales"), call("ended", 100)]
    events += [call("wrapped", wrapped)] if wrapped else []
    assert told(count(*events, now=now, wrap_up="event"), LEGS) == expected


# Chats


# 0   5   10  20   30  50   60     two runs of the customer: replied to after 20 and after 20
# Q   m   m   b    p   ...
def test_replies_and_the_first_response() -> None:
    found = count(
        chat("queued", 0, queue="sales"),
        chat("message", 1, by="agent"),  # greets; nobody waits for a reply
        chat("message", 5, by="customer"),
        chat("message", 10, by="customer"),
        chat("message", 20, by="bot"),
        chat("message", 25, by="agent"),
        chat("message", 26, by="agent"),
        chat("message", 30, by="customer"),
        chat("message", 50, by="agent"),
    )
    assert told(found, CHATS, channel="chat") == {
        "replies": 2, "reply_time_ms": 40_000, "responses": 1, "frt_ms": 20_000, "frt_total_ms": 20_000
    }  # fmt: skip


# 0   3   10   40        a bot came before the queue: 30 from the entry, 40 from the customer's first word
# m   b   Q    p
def test_the_first_response_after_a_bot_is_from_the_entry() -> None:
    found = count(
        chat("message", 0, by="customer"),
        chat("message", 3, by="bot"),
        chat("queued", 10, queue="sales"),
        chat("message", 40, by="agent"),
    )
    assert told(found, "frt.*_ms", channel="chat") == {"frt_ms": 30_000, "frt_total_ms": 40_000}


# 0   10   12   40       nobody asked yet: the greeting is a response to the entry, but no reply
# b   Q    p    m
def test_the_first_response_to_one_who_says_nothing() -> None:
    found = count(
        chat("message", 0, by="bot"),
        chat("queued", 10, queue="sales"),
        chat("message", 12, by="agent"),
        chat("message", 40, by="customer"),
        chat("message", 50, by="agent"),
    )
    assert told(found, f"{CHATS}|{DUE}", channel="chat") == {
        "responses": 1, "frt_ms": 2_000, "frt_total_ms": 10_000, "replies": 1, "reply_time_ms": 10_000, "responded_in": 1
    }  # fmt: skip


# 0   5   T = 60
# Q   m
@pytest.mark.parametrize(
    ("then", "now", "due"),
    [
        (None, 65, {}),
        (None, 65.001, {"response_overdue": 1}),
        (chat("message", 65, by="agent"), 99, {"responded_in": 1}),
        (chat("message", 65.001, by="agent"), 99, {"responded_out": 1}),
        (chat("ended", 9), 99, {"no_response": 1}),
    ],
)
def test_a_first_response_is_due(then: Event | None, now: float, due: dict[str, int]) -> None:
    story = [chat("queued", 0, queue="sales"), chat("message", 5, by="customer"), *([then] if then else [])]
    assert told(count(*story, now=now), DUE, channel="chat") == due
    assert told(count(*story, now=now), "unanswered", channel="chat") == ({} if then else {"unanswered": 1})


# 0   5   9   100   120      it goes on later: begun anew, and not queued again
# Q   m   E   m     p   E
def test_a_chat_that_goes_on_begins_anew() -> None:
    found = count(
        chat("queued", 0, queue="sales"),
        chat("message", 5, by="customer"),
        chat("ended", 9),
        chat("message", 100, by="customer"),
        chat("message", 120, by="agent"),
        chat("ended", 130),
    )
    assert told(found, CHATS, channel="chat") == {
        "missed": 1, "replies": 1, "reply_time_ms": 20_000, "responses": 1, "frt_ms": 20_000, "frt_total_ms": 20_000
    }  # fmt: skip


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([], {"missed": 1}),
        ([chat("answered", 5, agent="ann"), chat("message", 9, by="customer")], {"dropped": 1}),
        ([chat("answered", 5, agent="ann"), chat("message", 9, by="customer"), chat("message", 9.5, by="bot")], {"dropped": 1}),
        ([chat("answered", 5, agent="ann")], {"completed": 1}),
        ([chat("answered", 5, agent="ann"), *(chat("message", 9 + n, by=by) for n, by in enumerate(["customer", "agent"]))],
         {"completed": 1}),
    ],
)  # fmt: skip
def test_how_a_chat_ended(story: list[Event], expected: dict[str, int]) -> None:
    found = count(chat("queued", 0, queue="sales"), *story, chat("ended", 20))
    assert told(found, "missed|dropped|completed", channel="chat") == expected
    assert told(count(*story, chat("ended", 20)), "missed|dropped|completed", "_unknown", "chat") == {}


# Callbacks


# 0   10   100              200           3600           3600 + 900 is the last moment that is on time
# Q   C    C(due in 1 h)    a(busy)       a(connected)
@pytest.mark.parametrize(("late_s", "kept"), [(-60, 1), (900, 1), (900.001, 0)])
def test_callbacks(late_s: float, kept: int) -> None:
    due = HOUR + late_s
    found = count(
        call("queued", 0, queue="sales"),
        call("callback_attempted", 5, result="connected"),  # of none
        call("callback_requested", 10),
        call("callback_requested", 100, due_at=START_MS + HOUR * 1_000),
        call("callback_attempted", 200, result="busy"),
        call("callback_attempted", due, result="connected"),
        call("callback_cancelled", due + 9),  # of none
    )
    assert told(found, CALLBACKS) == {
        "callbacks_requested": 1,
        "callbacks_attempted": 3,
        "callbacks_failed": 1,
        "callbacks_connected": 2,
        "callback_wait_ms": round((due - 10) * 1_000),
        **({"callbacks_kept": 1} if kept else {}),
    }


# 0   9    20         due at once: 20 is in time; the call's end leaves it open
# C   E    c or a
def test_callbacks_without_a_due_time() -> None:
    begin = [call("callback_requested", 0), call("ended", 9)]
    cancelled = count(*begin, call("callback_cancelled", 20))
    assert told(cancelled, CALLBACKS, "_unknown") == {"callbacks_requested": 1, "callbacks_cancelled": 1}
    made = count(*begin, call("callback_attempted", 20, result="connected"))
    assert told(made, "callbacks_kept|callback_wait_ms", "_unknown") == {
        "callbacks_kept": 1,
        "callback_wait_ms": 20_000,
    }


# Surveys


# 0         10      20       30     40    50
# A(sales)  T       A(tech)  E      o     g      of tech, the last; of ann: sales; named: billing
@pytest.mark.parametrize(
    ("named", "queue"),
    [
        ({}, "tech"),
        ({"agent": "ann"}, "sales"),
        ({"agent": "ann", "queue": "billing"}, "billing"),
        ({"agent": "zoe"}, "sales"),
    ],
)
def test_where_a_survey_counts(named: dict[str, str], queue: str) -> None:
    found = count(
        call("queued", 0, queue="sales"),
        call("answered", 0, agent="ann"),
        call("transferred", 10, agent="ann"),
        call("answered", 20, agent="bob", queue="tech"),
        call("answered", 25, agent="cid", queue="billing", role="conference"),
        call("ended", 30),
        call("survey_offered", 40, **named),
        call("rated", 50, csat=4, **named),
    )
    assert told(found, SURVEYS, queue) == {
        "surveys_offered": 1, "surveys_answered": 1, "cohort_surveys_answered": 1, "csat_rated": 1, "csat_good": 1
    }  # fmt: skip


def test_the_last_answer_to_a_survey_stands() -> None:
    """1 of 10 promoters less 1 detractor; `csat` 7 of 10 is less than four fifths."""
    found = count(
        call("queued", 0, queue="sales"),
        call("survey_offered", 890, survey="s1"),
        call("rated", 910, survey="s1", csat=5, nps=0),
        call("rated", 920, survey="s1", csat=7, scale=10, nps=10),
        call("rated", 930, survey="s2", csat=8, scale=10, nps=6),  # answers no offer
        call("rated", 940, survey="s3", ces=6, nps=8),
    )
    assert told(found, SURVEYS, start=0) == {"surveys_offered": 1, "cohort_surveys_answered": 1}
    assert told(found, SURVEYS, start=15) == {
        "surveys_answered": 3,
        "csat_rated": 2,
        "csat_good": 1,
        "nps_rated": 3,
        "nps_promoters": 1,
        "nps_detractors": 1,
        "ces_rated": 1,
        "ces_sum": 6,
    }


# Issues


def test_a_contact_is_about_what_was_said_last() -> None:
    found = count(
        call("queued", 0, queue="sales", issue_type="line"),
        call("answered", 5, agent="ann"),
        call("classified", 9, issue_type="bill", issue_reason="wrong"),
        call("queued", 10, queue="tech"),
        call("ended", 20),
    )
    assert told(found, ISSUES) == {"issue_contacts:bill/wrong": 1, "issue_handled:bill/wrong": 1}
    assert told(found, ISSUES, "tech") == {}


# What never ends, and what was never begun


@pytest.mark.parametrize(
    ("what", "orphans"),
    [("held", 1), ("ended", 1), ("wrapped", 1), ("classified", 1), ("callback_cancelled", 1), ("survey_offered", 1),
     ("started", 0), ("callback_requested", 0)],
)  # fmt: skip
def test_orphans(what: str, orphans: int) -> None:
    assert recount(lines(call(what, 0)), START_MS)[1]["orphans"] == orphans


# 0        10     an answer without a visit begins a leg all the same; named is another queue than the one that waits
# Q        A(tech)
def test_an_answer_without_a_visit_begins_a_leg() -> None:
    found = count(call("queued", 0, queue="sales"), call("answered", 10, agent="ann", queue="tech"), now=20)
    assert told(found, f"{VISITS}|{LEGS}") == {"offered": 1, "waiting": 1}
    assert told(found, LEGS, "tech") == {"in_progress": 1}


# Figures over all


def test_percentiles_are_of_the_nearest_rank() -> None:
    """Of the waits 1, 2, …, 10 s the 50 % rank is the 5th, 75 % the 8th, 90 % the 9th, 95 % and 99 % the 10th."""
    events = [call(what, s * n, contact_id=f"c{n}", **fields)
              for n in range(1, 11)
              for what, s, fields in (("queued", 0, {"queue": "sales"}), ("answered", 1, {"agent": "ann"}))]  # fmt: skip
    assert told(count(*events), r"wait_p\d\d|max_wait") == {
        "wait_p50": 5_000, "wait_p75": 8_000, "wait_p90": 9_000, "wait_p95": 10_000, "wait_p99": 10_000, "max_wait": 10_000
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_days(seed: int) -> None:
    """A day's events are events; their order changes nothing; the sums are those of the quarters; the identities hold."""
    events = day(seed)
    decoders = {prefix: decoder(prefix) for prefix in ("call", "chat")}
    newest = max(decoders[json.loads(event)["type"][:4]](event).at for event in events)
    found, quality = recount(events, newest)
    assert recount(shuffled(events, seed), newest)[0] == found
    assert quality["invalid"] == 0

    states = (
        r"waiting.*|ringing|in_progress|oldest_.*|max_wait|.*_p\d\d|unanswered|callbacks_(open|scheduled|due|overdue)"
    )
    for (queue, channel, start), figures in found.items():
        if start is None and queue is not None:
            quarters = [of for key, of in found.items() if key[:2] == (queue, channel) and key[2] is not None]
            for name in figures:
                assert re.fullmatch(states, name) or figures[name] == sum(quarter.get(name, 0) for quarter in quarters)
    totals = found[None, None, None]
    cells = sum(n for name, n in totals.items() if re.fullmatch(CELLS, name))
    flow = sum(totals.get(name, 0) for name in ("answered", "abandoned", "exited", "lost", "waiting"))
    assert totals["offered"] == cells == flow


def test_what_is_refused_here_is_refused_by_the_decoder() -> None:
    for line in (
        b"nonsense",
        b"[]",
        b"\xff",
        b'{"type":"call.held"}',
        b'{"type":"call.message","id":"1","at":0,"contact_id":"c"}',
    ):
        assert recount([line], START_MS)[1]["invalid"] == 1
        with pytest.raises(DecodeError):
            decoder("call")(line)
