"""The commands on topics: what is wrong is said with what to run, and what was derived is computed again after a reset."""

import json
import re
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from models.events import Queued
from tests.integration import harness
from tests.integration.harness import Worker
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka
CALLS = 300


def run(bootstrap: str, *arguments: str) -> tuple[int, str]:
    done = harness.run("topics", *arguments, "--bootstrap", bootstrap)
    assert done.stderr.count("\n") <= 1
    return done.returncode, done.stdout + done.stderr


def test_topics_are_compared_with_what_they_should_be(kafka_broker: KafkaBroker) -> None:
    bootstrap = kafka_broker.bootstrap
    advice = f"floorpulse topics ensure --bootstrap {bootstrap}"
    code, said = run(bootstrap, "check")
    assert (code, said.splitlines()[0]) == (2, f"wrong cc.calls: missing; run: {advice}")
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({"cc.late": {"num_partitions": 3, "replication_factor": 1}}, wait_for_metadata=True)
        code, said = run(bootstrap, "check")
        late = (
            "wrong cc.late: 3 partitions, wanted 8; set kafka.partitions = 3, or delete the topic and run: "
            f"{advice}, retention.ms=604800000, wanted at least 2592000000; run: kafka-configs.sh"
        )
        assert (code, late in said) == (2, True), said
        admin.delete_topics(["cc.late"])
        harness.wait_until(lambda: "cc.late" not in admin.list_topics(), 20, "cc.late gone")
        assert run(bootstrap, "ensure")[0] == 0
        names = [line.split()[1] for line in run(bootstrap, "check")[1].splitlines()]
        assert run(bootstrap, "check") == (0, "".join(f"right {name}\n" for name in names))
        assert len(names) == 6
        changed = {"cc.calls": {"retention.ms": "-1"}, "cc.chats": {"message.timestamp.type": "CreateTime"}}
        admin.alter_configs([ConfigResource("topic", name, configs) for name, configs in changed.items()])
    code, said = run(bootstrap, "check")
    wrong = [line for line in said.splitlines() if line.startswith("wrong")]
    assert (code, len(wrong)) == (2, 1), said
    assert wrong[0].startswith(
        "wrong cc.chats: message.timestamp.type=CreateTime, wanted LogAppendTime; run: kafka-configs.sh"
    )
    by_name = {topic["name"]: topic for topic in json.loads(run(bootstrap, "describe", "--json")[1])}
    assert by_name["cc.calls"]["settings"]["retention.ms"] == {"wanted": "1209600000", "found": "-1"}
    assert by_name["cc.calls"]["partitions"] == {"wanted": 8, "found": 8}
    assert re.fullmatch(r"[0-9a-f-]{36}", by_name["cc.calls"]["id"])
    table = run(bootstrap, "describe")[1]
    assert all(name in table for name in names)


def test_a_reset_computes_everything_again(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    calls = [Queued(id=f"{n}", at=1_000 + n, contact_id=f"{n}", queue="sales") for n in range(CALLS)]
    # Other settings of the fold: with the state of the first worker the second would be refused.
    other = tmp_path / "other.toml"
    other.write_text("[folding]\ncalls_lateness_h = 1\n")
    port = str(harness.free_port())
    with harness.feeder(bootstrap) as feed, Worker(bootstrap, tmp_path / "worker.log", int(port)) as worker:
        feed.send(harness.rows(calls))
        feed.flush()
        harness.settle(bootstrap, worker)
        worker.kill()
        code, said = run(bootstrap, "reset", "--yes")
        assert (code, "has 1 workers (" in said, "allowed: none; stop them" in said) == (2, True, True), said
        assert harness.run("worker", "--leave", "--bootstrap", bootstrap, "--web-port", port).returncode == 0
        assert run(bootstrap, "reset")[1].startswith("floorpulse: --yes: missing; ")
        made = "made anew cc.partials\nmade anew floorpulse-snapshots-changelog\n"
        assert run(bootstrap, "reset", "--yes") == (0, made)
        worker.options = ("--settings", str(other))
        worker.start()
        [page] = harness.settle(bootstrap, worker)
    assert page.sum("cc_contacts_offered_total") == CALLS
