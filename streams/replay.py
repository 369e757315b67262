"""History through the core without Kafka: recorded events in, the same figures out.

The events of a file go through `PartitionState` as those of a topic do; only the horizons are off, so they may come in any
order and reach back as far as they like.
"""

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

import orjson
from rich.console import Console
from rich.progress import Progress

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from models.catalogue import Goals
from models.codec import decoder
from models.errors import ConfigError, DecodeError
from models.folding import FoldSettings
from models.panes import Retention
from models.partition import Counts, Letter, Line, PartitionState
from models.settings import Settings
from streams.report import Frame, Row, report, table_of

TOO_MANY_INVALID: Final = 3  # the exit code
PACKED: Final = (".gz", ".zst")


@dataclass
class Replay:
    """The figures of recorded events: `report` is what `--json` prints. With `as_of_ms`, later events are passed over."""

    goals: Goals
    on_invalid: Callable[[str, Letter], None]
    frame: Frame = field(default_factory=Frame)
    as_of_ms: int | None = None
    state: PartitionState = field(init=False)

    def __post_init__(self) -> None:
        forever = FoldSettings(lateness_ms=None, skew_ms=None, retention=Retention(quarters_ms=None))
        self._decode = decoder("call")
        self.state = PartitionState(self._decode, forever)

    def read(self, name: str, lines: Iterable[bytes]) -> None:
        """Fold the lines of one file; a line that is no event goes to `on_invalid` and is counted."""
        first = self.state.offset + 1
        self.state.fold(
            Line(first + number, line)
            for number, line in enumerate(lines)
            if not line.isspace() and not self._is_after(line)
        )
        for letter in self.state.letters:
            self.on_invalid(f"{name}:{letter.offset - first + 1}", letter)
        self.state.letters.clear()

    def _is_after(self, line: bytes) -> bool:
        if self.as_of_ms is None:
            return False
        try:
            return self._decode(line).at > self.as_of_ms
        except DecodeError:
            return False  # the fold refuses it

    @property
    def counts(self) -> Counts:
        """Return how many events were read, and how many of them were duplicates or invalid."""
        return self.state.counts

    @property
    def invalid_share(self) -> float:
        """Return the share of lines that were no events."""
        lines = self.counts.events + self.counts.invalid
        return self.counts.invalid / lines if lines else 0.0

    def report(self) -> Row:
        """Return rows by interval, totals by queue and over all, and the quality of the data."""
        now_ms = self.state.newest if self.as_of_ms is None else self.as_of_ms
        return report(self.state, self.goals, self.frame, now_ms)


def run_replay(
    paths: Iterable[str],
    settings: Settings,
    as_json: bool,
    frame: Frame | None = None,
    as_of_ms: int | None = None,
    max_invalid: float = 1.0,
) -> int:
    """Replay files, and print their figures on standard output: a table, or JSON.

    Returns the exit code: 3 where more than the share `max_invalid` of the lines were no events, else 0.
    """
    errors = Console(stderr=True, highlight=False)
    replay = Replay(settings.goals(), _name_it, frame or Frame(), as_of_ms)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        for path in paths:
            with open_events(path) as file:
                try:
                    replay.read(path, _watched(file, path, progress))
                except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:  # damaged
                    raise ConfigError(f"{path}: cannot be read: {error}") from None
    found = replay.report()
    if as_json:
        sys.stdout.buffer.write(to_json(found))
    else:
        Console(highlight=False).print(table_of(found))
    if replay.invalid_share <= max_invalid:
        return 0
    share = f"{replay.invalid_share:.2%} of the lines are no events, allowed: {max_invalid:.2%} (--max-invalid)"
    print(f"floorpulse: {share}", file=sys.stderr)
    return TOO_MANY_INVALID


def _name_it(where: str, letter: Letter) -> None:
    print(f"{where}: {letter.reason}", file=sys.stderr)


def _watched(file: BinaryIO, path: str, progress: Progress) -> Iterator[bytes]:
    """Yield the lines of a file; the progress bar counts them, and bytes where the size is known."""
    size = Path(path).stat().st_size if Path(path).is_file() and not path.endswith(PACKED) else None
    task = progress.add_task(path, total=size)
    done = 0
    for number, line in enumerate(file):
        yield line
        done += len(line)
        if number % 10_000 == 0:
            progress.update(task, completed=done)


def to_json(report: Row) -> bytes:
    """Encode a report for other programs."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def open_events(path: str) -> BinaryIO:
    """Open a file of events, one JSON object a line: `.jsonl`, `.jsonl.gz`, `.jsonl.zst`, or `-` for standard input."""
    if path == "-":
        return sys.stdin.buffer
    try:
        if Path(path).is_dir():
            raise ConfigError(f"{path}: is a folder, allowed: a file of events, one JSON object a line")
        if path.endswith(".gz"):
            return cast(BinaryIO, gzip.open(path, "rb"))
        if path.endswith(".zst"):
            return cast(BinaryIO, zstd.open(path, "rb"))
        return Path(path).open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
