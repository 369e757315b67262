"""The page of `/metrics` is answered once what it shows of counters is kept."""

import asyncio
from collections.abc import Mapping

import pytest

from models.book import Book, Key
from models.goals import Goals
from models.measures import OFFERED
from models.merge import QueueView
from sinks.exposition import PLAIN
from sinks.prometheus import FloorCollector, FloorView
from sinks.ratchet import Highest
from sinks.telemetry import Telemetry
from streams import metrics_page
from streams.metrics_page import MetricsPage

SALES: Key = ("sales", "voice")


class Worker:
    """A page over a queue of which `offered` grows; what is kept is acknowledged when `acknowledge` is set."""

    def __init__(self) -> None:
        self.offered = 1
        self.kept: list[Mapping[Key, Highest]] = []
        self.asked = asyncio.Event()
        self.acknowledge = asyncio.Event()
        self.is_ours = True
        floor = FloorCollector(self._view, lambda: 0, Book(lambda _: Goals()), lambda _: "riga")
        self.metrics = MetricsPage(floor, Telemetry(), self._keep)
        self.metrics.loop = asyncio.get_running_loop()

    def _view(self) -> FloorView:
        return FloorView((QueueView(SALES, {OFFERED: self.offered}, {}, {}, ()),), (), recovering=False)

    async def _keep(self, shown: Mapping[Key, Highest]) -> bool:
        self.kept.append(shown)
        self.asked.set()
        await self.acknowledge.wait()
        return self.is_ours

    async def offered_on_page(self) -> int:
        [line] = [
            line
            for line in (await self.metrics.get(PLAIN)).splitlines()
            if line.startswith(b"cc_contacts_offered_total")
        ]
        return int(line.rpartition(b" ")[2])

    @property
    def kept_offered(self) -> list[int]:
        return [shown[SALES]["cc_contacts_offered_total"] for shown in self.kept]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_page, "CACHE_S", -1.0)


def test_nobody_is_answered_before_it_is_kept() -> None:
    async def scrape_twice() -> None:
        worker = Worker()
        scrapes = [asyncio.ensure_future(worker.offered_on_page()) for _ in range(2)]
        await worker.asked.wait()
        assert worker.kept_offered == [1]
        assert not any(scrape.done() for scrape in scrapes)
        worker.acknowledge.set()
        assert await asyncio.gather(*scrapes) == [1, 1]

    asyncio.run(scrape_twice())


def test_only_what_rose_is_kept_again() -> None:
    async def scrape() -> None:
        worker = Worker()
        worker.acknowledge.set()
        for worker.offered in (1, 1, 4, 4):
            assert await worker.offered_on_page() == worker.offered
        assert worker.kept_offered == [1, 4]

    asyncio.run(scrape())


def test_while_no_broker_answers_scrapes_are_answered_and_nothing_is_sent_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_page, "KEPT_WITHIN_S", 0.01)

    async def scrape() -> None:
        worker = Worker()
        for worker.offered in (1, 2, 3):
            assert await worker.offered_on_page() == worker.offered
        assert worker.kept_offered == [1]
        worker.acknowledge.set()
        for _ in range(2):  # the first takes note that it was acknowledged, the next keeps what rose meanwhile
            assert await worker.offered_on_page() == 3
        assert worker.kept_offered == [1, 3]

    asyncio.run(scrape())


def test_a_worker_that_ends_does_not_leave_a_scrape_hanging() -> None:
    async def scrape() -> None:
        worker = Worker()
        scraping = asyncio.ensure_future(worker.offered_on_page())
        await worker.asked.wait()
        for task in asyncio.all_tasks() - {scraping, asyncio.current_task()}:
            task.cancel()
        assert await scraping == 1

    asyncio.run(scrape())


def test_what_went_elsewhere_before_it_was_kept_is_not_shown() -> None:
    """Its new owner goes on from what was kept: from 1, and a 2 that was shown would have fallen."""

    async def scraped() -> tuple[int, int]:
        worker = Worker()
        worker.acknowledge.set()
        first = await worker.offered_on_page()
        worker.offered, worker.is_ours = 2, False
        asked = asyncio.ensure_future(worker.offered_on_page())
        worker.asked.clear()
        await worker.asked.wait()
        worker.offered = 3  # so that it is to be kept again
        return first, await asked

    assert asyncio.run(scraped()) == (1, 1)


def test_what_could_not_be_kept_is_not_shown_at_the_second_try_either() -> None:
    """As when the worker stops: 2 was never kept, so its next owner begins at 1."""

    async def scraped() -> list[int]:
        worker = Worker()
        worker.acknowledge.set()
        first = await worker.offered_on_page()
        worker.offered, worker.is_ours = 2, False
        second = await worker.offered_on_page()
        worker.is_ours = True
        return [first, second, await worker.offered_on_page(), *worker.kept_offered]

    assert asyncio.run(scraped()) == [1, 1, 2, 1, 2, 2, 2]
