"""Terms of queues by time: which of them holds for a queue and channel at a moment.

A book is a default and clauses over it. A clause says for which queues, and from when or in which hours of the week, and
changes only what it names; of two that name the same the later one in the list wins. All limits of time lie on whole quarters
of an hour, so that a pane of 15 minutes never has two terms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from sys import intern
from typing import Any, Final, Generic, TypeVar

from models.errors import ConfigError
from models.local_time import WEEKDAYS, Span, clock_text, minute_of_week, zone_of
from models.retention import QUARTER_MS

Key = tuple[str, ...]  # queue and channel; of what is counted by issue also its type and reason
T = TypeVar("T")
_REMEMBERED: Final = 10_000  # quarters of queues whose terms change with time


def matches(queue: str, pattern: str) -> bool:
    """Tell whether a queue is meant by a name or a glob such as `sales-*`; upper and lower case are told apart."""
    return queue == pattern or fnmatchcase(queue, pattern)


@dataclass(frozen=True)
class Hours:
    """Hours of some weekdays, by the clock of a zone. Raises `ConfigError` where they are not whole quarters."""

    zone: str
    weekdays: tuple[int, ...] = tuple(range(7))
    """0 is Monday."""
    span: Span = (0, 1_440)

    def __post_init__(self) -> None:
        if any(minutes % 15 for minutes in self.span):
            raise ConfigError("not on quarters of an hour, allowed: minutes 00, 15, 30, 45")

    def hold(self, at_ms: int) -> bool:
        """Tell whether a time is in them."""
        weekday, minute = minute_of_week(at_ms, zone_of(self.zone))
        return weekday in self.weekdays and self.span[0] <= minute < self.span[1]

    def canonical(self) -> list[str]:
        """Return all that they are, for JSON."""
        return [self.zone, *(WEEKDAYS[day] for day in self.weekdays), "-".join(map(clock_text, self.span))]


@dataclass(frozen=True)
class Clause:
    """What is said of some queues. Raises `ConfigError` where `valid_from_ms` is not on a quarter of an hour."""

    said: Mapping[str, Any]
    """The names and values that it changes."""
    queue: str = "*"
    channel: str | None = None
    """None: every channel."""
    valid_from_ms: int | None = None
    """None: always."""
    hours: Hours | None = None
    """None: at all hours."""

    def __post_init__(self) -> None:
        if (self.valid_from_ms or 0) % QUARTER_MS:
            raise ConfigError("not on a quarter of an hour, allowed: minutes 00, 15, 30, 45")

    @property
    def always(self) -> bool:
        """Whether it holds at all times."""
        return self.valid_from_ms is None and self.hours is None

    def about(self, key: Key) -> bool:
        """Tell whether it is about a queue and channel, at some time."""
        return (self.channel is None or self.channel == key[1]) and matches(key[0], self.queue)

    def holds(self, at_ms: int) -> bool:
        """Tell whether it holds at a time."""
        return (self.valid_from_ms is None or self.valid_from_ms <= at_ms) and (
            self.hours is None or self.hours.hold(at_ms)
        )

    def canonical(self) -> dict[str, Any]:
        """Return all that it says, for JSON, the shorter the less it says."""
        scope = {"queue": self.queue, "channel": self.channel, "from": self.valid_from_ms, "hours": self.hours}
        return {name: value for name, value in scope.items() if value not in ("*", None)} | {"said": dict(self.said)}


def changed(_: Key, terms: T, said: Mapping[str, Any]) -> T:
    """Return terms, a dataclass, with what was said in place of their own."""
    return replace(terms, **said)  # type: ignore[type-var]  # T is a dataclass wherever nothing else is given


@dataclass(frozen=True)
class Book(Generic[T]):
    """What holds for each queue and channel, at each time; `change` makes terms of the default and of what was said."""

    default: Callable[[Key], T]
    clauses: tuple[Clause, ...] = ()
    change: Callable[[Key, T, Mapping[str, Any]], T] = field(default=changed, compare=False)
    _fixed: dict[Key, T] = field(default_factory=dict, init=False, repr=False, compare=False)
    _places: dict[Key, tuple[Key, T]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _varying: dict[Key, tuple[Clause, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _quarters: dict[tuple[Key, int], T] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, key: Key, at_ms: int) -> T:
        """Return what holds for a queue and channel at a time; one look-up where it is the same at all times."""
        known = self._fixed.get(key)
        if known is not None:
            return known
        if self.same_throughout(key):
            return self._fixed[key]
        quarter = key, at_ms // QUARTER_MS
        known = self._quarters.get(quarter)
        if known is None:
            if len(self._quarters) >= _REMEMBERED:
                self._quarters.clear()
            known = self._quarters[quarter] = self._made(key, at_ms)
        return known

    def place(self, queue: str, channel: str, at_ms: int) -> tuple[Key, T]:
        """Return queue and channel as the one object that stands for them everywhere, and what holds there at a time."""
        known = self._places.get((queue, channel))
        if known is None:
            key = intern(queue), intern(channel)
            known = key, self.of(key, at_ms)
            if self.same_throughout(key):
                self._places[key] = known
        return known

    def same_throughout(self, key: Key) -> bool:
        """Tell whether the same holds for a queue and channel at all times."""
        if key not in self._fixed and key not in self._varying:
            about = tuple(clause for clause in self.clauses if clause.about(key))
            if all(clause.always for clause in about):
                self._fixed[key] = self._terms(key, about)
            else:
                self._varying[key] = about
        return key in self._fixed

    def _made(self, key: Key, at_ms: int) -> T:
        return self._terms(key, tuple(clause for clause in self._varying[key] if clause.holds(at_ms)))

    def _terms(self, key: Key, clauses: tuple[Clause, ...]) -> T:
        said = {name: value for clause in clauses for name, value in clause.said.items()}
        return self.change(key, self.default(key), said)
