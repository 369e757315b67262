"""Facts: what a contact's record remembers of each event, and the order in which facts are read.

A fact is a tuple `(at, seq, kind, mark, rev, *values)`: event time in ms, the source's own order within the millisecond (0
where it has none), the kind, 8 bytes that stand for the event's id, the revision, and the few values that count (which of
them stands with each event in models/events.py). Facts are read in the order of their first four.

The numbers of the kinds are the order at equal time: first what closes something that is open, then what opens, then
what closes again. In real data half of all answers come in the millisecond of the queueing. The numbers are also in
snapshots: a change of one needs a new snapshot version (models/partition.py).
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from xxhash import xxh3_64_digest

Fact = tuple[Any, ...]

PAST: Final = 1  # stands for all that was known before the record was cut short
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
CLASSIFIED: Final = 44
ESCALATED: Final = 46
MESSAGE: Final = 48
CALLBACK_REQUESTED: Final = 50
CALLBACK_ATTEMPTED: Final = 52
CALLBACK_CANCELLED: Final = 54
ENDED: Final = 60
WRAPPED: Final = 62
SURVEY_OFFERED: Final = 64
RATED: Final = 66

PLACE: Final = 4  # a fact's place among the others is its first four values
MARK: Final = 3
NO_FACTS: Final = b"\xdd\0\0\0\0"  # packed facts are a msgpack array with this head: a type, and how many as 4 bytes

mark_of: Callable[[str], bytes] = xxh3_64_digest  # the same in each process, as Python's own hash is not
encode_fact: Callable[[Fact], bytes] = msgspec.msgpack.Encoder().encode
unpack: Callable[[bytes], list[Fact]] = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


def pack(facts: Iterable[Fact]) -> bytes:
    """Pack facts; `unpack` returns them."""
    encoded = [encode_fact(fact) for fact in facts]
    return packed_of(len(encoded), b"".join(encoded))


def packed_of(count: int, encoded: bytes) -> bytes:
    """Return the packed form of `count` facts that are encoded one after the other."""
    return NO_FACTS[:1] + count.to_bytes(4, "big") + encoded


def encoded_of(packed: bytes) -> tuple[int, bytes]:
    """Return how many facts are packed, and their encoded forms one after the other."""
    return int.from_bytes(packed[1 : len(NO_FACTS)], "big"), packed[len(NO_FACTS) :]


def weight(fact: Fact) -> tuple[int, int, bytes]:
    """Rank facts of one id: the greater one stands, whatever came first."""
    return fact[4], fact[0], encode_fact(fact)
