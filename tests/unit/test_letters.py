"""Letters as they are read, filtered and shown."""

from dataclasses import dataclass

import pytest
from rich.console import Console

from models.errors import ConfigError
from streams.letters import (
    Place,
    Refused,
    Wanted,
    beginning,
    counts_of,
    late_table_of,
    late_to_json,
    opened,
    place_of,
    queues_of,
    table_of,
    to_json,
    whole,
)

NOON_MS = 1_718_020_800_000  # 2024-06-10T12:00Z
LATE = b'{"type":"call.queued","id":"1","at":1717995600000,"contact_id":"c[1]","queue":"sales"}'


@dataclass(frozen=True)
class Record:
    """A record of a topic of letters, as Kafka's client hands it over."""

    headers: tuple[tuple[str, bytes], ...]
    key: bytes | None = b"c"
    value: bytes | None = b"{"
    timestamp: int = NOON_MS


HEADERS = {"code": "json", "reason": "not JSON: é", "topic": "cc.calls", "partition": "3", "offset": "17"}


def record(**other: str) -> Record:
    return Record(tuple((name, text.encode()) for name, text in (HEADERS | other).items()))


def letter(value: bytes = b"{", code: str = "json", reason: str = "not JSON", key: bytes | None = b"c") -> Refused:
    return Refused(Place("cc.calls", 3, 17), code, reason, key, value, NOON_MS)


def printed(table: object) -> str:
    console = Console(width=160, markup=False)
    with console.capture() as found:
        console.print(table)
    return found.get()


def test_a_letter_is_a_record_and_its_headers() -> None:
    assert opened(record()) == Refused(Place("cc.calls", 3, 17), "json", "not JSON: é", b"c", b"{", NOON_MS)


@pytest.mark.parametrize("headers", [(), record(offset="x").headers, record().headers[:-1]])
def test_a_record_without_the_headers_of_a_letter_is_none(headers: tuple[tuple[str, bytes], ...]) -> None:
    assert opened(Record(headers)) is None


@pytest.mark.parametrize("words", [("cc.calls[3]@17",), ("cc.calls", "3", "17")])
def test_a_place_in_words(words: tuple[str, ...]) -> None:
    assert place_of(words) == Place("cc.calls", 3, 17)
    assert str(place_of(words)) == "cc.calls[3]@17"


@pytest.mark.parametrize(
    "words", [("cc.calls",), ("cc.calls[3]",), ("cc.calls", "3"), ("cc.calls", "x", "17"), ("", "", "")]
)
def test_what_is_no_place(words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"is no place, allowed: cc.calls\[3\]@17, or cc.calls 3 17"):
        place_of(words)


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted(), True),
        (Wanted(topic="cc.calls", code="json", since_ms=NOON_MS, until_ms=NOON_MS + 1), True),
        (Wanted(topic="cc.chats"), False),
        (Wanted(code="field"), False),
        (Wanted(since_ms=NOON_MS + 1), False),
        (Wanted(until_ms=NOON_MS), False),
    ],
)
def test_letters_that_are_asked_for(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(letter()) is taken


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"at":1}', {"value": {"at": 1}}),
        (b"[1]", {"value": "[1]"}),
        ("{\n“".encode(), {"value": "{\n“"}),
        (b"\xff\x00", {"value_base64": "/wA="}),
        (b"", {"value": ""}),
    ],
)
def test_for_other_programs(value: bytes, said: dict[str, object]) -> None:
    assert to_json(letter(value, key=None)) == {
        "topic": "cc.calls", "partition": 3, "offset": 17, "refused_at": "2024-06-10T12:00:00.000Z",
        "code": "json", "reason": "not JSON", "key": None,
    } | said  # fmt: skip


@pytest.mark.parametrize(
    ("value", "laid_out"),
    [
        (b'{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}\n'),
        ("{é\n\t\x1b[31m".encode(), "{é\n\\t\\x1b[31m\n"),  # nothing that a terminal obeys
        (b"\xffAB\x00", f"00000000  {'ff 41 42 00':<47}  .AB.\n"),
        (b"\xff" * 17, f"00000000  {' '.join(['ff'] * 16)}  {'.' * 16}\n00000010  {'ff':<47}  .\n"),
    ],
)
def test_all_of_one(value: bytes, laid_out: str) -> None:
    heads, _, shown = whole(letter(value, key=b"\x1b\xff")).partition(" bytes\n")
    assert shown == laid_out
    assert heads.splitlines()[:5] == [
        "record      cc.calls[3]@17",
        "refused at  2024-06-10T12:00:00.000Z",
        "code        json",
        "reason      not JSON",
        "key         \\x1b\\xff",
    ]


def test_the_beginning_of_a_value_is_one_line_that_a_terminal_can_show() -> None:
    assert beginning(b"a\nb\x07\xff") == "a\\nb\\x07\\xff"
    assert len(beginning(b"x" * 1_000_000)) == len(beginning("é".encode() * 1_000)) == 48


def test_a_table_of_letters_shows_brackets_as_they_are() -> None:
    [line] = [line for line in printed(table_of([letter(b"[red]x", reason="[b]")])).splitlines() if "2024" in line]
    assert line.split() == ["2024-06-10T12:00:00.000Z", "cc.calls[3]@17", "json", "[b]", "[red]x"]
    assert counts_of([letter(), letter(code="field"), letter(code="field")]) == "2 field, 1 json"


def test_late_events_say_by_how_much_and_whose_they_are() -> None:
    """Behind by 6 h and 1 ms of 07:00 is 13:00, whatever the clock says."""
    late = letter(LATE, "late", "at: 21600001 ms behind the newest")
    said = late_to_json(late)
    assert (said["behind_s"], said["contact_id"], said["queue"]) == (21_600.001, "c[1]", "sales")
    [line] = [line for line in printed(late_table_of([late])).splitlines() if "cc.calls" in line]
    assert line.split()[2:] == ["2024-06-10T05:00:00.000Z", "6:00:00", "call.queued", "sales", "c[1]"]
    ended = letter(b'{"type":"call.ended","id":"2","at":1}', "late", "?")
    assert late_to_json(ended)["behind_s"] is None
    assert queues_of([late, late, ended]) == "2 sales, 1 no queue named"
