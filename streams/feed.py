"""Events into Kafka as they happen: simulated, or recorded and moved to now."""

import heapq
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from kafka import KafkaProducer

from models.codec import encode
from models.events import ContactEvent
from streams.topics import CALLS

_STEP_S: Final = 0.05


def feed(bootstrap: str, events: Iterable[ContactEvent], stop: threading.Event) -> None:
    """Send events, each when its time has come, until they end or `stop` is set; what lies in the past goes at once."""
    # Not idempotent: the demo's broker cannot be; duplicates would do no harm.
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), linger_ms=20, enable_idempotence=False)
    try:
        for event in events:
            while event.at > time.time() * 1_000:
                if stop.wait(_STEP_S):
                    return
            if stop.is_set():
                return
            producer.send(CALLS, encode("call", event), key=event.contact_id.encode())
    finally:
        producer.close(timeout=5)


def moved(events: Iterable[ContactEvent], start_ms: int, speed: float) -> Iterator[ContactEvent]:
    """Yield recorded events as if the recording began at `start_ms` and contacts came `speed` times as fast.

    Each contact is moved as a whole: its waits and handle times stay what they were. Contact ids stay too.
    """
    by_contact: dict[str, list[ContactEvent]] = {}
    for event in events:
        by_contact.setdefault(event.contact_id, []).append(event)
    contacts = sorted((min(event.at for event in facts), contact) for contact, facts in by_contact.items())
    if not contacts:
        return
    first_ms = contacts[0][0]
    pending: list[tuple[int, int, ContactEvent]] = []
    number = 0
    for began_ms, contact in contacts:
        new_start = start_ms + int((began_ms - first_ms) / speed)
        while pending and pending[0][0] < new_start:
            yield heapq.heappop(pending)[2]
        for event in by_contact.pop(contact):
            shifted = msgspec.structs.replace(event, at=event.at - began_ms + new_start)
            number += 1
            heapq.heappush(pending, (shifted.at, number, shifted))
    while pending:
        yield heapq.heappop(pending)[2]
