"""What topics hold, read from their beginning to where they end now, for commands that look and end.

With aiokafka as in the workers: it reads every compression that a producer may have chosen. No group is joined and nothing is
committed, so that no worker notices.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import Progress

from models.errors import ConfigError, FloorpulseError
from models.settings import Settings
from streams.kafka_clients import client_options
from streams.topics import DEAD_LETTERS, LATE, SOURCES, Bounds, admin, described

STALLED_S: Final = 30.0  # so long nothing at all may come
_WAIT_MS: Final = 500


class LogReader:
    """Reads topics; used as a context.

    Raises `ConfigError` where no broker answers or a topic is missing, `FloorpulseError` where one stops to answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.Runner()
        self._consumer: Any = None

    def __enter__(self) -> Self:
        with admin(self._settings.kafka) as client:
            found = described(client, [*SOURCES, DEAD_LETTERS, LATE])
        self._partitions = {name: len(topic["partitions"]) for name, topic in found.items()}
        self._loop.__enter__()
        try:
            self._loop.run(self._start())
        except KafkaError as error:
            self._loop.close()
            raise self._failed(error) from None
        return self

    async def _start(self) -> None:
        self._consumer = AIOKafkaConsumer(**client_options(self._settings.kafka), enable_auto_commit=False)
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._loop.run(self._consumer.stop())
        finally:
            self._loop.__exit__(kind, error, at)

    def _failed(self, error: KafkaError) -> FloorpulseError:
        return FloorpulseError(f"kafka {self._settings.kafka.bootstrap}: {type(error).__name__}: {error}")

    def bounds(self, topics: Iterable[str]) -> dict[TopicPartition, Bounds]:
        """Return what the partitions of topics hold now."""
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(self._count(topic))]
        try:
            starts = self._loop.run(self._consumer.beginning_offsets(partitions))
            ends = self._loop.run(self._consumer.end_offsets(partitions))
        except KafkaError as error:
            raise self._failed(error) from None
        return {tp: Bounds(starts[tp], ends[tp]) for tp in partitions}

    def _count(self, topic: str) -> int:
        if topic not in self._partitions:
            raise ConfigError(
                f"topic {topic} is missing; run: floorpulse topics ensure --bootstrap {self._settings.kafka.bootstrap}"
            )
        return self._partitions[topic]

    def read(self, bounds: Mapping[TopicPartition, Bounds]) -> Iterator[tuple[TopicPartition, list[Any]]]:
        """Yield the records within bounds as they come, in their order by partition; progress goes to a terminal."""
        left = {tp: bound for tp, bound in bounds.items() if bound.start < bound.end}
        if not left:
            return
        self._loop.run(self._go_to(left))
        errors = Console(stderr=True, highlight=False)
        with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
            total = sum(bound.end - bound.start for bound in left.values())
            task = progress.add_task(", ".join(sorted({tp.topic for tp in left})), total=total)
            waited_s = 0.0
            while left:
                moved, found = self._step(left)
                waited_s = 0.0 if moved else waited_s + _WAIT_MS / 1_000
                if waited_s > STALLED_S:
                    raise FloorpulseError(f"kafka {self._settings.kafka.bootstrap}: nothing came for {STALLED_S:.0f} s")
                progress.advance(task, moved)
                yield from found

    async def _go_to(self, bounds: Mapping[TopicPartition, Bounds]) -> None:
        """Assign and seek; the client wants to be in its loop for that."""
        self._consumer.assign(list(bounds))
        for tp, bound in bounds.items():
            self._consumer.seek(tp, bound.start)

    def _step(self, left: dict[TopicPartition, Bounds]) -> tuple[int, list[tuple[TopicPartition, list[Any]]]]:
        """Fetch once; return how many offsets that was and the records, and keep in `left` what is still to be read."""
        try:
            fetched, positions = self._loop.run(self._fetch(left))
        except KafkaError as error:
            raise self._failed(error) from None
        moved, found = 0, []
        for tp, position in positions.items():
            start, end = left[tp]
            within = [record for record in fetched.get(tp, ()) if record.offset < end]
            if within:
                found.append((tp, within))
            moved += min(position, end) - start
            left[tp] = Bounds(position, end)
            if position >= end:
                del left[tp]
        return moved, found

    async def _fetch(
        self, bounds: Mapping[TopicPartition, Bounds]
    ) -> tuple[Mapping[TopicPartition, list[Any]], Mapping[TopicPartition, int]]:
        """Return records and positions; what has come to its end is not fetched again."""
        fetched = await self._consumer.getmany(*bounds, timeout_ms=_WAIT_MS)
        # Positions, not offsets of records: of a transaction's last markers there are none.
        positions = {tp: await self._consumer.position(tp) for tp in bounds}
        self._consumer.pause(*(tp for tp, position in positions.items() if position >= bounds[tp].end))
        return fetched, positions
