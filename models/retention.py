"""How long sums stay in panes of a minute and of a quarter of an hour."""

from dataclasses import dataclass
from typing import Final

MINUTE_MS: Final = 60_000
QUARTER_MS: Final = 900_000
GRACE_MS: Final = 900_000  # a pane is moved at the end of a minute, and its last word may be on its way


@dataclass(frozen=True)
class Retention:
    """How long panes stay in their tier, in ms of event time; None keeps quarters for ever (replay)."""

    minutes_ms: int = 75 * MINUTE_MS
    quarters_ms: int | None = 48 * 3_600_000


def left_tier(part: str, newest_ms: int, retention: Retention) -> bool:
    """Tell whether a part is empty for good: its pane left its tier long before `newest_ms`, the newest event time."""
    tier, _, start_ms = part.partition(":")
    kept_ms = {"1m": retention.minutes_ms, "15m": retention.quarters_ms}.get(tier)
    return kept_ms is not None and int(start_ms) < newest_ms - kept_ms - GRACE_MS
