"""What the comparison is worth: it convicts a stock Faust table, which counts twice after a kill."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from bench import traffic
from models.codec import encode
from models.events import Queued
from tests.integration import harness
from tests.integration.faults.stock_faust import APP, CHANGELOG, PARTITIONS, TOPIC
from tests.integration.faults.verdict import counted_offers, differ
from tests.integration.harness import wait_until
from tests.kafka_broker import ROOT, KafkaBroker

pytestmark = pytest.mark.kafka

FEW, MANY = 1_000, 20_000
AHEAD = 200  # events that are in the table and not committed when it is killed


def test_a_stock_table_counts_twice_after_a_kill_and_the_comparison_says_so(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    bootstrap = kafka_broker.bootstrap
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({TOPIC: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)
    admin.close()
    queued = [event for event in traffic.calls(MANY) if isinstance(event, Queued)]
    rows = [(event.queue.encode(), encode("call", event)) for event in queued]
    with harness.feeder(bootstrap, TOPIC) as feeder:
        with stock(bootstrap, tmp_path) as process:
            feeder.send(rows[:FEW])
            feeder.flush()
            wait_until(lambda: committed(bootstrap) == FEW, 60, "the first committed")
            assert differ("offered", table(bootstrap), counted_offers(value for _, value in rows[:FEW])) == []
            feeder.send(rows[FEW:])
            feeder.flush()
            wait_until(lambda: written(bootstrap) > committed(bootstrap) + AHEAD, 60, "more counted than committed")
            process.kill()
        with stock(bootstrap, tmp_path):
            wait_until(lambda: committed(bootstrap) == MANY, 120, "all committed")
    found, right = table(bootstrap), counted_offers(value for _, value in rows)
    assert differ("offered", found, right) != []
    assert sum(found.values()) > sum(right.values()) == MANY
    print(f"\nstock Faust counted {sum(found.values()) - MANY:.0f} of {MANY} twice after one kill -9")


@contextmanager
def stock(bootstrap: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the stock app; it is killed in the end."""
    with (folder / "stock.log").open("ab") as log:
        command = [sys.executable, "-m", "tests.integration.faults.stock_faust", bootstrap, str(folder)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def committed(bootstrap: str) -> int:
    """Return how many events the group has committed."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=APP, enable_auto_commit=False)
    try:
        return sum(consumer.committed(TopicPartition(TOPIC, n)) or 0 for n in range(PARTITIONS))
    finally:
        consumer.close()


def written(bootstrap: str) -> int:
    """Return how many counts the changelog holds: one for each event that was counted."""
    return sum(harness.log_ends(bootstrap, CHANGELOG).values())


def table(bootstrap: str) -> dict[tuple[str, ...], float]:
    """Return the table as its changelog says it."""
    return {(json.loads(record.key),): json.loads(record.value) for record in harness.read(bootstrap, CHANGELOG)}
