"""Sending many small records at once: batches built by hand, hundreds of times cheaper than a send for each."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

Rows = Mapping[int, Iterable[tuple[bytes, bytes | None]]]  # target partition -> key and value


async def produce(producer: Any, topic: str, rows: Rows) -> None:
    """Send rows through an aiokafka producer, in their order within a partition; returns when all are acknowledged."""
    acknowledgements = []
    for partition, records in rows.items():
        batch = producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:  # full
                batch.close()
                acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                if batch.append(key=key, value=value, timestamp=None) is None:
                    raise ValueError(
                        f"{topic}: record of {len(value or b'')} bytes is larger than a batch, key {key!r}"
                    )
        batch.close()
        acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*acknowledgements)
