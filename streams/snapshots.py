"""Snapshots: rows of a Faust table, one of its partitions for each source partition.

A snapshot is chunks, keyed `<source topic>/<epoch>/<n>`, and then, once all are acknowledged, a manifest, keyed
`<source topic>/manifest/<epoch>/<n>`, that names them: those of a base, and of the changes since. An **epoch** is the offset
that the broker gave the owner's claim in the changelog: it rises with every owner. An owner names chunks of its own epoch
only, and keeps its last snapshot and the last one of the base before; what older epochs wrote goes only after the second base
of its own. So no zombie breaks what a newer owner needs, and one damaged chunk leaves a snapshot that does not need it.
"""

import asyncio
import logging
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import faust
import msgspec
from faust.stores import base
from faust.types.tuples import TP

from models.snapshot import SNAPSHOT_VERSION
from streams.topics import PARTIALS, SNAPSHOTS

CHUNK_BYTES: Final = 900_000
_CLAIM: Final = "claim"

log = logging.getLogger("floorpulse")


class Piece(msgspec.Struct, array_like=True, frozen=True):
    """The chunks of a base, or of changes, and the checksum over them."""

    chunks: list[bytes]
    checksum: int


class Manifest(msgspec.Struct, array_like=True, frozen=True):
    """Names the pieces of one whole snapshot: a base, then the changes since, in their order."""

    offset: int
    epoch: int
    pieces: list[Piece]
    version: int
    settings: str
    source_id: str  # the ids of the topics: of the source,
    partials_id: str  # and of the one that has what was sent

    @property
    def chunks(self) -> list[bytes]:
        """Return the keys of all chunks."""
        return [chunk for piece in self.pieces for chunk in piece.chunks]


@dataclass
class Ownership:
    """One owner's time with one source partition: its epoch, and what it wrote."""

    topic: str
    partition: int
    epoch: int
    written: int = 0  # chunks
    manifests: int = 0
    pieces: list[Piece] = field(default_factory=list)  # of the last snapshot
    base_bytes: int = 0
    change_bytes: int = 0
    kept: list[set[bytes]] = field(default_factory=list)  # keys of the last snapshot of each of the last two bases

    @property
    def wants_base(self) -> bool:
        """Tell whether the next snapshot begins anew: the first two do, then where the changes are half as large."""
        return len(self.kept) < 2 or 2 * self.change_bytes > self.base_bytes


class RowStore(base.Store):  # type: ignore[misc]  # Faust has no types we follow
    """Holds the table's rows by partition. Faust's recovery fills it; nothing reads through the table."""

    def __post_init__(self) -> None:
        self.rows: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)

    def apply_changelog_batch(
        self, batch: Iterable[Any], to_key: Callable[..., Any], to_value: Callable[..., Any]
    ) -> None:
        """Take rows from the changelog, the newest of a key last."""
        del to_key, to_value  # rows are bytes
        for event in batch:
            message = event.message
            if message.value is None:
                self.rows[message.partition].pop(message.key, None)
            elif not message.key.endswith(_CLAIM.encode()):
                self.rows[message.partition][message.key] = message.value

    def persisted_offset(self, tp: TP) -> int | None:
        """Return None: the changelog is always read from its beginning."""
        del tp
        return None

    async def on_recovery_completed(self, active: set[TP], standby: set[TP]) -> None:
        """Keep only the rows of partitions that are ours."""
        del standby
        ours = {tp.partition for tp in active}
        for partition in [held for held in self.rows if held not in ours]:
            del self.rows[partition]

    def reset_state(self) -> None:
        """Do nothing: there are no files."""

    async def backup_partition(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing: there are no files."""

    def restore_backup(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing: there are no files."""

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("the snapshots' table is written by Snapshots only")

    def __delitem__(self, key: Any) -> None:
        raise TypeError("the snapshots' table is written by Snapshots only")

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    async def __aiter__(self) -> AsyncIterator[Any]:
        return
        yield

    def __len__(self) -> int:
        return 0

    def _clear(self) -> None:
        self.rows.clear()


class Snapshots:
    """Writes and finds snapshots."""

    def __init__(self, app: faust.App, partitions: int, ids: Mapping[str, str]) -> None:
        """Take the ids of the topics that are there now, by name (streams/topics.py)."""
        self.ids = ids
        self._table = app.Table(SNAPSHOTS, partitions=partitions, key_type=bytes, value_type=bytes)
        # `schema=` would be overridden by the table's JSON defaults, and recovery would hang without failing.
        self._table.key_serializer = self._table.value_serializer = "raw"
        self._store = RowStore("memory://", app, self._table)
        self._table._new_store = lambda: self._store

    async def claim(self, topic: str, partition: int) -> Ownership:
        """Become the owner of a source partition: all that is written from now on has the new epoch."""
        acknowledged = await (await self._send(partition, f"{topic}/{_CLAIM}".encode(), b""))
        return Ownership(topic, partition, acknowledged.offset)

    def newest(self, topic: str, partition: int) -> Iterator[tuple[Manifest, list[bytes]]]:
        """Yield the whole snapshots of a partition with their pieces, the one that saw most of the log first.

        One with a missing chunk, a wrong checksum or of another version is passed over: the one before, or the log from
        its beginning, is then as good, only older.
        """
        rows = self._store.rows.get(partition, {})
        prefix = f"{topic}/manifest/".encode()
        manifests = [_manifest(key, value) for key, value in rows.items() if key.startswith(prefix)]
        for manifest in sorted(filter(None, manifests), key=lambda found: found.offset, reverse=True):
            if manifest.version != SNAPSHOT_VERSION:
                log.warning(
                    "snapshot topic=%s partition=%d of version %d, ours is %d: not used",
                    topic,
                    partition,
                    manifest.version,
                    SNAPSHOT_VERSION,
                )
                continue
            bodies = [b"".join(rows.get(chunk, b"") for chunk in piece.chunks) for piece in manifest.pieces]
            if any(zlib.crc32(body) != piece.checksum for piece, body in zip(manifest.pieces, bodies, strict=True)):
                log.warning(
                    "snapshot topic=%s partition=%d offset=%d damaged: not used", topic, partition, manifest.offset
                )
                continue
            yield manifest, bodies

    async def save(self, owner: Ownership, offset: int, body: bytes, settings: str) -> None:
        """Write a piece, a base where the owner wants one; returns when it is acknowledged and what it replaces is gone."""
        starts_anew = owner.wants_base
        chunks = {}
        for start in range(0, len(body), CHUNK_BYTES):
            chunks[f"{owner.topic}/{owner.epoch}/{owner.written}".encode()] = body[start : start + CHUNK_BYTES]
            owner.written += 1
        await asyncio.gather(*[await self._send(owner.partition, key, chunk) for key, chunk in chunks.items()])
        pieces = [*([] if starts_anew else owner.pieces), Piece(list(chunks), zlib.crc32(body))]
        ids = self.ids[owner.topic], self.ids[PARTIALS]
        manifest = Manifest(offset, owner.epoch, pieces, SNAPSHOT_VERSION, settings, *ids)
        row = _encode(manifest)
        key = f"{owner.topic}/manifest/{owner.epoch}/{owner.manifests}".encode()
        await (await self._send(owner.partition, key, row))
        rows = self._store.rows[owner.partition]  # so that a rebalance that gives the partition back finds them
        rows.update(chunks)
        rows[key] = row
        owner.pieces, owner.manifests = pieces, owner.manifests + 1
        if starts_anew:
            owner.base_bytes, owner.change_bytes = len(body), 0
        else:
            owner.change_bytes += len(body)
        before = owner.kept[-1:] if starts_anew else owner.kept[:-1]
        owner.kept = [*before, {key, *manifest.chunks}]
        await self._forget(owner)

    async def _forget(self, owner: Ownership) -> None:
        """Delete what the owner no longer keeps, and what older owners wrote once there are two bases."""
        rows, prefix = self._store.rows[owner.partition], f"{owner.topic}/".encode()
        kept = set().union(*owner.kept)
        for key in [key for key in rows if key not in kept and key.startswith(prefix)]:
            epoch = int(key.removeprefix(prefix).removeprefix(b"manifest/").split(b"/")[0])
            if epoch == owner.epoch or (epoch < owner.epoch and len(owner.kept) == 2):
                await self._send(owner.partition, key, None)
                rows.pop(key, None)

    async def _send(self, partition: int, key: bytes, value: bytes | None) -> Any:
        """Hand a row to the producer; awaiting what is returned waits for its acknowledgement."""
        return await self._table.changelog_topic.send(
            key=key, value=value, partition=partition, key_serializer="raw", value_serializer="raw", force=True
        )


def _manifest(key: bytes, value: bytes) -> Manifest | None:
    try:
        return _decode_manifest(value)
    except msgspec.MsgspecError as error:
        log.warning("snapshot %s: no manifest of ours, not used: %s", key.decode(errors="replace"), error)
        return None


_encode = msgspec.msgpack.Encoder().encode
_decode_manifest = msgspec.msgpack.Decoder(Manifest).decode
