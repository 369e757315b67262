"""A recording moved to now: contacts come faster, what happens inside each takes as long as it took."""

import pytest

from models.events import ContactEvent
from streams.feed import moved
from streams.floor import Sent
from tests.unit.builders import answered, ended, ms, queued

NOW_MS = 2_000_000_000_000
# recorded   c 0 Q..10 A..........70 E
#            d        40 Q..50 E
# twice as fast, d begins 20 s after c; both last 70 s and 10 s
RECORDED: list[ContactEvent] = [
    queued(0, i="1"), answered(10, i="2"), queued(40, c="d", i="3"), ended(50, c="d", i="4"), ended(70, i="5"),
]  # fmt: skip


def of_calls(events: list[ContactEvent]) -> list[Sent]:
    return [("call", event) for event in events]


def times(events: list[ContactEvent], speed: float) -> list[tuple[str, float]]:
    """Return the ids in the order they come, with seconds after the new beginning."""
    return [(event.id, (event.at - NOW_MS) / 1_000) for _, event in moved(of_calls(events), NOW_MS, speed)]


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (1, [("1", 0), ("2", 10), ("3", 40), ("4", 50), ("5", 70)]),
        (2, [("1", 0), ("2", 10), ("3", 20), ("4", 30), ("5", 70)]),
        (40, [("1", 0), ("3", 1), ("2", 10), ("4", 11), ("5", 70)]),
        (0.5, [("1", 0), ("2", 10), ("5", 70), ("3", 80), ("4", 90)]),
    ],
)
def test_contacts_come_faster_and_last_as_long(speed: float, expected: list[tuple[str, float]]) -> None:
    assert times(RECORDED, speed) == expected


def test_a_recording_may_come_in_any_order() -> None:
    assert times(RECORDED[::-1], 2) == times(RECORDED, 2)


def test_events_of_one_moment_keep_the_order_of_the_recording() -> None:
    assert [name for name, _ in times([queued(0, i="1"), answered(0, i="2"), ended(0, i="3")], 7)] == ["1", "2", "3"]


def test_nothing_but_the_time_changes() -> None:
    ((_, event),) = moved(
        of_calls([queued(5, "tech", direction="callback", channel="video", rev=2, seq=3, i="1")]), NOW_MS, 9
    )
    assert event == queued((NOW_MS - ms(0)) / 1_000, "tech", direction="callback", channel="video", rev=2, seq=3, i="1")


def test_nothing_recorded() -> None:
    assert list(moved([], NOW_MS, 1)) == []


def test_a_call_and_a_chat_with_one_id_are_moved_each_by_itself() -> None:
    sent: list[Sent] = [("chat", queued(100, i="1")), ("call", queued(0, i="2"))]
    found = [(prefix, event.id, (event.at - NOW_MS) / 1_000) for prefix, event in moved(sent, NOW_MS, 10)]
    assert found == [("call", "2", 0), ("chat", "1", 10)]
