"""Damaged snapshots: of each partition the one before is used, and where none is whole the log from its beginning."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from tests.integration import harness
from tests.integration.faults import changelog, floor
from tests.integration.faults.changelog import Saved
from tests.integration.faults.load import EVENTS_PER_S, Load
from tests.integration.faults.verdict import assert_exact, raw
from tests.integration.harness import Source, wait_until
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

Damage = Callable[[Saved, dict[bytes, bytes]], tuple[bytes, bytes | None]]


def _broken_chunk(saved: Saved, rows: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    chunk = saved.chunks[-1]
    body = rows[chunk]
    middle = len(body) // 2
    return chunk, body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


def _missing_chunk(saved: Saved, rows: dict[bytes, bytes]) -> tuple[bytes, None]:
    del rows
    return saved.chunks[-1], None


def _cut_manifest(saved: Saved, rows: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    del rows
    return saved.key, saved.value[: len(saved.value) // 2]


@pytest.mark.parametrize("damage", [_broken_chunk, _missing_chunk, _cut_manifest], ids=lambda one: one.__name__[1:])
def test_of_a_damaged_snapshot_the_one_before_is_used(
    kafka_broker: KafkaBroker, tmp_path: Path, damage: Damage
) -> None:
    """The log before that one is deleted, so that neither the log nor an older snapshot would do."""
    bootstrap = kafka_broker.bootstrap
    with floor.workers(bootstrap, tmp_path, 1) as [worker], Load(bootstrap, floor.SEED) as load:
        worker.start()
        worker.wait_ready()
        wait_until(lambda: _least_kept(bootstrap) >= 2, 60, "two snapshots of each partition")
        load.wait_for(EVENTS_PER_S)
        worker.kill()
        load.wait_for(EVENTS_PER_S)
        load.stop()
        lines = raw(bootstrap)
        kept, rows = changelog.snapshots(bootstrap), changelog.rows(bootstrap)
        with harness.feeder(bootstrap, changelog.TOPIC) as feeder:
            for (_, partition), saved in kept.items():
                feeder.send([damage(saved[-1], rows[partition])], partition)
            feeder.flush()
        _delete_log(bootstrap, {source: saved[-2].offset + 1 for source, saved in kept.items()})
        worker.start()
        worker.wait_ready()
        assert_exact(f"seed {floor.SEED}", bootstrap, worker, lines=lines)
        assert worker.page().sum("floorpulse_lost_total") == 0
        said = worker.stderr()
        assert said.count("not used") >= len(kept) == floor.SOURCES, said


def test_without_a_whole_snapshot_the_log_is_folded_from_its_beginning(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    bootstrap = kafka_broker.bootstrap
    with floor.workers(bootstrap, tmp_path, 1) as [worker], Load(bootstrap, floor.SEED) as load:
        worker.start()
        worker.wait_ready()
        wait_until(lambda: _least_kept(bootstrap) >= 2, 60, "two snapshots of each partition")
        worker.kill()
        with harness.feeder(bootstrap, changelog.TOPIC) as feeder:
            for (_, partition), saved in changelog.snapshots(bootstrap).items():
                feeder.send([_cut_manifest(one, {}) for one in saved], partition)
            feeder.flush()
        worker.start()
        load.wait_for(EVENTS_PER_S)
        load.stop()
        assert_exact(f"seed {floor.SEED}", bootstrap, worker)


def _least_kept(bootstrap: str) -> int:
    """Return how many snapshots the source partition has that has fewest."""
    kept = changelog.snapshots(bootstrap)
    return min(map(len, kept.values())) if len(kept) == floor.SOURCES else 0


def _delete_log(bootstrap: str, before: dict[Source, int]) -> None:
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        client.delete_records({TopicPartition(*source): offset for source, offset in before.items()})
    finally:
        client.close()
