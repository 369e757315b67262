"""Stage 1 at work without Kafka: what it sends and saves, and what it makes of a partition that goes and comes back.

The list takes what would go to Kafka, and the shelf what would be saved; both acknowledge when a test says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from models import snapshot
from models.errors import ConfigError
from models.events import ContactEvent
from models.folding import FoldSettings
from models.letter_limit import LetterLimit
from models.partials import Partial, Progress, decode
from models.partition import PartitionState
from sinks.telemetry import Telemetry
from streams.fold_stage import FoldStage, place
from streams.outbox import Rows
from streams.snapshots import Manifest, Ownership, Snapshots
from streams.topics import CALLS, DEAD_LETTERS, PARTIALS
from tests.unit.builders import answered, ended, queued, records

CONTACT = b"c"
PARTITION = place(CONTACT, 8)
IDS = {CALLS: "calls-1", PARTIALS: "partials-1"}


@dataclass
class Record:
    """A record as Kafka's client hands it over, as far as a stage reads it."""

    offset: int
    value: bytes | None
    key: bytes = CONTACT
    timestamp: int = 0


@dataclass
class Outbox:
    """What was sent, by topic; `open` acknowledges at once, else when it is opened."""

    open: asyncio.Event
    sent: list[tuple[str, Rows]] = field(default_factory=list)

    async def produce(self, topic: str, rows: Rows) -> None:
        self.sent.append((topic, {partition: list(some) for partition, some in rows.items()}))
        await self.open.wait()

    def told(self) -> list[Partial | Progress]:
        """Return what was said of the partials, each once."""
        found: list[Partial | Progress] = []
        for topic, rows in self.sent:
            for row in (row for some in rows.values() for row in some if topic == PARTIALS):
                _, body = cast("tuple[Any, Partial | Progress]", decode(row.key or b"", row.value or b""))
                if body not in found:
                    found.append(body)
        return found


@dataclass
class Shelf:
    """Snapshots in memory; `fault` is what saving fails with."""

    ids: dict[str, str] = field(default_factory=lambda: dict(IDS))
    saved: list[tuple[Manifest, list[bytes]]] = field(default_factory=list)
    claims: int = 0
    fault: Exception | None = None

    async def claim(self, topic: str, partition: int) -> Ownership:
        self.claims += 1
        return Ownership(topic, partition, self.claims)

    def newest(self, _topic: str, _partition: int) -> Iterator[tuple[Manifest, list[bytes]]]:
        yield from reversed(self.saved)

    async def save(self, owner: Ownership, offset: int, body: bytes, settings: str) -> None:
        if self.fault is not None:
            raise self.fault
        ids = self.ids[CALLS], self.ids[PARTIALS]
        self.saved.append((Manifest(offset, owner.epoch, [], snapshot.SNAPSHOT_VERSION, settings, *ids), [body]))


@dataclass
class Floor:
    """One stage that owns one partition of calls, whose log has the offsets `[0, end)`."""

    outbox: Outbox
    shelf: Shelf
    settings: FoldSettings = field(default_factory=FoldSettings)
    end: int = 10_000
    limit: LetterLimit = field(default_factory=LetterLimit)
    left: int | None = 0  # to read

    def __post_init__(self) -> None:
        self.stage = self.new_stage()

    def new_stage(self) -> FoldStage:
        shelf, outbox = cast(Snapshots, self.shelf), self.outbox
        return FoldStage(CALLS, self.settings, shelf, outbox.produce, lambda *_: self.left, 8, Telemetry(), self.limit)

    async def take(self) -> int:
        position = await self.stage.take(PARTITION, 0, self.end)
        self.stage.active = True
        return position

    def fold(self, *events: ContactEvent) -> None:
        state = self.stage.owned[PARTITION].state
        lines = records(events, first=state.offset + 1)
        self.stage.fold(PARTITION, [Record(line.offset, line.value) for line in lines])

    def fold_garbage(self, count: int = 1) -> None:
        first = self.stage.owned[PARTITION].state.offset + 1
        self.stage.fold(PARTITION, [Record(first + n, b"garbage") for n in range(count)])

    def letters(self) -> list[Any]:
        """Return all dead letters that were sent."""
        return [
            row for topic, rows in self.outbox.sent if topic == DEAD_LETTERS for some in rows.values() for row in some
        ]

    async def tick(self, *, save: bool = False) -> None:
        """Let the stage do what is due, and what it started go on as far as it can."""
        self.stage._flushed_at = float("-inf")
        if save:
            self.stage.owned[PARTITION].saved_at = float("-inf")
        self.stage.tick()
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def state(self) -> PartitionState:
        return self.stage.owned[PARTITION].state


def floor(test: Callable[[Floor], Awaitable[None]], **said: Any) -> None:
    """Run a test with a floor whose outbox acknowledges at once."""

    async def run() -> None:
        made = Floor(Outbox(asyncio.Event()), Shelf(), **said)
        made.outbox.open.set()
        await test(made)

    asyncio.run(run())


CALL = (queued(0), answered(12), ended(192))


def test_what_changed_is_sent_and_then_how_far_it_goes() -> None:
    async def test(on: Floor) -> None:
        assert await on.take() == 0
        on.fold(*CALL)
        await on.tick()
        *parts, progress = on.outbox.told()
        assert {part.part for part in parts if isinstance(part, Partial)} >= {"live", "1m:1717999200000"}
        assert isinstance(progress, Progress)
        assert (progress.offset, progress.epoch) == (2, 1)

    floor(test)


def test_figures_are_never_fresh_of_a_time_to_come() -> None:
    """A source's clock may be ahead, by as much as `skew_s`; what is complete up to now is not complete up to then."""
    to_come_s = 10 * 365 * 86_400

    async def test(on: Floor) -> None:
        await on.take()
        on.fold(queued(to_come_s))
        await on.tick()
        progress = on.outbox.told()[-1]
        assert isinstance(progress, Progress)
        assert abs(progress.newest_ms - progress.caught_up_ms) < 1_000
        assert on.state.newest > progress.newest_ms + 1_000_000

    floor(test, settings=FoldSettings(skew_ms=None))


def test_who_has_caught_up_says_so_at_once() -> None:
    async def test(on: Floor) -> None:
        on.left = None
        await on.take()
        await on.tick()
        on.left = 0
        await on.tick()
        await on.tick()  # nothing new, and no second has passed
        before, caught_up = on.outbox.told()
        assert isinstance(before, Progress)
        assert isinstance(caught_up, Progress)
        assert before.caught_up_ms == 0 < caught_up.caught_up_ms

    floor(test)


def test_all_partitions_are_flushed_together() -> None:
    """A batch waits for the one before it in its target: one for each partition would be as many round trips."""

    async def test(on: Floor) -> None:
        await on.take()
        await on.stage.take(PARTITION + 1, 0, on.end)
        on.fold(*CALL)
        await on.tick()
        assert len(on.outbox.sent) == 1
        assert len([said for said in on.outbox.told() if isinstance(said, Progress)]) == 2

    floor(test)


def test_nothing_is_folded_or_sent_between_two_assignments() -> None:
    async def test(on: Floor) -> None:
        await on.take()
        on.stage.active = False
        on.fold(*CALL)
        await on.tick()
        assert (on.state.offset, on.outbox.sent) == (-1, [])

    floor(test)


def test_a_state_that_comes_back_is_kept_and_what_was_not_acknowledged_is_sent_again() -> None:
    async def test(on: Floor) -> None:
        await on.take()
        on.fold(*CALL)
        on.outbox.open.clear()
        await on.tick()
        sent = [part for part in on.outbox.told() if isinstance(part, Partial)]
        on.outbox.sent.clear()
        assert await on.take() == 3
        on.outbox.open.set()
        await on.tick()
        again = [part for part in on.outbox.told() if isinstance(part, Partial)]
        assert {(part.key, part.part) for part in again} == {(part.key, part.part) for part in sent}
        assert {part.epoch for part in again} == {2}

    floor(test)


def test_what_was_counted_of_a_partition_stays_counted_when_it_comes_back() -> None:
    """Else its counters on /metrics would fall until stage 2 has read what was sent."""

    async def test(on: Floor) -> None:
        await on.take()
        on.fold(*CALL)
        for _ in range(2):
            await on.tick()
        before = on.stage.views()
        await on.take()
        assert on.stage.views() == before
        assert [view.events for view in before] == [len(CALL)]

    floor(test)


def test_who_restores_a_snapshot_goes_on_behind_it() -> None:
    async def test(on: Floor) -> None:
        await on.take()
        on.fold(*CALL)
        await on.tick(save=True)
        on.stage = on.new_stage()
        assert await on.take() == 3
        assert list(on.state.contacts) == ["c"]

    floor(test)


def test_a_snapshot_of_other_settings_is_refused() -> None:
    async def test(on: Floor) -> None:
        await on.take()
        on.fold(*CALL)
        await on.tick(save=True)
        on.settings = FoldSettings(survey_days=3)
        on.stage = on.new_stage()
        with pytest.raises(ConfigError, match=r"the state of cc\.calls\[\d\] was folded with .*\"survey_days\":7"):
            await on.take()

    floor(test)


def test_a_snapshot_of_another_topic_of_the_name_is_refused() -> None:
    async def test(on: Floor) -> None:
        await on.take()
        on.fold(*CALL)
        await on.tick(save=True)
        on.shelf.ids[CALLS] = "calls-2"
        on.stage = on.new_stage()
        with pytest.raises(ConfigError, match="id calls-1, now it is calls-2: the topic was made anew"):
            await on.take()

    floor(test)


def test_all_is_sent_again_where_the_partials_were_made_anew() -> None:
    async def test(on: Floor) -> None:
        await on.take()
        on.fold(*CALL)
        await on.tick(save=True)
        sent = {(part.key, part.part) for part in on.outbox.told() if isinstance(part, Partial)}
        on.outbox.sent.clear()
        on.shelf.ids[PARTIALS] = "partials-2"
        on.stage = on.new_stage()
        await on.take()
        await on.tick()
        again = {(part.key, part.part) for part in on.outbox.told() if isinstance(part, Partial)}
        assert again >= sent

    floor(test)


@pytest.mark.parametrize(("end", "said"), [(2, "ends at offset 2, but was read up to 2"), (0, "ends at offset 0")])
def test_a_log_that_is_shorter_than_what_was_read_is_refused(end: int, said: str) -> None:
    async def test(on: Floor) -> None:
        await on.take()
        on.fold(*CALL)
        with pytest.raises(ConfigError, match=said):
            on.stage.check_ends(lambda *_: end)

    floor(test)


def test_a_save_that_fails_ends_the_worker() -> None:
    """It would else go on for ever with an old snapshot, and nobody would know."""

    async def test(on: Floor) -> None:
        await on.take()
        on.fold(*CALL)
        on.shelf.fault = OSError("the changelog is full")
        await on.tick(save=True)
        with pytest.raises(OSError, match="the changelog is full"):
            await on.tick()

    floor(test)


def test_a_snapshot_waits_for_letters_also_for_those_of_before_a_rebalance() -> None:
    """It counts them as read: a crash before they are handed on would lose them."""

    async def test(on: Floor) -> None:
        await on.take()
        on.outbox.open.clear()
        on.fold_garbage()
        await on.tick()
        assert [topic for topic, _ in on.outbox.sent if topic == DEAD_LETTERS] == [DEAD_LETTERS]
        await on.take()  # the partition comes back
        await on.tick(save=True)
        assert on.shelf.saved == []
        on.outbox.open.set()
        await on.tick()
        assert [manifest.offset for manifest, _ in on.shelf.saved] == [0]

    floor(test)


def test_a_topic_full_of_garbage_stops_the_worker_before_it_is_all_letters() -> None:
    """What was refused up to then is handed on and saved first, so that no start sends a letter of it again."""

    async def test(on: Floor) -> None:
        await on.take()
        on.outbox.open.clear()
        on.fold_garbage(1_000)
        on.fold_garbage(1_000)  # read before the worker ends, and left to the next one
        await on.tick()
        assert on.shelf.saved == []
        on.outbox.open.set()
        said = (
            rf"^cc.calls\[{PARTITION}\] up to offset 999: 100.0% of the newest records are no events, "
            r"allowed: 50.0% \(limits.dead_letters\); the last at offset 999: not JSON: .*; mend the source; "
        )
        await on.tick()
        with pytest.raises(ConfigError, match=said):
            await on.tick()
        assert len(on.letters()) == 1_000
        for _ in range(2):
            on.stage = on.new_stage()
            with pytest.raises(ConfigError, match=said):
                await on.take()
        assert len(on.letters()) == 1_000
        on.limit = LetterLimit(1)
        on.stage = on.new_stage()
        assert await on.take() == 1_000

    floor(test)


def test_dead_letters_in_single_fetches_are_as_many() -> None:
    """The share is that of the newest records of the log, over restarts too, and not of those since the start."""

    async def test(on: Floor) -> None:
        await on.take()
        for _ in range(499):
            on.fold_garbage()
        await on.tick(save=True)
        await on.tick(save=True)
        on.stage = on.new_stage()
        assert await on.take() == 499
        on.fold_garbage()
        await on.tick()
        with pytest.raises(ConfigError, match=r"up to offset 499: 100\.0%"):
            await on.tick()
        assert len(on.letters()) == 500

    floor(test)


def test_the_first_two_snapshots_are_whole_and_later_ones_what_changed() -> None:
    """One damaged chunk then leaves the snapshot before the base."""
    owner = Ownership(CALLS, 0, 1)
    assert owner.wants_base
    owner.kept = [{b"a"}]
    assert owner.wants_base
    owner.kept, owner.base_bytes = [{b"a"}, {b"b"}], 100
    assert not owner.wants_base
    owner.change_bytes = 51
    assert owner.wants_base
