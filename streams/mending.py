"""Refused records sent again: those of the letters that are events by now, or mended ones from a file.

They keep their ids, so that none counts twice however often this is done. What is still no event is not sent: it would only
come back as a letter.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError

from models.codec import Decode, decoder
from models.errors import ConfigError, DecodeError, FloorpulseError
from models.settings import Settings
from streams.kafka_clients import connected
from streams.letters import Refused
from streams.recordings import DAMAGED, open_events
from streams.topics import CALLS, LETTER_BYTES, SOURCES

_ACKNOWLEDGED_S: Final = 60


@dataclass(frozen=True)
class Mended:
    """A record to be sent."""

    topic: str
    key: bytes
    value: bytes
    at_ms: int


class Mender:
    """Checks records as a worker will: with the decoder of their topic, and against the clock."""

    def __init__(self, settings: Settings, now_ms: int) -> None:
        self._decoders: dict[str, Decode] = {topic: decoder(prefix) for topic, prefix in SOURCES.items()}
        self._skew_ms = int(settings.folding.skew_s * 1_000)
        self._now_ms = now_ms

    def mended(self, topic: str, key: bytes | None, value: bytes) -> Mended:
        """Return the record to be sent; its key is the contact's id where it had none. Raises `DecodeError`."""
        if topic not in self._decoders:
            raise DecodeError("type", f"topic: {topic!r} is no topic of events, known: {', '.join(SOURCES)}")
        event = self._decoders[topic](value)
        if event.at > self._now_ms + self._skew_ms:
            ahead_s = (event.at - self._now_ms) // 1_000
            raise DecodeError("future", f"at: {event.at} is {ahead_s} s ahead, allowed: {self._skew_ms // 1_000}")
        return Mended(topic, event.contact_id.encode() if key is None else key, value, event.at)


@dataclass(frozen=True)
class Sorted:
    """What of the letters can be sent, and what cannot: the letter, and why."""

    mended: list[Mended]
    still_refused: list[tuple[Refused, str]]


def sort_out(letters: Iterable[Refused], mender: Mender) -> Sorted:
    """Tell which refused records are events by now."""
    found = Sorted([], [])
    for letter in letters:
        try:
            found.mended.append(mender.mended(letter.place.topic, letter.key, letter.value))
        except DecodeError as error:
            found.still_refused.append((letter, str(error)))
    return found


def from_file(path: str, mender: Mender) -> list[Mended]:
    """Read mended records from a file: one event a line, or one line of `deadletters list --json` with its value mended.

    Raises `ConfigError` where a line is no event, with all such lines and why: then none is to be sent.
    """
    found, faults = [], []
    with open_events(path) as file:
        try:
            for number, line in enumerate(file, 1):
                if line.isspace():
                    continue
                try:
                    found.append(_of_line(line, mender))
                except DecodeError as error:
                    faults.append(f"{path}:{number}: {error}")
        except DAMAGED as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from None
    if faults:
        summary = f"{path}: {len(faults)} of {len(found) + len(faults)} lines are no events; nothing was sent"
        raise ConfigError("\n".join([summary, *faults]))
    return found


def _of_line(line: bytes, mender: Mender) -> Mended:
    try:
        body: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DecodeError("json", f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise DecodeError("json", f"not a JSON object but {type(body).__name__}")
    if "topic" in body and "type" not in body:  # a letter as it was listed
        value, key = body.get("value"), body.get("key")
        encoded = value.encode() if isinstance(value, str) else orjson.dumps(value)
        return mender.mended(str(body["topic"]), key.encode() if isinstance(key, str) else None, encoded)
    prefix = str(body.get("type")).partition(".")[0]
    topic = next((topic for topic, known in SOURCES.items() if known == prefix), CALLS)
    return mender.mended(topic, None, line.strip())


def send(settings: Settings, records: Iterable[Mended]) -> Counter[str]:
    """Send records to their topics; return how many each got, all acknowledged. Raises `FloorpulseError`."""
    producer = connected(
        settings.kafka,
        KafkaProducer,
        acks="all",
        max_request_size=LETTER_BYTES,
        linger_ms=20,
        enable_idempotence=False,  # ids are what keeps them from counting twice, and not every broker can
    )
    try:
        sent = [(record.topic, producer.send(record.topic, record.value, key=record.key)) for record in records]
        producer.flush(timeout=_ACKNOWLEDGED_S)
        return Counter(topic for topic, future in sent if future.get(timeout=_ACKNOWLEDGED_S))
    except KafkaError as error:
        raise FloorpulseError(
            f"sending to kafka {settings.kafka.bootstrap}: {type(error).__name__}: {error}; "
            "what had been sent may be sent again: nothing counts twice"
        ) from None
    finally:
        producer.close(timeout=5)


def past_horizon(records: Iterable[Mended], settings: Settings, now_ms: int) -> int:
    """Return how many of the records a worker that is up to date takes for late."""
    lateness_ms = {topic: settings.fold(prefix).lateness_ms or 0 for topic, prefix in SOURCES.items()}
    return sum(record.at_ms < now_ms - lateness_ms[record.topic] for record in records)


def planned(records: Iterable[Mended]) -> Counter[str]:
    """Return how many records each topic would get."""
    return Counter(record.topic for record in records)


def said(counts: Counter[str]) -> Iterator[str]:
    """Say how many records went where."""
    for topic, n in sorted(counts.items()):
        yield f"{n:,} to {topic}"
