"""Stock Faust: an agent and a tumbling table.

    python -m bench.peers.stock_faust BOOTSTRAP TOPIC EXPECTED

In Faust's favour, events are not regrouped by queue (`group_by` sends each through one more topic): with one worker and the
table in memory, the sums are right all the same.
"""

import os
import sys
from collections import Counter
from typing import Any

import faust

from bench.peers.job import Meter, minute_of
from tests.integration.harness import PARTITIONS

bootstrap, source, expected = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = faust.App(
    "peer-stock-faust",
    broker=f"kafka://{bootstrap}",
    store="memory://",
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    web_enabled=False,
    table_standby_replicas=0,
    consumer_auto_offset_reset="earliest",
)


class Talked(faust.Record, serializer="json"):  # type: ignore[misc, call-arg]  # Faust has no types we follow
    """What the job needs of an event."""

    queue: str
    at_s: int
    talk_ms: int


talked = app.topic(source, value_type=Talked)
sums = app.Table("sums", default=int).tumbling(60).relative_to_field(Talked.at_s)
meter = Meter()


@app.agent(talked)  # type: ignore[untyped-decorator]  # Faust's
async def sum_up(stream: Any) -> None:
    """Add each event to the window of its time."""
    total = 0
    async for event in stream:
        meter.first()
        sums[event.queue] += event.talk_ms
        total += event.talk_ms
        if total == expected:
            found: Counter[tuple[str, int]] = Counter()
            for (queue, (start, _)), talk_ms in sums.table.items():
                found[queue, minute_of(int(start) * 1_000)] += talk_ms
            meter.done(found)
            os._exit(0)  # Faust takes seconds to stop


if __name__ == "__main__":
    worker = app.Worker(loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()
