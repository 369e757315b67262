"""What we override and call of faust-streaming, mode and aiokafka without their promise: an upgrade that changes it fails here.

First the names, with parameters and whether they are coroutines; then, where it is cheap, what we rely on that they do.
"""

import asyncio
import inspect
import ssl
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import mode
import pytest
from aiokafka import TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import CorruptRecordException
from aiokafka.producer import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator
from aiokafka.record.memory_records import MemoryRecords
from faust.sensors.monitor import Monitor
from faust.stores import base, memory
from faust.tables import TableManager, recovery
from faust.transport import consumer as stock_consumer
from faust.transport.drivers import aiokafka as stock
from faust.types.tuples import TP, ConsumerMessage
from pydantic import SecretStr

from models.sections import KafkaSettings
from models.settings import Settings
from streams.app import WorkerApp, _faust_app, _QuietMonitor
from streams.driver import BatchConsumer, BatchTransport, Tables
from streams.fetching import unpacked
from streams.snapshots import RowStore, Snapshots
from streams.topics import CALLS, PARTIALS, Bounds

PINNED = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _loop() -> Iterator[None]:
    """Give Faust a loop to make its services with; it would leave one of its own open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.parametrize(("package", "pinned"), PINNED.items())
def test_the_pinned_version_is_installed_and_declared(package: str, pinned: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert version(package) == pinned
    assert f"{package}=={pinned}" in project["dependencies"]


# ---------------------------------------------------------------- names


def kind_of(function: Callable[..., Any]) -> str:
    if inspect.isasyncgenfunction(function):
        return "async generator"
    return "coroutine" if inspect.iscoroutinefunction(function) else "function"


NAMES = [
    # driver.py
    (stock.Consumer, "getmany", "async generator", "self timeout"),
    (stock.Consumer, "_getmany", "coroutine", "self active_partitions timeout"),
    (stock.Consumer, "_get_active_partitions", "function", "self"),
    (stock.Consumer, "_to_message", "function", "self tp record"),
    (stock.Consumer, "seek_to_committed", "coroutine", "self"),
    (stock.Consumer, "seek_wait", "coroutine", "self partitions"),
    (stock.Consumer, "assignment", "function", "self"),
    (stock.Consumer, "highwaters", "coroutine", "self *partitions"),
    (stock.Consumer, "earliest_offsets", "coroutine", "self *partitions"),
    (stock.Consumer, "wait", "coroutine", "self *coros timeout"),
    (stock.Consumer, "sleep", "coroutine", "self n"),
    (stock.Consumer, "highwater", "function", "self tp"),
    (GroupCoordinator, "_send_req", "coroutine", "coordinator request"),
    (Assignment, "state_value", "function", "self tp"),
    (fetcher.FetchResult, "getall", "function", "result max_records"),
    (fetcher.FetchResult, "check_assignment", "function", "self tp"),
    (fetcher.FetchResult, "_update_position", "function", "self"),
    (TableManager, "on_start", "coroutine", "self"),
    (TableManager, "_update_channels", "coroutine", "self"),
    # app.py
    (faust.App, "_new_transport", "function", "self"),
    (faust.App, "crash", "coroutine", "self reason"),
    (stock.Producer, "_ensure_producer", "function", "self"),
    (Monitor, "on_message_in", "function", "self tp offset message"),
    (Monitor, "on_stream_event_in", "function", "self tp offset stream event"),
    (Monitor, "on_stream_event_out", "function", "self tp offset stream event state"),
    # outbox.py
    (AIOKafkaProducer, "create_batch", "function", "self"),
    (AIOKafkaProducer, "send_batch", "coroutine", "self batch topic partition"),
    (BatchBuilder, "append", "function", "self timestamp key value headers"),
    (BatchBuilder, "close", "function", "self"),
    (MessageAccumulator, "add_batch", "coroutine", "self builder tp timeout"),
    # snapshots.py
    (faust.Table, "_new_store", "function", "self"),
    (faust.Topic, "send", "coroutine",
     "self key value partition timestamp headers schema key_serializer value_serializer callback force"),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "name", "kind", "parameters"), NAMES, ids=lambda of: getattr(of, "__name__", None))
def test_a_name_is_as_we_know_it(owner: type, name: str, kind: str, parameters: str) -> None:
    function = getattr(owner, name)
    signature = inspect.signature(function).parameters.values()
    assert kind_of(function) == kind
    assert " ".join(("*" if p.kind is p.VAR_POSITIONAL else "") + p.name for p in signature) == parameters


OVERRIDDEN = [
    (BatchConsumer, stock.Consumer, ["getmany", "seek_to_committed"]),
    (Tables, TableManager, ["on_start"]),
    (WorkerApp, faust.App, ["_new_transport", "crash"]),
    (_QuietMonitor, Monitor, ["on_message_in", "on_stream_event_in", "on_stream_event_out"]),
    (RowStore, base.Store, ["__post_init__", "persisted_offset", "on_recovery_completed"]),
    (
        RowStore,
        memory.Store,
        [
            "apply_changelog_batch",
            "reset_state",
            "backup_partition",
            "restore_backup",
            "on_recovery_completed",
            "_clear",
        ],
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "names"), OVERRIDDEN, ids=lambda of: getattr(of, "__name__", None))
def test_an_override_is_of_the_same_kind(ours: type, theirs: type, names: Iterable[str]) -> None:
    for name in names:
        assert kind_of(getattr(ours, name)) == kind_of(getattr(theirs, name)), name


def test_no_method_of_a_store_is_left_out() -> None:
    """Faust's own in-memory store has no other public method that the base lacks."""
    added = {name for name in vars(memory.Store) if not name.startswith("_") and callable(getattr(memory.Store, name))}
    assert added - set(dir(base.Store)) - set(vars(RowStore)) == set()


# ---------------------------------------------------------------- the consumer, with fetches of our own


class Fetches(BatchConsumer):
    """Our consumer, given what it fetches, and without its thread."""

    def __init__(self, app: faust.App, *fetches: dict[TP, list[Any]]) -> None:
        super().__init__(BatchTransport(app.conf.broker_consumer, app), _nothing, _nothing, _nothing)
        self.fetches = list(fetches)
        self.asked: list[set[TP]] = []

    def _new_consumer_thread(self) -> mode.Service:
        return mode.Service(loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP], timeout: float) -> dict[TP, list[Any]]:
        del timeout
        self.asked.append(set(active_partitions))
        return self.fetches.pop(0)

    def _note_positions(self, active: set[TP]) -> None:
        del active


async def _nothing(*_args: Any) -> None:
    """Stand for Faust's callbacks."""


def app() -> WorkerApp:
    return _faust_app(Settings(), "test-1")


def record(tp: TP, offset: int, value: bytes = b"v") -> Any:
    return SimpleNamespace(
        topic=tp.topic, partition=tp.partition, offset=offset, timestamp=1_500, timestamp_type=1, headers=(), key=b"k",
        value=value, checksum=None, serialized_key_size=1, serialized_value_size=1,
    )  # fmt: skip


def got(
    *fetches: dict[TP, list[Any]], then: Callable[[Fetches], None] = lambda _: None, placed: bool = True
) -> list[tuple[TP, ConsumerMessage]]:
    """Return what the consumer yields of one fetch; `then` is called after the first message."""

    async def run() -> list[tuple[TP, ConsumerMessage]]:
        consumer = Fetches(app(), *fetches)
        if placed:
            consumer.placed_generation = consumer.app.consumer_generation_id
        consumer._set_active_tps({tp for fetch in fetches for tp in fetch})
        messages = []
        async for message in consumer.getmany(timeout=1.0):
            messages.append(message)
            then(consumer)
        return messages

    return asyncio.run(run())


CALLS_0, CALLS_1, PARTIALS_0, OWN = TP(CALLS, 0), TP(CALLS, 1), TP(PARTIALS, 0), TP("floorpulse-snapshots-changelog", 0)


def test_a_fetch_of_a_batched_topic_is_one_message() -> None:
    records = [record(CALLS_0, 7), record(CALLS_0, 9)]
    ((tp, message),) = got({CALLS_0: records, CALLS_1: []})
    assert (tp, message.topic, message.partition, message.offset, message.tp) == (CALLS_0, CALLS, 0, 9, CALLS_0)
    assert message.value is records
    assert message.timestamp == 1.5


def test_other_topics_keep_the_path_of_single_records() -> None:
    messages = got({OWN: [record(OWN, 1, b"a"), record(OWN, 2, b"b")], PARTIALS_0: [record(PARTIALS_0, 5)]})
    assert [(tp, message.offset) for tp, message in messages] == [(OWN, 1), (OWN, 2), (PARTIALS_0, 5)]
    assert [message.value for _, message in messages[:2]] == [b"a", b"b"]


def test_nothing_of_a_fetch_is_delivered_once_a_rebalance_began() -> None:
    fetch = {CALLS_0: [record(CALLS_0, 1)], CALLS_1: [record(CALLS_1, 1)]}

    def new_generation(consumer: Fetches) -> None:
        consumer.app.consumer_generation_id += 1

    assert [tp for tp, _ in got(fetch, then=new_generation)] == [CALLS_0]
    assert [tp for tp, _ in got(fetch, then=lambda consumer: consumer.stop_flow())] == [CALLS_0]


def test_nothing_of_a_batched_topic_is_delivered_before_it_is_known_where_to_go_on() -> None:
    """Faust resumes the partitions before it seeks."""
    fetch = {CALLS_0: [record(CALLS_0, 1)], OWN: [record(OWN, 1)]}
    assert [tp for tp, _ in got(fetch, placed=False)] == [OWN]


def test_what_was_read_since_the_seek_stays_in_the_queue_when_faust_resumes() -> None:
    """Faust's own queues are emptied then, and a whole fetch of a partition was lost (seen after a kill -9)."""

    async def run() -> tuple[int, int]:
        made = app()
        ours, theirs = made.topic(CALLS).queue, faust.App.FlowControlQueue(made, 16, clear_on_resume=True)
        for queue in (ours, theirs):
            queue.put_nowait_enhanced(1, on_pressure_high=lambda: None, on_pressure_drop=lambda: None)
        made.flow_control.resume()
        return ours.qsize(), theirs.qsize()

    assert asyncio.run(run()) == (1, 0)


def test_with_nothing_active_nothing_is_fetched() -> None:
    """An empty set would make aiokafka fetch from all partitions."""
    assert got({}) == []


def test_a_full_stream_takes_its_partition_out_of_what_is_fetched() -> None:
    async def run() -> list[set[TP]]:
        consumer = Fetches(app(), {}, {})
        consumer._set_active_tps({CALLS_0, CALLS_1})
        consumer.on_buffer_full(CALLS_0)
        assert [message async for message in consumer.getmany(1.0)] == []
        consumer.on_buffer_drop(CALLS_0)
        assert [message async for message in consumer.getmany(1.0)] == []
        return consumer.asked

    assert asyncio.run(run()) == [{CALLS_1}, {CALLS_0, CALLS_1}]


def test_batched_partitions_are_sought_to_where_the_placement_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one `seek_wait`, after Faust's own seek; Faust's topics stay where the group left them."""
    calls: list[tuple[str, object]] = []

    async def committed(_self: Any) -> dict[TP, int]:
        calls.append(("committed", None))
        return {CALLS_0: 3, OWN: 5}

    async def run() -> dict[TP, int]:
        consumer = Fetches(app())

        async def highwaters(*partitions: TP) -> dict[TP, int]:
            return dict.fromkeys(partitions, 100)

        async def earliest_offsets(*partitions: TP) -> dict[TP, int]:
            return dict.fromkeys(partitions, 7)

        async def seek_wait(partitions: dict[TP, int]) -> None:
            calls.append(("seek", partitions))

        async def positions(bounds: dict[TP, Bounds]) -> dict[TP, int]:
            calls.append(("placed", bounds))
            return {CALLS_0: 42}

        consumer.assignment = lambda: {CALLS_0, OWN}
        consumer.highwaters, consumer.earliest_offsets, consumer.seek_wait = highwaters, earliest_offsets, seek_wait
        consumer.app.placement = SimpleNamespace(positions=positions)
        return dict(await consumer.seek_to_committed())

    monkeypatch.setattr(stock_consumer.ThreadDelegateConsumer, "seek_to_committed", committed)
    assert asyncio.run(run()) == {CALLS_0: 42, OWN: 5}
    assert calls == [("committed", None), ("placed", {CALLS_0: Bounds(7, 100)}), ("seek", {CALLS_0: 42})]


def test_faust_takes_its_position_from_seek_to_committed() -> None:
    """`perform_seek` runs after each assignment: without it the placement would never be asked."""
    source = inspect.getsource(stock_consumer.Consumer.perform_seek)
    assert "await self.seek_to_committed()" in source


# ---------------------------------------------------------------- transport, app, monitor


def test_the_app_reads_through_our_transport() -> None:
    transport = app().transport
    assert isinstance(transport, BatchTransport)
    assert isinstance(transport, stock.Transport)
    assert transport.Consumer is BatchConsumer
    assert isinstance(app().monitor, _QuietMonitor)


def test_a_crash_of_faust_ends_in_our_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[BaseException] = []
    monkeypatch.setattr("streams.app.fail", lambda _where, error: ended.append(error))
    fault = ValueError("x")
    asyncio.run(app().crash(fault))
    assert ended == [fault]


def test_a_generation_is_a_number_from_the_start() -> None:
    assert isinstance(app().consumer_generation_id, int)


# ---------------------------------------------------------------- the table of the snapshots


def test_the_tables_rows_are_bytes_in_a_store_of_ours() -> None:
    """`schema=` would be overridden by JSON, and recovery would hang for ever without failing."""
    ours = app()
    Snapshots(ours, 3, {})
    (table,) = ours.tables.values()
    assert (table.key_serializer, table.value_serializer) == ("raw", "raw")
    assert isinstance(table.data, RowStore)
    topic = table.changelog_topic
    assert (topic.get_topic_name(), topic.partitions) == ("floorpulse-snapshots-changelog", 3)
    assert (topic.key_serializer, topic.value_serializer) == ("raw", "raw")


def test_a_store_is_set_up_by_its_own_hook() -> None:
    ours = app()
    Snapshots(ours, 1, {})
    (table,) = ours.tables.values()
    message = SimpleNamespace(key=b"t/1/0", value=b"chunk", partition=0)
    table.apply_changelog_batch([SimpleNamespace(message=message)])
    assert table.data.rows == {0: {b"t/1/0": b"chunk"}}
    assert table.persisted_offset(TP("any", 0)) is None


# ---------------------------------------------------------------- batches of aiokafka, out and in


def built(*rows: tuple[bytes | None, bytes | None], size: int = 16_384) -> tuple[BatchBuilder, list[bool]]:
    batch = BatchBuilder(size, 0)
    return batch, [batch.append(key=key, value=value, timestamp=None) is not None for key, value in rows]


def test_a_full_batch_takes_no_more_and_a_closed_one_neither() -> None:
    rows = [(b"k", bytes(400))] * 4
    batch, taken = built(*rows, size=1_000)
    assert taken == [True, True, False, False]
    batch, _ = built((b"k", b"v"))
    batch.close()
    assert batch.append(key=b"k", value=b"v", timestamp=None) is None


def test_the_first_row_is_taken_however_large_it_is() -> None:
    assert built((b"k", bytes(5_000)), size=1_000)[1] == [True]


def test_a_row_may_be_a_tombstone() -> None:
    assert built((b"k", None))[1] == [True]


@cache
def log_from(offset: int) -> bytes:
    """Return a log with the offsets 0 to 2 and 3 to 4 in two batches, from the one on that holds `offset`."""
    log = b""
    for first, rows in ((0, [(b"a", b"0"), (b"b", None), (None, b"2")]), (3, [(b"a", b"3"), (b"c", b"4")])):
        batch, _ = built(*rows)
        batch.close()
        if first + len(rows) > offset:
            log += first.to_bytes(8, "big") + bytes(batch._build())[8:]  # as the broker does
    return log


def fetched(tp: TP, offset: int, *, damaged: bool = False) -> fetcher.PartitionRecords:
    """Return a fetch of that log, from an offset on."""
    log = log_from(offset)
    log = log[:-1] + bytes([log[-1] ^ damaged])
    return fetcher.PartitionRecords(tp, MemoryRecords(log), [], offset, None, None, True, fetcher.READ_UNCOMMITTED)


def told(records: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return what a stage reads of records."""
    return [(one.offset, one.key, one.value, one.timestamp, one.timestamp_type) for one in records]


@pytest.mark.parametrize("offset", range(5))
def test_all_at_once_is_what_aiokafka_hands_on_one_by_one(offset: int) -> None:
    ours, theirs = fetched(CALLS_0, offset), fetched(OWN, offset)
    records = unpacked(ours)
    assert told(records) == told(theirs)
    assert [one.offset for one in records] == list(range(offset, 5))
    assert ours.next_fetch_offset == theirs.next_fetch_offset == 5


def test_a_damaged_batch_is_refused_as_by_aiokafka() -> None:
    for read in (unpacked, list):
        with pytest.raises(CorruptRecordException):
            read(fetched(CALLS_0, 0, damaged=True))


@pytest.mark.parametrize("tp", [CALLS_0, OWN], ids=["batched", "other"])
def test_a_fetch_that_was_taken_moves_the_position(tp: TP) -> None:
    state = SimpleNamespace(paused=False, position=2)
    state.consumed_to = lambda offset: setattr(state, "position", offset)
    assignment = SimpleNamespace(active=True, state_value=lambda _: state)
    result = fetcher.FetchResult(tp, assignment=assignment, partition_records=fetched(tp, 2), backoff=0)
    assert [one.offset for one in result.getall()] == [2, 3, 4]
    assert (state.position, result.has_more()) == (5, False)
    moved = fetcher.FetchResult(tp, assignment=assignment, partition_records=fetched(tp, 2), backoff=0)
    assert moved.getall() == []  # somebody sought elsewhere meanwhile


def test_a_recovery_that_waits_too_long_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stock Faust takes the end of the time for a stop, and its recovery task ends for good."""
    said: list[BaseException] = []

    async def crash(_self: WorkerApp, reason: BaseException) -> None:
        said.append(reason)

    async def run() -> None:
        made = app()
        with pytest.raises(recovery.ServiceStopped):
            await made.tables.recovery._wait(asyncio.sleep(10), timeout=0.01)

    monkeypatch.setattr(WorkerApp, "crash", crash)
    asyncio.run(run())
    [reason] = said
    assert isinstance(reason, TimeoutError)


def test_a_service_that_crashes_tells_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[BaseException] = []
    monkeypatch.setattr(WorkerApp, "_crash", lambda _self, reason: said.append(reason))

    async def run() -> None:
        made = app()
        await made.tables.recovery.crash(OSError("gone"))

    asyncio.run(run())
    assert [str(reason) for reason in said] == ["gone"]


def test_faust_hands_a_login_to_aiokafka_as_we_mean_it() -> None:
    kafka = KafkaSettings(tls=True, sasl="SCRAM-SHA-512", username="floor", password=SecretStr("sesame"))
    app = _faust_app(Settings(kafka=kafka), "worker")
    login = dict(app.producer._settings_auth())
    assert isinstance(login.pop("ssl_context"), ssl.SSLContext)
    assert login == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "floor",
        "sasl_plain_password": "sesame",
    }
    by_certificate = _faust_app(Settings(kafka=KafkaSettings(tls=True)), "worker").producer._settings_auth()
    assert (by_certificate["security_protocol"], type(by_certificate["ssl_context"])) == ("SSL", ssl.SSLContext)


def test_the_next_batch_waits_while_one_is_sent_again() -> None:
    async def sent_again() -> list[bool]:
        cluster = ClusterMetadata()
        accumulator = MessageAccumulator(cluster, 1_000, 0, 1_200)
        builder = accumulator.create_builder()
        builder.append(timestamp=None, key=b"k", value=b"v")
        place = TopicPartition("topic", 0)
        await accumulator.add_batch(builder, place, 1_200)
        [batch] = accumulator._batches[place]
        batch.drain_ready()  # it was sent, and lies here again after a fault
        following = asyncio.create_task(accumulator.add_batch(accumulator.create_builder(), place, 10))
        waits = []
        for _ in range(5_000):  # far less than 10 s; of stock aiokafka's these are over by then
            await asyncio.sleep(0)
            waits.append(not following.done())
        accumulator._batches[place].popleft()
        batch.done_noack()
        await asyncio.wait_for(following, 10)
        return waits

    waits = asyncio.run(sent_again())
    assert all(waits)
