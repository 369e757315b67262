"""Facts: what a contact's record remembers of each event, and the order in which facts are read.

A fact is a tuple `(at, seq, kind, rev, *values)`: event time in ms, the source's own order within the millisecond (0 where
it has none), the kind, the revision, and the few values that count. Beside it goes its mark: 8 bytes that stand for the
event's id. Facts are read in the order of at, seq and kind; marks only break ties.

The numbers of the kinds are the order at equal time: first what closes something that is open, then what opens, then
what closes again. In real data half of all answers come in the millisecond of the queueing. The numbers are also in
snapshots: a change of one needs a new snapshot version (models/partition.py).
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from xxhash import xxh3_64_digest

from models import events
from models.events import ContactEvent

Fact = tuple[Any, ...]

RESUMED: Final = 10
TRANSFERRED: Final = 12
LEFT: Final = 14
EXITED: Final = 16
STARTED: Final = 30
QUEUED: Final = 32
RINGING: Final = 34
DECLINED: Final = 36
ANSWERED: Final = 38
HELD: Final = 40
BLOCKED: Final = 42
ENDED: Final = 60
WRAPPED: Final = 62

Make = Callable[[Any, str], Fact]

_MAKERS: dict[type[ContactEvent], Make] = {
    events.Resumed: lambda e, _: (e.at, e.seq, RESUMED, e.rev, e.agent),
    events.Transferred: lambda e, _: (e.at, e.seq, TRANSFERRED, e.rev, e.agent, e.kind),
    events.Left: lambda e, _: (e.at, e.seq, LEFT, e.rev, e.agent, e.reason),
    events.Exited: lambda e, _: (e.at, e.seq, EXITED, e.rev, e.reason, e.queue),
    events.Started: lambda e, _: (e.at, e.seq, STARTED, e.rev, e.direction),
    events.Queued: lambda e, channel: (e.at, e.seq, QUEUED, e.rev, e.queue, e.channel or channel, e.direction),
    events.Ringing: lambda e, _: (e.at, e.seq, RINGING, e.rev, e.agent, e.queue),
    events.Declined: lambda e, _: (e.at, e.seq, DECLINED, e.rev, e.agent, e.reason),
    events.Answered: lambda e, channel: (e.at, e.seq, ANSWERED, e.rev, e.agent, e.queue, e.channel or channel, e.role),
    events.Held: lambda e, _: (e.at, e.seq, HELD, e.rev, e.agent),
    events.Blocked: lambda e, _: (e.at, e.seq, BLOCKED, e.rev, e.queue, e.reason),
    events.Ended: lambda e, _: (e.at, e.seq, ENDED, e.rev, e.by),
    events.Wrapped: lambda e, _: (e.at, e.seq, WRAPPED, e.rev, e.agent),
}
_known: dict[type[ContactEvent], Make] = {}  # with the decoders' tagged subclasses, met so far

encode_fact: Callable[[Fact], bytes] = msgspec.msgpack.Encoder().encode
_decode_facts: Callable[[bytes], list[Fact]] = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


def mark_of(event: ContactEvent) -> bytes:
    """Return the 8 bytes that stand for an event's id, the same in each process."""
    return xxh3_64_digest(event.id.encode())


def fact_of(event: ContactEvent, channel: str) -> Fact:
    """Make the fact of an event; `channel` is the topic's, where the event names none."""
    make = _known.get(event.__class__) or _meet(event.__class__)
    return make(event, channel)


def pack(facts: Iterable[Fact]) -> bytes:
    """Pack facts one after the other; appending a fact is appending its bytes."""
    return b"".join(map(encode_fact, facts))


def unpack(packed: bytes, count: int) -> list[Fact]:
    """Return the `count` facts that are packed."""
    return _decode_facts(b"\xdd" + count.to_bytes(4, "big") + packed)  # msgpack's head of an array of `count`


def weight(fact: Fact) -> tuple[int, int, bytes]:
    """Rank facts of one id: the greater one stands, whatever came first."""
    return fact[3], fact[0], encode_fact(fact)


def _meet(kind: type[ContactEvent]) -> Make:
    _known[kind] = next(_MAKERS[base] for base in kind.__mro__ if base in _MAKERS)
    return _known[kind]
