"""Recovery of a worker that is killed an hour of event time into a run, with 100,000 contacts open; and what it holds.

Measured is from the start of the process to the first page of `/metrics` that is whole (`floorpulse_recovering` 0) and fresh
(complete up to a second ago). The steps on the way: the web server listens (Python started, modules imported, topics checked),
the partitions are assigned and their state is restored (the group was joined, the changelogs were read), the partials are read
(`recovering` is 0), fresh.
"""

import heapq
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench.feed import call_rows, fill
from bench.process import rss_mb
from bench.sizes import share
from bench.traffic import QUEUES, calls
from models.events import Answered, ContactEvent, Queued
from streams.topics import CALLS
from tests.integration.harness import PARTITIONS, Page, Worker, ensure_topics, log_ends, wait_until
from tests.kafka_broker import KafkaBroker

OPEN: Final = share(100_000)
LAST: Final = 200  # some in every partition, so that each is saved once more
FINISHED: Final = share(60_000)  # 17 calls a second
HOUR_MS: Final = 3_600_000
FRESH_S: Final = 1.0
LONGEST_S: Final = 180.0
POLL_S: Final = 0.5
_FRESH: Final = re.compile(r"^floorpulse_fresh_timestamp_seconds (\S+)", re.MULTILINE)


def recovery() -> dict[str, float]:
    """Feed the hour, wait until it is folded and saved, kill the worker and start it again."""
    with tempfile.TemporaryDirectory(prefix="floorpulse-bench-") as folder, KafkaBroker(Path(folder)) as broker:
        ensure_topics(broker.bootstrap)
        now_ms = int(time.time() * 1_000)
        fill(broker.bootstrap, CALLS, call_rows(_hour(now_ms)))
        with Worker(broker.bootstrap, Path(folder) / "worker.log") as running:
            running.wait_ready()
            _counted(broker.bootstrap, running)
            saved = _saved(running.page())
            fill(broker.bootstrap, CALLS, call_rows(_open(int(time.time() * 1_000), "last", LAST)))
            total = _counted(broker.bootstrap, running)
            _seldom(lambda: _saved(running.page()) >= saved + PARTITIONS, "every partition saved")
            held_mb = rss_mb(running)
            running.kill()
            figures = _start(running)
            page = running.page()
            assert sum(page.sources.values()) == total, "the worker knows less than before"
            return {**figures, "rss_mb_before": held_mb, "rss_mb_after": rss_mb(running), "events": total}


def _counted(bootstrap: str, running: Worker) -> int:
    """Wait until all events are counted; return how many there are."""
    total = sum(log_ends(bootstrap, CALLS).values())
    _seldom(lambda: sum(running.page().sources.values()) == total, f"{total} events counted")
    return total


def _seldom(done: Callable[[], bool], what: str) -> None:
    """Look until `done`, but not as often as the tests do: a large page costs the worker and us."""

    def looked() -> bool:
        time.sleep(POLL_S)
        return done()

    wait_until(looked, LONGEST_S, what)


def _saved(page: Page) -> float:
    return sum(page.by("topic", "floorpulse_snapshot_seconds_count", topic=CALLS).values())


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
            found = _FRESH.search(running.get("/metrics")[1])
            return found is not None and float(found[1]) > time.time() - FRESH_S
        return False

    wait_until(fresh, LONGEST_S, lambda: f"a fresh page; {steps}\n{running.stderr()[written:]}")
    reached("fresh")
    return steps


def _hour(now_ms: int) -> Iterator[ContactEvent]:
    finished = calls(FINISHED, start_ms=now_ms - HOUR_MS, calls_per_s=1_000 * FINISHED / HOUR_MS)
    past = (event for event in finished if event.at <= now_ms)
    return heapq.merge(past, _open(now_ms, "open", OPEN), key=lambda event: event.at)


def _open(now_ms: int, name: str, count: int) -> Iterator[ContactEvent]:
    """Yield the events of calls that are still talking, from all over the hour."""
    for number in range(count):
        contact, queue = f"{name}-{number:08d}", f"queue-{number % QUEUES:02d}"
        at = now_ms - HOUR_MS + number * (HOUR_MS - 10_000) // count
        yield Queued(
            id=f"{contact}:0",
            at=at,
            contact_id=contact,
            queue=queue,
            customer=f"customer-{number}",
            direction="inbound",
        )
        yield Answered(id=f"{contact}:1", at=at, contact_id=contact, queue=queue, agent=f"agent-{number}")
