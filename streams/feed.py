"""Events into Kafka: each to the topic of its kind, keyed by its contact; and recordings moved to now."""

import heapq
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.codec import encode
from models.errors import FloorpulseError
from models.events import ContactEvent, Prefix
from models.sections import KafkaSettings
from streams.floor import Sent
from streams.kafka_clients import connected
from streams.topics import TOPIC_OF

_UNSENT: Final = 20_000  # events that the producer may hold: it sets no limit of its own
_DELIVERY_S: Final = 30


class Feeder:
    """A producer of events; it places them by contact, as Kafka's default partitioner does (murmur2).

    Raises `FloorpulseError` where an event could not be delivered within 30 s: at a later event, or at the end.
    """

    def __init__(self, kafka: KafkaSettings, *, idempotent: bool = True) -> None:
        """Connect; with `idempotent` the broker drops what is sent again after a fault, where it can.

        Raises `ConfigError` where no broker lets us in.
        """
        self._bootstrap = kafka.bootstrap
        self._sent = 0
        self._error: BaseException | None = None
        # True is the default, and left out: said in so many words it fails on brokers that cannot.
        settings: dict[str, Any] = {} if idempotent else {"enable_idempotence": False}
        self._producer = connected(
            kafka,
            KafkaProducer,
            linger_ms=20,
            request_timeout_ms=10_000,
            delivery_timeout_ms=1_000 * _DELIVERY_S,
            **settings,
        )

    def send(self, prefix: Prefix, event: ContactEvent) -> None:
        """Hand an event to the producer, which sends it in the background."""
        try:
            sent = self._producer.send(TOPIC_OF[prefix], encode(prefix, event), key=event.contact_id.encode())
        except KafkaError as error:
            raise self._failed(error) from None
        sent.add_errback(self._note)
        self._sent += 1
        if self._sent % _UNSENT == 0:
            self.flush()
        self._raise_noted()

    def flush(self) -> None:
        """Return once all events are delivered."""
        try:
            self._producer.flush(timeout=2 * _DELIVERY_S)
        except KafkaError as error:
            raise self._failed(error) from None
        self._raise_noted()

    def close(self) -> None:
        """End the producer; what is not delivered within 5 s is dropped."""
        with suppress(KafkaError):  # where the broker is gone; what matters was said before
            self._producer.close(timeout=5)

    def _note(self, error: BaseException) -> None:
        self._error = self._error or error

    def _raise_noted(self) -> None:
        if self._error is not None:
            raise self._failed(self._error)

    def _failed(self, error: BaseException) -> FloorpulseError:
        return FloorpulseError(f"kafka {self._bootstrap}: events not delivered: {type(error).__name__}: {error}")


def moved(events: Iterable[Sent], start_ms: int, speed: float) -> Iterator[Sent]:
    """Yield recorded events as if the recording began at `start_ms` and contacts came `speed` times as fast.

    Each contact is moved as a whole: its waits and handle times stay what they were. Contact ids stay too.
    """
    by_contact: dict[tuple[Prefix, str], list[ContactEvent]] = {}
    for prefix, event in events:
        by_contact.setdefault((prefix, event.contact_id), []).append(event)
    contacts = sorted((min(event.at for event in facts), contact) for contact, facts in by_contact.items())
    if not contacts:
        return
    first_ms = contacts[0][0]
    pending: list[tuple[int, int, Sent]] = []
    number = 0
    for began_ms, contact in contacts:
        new_start = start_ms + int((began_ms - first_ms) / speed)
        while pending and pending[0][0] < new_start:
            yield heapq.heappop(pending)[2]
        for event in by_contact.pop(contact):
            shifted = msgspec.structs.replace(event, at=event.at - began_ms + new_start)
            number += 1
            heapq.heappush(pending, (shifted.at, number, (contact[0], shifted)))
    while pending:
        yield heapq.heappop(pending)[2]
