"""Stage 1 at work: the source partitions that this worker owns, folded, flushed and saved.

Folding is synchronous. Flushes and snapshots go out beside it, one flush in flight for all partitions, since a batch waits
for the one before it in its target, and one snapshot for each. What is in flight is part of the snapshot, so that a crash
between the two loses no last word.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from aiokafka.partitioner import murmur2

from models import snapshot
from models.book import Key
from models.codec import decoder
from models.errors import ConfigError, DecodeError
from models.folding import FoldSettings
from models.letter_limit import LetterLimit
from models.log import Counts, Letter
from models.partials import Progress, encode, partial, partial_key, progress_key
from models.partition import PartitionState
from sinks.prometheus import SourceView
from sinks.telemetry import Telemetry
from streams.outbox import Row, Rows
from streams.snapshots import Ownership, Snapshots
from streams.topics import DEAD_LETTERS, LATE, PARTIALS, SOURCES

FLUSH_S: Final = 0.05
PROGRESS_S: Final = 1.0
# A flush that kept the loop for t is followed by the next after 30 t: stage 2 reads it all too, and who is behind has little
# time. Who is not has time, and what is to be flushed grows with what was folded since.
FLUSH_SHARE: Final = 30
FRESH_FLUSH_SHARE: Final = 4
BEHIND_MS: Final = 1_000  # who always had something left to read for so long is behind
CHECKED: Final = 1_000  # one record in so many is looked at for its place
REASON_CHARACTERS: Final = 500
SNAPSHOT_S: Final = 2.0
SNAPSHOT_SHARE: Final = 20  # snapshots cost the loop at most a twentieth
log = logging.getLogger("floorpulse")
Produce = Callable[[str, Rows], Awaitable[None]]
Left = Callable[[str, int, int], int | None]  # topic, partition and last offset -> records not read yet


@dataclass
class Owned:
    """One source partition that is ours."""

    state: PartitionState
    owner: Ownership
    in_flight: set[tuple[Key, str]] = field(default_factory=set)
    letters: list[asyncio.Task[None]] = field(default_factory=list)  # refused records on their way
    saving: asyncio.Task[None] | None = None
    progress_at: float = 0.0
    collected_offset: int | None = None  # up to which what changed was sent; None: a restore may have left something
    saved_at: float = 0.0
    saved_offset: int = -1
    next_save_s: float = SNAPSHOT_S
    caught_up_ms: int = 0
    appended_ms: int = 0  # of the last record that was folded
    told: Counts = field(default_factory=Counts)  # as stage 2 knows them
    too_many: ConfigError | None = None  # dead letters: nothing more is folded, and the worker ends once all is saved


class FoldStage:
    """The source partitions of one topic that this worker owns."""

    def __init__(
        self,
        topic: str,
        settings: FoldSettings,
        snapshots: Snapshots,
        produce: Produce,
        left: Left,
        partitions: int,
        telemetry: Telemetry,
        limit: LetterLimit,
    ) -> None:
        self.topic = topic
        self._limit = limit
        self.owned: dict[int, Owned] = {}
        self.active = False  # between a revocation and the next assignment nothing is folded or sent
        self.settings = settings
        self._snapshots = snapshots
        self._produce = produce
        self._left = left
        self._partitions = partitions
        self._telemetry = telemetry
        self._decode = decoder(SOURCES[topic])
        self._flushing: asyncio.Task[None] | None = None
        self._flushed_at = self._flush_took_s = 0.0

    async def take(self, partition: int, start: int, end: int) -> int:
        """Own a partition whose log has the offsets `[start, end)`; return the next one to read.

        A state that comes back is never wrong, only behind: it is kept. Else the newest whole snapshot is restored.
        Raises `ConfigError` where that was folded with other settings, or of another log, or ends in too many dead letters.
        """
        held = self.owned.get(partition)
        state = held.state if held else self._restore(partition)
        self._check_log(partition, state, start, end)
        if too_many := self._too_many_letters(partition, state):
            raise too_many
        owner = await self._snapshots.claim(self.topic, partition)
        now = time.monotonic()
        if held:
            state.unsent |= held.in_flight
            owned = replace(
                held, owner=owner, in_flight=set(), saving=None, progress_at=0.0, saved_at=now, collected_offset=None
            )
        else:
            owned = Owned(state, owner, saved_at=now, saved_offset=state.offset)
        self.owned[partition] = owned
        self._flushing = None  # what it sends is sent again
        return state.offset + 1

    def _restore(self, partition: int) -> PartitionState:
        state = PartitionState(self._decode, self.settings)
        for manifest, pieces in self._snapshots.newest(self.topic, partition):
            snapshot.restore(state, *pieces)
            ours = self.settings.digest_text(state.newest)
            if manifest.settings != ours:
                raise ConfigError(
                    f"folding: the state of {self.topic}[{partition}] was folded with {manifest.settings}, "
                    f"not with {ours}; set it back, and let what changes be valid from a later time: "
                    "folded with both, the figures would be neither's"
                )
            if (was := manifest.source_id) != (now := self._snapshots.ids[self.topic]):
                raise self._made_anew(partition, f"its state is of a topic with the id {was}, now it is {now}")
            if manifest.partials_id != self._snapshots.ids[PARTIALS]:
                log.warning("%s was made anew: all of %s[%d] is sent again", PARTIALS, self.topic, partition)
                state.unsent.update(state.panes.parts())
            break
        return state

    def _made_anew(self, partition: int, what: str) -> ConfigError:
        return ConfigError(
            f"{self.topic}[{partition}]: {what}: the topic was made anew; "
            "to begin again with what it holds now, run: floorpulse topics reset"
        )

    def _check_log(self, partition: int, state: PartitionState, start: int, end: int) -> None:
        if state.offset >= end:
            raise self._made_anew(partition, f"its log ends at offset {end}, but was read up to {state.offset}")
        if start > state.offset + 1:
            if state.offset < 0:
                state.offset = start - 1  # what was before us is not ours to miss
            else:
                lost = state.pass_over(start)
                where = f"{self.topic}[{partition}]"
                log.error("lost %s records=%d: retention deleted them before they were read", where, lost)

    def check_ends(self, end: Callable[[str, int], int | None]) -> None:
        """Raise `ConfigError` where a log has become shorter than what was read of it."""
        for partition, owned in self.owned.items():
            ends_at = end(self.topic, partition)
            if ends_at is not None and self.active:
                self._check_log(partition, owned.state, 0, ends_at)

    def drop_all_but(self, partitions: set[int]) -> None:
        """Forget the partitions that went elsewhere."""
        self.owned = {partition: owned for partition, owned in self.owned.items() if partition in partitions}

    def fold(self, partition: int, records: Sequence[Any]) -> None:
        """Fold the records of one fetch. Raises `ConfigError` where the topic is not keyed as it must be."""
        owned = self.owned.get(partition)
        if owned is None or not self.active or owned.too_many is not None:
            return
        self._check_place(partition, records)
        state, start = owned.state, owned.state.offset + 1
        with self._telemetry.fold.labels(self.topic).time():
            state.fold(records)
        owned.appended_ms = records[-1].timestamp
        self._limit.note(state.refused, start, state.offset, state.letters)
        owned.too_many = self._too_many_letters(partition, state)
        if state.letters:
            letters, state.letters = state.letters, []
            owned.letters.append(asyncio.ensure_future(self._send_letters(partition, letters, records)))

    def _too_many_letters(self, partition: int, state: PartitionState) -> ConfigError | None:
        """Return what to say where the state ends in too many of them, the same at each start."""
        share = self._limit.exceeded(state.refused, state.offset)
        if share is None:
            return None
        return ConfigError(
            f"{self.topic}[{partition}] up to offset {state.offset}: {share:.1%} of the newest records are no events, "
            f"allowed: {self._limit.most:.1%} (limits.dead_letters); the last at offset {state.refused.offsets[-1]}: "
            f"{state.refused.reason}; mend the source; to go on past them set limits.dead_letters = 1 for a while "
            "(floorpulse deadletters list, replay)"
        )

    def _check_place(self, partition: int, records: Sequence[Any]) -> None:
        """Look at one event in a thousand: keys that were placed otherwise would tear contacts apart."""
        first = records[0].offset
        for record in records[-first % CHECKED : len(records) : CHECKED]:
            right = place(record.key, self._partitions) if record.key is not None else None
            if right != partition and self._is_event(record.value):
                raise ConfigError(
                    f"{self.topic}[{partition}] offset {record.offset}: key {record.key!r} belongs to partition {right} "
                    f"of {self._partitions}; feed the topic keyed by contact_id, placed by Kafka's default (murmur2)"
                )

    def _is_event(self, value: bytes) -> bool:
        try:
            self._decode(value)
        except DecodeError:
            return False
        return True

    async def _send_letters(self, partition: int, letters: list[Letter], records: Iterable[Any]) -> None:
        keys = {record.offset: record.key for record in records}
        for topic, late in ((LATE, True), (DEAD_LETTERS, False)):
            rows = [
                self._letter(partition, letter, keys[letter.offset])
                for letter in letters
                if (letter.code == "late") == late
            ]
            if rows:
                await self._produce(topic, {partition: rows})
                self._telemetry.letters.labels(topic).inc(len(rows))

    def _letter(self, partition: int, letter: Letter, key: bytes | None) -> Row:
        """Return the record as it was, with what is wrong with it and where it stood in the headers."""
        headers = {
            "code": letter.code,
            "reason": letter.reason[:REASON_CHARACTERS],
            "topic": self.topic,
            "partition": str(partition),
            "offset": str(letter.offset),
        }
        # No value at all, as a tombstone's, cannot be sent without a key.
        return Row(key, letter.value or b"", [(name, text.encode()) for name, text in headers.items()])

    def tick(self) -> None:
        """Start the flushes and snapshots that are due; called every few ms."""
        if not self.active:
            return
        now = time.monotonic()
        if self._flushing is not None and self._flushing.done():
            self._flushing.result()
            self._flushing = None
        share = FLUSH_SHARE if self._is_behind() else FRESH_FLUSH_SHARE
        if self._flushing is None and now >= self._flushed_at + max(FLUSH_S, share * self._flush_took_s):
            self._flush(now)
            self._flushed_at, self._flush_took_s = now, time.monotonic() - now
        for owned in self.owned.values():
            if owned.saving is not None and owned.saving.done() and not owned.saving.cancelled():
                owned.saving.result()  # a failed save ends the worker, as a failed flush does
            if owned.saving is not None:
                continue
            is_due = owned.too_many is not None or now - owned.saved_at >= owned.next_save_s
            if is_due and owned.state.offset > owned.saved_offset:
                self._save(owned, now)
            elif owned.too_many is not None:  # its letters are sent and saved: the next start sends none again
                raise owned.too_many

    def _is_behind(self) -> bool:
        """Note which partitions have nothing left to read; tell whether one had something left for a while."""
        now_ms = int(time.time() * 1_000)
        for partition, owned in self.owned.items():
            if self._left(self.topic, partition, owned.state.offset) == 0:
                if not owned.caught_up_ms:
                    owned.progress_at = 0.0  # it is the first time: to be told at once
                owned.caught_up_ms = now_ms
        return any(now_ms - owned.caught_up_ms > BEHIND_MS for owned in self.owned.values())

    def _flush(self, now: float) -> None:
        """Send what changed, and at least once a second how far each partition is."""
        rows: defaultdict[int, list[Row]] = defaultdict(list)
        sent: list[tuple[Owned, Counts]] = []
        for partition, owned in self.owned.items():
            changed = owned.state.collect() if owned.state.offset != owned.collected_offset else []
            owned.collected_offset = owned.state.offset
            if changed or now - owned.progress_at >= PROGRESS_S:
                owned.progress_at = now
                owned.in_flight = set(changed)
                self._add_rows(rows, partition, owned, changed)
                sent.append((owned, replace(owned.state.counts)))
        if rows:
            self._flushing = asyncio.ensure_future(self._send(rows, sent))

    def _add_rows(
        self, rows: defaultdict[int, list[Row]], partition: int, owned: Owned, changed: Iterable[tuple[Key, str]]
    ) -> None:
        """Add what changed of a partition, and how far it is."""
        state = owned.state
        source, epoch = (self.topic, partition), owned.owner.epoch
        for key, part in changed:
            value = encode(partial(state, key, part, epoch))
            rows[place(key[0].encode(), self._partitions)].append(Row(partial_key(source, key, part), value))
        newest_ms = min(state.newest, int(time.time() * 1_000))  # a source's clock may be ahead; freshness must not be
        settings = self.settings.digest_text(newest_ms)
        progress = Progress(epoch, state.offset, newest_ms, owned.caught_up_ms, state.counts, settings)
        for target in range(self._partitions):
            rows[target].append(Row(progress_key(source), encode(progress)))

    async def _send(self, rows: Rows, sent: Iterable[tuple[Owned, Counts]]) -> None:
        with self._telemetry.flush.labels(self.topic).time():
            await self._produce(PARTIALS, rows)
        for owned, counts in sent:
            owned.in_flight, owned.told = set(), counts

    def _save(self, owned: Owned, now: float) -> None:
        saved = snapshot.whole if owned.owner.wants_base else snapshot.changes
        body = saved(owned.state, owned.in_flight)
        owned.next_save_s = max(SNAPSHOT_S, SNAPSHOT_SHARE * (time.monotonic() - now) * len(self.owned))
        letters = owned.letters = [letter for letter in owned.letters if not letter.done()]
        settings = self.settings.digest_text(owned.state.newest)
        owned.saving = asyncio.ensure_future(self._write(owned, owned.state.offset, body, settings, letters))

    async def _write(
        self, owned: Owned, offset: int, body: bytes, settings: str, letters: list[asyncio.Task[None]]
    ) -> None:
        await asyncio.gather(*letters)  # a snapshot must not forget a refused record that was not handed on
        with self._telemetry.snapshot.labels(self.topic).time():
            await self._snapshots.save(owned.owner, offset, body, settings)
        self._telemetry.snapshot_bytes.labels(self.topic).set(len(body))
        owned.saved_offset, owned.saved_at, owned.saving = offset, time.monotonic(), None

    def views(self) -> tuple[SourceView, ...]:
        """Return how far each partition is."""
        return tuple(self._view(partition, owned) for partition, owned in sorted(self.owned.items()))

    def _view(self, partition: int, owned: Owned) -> SourceView:
        state, counts = owned.state, owned.told
        return SourceView(
            self.topic,
            partition,
            counts.events,
            counts.duplicates,
            counts.late,
            counts.invalid,
            state.counts.orphans,
            counts.lost,
            state.newest,
            state.newest - (self.settings.lateness_ms or 0),
            owned.appended_ms,
            self._left(self.topic, partition, state.offset),
        )


def place(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as Kafka's default partitioner does."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
