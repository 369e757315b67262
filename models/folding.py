"""What enters the fold besides the log: a change of any of it makes another state, so its digest is in the snapshot."""

from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from models.book import Book, Key
from models.panes import MINUTE_MS, Retention

WrapUp = Literal["none", "event", "agent_state"]
EXPIRY_S: Final = {"voice": 3_600, "chat": 4 * 3_600, "messaging": 72 * 3_600}  # by channel
OTHER_EXPIRY_S: Final = 72 * 3_600


class Clock(Protocol):
    """A calendar of open hours, as waits are measured by it."""

    def open_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how many ms of `[start_ms, end_ms)` are open."""
        ...


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
