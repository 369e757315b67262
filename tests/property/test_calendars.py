"""Open hours equal a walk over every minute by the clock on the wall; intervals of business days leave no gap."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from models.business_days import INTERVALS_MIN, BusinessDays
from models.calendars import OpenHours
from models.local_time import Span

ZONES = st.sampled_from(
    ("Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "America/Havana", "America/St_Johns", "Asia/Kathmandu")
)
MINUTE_MS, DAY_MS = 60_000, 86_400_000
CHANGES = (
    "2026-03-08",
    "2026-03-29",
    "2026-04-05",
    "2026-10-04",
    "2026-10-25",
    "2026-11-01",
    "2010-11-07",
    "2027-01-01",
)


def _ms(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000


# Around the days on which some clock is changed, and a new year.
TIMES = st.builds(
    lambda day, after: _ms(day) + after, st.sampled_from(CHANGES), st.integers(min_value=-DAY_MS, max_value=2 * DAY_MS)
)


def _spans(cuts: list[int]) -> tuple[Span, ...]:
    return tuple(zip(cuts[::2], cuts[1::2], strict=False))


DAYS = st.lists(st.integers(0, 1_440), unique=True, max_size=6).map(sorted).map(_spans)
WEEKS = st.lists(DAYS, min_size=7, max_size=7).map(tuple)


def walked_ms(zone: str, week: tuple[tuple[Span, ...], ...], start_ms: int, end_ms: int) -> int:
    """Add up the open minutes of UTC one by one, the first and the last only as far as they are meant."""
    there, found = ZoneInfo(zone), 0
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for minute in range(start_ms // MINUTE_MS, -(-end_ms // MINUTE_MS)):
        shown = (epoch + timedelta(minutes=minute)).astimezone(there)
        of_day = shown.hour * 60 + shown.minute
        if any(begin <= of_day < end for begin, end in week[shown.weekday()]):
            found += min((minute + 1) * MINUTE_MS, end_ms) - max(minute * MINUTE_MS, start_ms)
    return found


@given(ZONES, WEEKS, TIMES, st.integers(0, 2 * DAY_MS))
def test_open_time_is_that_of_a_walk_over_every_minute(
    zone: str, week: tuple[tuple[Span, ...], ...], start_ms: int, long_ms: int
) -> None:
    expected = walked_ms(zone, week, start_ms, start_ms + long_ms)
    assert OpenHours(zone, week).open_ms(start_ms, start_ms + long_ms) == expected


@given(ZONES, WEEKS, TIMES, st.integers(0, 800 * DAY_MS), st.integers(0, 800 * DAY_MS))
def test_open_time_adds_up(zone: str, week: tuple[tuple[Span, ...], ...], start_ms: int, first: int, then: int) -> None:
    hours = OpenHours(zone, week)
    middle, end = start_ms + first, start_ms + first + then
    assert hours.open_ms(start_ms, middle) + hours.open_ms(middle, end) == hours.open_ms(start_ms, end)


@given(
    ZONES,
    st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}"),
    TIMES,
    st.integers(1, 4 * DAY_MS),
    st.sampled_from(INTERVALS_MIN),
)
def test_intervals_cover_a_span_without_gap_and_each_day_begins_one(
    zone: str, day_starts: str, first_ms: int, long_ms: int, minutes: int
) -> None:
    days, end_ms = BusinessDays(zone, day_starts), first_ms + long_ms
    found = days.intervals(first_ms, end_ms, minutes)
    assert found[0][0] <= first_ms < found[0][1]
    assert found[-1][0] < end_ms <= found[-1][1]
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    for start, end in found:
        assert start % (15 * MINUTE_MS) == 0
        assert days.start_of(start) == days.start_of(end - 1)
        whole = minutes * MINUTE_MS if minutes < 1_440 else days.next_start(start) - days.start_of(start)
        assert end - start == whole or (end - start < whole and end == days.next_start(start))
    later = {days.start_of(start) for start, _ in found} - {days.start_of(first_ms)}
    assert later <= {start for start, _ in found}
