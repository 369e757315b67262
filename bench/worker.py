"""Events per second of one worker on a real Kafka, both stages, broker and worker on this machine.

The events lie in the topic before the worker starts. Measured is from the first event counted to the moment when all are
counted and shown (stage 2 has merged them), as `/metrics` says it; the start of the process is not.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.feed import call_rows, fill
from bench.traffic import calls
from streams.topics import CALLS
from tests.integration.harness import Page, Worker, ensure_topics, log_ends
from tests.kafka_broker import KafkaBroker

CONTACTS = 300_000
CALLS_PER_S = 100
POLL_S = 1.0  # a scrape of 100 queues costs the worker a tenth of a second


def worker() -> dict[str, float]:
    """Feed the events of 300,000 calls to a topic, then let one worker fold and merge them."""
    with tempfile.TemporaryDirectory(prefix="floorpulse-bench-") as folder, KafkaBroker(Path(folder)) as broker:
        ensure_topics(broker.bootstrap)
        fill(broker.bootstrap, CALLS, call_rows(calls(CONTACTS, calls_per_s=CALLS_PER_S)))
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
