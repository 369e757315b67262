"""Letters: records that the workers refused, as they lie in `cc.dead_letters` and `cc.late`.

A letter is the record as it was, with what is wrong with it in the headers (docs/operating.md). After a crash one may lie
there twice: copies are one.
"""

import base64
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiokafka import TopicPartition
from rich.box import SIMPLE
from rich.table import Table

from models.errors import ConfigError
from models.settings import Settings
from streams.log_reader import LogReader
from streams.report import iso
from streams.topics import DEAD_LETTERS, LATE

CODES: Final = ("json", "type", "field", "future")
SHOWN_CHARACTERS: Final = 48
_BEHIND: Final = re.compile(r"at: (\d+) ms behind")
_PLACE: Final = re.compile(r"(?P<topic>[\w.-]+)\[(?P<partition>\d+)\]@(?P<offset>\d+)")
_BYTES_A_LINE: Final = 16


@dataclass(frozen=True)
class Place:
    """Where a refused record stood."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True)
class Refused:
    """A letter: a refused record, and what was wrong with it when it was refused."""

    place: Place
    code: str
    reason: str
    key: bytes | None
    value: bytes
    refused_ms: int

    @property
    def behind_ms(self) -> int | None:
        """Return by how much a late event was behind the newest of its partition."""
        found = _BEHIND.match(self.reason)
        return int(found[1]) if found else None


@dataclass(frozen=True)
class Wanted:
    """Which letters are asked for; None: all. `since_ms` and `until_ms` are about when they were refused, half-open."""

    topic: str | None = None
    code: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def takes(self, letter: Refused) -> bool:
        """Tell whether a letter is asked for."""
        return (
            (self.topic is None or letter.place.topic == self.topic)
            and (self.code is None or letter.code == self.code)
            and (self.since_ms is None or letter.refused_ms >= self.since_ms)
            and (self.until_ms is None or letter.refused_ms < self.until_ms)
        )


def opened(record: Any) -> Refused | None:
    """Read a record of a topic of letters; None where it has not the headers of one."""
    headers = {name: text.decode(errors="replace") for name, text in record.headers}
    try:
        place = Place(headers["topic"], int(headers["partition"]), int(headers["offset"]))
        code, reason = headers["code"], headers["reason"]
    except (KeyError, ValueError):
        return None
    return Refused(place, code, reason, record.key, record.value or b"", record.timestamp)


def read(reader: LogReader, topic: str, partition: int | None = None) -> tuple[list[Refused], int]:
    """Return the letters of a topic by time, copies once, and how many of its records are none."""
    bounds = reader.bounds([topic])
    if partition is not None:
        bounds = {tp: bound for tp, bound in bounds.items() if tp == TopicPartition(topic, partition)}
    found: dict[tuple[Place, bytes | None, bytes], Refused] = {}
    strange = 0
    for _, records in reader.read(bounds):
        for record in records:
            letter = opened(record)
            if letter is None:
                strange += 1
            else:  # where a topic was made anew, other records stood at the same places
                found.setdefault((letter.place, letter.key, letter.value), letter)
    return sorted(found.values(), key=_by_time), strange


def _by_time(letter: Refused) -> tuple[int, str, int, int]:
    return letter.refused_ms, letter.place.topic, letter.place.partition, letter.place.offset


def place_of(words: tuple[str, ...]) -> Place:
    """Read a place as people write it: `cc.calls[3]@17`, or topic, partition and offset. Raises `ConfigError`."""
    if len(words) == 3 and words[1].isdecimal() and words[2].isdecimal():
        return Place(words[0], int(words[1]), int(words[2]))
    found = _PLACE.fullmatch(words[0]) if len(words) == 1 else None
    if found is None:
        raise ConfigError(f"{' '.join(words)!r} is no place, allowed: cc.calls[3]@17, or cc.calls 3 17")
    return Place(found["topic"], int(found["partition"]), int(found["offset"]))


def at_place(settings: Settings, place: Place) -> list[Refused]:
    """Return the letters of a place, several where its topic was made anew. Raises `ConfigError` where there is none."""
    with LogReader(settings) as reader:
        found = [letter for topic in (DEAD_LETTERS, LATE) for letter in read(reader, topic, place.partition)[0]]
    letters = [letter for letter in found if letter.place == place]
    if not letters:
        raise ConfigError(
            f"no letter of {place} in {DEAD_LETTERS} or {LATE}; those that are there: floorpulse deadletters list"
        )
    return letters


# How they are shown


def fields_of(letter: Refused) -> dict[str, Any]:
    """Return what a late event says of itself, as far as it can be read."""
    try:
        event = orjson.loads(letter.value)
    except orjson.JSONDecodeError:
        return {}
    return event if isinstance(event, dict) else {}


def to_json(letter: Refused) -> dict[str, Any]:
    """Return a letter for other programs: its value as JSON where it is an object, else as text, else as base64."""
    return {
        "topic": letter.place.topic,
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "refused_at": iso(letter.refused_ms),
        "code": letter.code,
        "reason": letter.reason,
        **_text("key", letter.key),
        **({"value": fields_of(letter)} if fields_of(letter) else _text("value", letter.value)),
    }


def late_to_json(letter: Refused) -> dict[str, Any]:
    """Return a late event for other programs."""
    said = fields_of(letter)
    behind_s = None if letter.behind_ms is None else letter.behind_ms / 1_000
    more = {"behind_s": behind_s, "contact_id": said.get("contact_id"), "queue": said.get("queue")}
    return to_json(letter) | more


def _text(name: str, value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {name: None}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(value).decode()}


def table_of(letters: Iterable[Refused]) -> Table:
    """Return letters as a table for a terminal."""
    table = Table(box=SIMPLE, padding=(0, 0))
    for title in ("refused at", "record", "code"):
        table.add_column(title, no_wrap=True)
    table.add_column("reason", overflow="fold")
    table.add_column("value", no_wrap=True, overflow="ellipsis")
    for letter in letters:
        table.add_row(
            iso(letter.refused_ms), str(letter.place), letter.code, _escaped(letter.reason), beginning(letter.value)
        )
    return table


def late_table_of(letters: Iterable[Refused]) -> Table:
    """Return late events as a table for a terminal."""
    table = Table(box=SIMPLE, padding=(0, 0))
    for title in ("refused at", "record", "happened at"):
        table.add_column(title, no_wrap=True)
    table.add_column("behind", justify="right", no_wrap=True)
    for title in ("type", "queue", "contact"):
        table.add_column(title, overflow="fold")
    for letter in letters:
        said = fields_of(letter)
        at_ms = said.get("at")
        table.add_row(
            iso(letter.refused_ms),
            str(letter.place),
            iso(at_ms) if isinstance(at_ms, int) else "–",
            "–" if letter.behind_ms is None else _hours(letter.behind_ms),
            *(str(said.get(name, "–")) for name in ("type", "queue", "contact_id")),
        )
    return table


def _hours(ms: int) -> str:
    minutes, seconds = divmod(ms // 1_000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def counts_of(letters: Iterable[Refused]) -> str:
    """Say how many there are of each code, the most frequent first."""
    counted = Counter(letter.code for letter in letters)
    return ", ".join(f"{n:,} {code}" for code, n in counted.most_common())


def queues_of(letters: Iterable[Refused]) -> str:
    """Say how many late events name which queue, the most frequent first."""
    counted = Counter(str(fields_of(letter).get("queue") or "no queue named") for letter in letters)
    return ", ".join(f"{n:,} {queue}" for queue, n in counted.most_common())


def beginning(value: bytes) -> str:
    """Return the first characters of a value, on one line."""
    text = _escaped(value[: 4 * SHOWN_CHARACTERS].decode(errors="backslashreplace"))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def _escaped(text: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def whole(letter: Refused) -> str:
    """Return all of a letter: its value laid out where it is JSON, else as text, else as bytes in hex."""
    key = "none" if letter.key is None else _escaped(letter.key.decode(errors="backslashreplace"))
    heads = (
        ("record", str(letter.place)),
        ("refused at", iso(letter.refused_ms)),
        ("code", letter.code),
        ("reason", letter.reason),
        ("key", key),
        ("value", f"{len(letter.value):,} bytes"),
    )
    return "".join(f"{name:<11} {text}\n" for name, text in heads) + _laid_out(letter.value)


def _laid_out(value: bytes) -> str:
    try:
        return orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    except orjson.JSONDecodeError:
        pass
    try:
        return "\n".join(_escaped(line) for line in value.decode().split("\n")) + "\n"
    except UnicodeDecodeError:
        rows = (value[start : start + _BYTES_A_LINE] for start in range(0, len(value), _BYTES_A_LINE))
        return "".join(f"{n * _BYTES_A_LINE:08x}  {row.hex(' '):<47}  {_ascii(row)}\n" for n, row in enumerate(rows))


def _ascii(row: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
