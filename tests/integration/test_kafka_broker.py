"""The harness itself: the broker does what the other integration tests take for granted."""

from __future__ import annotations

import time
import uuid
from itertools import islice

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource
from kafka.errors import TopicAlreadyExistsError

from tests.kafka_broker import BrokerError, KafkaBroker

pytestmark = pytest.mark.kafka

COMPACTED = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}


def create(bootstrap: str, topic: str, partitions: int = 1, configs: dict[str, str] | None = None) -> None:
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        settings = {"num_partitions": partitions, "replication_factor": 1, "configs": configs or {}}
        admin.create_topics({topic: settings}, wait_for_metadata=True)


def produce(bootstrap: str, topic: str, values: list[bytes], timestamp_ms: int | None = None) -> None:
    with KafkaProducer(bootstrap_servers=bootstrap) as producer:
        sent = [producer.send(topic, key=b"k", value=value, timestamp_ms=timestamp_ms) for value in values]
        for future in sent:
            future.get(timeout=30)


def read(bootstrap: str, topic: str, count: int) -> list[tuple[bytes, int]]:
    """Return the first `count` (value, timestamp in ms) of partition 0, fewer if they do not come within 30 s."""
    with KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=30_000) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek_to_beginning()
        return [(record.value, record.timestamp) for record in islice(consumer, count)]


def test_a_topic_has_the_partitions_and_configs_asked_for(kafka: str) -> None:
    topic = f"test-topic-{uuid.uuid4()}"
    create(kafka, topic, partitions=3, configs=COMPACTED)
    with KafkaAdminClient(bootstrap_servers=kafka) as admin:
        [described] = admin.describe_topics([topic])
        configs = admin.describe_configs([ConfigResource("topic", topic)])["topic"][topic]
        with pytest.raises(TopicAlreadyExistsError):
            admin.create_topics([topic])
        admin.delete_topics([topic])
    assert len(described["partitions"]) == 3
    assert {name: config["value"] for name, config in configs.items()} == COMPACTED


def test_records_come_back_in_order_with_the_brokers_time(kafka: str) -> None:
    topic = f"test-records-{uuid.uuid4()}"
    create(kafka, topic, configs=COMPACTED)
    before_ms = int(time.time() * 1000)
    produce(kafka, topic, [b"1", b"2", b"3"], timestamp_ms=1_000)
    records = read(kafka, topic, 3)
    assert [value for value, _ in records] == [b"1", b"2", b"3"]
    assert all(timestamp_ms >= before_ms for _, timestamp_ms in records)


def test_records_survive_a_restart_and_a_crash(kafka_broker: KafkaBroker) -> None:
    bootstrap = kafka_broker.bootstrap
    create(bootstrap, "kept")
    produce(bootstrap, "kept", [b"1"])
    kafka_broker.restart()
    produce(bootstrap, "kept", [b"2"])
    kafka_broker.kill()
    kafka_broker.start()
    assert kafka_broker.bootstrap == bootstrap
    assert [value for value, _ in read(bootstrap, "kept", 2)] == [b"1", b"2"]


def test_a_second_broker_is_refused_in_words(kafka_broker: KafkaBroker) -> None:
    with pytest.raises(BrokerError, match=f"port {kafka_broker.port} of 127.0.0.1 is in use"):
        KafkaBroker(kafka_broker.directory.with_name("other"), kafka_broker.port).start()
    with pytest.raises(BrokerError, match="another broker uses"):
        KafkaBroker(kafka_broker.directory).wipe()
