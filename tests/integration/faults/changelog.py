"""The snapshots on the broker, read without the engine: which manifests there are, and which chunks they name."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import aiokafka
import msgspec
from aiokafka import AIOKafkaConsumer

from tests.integration import harness
from tests.integration.harness import PARTITIONS, Source

TOPIC: Final = "floorpulse-snapshots-changelog"


@dataclass(frozen=True)
class Saved:
    """One whole snapshot: the key of its manifest, how much of the log it saw, and the keys of its chunks."""

    key: bytes
    value: bytes
    offset: int
    epoch: int
    chunks: tuple[bytes, ...]


def rows(bootstrap: str) -> dict[int, dict[bytes, bytes]]:
    """Return the rows that stand, by partition."""
    found: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)
    for record in harness.read(bootstrap, TOPIC):
        if record.value is None:
            found[record.partition].pop(record.key, None)
        else:
            found[record.partition][record.key] = record.value
    return found


def snapshots(bootstrap: str) -> dict[Source, list[Saved]]:
    """Return the snapshots of each source partition, the one that saw most last."""
    found: defaultdict[Source, list[Saved]] = defaultdict(list)
    for partition, held in rows(bootstrap).items():
        for key, value in held.items():
            topic, _, rest = key.decode().partition("/")
            if rest.startswith("manifest/"):
                offset, epoch, pieces, *_ = msgspec.msgpack.decode(value)
                chunks = tuple(chunk for names, _ in pieces for chunk in names)
                found[topic, partition].append(Saved(key, value, offset, epoch, chunks))
    return {source: sorted(saved, key=lambda one: one.offset) for source, saved in found.items()}


def unnamed(bootstrap: str) -> set[bytes]:
    """Return the chunks that no manifest names: of snapshots that were not completed."""
    named = {chunk for saved in snapshots(bootstrap).values() for one in saved for chunk in one.chunks}
    return {key for held in rows(bootstrap).values() for key in held if _is_chunk(key)} - named


def at_next_chunk(bootstrap: str, act: Callable[[], object], within_s: float) -> None:
    """Do something as soon as a chunk is written from now on."""
    asyncio.run(_at_next_chunk(bootstrap, act, within_s))


async def _at_next_chunk(bootstrap: str, act: Callable[[], object], within_s: float) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([aiokafka.TopicPartition(TOPIC, n) for n in range(PARTITIONS)])
        await consumer.seek_to_end()
        async with asyncio.timeout(within_s):
            while not any(_is_chunk(one.key) for one in _all(await consumer.getmany(timeout_ms=1_000))):
                pass
        act()
    finally:
        await consumer.stop()


def _all(fetched: dict[Any, list[Any]]) -> Iterable[Any]:
    return (record for records in fetched.values() for record in records)


def _is_chunk(key: bytes) -> bool:
    return key.count(b"/") == 2 and b"/manifest/" not in key
