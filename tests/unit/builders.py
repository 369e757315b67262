"""Small builders of events, and of the cells that a happening counts for, written a second time and apart from the core.

Times are seconds after `START_MS`, which begins a quarter of an hour. Expected sums are Counters of what GLOSSARY 0 to 5
says each happening counts for, and when: entry, answer, exit, completion.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from models import events as ev
from models import measures
from models.book import Key
from models.codec import decoder, encode
from models.contact import Contact, Contribution
from models.events import By, ContactEvent, Direction, ExitReason, Role
from models.folding import FoldSettings
from models.panes import Retention
from models.partition import Line, PartitionState

START_MS: Final = 1_717_999_200_000  # 10 June 2024, 06:00 UTC
QUARTER_S: Final = 900
DECODE: Final = decoder("call")
FOREVER: Final = FoldSettings(lateness_ms=None, skew_ms=None, retention=Retention(quarters_ms=None))
Sums = Counter[tuple[Key, int, int]]  # queue and channel, time in ms, cell


def ms(seconds: float) -> int:
    return START_MS + round(seconds * 1_000)


# Events of contact "c", in short. Ids are unique unless told.

_ids = iter(range(1 << 60))


def _id(given: str | None) -> str:
    return given or f"e{next(_ids)}"


def started(s: float, direction: Direction | None = None, *, c: str = "c", i: str | None = None) -> ev.Started:
    return ev.Started(id=_id(i), at=ms(s), contact_id=c, direction=direction)


def queued(
    s: float,
    queue: str = "sales",
    *,
    direction: Direction | None = None,
    channel: str | None = None,
    c: str = "c",
    i: str | None = None,
    rev: int = 0,
    seq: int = 0,
) -> ev.Queued:
    return ev.Queued(
        id=_id(i), at=ms(s), contact_id=c, queue=queue, direction=direction, channel=channel, rev=rev, seq=seq
    )


def ringing(s: float, agent: str = "ann", *, c: str = "c") -> ev.Ringing:
    return ev.Ringing(id=_id(None), at=ms(s), contact_id=c, agent=agent)


def declined(s: float, agent: str = "ann", *, c: str = "c") -> ev.Declined:
    return ev.Declined(id=_id(None), at=ms(s), contact_id=c, agent=agent)


def answered(
    s: float,
    agent: str = "ann",
    queue: str | None = None,
    *,
    role: Role = "primary",
    c: str = "c",
    i: str | None = None,
    rev: int = 0,
) -> ev.Answered:
    return ev.Answered(id=_id(i), at=ms(s), contact_id=c, agent=agent, queue=queue, role=role, rev=rev)


def held(s: float, agent: str | None = None, *, c: str = "c") -> ev.Held:
    return ev.Held(id=_id(None), at=ms(s), contact_id=c, agent=agent)


def resumed(s: float, agent: str | None = None, *, c: str = "c") -> ev.Resumed:
    return ev.Resumed(id=_id(None), at=ms(s), contact_id=c, agent=agent)


def transferred(s: float, agent: str | None = "ann", *, c: str = "c") -> ev.Transferred:
    return ev.Transferred(id=_id(None), at=ms(s), contact_id=c, agent=agent)


def left(s: float, agent: str = "ann", *, c: str = "c") -> ev.Left:
    return ev.Left(id=_id(None), at=ms(s), contact_id=c, agent=agent)


def exited(
    s: float,
    reason: ExitReason = "abandoned",
    queue: str | None = None,
    *,
    c: str = "c",
    i: str | None = None,
    rev: int = 0,
    seq: int = 0,
) -> ev.Exited:
    return ev.Exited(id=_id(i), at=ms(s), contact_id=c, reason=reason, queue=queue, rev=rev, seq=seq)


def blocked(s: float, *, c: str = "c") -> ev.Blocked:
    return ev.Blocked(id=_id(None), at=ms(s), contact_id=c, reason="queue_full", queue="sales")


def ended(s: float, by: By | None = None, *, c: str = "c", i: str | None = None, rev: int = 0) -> ev.Ended:
    return ev.Ended(id=_id(i), at=ms(s), contact_id=c, by=by, rev=rev)


def wrapped(s: float, agent: str | None = None, *, c: str = "c") -> ev.Wrapped:
    return ev.Wrapped(id=_id(None), at=ms(s), contact_id=c, agent=agent)


# What a happening counts for. Durations in seconds; a duration's bucket is its whole seconds, rounded up.


def key(queue: str = "sales", channel: str = "voice") -> Key:
    return queue, channel


def _count(queue: Key | str, cells: dict[tuple[float, int], int]) -> Sums:
    named = key(queue) if isinstance(queue, str) else queue
    return Sums({(named, ms(at), cell): n for (at, cell), n in cells.items()})


def _up(seconds: float) -> int:
    return -(-round(seconds * 1_000) // 1_000)


def is_offered(entry: float, queue: Key | str = "sales") -> Sums:
    return _count(queue, {(entry, measures.OFFERED): 1})


def is_waiting(entry: float, queue: Key | str = "sales") -> Sums:
    return is_offered(entry, queue) + _count(queue, {(entry, measures.WAITING): 1})


def is_answered(entry: float, wait: float, queue: Key | str = "sales") -> Sums:
    at, up = entry + wait, _up(wait)
    return (
        is_offered(entry, queue)
        + _count(queue, {(entry, measures.COHORT_ANSWER_WAIT + up): 1, (at, measures.ANSWER_WAIT + up): 1})
        + _count(queue, {(at, measures.ANSWER_WAIT_MS): round(wait * 1_000)})
    )


def is_abandoned(entry: float, wait: float, queue: Key | str = "sales") -> Sums:
    at, up = entry + wait, _up(wait)
    return (
        is_offered(entry, queue)
        + _count(queue, {(entry, measures.COHORT_ABANDON_WAIT + up): 1, (at, measures.ABANDON_WAIT + up): 1})
        + _count(queue, {(at, measures.ABANDON_WAIT_MS): round(wait * 1_000)})
    )


def is_exited(entry: float, wait: float, reason: ExitReason, queue: Key | str = "sales") -> Sums:
    at, up = entry + wait, _up(wait)
    cohort = measures.COHORT_CALLBACK_WAIT if reason == "callback_accepted" else measures.COHORT_EXIT_WAIT
    return (
        is_offered(entry, queue)
        + _count(queue, {(entry, cohort + up): 1, (at, measures.EXITED[reason]): 1, (at, measures.EXIT_WAIT + up): 1})
        + _count(queue, {(at, measures.EXIT_WAIT_MS): round(wait * 1_000)})
    )


def is_in_progress(start: float, queue: Key | str = "sales") -> Sums:
    return _count(queue, {(start, measures.IN_PROGRESS): 1})


def is_handled(
    completed: float, talk: float, hold: float = 0, acw: float = 0, queue: Key | str = "sales", *, moved_on: int = 0
) -> Sums:
    """Count a leg; `completed` is its end, or the end of its wrap-up; `moved_on` 1 where it ended in a transfer."""
    cells = {
        measures.HANDLE + _up(talk + hold + acw): 1,
        measures.TALK_MS: round(talk * 1_000),
        measures.HOLD_MS: round(hold * 1_000),
        measures.WRAP_UP_MS: round(acw * 1_000),
        measures.TRANSFERRED: moved_on,
    }
    return _count(queue, {(completed, cell): n for cell, n in cells.items()})


# Through the core.


def summed(*contributions: Contribution) -> dict[tuple[Key, int, int], int]:
    """Add contributions up; what comes to 0 is left out."""
    sums: Sums = Counter()
    for contribution in contributions:
        for named, at, cells, factor in contribution.counted:
            for cell, n in cells:
                sums[named, at, cell] += factor * n
        for named, cell, start, factor in contribution.opened:
            sums[named, start, cell] += factor
    return {where: n for where, n in sums.items() if n}


def without_zeros(sums: Sums) -> dict[tuple[Key, int, int], int]:
    return {where: n for where, n in sums.items() if n}


def learn(contact: Contact, event: ContactEvent, out: Contribution, channel: str = "voice") -> bool:
    """Give one event to a record as the fold does: the fast way where it may, else the general one."""
    fact = event.fact(channel)
    return contact.append(fact, out) or contact.merge(fact, out)


def record_of(events: Iterable[ContactEvent]) -> tuple[Contact, dict[tuple[Key, int, int], int]]:
    """Return the record of the events, in this order, and the sum of all that it contributed on the way."""
    contact, out = Contact(), Contribution()
    for event in events:
        learn(contact, event, out)
    return contact, summed(out)


def records(events: Iterable[ContactEvent], first: int = 0, appended_ms: int = 0) -> list[Line]:
    """Return the log's records of events."""
    return [Line(first + number, encode("call", event), appended_ms) for number, event in enumerate(events)]


def folded(events: Iterable[ContactEvent], settings: FoldSettings = FOREVER) -> PartitionState:
    """Return stage 1 after these events."""
    state = PartitionState(DECODE, settings)
    state.fold(records(events))
    return state
