"""What is saved of the state of a source partition, and how the state is put together again.

A snapshot is `whole`, a base, and then any number of `changes`, each what became of the state since the piece before. What
is held of a contact is its facts; what they mean is read again when its next event comes.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from models.archive import Archive, Saved
from models.book import Key
from models.contact import Contact
from models.letter_limit import RefusedLately
from models.log import Counts
from models.measures import Cells
from models.panes import LIVE_PART, REST_PART, Live, QueuePanes
from models.partition import Changes, PartitionState
from models.retention import MINUTE_MS, QUARTER_MS

SNAPSHOT_VERSION: Final = 4  # of the pieces; those of another version are not to be restored
Part = tuple[Key, str]


class _Piece(msgspec.Struct, array_like=True):
    """A base, which alone has `archive` and `queues`, or changes. Of contacts, a base has all, changes those that changed."""

    offset: int
    newest: int
    counts: Counts
    contacts: dict[str, bytes]
    orphans: list[str]
    ended: dict[int, list[str]]
    unsent: list[Part]
    archive: Saved | None = None
    queues: list[tuple[Key, list[Live], dict[int, Cells], dict[int, Cells], Cells]] = []
    left: list[str] = []  # contacts that are held no more, or in the archive
    taken: list[str] = []  # out of the archive
    dropped_ms: int = 0  # the archive's records before this were dropped
    put: dict[str, tuple[int, bytes]] = {}  # into the archive
    parts: list[tuple[Key, str, Cells | list[Live]]] = []  # of the panes
    refused: RefusedLately = msgspec.field(default_factory=RefusedLately)


def whole(state: PartitionState, in_flight: Iterable[Part] = ()) -> bytes:
    """Return a base; `in_flight` are the parts collected and not yet acknowledged."""
    piece = _begun(state, in_flight)
    piece.contacts = {name: contact.packed for name, contact in state.contacts.items()}
    piece.archive = state.put_away.saved()
    piece.queues = [(key, list(q.live), q.minutes, q.quarters, q.rest) for key, q in state.panes.queues.items()]
    return _ended(state, piece)


def changes(state: PartitionState, in_flight: Iterable[Part] = ()) -> bytes:
    """Return what changed since the last piece."""
    piece, changed = _begun(state, in_flight), state.changes
    piece.contacts = {name: one.packed for name, one in state.contacts.items() if one.saved != one.count}
    piece.left = sorted(name for name in changed.left if name not in state.contacts)
    piece.taken = sorted(changed.taken)
    piece.dropped_ms = changed.dropped_ms
    piece.put = changed.put
    piece.parts = [(key, part, state.panes.queues[key].part(part)) for key, part in sorted(changed.parts)]
    return _ended(state, piece)


def _begun(state: PartitionState, in_flight: Iterable[Part]) -> _Piece:
    state.unsent = set(state.collect())  # still to be sent, by us too
    return _Piece(
        offset=state.offset,
        newest=state.newest,
        counts=state.counts,
        contacts={},
        orphans=sorted(state.orphans),
        ended=state.ended,
        unsent=sorted(state.unsent.union(in_flight)),
        refused=state.refused,
    )


def _ended(state: PartitionState, piece: _Piece) -> bytes:
    body = _encode(piece)
    state.changes = Changes()
    for contact in state.contacts.values():
        contact.saved = contact.count
    return body


def restore(state: PartitionState, base: bytes, *later: bytes) -> None:
    """Make a new state the one that was saved, by a base and all changes since, in their order."""
    piece = _decode(base)
    state.put_away = Archive.restored(piece.archive) if piece.archive else Archive()
    for key, live, minutes, quarters, rest in piece.queues:
        panes = state.panes.queue(key)
        panes.live, panes.minutes, panes.quarters, panes.rest = tuple(live), minutes, quarters, rest
    contacts = piece.contacts
    for body in later:
        piece = _decode(body)
        for name in piece.left:
            contacts.pop(name, None)
        contacts.update(piece.contacts)
        _keep_archive(state.put_away, piece)
        for key, part, cells in piece.parts:
            _put(state.panes.queue(key), part, cells)
    state.contacts = {name: Contact(packed) for name, packed in contacts.items()}
    state.offset, state.counts, state.ended = piece.offset, piece.counts, piece.ended
    state.orphans = set(piece.orphans)
    state.unsent = set(piece.unsent)
    state.refused = piece.refused
    state.resume_at(piece.newest)


def _keep_archive(archive: Archive, piece: _Piece) -> None:
    for name in piece.taken:
        archive.take(name)
    for _ in archive.drop_before(piece.dropped_ms):
        pass
    for name, (last_ms, packed) in piece.put.items():
        archive.put(name, last_ms, packed)


def _put(panes: QueuePanes, part: str, cells: Cells | list[Live]) -> None:
    if isinstance(cells, list) or part == LIVE_PART:
        panes.live = tuple(cells)  # type: ignore[arg-type]  # the live part is the one with a list
    elif part == REST_PART:
        panes.rest = cells
    else:
        tier, start_ms = part.split(":")
        held, number = (
            (panes.minutes, int(start_ms) // MINUTE_MS)
            if tier == "1m"
            else (panes.quarters, int(start_ms) // QUARTER_MS)
        )
        if cells:
            held[number] = cells
        else:
            held.pop(number, None)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Piece).decode
