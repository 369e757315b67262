"""Our batch driver: stage 1 sums by source partition, stage 2 adds up the partial sums of each queue.

    python -m bench.peers.ours BOOTSTRAP EXPECTED

As in a worker: every partial sum is replaced, not added, and goes through a topic of its own, placed by queue, so that any
number of workers could share the work. Left out is what a restart needs: snapshots.
"""

import asyncio
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import faust
import msgspec
from faust.types.tuples import TP

from bench.peers.job import MINUTE_MS, Meter, decode
from streams.driver import BatchTransport
from streams.fold_stage import FLUSH_S, FLUSH_SHARE, place
from streams.outbox import Row, produce
from streams.topics import CALLS, PARTIALS, Bounds
from tests.integration.harness import PARTITIONS

Pane = tuple[str, int]  # queue and minute since the epoch
_QUEUED: Final = 16
_encode: Final = msgspec.msgpack.encode
_decode: Final = msgspec.msgpack.Decoder(tuple[int, str, int, int]).decode


@dataclass
class Fold:
    """Stage 1: the sums of one source partition."""

    sums: defaultdict[Pane, int] = field(default_factory=lambda: defaultdict(int))
    changed: set[Pane] = field(default_factory=set)
    flushing: asyncio.Task[None] | None = None

    def add(self, records: Iterable[Any]) -> None:
        """Add the records of one fetch."""
        found: defaultdict[Pane, int] = defaultdict(int)
        for record in records:
            event = decode(record.value)
            found[event.queue, event.at // MINUTE_MS] += event.talk_ms
        for pane, talk_ms in found.items():
            self.sums[pane] += talk_ms
        self.changed.update(found)


class Merge:
    """Stage 2: the newest partial sum of each source partition, and their totals."""

    def __init__(self) -> None:
        self.totals: defaultdict[Pane, int] = defaultdict(int)
        self.total = 0
        self._parts: dict[bytes, int] = {}

    def apply(self, records: Iterable[Any]) -> None:
        """Take the records of one fetch."""
        for record in records:
            _, queue, minute, talk_ms = _decode(record.value)
            more = talk_ms - self._parts.get(record.key, 0)
            self._parts[record.key] = talk_ms
            self.totals[queue, minute] += more
            self.total += more


class App(faust.App):  # type: ignore[misc]  # Faust has no types we follow
    """A Faust app that reads in batches, as the worker's."""

    placement: "Job"

    def _new_transport(self) -> Any:
        return BatchTransport(self.conf.broker_consumer, self)

    def FlowControlQueue(self, maxsize: int | None = None, **_kwargs: Any) -> Any:  # noqa: N802  Faust's name
        """Make a queue that keeps what is in it (see streams/app.py)."""
        return super().FlowControlQueue(maxsize, clear_on_resume=False)


class Job:
    """Both stages in one process."""

    def __init__(self, bootstrap: str, expected: int) -> None:
        self._expected = expected
        self._folds = {partition: Fold() for partition in range(PARTITIONS)}
        self._merge = Merge()
        self._meter = Meter()
        self._places: dict[str, int] = {}
        self.app = App(
            "peer-ours",
            broker=f"kafka://{bootstrap}",
            store="memory://",
            topic_partitions=PARTITIONS,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            stream_wait_empty=False,
            stream_buffer_maxsize=_QUEUED,
            consumer_auto_offset_reset="earliest",
        )
        self.app.placement = self
        self.app.agent(self._topic(CALLS), name="sum_up")(self._sum_up)
        self.app.agent(self._topic(PARTIALS), name="add_partials")(self._add_partials)
        self.app.task(self._flush)

    def _topic(self, name: str) -> Any:
        return self.app.topic(name, value_serializer="raw", value_type=bytes, acks=False)

    async def positions(self, bounds: Mapping[TP, Bounds]) -> Mapping[TP, int]:
        """Begin at the beginning of all partitions."""
        return {tp: found.start for tp, found in bounds.items()}

    async def _sum_up(self, stream: Any) -> None:
        async for event in stream.events():
            self._meter.first()
            self._folds[event.message.partition].add(event.message.value)

    async def _add_partials(self, stream: Any) -> None:
        async for event in stream.events():
            self._merge.apply(event.message.value)
            if self._merge.total == self._expected:
                self._meter.done(self._merge.totals)
                os._exit(0)  # Faust takes seconds to stop

    async def _flush(self) -> None:
        while True:
            began = time.monotonic()
            for partition, fold in self._folds.items():
                if fold.changed and (fold.flushing is None or fold.flushing.done()):
                    if fold.flushing is not None:
                        fold.flushing.result()
                    fold.flushing = asyncio.ensure_future(self._send(partition, fold))
            await asyncio.sleep(max(FLUSH_S, FLUSH_SHARE * (time.monotonic() - began)))

    async def _send(self, partition: int, fold: Fold) -> None:
        changed, fold.changed = fold.changed, set()
        rows: defaultdict[int, list[Row]] = defaultdict(list)
        for queue, minute in changed:
            if (target := self._places.get(queue)) is None:
                target = self._places[queue] = place(queue.encode(), PARTITIONS)
            key = f"{partition}|{queue}|{minute}".encode()
            rows[target].append(Row(key, _encode((partition, queue, minute, fold.sums[queue, minute]))))
        await produce(self.app.producer._ensure_producer(), PARTIALS, rows)


if __name__ == "__main__":
    bootstrap, expected = sys.argv[1:]
    job = Job(bootstrap, int(expected))
    worker = job.app.Worker(loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()
