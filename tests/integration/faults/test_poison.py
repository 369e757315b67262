"""Poison in the middle of load: each bad record is a dead letter and counted, all others count, also over a kill."""

from pathlib import Path

import pytest

from tests.integration import harness
from tests.integration.faults import floor
from tests.integration.faults.load import EVENTS_PER_S, Load
from tests.integration.faults.verdict import assert_exact
from tests.integration.harness import CALLS, CHATS
from tests.kafka_broker import KafkaBroker
from tests.recount.days import START_MS

pytestmark = pytest.mark.kafka

POISON: dict[str, bytes | None] = {
    "garbage": b"\x00\xff\xfe\x80garbage",
    "a number too large": b'{"type":"call.queued","id":"n","at":%d,"contact_id":"n","queue":"sales"}' % 10**40,
    "a number without end": b'{"type":"call.queued","id":"f","at":1e999,"contact_id":"f","queue":"sales"}',
    "deep": b'{"type":"call.queued","x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "empty": b"",
    "no value": None,
}
ELSEWHERE = 20  # contacts under keys that are not theirs


def test_poison_in_the_middle_of_load(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    with (
        floor.workers(bootstrap, tmp_path, 1) as [worker],
        Load(bootstrap, floor.SEED) as load,
        harness.feeder(bootstrap, CALLS) as calls,
        harness.feeder(bootstrap, CHATS) as chats,
    ):
        worker.start()
        for dose in range(3):
            worker.wait_ready()
            load.wait_for(EVENTS_PER_S)
            for feeder in (calls, chats):
                feeder.send((what.encode(), value) for what, value in POISON.items())
                feeder.flush()
            calls.send(_elsewhere(dose))
            calls.flush()
            load.wait_for(EVENTS_PER_S // 2)
            worker.kill()
            worker.start()
        load.stop()
        worker.wait_ready()
        assert_exact(f"seed {floor.SEED}", bootstrap, worker)
        letters = {
            (dict(one.headers)["topic"], one.partition, dict(one.headers)["offset"])
            for one in harness.read(bootstrap, "cc.dead_letters")
        }
        assert len(letters) == worker.page().sum("floorpulse_invalid_total") == 2 * 3 * len(POISON)


def _elsewhere(dose: int) -> list[harness.KeyValue]:
    """Return contacts of one event each, under keys of others: nothing that counts contacts may go by the record's key."""
    line = '{{"type":"call.queued","id":"e{n}","at":{at},"contact_id":"e{n}","queue":"sales"}}'
    numbers = range(dose * ELSEWHERE, (dose + 1) * ELSEWHERE)
    return [(f"key-{n}".encode(), line.format(n=n, at=START_MS + 1_000 * n).encode()) for n in numbers]
