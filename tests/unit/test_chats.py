"""Chats: replies, first responses, and how a chat ended (docs/counting.md).

In the drawings `m` is a message of the customer, `a` one of a person, `b` one of a bot.
"""

import pytest

from models import measures
from models.events import Author, Role
from tests.unit.builders import (
    Sums,
    answered,
    bucket,
    ended,
    exited,
    in_ms,
    is_abandoned,
    is_answered,
    is_counted,
    is_given_up,
    is_handled,
    is_in_progress,
    is_lost,
    is_open,
    is_waiting,
    key,
    left,
    message,
    queued,
)
from tests.unit.cases import Case, assert_counts, closed

CHAT = key("sales", "chat")
UNKNOWN = key("_unknown", "chat")
LOST_S = 4 * 3_600
COMPLETED, DROPPED, MISSED = measures.COMPLETED, measures.DROPPED, measures.MISSED


def is_reply(at: float, waited: float, queue: tuple[str, ...] = CHAT) -> Sums:
    return is_counted(at, {measures.REPLY + bucket(waited): 1, measures.REPLY_MS: in_ms(waited)}, queue)


def is_response(start: float, waited: float, total: float, queue: tuple[str, ...] = CHAT) -> Sums:
    """Count a first response: the wait for it by its start and at its end, and that since the customer's first message."""
    flow = {measures.RESPONSE + bucket(waited): 1, measures.RESPONSE_MS: in_ms(waited)}
    flow |= {measures.TOTAL_RESPONSES: 1, measures.TOTAL_RESPONSE_MS: in_ms(total)}
    cohort = is_counted(start, measures.COHORT_RESPONSE + bucket(waited), queue)
    return cohort + is_counted(start + waited, flow, queue)


def is_over(end: float, outcome: int | None, lasted: float | None, queue: tuple[str, ...] = CHAT) -> Sums:
    """Count how a chat ended, and how long it lasted since the customer's first message."""
    sums = Sums() if outcome is None else is_counted(end, outcome, queue)
    if lasted is not None:
        sums += is_counted(end, {measures.CONVERSATIONS: 1, measures.CONVERSATION_MS: in_ms(lasted)}, queue)
    return sums


def is_unanswered(asked: float, due: float | None, queue: tuple[str, ...] = CHAT) -> Sums:
    """Let the customer wait for a reply, and, where `due` is given, for the first one."""
    sums = is_open(measures.UNANSWERED, asked, 0, queue)
    return sums if due is None else sums + is_open(measures.NO_RESPONSE, due, 0, queue)


CASES: dict[str, Case] = {
    # 0 m 1 Q..........10 A    15 a    20 m      32 a    60 E
    "plain chat": (
        [
            message(0),
            queued(1),
            answered(10),
            message(15, "agent"),
            message(20),
            message(32, "agent"),
            ended(60, "customer"),
        ],
        is_answered(1, 9, CHAT)
        + is_response(0, 15, total=15)
        + is_reply(15, 15)
        + is_reply(32, 12)
        + is_handled(60, talk=50, queue=CHAT)
        + is_over(60, COMPLETED, 60),
    ),
    # 0 m (now): nobody knows where it will be queued
    "wrote, and is not queued yet": ([message(0)], Sums()),
    "wrote, and waits": (
        [message(0), queued(10)],
        is_waiting(10, CHAT, allowance_s=LOST_S) + is_unanswered(0, due=0),
    ),
    # 0 Q 5 A   10 m   12 m   30 a        since the first of the two
    "two messages and one reply": (
        [queued(0), answered(5), message(10), message(12), message(30, "agent")],
        is_answered(0, 5, CHAT) + is_in_progress(5, CHAT) + is_response(10, 20, total=20) + is_reply(30, 20),
    ),
    # 0 Q 5 A   8 a   9 a        nobody asked: no reply, no response
    "a person writes alone": (
        [queued(0), answered(5), message(8, "agent"), message(9, "agent"), ended(20)],
        is_answered(0, 5, CHAT) + is_handled(20, talk=15, queue=CHAT) + is_over(20, COMPLETED, None),
    ),
    # 0 Q 5 A   8 a   20 m   25 a        the first response is the first after the customer's message
    "greeted first": (
        [queued(0), answered(5), message(8, "agent"), message(20), message(25, "agent")],
        is_answered(0, 5, CHAT) + is_in_progress(5, CHAT) + is_response(20, 5, total=5) + is_reply(25, 5),
    ),
    # ---------------------------------------------------------------- bots
    # 0 b   2 m   30 Q..........40 A   45 a      the first response is measured from the entry
    "bot first": (
        [message(0, "bot"), message(2), queued(30), answered(40), message(45, "agent")],
        is_answered(30, 10, CHAT)
        + is_in_progress(40, CHAT)
        + is_response(30, 15, total=43)
        + is_reply(45, 43),
    ),
    "the customer, then a bot": (
        [message(0), message(1, "bot"), queued(30), answered(40), message(45, "agent")],
        is_answered(30, 10, CHAT)
        + is_in_progress(40, CHAT)
        + is_response(30, 15, total=45)
        + is_reply(45, 45),
    ),
    "bot first, and waits": (
        [message(0, "bot"), message(2), queued(30)],
        is_waiting(30, CHAT, allowance_s=LOST_S) + is_unanswered(2, due=30),
    ),
    # 0 m   1 Q   2 b   15 a     a bot that writes in the queue changes nothing
    "a bot in the queue": (
        [message(0), queued(1), message(2, "bot"), answered(10), message(15, "agent")],
        is_answered(1, 9, CHAT) + is_in_progress(10, CHAT) + is_response(0, 15, total=15) + is_reply(15, 15),
    ),
    # 0 b   2 m   10 a     a person takes over, and there is no queue
    "a bot, then a person, and no queue": (
        [message(0, "bot"), message(2), message(10, "agent")],
        is_response(2, 8, total=8, queue=UNKNOWN) + is_reply(10, 8, UNKNOWN),
    ),
    # 0 b   2 m   10 a   20 a   50 E     who wrote once more is not waited for
    "a bot, then a person twice, and no queue": (
        [message(0, "bot"), message(2), message(10, "agent"), message(20, "agent"), ended(50)],
        is_response(2, 8, total=8, queue=UNKNOWN) + is_reply(10, 8, UNKNOWN) + is_over(50, None, 48, UNKNOWN),
    ),
    # ---------------------------------------------------------------- ends
    # 0 m 1 Q.................50 E       no response: at its start
    "missed": (
        [message(0), queued(1), ended(50, "customer")],
        is_abandoned(1, 49, CHAT)
        + is_given_up(1, 49, CHAT)
        + is_counted(0, measures.COHORT_NO_RESPONSE, CHAT)
        + is_over(50, MISSED, 50),
    ),
    "missed without a word": (
        [queued(0), ended(50)],
        is_abandoned(0, 50, CHAT) + is_given_up(0, 50, CHAT) + is_over(50, MISSED, None),
    ),
    # 0 m 1 Q 5 A     20 E
    "dropped without any reply": (
        [message(0), queued(1), answered(5), ended(20)],
        is_answered(1, 4, CHAT)
        + is_handled(20, talk=15, queue=CHAT)
        + is_counted(0, measures.COHORT_NO_RESPONSE, CHAT)
        + is_over(20, DROPPED, 20),
    ),
    # 0 Q 5 A  6 m  9 a  12 m   20 E       there was a response
    "dropped after a reply": (
        [queued(0), answered(5), message(6), message(9, "agent"), message(12), ended(20)],
        is_answered(0, 5, CHAT)
        + is_response(6, 3, total=3)
        + is_reply(9, 3)
        + is_handled(20, talk=15, queue=CHAT)
        + is_over(20, DROPPED, 14),
    ),
    # a person wrote who did not answer: still nobody answered
    "missed though a person wrote": (
        [queued(0), message(1), message(4, "agent"), exited(9, "timeout"), ended(9)],
        is_given_up(0, 9, CHAT)
        + is_counted(0, {measures.OFFERED: 1, measures.CONTACTS: 1, measures.COHORT_EXIT_WAIT + 9: 1}, CHAT)
        + is_counted(9, {measures.EXIT_WAIT + 9: 1, measures.EXIT_WAIT_MS: 9_000, measures.EXITED["timeout"]: 1}, CHAT)
        + is_response(1, 3, total=3)
        + is_reply(4, 3)
        + is_over(9, MISSED, 8),
    ),
    # 0 A==L 5     10 Q....E 20       it was answered, before it was queued
    "answered, then queued": (
        [answered(0, queue="sales"), left(5), queued(10, "tech"), ended(20)],
        is_handled(5, talk=5, queue=CHAT)
        + is_abandoned(10, 10, key("tech", "chat"))
        + is_given_up(10, 10, key("tech", "chat"))
        + is_over(20, COMPLETED, None, key("tech", "chat")),
    ),
    "never queued": (
        [message(0), answered(2, queue="sales"), message(5, "agent"), ended(9)],
        is_handled(9, talk=7, queue=CHAT) + is_response(0, 5, total=5) + is_reply(5, 5) + is_over(9, None, 9),
    ),
    # ---------------------------------------------------------------- goes on after its end
    # 0 Q 5 A 6 m 9 a 20 E         100 m   101 Q........110 A   125 a   130 E
    "reopened": (
        [
            queued(0),
            answered(5),
            message(6),
            message(9, "agent"),
            ended(20),
            message(100),
            queued(101),
            answered(110),
            message(125, "agent"),
            ended(130),
        ],
        is_answered(0, 5, CHAT)
        + is_response(6, 3, total=3)
        + is_reply(9, 3)
        + is_handled(20, talk=15, queue=CHAT)
        + is_over(20, COMPLETED, 14)
        + is_answered(101, 9, CHAT, first=False)
        + is_response(100, 25, total=25)
        + is_reply(125, 25)
        + is_handled(130, talk=20, queue=CHAT)
        + is_over(130, COMPLETED, 30),
    ),
    "reopened, and not queued again: it waits in the queue of before": (
        [queued(0), answered(5), ended(20), message(100)],
        is_answered(0, 5, CHAT)
        + is_handled(20, talk=15, queue=CHAT)
        + is_over(20, COMPLETED, None)
        + is_unanswered(100, due=100),
    ),
    # 0 Q 5 A 20 E         100 m   101 b   130 Q      from the new entry, where a bot wrote
    "reopened, with a bot": (
        [queued(0), answered(5), ended(20), message(100), message(101, "bot"), queued(130)],
        is_answered(0, 5, CHAT)
        + is_handled(20, talk=15, queue=CHAT)
        + is_over(20, COMPLETED, None)
        + is_waiting(130, CHAT, first=False, since=0, allowance_s=LOST_S)
        + is_unanswered(100, due=130),
    ),
    "missed when it was reopened": (
        [queued(0), answered(5), ended(20), queued(100), ended(110)],
        is_answered(0, 5, CHAT)
        + is_handled(20, talk=15, queue=CHAT)
        + is_over(20, COMPLETED, None)
        + is_abandoned(100, 10, CHAT, first=False)
        + is_over(110, MISSED, None),
    ),
    # ---------------------------------------------------------------- several queues
    # sales 0 Q   5 A        20 m
    # tech                        25 Q          40 A  50 a     in the contact's queue, that of its last entry
    "moved to another queue": (
        [queued(0), answered(5), message(20), left(25), queued(25, "tech"), answered(40, "bob"), message(50, "agent")],
        is_answered(0, 5, CHAT)
        + is_handled(25, talk=20, queue=CHAT)
        + is_answered(25, 15, key("tech", "chat"), first=False)
        + is_in_progress(40, key("tech", "chat"))
        + is_counted(20, measures.COHORT_RESPONSE + 30, CHAT)
        + is_counted(
            50,
            {
                measures.RESPONSE + 30: 1,
                measures.RESPONSE_MS: 30_000,
                measures.TOTAL_RESPONSES: 1,
                measures.TOTAL_RESPONSE_MS: 30_000,
            },
            key("tech", "chat"),
        )
        + is_reply(50, 30, key("tech", "chat")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_chats(name: str) -> None:
    assert_counts(*CASES[name], chats=True)


@pytest.mark.parametrize("by", ["bot", "system", "other"])
def test_bots_and_systems_neither_ask_nor_reply(by: Author) -> None:
    waits = is_answered(0, 5, CHAT) + is_in_progress(5, CHAT)
    assert_counts([queued(0), answered(5), message(6, by)], waits, chats=True)
    assert_counts([queued(0), answered(5), message(6), message(9, by)], waits + is_unanswered(6, due=6), chats=True)


@pytest.mark.parametrize(
    ("role", "outcome"),
    [("primary", COMPLETED), ("conference", COMPLETED), ("consult", MISSED), ("monitor", MISSED), ("coach", MISSED)],
)
def test_who_answered_a_chat(role: Role, outcome: int) -> None:
    from_record = closed([queued(0), answered(5, role=role), exited(6, "withdrawn"), ended(20)], chats=True)
    assert [cell for _, _, cell in from_record if cell in (COMPLETED, DROPPED, MISSED)] == [outcome]


def test_a_chat_that_falls_silent_waits_for_no_reply_once_it_is_closed() -> None:
    """Lost 4 h after the entry; no response is counted, none is missed."""
    assert closed([message(0), queued(0)], chats=True) == is_lost(0, LOST_S, CHAT)
