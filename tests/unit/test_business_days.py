"""Business days and their intervals, over changes of the clock. All values are worked by hand."""

import zoneinfo
from datetime import UTC, datetime

import pytest

from models.business_days import BusinessDays
from models.errors import ConfigError
from models.local_time import offset_ms
from tests.unit.test_calendars import HOUR_MS, ms

ZURICH, NEW_YORK = BusinessDays("Europe/Zurich"), BusinessDays("America/New_York")


@pytest.mark.parametrize(
    ("days", "at", "start", "end"),
    [
        (BusinessDays(), "2026-03-29T23:59", "2026-03-29T00:00", "2026-03-30T00:00"),
        (ZURICH, "2026-03-28T12:00", "2026-03-27T23:00", "2026-03-28T23:00"),
        (ZURICH, "2026-03-28T23:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        (ZURICH, "2026-03-29T21:59", "2026-03-28T23:00", "2026-03-29T22:00"),
        (ZURICH, "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        (NEW_YORK, "2026-03-08T12:00", "2026-03-08T05:00", "2026-03-09T04:00"),  # 23 hours
        (NEW_YORK, "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00"),  # 25 hours
        (BusinessDays("UTC", "06:00"), "2026-01-02T05:59", "2026-01-01T06:00", "2026-01-02T06:00"),
        (BusinessDays("Europe/Zurich", "06:00"), "2026-03-29T03:59", "2026-03-28T05:00", "2026-03-29T04:00"),
        (BusinessDays("Asia/Kathmandu"), "2026-01-01T18:15", "2026-01-01T18:15", "2026-01-02T18:15"),  # +05:45
        (BusinessDays("Europe/Zurich", "02:30"), "2026-03-29T12:00", "2026-03-29T01:30", "2026-03-30T00:30"),  # skipped
        (BusinessDays("Europe/Zurich", "02:30"), "2026-10-25T12:00", "2026-10-25T00:30", "2026-10-26T01:30"),  # twice
        # Havana's clock goes from 00:00 to 01:00: the day begins at one.
        (BusinessDays("America/Havana"), "2026-03-08T12:00", "2026-03-08T05:00", "2026-03-09T04:00"),
        # St. John's went from 00:01 back to 23:01 of the day before, which shows its last hour again in the new day.
        (BusinessDays("America/St_Johns"), "2010-11-07T03:00", "2010-11-07T02:30", "2010-11-08T03:30"),
    ],
)
def test_a_day_begins_by_the_clock_of_its_zone(days: BusinessDays, at: str, start: str, end: str) -> None:
    assert (days.start_of(ms(at)), days.next_start(ms(at))) == (ms(start), ms(end))


@pytest.mark.parametrize(("minutes", "count"), [(15, 92), (30, 46), (60, 23), (1_440, 1)])
def test_intervals_of_a_day_of_23_hours(minutes: int, count: int) -> None:
    start, end = ms("2026-03-28T23:00"), ms("2026-03-29T22:00")
    found = ZURICH.intervals(start, end, minutes)
    assert (len(found), found[0][0], found[-1][1]) == (count, start, end)


def test_an_hour_that_the_clock_shows_twice_is_two_intervals() -> None:
    start = ms("2026-10-24T22:00")
    found = ZURICH.intervals(start, ms("2026-10-25T23:00"), 60)
    assert found == [(start + n * HOUR_MS, start + (n + 1) * HOUR_MS) for n in range(25)]


def test_whole_days_of_23_24_and_25_hours() -> None:
    assert ZURICH.intervals(ms("2026-03-28T12:00"), ms("2026-03-30T12:00"), 1_440) == [
        (ms("2026-03-27T23:00"), ms("2026-03-28T23:00")),
        (ms("2026-03-28T23:00"), ms("2026-03-29T22:00")),
        (ms("2026-03-29T22:00"), ms("2026-03-30T22:00")),
    ]
    [(start, end)] = NEW_YORK.intervals(ms("2026-11-01T12:00"), ms("2026-11-01T13:00"), 1_440)
    assert end - start == 25 * HOUR_MS


def test_the_last_interval_of_a_day_may_be_shorter() -> None:
    """Lord Howe Island moves its clock by half an hour: 2026-10-04 has 23.5 hours."""
    days = BusinessDays("Australia/Lord_Howe")
    start, end = ms("2026-10-04T00:00+10:30"), ms("2026-10-05T00:00+11:00")
    found = days.intervals(start, end, 60)
    assert end - start == 23.5 * HOUR_MS
    assert len(found) == 24
    assert found[-1] == (end - HOUR_MS // 2, end)


def test_intervals_that_a_span_only_touches_are_whole() -> None:
    at = ms("2026-01-01T10:20")
    assert BusinessDays().intervals(at, at + 1, 30) == [(ms("2026-01-01T10:00"), ms("2026-01-01T10:30"))]
    assert BusinessDays().intervals(at, at, 30) == []
    assert BusinessDays().intervals(ms("2026-01-01T10:00"), ms("2026-01-01T10:30"), 30) == [
        (ms("2026-01-01T10:00"), ms("2026-01-01T10:30"))
    ]


@pytest.mark.parametrize(
    ("zone", "day_starts", "message"),
    [
        ("Europe/Nowhere", "00:00", "unknown zone, allowed: names of IANA such as"),
        ("UTC", "24:00", "not on a quarter of an hour, allowed: 00:00 to 23:45"),
        ("UTC", "06:05", "not on a quarter of an hour, allowed: 00:00 to 23:45"),
        ("UTC", "6:00", "no time of the day, allowed: 00:00 to 24:00"),
    ],
)
def test_what_is_no_business_day_is_refused(zone: str, day_starts: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BusinessDays(zone, day_starts)


def test_other_intervals_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown interval, allowed: 15, 30, 60, 1440 minutes \(got 20\)"):
        BusinessDays().intervals(0, HOUR_MS, 20)


def test_a_day_that_begins_within_a_pane_is_refused() -> None:
    """Liberia was 44 min 30 s behind UTC until 1972."""
    with pytest.raises(
        ConfigError, match=r"zone Africa/Monrovia: 1971-01-0\d does not begin on a quarter of an hour UTC"
    ):
        BusinessDays("Africa/Monrovia").start_of(ms("1971-01-01T12:00"))


def test_no_zone_has_been_off_a_quarter_of_an_hour_since_1980() -> None:
    moments = [
        int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1_000 for year in range(1980, 2038) for month in (1, 7)
    ]
    for name in sorted(zoneinfo.available_timezones()):
        zone = zoneinfo.ZoneInfo(name)
        assert not any(offset_ms(zone, at) % 900_000 for at in moments), name
