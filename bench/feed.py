"""Getting the records of a case into a topic before it begins."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator

from aiokafka import AIOKafkaProducer

from models.codec import encode
from models.events import ContactEvent
from streams.fold_stage import place
from streams.outbox import Row, produce
from tests.integration.harness import PARTITIONS

_ROWS = 50_000  # sent at a time


def fill(bootstrap: str, topic: str, rows: Iterable[Row]) -> None:
    """Send records by their keys; returns when all are acknowledged."""
    asyncio.run(_fill(bootstrap, topic, rows))


def call_rows(events: Iterable[ContactEvent]) -> Iterator[Row]:
    """Encode the events of calls."""
    return (Row(event.contact_id.encode(), encode("call", event)) for event in events)


def placed(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Sort records by the partitions of their keys."""
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[place(row.key or b"", PARTITIONS)].append(row)
    return found


def quick_producer(bootstrap: str) -> AIOKafkaProducer:
    """Return a producer that sends large packed batches."""
    return AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="lz4", max_batch_size=1 << 18)


async def _fill(bootstrap: str, topic: str, rows: Iterable[Row]) -> None:
    producer = quick_producer(bootstrap)
    await producer.start()
    try:
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            if len(batch) == _ROWS:
                await produce(producer, topic, placed(batch))
                batch.clear()
        await produce(producer, topic, placed(batch))
    finally:
        await producer.stop()
