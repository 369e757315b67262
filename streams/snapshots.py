"""Snapshots: rows of a Faust table, one of its partitions for each source partition.

A snapshot is chunks, keyed `<source topic>/<epoch>/<n>`, and then, once all are acknowledged, a manifest, keyed
`<source topic>/manifest/<epoch>`, that names them. An **epoch** is the offset that the broker gave the owner's claim in the
changelog: it rises with every owner. An owner names chunks of its own epoch only and keeps its last two snapshots; what older
epochs wrote goes only after the second of its own, so that no zombie breaks what a newer owner needs.
"""

import asyncio
import logging
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import faust
import msgspec
from faust.stores import base
from faust.types.tuples import TP

from models.partition import SNAPSHOT_VERSION
from streams.topics import SNAPSHOTS

CHUNK_BYTES: Final = 900_000
_CLAIM: Final = "claim"

log = logging.getLogger("floorpulse")


class Manifest(msgspec.Struct, array_like=True, frozen=True):
    """Names the chunks of one whole snapshot."""

    offset: int
    epoch: int
    chunks: list[bytes]
    checksum: int
    version: int
    settings: str


@dataclass
class Ownership:
    """One owner's time with one source partition: its epoch, how many chunks it wrote, and its last manifests' chunks."""

    topic: str
    partition: int
    epoch: int
    written: int = 0
    kept: list[list[bytes]] = field(default_factory=list)


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

    def __init__(self, app: faust.App, partitions: int) -> None:
        self._table = app.Table(SNAPSHOTS, partitions=partitions, key_type=bytes, value_type=bytes)
        # `schema=` would be overridden by the table's JSON defaults, and recovery would hang without failing.
        self._table.key_serializer = self._table.value_serializer = "raw"
        self._store = RowStore("memory://", app, self._table)
        self._table._new_store = lambda: self._store

    async def claim(self, topic: str, partition: int) -> Ownership:
        """Become the owner of a source partition: all that is written from now on has the new epoch."""
        acknowledged = await (await self._send(partition, f"{topic}/{_CLAIM}".encode(), b""))
        return Ownership(topic, partition, acknowledged.offset)

    def newest(self, topic: str, partition: int) -> Iterator[tuple[Manifest, bytes]]:
        """Yield the whole snapshots of a partition, the one that saw most of the log first.

        One with a missing chunk, a wrong checksum or of another version is passed over: the one before, or the log from
        its beginning, is then as good, only older.
        """
        rows = self._store.rows.get(partition, {})
        prefix = f"{topic}/manifest/".encode()
        manifests = [_decode_manifest(value) for key, value in rows.items() if key.startswith(prefix)]
        for manifest in sorted(manifests, key=lambda found: found.offset, reverse=True):
            body = b"".join(rows.get(chunk, b"") for chunk in manifest.chunks)
            if manifest.version != SNAPSHOT_VERSION:
                log.warning(
                    "snapshot topic=%s partition=%d of version %d, ours is %d: not used",
                    topic,
                    partition,
                    manifest.version,
                    SNAPSHOT_VERSION,
                )
            elif zlib.crc32(body) != manifest.checksum:
                log.warning(
                    "snapshot topic=%s partition=%d offset=%d damaged: not used", topic, partition, manifest.offset
                )
            else:
                yield manifest, body

    async def save(self, owner: Ownership, offset: int, body: bytes, settings: str) -> None:
        """Write a snapshot; returns when all of it is acknowledged and what it replaces is gone."""
        chunks = {}
        for start in range(0, len(body), CHUNK_BYTES):
            chunks[f"{owner.topic}/{owner.epoch}/{owner.written}".encode()] = body[start : start + CHUNK_BYTES]
            owner.written += 1
        await asyncio.gather(*[await self._send(owner.partition, key, chunk) for key, chunk in chunks.items()])
        manifest_key = f"{owner.topic}/manifest/{owner.epoch}".encode()
        manifest = _encode(Manifest(offset, owner.epoch, list(chunks), zlib.crc32(body), SNAPSHOT_VERSION, settings))
        await (await self._send(owner.partition, manifest_key, manifest))
        rows = self._store.rows[owner.partition]  # so that a rebalance that gives the partition back finds them
        rows.update(chunks)
        rows[manifest_key] = manifest
        owner.kept = [*owner.kept, list(chunks)][-2:]
        if len(owner.kept) == 2:
            await self._forget_older(owner, {manifest_key, *owner.kept[0], *owner.kept[1]})

    async def _forget_older(self, owner: Ownership, kept: set[bytes]) -> None:
        rows = self._store.rows[owner.partition]
        prefix = f"{owner.topic}/".encode()
        for key in [key for key in rows if key not in kept and key.startswith(prefix)]:
            parts = key.removeprefix(prefix).split(b"/")
            epoch = int(parts[1] if parts[0] == b"manifest" else parts[0])
            if epoch <= owner.epoch:
                await self._send(owner.partition, key, None)
                rows.pop(key, None)

    async def _send(self, partition: int, key: bytes, value: bytes | None) -> Any:
        """Hand a row to the producer; awaiting what is returned waits for its acknowledgement."""
        return await self._table.changelog_topic.send(
            key=key, value=value, partition=partition, key_serializer="raw", value_serializer="raw", force=True
        )


_encode = msgspec.msgpack.Encoder().encode
_decode_manifest = msgspec.msgpack.Decoder(Manifest).decode
