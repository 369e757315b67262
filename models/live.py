"""What stands open at one moment: who waits, rings, talks, and for how long."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from models import measures
from models.goals import Goals
from models.metric import Value
from models.opened import Opened


@dataclass(frozen=True)
class LiveFigures:
    """Counts, and ages in ms; an age is None where nothing is open. `of_queue` reads them, `of_all` adds them up."""

    waiting: int = 0
    waiting_within: int = 0
    longest_wait: int | None = None
    longest_contact_age: int | None = None
    ringing: int = 0
    in_progress: int = 0
    in_acw: int = 0
    callbacks_scheduled: int = 0
    callbacks_due: int = 0
    callbacks_overdue: int = 0
    oldest_callback: int | None = None
    unanswered: int = 0
    wait_for_reply_now: int | None = None

    def values(self) -> dict[str, Value]:
        """Return the live metrics of the catalogue in their units."""
        values: dict[str, Value] = asdict(self)
        within = values.pop("waiting_within") or 0
        for name in ("longest_wait", "longest_contact_age", "oldest_callback", "wait_for_reply_now"):
            values[name] = None if (age := values[name]) is None else age / 1_000
        return values | {"sl_v12": within / self.waiting if self.waiting else None}


def of_queue(opened: Opened, now_ms: int, goals: Goals, before_ms: int | None = None) -> LiveFigures:
    """Read what stands open of a queue and channel at `now_ms`; what time alone does is done before `before_ms`.

    That is by `now_ms`, itself included, unless told: at the end of an interval what happens in that moment is not in it.
    """
    end_ms = now_ms + 1 if before_ms is None else before_ms
    waits = [(start, n) for start, end, n in opened.of(measures.WAITING) if start <= now_ms and end >= end_ms]
    older = [(start, n) for start, end, n in opened.of(measures.WAITING_CONTACT) if start <= now_ms and end >= end_ms]
    callbacks = [(start, due, n) for start, due, n in opened.of(measures.CALLBACKS) if start <= now_ms]
    asked = [(start, n) for start, _, n in opened.of(measures.UNANSWERED) if start <= now_ms]
    tolerance_ms = 1_000 * goals.callback_tolerance_s
    return LiveFigures(
        waiting=sum([n for _, n in waits]),
        waiting_within=sum([n for start, n in waits if goals.is_within(start, now_ms)]),
        longest_wait=_age(waits, now_ms),
        longest_contact_age=_age(waits + older, now_ms),
        ringing=_open_until(opened, measures.RINGING, now_ms, end_ms),
        in_progress=opened.begun(measures.IN_PROGRESS, now_ms),
        in_acw=_open_until(opened, measures.IN_ACW, now_ms, end_ms),
        callbacks_scheduled=sum(n for _, due, n in callbacks if due >= end_ms),
        callbacks_due=sum(n for _, due, n in callbacks if due < end_ms),
        callbacks_overdue=sum(n for _, due, n in callbacks if due + tolerance_ms < end_ms - 1),
        oldest_callback=_age([(start, n) for start, _, n in callbacks], now_ms),
        unanswered=sum(n for _, n in asked),
        wait_for_reply_now=_age(asked, now_ms),
    )


def of_all(figures: Iterable[LiveFigures]) -> LiveFigures:
    """Add up the figures of several queues: counts are summed, the oldest is the oldest of all."""
    every = list(figures)
    merged: dict[str, Any] = {}
    for name in LiveFigures.__dataclass_fields__:
        values = [value for one in every if (value := getattr(one, name)) is not None]
        is_age = LiveFigures.__dataclass_fields__[name].default is None
        merged[name] = max(values, default=None) if is_age else sum(values)
    return LiveFigures(**merged)


def _open_until(opened: Opened, cell: int, now_ms: int, end_ms: int) -> int:
    return sum(n for start, end, n in opened.of(cell) if start <= now_ms and end >= end_ms)


def _age(starts: list[tuple[int, int]], now_ms: int) -> int | None:
    oldest = min([start for start, n in starts if n > 0], default=None)
    return None if oldest is None else now_ms - oldest
