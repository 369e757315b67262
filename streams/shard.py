"""A share of recorded contacts, folded: calls and chats, each as its topic would be, without horizons.

A recording is folded by one shard or, in several processes, by one each (streams/processes.py). What a shard tells is small
against what it read: the parts of its panes, and what stood open at the ends of the intervals.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from models import live, measures, partials
from models.book import Book, Key
from models.codec import decoder
from models.contact import Contact
from models.contribution import Contribution
from models.events import EVENTS, Prefix
from models.goals import Goals
from models.live import LiveFigures
from models.log import Letter, Line
from models.opened import Opened
from models.partials import Partial, Progress, Source
from models.partition import PartitionState
from models.retention import Retention
from models.settings import Settings
from models.span import LONGEST_S, start_of

Moment = tuple[int, int]
Change = tuple[int, Key, int, int, int]  # of what stands open: when, queue and channel, live cell, span, how many more


class Head(msgspec.Struct):
    """What tells where an event belongs."""

    type: str = ""
    at: int = 0
    contact_id: str = ""


head_of: Final = msgspec.json.Decoder(Head).decode


class Shard:
    """The states of calls and of chats, by the prefix of their types."""

    def __init__(self, settings: Settings) -> None:
        self.states = {prefix: _state(settings, prefix) for prefix in EVENTS}

    def fold(self, numbers: Iterable[int], lines: Iterable[bytes]) -> None:
        """Fold lines with their numbers, which increase from call to call."""
        split: dict[Prefix, list[Line]] = {prefix: [] for prefix in self.states}
        calls, chats = split["call"], split["chat"]
        for number, line in zip(numbers, lines, strict=True):
            (chats if b"chat." in line and is_chat(line) else calls).append(Line(number, line))
        for prefix, records in split.items():
            self.states[prefix].fold(records)

    def letters(self) -> list[Letter]:
        """Return the lines that were no events since the last call, in their order."""
        found = [letter for state in self.states.values() for letter in state.letters]
        for state in self.states.values():
            state.letters.clear()
        return sorted(found, key=lambda letter: letter.offset)

    def said(self) -> list[tuple[Source, Partial | Progress]]:
        """Return what stage 2 is to know of the states."""
        return [
            ((f"cc.{prefix}s", 0), record) for prefix, state in self.states.items() for record in partials.flush(state)
        ]

    def open_at(self, moments: Sequence[Moment], goals: Book[Goals]) -> list[dict[Key, LiveFigures]]:
        """Return what stood open of each queue and channel at each of the moments, which are in order.

        A moment is a time, and up to when what happened is read, itself not included. What became known later of earlier
        times is in it: who was heard of again had been waiting all the time.
        """
        untils = [until for _, until in moments]
        history = _History(change for state in self.states.values() for change in _changes(state, untils))
        return [history.figures(*moment, goals) for moment in moments]

    def contacts(self) -> Iterator[tuple[Prefix, str, Contact]]:
        """Yield prefix, id and record of every contact."""
        for prefix, state in self.states.items():
            for contact_id, contact in state.records():
                yield prefix, contact_id, contact


def _state(settings: Settings, prefix: Prefix) -> PartitionState:
    forever = replace(settings.fold(prefix), lateness_ms=None, skew_ms=None, retention=Retention(quarters_ms=None))
    return PartitionState(decoder(prefix), forever)


def is_chat(line: bytes) -> bool:
    """Tell whether a line is the event of a chat."""
    try:
        return head_of(line).type.startswith("chat.")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False  # no event, which the fold will say


def _changes(state: PartitionState, moments: Sequence[int]) -> Iterator[Change]:
    by = state.blank()
    for contact in state.across(moments):
        yield from opened_by(contact, by)


def opened_by(contact: Contact, by: Contribution) -> Iterator[Change]:
    """Yield what a contact opened and closed, and when, with what became known later of earlier times."""
    changes = [(at, key, cell, span, n) for at, out in contact.history(by) for key, cell, span, n in out.opened]
    still_open: defaultdict[tuple[Key, int, int], int] = defaultdict(int)
    for _, key, cell, span, n in changes:
        still_open[key, cell, span] += n
    last = {(key, cell, start_of(span)): span for (key, cell, span), n in still_open.items() if n}
    for at, key, cell, span, n in changes:
        if cell in _CAN_BE_LOST:  # it was not, where it is not still open
            yield at, key, cell, last.get((key, cell, start_of(span)), span | LONGEST_S), n
        else:
            yield at, key, cell, span, n


_CAN_BE_LOST: Final = (measures.WAITING, measures.WAITING_CONTACT)


class _History:
    """What stood open over time, advanced from one moment to the next."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._changes = sorted(changes)
        self._next = 0
        self._open: defaultdict[Key, defaultdict[int, defaultdict[int, int]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(int))
        )

    def figures(self, at_ms: int, until_ms: int, goals: Book[Goals]) -> dict[Key, LiveFigures]:
        """Go on to a moment; return what stands open of each queue and channel that has anything open."""
        while self._next < len(self._changes) and self._changes[self._next][0] < until_ms:
            _, key, cell, span, n = self._changes[self._next]
            spans = self._open[key][cell]
            spans[span] += n
            if not spans[span]:
                del spans[span]
            self._next += 1
        found = {}
        for key, cells in self._open.items():
            figures = live.of_queue(Opened([cells]), at_ms, goals.of(key, at_ms), until_ms)
            if figures != _NOTHING:  # who was lost is still among the open, with a span that is over
                found[key] = figures
        return found


_NOTHING: Final = LiveFigures()
