"""What enters the fold besides the log: a change of any of it makes another state, so its digest is in the snapshot."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, Protocol

from models.book import Book, Key
from models.histogram import SECONDS
from models.retention import MINUTE_MS, Retention

WrapUp = Literal["none", "event", "agent_state"]
EXPIRY_S: Final = {"voice": 3_600, "chat": 4 * 3_600, "messaging": 72 * 3_600}  # by channel
OTHER_EXPIRY_S: Final = 72 * 3_600
OPEN_HOURS_CHANNELS: Final = frozenset({"email", "messaging"})  # their waits go by the queue's calendar, if it has one


class Clock(Protocol):
    """A calendar of open hours, as waits are measured by it."""

    def open_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how many ms of `[start_ms, end_ms)` are open."""
        ...


def waited_ms(clock: Clock | None, since_ms: int, until_ms: int) -> int:
    """Return how long a wait was, by a clock of open hours or, without one, by day and night."""
    return until_ms - since_ms if clock is None else clock.open_ms(since_ms, until_ms)


def last_in_time(clock: Clock | None, threshold_s: int, entered_ms: int, until_ms: int) -> int | None:
    """Return until when one who waited from `entered_ms` to `until_ms` was in time; None where they always were."""
    threshold_ms = 1_000 * threshold_s
    if clock is None:
        last_ms = entered_ms + threshold_ms
    else:
        moments = range(entered_ms, until_ms + 1)
        within = bisect_right(moments, threshold_ms, key=lambda now_ms: clock.open_ms(entered_ms, now_ms))
        last_ms = entered_ms + within - 1
    return last_ms if last_ms < until_ms else None


@dataclass(frozen=True)
class QueueRules:
    """How contacts are counted in one queue and channel (docs/counting.md)."""

    expires_s: int = 3_600
    """A wait of which nothing was heard for so long is lost."""
    wrap_up: WrapUp = "none"
    wrap_up_limit_s: int = 600
    callbacks_in_offered: bool = False
    threshold_s: int = 20
    """T of the live service level, inclusive."""
    short_abandon_s: int = 5
    """S of the live service level, inclusive."""
    clock: Clock | None = None
    """Waits are measured by it; None: by the calendar, day and night."""

    @cached_property
    def long_ms(self) -> int:
        """Return the wait above which more is to be counted than the wait."""
        return 1_000 * min(self.threshold_s, SECONDS)

    @cached_property
    def acw_limit_s(self) -> int:
        """Return how long a wrap-up is waited for; 0 where none is."""
        return 0 if self.wrap_up == "none" else self.wrap_up_limit_s


def clock_of(key: Key, said: Mapping[str, Any]) -> Clock | None:
    """Return the clock of a queue's waits from `wait_clock` and `calendar`, where they were said."""
    usual = "open_hours" if key[1] in OPEN_HOURS_CHANNELS else "calendar"
    by_open_hours = said.get("wait_clock", usual) == "open_hours"
    clock: Clock | None = said.get("calendar") if by_open_hours else None
    return clock


def ruled(key: Key, rules: QueueRules, said: Mapping[str, Any]) -> QueueRules:
    """Return rules with what the settings say of the queue in place of their own."""
    return replace(rules, clock=clock_of(key, said), **without_clock(said))


def without_clock(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said beside `wait_clock` and `calendar`."""
    return {name: value for name, value in said.items() if name not in ("wait_clock", "calendar")}


def default_rules(key: Key) -> QueueRules:
    """Return the rules of a queue of which the settings say nothing."""
    return QueueRules(expires_s=EXPIRY_S.get(key[1], OTHER_EXPIRY_S))


@dataclass(frozen=True)
class FoldSettings:
    """How one source topic is folded."""

    channel: str = "voice"
    """The channel of events that name none."""
    lateness_ms: int | None = 6 * 3_600_000
    """Events older than this against the newest event time are late: counted and handed on, not folded. None: never."""
    skew_ms: int | None = 10 * MINUTE_MS
    """Events that claim to be further ahead of their append time are refused. None: never."""
    retention: Retention = field(default_factory=Retention)
    survey_days: int = 7
    """So long a rating finds the contact that it is about."""
    rules: Book[QueueRules] = field(default_factory=lambda: Book(default_rules))

    def digest_text(self, newest_ms: int | None = None) -> str:
        """Return all that enters the fold, and nothing else, as JSON with sorted keys: equal where the folds are equal.

        With the newest event time, what is valid only after it is left out: it was not used yet, and may be added.
        """
        text: dict[str, Any] = {
            "channel": self.channel,
            "lateness_ms": self.lateness_ms,
            "skew_ms": self.skew_ms,
            "minutes_ms": self.retention.minutes_ms,
            "quarters_ms": self.retention.quarters_ms,
            "survey_days": self.survey_days,
        }
        used = [
            clause for clause in self.rules.clauses if newest_ms is None or (clause.valid_from_ms or 0) <= newest_ms
        ]
        if used:
            text["rules"] = used
        return json.dumps(text, default=_canonical, sort_keys=True, separators=(",", ":"))


def _canonical(part: Any) -> Any:
    """Return a clause, its hours or its calendar for JSON."""
    return part.canonical()
