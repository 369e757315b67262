"""The job that all engines do, its events, and how an engine says what it found.

Events are of some 270 bytes. They come in the order of their times, each under the key of its contact, so that the events of
a queue lie in all partitions: whoever sums by queue must regroup them, or add up what its partitions found.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple, Self

import msgspec

QUEUES: Final = 100
MINUTES: Final = 20
MINUTE_MS: Final = 60_000
START_MS: Final = 1_700_000_040_000  # a full minute
EVENTS_A_CONTACT: Final = 7

Sums = Mapping[tuple[str, int], int]  # queue and minute since the epoch -> talk time, ms


class Talked(msgspec.Struct):
    """What the job needs of an event."""

    queue: str
    at: int
    talk_ms: int


decode: Final = msgspec.json.Decoder(Talked).decode


class Made(NamedTuple):
    """One event of the generator, as it goes to the topic, and what is in it."""

    contact: str
    value: bytes
    event: Talked


def events(count: int) -> Iterator[Made]:
    """Yield `count` events, evenly over `MINUTES`; `at_s` is for stock Faust: ms in its windows overflow."""
    random = Random(1)
    contacts = max(1, count // EVENTS_A_CONTACT)
    for n in range(count):
        number = random.randrange(contacts)
        contact, queue = f"call-{number:08d}", f"queue-{random.randrange(QUEUES):02d}"
        at, talk_ms = START_MS + n * MINUTES * MINUTE_MS // count, random.randrange(1, 600_000)
        value = (
            f'{{"type":"call.ended","id":"{contact}:{n:08d}","at":{at},"at_s":{at // 1_000},'
            f'"contact_id":"{contact}","source":"bench","site":"main","customer":"customer-{number:08d}",'
            f'"agent":"agent-{number % 300:03d}","queue":"{queue}",'
            f'"direction":"inbound","priority":"normal","talk_ms":{talk_ms}}}'
        )
        yield Made(contact, value.encode(), Talked(queue, at, talk_ms))


def minute_of(at_ms: int) -> int:
    """Return the minute since the epoch."""
    return at_ms // MINUTE_MS


def add_up(made: Iterator[Made]) -> Counter[tuple[str, int]]:
    """Return what every engine must find."""
    sums: Counter[tuple[str, int]] = Counter()
    for _, _, event in made:
        sums[event.queue, minute_of(event.at)] += event.talk_ms
    return sums


@dataclass(frozen=True)
class Found:
    """What an engine found, and in how long: from its first event to the moment when all were counted."""

    wall_s: float
    cpu_s: float  # of the engine's process, all threads
    sums: Sums

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read the line of an engine."""
        said = json.loads(line)
        sums = {(queue, minute): total for queue, minute, total in said["sums"]}
        return cls(said["wall_s"], said["cpu_s"], sums)


class Meter:
    """Takes the time of an engine in Python."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def first(self) -> None:
        """Begin, unless it has begun: the first event is there."""
        if self._began is None:
            self._began = time.perf_counter(), time.process_time()

    def done(self, sums: Sums) -> None:
        """Print what was found, once all is counted."""
        assert self._began is not None
        wall_s, cpu_s = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        rows = [[queue, minute, total] for (queue, minute), total in sums.items()]
        # The standard output that the process was given: Faust puts another in its place.
        print(json.dumps({"wall_s": wall_s, "cpu_s": cpu_s, "sums": rows}), file=sys.__stdout__, flush=True)
