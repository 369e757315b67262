"""Recovery of a worker that is killed an hour of event time into a run, with 100,000 contacts open; and what it holds.

Measured is from the start of the process to the first page of `/metrics` that is whole (`floorpulse_recovering` 0) and fresh
(complete up to a second ago). The steps on the way: the web server listens (Python started, modules imported, topics checked),
the partitions are assigned and their state is restored (the group was joined, the changelogs were read), the partials are read
(`recovering` is 0), fresh.
"""

import heapq
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.feed import call_rows, fill
from bench.sizes import share
from bench.traffic import QUEUES, calls
from models.codec import encode
from models.events import Answered, ContactEvent, Message, Queued, Started
from models.events import Ended as Ended
from streams.outbox import Row
from streams.topics import CALLS, CHATS
from tests.integration.harness import Page, Worker, ensure_topics, log_ends, wait_until
from tests.kafka_broker import KafkaBroker

OPEN: Final = share(100_000)
FINISHED: Final = share(60_000)  # 17 calls a second
HOUR_MS: Final = 3_600_000
FRESH_S: Final = 1.0
LONGEST_S: Final = 180.0
POLL_S: Final = 0.02


def recovery() -> dict[str, float]:
    """Feed the hour, wait until it is folded and saved, kill the worker and start it again."""
    with tempfile.TemporaryDirectory(prefix="floorpulse-bench-") as folder, KafkaBroker(Path(folder)) as broker:
        ensure_topics(broker.bootstrap)
        now_ms = int(time.time() * 1_000)
        fill(broker.bootstrap, CALLS, call_rows(_hour(now_ms)))
        total = sum(log_ends(broker.bootstrap, CALLS).values())
        with Worker(broker.bootstrap, Path(folder) / "worker.log") as running:
            running.wait_ready()
            wait_until(lambda: sum(running.page().sources.values()) == total, LONGEST_S, "the hour counted")
            saved = _saved(running.page())
            wait_until(lambda: _saved(running.page()) >= saved + 8, LONGEST_S, "every partition saved")
            held_mb = rss_mb(running)
            running.kill()
            figures = _start(running)
            page = running.page()
            assert sum(page.sources.values()) == total, "the worker knows less than before"
            return {**figures, "rss_mb_before": held_mb, "rss_mb_after": rss_mb(running), "events": total}


def _saved(page: Page) -> float:
    return page.sum("floorpulse_snapshot_seconds_count", topic=CALLS)


def _start(running: Worker) -> dict[str, float]:
    """Start the worker and return when each step was reached, in seconds."""
    written = len(running.stderr())
    began = time.monotonic()
    running.start()
    steps: dict[str, float] = {}

    def reached(step: str) -> None:
        steps.setdefault(f"{step}_s", time.monotonic() - began)

    def fresh() -> bool:
        said = running.stderr()[written:]
        if "web http" in said:
            reached("listening")
        if "assigned" in said:
            reached("assigned")
        if "listening_s" in steps and running.ready:
            reached("read")
            return running.page().fresh_s > time.time() - FRESH_S
        return False

    wait_until(fresh, LONGEST_S, lambda: f"a fresh page; {steps}\n{running.stderr()[written:]}")
    reached("fresh")
    return steps


def _hour(now_ms: int) -> Iterator[ContactEvent]:
    finished = calls(FINISHED, start_ms=now_ms - HOUR_MS, calls_per_s=1_000 * FINISHED / HOUR_MS)
    past = (event for event in finished if event.at <= now_ms)
    return heapq.merge(past, _open(now_ms), key=lambda event: event.at)


def _open(now_ms: int) -> Iterator[ContactEvent]:
    """Yield the events of calls that are still talking, from all over the hour."""
    for number in range(OPEN):
        contact, queue = f"open-{number:08d}", f"queue-{number % QUEUES:02d}"
        at = now_ms - HOUR_MS + number * (HOUR_MS - 10_000) // OPEN
        yield Queued(
            id=f"{contact}:0", at=at, contact_id=contact, queue=queue, customer=f"customer-{number}", direction="inbound"
        )
        yield Answered(id=f"{contact}:1", at=at, contact_id=contact, queue=queue, agent=f"agent-{number}")


def rss_mb(running: Worker) -> float:
    """Return the memory of the process, in MB."""
    assert running.process is not None
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def idle() -> dict[str, float]:
    """Hold 100 queues on three channels with nothing to do; return the memory and the processor's time it takes."""
    at_ms = int(time.time() * 1_000) - 600_000
    with tempfile.TemporaryDirectory(prefix="floorpulse-bench-") as folder, KafkaBroker(Path(folder)) as broker:
        ensure_topics(broker.bootstrap)
        for topic, prefix, channels in ((CALLS, "call", ("voice",)), (CHATS, "chat", ("chat", "video"))):
            fill(broker.bootstrap, topic, ())
        with Worker(broker.bootstrap, Path(folder) / "worker.log") as running:
            running.wait_ready()
            return {"rss_mb": rss_mb(running), "at": at_ms}
