"""Sending many small records at once: batches built by hand, hundreds of times cheaper than a send for each."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One record to be sent."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


Rows = Mapping[int, Iterable[Row]]  # by target partition


async def produce(producer: Any, topic: str, rows: Rows) -> None:
    """Send rows through an aiokafka producer, in their order within a partition; returns when all are acknowledged.

    A row larger than a batch gets one of its own.
    """
    acknowledgements = []
    for partition, records in rows.items():
        batch = producer.create_batch()
        for key, value, headers in records:
            if batch.append(key=key, value=value, headers=list(headers), timestamp=None) is None:  # full
                batch.close()
                acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(key=key, value=value, headers=list(headers), timestamp=None)
        batch.close()
        acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*acknowledgements)
