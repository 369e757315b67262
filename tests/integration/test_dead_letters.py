"""Records that are no events, and events that come too late: none stops a worker, none is lost, all others count."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from models.events import Answered, ContactEvent, Ended, Queued
from streams.fold_stage import place
from tests.integration import harness
from tests.integration.harness import KeyValue, Worker
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

DEAD_LETTERS = "cc.dead_letters"
LATE = "cc.late"
NOON_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
ODD_QUEUES = ("sales", "a|b%7C", 'say "hi"\\', "zwei\nZeilen", "予約")

BAD: tuple[tuple[bytes | None, str, str], ...] = (
    (b"{", "json", "not JSON"),
    (b"", "json", "not JSON"),
    (None, "json", "not"),  # a tombstone
    (b"\xff\xfe\x00", "json", "not"),
    (b"[1]", "json", "not a JSON object but list"),
    (b"[" * 100_000, "json", "not"),
    (b'{"id":"1","at":1}', "type", "no type"),
    (b'{"type":"\\ud800","id":"1","at":1}', "json", "not"),
    (b'{"type":"call.teleported","id":"1","at":1,"contact_id":"c"}', "type", "unknown type 'call.teleported', known: "),
    (b'{"type":"chat.queued","id":"1","at":1,"contact_id":"c","queue":"q"}', "type", "unknown type 'chat.queued'"),
    (b'{"type":"call.queued","id":"1","at":1,"contact_id":"c"}', "field", "queue: missing in call.queued, required"),
    (b'{"type":"call.queued","id":"1","at":"noon","contact_id":"c","queue":"q"}', "field", "at: 'noon' not allowed"),
    (b'{"type":"call.queued","id":"1","at":-1,"contact_id":"c","queue":"q"}', "field", "at: -1 not allowed"),
    (b'{"type":"call.queued","id":"1","at":1,"contact_id":"","queue":"q"}', "field", "contact_id: '' not allowed"),
    (
        b'{"type":"call.exited","id":"1","at":1,"contact_id":"c","reason":"bored"}',
        "field",
        "reason: 'bored' not allowed",
    ),
    (
        b'{"type":"call.queued","id":"1","at":4102444800000,"contact_id":"c","queue":"q"}',
        "field",
        "at: 4102444800000 not allowed",
    ),
    (
        b'{"type":"call.queued","id":"1","at":%d,"contact_id":"c","queue":"q"}' % (NOON_MS * 2),
        "future",
        "ahead of its append time, allowed: 600",
    ),
)
"""Value, code, and a part of the reason."""

KEYS: tuple[bytes | None, ...] = (b"c", b"\xff\xfe", b"", None)


def call(name: str, queue: str, entered_at: int) -> list[ContactEvent]:
    """Make a call that waits 7 s and talks 60 s."""
    return [
        Queued(id=f"{name}:q", at=entered_at, contact_id=name, queue=queue),
        Answered(id=f"{name}:a", at=entered_at + 7_000, contact_id=name, agent="S01", queue=queue),
        Ended(id=f"{name}:e", at=entered_at + 67_000, contact_id=name, by="customer"),
    ]


def good_calls() -> list[ContactEvent]:
    return [
        event
        for number in range(200)
        for event in call(f"c{number}", ODD_QUEUES[number % len(ODD_QUEUES)], NOON_MS + 1_000 * number)
    ]


def interleaved(good: Iterable[KeyValue], bad: Iterable[KeyValue]) -> Iterator[KeyValue]:
    """Put a bad record after every third good one until there are no more of them."""
    rest = iter(bad)
    for number, row in enumerate(good):
        yield row
        if number % 3 == 0:
            yield from [row for row in [next(rest, None)] if row is not None]
    assert next(rest, None) is None


@dataclass(frozen=True)
class Letter:
    """A refused record as it lies in the topic."""

    key: bytes | None
    value: bytes
    code: str
    reason: str


def letters(bootstrap: str, topic: str) -> dict[tuple[int, int], Letter]:
    """Return the letters of a topic by the partition and offset they came from; copies must be equal."""
    found: dict[tuple[int, int], Letter] = {}
    for record in harness.read(bootstrap, topic):
        headers = {name: text.decode() for name, text in record.headers}
        assert headers["topic"] == harness.CALLS
        place = int(headers["partition"]), int(headers["offset"])
        letter = Letter(record.key, record.value, headers["code"], headers["reason"])
        assert record.partition == place[0]
        assert found.setdefault(place, letter) == letter
    return found


def test_each_bad_record_is_a_letter_and_the_good_ones_count(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    good = harness.rows(good_calls())
    bad = [(key, value) for value, _, _ in BAD for key in KEYS if not key is value is None]
    sent = list(interleaved(good, bad))
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        feed.send(sent)
        places = feed.flush()
        [page] = harness.settle(bootstrap, worker)
        right = {value: (code, reason) for value, code, reason in BAD}
        expected = {
            place: (key, value, *right[value])
            for place, (key, value) in zip(places, sent, strict=True)
            if value in right
        }
        assert len(expected) == len(bad)
        found = letters(bootstrap, DEAD_LETTERS)
        assert found.keys() == expected.keys()
        for place, (key, value, code, reason) in expected.items():
            letter = found[place]
            assert (letter.key, letter.value, letter.code) == (key, value or b"", code)
            assert reason in letter.reason
        assert page.sum("floorpulse_invalid_total") == len(bad)
        assert page.sum("floorpulse_events_total") == len(good)
        assert page.by("queue", "cc_contacts_offered_total") == dict.fromkeys(ODD_QUEUES, 40)
        assert page.by("queue", "cc_contacts_answered_total") == dict.fromkeys(ODD_QUEUES, 40)
        assert page.by("queue", "cc_talk_seconds_total") == dict.fromkeys(ODD_QUEUES, 40 * 60)
        assert worker.get("/healthz") == (200, "ok\n")


@pytest.mark.parametrize("size", [200_000, 1_048_000])
def test_a_large_bad_record_does_not_stop_the_worker(kafka_broker: KafkaBroker, tmp_path: Path, size: int) -> None:
    """A letter is larger than its record, which may be as large as a broker takes, and cannot be packed."""
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        feed.send([(b"c", random.Random(1).randbytes(size))])
        [place] = feed.flush()
        feed.send(harness.rows(good_calls()))
        feed.flush()
        [page] = harness.settle(bootstrap, worker, within_s=20)
        assert page.sum("floorpulse_invalid_total") == 1
        assert page.by("queue", "cc_contacts_offered_total") == dict.fromkeys(ODD_QUEUES, 40)
        harness.wait_until(lambda: letters(bootstrap, DEAD_LETTERS).keys() == {place}, 10, "the letter")
        assert worker.get("/healthz") == (200, "ok\n")


def test_an_event_past_the_lateness_horizon_is_handed_on(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Six hours behind the newest event of its own partition are allowed, a millisecond more is not."""
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    oldest_allowed = NOON_MS + 67_000 - 6 * HOUR_MS
    newest = harness.rows(call(contact_in(3), "sales", NOON_MS))
    just_allowed = harness.rows([Queued(id="1", at=oldest_allowed, contact_id=contact_in(3, "just"), queue="sales")])
    too_late = harness.rows([Queued(id="2", at=oldest_allowed - 1, contact_id=contact_in(3, "late"), queue="sales")])
    elsewhere = harness.rows([Queued(id="2", at=oldest_allowed - 1, contact_id=contact_in(4), queue="sales")])
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        feed.send([*newest, *just_allowed, *too_late], partition=3)
        feed.send(elsewhere, partition=4)  # of another partition it is the newest
        places = feed.flush()
        [page] = harness.settle(bootstrap, worker)
        found = letters(bootstrap, LATE)
        assert found.keys() == {places[4]}
        assert places[4][0] == 3
        assert found[places[4]].code == "late"
        assert (found[places[4]].key, found[places[4]].value) == too_late[0]
        assert letters(bootstrap, DEAD_LETTERS) == {}
        assert page.by("partition", "floorpulse_late_total", topic=harness.CALLS) == {
            str(n): float(n == 3) for n in range(harness.PARTITIONS)
        }
        assert page.sum("cc_contacts_offered_total") == 3


def contact_in(partition: int, prefix: str = "c") -> str:
    """Return a contact id that Kafka's default partitioner places there."""
    names = (f"{prefix}-{number}" for number in count())
    return next(name for name in names if place(name.encode(), harness.PARTITIONS) == partition)


def test_a_topic_that_is_keyed_otherwise_stops_the_worker(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """An event whose key belongs elsewhere; a bad record with such a key stops nothing."""
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        feed.send([(contact_in(4).encode(), b"bad")], partition=3)
        feed.flush()
        harness.settle(bootstrap, worker)
        feed.send(harness.rows(call(contact_in(4), "sales", NOON_MS)), partition=2)
        feed.flush()
        assert worker.ended(10) == 2
        [line] = [line for line in worker.stderr().splitlines() if line.startswith("floorpulse: ")]
    assert line == (
        f"floorpulse: cc.calls[2] offset 0: key {contact_in(4).encode()!r} belongs to partition 4 of 8; "
        "feed the topic keyed by contact_id, placed by Kafka's default (murmur2)"
    )


def test_no_letter_is_lost_in_a_kill(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Kill the worker as soon as it has counted bad records, three times over; letters may come twice."""
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    good = harness.rows(good_calls())
    places: set[tuple[int, int]] = set()
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        for number in range(3):
            worker.wait_ready()
            feed.send(good[number * 200 : number * 200 + 200])
            feed.flush()
            feed.send([(f"{number}-{bad}".encode(), b"bad %d" % bad) for bad in range(500)])
            wait_until_some_are_refused(worker, len(places))
            worker.kill()
            worker.start()
            places.update(feed.flush())
        [page] = harness.settle(bootstrap, worker)
        assert len(places) == 3 * 500
        assert page.sum("floorpulse_invalid_total") == len(places)
        assert page.by("queue", "cc_contacts_offered_total") == dict.fromkeys(ODD_QUEUES, 40)
        assert letters(bootstrap, DEAD_LETTERS).keys() == places


def wait_until_some_are_refused(worker: Worker, before: int) -> None:
    harness.wait_until(
        lambda: sum(worker.page().by("partition", "floorpulse_invalid_total", topic=harness.CALLS).values()) > before,
        10,
        "bad records counted",
    )
