"""Bytewax: a Kafka source, keyed by queue, a fold of tumbling windows of event time, one worker.

    python -m bench.peers.bytewax_flow BOOTSTRAP TOPIC

It reads to the end of the topic and closes all windows then, which is when its sums can be seen.
"""

import sys
from datetime import UTC, datetime, timedelta
from operator import add

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

from bench.peers.job import MINUTES, START_MS, Meter, decode, minute_of

Keyed = tuple[str, tuple[datetime, int]]  # queue; when, and talk time in ms
Closed = tuple[str, tuple[int, int]]  # queue; number of the window, and the sum
FROM = datetime.fromtimestamp(START_MS / 1_000, UTC)
meter = Meter()
sums: dict[tuple[str, int], int] = {}


def decoded(messages: list[KafkaSourceMessage[bytes, bytes]]) -> list[Keyed]:
    """Decode a batch; lists are quicker than single events."""
    meter.first()
    found = []
    for message in messages:
        event = decode(message.value)
        found.append((event.queue, (datetime.fromtimestamp(event.at / 1_000, UTC), event.talk_ms)))
    return found


class Sums(DynamicSink[Closed], StatelessSinkPartition[Closed]):  # type: ignore[misc]  # not there everywhere, so not followed
    """Takes the sums of the windows that were closed."""

    def build(self, _step: str, _worker: int, _workers: int) -> "Sums":
        """Return the part of the only worker."""
        return self

    def write_batch(self, items: list[Closed]) -> None:
        """Take some."""
        for queue, (window, talk_ms) in items:
            sums[queue, minute_of(START_MS) + window] = talk_ms


def flow(bootstrap: str, topic: str) -> Dataflow:
    """Return the job."""
    made = Dataflow("peer")
    messages = op.input("read", made, KafkaSource([bootstrap], [topic], tail=False))
    keyed = op.flat_map_batch("decode", messages, decoded)
    clock = win.EventClock(
        lambda value: value[0],
        # Partitions are read at different speeds: with less, events count as late and are missing.
        wait_for_system_duration=timedelta(minutes=MINUTES),
        to_system_utc=lambda _: None,
    )
    windows = win.fold_window(
        "sum",
        keyed,
        clock,
        win.TumblingWindower(length=timedelta(minutes=1), align_to=FROM),
        builder=int,
        folder=lambda total, value: total + value[1],
        merger=add,
        ordered=False,
    )
    op.output("show", windows.down, Sums())
    return made


if __name__ == "__main__":
    cli_main(flow(*sys.argv[1:]))
    meter.done(sums)
