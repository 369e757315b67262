"""Facts: the order at equal time, the digest of ids, and packing."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from models import events as ev
from models.codec import encode
from models.events import ContactEvent
from models.facts import NO_FACTS, Fact, encode_fact, encoded_of, mark_of, pack, packed_of, unpack, weight
from tests.unit.test_events import DECODE, LEAST

ROOT = Path(__file__).parents[2]

# DESIGN 2.1: at equal time first what closes something open, then what opens, then what closes again.
AT_EQUAL_TIME: tuple[type[ContactEvent], ...] = (
    ev.Resumed,
    ev.Transferred,
    ev.Left,
    ev.Exited,
    ev.Started,
    ev.Queued,
    ev.Ringing,
    ev.Declined,
    ev.Answered,
    ev.Held,
    ev.Blocked,
    ev.Classified,
    ev.Escalated,
    ev.Message,
    ev.CallbackRequested,
    ev.CallbackAttempted,
    ev.CallbackCancelled,
    ev.Ended,
    ev.Wrapped,
    ev.SurveyOffered,
    ev.Rated,
)
ONE_OF_EACH = {type(event): event for event in LEAST}  # all of them at the same time
FACTS = [ONE_OF_EACH[kind].fact("voice") for kind in AT_EQUAL_TIME]
PLACE_OF_TYPES = re.compile(r"a fixed rank of types: (.*); of one type")


def queued(at: int, queue: str, rev: int) -> Fact:
    return ev.Queued(id="1", at=at, contact_id="c", queue=queue, rev=rev).fact("voice")


def test_the_order_at_equal_time() -> None:
    assert set(AT_EQUAL_TIME) == set(ev.EVENTS["chat"])
    assert all(one[:3] < other[:3] for one, other in pairwise(FACTS))


def test_the_order_at_equal_time_is_the_documented_one() -> None:
    [ranked] = PLACE_OF_TYPES.findall((ROOT / "docs" / "counting.md").read_text("utf-8"))
    assert re.findall(r"`(\w+)`", ranked) == [ev.event_type("chat", kind)[len("chat.") :] for kind in AT_EQUAL_TIME]


def test_time_goes_before_the_sources_own_order_and_that_before_the_kind() -> None:
    first = ev.Queued(id="1", at=5, seq=1, contact_id="c", queue="q").fact("voice")
    second = ev.Exited(id="2", at=5, seq=2, contact_id="c", reason="abandoned").fact("voice")
    third = ev.Resumed(id="3", at=6, contact_id="c").fact("voice")
    assert sorted((third, second, first)) == [first, second, third]


def test_every_rank_is_below_256() -> None:
    """The record's last place is kept as seq * 256 + kind."""
    assert max(kind for _, _, kind, *_ in FACTS) < 256


MARK_OF_1 = mark_of("1")


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        # at, seq, kind, mark, rev, then the values that count; kinds as written in snapshots, never to be changed in place
        (ev.Resumed(id="1", at=5, contact_id="c", agent="ann"), (5, 0, 10, MARK_OF_1, 0, "ann")),
        (ev.Transferred(id="1", at=5, contact_id="c"), (5, 0, 12, MARK_OF_1, 0, None, None, None)),
        (
            ev.Transferred(id="1", at=5, contact_id="c", agent="ann", kind="queue", to_queue="q", to_agent="bob"),
            (5, 0, 12, MARK_OF_1, 0, "ann", "queue", "bob"),
        ),
        (ev.Left(id="1", at=5, contact_id="c", agent="ann", reason="error"), (5, 0, 14, MARK_OF_1, 0, "ann", "error")),
        (ev.Exited(id="1", at=5, contact_id="c", reason="moved", queue="q"), (5, 0, 16, MARK_OF_1, 0, "moved", "q")),
        (ev.Started(id="1", at=5, contact_id="c", direction="inbound"), (5, 0, 30, MARK_OF_1, 0, "inbound")),
        (
            ev.Queued(id="1", at=5, rev=3, seq=2, contact_id="c", queue="q"),
            (5, 2, 32, MARK_OF_1, 3, "q", "voice", None, None, None),
        ),
        (
            ev.Queued(
                id="1", at=5, contact_id="c", queue="q", channel="video", direction="callback", issue_type="bill",
                issue_reason="late", product="x",
            ),
            (5, 0, 32, MARK_OF_1, 0, "q", "video", "callback", "bill", "late"),
        ),
        (ev.Ringing(id="1", at=5, contact_id="c", agent="ann"), (5, 0, 34, MARK_OF_1, 0, "ann", None)),
        (ev.Declined(id="1", at=5, contact_id="c", agent="ann"), (5, 0, 36, MARK_OF_1, 0, "ann", None)),
        (
            ev.Answered(id="1", at=5, contact_id="c", agent="ann"),
            (5, 0, 38, MARK_OF_1, 0, "ann", None, "voice", "primary"),
        ),
        (ev.Held(id="1", at=5, contact_id="c"), (5, 0, 40, MARK_OF_1, 0, None)),
        (
            ev.Blocked(id="1", at=5, contact_id="c", reason="no_agent"),
            (5, 0, 42, MARK_OF_1, 0, None, "voice", "no_agent"),
        ),
        (
            ev.Blocked(id="1", at=5, contact_id="c", reason="queue_full", queue="q", channel="video"),
            (5, 0, 42, MARK_OF_1, 0, "q", "video", "queue_full"),
        ),
        (
            ev.Classified(id="1", at=5, contact_id="c", issue_type="bill", issue_reason="late", product="x"),
            (5, 0, 44, MARK_OF_1, 0, "bill", "late"),
        ),
        (ev.Escalated(id="1", at=5, contact_id="c", level="2", to_agent="bob"), (5, 0, 46, MARK_OF_1, 0)),
        (ev.CallbackRequested(id="1", at=5, contact_id="c", due_at=9), (5, 0, 50, MARK_OF_1, 0, 9)),
        (ev.CallbackAttempted(id="1", at=5, contact_id="c", result="busy"), (5, 0, 52, MARK_OF_1, 0, "busy")),
        (ev.CallbackCancelled(id="1", at=5, contact_id="c", by="agent"), (5, 0, 54, MARK_OF_1, 0)),
        (ev.Ended(id="1", at=5, contact_id="c", by="agent"), (5, 0, 60, MARK_OF_1, 0, "agent")),
        (
            ev.Wrapped(id="1", at=5, contact_id="c", agent="ann", resolved=False),
            (5, 0, 62, MARK_OF_1, 0, "ann", False),
        ),
        (
            ev.SurveyOffered(id="1", at=5, contact_id="c", survey="s", agent="ann", queue="q"),
            (5, 0, 64, MARK_OF_1, 0, "s", "ann", "q"),
        ),
        (
            ev.Rated(id="1", at=5, contact_id="c"),
            (5, 0, 66, MARK_OF_1, 0, None, None, None, None, 5, None, None, None),
        ),
        (
            ev.Rated(
                id="1", at=5, contact_id="c", survey="s", agent="ann", queue="q", csat=3, scale=7, nps=9, ces=2,
                resolved=True, theme=("price",),
            ),
            (5, 0, 66, MARK_OF_1, 0, "s", "ann", "q", 3, 7, 9, 2, True),
        ),
    ],
)  # fmt: skip
def test_what_a_fact_remembers(event: ContactEvent, fact: Fact) -> None:
    assert event.fact("voice") == fact
    assert DECODE(encode("call", event)).fact("voice") == fact  # the decoder's own classes as well


def test_a_fact_of_a_chat_remembers_who_wrote_and_the_channel_of_the_topic() -> None:
    message = ev.Message(id="1", at=5, contact_id="c", by="customer", agent="ann")
    assert message.fact("chat") == (5, 0, 48, MARK_OF_1, 0, "customer")
    for kind in (ev.Queued, ev.Answered, ev.Blocked):
        assert "chat" in ONE_OF_EACH[kind].fact("chat")


# XXH3, 64 bits, seed 0: the published value of the empty input, and those of the reference program `xxhsum -H3`.
DIGESTS = {"": "2d06800538d394c2", "a": "e6c632b61e964e1f", "abc": "78af5f94892f3950"}


@pytest.mark.parametrize(("name", "digest"), DIGESTS.items())
def test_a_mark_never_changes(name: str, digest: str) -> None:
    assert mark_of(name).hex() == digest


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_a_mark_is_the_same_in_each_process(seed: str) -> None:
    """Python's own hash of a string is not."""
    code = "from models.facts import mark_of; print(mark_of('abc').hex())"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
    )  # fmt: skip
    assert ran.stdout.strip() == DIGESTS["abc"], ran.stderr


def test_packing_is_appending() -> None:
    encoded = b"".join(map(encode_fact, FACTS))
    assert unpack(pack(FACTS)) == FACTS
    assert unpack(packed_of(len(FACTS), encoded)) == FACTS
    assert encoded_of(pack(FACTS)) == (len(FACTS), encoded)
    assert unpack(NO_FACTS) == []


@pytest.mark.parametrize("count", [1, 15, 16, 65_535, 65_536])
def test_any_number_of_facts_is_unpacked(count: int) -> None:
    """Around the limits of msgpack's three heads of an array."""
    fact = (0, 0, 10, b"12345678", 0, None)
    assert unpack(pack([fact] * count)) == [fact] * count


def test_of_one_id_the_higher_revision_weighs_more_then_the_later_then_the_greater_bytes() -> None:
    lightest_first = [
        queued(9, "zzz", rev=0),
        queued(1, "zzz", rev=1),
        queued(2, "aaa", rev=1),
        queued(2, "bbb", rev=1),
        queued(0, "aaa", rev=2),
    ]
    weights = [weight(fact) for fact in lightest_first]
    assert all(one < other for one, other in pairwise(weights))
