"""A broker that is gone for a while, dies, or is slow: no event is lost and none counts twice.

Where the broker goes and comes, the worker lives through it. Every counter of `/metrics` must be the independent
recount's of what the topics hold, to the last integer.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration import harness
from tests.integration.harness import Feeder, Worker
from tests.integration.proxy import Proxy
from tests.integration.test_day import assert_counted, disordered
from tests.kafka_broker import KafkaBroker
from tests.recount.days import day

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # of what `left_over` collects
]
GONE_S = 20.0
SLOW_S = 0.02  # each way: a round trip takes 40 ms, as within a continent
SLOWER_S = 0.15  # as to the other side of the world


@pytest.fixture(autouse=True)
def left_over() -> Iterator[None]:
    """Collect here, not in a later file's tests, the sockets of refused connections that kafka-python leaves open."""
    gc.collect()
    yield
    gc.collect()


class Traffic:
    """A day of calls and chats, sent a part at a time."""

    def __init__(self, seed: int, parts: int, feeds: dict[str, Feeder]) -> None:
        lines = disordered(day(seed, contacts=300, hours=3), seed)
        self._parts = [lines[len(lines) * n // parts : len(lines) * (n + 1) // parts] for n in range(parts)]
        self._feeds = feeds

    def send(self) -> None:
        """Hand the next part to the producers, which try until the broker has it."""
        for line in self._parts.pop(0):
            topic, row = harness.routed(line)
            self._feeds[topic].send([row])

    def flush(self) -> None:
        """Return once the broker has all parts that were sent."""
        for feed in self._feeds.values():
            feed.flush()


@contextmanager
def traffic(bootstrap: str, seed: int, parts: int) -> Iterator[Traffic]:
    with harness.feeder(bootstrap, harness.CALLS) as calls, harness.feeder(bootstrap, harness.CHATS) as chats:
        yield Traffic(seed, parts, {harness.CALLS: calls, harness.CHATS: chats})


@contextmanager
def slow_network(
    broker: KafkaBroker, log: Path, *, seed: int, parts: int, delay_s: float
) -> Iterator[tuple[Proxy, Worker, Traffic]]:
    """A worker that has folded the first part of the traffic behind a network that delays each way."""
    harness.ensure_topics(broker.bootstrap)
    with (
        Proxy(broker) as proxy,
        Worker(proxy.bootstrap, log) as worker,
        traffic(broker.bootstrap, seed, parts) as feed,
    ):
        worker.wait_ready()
        proxy.delay_s = delay_s
        feed.send()
        feed.flush()
        harness.wait_until(lambda: sum(worker.page().sources.values()) > 0, 30, "folding behind a slow network")
        yield proxy, worker, feed


def assert_exact(bootstrap: str, worker: Worker) -> None:
    """Compare the settled figures with the recount of what the topics hold."""
    [page] = harness.settle(bootstrap, worker)
    logged = [record.value for topic in (harness.CALLS, harness.CHATS) for record in harness.read(bootstrap, topic)]
    assert_counted(page, logged)


def test_a_broker_that_is_gone_for_a_while_and_one_that_dies(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, traffic(bootstrap, 21, parts=4) as feed:
        feed.send()
        feed.flush()
        harness.wait_until(lambda: worker.ready and sum(worker.page().sources.values()) > 0, 30, "folding")
        feed.send()
        kafka_broker.stop()
        feed.send()
        back_at = time.monotonic() + GONE_S

        def waited() -> bool:
            assert worker.get("/healthz")[0] == 200
            return time.monotonic() > back_at

        harness.wait_until(waited, GONE_S + 5, "the broker's absence")
        kafka_broker.start()
        feed.flush()
        feed.send()
        kafka_broker.kill()
        kafka_broker.start()
        feed.flush()
        assert_exact(bootstrap, worker)


def test_a_slow_broker_and_a_worker_that_is_killed_behind_it(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with slow_network(kafka_broker, log, seed=22, parts=2, delay_s=SLOW_S) as (_, worker, feed):
        worker.kill()
        worker.start()
        feed.send()
        feed.flush()
        assert_exact(kafka_broker.bootstrap, worker)


def test_a_slow_broker_that_loses_its_connections(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with slow_network(kafka_broker, log, seed=23, parts=3, delay_s=SLOWER_S) as (proxy, worker, feed):
        feed.send()
        proxy.cut()
        feed.flush()
        proxy.mend()
        feed.send()
        feed.flush()
        assert_exact(kafka_broker.bootstrap, worker)
