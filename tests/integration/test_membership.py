"""Who owns what: names in the group, leaving it, and workers that were stopped or replaced."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.integration import harness
from tests.integration.harness import Worker, wait_until
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

SESSION_S = 10.0


def test_of_two_workers_with_one_name_the_older_ends(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Kafka gives the name to the newer one; the older would take it back, and so on for ever."""
    harness.ensure_topics(kafka_broker.bootstrap)
    same = ("--instance", "same")
    with (
        Worker(kafka_broker.bootstrap, tmp_path / "older.log", options=same) as older,
        Worker(kafka_broker.bootstrap, tmp_path / "newer.log", options=same) as newer,
    ):
        newer.kill()
        older.wait_ready()
        newer.start()
        assert older.ended(within_s=20) == 2
        assert "another worker of the group floorpulse has the name 'same'" in older.stderr().splitlines()[-1]
        newer.wait_ready()


def test_a_worker_that_leaves_for_good_frees_its_partitions_at_once(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """The other one has them before the session of the one that was killed could have ended."""
    harness.ensure_topics(kafka_broker.bootstrap)
    with (
        Worker(kafka_broker.bootstrap, tmp_path / "stays.log", options=("--instance", "stays")) as stays,
        Worker(kafka_broker.bootstrap, tmp_path / "leaves.log", options=("--instance", "leaves")) as leaves,
    ):
        wait_until(lambda: partitions(stays) + partitions(leaves) == 16 and partitions(leaves) == 8, 60, "a half each")
        leaves.kill()
        killed_at = time.monotonic()
        done = harness.run("worker", "--leave", "--instance", "leaves", "--bootstrap", kafka_broker.bootstrap)
        assert (done.returncode, done.stdout) == (0, "leaves has left the group floorpulse\n")
        wait_until(lambda: partitions(stays) == 16, SESSION_S, "all partitions at the one that stays")
        assert time.monotonic() - killed_at < SESSION_S
        again = harness.run("worker", "--leave", "--instance", "leaves", "--bootstrap", kafka_broker.bootstrap)
        assert (again.returncode, again.stderr) == (
            2, "floorpulse: the group floorpulse has no worker 'leaves'; it left, or its session has ended\n"
        )  # fmt: skip


def test_whose_leave_it_is_must_be_said(kafka_broker: KafkaBroker) -> None:
    done = harness.run("worker", "--leave", "--bootstrap", kafka_broker.bootstrap)
    assert done.returncode == 2
    assert done.stderr == "floorpulse: --leave: which worker? say the --web-port or the --instance that it had\n"


def partitions(worker: Worker) -> int:
    """Return how many source partitions a worker shows."""
    return len(worker.page().sources)
