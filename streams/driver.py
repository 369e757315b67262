"""The batch transport: one Faust event is all records of one fetch of one partition.

Stock Faust makes four asyncio tasks for each record. Here the batched topics (streams/fetching.py) go in batches; Faust's
own topics (the table's changelog) keep the path of single records. Acks, gaps and commits of Faust are not used for these:
`Placement` says where to go on after each assignment, and knows it from the snapshots, not from the group.

Overrides private names of faust-streaming 0.15.3; tests/contract fails where an upgrade changes them.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faust.tables import TableManager, recovery
from faust.transport.drivers import aiokafka as stock
from faust.types.tuples import TP, ConsumerMessage

from streams import heartbeats
from streams.fetching import BATCHED
from streams.topics import Bounds

_BACKPRESSURE_S = 0.005  # how long to wait when all partitions have enough queued; stock Faust sleeps a second


class Placement(Protocol):
    """Says where to go on reading."""

    async def positions(self, bounds: Mapping[TP, Bounds]) -> Mapping[TP, int]:
        """Return the next offset of each batched partition that is assigned; called before its first record is delivered.

        `bounds` are those of their logs at this moment. State of partitions that were not given back must be dropped here.
        """
        ...


class BatchConsumer(stock.Consumer):  # type: ignore[misc]  # Faust has no types we follow
    """Delivers fetches instead of records, and seeks to where the placement says."""

    placed_generation = -1  # in which the placement has spoken; before, what is fetched is from anywhere

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._delivered: dict[TP, int] = {}  # offset of the last record that was handed on since the seek
        self._read: dict[TP, int] = {}  # the position in the log after the last fetch

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield the records that were fetched: batched topics as one message a partition, others one by one.

        A batch has the offset of its last record, and as its value a list of records with `offset`, `timestamp` (ms),
        `key` and `value`.
        """
        fetched = await self._fetch(timeout)
        generation = self.app.consumer_generation_id
        for tp, records in fetched.items():
            if self.should_stop or not self.flow_active or self.app.consumer_generation_id != generation:
                return  # a rebalance began: what was fetched is read again from the new position
            if not records:
                continue
            if tp.topic in BATCHED:
                if generation != self.placed_generation:
                    continue
                self._delivered[tp] = records[-1].offset
                yield tp, _batch(tp, records, generation)
            else:
                for record in records:
                    yield tp, self._to_message(tp, record)

    async def _fetch(self, timeout: float) -> Mapping[TP, list[Any]]:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        self.not_waiting_next_records.set()
        active = self._get_active_partitions()
        if not active:
            await self.sleep(_BACKPRESSURE_S)
            return {}
        fetched: Mapping[TP, list[Any]] = await self._getmany(active_partitions=active, timeout=timeout)
        self._note_positions(active)
        return fetched

    def _note_positions(self, active: set[TP]) -> None:
        """Remember the positions now, when all records before them are in our hands."""
        assignment = self._thread._ensure_consumer()._subscription.subscription.assignment
        for tp in active:
            known = assignment.state_value(tp) if tp.topic in BATCHED else None
            if known is not None and known.has_valid_position:
                self._read[tp] = known.position

    def end(self, tp: TP) -> int | None:
        """Return the end of a partition's log, as it was told with the last fetch; None: not known."""
        try:
            end: int | None = self.highwater(tp)
        except Exception:
            return None  # not assigned just now
        return end

    def left(self, tp: TP, offset: int) -> int | None:
        """Return how many records the log holds after the one at `offset`, which was the last to be read; None: not known.

        What stands in the log and is never delivered, such as the ends of transactions, is not counted once it was passed.
        """
        end = self.end(tp)
        if end is None:
            return None
        passed = self._read.get(tp, 0) >= end and offset >= self._delivered.get(tp, -1)
        return 0 if passed else max(0, end - offset - 1)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek batched partitions to where the placement says, others to the group's offset."""
        offsets = dict(await super().seek_to_committed())
        assigned = {tp for tp in self.assignment() if tp.topic in BATCHED}
        if assigned:
            starts, ends = await self.earliest_offsets(*assigned), await self.highwaters(*assigned)
            bounds = {tp: Bounds(starts.get(tp) or 0, ends.get(tp) or 0) for tp in assigned}
            positions = await self.app.placement.positions(bounds)
            self._delivered, self._read = {}, {}
            # On the consumer's thread: `_seek` from this one races with the fetcher, which then dies while we live on.
            await self.seek_wait(positions)
            self.placed_generation = self.app.consumer_generation_id
            offsets.update(positions)
        return offsets

    async def tell_group(self, offsets: Mapping[TP, int]) -> None:
        """Commit the next offsets to read, for tools that show lag: we go on from the snapshots, and need none."""
        consumer = self._thread._ensure_consumer()
        with suppress(KafkaError, IllegalStateError):  # a rebalance, or no broker: the next time will do
            await self._thread.call_thread(consumer.commit, {TopicPartition(*tp): n for tp, n in offsets.items()})

    def silent_s(self) -> float:
        """Return for how long the group has not answered our heartbeats; 0 before the first answer."""
        return heartbeats.silent_s(self._coordinator)

    @property
    def replaced(self) -> bool:
        """Whether another worker has our name, or somebody said that we have left."""
        return heartbeats.replaced(self._coordinator)

    @property
    def _coordinator(self) -> Any:
        consumer = self._thread._consumer
        return consumer and consumer._coordinator


class BatchTransport(stock.Transport):  # type: ignore[misc]  # as above
    """The aiokafka transport with our consumer."""

    Consumer = BatchConsumer


class Tables(TableManager):  # type: ignore[misc]  # as above
    """Starts at once: stock Faust waits a second for tables to come, and ours are there."""

    async def on_start(self) -> None:
        """Declare the tables and start their recovery."""
        await self._update_channels()
        await self.recovery.start()


_stock_wait = recovery.Recovery._wait


async def _wait(self: Any, awaited: Any, timeout: float | None = None) -> None:
    """End the worker where the time is up: stock Faust takes that for a stop, ends its recovery and lives on, deaf."""
    try:
        await _stock_wait(self, awaited, timeout)
    except recovery.ServiceStopped:
        if timeout is not None and not (self.should_stop or self.app.should_stop):
            await self.app.crash(TimeoutError(f"Kafka did not answer within {timeout:.0f} s in a recovery"))
        raise


recovery.Recovery._wait = _wait


def _batch(tp: TP, records: list[Any], generation: int) -> ConsumerMessage:
    last = records[-1]
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1_000,
        last.timestamp_type,
        (),
        None,
        records,
        None,
        0,
        len(records),
        tp,
        generation_id=generation,
    )
