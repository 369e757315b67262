"""Calls for the benchmarks: many queues, seven events a call, in order of time over all calls."""

from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random
from typing import Any

from models.events import Answered, ContactEvent, Ended, Held, Queued, Resumed, Ringing, Wrapped

QUEUES = 100
PEOPLE = 300
EVENTS_PER_CALL = 7


def calls(
    count: int, *, start_ms: int = 1_700_000_000_000, calls_per_s: float = 20, seed: int = 1
) -> Iterator[ContactEvent]:
    """Yield the events of `count` calls: queued, ringing, answered, held, resumed, ended, wrapped; some 200 bytes each."""
    random = Random(seed)
    pending: list[tuple[int, int, ContactEvent]] = []
    at = float(start_ms)
    made = 0
    for number in range(count):
        at += random.expovariate(calls_per_s) * 1_000
        for event in _call(random, number, int(at)):
            made += 1
            heappush(pending, (event.at, made, event))
        while pending and pending[0][0] <= at:
            yield heappop(pending)[2]
    while pending:
        yield heappop(pending)[2]


def _call(random: Random, number: int, at: int) -> list[ContactEvent]:
    contact, agent, queue = f"call-{number:08d}", f"agent-{number % PEOPLE}", f"queue-{number % QUEUES:02d}"
    answer = at + int(random.expovariate(1 / 20) * 1_000)
    talk_ms = int(random.expovariate(1 / 200) * 1_000)
    end = answer + talk_ms
    common: dict[str, Any] = {
        "contact_id": contact,
        "source": "bench",
        "site": "main",
        "customer": f"customer-{number}",
    }
    ids = [f"{contact}:{step}" for step in range(EVENTS_PER_CALL)]
    return [
        Queued(id=ids[0], at=at, queue=queue, direction="inbound", priority="normal", **common),
        Ringing(id=ids[1], at=answer - min(2_000, answer - at), queue=queue, agent=agent, **common),
        Answered(id=ids[2], at=answer, queue=queue, agent=agent, **common),
        Held(id=ids[3], at=answer + talk_ms // 3, agent=agent, **common),
        Resumed(id=ids[4], at=answer + talk_ms // 2, agent=agent, **common),
        Ended(id=ids[5], at=end, by="customer", **common),
        Wrapped(id=ids[6], at=end + 20_000, agent=agent, **common),
    ]
