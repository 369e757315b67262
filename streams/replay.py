"""History through the core without Kafka: recorded events in, the same figures out.

The events of a file go through `PartitionState` as those of a topic do; only the horizons are off, so they may come in any
order and reach back as far as they like. Contacts are shared out over processes where the recording is large.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import orjson
from rich.console import Console
from rich.progress import Progress

from models.book import Key
from models.errors import ConfigError
from models.live import LiveFigures, of_all
from models.log import Letter
from models.merge import MergeState, QueueView
from models.other import limited, standing_in
from models.retention import Retention
from models.settings import Settings
from streams.export import Export
from streams.processes import Shards, counted
from streams.recordings import DAMAGED, PACKED, open_events
from streams.report import Frame, Recorded, Report, Row, first_ms, table_of
from streams.shard import head_of

TOO_MANY_INVALID: Final = 3  # the exit code
AT_ONCE: Final = 4_000  # lines
LARGE_BYTES: Final = 48 << 20  # from here on several processes pay


@dataclass
class Replay:
    """The figures of recorded events: `report` is what `--json` prints. With `as_of_ms`, later events are passed over.

    A line that is no event goes to `on_invalid` with its file and its number, and is counted.
    """

    settings: Settings
    on_invalid: Callable[[str, int, Letter], None]
    frame: Frame = field(default_factory=Frame)
    as_of_ms: int | None = None
    processes: int = 1
    shards: Shards = field(init=False)

    def __post_init__(self) -> None:
        self.shards = Shards(self.settings, self.processes)
        self._merged = MergeState(Retention(quarters_ms=None))
        self._read = 0  # lines
        self._files: list[tuple[int, str]] = []  # first line, name
        self.invalid_share = 0.0
        self.now_ms = 0  # of the report

    def read(self, name: str, lines: Iterable[bytes]) -> None:
        """Fold the lines of one file."""
        self._files.append((self._read, name))
        lines = iter(lines)
        while batch := list(islice(lines, AT_ONCE)):
            kept = [n for n, line in enumerate(batch, self._read) if not line.isspace() and not self._is_after(line)]
            self.shards.fold(kept, [batch[n - self._read] for n in kept])
            self._read += len(batch)
            if self.processes == 1:
                self._name_invalid()

    def _is_after(self, line: bytes) -> bool:
        if self.as_of_ms is None:
            return False
        try:
            return head_of(line).at > self.as_of_ms
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False  # the fold refuses it

    def _name_invalid(self) -> None:
        for letter in self.shards.letters():
            first, name = max(file for file in self._files if file[0] <= letter.offset)
            self.on_invalid(name, letter.offset - first + 1, letter)

    def report(self) -> Row:
        """Return rows by interval, totals, issues, and the quality of the data."""
        return self.reporting().made()

    def reporting(self) -> Report:
        """Return what makes the report of all that was read."""
        recorded = self.recorded()
        return Report(recorded, self.frame, self.settings.goals(), _groups(self.settings, recorded.views))

    def recorded(self) -> Recorded:
        """Return what a report is made of, of all that was read up to now."""
        self._name_invalid()
        said = self.shards.said()
        counts = counted(said)
        self.invalid_share = counts.invalid / max(1, counts.events + counts.invalid)
        for source, record in said:
            self._merged.apply(source, record)
        newest_ms = max(progress.newest_ms for progress in self._merged.progress.values())
        now_ms = self.now_ms = newest_ms if self.as_of_ms is None else self.as_of_ms
        views = limited(self._merged.views(), self.settings.limits.queues)
        first = first_ms(views)
        intervals = [] if first is None else self.frame.intervals(first, now_ms)
        # What happens in a moment itself is in what stands open at the end of all, but not at the end of an interval.
        moments = [(end, end) if end <= now_ms else (now_ms, now_ms + 1) for _, end in intervals]
        shown = {view.key for view in views}
        opened = [_gathered(found, shown) for found in self.shards.open_at(moments, self.settings.goals())]
        return Recorded(views, counts, intervals, opened, now_ms)


def _gathered(found: Mapping[Key, LiveFigures], shown: Set[Key]) -> dict[Key, LiveFigures]:
    """Put together what is shown under one name."""
    together: dict[Key, list[LiveFigures]] = {}
    for key, figures in found.items():
        together.setdefault(standing_in(key, shown), []).append(figures)
    return {key: of_all(figures) for key, figures in together.items()}


def _groups(settings: Settings, views: Iterable[QueueView]) -> dict[str, list[str]]:
    """Return the queues of each group."""
    queues = sorted({view.queue for view in views})
    return {group: [queue for queue in queues if group in settings.groups_of(queue)] for group in settings.groups}


def run_replay(
    paths: Iterable[str],
    settings: Settings,
    as_json: bool,
    frame: Frame,
    as_of_ms: int | None = None,
    max_invalid: float = 1.0,
    processes: int | None = None,
    out: Path | None = None,
    csv: bool = False,
) -> int:
    """Replay files, and print their figures on standard output: a table, or JSON; with `out`, write a folder of files too.

    Returns the exit code: 3 where more than the share `max_invalid` of the lines were no events, else 0.
    """
    paths = list(paths)
    with ExitStack() as stack:
        export = None if out is None else stack.enter_context(Export(out, settings, csv))
        refuse = name_invalid if export is None else export.refuse
        replay = Replay(settings, refuse, frame, as_of_ms, processes or fitting(paths))
        stack.callback(replay.shards.close)
        read_files(replay, paths)
        found = replay.report()
        if export is not None:
            export.write(found, replay.shards, replay.now_ms)
            print(f"floorpulse: {export.folder}: {', '.join(export.written)}", file=sys.stderr)
    if as_json:
        sys.stdout.buffer.write(to_json(found))
    else:
        Console(highlight=False).print(table_of(found))
    if replay.invalid_share <= max_invalid:
        return 0
    share = f"{replay.invalid_share:.2%} of the lines are no events, allowed: {max_invalid:.2%} (--max-invalid)"
    print(f"floorpulse: {share}", file=sys.stderr)
    return TOO_MANY_INVALID


def read_files(replay: Replay, paths: Iterable[str]) -> None:
    """Fold files, with progress on standard error if that is a terminal."""
    errors = Console(stderr=True, highlight=False)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        for path in paths:
            with open_events(path) as file:
                try:
                    replay.read(path, _watched(file, path, progress))
                except DAMAGED as error:
                    raise ConfigError(f"{path}: cannot be read: {error}") from None


def fitting(paths: list[str]) -> int:
    """Return how many processes pay: one for each processor where the recording is large."""
    size = sum(
        Path(path).stat().st_size * (10 if path.endswith(PACKED) else 1) for path in paths if Path(path).is_file()
    )
    return (os.cpu_count() or 1) if size >= LARGE_BYTES else 1


def name_invalid(name: str, line: int, letter: Letter) -> None:
    """Say on standard error that a line is no event."""
    print(f"{name}:{line}: {letter.reason}", file=sys.stderr)


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
