"""The peers' job side by side: all engines on one broker and one topic, one after the other, in an order drawn anew each run.

The events lie in the topic before an engine starts. Its rate is from the first event it decodes to the moment when all are
counted; the start of its process is not in it. Every sum of every queue and minute is compared with the generator's.
`events_per_cpu_s` is by the processor time of the engine's process, which says more than the clock where other programs run,
or where an engine takes two of the cores that it shares with the broker.
"""

import random
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from bench.feed import fill
from bench.peers.engines import ENGINES, Engine
from bench.peers.job import Found, Sums, add_up, events
from bench.sizes import share
from models.sections import KafkaSettings
from streams.outbox import Row
from streams.topics import CALLS, admin
from tests.integration.harness import PARTITIONS, ensure_topics
from tests.kafka_broker import KafkaBroker

EVENTS: Final = share(3_000_000)
FEW_EVENTS: Final = EVENTS // 50  # for who would need half an hour for all
FEW: Final = "bench.few"


class Task(NamedTuple):
    """A topic that is full, and what is to be found in it."""

    topic: str
    events: int
    sums: Sums


def peers() -> dict[str, float]:
    """Run every engine that is there once; say on standard error which are not."""
    engines = [engine for engine in ENGINES if not _skipped(engine)]
    random.shuffle(engines)
    with tempfile.TemporaryDirectory(prefix="floorpulse-bench-") as folder, KafkaBroker(Path(folder)) as broker:
        ensure_topics(broker.bootstrap)
        with admin(KafkaSettings(bootstrap=broker.bootstrap)) as client:
            client.create_topics({FEW: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)
        many, few = _task(broker.bootstrap, CALLS, EVENTS), _task(broker.bootstrap, FEW, FEW_EVENTS)
        figures: dict[str, float] = {}
        for engine in engines:
            task = few if engine.few else many
            found = engine.run(broker.bootstrap, task.topic, sum(task.sums.values()))
            figures |= _figures(engine.name, task, found)
    return dict(sorted({**figures, **_ratios(figures)}.items(), key=lambda figure: _ORDER.index(_engine(figure[0]))))


_ORDER: Final = [engine.name for engine in ENGINES]


def _engine(figure: str) -> str:
    return next(name for name in _ORDER if name in figure.removeprefix("ours_to_"))


def _skipped(engine: Engine) -> bool:
    if missing := engine.missing():
        print(f"peers: {engine.name} skipped, missing: {missing}", file=sys.stderr)
    return bool(missing)


def _figures(engine: str, task: Task, found: Found) -> dict[str, float]:
    wrong = sum(found.sums.get(pane) != task.sums.get(pane) for pane in {*found.sums, *task.sums})
    return {
        f"{engine}_events_per_s": task.events / found.wall_s,
        f"{engine}_events_per_cpu_s": task.events / found.cpu_s,
        f"{engine}_seconds": found.wall_s,
        f"{engine}_wrong_sums": wrong,
    }


def _ratios(figures: dict[str, float]) -> dict[str, float]:
    rates = {engine.name: figures.get(f"{engine.name}_events_per_s") for engine in ENGINES}
    ours = rates.pop("ours") or 0.0
    return {f"ours_to_{name}": ours / rate for name, rate in rates.items() if rate is not None}


def _task(bootstrap: str, topic: str, count: int) -> Task:
    fill(bootstrap, topic, (Row(contact.encode(), value) for contact, value, _ in events(count)))
    return Task(topic, count, add_up(events(count)))
