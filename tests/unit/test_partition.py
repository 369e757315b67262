"""Stage 1: what the fold does besides adding up: refuse, put away, take up again, remember what is unsent (DESIGN 2, 5)."""

import pytest

from models import snapshot
from models.book import Key
from models.codec import encode
from models.events import ContactEvent
from models.folding import FoldSettings
from models.log import Counts, Letter, Line
from models.measures import OFFERED
from models.partition import PartitionState
from models.retention import MINUTE_MS, QUARTER_MS
from tests.unit.builders import DECODE, HOUR_S, START_MS, answered, ended, exited, folded, key, ms, queued, records

DEFAULT = FoldSettings()
SALES = key()


def state_of(*events: ContactEvent, settings: FoldSettings = DEFAULT) -> PartitionState:
    return folded(events, settings)


def go_on(state: PartitionState, *events: ContactEvent) -> PartitionState:
    state.fold(records(events, state.offset + 1))
    return state


def offered(state: PartitionState, queue: Key = SALES) -> int:
    panes = state.panes.queues[queue]
    return sum(cells.get(OFFERED, 0) for cells in (*panes.minutes.values(), *panes.quarters.values(), panes.rest))


# ---------------------------------------------------------------- offsets and counts


def test_a_record_is_folded_once_whatever_is_read_again() -> None:
    log = records([queued(0), queued(1, c="d"), queued(2, c="e")])
    state = PartitionState(DECODE, DEFAULT)
    for batch in (log[:2], log[:2], log, log[1:]):
        state.fold(batch)
    assert (state.offset, state.counts, offered(state)) == (2, Counts(events=3), 3)


def test_offsets_may_have_gaps() -> None:
    """Compaction and transactions leave them."""
    state = PartitionState(DECODE, DEFAULT)
    state.fold([Line(7, encode("call", queued(0))), Line(90, encode("call", queued(1, c="d")))])
    assert (state.offset, offered(state)) == (90, 2)


def test_nothing_folded_yet() -> None:
    state = PartitionState(DECODE)
    state.fold([])
    assert (state.offset, state.newest, state.counts, state.collect()) == (-1, 0, Counts(), [])


def test_duplicates_are_counted_and_change_nothing() -> None:
    """The same id again; then with a higher revision, which is none."""
    state = state_of(queued(0, i="q"), queued(0, i="q"))
    assert state.counts == Counts(events=2, duplicates=1)
    go_on(state, queued(0, i="q", rev=1), queued(0, i="q"))
    assert state.counts == Counts(events=4, duplicates=2)
    assert offered(state) == 1


def test_the_topics_channel_is_the_settings() -> None:
    state = state_of(queued(0), settings=FoldSettings(channel="chat"))
    assert list(state.panes.queues) == [("sales", "chat")]


# ---------------------------------------------------------------- records that are not folded


def test_garbage_becomes_a_letter_and_stops_nothing() -> None:
    state = PartitionState(DECODE, DEFAULT)
    state.fold([Line(0, b"nonsense"), Line(1, b'{"type":"call.sung"}'), Line(2, None), *records([queued(0)], first=3)])
    assert [(letter.offset, letter.code, letter.value) for letter in state.letters] == [
        (0, "json", b"nonsense"),
        (1, "type", b'{"type":"call.sung"}'),
        (2, "json", None),
    ]
    assert (state.offset, state.counts, offered(state)) == (3, Counts(events=1, invalid=3), 1)


@pytest.mark.parametrize(("behind_ms", "late"), [(6 * 3_600_000, False), (6 * 3_600_000 + 1, True)])
def test_late_is_judged_against_the_newest_event_time(behind_ms: int, late: bool) -> None:
    early = queued(-behind_ms / 1_000, c="d")
    state = state_of(queued(0), early)
    assert state.counts == Counts(events=2, late=int(late))
    assert offered(state) == 2 - late
    reason = f"at: {behind_ms} ms behind the newest"
    assert state.letters == ([Letter(1, "late", reason, encode("call", early))] if late else [])


def test_without_a_horizon_nothing_is_late() -> None:
    state = state_of(queued(0), queued(-1_000 * HOUR_S, c="d"), settings=FoldSettings(lateness_ms=None))
    assert (state.counts.late, offered(state)) == (0, 2)


@pytest.mark.parametrize(
    ("skew_ms", "appended_s", "refused"),
    [
        (600_000, -600, False),  # at most ten minutes ahead of its append time
        (600_000, -600.001, True),
        (600_000, 5_000, False),
        (None, -9_999, False),
    ],
)
def test_who_claims_to_be_from_the_future_is_refused(skew_ms: int | None, appended_s: float, refused: bool) -> None:
    state = PartitionState(DECODE, FoldSettings(skew_ms=skew_ms))
    state.fold(records([queued(0)], appended_ms=ms(appended_s)))
    assert state.counts == (Counts(invalid=1) if refused else Counts(events=1))
    assert state.newest == (0 if refused else START_MS)
    assert [(letter.code, letter.reason) for letter in state.letters] == (
        [("future", f"at: {START_MS} is 600 s ahead of its append time, allowed: 600")] if refused else []
    )


@pytest.mark.parametrize("skew_ms", [0, 5_000])
def test_a_small_skew_is_a_skew(skew_ms: int) -> None:
    """0 allows none; it is not the same as no limit."""
    state = PartitionState(DECODE, FoldSettings(skew_ms=skew_ms))
    state.fold(records([queued(0)], appended_ms=ms(-6)))
    assert state.counts == Counts(invalid=1)


def test_an_unknown_append_time_refuses_nothing() -> None:
    state = PartitionState(DECODE, DEFAULT)
    state.fold(records([queued(0)], appended_ms=0))
    assert state.counts == Counts(events=1)


# ---------------------------------------------------------------- snapshots

LOG: list[Line] = records(
    [
        queued(0),
        queued(1, "tech", c="d"),
        answered(5),
        ended(30),
        exited(40, c="d"),
        ended(40, c="d"),
        queued(125, c="e"),
    ]
)


def test_a_snapshot_holds_what_was_not_sent() -> None:
    """Parts that changed since the last flush, and those still in flight."""
    state = PartitionState(DECODE, DEFAULT)
    state.fold(LOG[:2])
    in_flight = state.collect()
    state.fold(LOG[2:3])
    saved = snapshot.whole(state, in_flight)
    restored = PartitionState(DECODE, DEFAULT)
    snapshot.restore(restored, saved)
    minute = f"1m:{START_MS}"
    both = [(key(), minute), (key(), "live"), (key("tech"), minute), (key("tech"), "live")]
    assert restored.collect() == sorted(both)
    assert restored.collect() == []
    assert state.collect() == [(key(), minute), (key(), "live")]  # who wrote it still has to send what changed


def test_a_snapshot_of_an_unchanged_state_is_the_same() -> None:
    state = PartitionState(DECODE, DEFAULT)
    state.fold(LOG)
    saved = snapshot.whole(state)
    restored = PartitionState(DECODE, DEFAULT)
    snapshot.restore(restored, saved)
    assert snapshot.whole(restored) == saved


def test_a_restored_state_puts_away_and_retires_as_before() -> None:
    state, restored = PartitionState(DECODE, DEFAULT), PartitionState(DECODE, DEFAULT)
    state.fold(LOG)
    snapshot.restore(restored, snapshot.whole(state))
    for each in (state, restored):
        go_on(each, queued(3 * HOUR_S, c="z"))
        assert sorted(each.contacts) == ["z"]
        assert sorted(name for name, _ in each.put_away.items()) == ["c", "d", "e"]
        assert list(each.panes.queues[SALES].minutes) == [ms(3 * HOUR_S) // MINUTE_MS]
        assert list(each.panes.queues[SALES].quarters) == [START_MS // QUARTER_MS]


def test_a_restored_state_knows_at_once_which_panes_have_left() -> None:
    """The next event is two hours behind, and turns no minute: it belongs to its quarter, as it would have before."""
    state, restored = PartitionState(DECODE, DEFAULT), PartitionState(DECODE, DEFAULT)
    state.fold(records([queued(2 * HOUR_S)]))
    snapshot.restore(restored, snapshot.whole(state))
    for each in (state, restored):
        go_on(each, queued(0, c="z"))
        assert list(each.panes.queues[SALES].minutes) == [ms(2 * HOUR_S) // MINUTE_MS]
        assert list(each.panes.queues[SALES].quarters) == [START_MS // QUARTER_MS]


def test_which_parts_change_does_not_depend_on_the_batches() -> None:
    """A successor must send, as empty, each minute that an owner before it may have sent, however each fetched the log.

    0s     76 min     the first call's minute has left its tier in the same fetch in which it was counted
    Q E    Q
    """
    log = records([queued(0), ended(1), queued(76 * 60, c="d")])
    at_once, one_by_one = PartitionState(DECODE), PartitionState(DECODE)
    at_once.fold(log)
    for record in log:
        one_by_one.fold([record])
    changed = at_once.collect()
    assert changed == one_by_one.collect()
    assert (key(), f"1m:{START_MS}") in changed
