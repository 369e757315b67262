"""What is compared when late events are restated: which records are folded, and which rows differ."""

from dataclasses import dataclass

from aiokafka import TopicPartition
from rich.console import Console

from models.codec import encode
from models.log import Letter
from models.settings import Settings
from streams.letters import Place
from streams.replay import Replay
from streams.restate import Restated, _fold, changes, said, table_of
from streams.topics import CALLS, CHATS, Bounds
from tests.unit.builders import ms, queued

NINE, TEN = "2024-06-10T09:00:00.000Z", "2024-06-10T10:00:00.000Z"
TEN_MS = 1_718_013_600_000


@dataclass(frozen=True)
class Record:
    """A record as Kafka's client hands it over, as far as a fold reads it."""

    offset: int
    value: bytes | None
    timestamp: int = 0


def row(start: str, queue: str = "sales", **figures: float | None) -> dict[str, object]:
    return {"queue": queue, "channel": "voice", "interval_start": start, "interval_seconds": 900, **figures}


def test_dead_letters_are_not_folded_and_late_events_are_set_aside() -> None:
    refused: list[Letter] = []
    replay = Replay(Settings(), lambda _file, _line, letter: refused.append(letter))
    values = [encode("call", queued(second, c=f"c{second}")) for second in range(4)]
    calls, chats = TopicPartition(CALLS, 0), TopicPartition(CHATS, 1)
    pretty = values[3].replace(b",", b",\n")
    fetches = [
        (calls, [Record(7, values[0], ms(60)), Record(8, values[1], ms(61))]),
        (chats, [Record(0, None), Record(1, values[0])]),
        (calls, [Record(9, values[2], ms(62)), Record(11, pretty, ms(63))]),
    ]
    places = Place(CALLS, 0, 8), Place(CHATS, 1, 1)
    set_aside, whole_from_ms = _fold(
        replay, fetches, {calls: Bounds(7, 12), chats: Bounds(0, 2)}, {places[0]}, {places[1]}
    )
    assert set_aside == [values[1]]
    assert whole_from_ms == ms(60)  # what was before offset 7 is deleted
    assert replay.report()["totals"][-1]["offered"] == 3
    assert refused == []


def test_rows_that_differ_in_any_figure() -> None:
    before = [row(NINE, offered=1, asa=None), row(TEN, offered=2, asa=3.0), row(TEN, "tech", waiting=1, offered=0)]
    after = [row(NINE, offered=1, asa=None), row(TEN, offered=2, asa=4.0), row(TEN, "riga", offered=1, asa=None)]
    found = {(one["interval_start"], one["queue"]): (one["before"], one["after"]) for one in changes(before, after)}
    assert found == {
        (TEN, "sales"): ({"asa": 3.0}, {"asa": 4.0}),
        (TEN, "riga"): ({"offered": None}, {"offered": 1}),
        (TEN, "tech"): ({"waiting": 1}, {"waiting": None}),
    }


def test_rows_of_which_events_were_deleted_are_marked() -> None:
    found = list(changes([], [row(NINE, offered=1), row(TEN, offered=1)], TEN_MS))
    assert [one["whole"] for one in found] == [False, True]
    restated = Restated(found, late=2, gone=1, whole_from_ms=TEN_MS)
    console = Console(width=120, markup=False)
    with console.capture() as printed:
        console.print(table_of(restated))
    lines = [line.split("sales")[0].strip() for line in printed.get().splitlines() if "2024" in line]
    assert lines == ["2024-06-10 09:00 *", "2024-06-10 10:00"]
    assert list(said(restated)) == [
        "2 late events change 2 rows of intervals",
        "1 late events are no longer in their topics, and in none of these figures",
        f"*: events from before {TEN} are no longer there in full, so neither are such rows",
        "the workers' figures and /metrics are not changed by this",
    ]


def test_where_nothing_is_late() -> None:
    assert list(said(Restated())) == ["no late events in cc.late: nothing to restate"]
