"""Records packed by each codec that Kafka knows reach one worker and are counted exactly.

That they lie packed in the log is read off the broker's own files: the batch header of Kafka's record format, version 2.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from models.events import Queued
from tests.integration import harness
from tests.integration.harness import Worker
from tests.kafka_broker import KafkaBroker

CODECS = {
    "gzip": 1,
    "snappy": 2,
    "lz4": 3,
    "zstd": 4,
}  # and the number in the lowest three bits of a batch's attributes
CALLS = 2_000
_LENGTH = slice(8, 12)
_ATTRIBUTES = slice(21, 23)
_BEFORE_LENGTH = 12


async def produce(bootstrap: str, codec: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, linger_ms=50) as producer:
        calls = [
            Queued(id=f"{codec}-{n}", at=1_000 + n, contact_id=f"{codec}-{n}", queue=codec, issue_type="x" * 100)
            for n in range(CALLS)
        ]
        sent = [await producer.send(harness.CALLS, value, key=key) for key, value in harness.rows(calls)]
        await asyncio.gather(*sent)


def codecs(log: bytes) -> Iterator[int]:
    """Yield the codec of each batch of a log segment."""
    while len(log) > _ATTRIBUTES.stop:
        yield int.from_bytes(log[_ATTRIBUTES], "big") & 7
        log = log[_BEFORE_LENGTH + int.from_bytes(log[_LENGTH], "big") :]


@pytest.mark.kafka
def test_all_codecs_reach_a_worker(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    for codec in CODECS:
        asyncio.run(produce(bootstrap, codec))
    segments = (kafka_broker.directory / "logs").glob(f"{harness.CALLS}-*/*.log")
    assert {codec for segment in segments for codec in codecs(segment.read_bytes())} == set(CODECS.values())
    with Worker(bootstrap, tmp_path / "worker.log") as worker:
        [page] = harness.settle(bootstrap, worker)
    assert page.by("queue", "cc_contacts_offered_total") == dict.fromkeys(CODECS, CALLS)
