"""What a worker holds of 100 queues on three channels when nothing happens, and what it takes of a core."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.feed import fill
from bench.process import cpu_s, rss_mb
from bench.traffic import QUEUES
from models.codec import encode
from models.events import Answered, ContactEvent, Ended, Prefix, Queued
from streams.outbox import Row
from streams.topics import CALLS, CHATS
from tests.integration.harness import Worker, ensure_topics, settle
from tests.kafka_broker import KafkaBroker

CHANNELS: Final[tuple[tuple[str, Prefix, str | None], ...]] = (
    (CALLS, "call", None),
    (CHATS, "chat", None),
    (CHATS, "chat", "video"),
)
AGO_MS: Final = 600_000
WATCHED_S: Final = 10.0
POLL_S: Final = 1.0


def idle() -> dict[str, float]:
    """Hold one finished contact of each queue and channel, and be scraped once a second."""
    with tempfile.TemporaryDirectory(prefix="floorpulse-bench-") as folder, KafkaBroker(Path(folder)) as broker:
        ensure_topics(broker.bootstrap)
        for topic, prefix, channel in CHANNELS:
            fill(broker.bootstrap, topic, _contacts(prefix, channel))
        with Worker(broker.bootstrap, Path(folder) / "worker.log") as running:
            running.wait_ready()
            (page,) = settle(broker.bootstrap, running)
            offered = page.sum("cc_contacts_offered_total")
            assert offered == len(CHANNELS) * QUEUES, f"{offered} of {len(CHANNELS) * QUEUES} contacts are shown"
            began, used_s = time.monotonic(), cpu_s(running)
            while (watched_s := time.monotonic() - began) < WATCHED_S:
                running.get("/metrics")
                time.sleep(POLL_S)
            return {"rss_mb": rss_mb(running), "cpu_percent": 100 * (cpu_s(running) - used_s) / watched_s}


def _contacts(prefix: Prefix, channel: str | None) -> Iterator[Row]:
    at = int(time.time() * 1_000) - AGO_MS
    for number in range(QUEUES):
        contact, queue = f"{channel or prefix}-{number}", f"queue-{number:02d}"
        events: list[ContactEvent] = [
            Queued(id=f"{contact}:0", at=at, contact_id=contact, channel=channel, queue=queue),
            Answered(id=f"{contact}:1", at=at + 10_000, contact_id=contact, channel=channel, agent=f"agent-{number}"),
            Ended(id=f"{contact}:2", at=at + 60_000, contact_id=contact, channel=channel, by="customer"),
        ]
        for event in events:
            yield Row(contact.encode(), encode(prefix, event))
