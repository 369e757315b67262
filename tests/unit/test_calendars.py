"""Open hours: gaps, holidays, exceptions, and days of 23 and 25 hours. All values are worked by hand."""

from datetime import UTC, date, datetime

import pytest

from models.calendars import OpenHours, holidays_of
from models.errors import ConfigError
from models.local_time import Span

HOUR_MS = 3_600_000
LUNCH: tuple[Span, ...] = ((8 * 60, 12 * 60), (13 * 60, 17 * 60))
ALL_DAY: tuple[Span, ...] = ((0, 1_440),)
OFFICE = (LUNCH,) * 5 + ((),) * 2


def ms(text: str) -> int:
    """Return the epoch ms of a time with its offset, UTC where it has none."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 1_000


def office(zone: str = "UTC", holidays: str | None = None) -> OpenHours:
    return OpenHours(zone, OFFICE, holidays)


def nightly(zone: str, *spans: Span) -> OpenHours:
    return OpenHours(zone, (spans,) * 7)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-01-07T08:00", "2026-01-07T17:00", 8),  # a Wednesday: lunch is closed
        ("2026-01-07T11:30", "2026-01-07T13:30", 1),
        ("2026-01-07T12:00", "2026-01-07T13:00", 0),
        ("2026-01-07T16:00", "2026-01-08T09:00", 2),
        ("2026-01-09T16:30", "2026-01-12T08:30", 1),  # over a weekend
        ("2026-01-05T00:00", "2026-01-12T00:00", 40),
        ("2026-01-01T00:00", "2027-01-01T00:00", 8 * 261),  # begins on a Thursday: 52 weeks and one weekday
        ("2025-12-31T16:00", "2028-01-01T00:00", 1 + 8 * 522),  # 2027 begins on a Friday
        ("2026-01-07T09:00", "2026-01-07T09:00", 0),
        ("2026-01-07T10:00", "2026-01-07T09:00", 0),
    ],
)
def test_open_time_with_gaps(start: str, end: str, hours: float) -> None:
    assert office().open_ms(ms(start), ms(end)) == hours * HOUR_MS


def test_open_time_is_exact_to_the_millisecond() -> None:
    at_ms = ms("2026-01-07T08:00")
    assert office().open_ms(at_ms - 5, at_ms + 7) == 7
    assert office().open_ms(at_ms + 1, at_ms + 2) == 1


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-01-07T07:59:59", False),
        ("2026-01-07T08:00", True),
        ("2026-01-07T11:59:59", True),
        ("2026-01-07T12:00", False),
        ("2026-01-10T10:00", False),
    ],
)
def test_the_begin_is_open_and_the_end_is_not(at: str, is_open: bool) -> None:
    assert office().is_open(ms(at)) is is_open


@pytest.mark.parametrize(
    ("zone", "start", "end", "hours"),
    [
        ("Europe/Zurich", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", 23),
        ("Europe/Zurich", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", 25),
        ("America/New_York", "2026-03-08T00:00-05:00", "2026-03-09T00:00-04:00", 23),
        ("America/New_York", "2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00", 25),
    ],
)
def test_a_day_that_is_open_throughout_has_all_its_hours(zone: str, start: str, end: str, hours: int) -> None:
    assert nightly(zone, *ALL_DAY).open_ms(ms(start), ms(end)) == hours * HOUR_MS
    assert nightly(zone, (60, 300)).open_ms(ms(start), ms(end)) == (hours - 24 + 4) * HOUR_MS


@pytest.mark.parametrize(
    ("span", "spring_min", "autumn_min"),
    [
        ((90, 150), 30, 90),  # 01:30 to 02:30: the second half is skipped; it comes twice
        ((120, 180), 0, 120),
        ((150, 210), 30, 90),
        ((180, 240), 60, 60),
    ],
)
def test_an_hour_that_is_skipped_is_never_open_and_one_that_comes_twice_is_so_twice(
    span: Span, spring_min: int, autumn_min: int
) -> None:
    night = nightly("Europe/Zurich", span)
    spring, autumn = ms("2026-03-29T00:00+01:00"), ms("2026-10-25T00:00+02:00")
    assert night.open_ms(spring, spring + 12 * HOUR_MS) == spring_min * 60_000
    assert night.open_ms(autumn, autumn + 12 * HOUR_MS) == autumn_min * 60_000


def test_hours_go_by_the_clock_on_the_wall_on_both_sides_of_a_change() -> None:
    zurich = office("Europe/Zurich")
    assert zurich.is_open(ms("2026-03-27T08:00+01:00"))
    assert not zurich.is_open(ms("2026-03-27T07:59+01:00"))
    assert zurich.is_open(ms("2026-03-30T08:00+02:00"))
    assert not zurich.is_open(ms("2026-03-30T07:59+02:00"))


@pytest.mark.parametrize(
    ("code", "day", "hours"),
    [
        ("CH-ZH", "2026-05-01", 0),  # a Friday: Labour Day is a holiday in Zurich, not in all of Switzerland
        ("CH", "2026-05-01", 8),
        ("CH", "2026-01-01", 0),
        (None, "2026-01-01", 8),
        ("US-CA", "2026-03-31", 0),  # a Tuesday: Cesar Chavez Day
        ("US", "2026-03-31", 8),
        ("US", "2026-07-03", 0),  # a Friday: Independence Day is a Saturday, and observed the day before
    ],
)
def test_holidays_on_a_weekday(code: str | None, day: str, hours: int) -> None:
    assert office(holidays=code).open_ms(ms(day), ms(day) + 24 * HOUR_MS) == hours * HOUR_MS


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        ("2026-05-01", 2),  # a holiday, but open for two hours
        ("2026-05-04", 0),  # a Monday, closed
        ("2026-05-05", 0),  # a Tuesday, and nothing is open
        ("2026-05-09", 24),  # a Saturday
        ("2026-05-11", 8),
    ],
)
def test_exceptions_by_date(day: str, hours: int) -> None:
    instead = {date(2026, 5, 1): ((600, 720),), date(2026, 5, 5): (), date(2026, 5, 9): ALL_DAY}
    calendar = OpenHours("UTC", OFFICE, "CH-ZH", frozenset({date(2026, 5, 4)}), instead)
    assert calendar.open_ms(ms(day), ms(day) + 24 * HOUR_MS) == hours * HOUR_MS


def test_an_unknown_country_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown country"):
        holidays_of("XX")
    with pytest.raises(ConfigError, match="unknown part of CH, allowed: AG, AI"):
        holidays_of("CH-XX")


def test_the_text_of_a_calendar_is_all_that_it_depends_on() -> None:
    assert office().canonical() == {
        "zone": "UTC",
        **{day: ["08:00-12:00", "13:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
    }
    assert office(holidays="CH").canonical()["holidays"] != office(holidays="CH-ZH").canonical()["holidays"]
