"""From an event to `/metrics`: 2,000 events/s into a real Kafka, one worker, broker, feeder and scraper on this machine.

A contact of a queue of its own enters every 13.7 ms. `/metrics` is scraped twice a second, more often than any Prometheus
is told to; when a page has arrived, an event is late by the age of the newest of these contacts that the page counts: from
before it was sent to now. So all is in the figure, the making of the page and its way too, but not the waiting for the next
scrape. The floor is as busy as at 2,000 events/s it is: the five minutes before are in the log when the worker starts, and
some 50,000 calls are open.
"""

import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from aiohttp import ClientSession
from aiokafka import AIOKafkaProducer

from bench.feed import call_rows, fill, placed, quick_producer
from bench.process import cpu_s
from bench.sizes import share
from bench.traffic import calls
from models.codec import encode
from models.events import ContactEvent, Ended, Queued
from streams.outbox import Row, produce
from streams.topics import CALLS
from tests.integration.harness import Worker, ensure_topics, log_ends, wait_until
from tests.kafka_broker import KafkaBroker

EVENTS_PER_S: Final = 2_000
EVENTS_A_CALL: Final = 7
HISTORY_S: Final = 300
LIVE_S: Final = share(60)
SETTLE_S: Final = 5.0  # that are not measured
TICK_S: Final = 0.01
MARKER_S: Final = 0.0137
SCRAPE_S: Final = 0.5
_COUNTED: Final = re.compile(rb'^cc_contacts_offered_total\{[^}]*queue="marker"[^}]*\} ([0-9.e+]+)', re.MULTILINE)


def latency() -> dict[str, float]:
    """Measure for a minute, after five seconds that do not count."""
    with tempfile.TemporaryDirectory(prefix="floorpulse-bench-") as folder, KafkaBroker(Path(folder)) as broker:
        ensure_topics(broker.bootstrap)
        begins_at = time.time()
        start_ms = int((begins_at - HISTORY_S) * 1_000)
        per_s = EVENTS_PER_S / EVENTS_A_CALL
        made = calls(int(per_s * 2 * (HISTORY_S + LIVE_S + SETTLE_S + 120)), start_ms=start_ms, calls_per_s=per_s)
        fill(broker.bootstrap, CALLS, call_rows(_until(made, begins_at)))
        with Worker(broker.bootstrap, Path(folder) / "worker.log") as running:
            running.wait_ready()
            total = sum(log_ends(broker.bootstrap, CALLS).values())
            wait_until(lambda: sum(running.page().sources.values()) == total, 120, "the history counted")
            late_ms, page_ms, cpu_share = asyncio.run(_Live(broker.bootstrap, running, made).run())
    return {
        "p50_ms": statistics.median(late_ms),
        "p99_ms": statistics.quantiles(late_ms, n=100)[98],
        "most_ms": max(late_ms),
        "scrapes": len(late_ms),
        "page_p50_ms": statistics.median(page_ms),
        "page_p99_ms": statistics.quantiles(page_ms, n=100)[98],
        "worker_cpu_percent": 100 * cpu_share,
    }


def _until(made: Iterator[ContactEvent], at_s: float) -> Iterator[ContactEvent]:
    for event in made:
        yield event
        if event.at >= at_s * 1_000:
            return


class _Live:
    """Feeds and scrapes at the same time."""

    def __init__(self, bootstrap: str, worker: Worker, made: Iterator[ContactEvent]) -> None:
        self._producer: AIOKafkaProducer
        self._bootstrap = bootstrap
        self._worker = worker
        self._made = made
        self._sent: list[float] = []  # when each marker was sent
        self._late_ms: list[float] = []
        self._page_ms: list[float] = []
        self._measuring = False
        self._fed = False

    async def run(self) -> tuple[list[float], list[float], float]:
        """Return how late an event was at each scrape, how long that took, and the worker's share of a core."""
        self._producer = quick_producer(self._bootstrap)
        await self._producer.start()
        try:
            feeding = asyncio.create_task(self._feed())
            scraping = asyncio.create_task(self._scrape())
            await asyncio.sleep(SETTLE_S)
            self._measuring, began, used_s = True, time.monotonic(), cpu_s(self._worker)
            await asyncio.sleep(LIVE_S)
            cpu_share = (cpu_s(self._worker) - used_s) / (time.monotonic() - began)
            self._fed = True
            await asyncio.gather(feeding, scraping)
        finally:
            await self._producer.stop()
        return self._late_ms, self._page_ms, cpu_share

    async def _feed(self) -> None:
        """Go on where the history ends, at the speed of the clock: events are as old as it took to start the worker."""
        sending: set[asyncio.Task[None]] = set()
        event, next_marker = next(self._made), time.monotonic()
        behind_s = time.time() - event.at / 1_000
        while not self._fed:
            now = time.time()
            due: list[ContactEvent] = []
            while event.at <= 1_000 * (now - behind_s):
                due.append(event)
                event = next(self._made)
            rows: Iterator[Row] = call_rows(due)
            if time.monotonic() >= next_marker:
                next_marker += MARKER_S
                rows = chain(rows, _marker(len(self._sent), int(now * 1_000)))
                self._sent.append(time.monotonic())
            if ready := placed(rows):
                task = asyncio.create_task(produce(self._producer, CALLS, ready))
                sending.add(task)
                task.add_done_callback(sending.discard)
            await asyncio.sleep(TICK_S)
        await asyncio.gather(*sending)

    async def _scrape(self) -> None:
        async with ClientSession() as session:
            while not self._fed:
                began = time.monotonic()
                async with session.get(f"http://127.0.0.1:{self._worker.port}/metrics") as answer:
                    page = await answer.read()
                ended = time.monotonic()
                newest = self._newest_counted(page)
                if newest is not None and self._measuring:
                    self._late_ms.append(1_000 * (ended - newest))
                    self._page_ms.append(1_000 * (ended - began))
                await asyncio.sleep(SCRAPE_S - (ended - began) % SCRAPE_S)

    def _newest_counted(self, page: bytes) -> float | None:
        """Return when the newest contact was sent that a page counts."""
        found = _COUNTED.search(page)
        counted = int(float(found[1])) if found else 0
        return self._sent[counted - 1] if counted else None


def _marker(number: int, at_ms: int) -> list[Row]:
    """Return a contact that enters and leaves at once, so that nothing stands open of it."""
    contact = f"marker-{at_ms}-{number}"
    entered = Queued(
        id=f"{contact}:0", at=at_ms, contact_id=contact, queue="marker", direction="inbound", priority="normal"
    )
    ended = Ended(id=f"{contact}:1", at=at_ms, contact_id=contact, by="customer")
    return [Row(contact.encode(), encode("call", event)) for event in (entered, ended)]
