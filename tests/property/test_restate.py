"""That late events, folded last, make the report that everything in its order makes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from models.codec import encode
from models.log import Letter
from models.settings import Settings
from streams.letters import Place
from streams.replay import Replay
from streams.report import Row
from streams.restate import _fold
from streams.topics import CALLS, Bounds
from tests.property.strategies import days, mixed, split

TP = TopicPartition(CALLS, 3)
Draw = Callable[..., Any]


@dataclass(frozen=True)
class Record:
    """A record as Kafka's client hands it over, as far as a fold reads it."""

    offset: int
    value: bytes | None
    timestamp: int = 1


def never(_file: str, _line: int, letter: Letter) -> None:
    raise AssertionError(letter)


def report(lines: list[bytes]) -> Row:
    replay = Replay(Settings(), never)
    replay.read("all", lines)
    return replay.report()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_reports_without_and_with_the_late_events(data: st.DataObject) -> None:
    values = [encode("call", event) for event in data.draw(mixed(data.draw(days())))]
    late = data.draw(st.sets(st.sampled_from(range(len(values))), max_size=len(values) // 2)) if values else set()
    records = [Record(offset, value) for offset, value in enumerate(values)]
    fetches = [(TP, fetch) for fetch in data.draw(split(records)) if fetch]
    replay = Replay(Settings(), never)
    places = {Place(CALLS, 3, offset) for offset in late}
    set_aside, whole_from_ms = _fold(replay, fetches, {TP: Bounds(0, len(values))}, places, set())
    assert (len(set_aside), whole_from_ms) == (len(late), 0)
    before = replay.report()
    replay.read("late", set_aside)
    assert before == report([value for offset, value in enumerate(values) if offset not in late])
    after, everything = replay.report(), report(values)
    del after["quality"]["duplicates"], everything["quality"]["duplicates"]  # which of two corrections came first
    assert after == everything
