"""What stage 1 tells stage 2: the parts of a queue's sums that one source partition knows, and how far it has come.

A partial carries a whole part, never a change: it replaces what the same source said before. Of two, the one that saw more
of the log (the higher offset) is right, since a part is a function of the log's prefix.
"""

from collections.abc import Iterator

import msgspec

from models.book import Key
from models.log import Counts
from models.panes import Live
from models.partition import PartitionState

Source = tuple[str, int]  # topic and partition
PROGRESS = "progress"
SHOWN = "shown"


class Partial(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One part of the sums of a key (models/panes.py) as a source partition knows it at `offset`."""

    key: Key
    part: str
    epoch: int
    offset: int
    body: dict[int, int] | list[Live]


class Gone(msgspec.Struct, frozen=True, gc=False):
    """A part that is to be said no more: it has left its tier for good, and its record may go."""

    key: Key
    part: str


class Progress(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The end of a flush: all partials of the source up to `offset` were sent before it.

    `newest_ms` is the newest event time seen; `caught_up_ms` the broker's time when nothing was left to read, 0 if never.
    """

    epoch: int
    offset: int
    newest_ms: int
    caught_up_ms: int
    counts: Counts
    settings: str


class Shown(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The highest values of the counters of a queue and channel that `/metrics` ever showed, by series; kept here by stage 2.

    Values are the integers that are counted in: numbers, ms, thousandths of points.
    """

    key: Key
    values: dict[str, int]


_encode = msgspec.msgpack.Encoder().encode
_decode_partial = msgspec.msgpack.Decoder(Partial).decode
_decode_progress = msgspec.msgpack.Decoder(Progress).decode
_decode_shown = msgspec.msgpack.Decoder(Shown).decode


def partial(state: PartitionState, key: Key, part: str, epoch: int = 0) -> Partial:
    """Return a part of a partition's state as it stands now."""
    panes = state.panes.queues.get(key)
    return Partial(key, part, epoch, state.offset, panes.part(part) if panes else {})


def flush(state: PartitionState) -> Iterator[Partial | Progress]:
    """Yield all that changed since the last flush, and the progress record that ends it, for a stage 2 without Kafka."""
    for key, part in state.collect():
        yield partial(state, key, part)
    yield Progress(0, state.offset, state.newest, 0, state.counts, "")


def partial_key(source: Source, key: Key, part: str) -> bytes:
    """Return the record key `<topic>|<partition>|<queue>|<channel>|<part>`; a `|` in a name is escaped."""
    return f"{source[0]}|{source[1]}|{_joined(key)}|{part}".encode()


def shown_key(key: Key) -> bytes:
    """Return the record key `shown|<queue>|<channel>`; a `|` in a name is escaped."""
    return f"{SHOWN}|{_joined(key)}".encode()


def _joined(names: Key) -> str:
    return "|".join(name.replace("%", "%25").replace("|", "%7C") for name in names)


def progress_key(source: Source) -> bytes:
    """Return the record key `progress|<topic>|<partition>`."""
    return f"{PROGRESS}|{source[0]}|{source[1]}".encode()


def encode(record: Partial | Progress | Shown) -> bytes:
    """Encode the value of a record of the partials topic."""
    return _encode(record)


def decode(key: bytes, value: bytes) -> tuple[Source, Partial | Progress] | Shown:
    """Decode a record of the partials topic: what a source said, or what was shown.

    Raises `ValueError` where it is none of ours.
    """
    try:
        names = key.decode().split("|")
        if names[0] == PROGRESS:
            return (names[1], int(names[2])), _decode_progress(value)
        if names[0] == SHOWN:
            return _decode_shown(value)
        return (names[0], int(names[1])), _decode_partial(value)
    except (IndexError, ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"partials: record with key {key!r} is none of ours: {error}") from None
