"""Workers that are killed at random moments under load, ten times: nothing counts twice, nothing is lost, no counter falls."""

import random
from pathlib import Path

import pytest

from tests.integration.faults import floor
from tests.integration.faults.load import EVENTS_PER_S, Load
from tests.integration.faults.scrapes import Scrapes
from tests.integration.faults.verdict import assert_exact
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

KILLS = 10


def test_ten_kills_at_random_moments(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """One of two workers each time: while it starts, reads its past, folds, flushes or saves."""
    bootstrap, chance = kafka_broker.bootstrap, random.Random(floor.SEED)
    moments = [(round(chance.uniform(0, 4), 2), chance.randrange(2)) for _ in range(KILLS)]
    with (
        floor.workers(bootstrap, tmp_path, 2) as workers,
        Load(bootstrap, floor.SEED) as load,
        Scrapes(workers) as scrapes,
    ):
        for worker in workers:
            worker.start()
        for after_s, victim in moments:
            load.wait_for(round(after_s * EVENTS_PER_S))
            workers[victim].kill()
            workers[victim].start()
        load.stop()
        floor.wait_shared(workers, least=0)
        context = f"seed {floor.SEED}, killed after s, worker {moments}"
        assert_exact(context, bootstrap, *workers)
        scrapes.stop()
        assert not scrapes.falls, "\n".join([context, f"{len(scrapes.falls)} falls", *scrapes.falls[:20]])
