"""Facts: the order at equal time, the digest of ids, and packing."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from models import events as ev
from models.codec import encode
from models.events import ContactEvent
from models.facts import NO_FACTS, Fact, encode_fact, encoded_of, mark_of, pack, packed_of, unpack, weight
from tests.unit import builders as b

# DESIGN 2.1: at equal time first what closes something open, then what opens, then what closes again.
AT_EQUAL_TIME = (
    b.resumed(0),
    b.transferred(0),
    b.left(0),
    b.exited(0),
    b.started(0),
    b.queued(0),
    b.ringing(0),
    b.declined(0),
    b.answered(0),
    b.held(0),
    b.blocked(0),
    b.ended(0),
    b.wrapped(0),
)


def place(event: ContactEvent) -> Fact:
    return event.fact("voice")[:3]


def test_the_order_at_equal_time() -> None:
    assert {type(event) for event in AT_EQUAL_TIME} == set(ev.EVENTS["chat"])
    assert all(place(one) < place(other) for one, other in pairwise(AT_EQUAL_TIME))


def test_time_goes_before_the_sources_own_order_and_that_before_the_kind() -> None:
    first, second, third = b.exited(0, seq=2), b.queued(0, seq=1), b.queued(0.001)
    assert sorted((first, second, third), key=place) == [second, first, third]


def test_every_rank_is_below_256() -> None:
    """The record's last place is kept as seq * 256 + kind."""
    assert max(place(event)[2] for event in AT_EQUAL_TIME) < 256


MARK_OF_1 = mark_of("1")


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        # at, seq, kind, mark, rev, then the values that count; kinds as written in snapshots, never to be changed in place
        (ev.Resumed(id="1", at=5, contact_id="c", agent="ann"), (5, 0, 10, MARK_OF_1, 0, "ann")),
        (
            ev.Transferred(id="1", at=5, contact_id="c", agent="ann", kind="queue"),
            (5, 0, 12, MARK_OF_1, 0, "ann", "queue"),
        ),
        (ev.Left(id="1", at=5, contact_id="c", agent="ann", reason="error"), (5, 0, 14, MARK_OF_1, 0, "ann", "error")),
        (ev.Exited(id="1", at=5, contact_id="c", reason="moved", queue="q"), (5, 0, 16, MARK_OF_1, 0, "moved", "q")),
        (ev.Started(id="1", at=5, contact_id="c", direction="inbound"), (5, 0, 30, MARK_OF_1, 0, "inbound")),
        (
            ev.Queued(id="1", at=5, rev=3, seq=2, contact_id="c", queue="q"),
            (5, 2, 32, MARK_OF_1, 3, "q", "voice", None),
        ),
        (
            ev.Queued(id="1", at=5, contact_id="c", queue="q", channel="video"),
            (5, 0, 32, MARK_OF_1, 0, "q", "video", None),
        ),
        (ev.Ringing(id="1", at=5, contact_id="c", agent="ann"), (5, 0, 34, MARK_OF_1, 0, "ann", None)),
        (ev.Declined(id="1", at=5, contact_id="c", agent="ann"), (5, 0, 36, MARK_OF_1, 0, "ann", None)),
        (
            ev.Answered(id="1", at=5, contact_id="c", agent="ann"),
            (5, 0, 38, MARK_OF_1, 0, "ann", None, "voice", "primary"),
        ),
        (ev.Held(id="1", at=5, contact_id="c"), (5, 0, 40, MARK_OF_1, 0, None)),
        (ev.Blocked(id="1", at=5, contact_id="c", reason="no_agent"), (5, 0, 42, MARK_OF_1, 0, None, "no_agent")),
        (ev.Ended(id="1", at=5, contact_id="c", by="agent"), (5, 0, 60, MARK_OF_1, 0, "agent")),
        (ev.Wrapped(id="1", at=5, contact_id="c", agent="ann"), (5, 0, 62, MARK_OF_1, 0, "ann")),
    ],
)
def test_what_a_fact_remembers(event: ContactEvent, fact: Fact) -> None:
    assert event.fact("voice") == fact
    assert b.DECODE(encode("call", event)).fact("voice") == fact  # the decoder's own classes as well


# XXH3, 64 bits, seed 0: the published value of the empty input, and those of the reference program `xxhsum -H3`.
DIGESTS = {"": "2d06800538d394c2", "a": "e6c632b61e964e1f", "abc": "78af5f94892f3950"}


@pytest.mark.parametrize(("name", "digest"), DIGESTS.items())
def test_a_mark_never_changes(name: str, digest: str) -> None:
    assert mark_of(name).hex() == digest


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_a_mark_is_the_same_in_each_process(seed: str) -> None:
    """Python's own hash of a string is not."""
    code = "from models.facts import mark_of; print(mark_of('abc').hex())"
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
    )  # fmt: skip
    assert ran.stdout.strip() == DIGESTS["abc"], ran.stderr


def test_packing_is_appending() -> None:
    facts = [event.fact("voice") for event in AT_EQUAL_TIME]
    assert unpack(pack(facts)) == facts
    assert unpack(packed_of(len(facts), b"".join(map(encode_fact, facts)))) == facts
    assert encoded_of(pack(facts)) == (len(facts), b"".join(map(encode_fact, facts)))
    assert unpack(NO_FACTS) == []


@pytest.mark.parametrize("count", [1, 15, 16, 65_535, 65_536])
def test_any_number_of_facts_is_unpacked(count: int) -> None:
    """Around the limits of msgpack's three heads of an array."""
    fact = (0, 0, 10, b"12345678", 0, None)
    assert unpack(pack([fact] * count)) == [fact] * count


def test_of_one_id_the_higher_revision_weighs_more_then_the_later_then_the_greater_bytes() -> None:
    lightest_first = [
        b.queued(9, "zzz", i="1", rev=0),
        b.queued(1, "zzz", i="1", rev=1),
        b.queued(2, "aaa", i="1", rev=1),
        b.queued(2, "bbb", i="1", rev=1),
        b.queued(0, "aaa", i="1", rev=2),
    ]
    weights = [weight(event.fact("voice")) for event in lightest_first]
    assert all(one < other for one, other in pairwise(weights))
