"""From the clauses of the settings to books of terms, and what contradicts itself in them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, Final

from models.book import Book, Clause, Hours, Key, matches
from models.calendars import OpenHours
from models.errors import ConfigError
from models.folding import QueueRules, clock_of, default_rules, ruled, without_clock
from models.goals import Goals
from models.local_time import WEEKDAYS, span_of, spans_of, zone_of
from models.sections import CalendarSettings, QueueSettings, ServiceLevelSettings
from models.settings_source import ContradictionError

BY_THE_HOUR: Final = (
    "threshold_s",
    "short_abandon_s",
    "formula",
    "live",
    "goal",
    "first_response_s",
    "callback_tolerance_s",
)
FOR_LIFE: Final = ("callbacks_in_offered", "wrap_up", "wrap_up_limit_s", "expires_min", "wait_clock", "calendar")
GOALS: Final = frozenset({*BY_THE_HOUR, "wait_clock", "calendar"})
RULES: Final = frozenset({"threshold_s", "short_abandon_s", *FOR_LIFE})
Calendars = Mapping[str, OpenHours]


def open_hours(calendars: Mapping[str, CalendarSettings], zone: str) -> dict[str, OpenHours]:
    """Return the calendars by name; `zone` is of those that name none. Raises `ContradictionError`."""
    return {name: _open_hours(f"calendars.{name}", calendar, zone) for name, calendar in calendars.items()}


def _open_hours(where: str, calendar: CalendarSettings, zone: str) -> OpenHours:
    week = tuple(spans_of(getattr(calendar, day)) for day in WEEKDAYS)
    instead = {date.fromisoformat(day): spans_of(spans) for day, spans in calendar.open.items()}
    if both := sorted(instead.keys() & set(calendar.closed)):
        raise ContradictionError(f"{where}.open", "a date that is in closed too, allowed: in one of them", str(both[0]))
    if not (any(week) or any(instead.values())):
        raise ContradictionError(
            where, "never open, allowed: hours on a weekday, or in open", calendar.model_dump(exclude_unset=True)
        )
    return OpenHours(calendar.zone or zone, week, calendar.holidays, frozenset(calendar.closed), instead)


def check(queues: tuple[QueueSettings, ...], calendars: Calendars, zone: str) -> None:
    """Raise `ContradictionError` for the first clause that contradicts itself or another one."""
    since_ms = [_valid_from_ms(f"queues[{number}]", queue, zone) or 0 for number, queue in enumerate(queues)]
    for number, queue in enumerate(queues):
        where, said = f"queues[{number}]", queue.model_dump(exclude_none=True)
        if not said.keys() & {*BY_THE_HOUR, *FOR_LIFE, "site"}:
            allowed = ", ".join((*BY_THE_HOUR, *FOR_LIFE, "site"))
            raise ContradictionError(where, f"changes nothing, allowed: at least one of {allowed}", said)
        if queue in queues[:number]:
            raise ContradictionError(where, f"the same as queues[{queues.index(queue)}]", said)
        _hours(where, queue, zone)
        _check_limits(where, said)
        if queue.calendar is not None and queue.calendar not in calendars:
            known = ", ".join(calendars) or "none, see [calendars]"
            raise ContradictionError(f"{where}.calendar", f"unknown calendar, known: {known}", queue.calendar)
        earlier = [other for other, since in zip(queues, since_ms, strict=True) if since <= since_ms[number]]
        if queue.wait_clock == "open_hours" and not any(_gives_a_calendar(other, queue) for other in earlier):
            what = "no calendar for all of these queues, allowed: with a calendar, here or in a wider clause"
            raise ContradictionError(f"{where}.wait_clock", what, queue.wait_clock)


def _check_limits(where: str, said: Mapping[str, Any]) -> None:
    """Raise `ContradictionError` where something is limited to times or a channel that may not be."""
    if "weekdays" in said or "hours" in said:
        for key in FOR_LIFE:
            if key in said:
                what = f"does not differ by weekday and hour, allowed with weekdays or hours: {', '.join(BY_THE_HOUR)}"
                raise ContradictionError(f"{where}.{key}", what, said[key])
    for key in ("channel", "valid_from", "weekdays", "hours"):
        if "site" in said and key in said:
            what = "a site holds at all times and in all channels, allowed: in a clause without it"
            got = str(said[key]) if key == "valid_from" else said[key]
            raise ContradictionError(f"{where}.{key}", what, got)


def _gives_a_calendar(other: QueueSettings, queue: QueueSettings) -> bool:
    """Tell whether another clause, or this one, gives a calendar to all queues of a clause."""
    wide = other.channel in (None, queue.channel) and matches(queue.queue, other.queue)
    return other.calendar is not None and wide


def _hours(where: str, queue: QueueSettings, zone: str) -> Hours | None:
    if queue.weekdays is None and queue.hours is None:
        return None
    days = tuple(n for n, day in enumerate(WEEKDAYS) if queue.weekdays is None or day in queue.weekdays)
    try:
        return Hours(zone, days, span_of(queue.hours) if queue.hours else (0, 1_440))
    except ConfigError as error:
        raise ContradictionError(f"{where}.hours", str(error), queue.hours) from None


def _valid_from_ms(where: str, queue: QueueSettings, zone: str) -> int | None:
    """Return from when a clause holds, by the clock of the zone unless it names an offset."""
    said = queue.valid_from
    if said is None:
        return None
    local = said if isinstance(said, datetime) else datetime.combine(said, time())
    moment = local if local.tzinfo else local.replace(tzinfo=zone_of(zone))
    seconds = moment.timestamp()
    if isinstance(said, datetime) and datetime.fromtimestamp(seconds, UTC).astimezone(moment.tzinfo) != moment:
        raise ContradictionError(
            f"{where}.valid_from", f"the clock of {zone} skips it, allowed: times that it shows", str(said)
        )
    if seconds % 900:
        raise ContradictionError(
            f"{where}.valid_from", "not on a quarter of an hour, allowed: minutes 00, 15, 30, 45", str(said)
        )
    return int(seconds) * 1_000


def goals(
    level: ServiceLevelSettings, queues: tuple[QueueSettings, ...], calendars: Calendars, zone: str
) -> Book[Goals]:
    """Return what each queue and channel is measured against, at each time."""
    return Book(_default_goals, _clauses(level, queues, calendars, zone, GOALS), _measured)


def rules(
    level: ServiceLevelSettings, queues: tuple[QueueSettings, ...], calendars: Calendars, zone: str
) -> Book[QueueRules]:
    """Return by which rules each queue and channel is counted, at each time."""
    return Book(default_rules, _clauses(level, queues, calendars, zone, RULES), ruled)


def _default_goals(_: Key) -> Goals:
    return Goals()


def _measured(key: Key, terms: Goals, said: Mapping[str, Any]) -> Goals:
    return replace(terms, clock=clock_of(key, said), **without_clock(said))


def _clauses(
    level: ServiceLevelSettings,
    queues: tuple[QueueSettings, ...],
    calendars: Calendars,
    zone: str,
    names: frozenset[str],
) -> tuple[Clause, ...]:
    """Return the clauses that say something of `names`, before them what differs from the defaults for all queues."""
    usual = {name: value for name, value in level.model_dump(exclude_defaults=True).items() if name in names}
    found = [Clause(_terms(usual, calendars))] if usual else []
    for number, queue in enumerate(queues):
        where = f"queues[{number}]"
        if said := {name: value for name, value in queue.model_dump(exclude_none=True).items() if name in names}:
            since, hours = _valid_from_ms(where, queue, zone), _hours(where, queue, zone)
            found.append(Clause(_terms(said, calendars), queue.queue, queue.channel, since, hours))
    return tuple(found)


def _terms(said: dict[str, Any], calendars: Calendars) -> dict[str, Any]:
    """Return what a clause says under the names that the terms have."""
    renamed: dict[str, tuple[str, Any]] = {
        "formula": ("headline", said.get("formula")),
        "expires_min": ("expires_s", said.get("expires_min", 0) * 60),
        "calendar": ("calendar", calendars.get(said.get("calendar", ""))),
    }
    return dict(renamed.get(name, (name, value)) for name, value in said.items())
