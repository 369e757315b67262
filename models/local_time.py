"""Local time in words and in zones: `08:00-12:00`, IANA names, and where a zone's clock changes.

Times of the day are minutes since local midnight as the clock on the wall shows it, 1,440 being the midnight after.
"""

import difflib
import re
import zoneinfo
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from models.errors import ConfigError

Span = tuple[int, int]  # minutes of the day, the end not included
DAY_MS: Final = 86_400_000
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


@lru_cache(maxsize=64)
def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Return the zone of an IANA name. Raises `ConfigError`."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        close = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        example = close[0] if close else "Europe/Zurich"
        raise ConfigError(f"unknown zone, allowed: names of IANA such as {example}") from None


def minutes_of(text: str) -> int:
    """Return the minutes since midnight of `HH:MM`, to 24:00. Raises `ConfigError`."""
    if not (found := _TIME.fullmatch(text)):
        raise ConfigError("no time of the day, allowed: 00:00 to 24:00")
    return int(found[1]) * 60 + int(found[2]) if found[1] else 1_440


def span_of(text: str) -> Span:
    """Return the minutes of `HH:MM-HH:MM`. Raises `ConfigError`, also where it does not end after it begins."""
    begin, dash, end = text.partition("-")
    if not (dash and _TIME.fullmatch(begin) and _TIME.fullmatch(end)):
        raise ConfigError("no span of a day, allowed: two times such as 08:00-12:00")
    if minutes_of(begin) >= minutes_of(end):
        raise ConfigError("must end after it begins; over midnight it is two, to 24:00 and from 00:00")
    return minutes_of(begin), minutes_of(end)


def spans_of(texts: tuple[str, ...]) -> tuple[Span, ...]:
    """Return the spans of a day in order. Raises `ConfigError`, also where two overlap."""
    spans = sorted(map(span_of, texts))
    if any(earlier[1] > later[0] for earlier, later in pairwise(spans)):
        raise ConfigError("spans overlap, allowed: each minute once")
    return tuple(spans)


def offset_ms(zone: zoneinfo.ZoneInfo, at_ms: int) -> int:
    """Return local time less UTC."""
    offset = datetime.fromtimestamp(at_ms / 1_000, zone).utcoffset()
    assert offset is not None  # every ZoneInfo has one
    return offset // timedelta(milliseconds=1)


def same_offset(zone: zoneinfo.ZoneInfo, start_ms: int, end_ms: int) -> Iterator[tuple[int, int, int]]:
    """Cut a span where the zone's clock changes: yield start, end and the offset in between, in ms.

    A clock that is changed and changed back within a day would be missed; none ever was.
    """
    begun = at = start_ms
    while at < end_ms:
        then = min(at + DAY_MS, end_ms)
        change = _change(zone, at, then)
        if change is not None:
            yield begun, change, offset_ms(zone, at)
            begun = change
        at = then if change is None else change
    if begun < end_ms:
        yield begun, end_ms, offset_ms(zone, begun)


def _change(zone: zoneinfo.ZoneInfo, start_ms: int, end_ms: int) -> int | None:
    """Return when the clock is changed in `(start_ms, end_ms]`, at most a day."""
    before = offset_ms(zone, start_ms)
    if offset_ms(zone, end_ms) == before:
        return None
    later = range(start_ms + 1, end_ms)
    return start_ms + 1 + bisect_left(later, True, key=lambda ms: offset_ms(zone, ms) != before)


def instant_ms(day: date, minutes: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return when the clock of a zone first shows a time of a day; one that it skips comes as much after the change."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minutes)
    return (local - _EPOCH) // timedelta(milliseconds=1)


def minute_of_week(at_ms: int, zone: zoneinfo.ZoneInfo) -> tuple[int, int]:
    """Return the weekday, 0 being Monday, and the minute of the day that the clock shows."""
    local = datetime.fromtimestamp(at_ms / 1_000, zone)
    return local.weekday(), local.hour * 60 + local.minute


def clock_text(minutes: int) -> str:
    """Write minutes of the day as `HH:MM`."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
