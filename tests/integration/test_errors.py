"""What a worker says when it cannot start or must end: one line on standard error and an exit code, never a traceback.

Exit code 2: something has to be set right before a start makes sense. 1: a fault on the way; start it again.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from models.events import Queued
from tests.integration import harness
from tests.integration.harness import Worker
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

STOP_S = 10.0
REFUSED_S = 20.0


def refused(*options: str) -> str:
    """Start a worker that must be refused; return its only line on standard error."""
    done = harness.run("worker", *options, timeout_s=REFUSED_S)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return line


def create(bootstrap: str, topic: str, partitions: int) -> None:
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}}, wait_for_metadata=True)


def test_no_broker() -> None:
    address = f"127.0.0.1:{harness.free_port()}"
    assert refused("--bootstrap", address) == nobody_at(address)


def test_a_host_that_is_not_there() -> None:
    assert refused("--bootstrap", "no-such-host.invalid:9092") == nobody_at("no-such-host.invalid:9092")


def nobody_at(address: str) -> str:
    return (
        f"floorpulse: kafka.bootstrap: no Kafka broker answered at {address} within 5 s, "
        "allowed: HOST:PORT[,HOST:PORT…]"
    )


@pytest.mark.parametrize("address", ["127.0.0.1:notaport", "127.0.0.1:99999", "127.0.0.1", ":9092", " ", "a:1,,b:2"])
def test_an_address_that_is_none(address: str) -> None:
    wrong = "" if address == "a:1,,b:2" else address
    line = f"floorpulse: kafka.bootstrap: {wrong!r} is no address, allowed: HOST:PORT[,HOST:PORT…]"
    assert refused("--bootstrap", address) == line


def test_topics_missing(kafka_broker: KafkaBroker) -> None:
    bootstrap = kafka_broker.bootstrap
    names = "cc.calls, cc.chats, cc.partials, cc.dead_letters, cc.late, floorpulse-snapshots-changelog"
    advice = f"run: floorpulse topics ensure --bootstrap {bootstrap}"
    assert refused("--bootstrap", bootstrap) == f"floorpulse: topics missing: {names}; {advice}"
    create(bootstrap, "cc.late", harness.PARTITIONS)
    assert "cc.late" not in refused("--bootstrap", bootstrap)


def test_a_topic_with_another_number_of_partitions(kafka_broker: KafkaBroker) -> None:
    bootstrap = kafka_broker.bootstrap
    create(bootstrap, "cc.calls", 3)
    right = (
        "floorpulse: topic cc.calls: has 3 partitions, allowed: 8 (kafka.partitions); "
        "set kafka.partitions = 3, or delete the topic and run: floorpulse topics ensure"
    )
    assert refused("--bootstrap", bootstrap) == right
    done = harness.run("topics", "ensure", "--bootstrap", bootstrap)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", right + "\n")


def test_a_web_port_in_use() -> None:
    with socket.socket() as taken:
        port = harness.free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        line = refused("--bootstrap", "127.0.0.1:1", "--web-port", str(port))
    assert line == f"floorpulse: --web-port {port}: cannot listen on 127.0.0.1:{port}: Address already in use"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[kafka]\npartitons = 8\n",
            "kafka.partitons: unknown key, known: bootstrap, partitions, replication, tls, ",
        ),
        (
            "lateness = 6\n",
            "lateness: unknown key, known: app, site, zone, day_starts, kafka, service_level, folding, limits, queues, "
            "groups, calendars (got 6)",
        ),
        (
            "[kafka]\npartitions = 0\n",
            "kafka.partitions: Input should be greater than or equal to 1 (got 0)",
        ),
        ("kafka = 3\n", "kafka: "),
        ("[kafka\n", "not TOML: "),
    ],
    ids=["unknown key", "unknown section", "value out of range", "no section", "not TOML"],
)
def test_settings_that_are_wrong(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    assert refused("--settings", str(file)).startswith(f"floorpulse: {file}: {words}")


def test_a_settings_file_that_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "absent.toml"
    assert refused("--settings", str(file)) == f"floorpulse: {file}: cannot be read: No such file or directory"


@pytest.mark.parametrize("key", [b"progress|cc.calls|0", b"garbage", b"\xff"])
def test_a_fault_in_a_stage_ends_the_worker(kafka_broker: KafkaBroker, tmp_path: Path, key: bytes) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap, "cc.partials") as feed:
        worker.wait_ready()
        feed.send([(key, b"\xc1garbage")], partition=0)
        feed.flush()
        assert worker.ended(STOP_S) == 1
        [line] = complaints(worker)
    assert re.match(
        r"floorpulse: cc\.partials\[0\] in the batch up to offset \d+: ValueError: partials: record with key ", line
    )


@pytest.mark.parametrize("fed", [False, True], ids=["idle", "with events"])
def test_a_worker_ends_when_asked_to(kafka_broker: KafkaBroker, tmp_path: Path, fed: bool) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        if fed:
            feed.send(harness.rows(Queued(id=f"{n}", at=1, contact_id=f"{n}", queue="sales") for n in range(1_000)))
            feed.flush()
            harness.settle(bootstrap, worker)
        worker.wait_ready()
        assert worker.terminate(STOP_S) == 0
        assert complaints(worker) == []


def complaints(worker: Worker) -> list[str]:
    """Return what a worker wrote but for its own information."""
    return [line for line in worker.stderr().splitlines() if " INFO floorpulse " not in line]


def test_a_worker_ends_when_asked_to_though_kafka_is_down(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        kafka_broker.stop()
        assert worker.terminate(STOP_S + 5) == 0


def test_a_worker_with_other_fold_settings_is_refused(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    other = tmp_path / "other.toml"
    other.write_text("[folding]\ncalls_lateness_h = 1\n")
    with (
        Worker(bootstrap, tmp_path / "worker.log") as worker,
        Worker(bootstrap, tmp_path / "other.log", options=("--settings", str(other))) as late_comer,
    ):
        late_comer.kill()
        worker.wait_ready()
        harness.settle(bootstrap, worker)
        late_comer.start()
        assert late_comer.ended(60) == 2
        [line] = complaints(late_comer)
    assert line.startswith("floorpulse: folding: ")
    assert '"lateness_ms":21600000' in line
    assert '"lateness_ms":3600000' in line
