"""Open hours and business days, in the local time of a zone; what they return is UTC ms.

Open is when the clock on the wall shows an open time: an hour that occurs twice is open twice, one that is skipped never.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final

import holidays
import xxhash

from models.errors import ConfigError
from models.local_time import DAY_MS, WEEKDAYS, Span, clock_text, same_offset, zone_of
from models.retention import MINUTE_MS

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_YEARS_SAID: Final = range(2020, 2040)  # of holidays in the canonical text


@lru_cache(maxsize=64)
def holidays_of(code: str) -> holidays.HolidayBase:
    """Return the holidays of a country or a part of one: `CH`, `CH-ZH`. Raises `ConfigError`."""
    country, _, part = code.partition("-")
    known = holidays.list_supported_countries()
    if country not in known:
        raise ConfigError("unknown country, allowed: ISO 3166 codes such as CH, CH-ZH, US-CA")
    if part and part not in known[country]:
        raise ConfigError(f"unknown part of {country}, allowed: {', '.join(known[country]) or 'none'}")
    return holidays.country_holidays(country, subdiv=part or None)


@dataclass(frozen=True)
class _Year:
    """The open spans of a year of UTC, in order."""

    starts: list[int]
    ends: list[int]
    opened: list[int]  # before each span, and after the last

    def before(self, at_ms: int) -> int:
        """Return how many ms of the year before a time are open."""
        after = bisect_right(self.starts, at_ms)
        if not after:
            return 0
        return self.opened[after - 1] + min(at_ms, self.ends[after - 1]) - self.starts[after - 1]


@dataclass(frozen=True)
class OpenHours:
    """When a queue is open: the spans of each weekday, without holidays and what is `closed`, and exceptions.

    An exception in `open` replaces all that would hold on its date, holidays too.
    """

    zone: str
    week: tuple[tuple[Span, ...], ...]
    """Of seven days, Monday first; the spans in order and apart."""
    holidays: str | None = None
    closed: frozenset[date] = frozenset()
    open: Mapping[date, tuple[Span, ...]] = field(default_factory=dict, hash=False)
    _years: dict[int, _Year] = field(default_factory=dict, init=False, repr=False, compare=False)

    def open_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how many ms of `[start_ms, end_ms)` are open, as time passes, whatever the clock on the wall does."""
        if end_ms <= start_ms:
            return 0
        first, last = _year_of(start_ms), _year_of(end_ms)
        whole = sum(self._year(year).opened[-1] for year in range(first, last))
        return whole + self._year(last).before(end_ms) - self._year(first).before(start_ms)

    def is_open(self, at_ms: int) -> bool:
        """Tell whether it is open at a time."""
        return self.open_ms(at_ms, at_ms + 1) == 1

    def spans_on(self, day: date) -> tuple[Span, ...]:
        """Return what is open on a date."""
        if (instead := self.open.get(day)) is not None:
            return instead
        if day in self.closed or (self.holidays is not None and day in holidays_of(self.holidays)):
            return ()
        return self.week[day.weekday()]

    def _year(self, year: int) -> _Year:
        found = self._years.get(year)
        if found is None:
            spans = self._spans(_year_start(year), _year_start(year + 1))
            opened = accumulate((end - start for start, end in spans), initial=0)
            found = _Year([start for start, _ in spans], [end for _, end in spans], list(opened))
            self._years[year] = found
        return found

    def _spans(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Return what is open in a span of UTC."""
        found = []
        for first, last, offset in same_offset(zone_of(self.zone), start_ms, end_ms):
            for day in range((first + offset) // DAY_MS, -(-(last + offset) // DAY_MS)):
                midnight = day * DAY_MS - offset
                for begin, end in self.spans_on(date.fromordinal(_EPOCH_DAY + day)):
                    span = max(midnight + begin * MINUTE_MS, first), min(midnight + end * MINUTE_MS, last)
                    if span[0] < span[1]:
                        found.append(span)
        return found

    def canonical(self) -> dict[str, Any]:
        """Return all that it depends on, for JSON; of holidays also the dates: they may change with the library."""
        said: dict[str, Any] = {"zone": self.zone}
        said |= {day: _texts(spans) for day, spans in zip(WEEKDAYS, self.week, strict=True) if spans}
        if self.closed:
            said["closed"] = sorted(map(str, self.closed))
        if self.open:
            said["open"] = {str(day): _texts(spans) for day, spans in self.open.items()}
        if self.holidays is not None:
            days = holidays_of(self.holidays)
            january = [date(year, 1, 1).toordinal() for year in (_YEARS_SAID.start, _YEARS_SAID.stop)]
            dates = " ".join(str(day) for n in range(*january) if (day := date.fromordinal(n)) in days)
            said["holidays"] = [self.holidays, xxhash.xxh64_hexdigest(dates)]
        return said


def _texts(spans: tuple[Span, ...]) -> list[str]:
    return [f"{clock_text(begin)}-{clock_text(end)}" for begin, end in spans]


def _year_of(at_ms: int) -> int:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).year


def _year_start(year: int) -> int:
    return (date(year, 1, 1).toordinal() - _EPOCH_DAY) * DAY_MS
