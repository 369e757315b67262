"""Business days: they begin at a local time, so that those of a clock change have 23 or 25 hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from models.errors import ConfigError
from models.local_time import instant_ms, minutes_of, zone_of
from models.retention import MINUTE_MS, QUARTER_MS

INTERVALS_MIN: Final = (15, 30, 60, 1_440)


def start_minutes(text: str) -> int:
    """Return the minutes since midnight of a start of days. Raises `ConfigError`."""
    minutes = minutes_of(text)
    if minutes % 15 or minutes == 1_440:
        raise ConfigError("not on a quarter of an hour, allowed: 00:00 to 23:45")
    return minutes


@dataclass(frozen=True)
class BusinessDays:
    """Days of a zone that begin when its clock shows `day_starts`, and the intervals in them.

    Every boundary is on a whole quarter of an hour UTC, as panes are. Raises `ConfigError` where one is not.
    """

    zone: str = "UTC"
    day_starts: str = "00:00"

    def __post_init__(self) -> None:
        zone_of(self.zone)
        start_minutes(self.day_starts)

    def start_of(self, at_ms: int) -> int:
        """Return when the day began that a time is in."""
        return self._start(self._day(at_ms))

    def next_start(self, at_ms: int) -> int:
        """Return when the day after the one of a time begins."""
        return self._start(self._day(at_ms) + timedelta(days=1))

    def intervals(self, first_ms: int, end_ms: int, minutes: int) -> list[tuple[int, int]]:
        """Return the half-open intervals that `[first_ms, end_ms)` touches, in order; they leave no gap.

        They are counted from the start of each day in time that passes: an hour that the clock shows twice is two. 1,440
        minutes are whole days, however long. The last of a day is shorter where the day is no multiple of them.
        """
        if minutes not in INTERVALS_MIN:
            raise ConfigError(
                f"unknown interval, allowed: {', '.join(map(str, INTERVALS_MIN))} minutes (got {minutes})"
            )
        found = self._from(first_ms, end_ms, minutes * MINUTE_MS) if first_ms < end_ms else ()
        return [(start, end) for start, end in found if start < end_ms and first_ms < end]

    def _from(self, first_ms: int, end_ms: int, long_ms: int) -> Iterator[tuple[int, int]]:
        """Yield the intervals of all days that a span touches."""
        start = self.start_of(first_ms)
        while start < end_ms:
            then = self.next_start(start)
            if long_ms == 1_440 * MINUTE_MS:
                yield start, then
            else:
                yield from ((at, min(at + long_ms, then)) for at in range(start, then, long_ms))
            start = then

    def _day(self, at_ms: int) -> date:
        """Return the date by which the day of a time is called; the clock may show the one before or after."""
        shown = datetime.fromtimestamp(at_ms / 1_000, zone_of(self.zone)).date()
        return next(day for n in (1, 0, -1) if self._start(day := shown + timedelta(days=n)) <= at_ms)

    def _start(self, day: date) -> int:
        return _start_ms(self.zone, self.day_starts, day)


@lru_cache(maxsize=4_096)
def _start_ms(zone: str, day_starts: str, day: date) -> int:
    start_ms = instant_ms(day, minutes_of(day_starts), zone_of(zone))
    if start_ms % QUARTER_MS:
        raise ConfigError(f"zone {zone}: {day} does not begin on a quarter of an hour UTC")
    return start_ms
