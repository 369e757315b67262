"""What Prometheus sees of real workers: no counter ever falls, nothing stays behind, and pages come as they are asked for."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import urllib.request
from email.message import Message
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families

from models.events import Answered, ContactEvent, Ended, Queued, Wrapped
from tests.integration import harness
from tests.integration.harness import Page, Worker
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

NOON_MS = 1_700_000_000_000
QUEUES = ("sales", "tech", "billing")
SOURCE_COUNTERS = {f"floorpulse_{name}_total" for name in ("events", "duplicates", "late", "invalid", "lost")}
Series = tuple[str, frozenset[tuple[str, str]]]


def call(number: int) -> list[ContactEvent]:
    """Make a call that waits 7 s and talks 50 s."""
    name, at = f"c{number}", NOON_MS + 1_000 * number
    return [
        Queued(id=f"{name}:q", at=at, contact_id=name, queue=QUEUES[number % len(QUEUES)]),
        Answered(id=f"{name}:a", at=at + 7_000, contact_id=name, agent="S01"),
        Ended(id=f"{name}:e", at=at + 57_000, contact_id=name, by="customer"),
    ]


def wrap_up(number: int) -> ContactEvent:
    """Make the event that moves a handle time from 50 to 70 s, out of the bucket of 60."""
    name = f"c{number}"
    return Wrapped(id=f"{name}:w", at=NOON_MS + 1_000 * number + 77_000, contact_id=name, agent="S01")


class Prometheus:
    """Scrapes workers and remembers the counters of each; one that falls fails the test."""

    def __init__(self) -> None:
        self.last: dict[tuple[int, Series], float] = {}

    def scrape(self, worker: Worker) -> Page:
        page = worker.page()
        for series, value in page.samples.items():
            if is_counter(series[0]):
                before = self.last.get((worker.port, series), 0)
                assert value >= before, f"{series} fell from {before} to {value}"
                self.last[worker.port, series] = value
        return page


def is_counter(name: str) -> bool:
    """Tell whether a name counts over restarts and owners."""
    return name in SOURCE_COUNTERS or (
        name.startswith("cc_") and name.endswith(("_total", "_bucket", "_count", "_sum"))
    )


def counters(page: Page) -> dict[Series, float]:
    return {series: value for series, value in page.samples.items() if is_counter(series[0])}


def test_no_counter_falls_over_corrections_and_kills(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Of 90 calls half are wrapped up after they were shown; then the worker is killed. And again, three times."""
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    prometheus = Prometheus()
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        for first in (0, 90, 180):
            feed.send(harness.rows(event for number in range(first, first + 90) for event in call(number)))
            feed.flush()
            harness.settle(bootstrap, worker)
            prometheus.scrape(worker)
            feed.send(harness.rows(wrap_up(number) for number in range(first, first + 45)))
            feed.flush()
            harness.settle(bootstrap, worker)
            assert prometheus.scrape(worker).sum("floorpulse_counter_debt") > 0
            worker.kill()
            worker.start()
            harness.wait_until(lambda: bool(counters(prometheus.scrape(worker))), 30, "figures after the kill")
        [true] = harness.settle(bootstrap, worker)
        exported = prometheus.scrape(worker)
    assert true.sum("cc_handle_seconds_bucket", le="60.0") == 3 * 45
    assert exported.sum("cc_handle_seconds_bucket", le="60.0") == 2 * 45 + 90
    assert true.sum("cc_handle_seconds_count") == 3 * 90
    assert true.sum("cc_handle_seconds_sum") == 3 * (45 * 50 + 45 * 70)
    assert exported.sum("floorpulse_recovery_seconds") > 0
    assert exported.sum("floorpulse_rebalances_total") >= 1


def test_a_queue_moves_as_a_whole_and_leaves_nothing_behind(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """A second worker comes, and goes; each series of a queue is on one of them, with what the other one had shown."""
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with (
        Worker(bootstrap, tmp_path / "first.log") as first,
        Worker(bootstrap, tmp_path / "second.log") as second,
        harness.feeder(bootstrap) as feed,
    ):
        second.kill()
        feed.send(harness.rows(event for number in range(90) for event in call(number)))
        feed.flush()
        harness.settle(bootstrap, first)
        feed.send(harness.rows(wrap_up(number) for number in range(45)))
        feed.flush()
        harness.settle(bootstrap, first)
        before = counters_of_queues(first.page())
        assert queues(first.page()) == set(QUEUES)
        second.start()
        pages: list[Page] = []

        def moved() -> bool:
            pages[:] = [first.page(), second.page()]
            return queues(pages[1]) != set() and queues(pages[0]) | queues(pages[1]) == set(QUEUES)

        harness.wait_until(moved, 40, lambda: f"queues of both: {[queues(page) for page in pages]}\n{second.stderr()}")
        assert queues(pages[0]) & queues(pages[1]) == set()
        assert {**counters_of_queues(pages[0]), **counters_of_queues(pages[1])} == before
        second.kill()
        harness.wait_until(lambda: counters_of_queues(first.page()) == before, 40, "all of it at the first again")


def queues(page: Page) -> set[str]:
    """Return the queues of which there is any series."""
    return {labels["queue"] for _, pairs in page.samples if "queue" in (labels := dict(pairs))}


def counters_of_queues(page: Page) -> dict[Series, float]:
    return {series: value for series, value in counters(page).items() if series[0].startswith("cc_")}


def test_configured_queues_and_pages_as_they_are_asked_for(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    settings = tmp_path / "floorpulse.toml"
    settings.write_text(
        '[[queues]]\nqueue = "night"\ngoal = 0.9\n[[queues]]\nqueue = "web"\nchannel = "chat"\ngoal = 0.7\n'
    )
    with Worker(bootstrap, tmp_path / "worker.log", options=("--settings", str(settings))) as worker:
        worker.wait_ready()
        page = worker.page()
        for name in ("cc_contacts_offered_total", "cc_contacts_waiting", "cc_answer_wait_seconds_count"):
            assert page.by("queue", name, channel="voice") == {"night": 0}
            assert page.by("queue", name, channel="chat") == {"web": 0}

        text, headers = fetch(worker, "/metrics")
        assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert headers["Vary"] == "Accept, Accept-Encoding"
        assert headers["Content-Encoding"] is None
        asked = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "Accept-Encoding": "gzip"}
        packed, headers = fetch(worker, "/metrics", asked)
        assert headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert headers["Content-Encoding"] == "gzip"
        opened = gzip.decompress(packed).decode()
        assert opened.endswith("# EOF\n")
        families = {family.name for family in openmetrics_families(opened)}  # type: ignore[no-untyped-call]
        assert {"cc_contacts_offered", "floorpulse_build_info", "process_cpu_seconds"} <= families
        promtool = shutil.which("promtool")
        if promtool is not None:
            ran = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
            assert (ran.returncode, ran.stderr.decode()) == (0, "")

        landing, headers = fetch(worker, "/")
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert "2 queues and channels" in landing.decode()
        assert "<td>0–7</td>" in landing.decode()


def fetch(worker: Worker, path: str, headers: dict[str, str] | None = None) -> tuple[bytes, Message]:
    asked = urllib.request.Request(f"http://127.0.0.1:{worker.port}{path}", headers=headers or {})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return answer.read(), answer.headers
