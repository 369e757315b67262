"""Stage 1 at work: the source partitions that this worker owns, folded, flushed and saved.

Folding is synchronous. Flushes and snapshots go out beside it, one of each in flight a partition; what is in flight is part of
the snapshot, so that a crash between the two loses no last word.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import orjson
from aiokafka.partitioner import murmur2

from models.contact import Key
from models.events import decoder
from models.partials import Progress, encode, partial, partial_key, progress_key
from models.partition import FoldSettings, Letter, PartitionState
from sinks.prometheus import SourceView
from streams.outbox import Rows
from streams.snapshots import Ownership, Snapshots
from streams.topics import DEAD_LETTERS, LATE, PARTIALS

FLUSH_S: Final = 0.1
PROGRESS_S: Final = 1.0
FLUSH_SHARE: Final = 30  # a flush that kept the loop for t is followed by the next after 30 t: stage 2 reads it all too
SNAPSHOT_S: Final = 2.0
SNAPSHOT_SHARE: Final = 20  # snapshots cost the loop at most a twentieth
Produce = Callable[[str, Rows], Awaitable[None]]
Highwater = Callable[[int], int | None]


@dataclass
class Owned:
    """One source partition that is ours."""

    state: PartitionState
    owner: Ownership
    in_flight: set[tuple[Key, str]] = field(default_factory=set)
    letters: list[asyncio.Task[None]] = field(default_factory=list)  # refused records on their way
    flushing: asyncio.Task[None] | None = None
    saving: asyncio.Task[None] | None = None
    progress_at: float = 0.0
    saved_at: float = 0.0
    saved_offset: int = -1
    next_save_s: float = SNAPSHOT_S
    caught_up_ms: int = 0


class FoldStage:
    """The source partitions of one topic that this worker owns."""

    def __init__(
        self,
        topic: str,
        settings: FoldSettings,
        snapshots: Snapshots,
        produce: Produce,
        highwater: Highwater,
        partitions: int,
    ) -> None:
        self.topic = topic
        self.owned: dict[int, Owned] = {}
        self.active = False  # between a revocation and the next assignment nothing is folded or sent
        self._settings = settings
        self._digest = blake2b(repr(settings).encode(), digest_size=8).hexdigest()
        self._snapshots = snapshots
        self._produce = produce
        self._highwater = highwater
        self._partitions = partitions
        self._decode = decoder("call")
        self._next_flush = 0.0

    async def take(self, partition: int) -> int:
        """Own a partition; return the next offset to read.

        A state that comes back is never wrong, only behind: it is kept. Else the newest whole snapshot is restored.
        """
        held = self.owned.get(partition)
        state = held.state if held else self._restore(partition)
        owner = await self._snapshots.claim(self.topic, partition)
        owned = Owned(state, owner, saved_at=time.monotonic(), saved_offset=state.offset)
        if held:
            state.unsent |= held.in_flight
            owned.letters = held.letters
        self.owned[partition] = owned
        return state.offset + 1

    def _restore(self, partition: int) -> PartitionState:
        state = PartitionState(self._decode, self._settings)
        for manifest, body in self._snapshots.newest(self.topic, partition):
            if manifest.settings == self._digest:
                state.restore(body)
                break
        return state

    def drop_all_but(self, partitions: set[int]) -> None:
        """Forget the partitions that went elsewhere."""
        self.owned = {partition: owned for partition, owned in self.owned.items() if partition in partitions}

    def fold(self, partition: int, records: Iterable[Any]) -> None:
        """Fold the records of one fetch."""
        owned = self.owned.get(partition)
        if owned is None or not self.active:
            return
        state = owned.state
        state.fold([(record.offset, record.timestamp, record.value) for record in records])
        if state.letters:
            letters, state.letters = state.letters, []
            owned.letters.append(asyncio.ensure_future(self._send_letters(partition, letters)))

    async def _send_letters(self, partition: int, letters: list[Letter]) -> None:
        for topic, late in ((LATE, True), (DEAD_LETTERS, False)):
            rows = [self._letter(partition, letter) for letter in letters if (letter.code == "late") == late]
            if rows:
                await self._produce(topic, {partition: rows})

    def _letter(self, partition: int, letter: Letter) -> tuple[bytes, bytes]:
        key = f"{self.topic}|{partition}|{letter.offset}".encode()
        text = letter.value.decode("utf-8", "backslashreplace")
        body = {
            "code": letter.code,
            "reason": letter.reason,
            "topic": self.topic,
            "partition": partition,
            "offset": letter.offset,
        }
        return key, orjson.dumps({**body, "value": text, "hex": letter.value.hex()})

    def tick(self) -> None:
        """Start the flushes and snapshots that are due; called every few ms."""
        if not self.active:
            return
        now = time.monotonic()
        if now >= self._next_flush:
            for partition, owned in self.owned.items():
                self._flush(partition, owned, now)
            self._next_flush = now + max(FLUSH_S, FLUSH_SHARE * (time.monotonic() - now))
        for owned in self.owned.values():
            if (
                now - owned.saved_at >= owned.next_save_s
                and owned.saving is None
                and owned.state.offset > owned.saved_offset
            ):
                self._save(owned, now)

    def _flush(self, partition: int, owned: Owned, now: float) -> None:
        """Send what changed, and at least once a second how far we are."""
        if owned.flushing is not None:
            if not owned.flushing.done():
                return
            owned.flushing.result()
        state = owned.state
        highwater = self._highwater(partition)
        if highwater is not None and state.offset + 1 >= highwater:
            owned.caught_up_ms = int(time.time() * 1_000)
        changed = state.collect()
        if not changed and now - owned.progress_at < PROGRESS_S:
            return
        owned.progress_at = now
        owned.in_flight = set(changed)
        rows: defaultdict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
        source, epoch = (self.topic, partition), owned.owner.epoch
        for key, part in changed:
            value = encode(partial(state, key, part, epoch))
            rows[place(key[0], self._partitions)].append((partial_key(source, key, part), value))
        progress = Progress(epoch, state.offset, state.newest, owned.caught_up_ms, state.counts, self._digest)
        for target in range(self._partitions):
            rows[target].append((progress_key(source), encode(progress)))
        owned.flushing = asyncio.ensure_future(self._send(owned, rows))

    async def _send(self, owned: Owned, rows: Rows) -> None:
        await self._produce(PARTIALS, rows)
        owned.in_flight = set()

    def _save(self, owned: Owned, now: float) -> None:
        body = owned.state.snapshot(owned.in_flight)
        owned.next_save_s = max(SNAPSHOT_S, SNAPSHOT_SHARE * (time.monotonic() - now) * len(self.owned))
        letters, owned.letters = owned.letters, []
        owned.saving = asyncio.ensure_future(self._write(owned, owned.state.offset, body, letters))

    async def _write(self, owned: Owned, offset: int, body: bytes, letters: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*letters)  # a snapshot must not forget a refused record that was not handed on
        await self._snapshots.save(owned.owner, offset, body, self._digest)
        owned.saved_offset, owned.saved_at, owned.saving = offset, time.monotonic(), None

    def views(self) -> tuple[SourceView, ...]:
        """Return how far each partition is."""
        return tuple(self._view(partition, owned) for partition, owned in sorted(self.owned.items()))

    def _view(self, partition: int, owned: Owned) -> SourceView:
        state, counts = owned.state, owned.state.counts
        highwater = self._highwater(partition)
        lag = max(0, highwater - state.offset - 1) if highwater is not None else None
        return SourceView(
            self.topic, partition, counts.events, counts.duplicates, counts.late, counts.invalid, state.newest, lag
        )


def place(queue: str, partitions: int) -> int:
    """Return the partition of the partials that a queue lives in, as Kafka's default partitioner would."""
    return int(murmur2(queue.encode()) & 0x7FFFFFFF) % partitions
