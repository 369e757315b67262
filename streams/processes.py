"""A recording folded in several processes: each has a shard of the contacts, told apart by their id.

The reading process looks only at the head of each line; lines that have none go to the first shard, which refuses them.
"""

import multiprocessing
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final
from zlib import crc32

import msgspec

from models.book import Book, Key
from models.errors import FloorpulseError
from models.goals import Goals
from models.live import LiveFigures, of_all
from models.log import Counts, Letter
from models.partials import Partial, Progress, Source
from models.settings import Settings
from streams.shard import Moment, Shard, head_of

_SENT_LINES: Final = 4_000


class Shards:
    """The shards of a recording; with one, all is done in this process."""

    def __init__(self, settings: Settings, processes: int = 1) -> None:
        self._own = Shard(settings) if processes == 1 else None
        self._others = [] if processes == 1 else [_Other(settings) for _ in range(processes)]

    def fold(self, numbers: Sequence[int], lines: Sequence[bytes]) -> None:
        """Fold lines with their numbers, which increase from call to call."""
        if self._own is not None:
            self._own.fold(numbers, lines)
            return
        for number, line in zip(numbers, lines, strict=True):
            self._others[_place(line, len(self._others))].give(number, line)

    def letters(self) -> list[Letter]:
        """Return the lines that were no events since the last call, in their order."""
        return sorted((letter for each in self._all("letters") for letter in each), key=lambda letter: letter.offset)

    def said(self) -> list[tuple[Source, Partial | Progress]]:
        """Return what stage 2 is to know; each shard is a source partition of its topics."""
        return [
            ((topic, number), record) for number, said in enumerate(self._all("said")) for (topic, _), record in said
        ]

    def open_at(self, moments: Sequence[Moment], goals: Book[Goals]) -> list[dict[Key, LiveFigures]]:
        """Return what stood open at each of the moments (see `Shard.open_at`)."""
        return [_merged(found) for found in zip(*self._all("open_at", moments, goals), strict=True)]

    def ask(self, question: str, *arguments: Any) -> list[Any]:
        """Return what a function of `module:name` finds in each shard; it is called as `function(shard, *arguments)`."""
        return self._all(question, *arguments)

    def _all(self, question: str, *arguments: Any) -> list[Any]:
        if self._own is not None:
            return [_answer(self._own, question, arguments)]
        for other in self._others:
            other.ask(question, arguments)
        return [other.answer() for other in self._others]

    def close(self) -> None:
        """End the processes."""
        for other in self._others:
            other.close()


def counted(said: Iterable[tuple[Source, Partial | Progress]]) -> Counts:
    """Return what happened to the records of all sources."""
    total = Counts()
    for _, record in said:
        if isinstance(record, Progress):
            for name in Counts.__dataclass_fields__:
                setattr(total, name, getattr(total, name) + getattr(record.counts, name))
    return total


def _merged(found: Sequence[dict[Key, LiveFigures]]) -> dict[Key, LiveFigures]:
    keys = dict.fromkeys(key for figures in found for key in figures)
    return {key: of_all(figures[key] for figures in found if key in figures) for key in keys}


def _place(line: bytes, shards: int) -> int:
    try:
        return crc32(head_of(line).contact_id.encode()) % shards
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0


def _answer(shard: Shard, question: str, arguments: tuple[Any, ...]) -> Any:
    module, _, name = question.partition(":")
    if not name:
        return getattr(shard, question)(*arguments)
    return getattr(__import__(module, fromlist=[name]), name)(shard, *arguments)


class _Other:
    """A shard in a process of its own, which ends with this one."""

    def __init__(self, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")
        self._numbers: list[int] = []
        self._lines: list[bytes] = []
        self._pipe: Connection
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(settings, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, number: int, line: bytes) -> None:
        """Give it a line, sooner or later."""
        self._numbers.append(number)
        self._lines.append(line)
        if len(self._lines) >= _SENT_LINES:
            self._send()

    def _send(self) -> None:
        self._say(None, (self._numbers, self._lines))
        self._numbers, self._lines = [], []

    def _say(self, question: str | None, arguments: tuple[Any, ...]) -> None:
        try:
            self._pipe.send((question, arguments))
        except OSError:
            raise self._ended() from None

    def _ended(self) -> FloorpulseError:
        self._process.join(timeout=5)
        return FloorpulseError(
            f"a process of the replay ended with exit code {self._process.exitcode}; "
            "where memory ran out, fewer of them need less (--processes)"
        )

    def ask(self, question: str, arguments: tuple[Any, ...]) -> None:
        """Ask it something; `answer` waits for what it says."""
        self._send()
        self._say(question, arguments)

    def answer(self) -> Any:
        """Return its answer; raises what it raised, and `FloorpulseError` where the process is no more."""
        try:
            found = self._pipe.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(timeout=5)


def _serve(settings: Settings, pipe: Connection) -> None:
    """Fold and answer until the other end is closed."""
    shard, fault = Shard(settings), None
    while True:
        try:
            question, arguments = pipe.recv()
        except EOFError:
            return
        try:
            if question is None:
                shard.fold(*arguments)
            else:
                pipe.send(fault or _answer(shard, question, arguments))
        except Exception as error:  # the one who asks next is to hear of it
            fault = error
            if question is not None:
                pipe.send(error)
