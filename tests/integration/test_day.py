"""A day of calls and chats with everything that can happen in them, on a real Kafka, against the independent recount.

The worker is killed twice while it folds; events come up to an hour late, some of them twice. Every counter of `/metrics` must
be the recount's, to the last integer.
"""

import json
import random
from pathlib import Path

import pytest

from sinks.names import COUNTERS, counter_name
from tests.integration import harness
from tests.integration.harness import Page, Worker
from tests.kafka_broker import KafkaBroker
from tests.recount.days import day
from tests.recount.recount import recount
from tests.recount.test_engine import COUNTS, SECONDS

FORMULAS = {**COUNTS, **SECONDS}  # but `unfinished`: the recount knows no horizons
LATE_MS = 3_600_000
KILLS = 2
HORIZONS_MS = 100 * 3_600_000  # after the last event all that waits is lost


def disordered(lines: list[bytes], seed: int) -> list[bytes]:
    """Delay each event, and the copies of some, by up to an hour."""
    chance = random.Random(seed)
    again = [line for line in lines if chance.random() < 0.1]
    return sorted([*lines, *again], key=lambda line: json.loads(line)["at"] + chance.uniform(0, LATE_MS))


def figures(page: Page) -> dict[tuple[str, str, str], float]:
    """Return every counter of the catalogue that the recount has, by queue, channel and name."""
    found: dict[tuple[str, str, str], float] = {}
    for metric in COUNTERS:
        if metric.name not in FORMULAS:
            continue
        for (name, pairs), value in page.samples.items():
            labels = dict(pairs)
            if name == f"{counter_name(metric)}_total" and value:
                found[labels["queue"], labels["channel"], metric.name] = value
    return found


def expected(lines: list[bytes]) -> dict[tuple[str, str, str], float]:
    counted, _ = recount(lines, max(json.loads(line)["at"] for line in lines) + HORIZONS_MS)
    found: dict[tuple[str, str, str], float] = {}
    for (queue, channel, start_ms), names in counted.items():
        if start_ms is None and queue is not None and channel is not None:
            for metric in COUNTERS:
                if formula := FORMULAS.get(metric.name):
                    total = sum(names.get(name, 0) for name in formula.split(" + "))
                    if total:
                        found[queue, channel, metric.name] = total / (1_000 if metric.unit == "seconds" else 1)
    return found


def assert_counted(page: Page, lines: list[bytes]) -> None:
    """Compare every counter of a settled page with the recount of the events."""
    assert page.sum("floorpulse_late_total") == 0
    found, right = figures(page), expected(lines)
    assert found.keys() == right.keys()
    wrong = {where: (n, right[where]) for where, n in found.items() if n != pytest.approx(right[where], rel=1e-12)}
    assert not wrong


@pytest.mark.kafka
@pytest.mark.parametrize("seed", [11, 12])
def test_a_day_of_everything_with_kills(kafka_broker: KafkaBroker, tmp_path: Path, seed: int) -> None:
    bootstrap = kafka_broker.bootstrap
    lines = day(seed, contacts=400, hours=4)
    log = disordered(lines, seed)
    harness.ensure_topics(bootstrap)
    with (
        Worker(bootstrap, tmp_path / "worker.log") as worker,
        harness.feeder(bootstrap, harness.CALLS) as calls,
        harness.feeder(bootstrap, harness.CHATS) as chats,
    ):
        feeds = {harness.CALLS: calls, harness.CHATS: chats}
        for n in range(KILLS + 1):
            for line in log[len(log) * n // (KILLS + 1) : len(log) * (n + 1) // (KILLS + 1)]:
                topic, row = harness.routed(line)
                feeds[topic].send([row])
            calls.flush()
            chats.flush()
            if n < KILLS:
                harness.wait_until(lambda: worker.ready and sum(worker.page().sources.values()) > 0, 30, "folding")
                worker.kill()
                worker.start()
        [page] = harness.settle(bootstrap, worker)
    assert_counted(page, lines)
