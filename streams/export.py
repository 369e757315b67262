"""Figures and contacts as files, for whoever asks them with SQL: `floorpulse replay --out`.

Rows are written as lines of JSON first, those of the contacts by each process for itself; DuckDB makes Parquet and CSV of
them, with types that are said and not guessed. All is made in a hidden folder beside, and moved under its name when it is
whole. docs/replay.md has every file and column.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from glob import escape
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import TYPE_CHECKING, Final, get_args, get_type_hints

import msgspec
import orjson

from models.catalogue import METRICS
from models.errors import ConfigError, FloorpulseError
from models.folding import QueueRules
from models.goals import Goals
from models.log import Letter
from models.settings import Settings
from streams.contact_rows import ContactRow, rows_of
from streams.processes import Shards
from streams.report import Row
from streams.shard import Shard

if TYPE_CHECKING:
    import duckdb

Columns = Sequence[tuple[str, str, str, str]]  # name, type, and of the JSON: name and type
INVALID: Final = "invalid.jsonl"
_TIMES: Final = frozenset({"entered", "rang", "answered", "ended", "wrapped", "completed", "last_event"})
_SQL_TYPES: Final = {int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR"}


_EXPRESSIONS: Final[dict[tuple[str, str], Callable[[str], str]]] = {
    ("TIMESTAMP", "BIGINT"): lambda source: f'epoch_ms("{source}")',
    ("TIMESTAMP", "VARCHAR"): lambda source: f'CAST("{source}" AS TIMESTAMP)',
    ("DOUBLE", "BIGINT"): lambda source: f'"{source}" / 1000',  # ms
    **{(kind, kind): lambda source: f'"{source}"' for kind in _SQL_TYPES.values()},
}


class Export:
    """Writes the files of a folder; used as a context, which leaves nothing half behind.

    Raises `ConfigError` where the folder cannot be written to, or DuckDB is not there.
    """

    def __init__(self, folder: Path, settings: Settings, csv: bool = False) -> None:
        self.folder = folder
        self.written: list[str] = []
        self._settings = settings
        self._formats = ("parquet", "csv") if csv else ("parquet",)
        self._duckdb, self._failure = _connected()
        self._beside = _beside(folder)
        self._made = Path(self._beside.name)
        self._invalid = (self._made / INVALID).open("wb")

    def __enter__(self) -> "Export":
        return self

    def __exit__(self, *_: object) -> None:
        self._duckdb.close()
        self._invalid.close()
        self._beside.cleanup()

    def refuse(self, file: str, line: int, letter: Letter) -> None:
        """Note a line that is no event."""
        value = (letter.value or b"").decode(errors="replace").rstrip("\r\n")
        row = {"file": file, "line": line, "code": letter.code, "reason": letter.reason, "value": value}
        self._invalid.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def write(self, report: Row, shards: Shards, now_ms: int) -> None:
        """Write all files; they take the place of those of the same names together, at the end.

        Raises `FloorpulseError` where that fails, as on a full disk; then those that were there stay.
        """
        try:
            self._write(report, shards, now_ms)
        except (OSError, self._failure) as error:
            raise FloorpulseError(f"--out {self.folder}: cannot be written: {error}") from error

    def _write(self, report: Row, shards: Shards, now_ms: int) -> None:
        version = settings_version(self._settings)
        self._make("intervals", INTERVALS, [self._lines("intervals", report["rows"], version)])
        self._make("totals", TOTALS, [self._lines("totals", map(_named, report["totals"]), version)])
        self._make("contacts", CONTACTS, shards.ask("streams.export:write_contacts", str(self._made), now_ms))
        self._invalid.close()
        self.written.append(INVALID)
        for name in self.written:
            (self._made / name).replace(self.folder / name)

    def _lines(self, name: str, rows: Iterable[Row], version: str) -> str:
        path = self._made / f"{name}.jsonl"
        with path.open("wb") as file:
            for row in rows:
                file.write(orjson.dumps(row | {"settings_version": version}, option=orjson.OPT_APPEND_NEWLINE))
        return str(path)

    def _make(self, name: str, columns: Columns, parts: Sequence[str]) -> None:
        """Make a file of each format from lines of JSON."""
        read = ", ".join(f'"{source}": {_quoted(read_as)}' for _, _, source, read_as in columns)
        files = ", ".join(_quoted(escape(part)) for part in parts)
        rows = f"read_json([{files}], format = 'newline_delimited', columns = {{{read}}})"
        shown = ", ".join(
            f'{_EXPRESSIONS[kind, read_as](source)} AS "{name}"' for name, kind, source, read_as in columns
        )
        for form in self._formats:
            target = f"{name}.{form}"
            options = "FORMAT csv, HEADER" if form == "csv" else "FORMAT parquet, COMPRESSION zstd"
            self._duckdb.execute(
                f"COPY (SELECT {shown} FROM {rows}) TO {_quoted(str(self._made / target))} ({options})"
            )
            self.written.append(target)
        for part in parts:
            os.unlink(part)


def _metrics() -> Columns:
    kinds = [(metric.name, "BIGINT" if metric.unit == "contacts" else "DOUBLE") for metric in METRICS]
    return [(name, kind, name, kind) for name, kind in kinds]


def _same(kind: str, *names: str) -> Columns:
    return [(name, kind, name, kind) for name in names]


def _of_contacts() -> Columns:
    columns = []
    for name, hint in get_type_hints(ContactRow).items():
        kinds = [_SQL_TYPES[kind] for kind in get_args(hint) if kind in _SQL_TYPES] or [_SQL_TYPES.get(hint, "VARCHAR")]
        if name in _TIMES:
            columns.append((name, "TIMESTAMP", name, "BIGINT"))
        elif name.endswith("_ms"):
            columns.append((f"{name.removesuffix('_ms')}_s", "DOUBLE", name, "BIGINT"))
        else:
            columns.append((name, kinds[0], name, kinds[0]))
    return columns


INTERVALS: Final[Columns] = (
    *_same("VARCHAR", "queue", "channel"),
    ("interval_start", "TIMESTAMP", "interval_start", "VARCHAR"),
    *_same("BIGINT", "interval_seconds"),
    *_metrics(),
    *_same("VARCHAR", "settings_version"),
)
TOTALS: Final[Columns] = (
    *_same("VARCHAR", "kind", "queue", "channel"),
    *_metrics(),
    *_same("VARCHAR", "settings_version"),
)
CONTACTS: Final = _of_contacts()


def _named(total: Row) -> Row:
    """Say whether a total is of a queue and channel, of a group or of all."""
    kind = "group" if "group" in total else "queue" if total["queue"] is not None else "all"
    return {"kind": kind, **total}


def write_contacts(shard: Shard, folder: str, now_ms: int) -> str:
    """Write the rows of a shard's contacts as lines of JSON, to a file of its own; return which."""
    encode = msgspec.json.Encoder().encode
    handle, path = mkstemp(dir=folder, prefix="contacts-", suffix=".jsonl")
    with os.fdopen(handle, "wb", buffering=1 << 20) as file:
        for prefix, contact_id, contact in shard.contacts():
            for row in rows_of(contact_id, contact, shard.states[prefix].blank(), now_ms):
                file.write(encode(row))
                file.write(b"\n")
    return path


def settings_version(settings: Settings) -> str:
    """Return a short hash of all by which queues are counted and measured: the same where the figures would be."""
    said = {
        "goals": asdict(Goals()),
        "rules": asdict(QueueRules()),
        "clauses": [settings.goals().clauses, settings.fold("call").rules.clauses],
        "days": [settings.zone, settings.day_starts],
    }
    text = json.dumps(said, default=lambda part: part.canonical(), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:12]


def _beside(folder: Path) -> TemporaryDirectory[str]:
    """Return a hidden folder in the one to be written to, which is made if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return TemporaryDirectory(dir=folder, prefix=".floorpulse-")
    except FileExistsError:
        raise ConfigError(f"--out {folder}: is a file, allowed: a folder, which is made if it is missing") from None
    except OSError as error:
        raise ConfigError(f"--out {folder}: cannot be written to: {error.strerror}") from None


def _connected() -> "tuple[duckdb.DuckDBPyConnection, type[Exception]]":
    """Return a database in memory, and what it raises."""
    try:
        import duckdb
    except ImportError:
        raise ConfigError("--out needs DuckDB: pip install duckdb") from None
    return duckdb.connect(config={"autoinstall_known_extensions": "false"}), duckdb.Error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
