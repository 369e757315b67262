"""What a worker makes of a log that is not as it left it: made anew, shortened by retention, or written in transactions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, TopicPartition

from bench.traffic import calls
from tests.integration import harness
from tests.integration.harness import CALLS, Worker, feeder, settle, wait_until
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("again", [0, 900], ids=["shorter", "longer"])
def test_a_topic_made_anew_stops_the_worker_in_words(kafka_broker: KafkaBroker, tmp_path: Path, again: int) -> None:
    """Also where it holds more than the state has seen, for which only the topic's id tells."""
    harness.ensure_topics(kafka_broker.bootstrap)
    with Worker(kafka_broker.bootstrap, tmp_path / "worker.log") as worker:
        fed_and_saved(kafka_broker, worker, 500)
        worker.kill()
        make_anew(kafka_broker, CALLS)
        with feeder(kafka_broker.bootstrap) as feed:
            feed.send(harness.rows(calls(again)))
            feed.flush()
        worker.start()
        assert worker.ended(within_s=40) == 2
        line = worker.stderr().splitlines()[-1]
        assert "the topic was made anew" in line
        assert line.endswith("run: floorpulse topics reset")


def test_partials_made_anew_are_all_sent_again(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Else only what changes from then on would be shown, as if it were all."""
    harness.ensure_topics(kafka_broker.bootstrap)
    with Worker(kafka_broker.bootstrap, tmp_path / "worker.log") as worker:
        fed_and_saved(kafka_broker, worker, 500)
        worker.kill()
        make_anew(kafka_broker, "cc.partials")
        worker.start()
        worker.wait_ready()
        wait_until(lambda: sum(worker.page().by_name("cc_contacts_offered_total")) == 500, 20, worker.stderr)


def test_what_retention_deleted_before_it_was_read_is_counted_as_lost(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    harness.ensure_topics(kafka_broker.bootstrap)
    with Worker(kafka_broker.bootstrap, tmp_path / "worker.log") as worker:
        ends = fed_and_saved(kafka_broker, worker, 500)
        wait_until(lambda: committed(kafka_broker) == ends, 20, "the group's offsets say the same")
        worker.kill()
        with feeder(kafka_broker.bootstrap) as feed:
            feed.send(harness.rows(calls(1_000, seed=2)))
            feed.flush()
        with KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap) as admin:
            admin.delete_records({TopicPartition(CALLS, n): end + 100 for n, end in ends.items()})
        worker.start()
        worker.wait_ready()
        shown = {n: worker.page().by("partition", "floorpulse_lost_total", topic=CALLS)[str(n)] for n in ends}
        assert sum(shown.values()) == 100 * len(ends), shown
        assert "retention deleted them before they were read" in worker.stderr()


def test_what_transactions_leave_in_the_log_is_no_lag(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """The end of a transaction has an offset and is never delivered: figures would never be fresh."""
    harness.ensure_topics(kafka_broker.bootstrap)
    with Worker(kafka_broker.bootstrap, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        asyncio.run(in_a_transaction(kafka_broker.bootstrap, harness.rows(calls(200))))
        wait_until(lambda: sum(worker.page().by_name("cc_contacts_offered_total")) == 200, 30, "all calls counted")

        def caught_up() -> bool:
            return set(worker.page().by("partition", "floorpulse_lag_records", topic=CALLS).values()) == {0.0}

        wait_until(caught_up, 10, lambda: str(worker.page().by("partition", "floorpulse_lag_records", topic=CALLS)))


async def in_a_transaction(bootstrap: str, rows: list[harness.KeyValue]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="a-source")
    await producer.start()
    try:
        async with producer.transaction():
            for key, value in rows:
                await producer.send(CALLS, value, key)
    finally:
        await producer.stop()


def make_anew(broker: KafkaBroker, topic: str) -> None:
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        admin.delete_topics([topic])
    wait_until(lambda: topic not in topics(broker), 20, f"{topic} gone")
    harness.ensure_topics(broker.bootstrap)


def fed_and_saved(broker: KafkaBroker, worker: Worker, count: int) -> dict[int, int]:
    """Feed calls, wait until a snapshot holds them all, and return the ends of the log."""
    with feeder(broker.bootstrap) as feed:
        feed.send(harness.rows(calls(count)))
        feed.flush()
    worker.wait_ready()
    settle(broker.bootstrap, worker)
    saved = harness.log_ends(broker.bootstrap, "floorpulse-snapshots-changelog")

    def quiet() -> bool:
        nonlocal saved
        before, saved = saved, harness.log_ends(broker.bootstrap, "floorpulse-snapshots-changelog")
        return before == saved and all(saved.values()) and manifests(broker) >= harness.PARTITIONS

    wait_until(quiet, 30, "a snapshot of every partition")
    return harness.log_ends(broker.bootstrap, CALLS)


def committed(broker: KafkaBroker) -> dict[int, int]:
    """Return what tools that show lag take for the next offsets of calls."""
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        offsets = admin.list_group_offsets("floorpulse")["floorpulse"]
    return {tp.partition: known.offset for tp, known in offsets.items() if tp.topic == CALLS}


def manifests(broker: KafkaBroker) -> int:
    """Return how many partitions of calls have a snapshot."""
    records = harness.read(broker.bootstrap, "floorpulse-snapshots-changelog")
    return len({record.partition for record in records if record.key.startswith(b"cc.calls/manifest/")})


def topics(broker: KafkaBroker) -> list[str]:
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        return list(admin.list_topics())
