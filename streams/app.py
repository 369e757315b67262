"""The composition root: settings, core, stages, Faust and the web thread become one worker.

The worker is made to crash: what it knows is in Kafka, so any fault ends the process at once with one line and exit code 1,
and whoever watches it starts it again.
"""

import asyncio
import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Mapping, Set
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final, NoReturn

import faust
from faust.sensors.monitor import Monitor
from faust.types.tuples import TP

from models.errors import ConfigError
from models.letter_limit import LetterLimit
from models.sections import KafkaSettings
from models.settings import Settings
from sinks.prometheus import FloorCollector
from sinks.telemetry import Telemetry
from streams import agents, topics, web
from streams.driver import BatchTransport, Tables
from streams.fold_stage import FoldStage
from streams.kafka_clients import addresses, tls_context
from streams.membership import instance_name
from streams.merge_stage import MergeStage
from streams.metrics_page import MetricsPage
from streams.outbox import Rows, produce
from streams.snapshots import Snapshots
from streams.watchdog import STUCK_S, Watchdog

TICK_S: Final = 0.01
PUBLISH_S: Final = 0.02
WATCH_S: Final = 1.0
TELL_S: Final = 5.0
STOP_S: Final = 8.0
BATCH_BYTES: Final = 256 << 10
QUEUED_BATCHES: Final = 16  # that wait for an agent, of all its partitions

log = logging.getLogger("floorpulse")


class WorkerApp(faust.App):  # type: ignore[misc]  # Faust has no types we follow
    """A Faust app that reads in batches, goes on from the snapshots, and ends the process at the first fault."""

    placement: "Worker"

    def _new_transport(self) -> Any:
        return BatchTransport(self.conf.broker_consumer, self)

    def FlowControlQueue(self, maxsize: int | None = None, **_kwargs: Any) -> Any:  # noqa: N802  Faust's name
        """Make a queue that keeps what is in it.

        Faust empties the agents' queues when it resumes after a recovery, though what was read since the seek is in them by
        then: it would be lost. What is older than the seek does no harm, since offsets that were folded are passed over.
        """
        return super().FlowControlQueue(maxsize, clear_on_resume=False)

    async def crash(self, reason: BaseException) -> None:
        """End the worker."""
        fail("Faust", reason)

    def _crash(self, reason: BaseException) -> None:
        """End the worker where one of Faust's services crashed: it calls this of its parents, not `crash`."""
        fail("Faust", reason)

    async def on_first_start(self) -> None:
        """Begin to show that the loop moves: Faust starts the app's tasks only after the first recovery."""
        await super().on_first_start()
        self.add_future(self.placement.show_life())

    async def on_stop(self) -> None:
        """Stop, but not for longer than `STOP_S`: nothing has to be saved, and Kafka may be down."""
        asyncio.get_running_loop().call_later(STOP_S, os._exit, 0)
        await super().on_stop()


class Worker:
    """One worker: both stages, their timers, and what it shows."""

    def __init__(self, settings: Settings, opened: socket.socket, name: str, ids: Mapping[str, str]) -> None:
        self.settings = settings
        self.name = name
        partitions = settings.kafka.partitions
        self.app = _faust_app(settings, name)
        self.app.placement = self
        self._watchdog = Watchdog[TP]()
        snapshots = Snapshots(self.app, partitions, ids)
        self.telemetry = Telemetry()
        self.folding = {
            topic: FoldStage(
                topic,
                settings.fold(prefix),
                snapshots,
                self._produce,
                self._left,
                partitions,
                self.telemetry,
                LetterLimit(settings.limits.dead_letters, settings.limits.dead_letters_of),
            )
            for topic, prefix in topics.SOURCES.items()
        }
        self.merging = MergeStage(
            self._produce,
            {topic: stage.settings for topic, stage in self.folding.items()},
            partitions,
            settings.limits.queues,
            settings.configured_queues(),
            self.telemetry,
        )
        agents.install(self.app, self.folding.values(), self.merging, fail)
        collector = FloorCollector(
            lambda: self.merging.view, _now_ms, settings.goals(), settings.site_of, settings.longest_window_min
        )
        metrics = MetricsPage(collector, self.telemetry, self.merging.keep)
        self.web = web.WebThread(opened, metrics, lambda: self.merging.view)
        self.app.on_partitions_revoked.connect(self._stop_folding)
        self.app.on_partitions_assigned.connect(self._stop_showing)
        self.app.task(self._keep_time)

    async def positions(self, bounds: Mapping[TP, topics.Bounds]) -> Mapping[TP, int]:
        """Take the partitions that were assigned, drop the others, and say where to go on (see `Placement`)."""
        self.telemetry.rebalances.inc()
        sources = [tp for tp in bounds if tp.topic in self.folding]
        partials = bounds.keys() - sources
        self._drop_all_but(bounds.keys())
        try:
            taken = await asyncio.gather(*(self.folding[tp.topic].take(tp.partition, *bounds[tp]) for tp in sources))
        except Exception as error:
            fail("going on from the snapshots", error)
        positions = dict(zip(sources, taken, strict=True))
        positions |= {tp: self.merging.take(tp.partition, bounds[tp].end) for tp in partials}
        for stage in self.folding.values():
            stage.active = True
        log.info("assigned sources=%d partials=%d", len(sources), len(partials))
        return positions

    async def _stop_showing(self, _app: Any, assigned: set[TP], **_kwargs: Any) -> None:
        """Show nothing that went elsewhere, while the changelogs are read: its new owner shows it by then."""
        self._drop_all_but(assigned)
        self.merging.publish(self.folding.values())

    def _drop_all_but(self, assigned: Set[TP]) -> None:
        """Forget what went elsewhere."""
        for topic, stage in self.folding.items():
            stage.drop_all_but({tp.partition for tp in assigned if tp.topic == topic})
        self.merging.drop_all_but({tp.partition for tp in assigned if tp.topic == topics.PARTIALS})

    async def _stop_folding(self, *_args: Any, **_kwargs: Any) -> None:
        for stage in self.folding.values():
            stage.active = False

    async def _keep_time(self) -> None:
        """Flush, save, publish and look after ourselves, over and over."""
        ticked_at, slept = time.monotonic(), False
        publishing, watching = _Every(PUBLISH_S), _Every(WATCH_S)
        telling = _Every(TELL_S, ticked_at)  # first after a while: a worker that is stopped at once has nothing to tell
        told: asyncio.Future[None] | None = None
        while True:
            now = time.monotonic()
            try:
                self._check_name()
                # Who was silent for a session may have been stopped, and others own what it has: it says nothing more. It
                # shows nothing either if it was stopped itself; if only Kafka was silent, nobody else shows what it shows.
                silent = self.app.consumer.silent_s() >= topics.SESSION_S
                slept = silent and (slept or now - ticked_at >= topics.SESSION_S / 2)
                ticked_at = now
                if not silent:
                    for stage in self.folding.values():
                        stage.tick()
                if watching.due(now):
                    self._check_progress(now)
                if slept:
                    self.merging.hide()
                elif publishing.due(now):
                    self.merging.publish(self.folding.values())
                    self.telemetry.showed(self.merging.view.recovering)
            except Exception as error:
                fail("flush", error)
            # Not while it stops: a commit that finds its connection closed tries again for ever, and says so each time.
            if not self.app.should_stop and (told is None or told.done()) and telling.due(now):
                offsets = {tp: offset + 1 for tp, offset in self._read().items()}
                told = asyncio.ensure_future(self.app.consumer.tell_group(offsets))
            await asyncio.sleep(TICK_S)

    def _check_name(self) -> None:
        if self.app.consumer.replaced:
            raise ConfigError(
                f"another worker of the group {self.settings.app} has the name {self.name!r}, or was told that this one "
                "has left; give each worker a --web-port or an --instance of its own"
            )

    async def show_life(self) -> None:
        """Tell the web thread which loop this is, and over and over that it moves."""
        self.web.metrics.loop = asyncio.get_running_loop()
        while True:
            self.web.alive_at = time.monotonic()
            await asyncio.sleep(TICK_S)

    async def _produce(self, topic: str, rows: Rows) -> None:
        try:
            await produce(self.app.producer._ensure_producer(), topic, rows)
        except Exception as error:
            if self.app.should_stop:  # what is not acknowledged is sent again after the next start
                raise asyncio.CancelledError from error
            fail(f"sending to {topic}", error)

    def _left(self, topic: str, partition: int, offset: int) -> int | None:
        left: int | None = self.app.consumer.left(TP(topic, partition), offset)
        return left

    def _read(self) -> dict[TP, int]:
        """Return the last offset that was read of each partition that is ours."""
        read = {TP(topic, n): o.state.offset for topic, stage in self.folding.items() for n, o in stage.owned.items()}
        return read | {TP(topics.PARTIALS, n): held.state.offset for n, held in self.merging.owned.items()}

    def _check_progress(self, now: float) -> None:
        """End the worker where a log was cut, or nothing was read for long though there is (see streams/watchdog.py)."""
        for stage in self.folding.values():
            stage.check_ends(lambda topic, partition: self.app.consumer.end(TP(topic, partition)))
        read = self._read()
        stuck = self._watchdog.stuck(
            now, {tp: offset for tp, offset in read.items() if self.app.consumer.left(tp, offset)}
        )
        if stuck:
            where = ", ".join(f"{tp.topic}[{tp.partition}]" for tp in sorted(stuck))
            fail("watchdog", TimeoutError(f"nothing was read for {STUCK_S:.0f} s, though something is left in {where}"))

    def run(self) -> NoReturn:
        """Run until a signal or a fault; does not return."""
        gc.set_threshold(200_000, 50, 100)  # millions of small, cycle-free objects live long
        self.web.start()
        log.info("web http://127.0.0.1:%d/metrics kafka %s", self.web.port, self.settings.kafka.bootstrap)
        worker = self.app.Worker(loglevel="WARNING", quiet=True, override_logging=False, redirect_stdouts=False)
        worker.spinner = None
        worker.execute_from_commandline()
        sys.exit(0)


def run_worker(settings: Settings, web_port: int | None, instance: str | None = None) -> NoReturn:
    """Check what the worker needs, then run it. Raises `ConfigError` where something is missing or wrong."""
    opened = web.listen(web_port)
    name = instance_name(instance, opened.getsockname()[1])
    Worker(settings, opened, name, topics.check(settings)).run()


def fail(where: str, error: BaseException) -> NoReturn:
    """End the process with one line on standard error and exit code 1; 2 where first something has to be set right."""
    reason = " ".join(str(error).split()) or "no message"
    set_right = isinstance(error, ConfigError)
    sys.stderr.write(
        f"floorpulse: {reason}\n" if set_right else f"floorpulse: {where}: {type(error).__name__}: {reason}\n"
    )
    sys.stderr.flush()
    os._exit(2 if set_right else 1)


def _faust_app(settings: Settings, name: str) -> WorkerApp:
    kafka = settings.kafka
    app: WorkerApp = WorkerApp(
        settings.app,
        broker=[f"kafka://{address}" for address in addresses(kafka)],
        broker_credentials=_credentials(kafka),
        store="memory://",
        datadir=Path(gettempdir()) / f"floorpulse-{os.getuid()}",
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication,
        topic_allow_declare=False,  # ours are made by `floorpulse topics ensure`
        topic_disable_leader=True,
        table_standby_replicas=0,
        web_enabled=False,
        canonical_url=f"http://{name}",  # Faust's assignor tells workers apart by it
        stream_wait_empty=False,
        stream_buffer_maxsize=QUEUED_BATCHES,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=name,  # a killed worker that comes back gets its partitions at once
        broker_session_timeout=float(topics.SESSION_S),
        broker_rebalance_timeout=float(topics.SESSION_S),
        broker_heartbeat_interval=2.0,
        broker_max_poll_interval=86_400.0,  # an idle worker never polls, and must not be put out for it
        producer_linger=0,
        producer_max_batch_size=BATCH_BYTES,
        producer_max_request_size=topics.LETTER_BYTES,
        Monitor=_QuietMonitor,
        TableManager=Tables,
    )
    return app


def _credentials(kafka: KafkaSettings) -> Any:
    """Return how Faust's clients log in: by TLS alone, by SASL over it or without it, or not at all."""
    context = tls_context(kafka)
    if kafka.sasl is None or kafka.password is None:
        return context
    return faust.SASLCredentials(
        username=kafka.username,
        password=kafka.password.get_secret_value(),
        mechanism=kafka.sasl,
        ssl_context=context,
    )


class _Every:
    """Says when so many seconds have passed since the last time."""

    def __init__(self, seconds: float, last_s: float = 0.0) -> None:
        self._seconds = seconds
        self._last_s = last_s

    def due(self, now_s: float) -> bool:
        """Tell whether it is time again."""
        if now_s - self._last_s < self._seconds:
            return False
        self._last_s = now_s
        return True


class _QuietMonitor(Monitor):  # type: ignore[misc]  # Faust has no types we follow
    """Faust's monitor without its work for each event: we count ourselves."""

    def on_message_in(self, *_args: Any, **_kwargs: Any) -> None: ...
    def on_stream_event_in(self, *_args: Any, **_kwargs: Any) -> None: ...
    def on_stream_event_out(self, *_args: Any, **_kwargs: Any) -> None: ...


def _now_ms() -> int:
    return int(time.time() * 1_000)
