"""What the figures would be with the late events: the topics folded again without a horizon, without them and then with them.

A record is the same in whatever order its events come, so the late ones are folded last, and everything is read once. Late
events are in no live figure, nor in `/metrics`, and nothing here changes that. They lie in the source topics for as long as
these keep them; what retention has deleted since can be restated from a recording only (`floorpulse replay`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiokafka import TopicPartition
from rich.box import SIMPLE
from rich.table import Table

from models.settings import Settings
from streams.export import Export
from streams.letters import Place, read
from streams.log_reader import LogReader
from streams.replay import Replay
from streams.report import Frame, Row, iso
from streams.topics import DEAD_LETTERS, LATE, SOURCES, Bounds

COLUMNS: Final = (
    ("offered", "offered", "{:,}"),
    ("answered", "answered", "{:,}"),
    ("abandoned", "abandoned", "{:,}"),
    ("handled", "handled", "{:,}"),
    ("SL", "service_level", "{:.1%}"),
    ("ASA s", "asa", "{:.1f}"),
    ("AHT s", "aht", "{:.1f}"),
)
_KEY: Final = ("interval_start", "queue", "channel")
_NAMES: Final = (*_KEY, "interval_seconds")
_MARK: Final = " *"


@dataclass
class Restated:
    """Rows of which a figure differs, each with what it is without the late events and with them."""

    changed: list[Row] = field(default_factory=list)
    late: int = 0  # late events that were read again
    gone: int = 0  # and those that the topics no longer hold
    whole_from_ms: int = 0  # intervals before it may miss events that retention has deleted; 0: none does


def restate(settings: Settings, frame: Frame, out: Path | None = None, csv: bool = False) -> Restated:
    """Compare the intervals of the frame; with `out`, write those with the late events as `replay --out` does.

    Raises `ConfigError` where no broker answers or a topic is missing.
    """
    replay = Replay(settings, _passed_over, frame)
    with LogReader(settings) as reader:
        bounds = reader.bounds(SOURCES)
        late = {letter.place for letter in read(reader, LATE)[0]}
        if not late and out is None:
            return Restated()
        # Those that claimed to be from the future are refused again: a replay cannot tell.
        refused = {letter.place for letter in read(reader, DEAD_LETTERS)[0]}
        set_aside, whole_from_ms = _fold(replay, reader.read(bounds), bounds, late, refused)
    before = replay.report()
    replay.read(LATE, set_aside)
    after = replay.report()
    if out is not None:
        with Export(out, settings, csv) as export:
            export.write(after, replay.shards, replay.now_ms)
    changed = list(changes(before["rows"], after["rows"], whole_from_ms))
    return Restated(changed, len(set_aside), len(late) - len(set_aside), whole_from_ms)


def _fold(
    replay: Replay,
    fetches: Iterable[tuple[TopicPartition, list[Any]]],
    bounds: Mapping[TopicPartition, Bounds],
    late: Collection[Place],
    refused: Collection[Place],
) -> tuple[list[bytes], int]:
    """Fold all but the late events; return these, and from when on the topics hold everything."""
    set_aside: list[bytes] = []
    begun: set[TopicPartition] = set()
    whole_from_ms = 0
    for tp, records in fetches:
        if tp not in begun and bounds[tp].start > 0:
            whole_from_ms = max(whole_from_ms, records[0].timestamp)
        begun.add(tp)
        in_time: list[bytes] = []
        for record in records:
            place = Place(tp.topic, tp.partition, record.offset)
            if record.value is not None and place not in refused:
                value = record.value.replace(b"\n", b" ")  # in JSON it can stand between values only
                (set_aside if place in late else in_time).append(value)
        replay.read(f"{tp.topic}[{tp.partition}]", in_time)
    return set_aside, whole_from_ms


def _passed_over(*_: object) -> None:
    """Say nothing of records that are no events: they are dead letters, and known."""


def changes(before: Iterable[Row], after: Iterable[Row], whole_from_ms: int = 0) -> Iterator[Row]:
    """Yield the rows of two reports that differ, by interval, with the figures that do.

    Who seemed to wait for an hour, and was answered at once, is in rows that are not there after. What has no row is None, as
    is then what was 0.
    """
    old, new = ({_key(row): row for row in rows} for rows in (before, after))
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key, {}), new.get(key, {})
        if not was or not now:
            was, now = ({name: value or None for name, value in row.items()} for row in (was, now))
        names = [name for name in now or was if name not in _NAMES and was.get(name) != now.get(name)]
        if names:
            yield {
                **dict(zip(_KEY, key, strict=True)),
                "whole": key[0] >= iso(whole_from_ms),
                "before": {name: was.get(name) for name in names},
                "after": {name: now.get(name) for name in names},
            }


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)


def table_of(restated: Restated) -> Table:
    """Return the main figures that differ as a table for a terminal."""
    table = Table("interval", "queue", "channel", box=SIMPLE, padding=(0, 0))
    for title, _, _ in COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    for row in restated.changed:
        cells = [_cell(row, name, form) for _, name, form in COLUMNS]
        interval = row["interval_start"][:16].replace("T", " ") + ("" if row["whole"] else _MARK)
        table.add_row(interval, row["queue"], row["channel"], *cells)
    return table


def _cell(row: Row, name: str, form: str) -> str:
    if name not in row["after"]:
        return ""
    before, after = (
        "–" if value is None else form.format(value) for value in (row["before"][name], row["after"][name])
    )
    return f"{before} → {after}"


def said(restated: Restated) -> Iterator[str]:
    """Say what the comparison is worth, a line each."""
    if not restated.late + restated.gone:
        yield f"no late events in {LATE}: nothing to restate"
        return
    yield f"{restated.late:,} late events change {len(restated.changed):,} rows of intervals"
    if restated.gone:
        yield f"{restated.gone:,} late events are no longer in their topics, and in none of these figures"
    if restated.whole_from_ms and not all(row["whole"] for row in restated.changed):
        yield f"*: events from before {iso(restated.whole_from_ms)} are no longer there in full, so neither are such rows"
    yield "the workers' figures and /metrics are not changed by this"
