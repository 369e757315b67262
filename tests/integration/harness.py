"""Real workers on a real broker: start them, feed them, watch them and kill them.

Nothing here sleeps to let something happen: everything that is waited for is looked at until it is there, within a bounded
time. Whether the figures have settled is known, not guessed: all records of the log are counted, and the figures are
complete up to a moment after that (`settle`).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiokafka
from aiokafka import AIOKafkaConsumer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from models.codec import encode
from models.events import ContactEvent
from tests.kafka_broker import ROOT

CALLS = "cc.calls"
CHATS = "cc.chats"
PARTITIONS = 8
READY_S = 30.0
SETTLE_S = 60.0
READ_S = 60.0
_POLL_S = 0.02
_PORTS = range(10_000, 19_000)
"""Below Linux's ephemeral range, so that no client's own end of a connection takes the port of a worker that is restarted."""

KeyValue = tuple[bytes | None, bytes | None]


# The command


def command(*arguments: str) -> list[str]:
    """Return the `floorpulse` command of this checkout."""
    return [sys.executable, "-m", "streams", *arguments]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a worker: ours without the address of another broker, and more."""
    ours = {name: value for name, value in os.environ.items() if name != "FLOORPULSE_BOOTSTRAP"}
    return {**ours, **(more or {})}


def run(
    *arguments: str, timeout_s: float = 30.0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the `floorpulse` command until it ends, by force after `timeout_s`."""
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def ensure_topics(bootstrap: str) -> None:
    """Make the topics as an operator would."""
    done = run("topics", "ensure", "--bootstrap", bootstrap)
    assert done.returncode == 0, done.stderr


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no free port in {_PORTS}")


# Waiting


def wait_until(done: Callable[[], bool], within_s: float, what: Callable[[], str] | str) -> None:
    """Look until `done`; fails with `what` was waited for when it did not come in time."""
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(_POLL_S)


# Workers


Source = tuple[str, int]  # topic and partition


@dataclass(frozen=True)
class Page:
    """The samples of one scrape."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a page in the text format; a sample that stands there twice fails."""
        samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in samples, f"{key} twice on one page"
                samples[key] = sample.value
        return cls(samples)

    @property
    def true(self) -> Page:
        """Return the page with the true value of each counter: what is exported less what is owed of its series."""
        samples = dict(self.samples)
        for (name, pairs), owed in self.samples.items():
            if name == "floorpulse_counter_debt":
                labels = dict(pairs)
                series, _, last = labels.pop("series").removesuffix('"}').partition("{")
                if last:
                    label, _, value = last.partition('="')
                    labels[label] = value
                    if label == "issue_type":
                        labels[label], _, labels["issue_reason"] = value.partition('",issue_reason="')
                key = series, frozenset(labels.items())
                samples[key] = round(samples[key] - owed, 6)
                if labels.get("le") == "+Inf":
                    count = series.removesuffix("_bucket") + "_count", key[1] - {("le", "+Inf")}
                    samples[count] = samples[key]
        return Page(samples)

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """Return the samples of one name by one label; of histograms, say which bucket: `le="20.0"`."""
        found: dict[str, float] = {}
        for (known, pairs), value in self.samples.items():
            if known == name and labels.items() <= dict(pairs).items():
                key = dict(pairs)[label]
                assert key not in found, f"{name}: {label}={key} twice"
                found[key] = value
        return found

    def sum(self, name: str, **labels: str) -> float:
        """Add up the samples of one name, of which there must be one."""
        found = [
            value
            for (known, pairs), value in self.samples.items()
            if known == name and labels.items() <= dict(pairs).items()
        ]
        assert found, f"no {name} on the page"
        return sum(found)

    @property
    def sources(self) -> dict[Source, float]:
        """Return the records counted by topic and partition."""
        counted: dict[Source, float] = {}
        for topic in (CALLS, CHATS):
            for name in ("floorpulse_events_total", "floorpulse_invalid_total"):
                for partition, n in self.by("partition", name, topic=topic).items():
                    counted[topic, int(partition)] = counted.get((topic, int(partition)), 0) + n
        return counted

    @property
    def fresh_s(self) -> float:
        """Return up to when the figures are complete, 0 where they are not yet."""
        return max(self.by_name("floorpulse_fresh_timestamp_seconds"), default=0.0)

    def by_name(self, name: str) -> list[float]:
        """Return the samples of one name."""
        return [value for (known, _), value in self.samples.items() if known == name]


@dataclass
class Worker:
    """One `floorpulse worker` on a fixed port; `with` ends it whatever happens. It may be killed and started again."""

    bootstrap: str
    log: Path
    port: int = field(default_factory=free_port)
    options: Sequence[str] = ()
    env: Mapping[str, str] | None = None
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the process and return at once; its standard error is added to the log."""
        assert self.process is None, "the worker runs already"
        where = ("--bootstrap", self.bootstrap, "--web-port", str(self.port))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command("worker", *where, *self.options),
                cwd=ROOT,
                env=environment(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End the process at once (kill -9), if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def terminate(self, within_s: float) -> int:
        """Ask the process to end (SIGTERM) and return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.ended(within_s)

    def ended(self, within_s: float) -> int:
        """Wait until the process has ended by itself and return its exit code."""
        assert self.process is not None
        code = self.process.wait(within_s)
        self.process = None
        return code

    def stderr(self) -> str:
        """Return all that was written since the first start."""
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Fetch a page: status and text; status 0 where the worker does not answer. Fails where the process has ended."""
        assert self.process is not None, "the worker was not started"
        code = self.process.poll()
        assert code is None, f"the worker ended by itself with exit code {code}:\n{self.stderr()}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def ready(self) -> bool:
        """Whether the worker has read its past."""
        return self.get("/readyz")[0] == 200

    def wait_ready(self) -> Self:
        """Return when the worker has read its past."""
        wait_until(lambda: self.ready, READY_S, lambda: f"worker {self.port} ready:\n{self.stderr()}")
        return self

    def page(self) -> Page:
        """Scrape the worker; an empty page where it does not answer."""
        return Page.parse(self.get("/metrics")[1])


def settle(bootstrap: str, *workers: Worker, within_s: float = SETTLE_S) -> list[Page]:
    """Return a page of each worker, with the true values, once their figures hold all that is in the log now.

    First every source partition is owned by one worker and all its records are counted; from the next progress record on
    that says so, stage 2 shows it too, and its freshness is past that moment.
    """
    ends = {(topic, n): end for topic in (CALLS, CHATS) for n, end in log_ends(bootstrap, topic).items()}
    counted_at: float | None = None
    pages: list[Page] = []

    def settled() -> bool:
        nonlocal counted_at, pages
        pages = [worker.page() for worker in workers]
        sources = [(source, int(n)) for page in pages for source, n in page.sources.items()]
        if sorted(sources) != sorted(ends.items()):
            counted_at = None
            return False
        counted_at = counted_at or time.time()
        return all(page.fresh_s > counted_at for page in pages)

    def state() -> str:
        sources = [page.sources for page in pages]
        fresh = [page.fresh_s for page in pages]
        logs = "\n".join(worker.stderr() for worker in workers)
        return f"settled: in the log {ends}, counted {sources} (all at {counted_at}), fresh {fresh}\n{logs}"

    wait_until(settled, within_s, state)
    return [page.true for page in pages]


# Records


class Feeder:
    """Sends records to a topic, placed by their keys as Kafka's default partitioner does (murmur2)."""

    def __init__(self, bootstrap: str, topic: str = CALLS) -> None:
        self._topic = topic
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            enable_idempotence=False,
            linger_ms=20,
            batch_size=1 << 18,
            max_request_size=2 << 20,
        )
        self._sent: list[Any] = []

    def send(self, rows: Iterable[KeyValue], partition: int | None = None) -> None:
        """Hand records to the producer, which sends them in the background."""
        self._sent += [self._producer.send(self._topic, key=k, value=v, partition=partition) for k, v in rows]

    def flush(self) -> list[tuple[int, int]]:
        """Return partition and offset of all records sent since the last flush, once they are acknowledged."""
        self._producer.flush(timeout=60)
        sent, self._sent = self._sent, []
        found = [future.get(timeout=60) for future in sent]
        return [(metadata.partition, metadata.offset) for metadata in found]

    def close(self) -> None:
        """End the producer; what was not flushed is sent."""
        self._producer.close(timeout=60)


@contextmanager
def feeder(bootstrap: str, topic: str = CALLS) -> Iterator[Feeder]:
    """Make a feeder and close it."""
    made = Feeder(bootstrap, topic)
    try:
        yield made
    finally:
        made.close()


def routed(line: bytes) -> tuple[str, KeyValue]:
    """Return the topic of an event, and its record."""
    event = json.loads(line)
    return CHATS if event["type"].startswith("chat.") else CALLS, (event["contact_id"].encode(), line)


def rows(events: Iterable[ContactEvent]) -> list[KeyValue]:
    """Encode call events as records keyed by contact."""
    return [(event.contact_id.encode(), encode("call", event)) for event in events]


def log_ends(bootstrap: str, topic: str) -> dict[int, int]:
    """Return the end of each partition of a topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        wait_until(lambda: bool(consumer.partitions_for_topic(topic)), 10, f"topic {topic}")
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic)]
        return {tp.partition: end for tp, end in consumer.end_offsets(partitions).items()}
    finally:
        consumer.close()


def read(bootstrap: str, topic: str) -> list[Any]:
    """Return all records that a topic holds now, in their order by partition."""
    return asyncio.run(_read(bootstrap, topic, log_ends(bootstrap, topic)))


async def _read(bootstrap: str, topic: str, ends: dict[int, int]) -> list[Any]:
    left = {aiokafka.TopicPartition(topic, partition): end for partition, end in ends.items() if end}
    if not left:
        return []
    # With aiokafka: kafka-python cannot read the workers' lz4 without one more library.
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(left))
        await consumer.seek_to_beginning()
        records: list[Any] = []
        async with asyncio.timeout(READ_S):
            while left:
                for found in (await consumer.getmany(timeout_ms=100)).values():
                    records += found
                left = {tp: end for tp, end in left.items() if await consumer.position(tp) < end}
        return records
    finally:
        await consumer.stop()


# An independent recount: plain Python over the JSON in the log, for calls with one visit each


@dataclass
class Recount:
    """What a log of calls says, by queue where not told otherwise. Durations in ms."""

    records: int = 0
    ids: set[str] = field(default_factory=set)
    offered: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    abandoned: Counter[str] = field(default_factory=Counter)
    waited_ms: Counter[str] = field(default_factory=Counter)
    talked_ms: Counter[str] = field(default_factory=Counter)

    @property
    def duplicates(self) -> int:
        """Return how many records repeat an id."""
        return self.records - len(self.ids)


def recount(values: Iterable[bytes]) -> Recount:
    """Count the calls of a log whose every event is valid; each call queues at most once and is answered at most once."""
    found = Recount()
    calls: dict[str, dict[str, Any]] = {}
    for value in values:
        event = json.loads(value)
        found.records += 1
        found.ids.add(event["id"])
        calls.setdefault(event["contact_id"], {})[event["type"].removeprefix("call.")] = event
    for call in calls.values():
        if "queued" not in call:
            continue
        queue, entered_at = call["queued"]["queue"], call["queued"]["at"]
        found.offered[queue] += 1
        if "answered" in call:
            answered_at = call["answered"]["at"]
            found.answered[queue] += 1
            found.waited_ms[queue] += answered_at - entered_at
            if "ended" in call:
                found.talked_ms[queue] += call["ended"]["at"] - answered_at
        elif "ended" in call:
            found.abandoned[queue] += 1
            found.waited_ms[queue] += call["ended"]["at"] - entered_at
    return found
