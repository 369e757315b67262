"""Calls and chats for the benchmarks: many queues, seven events a call and nine a chat, in order of time over all contacts."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from random import Random
from typing import Any

from models.events import (
    Answered,
    ContactEvent,
    Ended,
    Held,
    Message,
    Queued,
    Rated,
    Resumed,
    Ringing,
    Started,
    Wrapped,
)

QUEUES = 100
PEOPLE = 300
MESSAGES = 4
START_MS = 1_700_000_000_000


def calls(count: int, *, start_ms: int = START_MS, calls_per_s: float = 20, seed: int = 1) -> Iterator[ContactEvent]:
    """Yield the events of `count` calls: queued, ringing, answered, held, resumed, ended, wrapped; some 200 bytes each."""
    return _by_time(_call, count, start_ms, calls_per_s, seed)


def chats(count: int, *, start_ms: int = START_MS, chats_per_s: float = 20, seed: int = 1) -> Iterator[ContactEvent]:
    """Yield the events of `count` chats: started, queued, answered, four messages, ended, rated; some 200 bytes each."""
    return _by_time(_chat, count, start_ms, chats_per_s, seed)


def _by_time(
    contact: Callable[[Random, int, int], list[ContactEvent]], count: int, start_ms: int, per_s: float, seed: int
) -> Iterator[ContactEvent]:
    random = Random(seed)
    pending: list[tuple[int, int, ContactEvent]] = []
    at = float(start_ms)
    made = 0
    for number in range(count):
        at += random.expovariate(per_s) * 1_000
        for event in contact(random, number, int(at)):
            made += 1
            heappush(pending, (event.at, made, event))
        while pending and pending[0][0] <= at:
            yield heappop(pending)[2]
    while pending:
        yield heappop(pending)[2]


def _common(contact: str, number: int) -> dict[str, Any]:
    return {"contact_id": contact, "source": "bench", "site": "main", "customer": f"customer-{number}"}


def _call(random: Random, number: int, at: int) -> list[ContactEvent]:
    contact, agent, queue = f"call-{number:08d}", f"agent-{number % PEOPLE}", f"queue-{number % QUEUES:02d}"
    answer = at + int(random.expovariate(1 / 20) * 1_000)
    talk_ms = int(random.expovariate(1 / 200) * 1_000)
    end = answer + talk_ms
    common = _common(contact, number)
    ids = [f"{contact}:{step}" for step in range(7)]
    return [
        Queued(id=ids[0], at=at, queue=queue, direction="inbound", priority="normal", **common),
        Ringing(id=ids[1], at=answer - min(2_000, answer - at), queue=queue, agent=agent, **common),
        Answered(id=ids[2], at=answer, queue=queue, agent=agent, **common),
        Held(id=ids[3], at=answer + talk_ms // 3, agent=agent, **common),
        Resumed(id=ids[4], at=answer + talk_ms // 2, agent=agent, **common),
        Ended(id=ids[5], at=end, by="customer", **common),
        Wrapped(id=ids[6], at=end + 20_000, agent=agent, **common),
    ]


def _chat(random: Random, number: int, at: int) -> list[ContactEvent]:
    contact, agent, queue = f"chat-{number:08d}", f"agent-{number % PEOPLE}", f"queue-{number % QUEUES:02d}"
    entry = at + 5_000
    answer = entry + int(random.expovariate(1 / 30) * 1_000)
    step_ms = int(random.expovariate(1 / 60) * 1_000)
    end = answer + (MESSAGES + 1) * step_ms
    common = _common(contact, number)
    ids = [f"{contact}:{step}" for step in range(5 + MESSAGES)]
    return [
        Started(id=ids[0], at=at, direction="inbound", entry="website", **common),
        Queued(id=ids[1], at=entry, queue=queue, issue_type="billing", priority="normal", **common),
        Answered(id=ids[2], at=answer, queue=queue, agent=agent, **common),
        *(
            Message(
                id=ids[3 + n],
                at=answer + (n + 1) * step_ms,
                by="agent" if n % 2 else "customer",
                agent=agent if n % 2 else None,
                **common,
            )
            for n in range(MESSAGES)
        ),
        Ended(id=ids[-2], at=end, by="customer", **common),
        Rated(id=ids[-1], at=end + 20_000, survey="after-chat", agent=agent, csat=1 + number % 5, **common),
    ]
