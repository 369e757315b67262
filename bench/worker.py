"""Events per second of one worker on a real Kafka, both stages, broker and worker on this machine.

The events lie in the topic before the worker starts. Measured is from the first event counted to the moment when all are
counted and shown (stage 2 has merged them), as `/metrics` says it; the start of the process is not.
"""

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from aiokafka import AIOKafkaProducer

from bench.traffic import calls
from models.codec import encode
from streams.fold_stage import place
from streams.outbox import Row, produce
from streams.topics import CALLS
from tests.integration.harness import PARTITIONS, Page, Worker, ensure_topics, log_ends
from tests.kafka_broker import KafkaBroker

CONTACTS = 300_000
CALLS_PER_S = 100
POLL_S = 1.0  # a scrape of 100 queues costs the worker a tenth of a second
ROWS = 50_000  # sent at a time


def worker() -> dict[str, float]:
    """Feed the events of 300,000 calls to a topic, then let one worker fold and merge them."""
    with tempfile.TemporaryDirectory(prefix="floorpulse-bench-") as folder, KafkaBroker(Path(folder)) as broker:
        ensure_topics(broker.bootstrap)
        asyncio.run(_fill(broker.bootstrap))
        total = sum(log_ends(broker.bootstrap, CALLS).values())
        with Worker(broker.bootstrap, Path(folder) / "worker.log") as running:
            running.wait_ready()
            first = _wait(running, lambda page: sum(page.sources.values()) > 0)
            began, already = time.time(), sum(first.sources.values())
            _wait(running, lambda page: sum(page.sources.values()) == total)
            folded = time.time()
            _wait(running, lambda page: page.sum("cc_contacts_offered_total") == CONTACTS == _handled(page))
            shown = time.time()
    rate = (total - already) / (folded - began)
    return {"events": total, "folded_events_per_s": rate, "events_per_s": (total - already) / (shown - began)}


def _handled(page: Page) -> float:
    return page.sum("cc_contacts_handled_total")


def _wait(running: Worker, done: Callable[[Page], bool]) -> Page:
    while not done(page := running.page()):
        time.sleep(POLL_S)
    return page


async def _fill(bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="lz4", max_batch_size=1 << 18)
    await producer.start()
    try:
        rows: defaultdict[int, list[Row]] = defaultdict(list)
        for number, event in enumerate(calls(CONTACTS, calls_per_s=CALLS_PER_S)):
            key = event.contact_id.encode()
            partition = place(key, PARTITIONS)
            rows[partition].append(Row(key, encode("call", event)))
            if number % ROWS == ROWS - 1:
                await produce(producer, CALLS, rows)
                rows.clear()
        await produce(producer, CALLS, rows)
    finally:
        await producer.stop()
