"""When a part of the panes is empty for good: its tier, and a quarter of an hour of grace."""

import pytest

from models.retention import MINUTE_MS, Retention, left_tier
from tests.unit.builders import START_MS

HOUR_MS = 3_600_000
SHORT = Retention(minutes_ms=15 * MINUTE_MS, quarters_ms=2 * HOUR_MS)
FOREVER = Retention(quarters_ms=None)


@pytest.mark.parametrize(
    ("part", "retention", "kept_ms"),
    [
        (f"1m:{START_MS}", Retention(), 90 * MINUTE_MS),  # 75 minutes and 15
        (f"15m:{START_MS}", Retention(), 48 * HOUR_MS + 15 * MINUTE_MS),
        (f"1m:{START_MS}", SHORT, 30 * MINUTE_MS),
        (f"15m:{START_MS}", SHORT, 135 * MINUTE_MS),
        (f"1m:{START_MS}", FOREVER, 90 * MINUTE_MS),
    ],
)
def test_a_part_has_left_its_tier_after_retention_and_grace(part: str, retention: Retention, kept_ms: int) -> None:
    assert not left_tier(part, START_MS + kept_ms, retention)
    assert left_tier(part, START_MS + kept_ms + 1, retention)


@pytest.mark.parametrize("part", ["live", "total", f"15m:{START_MS}"])
def test_what_has_no_time_or_no_limit_stays(part: str) -> None:
    assert not left_tier(part, START_MS + 10_000 * HOUR_MS, FOREVER)
