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

mark_of: Callable[[str], bytes] = xxh3_64_digest  # an event's id in 8 bytes, the same in each process
encode_fact: Callable[[Fact], bytes] = msgspec.msgpack.Encoder().encode
_decode_facts: Callable[[bytes], list[Fact]] = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


def pack(facts: Iterable[Fact]) -> bytes:
    """Pack facts one after the other; appending a fact is appending its bytes."""
    return b"".join(map(encode_fact, facts))


def unpack(packed: bytes, count: int) -> list[Fact]:
    """Return the `count` facts that are packed."""
    return _decode_facts(b"\xdd" + count.to_bytes(4, "big") + packed)  # msgpack's head of an array of `count`


def weight(fact: Fact) -> tuple[int, int, bytes]:
    """Rank facts of one id: the greater one stands, whatever came first."""
    return fact[3], fact[0], encode_fact(fact)
