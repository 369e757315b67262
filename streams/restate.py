"""What the figures would be with the late events: the topics folded again without a horizon, once with them, once without.

Late events are in no live figure, nor in `/metrics`, and nothing here changes that. They lie in the source topics for as long
as these keep them; what retention has deleted since can be restated from a recording only (`floorpulse replay`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE
from rich.table import Table

from models.settings import Settings
from streams.export import Export
from streams.letters import Place, read
from streams.log_reader import LogReader
from streams.replay import Replay
from streams.report import Frame, Row
from streams.topics import DEAD_LETTERS, LATE, SOURCES

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


@dataclass
class Restated:
    """Rows of which a figure differs, each with what it is without the late events and with them."""

    changed: list[Row] = field(default_factory=list)
    late: int = 0  # late events that were read again
    gone: int = 0  # and those that the topics no longer hold


def restate(settings: Settings, frame: Frame, out: Path | None = None, csv: bool = False) -> Restated:
    """Compare the intervals of the frame; with `out`, write those with the late events as `replay --out` does.

    Raises `ConfigError` where no broker answers or a topic is missing.
    """
    with LogReader(settings) as reader:
        late = {letter.place for letter in read(reader, LATE)[0]}
        # Those that claimed to be from the future are refused again: a replay cannot tell.
        refused = {letter.place for letter in read(reader, DEAD_LETTERS)[0]}
        both = Replay(settings, _passed_over, frame), Replay(settings, _passed_over, frame)
        bounds = reader.bounds(SOURCES)
        found = 0
        for tp, records in reader.read(bounds):
            for with_late, replay in zip((False, True), both, strict=True):
                replay.read(str(tp), list(_lines(tp, records, refused if with_late else refused | late)))
            found += sum(Place(tp.topic, tp.partition, record.offset) in late for record in records)
    before, after = (replay.report() for replay in both)
    if out is not None:
        with Export(out, settings, csv) as export:
            export.write(after, both[1].shards, both[1].now_ms)
    return Restated(list(_changed(before, after)), found, len(late) - found)


def _lines(tp: Any, records: list[Any], without: set[Place]) -> Iterator[bytes]:
    for record in records:
        if record.value is not None and Place(tp.topic, tp.partition, record.offset) not in without:
            yield record.value.replace(b"\n", b" ")  # in JSON it can stand between values only


def _passed_over(*_: object) -> None:
    """Say nothing of records that are no events: they are dead letters, and known."""


def _changed(before: Row, after: Row) -> Iterator[Row]:
    was: Mapping[tuple[Any, ...], Row] = {_key(row): row for row in before["rows"]}
    for row in after["rows"]:
        old = was.get(_key(row), {})
        names = [name for name in row if name not in _KEY and row[name] != old.get(name)]
        if names:
            yield {
                **{name: row[name] for name in _KEY},
                "before": {name: old.get(name) for name in names},
                "after": {name: row[name] for name in names},
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
        table.add_row(row["interval_start"][:16].replace("T", " "), row["queue"], row["channel"], *cells)
    return table


def _cell(row: Row, name: str, form: str) -> str:
    if name not in row["after"]:
        return ""
    before, after = (
        "–" if value is None else form.format(value) for value in (row["before"][name], row["after"][name])
    )
    return f"{before} → {after}"
