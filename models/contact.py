"""The record of one contact: its facts, and what they contribute to the panes.

A record is the sorted set of its facts, kept packed. `merge` is commutative and idempotent; `contribution` is a pure
function of the facts: it reads them in order, and each step adds what it changes. The contribution of facts that came in
order is therefore that of the facts before plus one step more, which is how an ordinary event is folded; every other event
takes the general way, old contribution out, new one in.

A **visit** begins with each `queued` and ends at its answer or exit. Without `queue` on a fact it is the visit that waits
longest. A **leg** begins with each `answered` and ends at its `left`, at a `transferred` that names its person, or at
`ended`; wrap-up that comes later moves the leg's completion to its own time. What closes something and finds nothing
open waits for what opens in the same millisecond. Repeated facts (held while held, wrapped twice) change nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from sys import intern
from typing import Final, TypeVar

import msgspec

from models import facts as kinds
from models.book import Key
from models.facts import MARK, NO_FACTS, PLACE, Fact, encode_fact, encoded_of, pack, packed_of, unpack, weight
from models.histogram import SECONDS, bucket_of
from models.measures import (
    ABANDON_WAIT,
    ABANDON_WAIT_MS,
    ANSWER_WAIT,
    ANSWER_WAIT_MS,
    COHORT_ABANDON_WAIT,
    COHORT_ANSWER_WAIT,
    COHORT_CALLBACK_WAIT,
    COHORT_EXIT_WAIT,
    EXIT_WAIT,
    EXIT_WAIT_MS,
    EXITED,
    HANDLE,
    HOLD_MS,
    IN_PROGRESS,
    LONG_WAIT,
    OFFERED,
    TALK_MS,
    TRANSFERRED,
    WAITING,
    WRAP_UP_MS,
)

Cells = tuple[tuple[int, int], ...]  # cells and what to add to each
Visit = tuple[Key, int, bool]  # queue and channel, entry in ms, whether it is offered (neither callback nor outbound)

ASLEEP: Final = 1 << 62  # as `last_at`: the facts are known, what they mean was not read yet


@dataclass(slots=True)
class Contribution:
    """What records contribute: sums to the panes of a time, and what stands open since a time. Times in ms.

    The last of each is a factor: 1 adds, -1 takes back.
    """

    counted: list[tuple[Key, int, Cells, int]] = field(default_factory=list)
    opened: list[tuple[Key, int, int, int]] = field(default_factory=list)  # a live cell, and since when

    def add(self, other: "Contribution") -> None:
        """Add another contribution."""
        self.counted += other.counted
        self.opened += other.opened

    def take_back(self, other: "Contribution") -> None:
        """Add the opposite of another contribution."""
        self.counted += [(key, at, cells, -factor) for key, at, cells, factor in other.counted]
        self.opened += [(key, cell, start, -factor) for key, cell, start, factor in other.opened]

    def clear(self) -> None:
        """Become empty."""
        self.counted.clear()
        self.opened.clear()


class Leg(msgspec.Struct, gc=False):
    """One person's handling of the contact; times and durations in ms."""

    agent: str
    key: Key | None
    start: int
    end: int | None = None
    held_at: int | None = None
    hold_ms: int = 0
    transferred: bool = False
    handled: Cells = ()  # talk and hold, as counted at the end; wrap-up counts them anew


class Contact:
    """The record of one contact; `encoded` holds all of it (the facts one after the other), the rest is read from it."""

    __slots__ = (
        "count",
        "direction",
        "encoded",
        "ended",
        "key",
        "last_at",
        "last_rank",
        "legs",
        "unmatched",
        "visits",
    )

    def __init__(self, packed: bytes = NO_FACTS) -> None:
        if packed is NO_FACTS:
            self.count, self.encoded, self.last_at = 0, b"", -1
        else:
            (self.count, self.encoded), self.last_at = encoded_of(packed), ASLEEP
        self._forget()

    def _forget(self) -> None:
        self.last_rank = 0
        self.direction: str | None = None
        self.key: Key | None = None  # of the last visit
        self.visits: tuple[Visit, ...] = ()
        self.legs: tuple[Leg, ...] = ()  # those that go on, and those that ended and have no wrap-up yet
        self.unmatched: tuple[Fact, ...] = ()
        self.ended = False

    @property
    def packed(self) -> bytes:
        """Return the facts; a contact made from them is the same contact."""
        return packed_of(self.count, self.encoded)

    def append(self, fact: Fact, out: Contribution) -> bool:
        """Add a fact that is new and to be read after all others; what it contributes is added to `out`.

        Returns False, and does nothing, where it is not or that is not known: then `merge` is the way.
        """
        at, seq, kind, mark = fact[:PLACE]
        rank = seq * 256 + kind
        if at <= self.last_at and (at < self.last_at or rank <= self.last_rank):
            return False
        if self.encoded.find(mark) >= 0 or self.unmatched:
            return False
        self.encoded += encode_fact(fact)
        self.count += 1
        self.last_at = at
        self.last_rank = rank
        if not _STEPS[kind](self, fact, out):
            self.unmatched = (fact,)
        return True

    def merge(self, fact: Fact, out: Contribution) -> bool:
        """Add any fact; what the contribution changed by is added to `out`. Returns False where nothing is new.

        Of two facts with the same id the weightier one stands, so the order of merging does not matter.
        """
        held = self.facts()
        facts = {known[MARK]: known for known in held}
        same = facts.get(fact[MARK])
        if same is not None and weight(same) >= weight(fact):
            return False
        out.take_back(self._read_all(held))
        facts[fact[MARK]] = fact
        in_order = sorted(facts.values(), key=lambda known: known[:PLACE])
        self.count, self.encoded = encoded_of(pack(in_order))
        out.add(self._read_all(in_order))
        return True

    def facts(self) -> list[Fact]:
        """Return the facts in the order of reading."""
        return unpack(self.packed)

    def contribution(self) -> Contribution:
        """Return all that the facts contribute."""
        return self._read_all(self.facts())

    def wake(self) -> None:
        """Read the facts if that was not done since the record was restored."""
        if self.last_at == ASLEEP:
            self.contribution()

    def history(self) -> Iterator[tuple[int, Contribution]]:
        """Read the facts again, one by one; yield the time of each and what it contributed."""
        self._forget()
        for fact in self.facts():
            out = Contribution()
            self._read(fact, out)
            yield fact[0], out

    def _read_all(self, in_order: Iterable[Fact]) -> Contribution:
        """Read the facts anew, from the first; return their contribution."""
        self._forget()
        out = Contribution()
        for fact in in_order:
            self._read(fact, out)
        return out

    def _read(self, fact: Fact, out: Contribution) -> None:
        at, seq, kind = fact[:3]
        self.last_at = at
        self.last_rank = seq * 256 + kind
        if self.unmatched and self.unmatched[0][0] != at:
            self.unmatched = ()
        if not _STEPS[kind](self, fact, out):
            self.unmatched += (fact,)
        elif self.unmatched and kind in _OPENS:
            self.unmatched = tuple(left for left in self.unmatched if not _STEPS[left[2]](self, left, out))

    def visit(self, queue: str | None) -> Visit | None:
        """Return the open visit to `queue`, else, where none is named, the one that waits longest."""
        for visit in self.visits:
            if queue is None or visit[0][0] == queue:
                return visit
        return None

    def leg(self, agent: str | None) -> Leg | None:
        """Return the open leg of a person, else, where none is named, the oldest."""
        for leg in self.legs:
            if leg.end is None and (agent is None or leg.agent == agent):
                return leg
        return None


T = TypeVar("T")


def _without(things: tuple[T, ...], gone: T) -> tuple[T, ...]:
    return () if len(things) == 1 else tuple(thing for thing in things if thing is not gone)


# One step for each kind of fact. It returns False where the fact closes something and found nothing open.


def _started(contact: Contact, fact: Fact, _out: Contribution) -> bool:
    contact.direction = fact[5]
    return True


_OFFERED: Final = ((OFFERED, 1),)


def _queued(contact: Contact, fact: Fact, out: Contribution) -> bool:
    at, _, _, _, _, queue, channel, direction = fact
    key = contact.key = (intern(queue), intern(channel))
    offered = (direction or contact.direction or "inbound") == "inbound"
    contact.visits += ((key, at, offered),)
    contact.ended = False
    if offered:
        out.counted.append((key, at, _OFFERED, 1))
        out.opened.append((key, WAITING, at, 1))
    return True


def _answered(contact: Contact, fact: Fact, out: Contribution) -> bool:
    at, _, _, _, _, agent, queue, channel, role = fact
    if role == "primary":
        visit = contact.visit(queue)
        if visit is not None:
            _answer_visit(contact, visit, at, out)
            key: Key | None = visit[0]
        else:
            key = (queue, channel) if queue else contact.key
    elif role == "conference":
        key = contact.key
    else:
        return True
    if contact.leg(agent) is None:
        contact.legs += (Leg(intern(agent), key, at),)
        if key is not None:
            out.opened.append((key, IN_PROGRESS, at, 1))
    return True


def _answer_visit(contact: Contact, answered: Visit, at: int, out: Contribution) -> None:
    """End the visit that was answered; the contact's others were answered elsewhere: neither offered nor lost."""
    for visit in contact.visits:
        if visit is answered:
            _leave(visit, at, ANSWER_WAIT, COHORT_ANSWER_WAIT, ANSWER_WAIT_MS, out)
        else:
            _exit(visit, at, "answered_elsewhere", out)
    contact.visits = ()


def _exited(contact: Contact, fact: Fact, out: Contribution) -> bool:
    at, _, _, _, _, reason, queue = fact
    visit = contact.visit(queue)
    if visit is None:
        return False
    contact.visits = _without(contact.visits, visit)
    _exit(visit, at, reason, out)
    return True


def _exit(visit: Visit, at: int, reason: str, out: Contribution) -> None:
    if reason == "abandoned":
        _leave(visit, at, ABANDON_WAIT, COHORT_ABANDON_WAIT, ABANDON_WAIT_MS, out)
    elif reason == "answered_elsewhere":
        key, entered_at, offered = visit
        if offered:
            out.opened.append((key, WAITING, entered_at, -1))
            out.counted.append((key, entered_at, _OFFERED, -1))
    else:
        cohort_waits = COHORT_CALLBACK_WAIT if reason == "callback_accepted" else COHORT_EXIT_WAIT
        _leave(visit, at, EXIT_WAIT, cohort_waits, EXIT_WAIT_MS, out)
        if visit[2]:
            out.counted.append((visit[0], at, ((EXITED[reason], 1),), 1))


def _leave(visit: Visit, at: int, waits: int, cohort_waits: int, sum_ms: int, out: Contribution) -> None:
    """Count a visit's wait, in the histogram of its end and in that of its entry."""
    key, entered_at, offered = visit
    if offered:
        wait_ms = at - entered_at
        bucket = bucket_of(wait_ms)
        out.opened.append((key, WAITING, entered_at, -1))
        out.counted.append((key, entered_at, ((cohort_waits + bucket, 1),), 1))
        out.counted.append((key, at, ((waits + bucket, 1), (sum_ms, wait_ms)), 1))
        if bucket > SECONDS:
            out.counted.append((key, at, ((LONG_WAIT + wait_ms, 1),), 1))


def _held(contact: Contact, fact: Fact, _out: Contribution) -> bool:
    leg = contact.leg(fact[5])
    if leg is not None and leg.held_at is None:
        leg.held_at = fact[0]
    return True


def _resumed(contact: Contact, fact: Fact, _out: Contribution) -> bool:
    leg = contact.leg(fact[5])
    if leg is None or leg.held_at is None:
        return False
    leg.hold_ms += fact[0] - leg.held_at
    leg.held_at = None
    return True


def _transferred(contact: Contact, fact: Fact, out: Contribution) -> bool:
    leg = contact.leg(fact[5]) if fact[5] is not None else None
    if leg is None:
        return False
    leg.transferred = True
    _end_leg(leg, fact[0], out)
    return True


def _left(contact: Contact, fact: Fact, out: Contribution) -> bool:
    leg = contact.leg(fact[5])
    if leg is None:
        return False
    _end_leg(leg, fact[0], out)
    return True


def _end_leg(leg: Leg, at: int, out: Contribution) -> None:
    if leg.held_at is not None:
        leg.hold_ms += at - leg.held_at
    leg.end = at
    if leg.key is not None:
        span_ms = at - leg.start
        cells: Cells = ((HANDLE + bucket_of(span_ms), 1), (TALK_MS, span_ms - leg.hold_ms))
        if leg.hold_ms:
            cells += ((HOLD_MS, leg.hold_ms),)
        if leg.transferred:
            cells += ((TRANSFERRED, 1),)
        leg.handled = cells
        out.opened.append((leg.key, IN_PROGRESS, leg.start, -1))
        out.counted.append((leg.key, at, cells, 1))


def _ended(contact: Contact, fact: Fact, out: Contribution) -> bool:
    at, by = fact[0], fact[5]
    for visit in contact.visits:
        _exit(visit, at, "abandoned" if by in (None, "customer") else "system_drop", out)
    contact.visits = ()
    for leg in contact.legs:
        if leg.end is None:
            _end_leg(leg, at, out)
    contact.ended = True
    return True


def _wrapped(contact: Contact, fact: Fact, out: Contribution) -> bool:
    """Complete the leg here instead of at its end."""
    at, agent = fact[0], fact[5]
    leg, end = None, -1
    for closed in contact.legs:
        if closed.end is not None and closed.end >= end and (agent is None or closed.agent == agent):
            leg, end = closed, closed.end
    if leg is not None:
        contact.legs = _without(contact.legs, leg)
        if leg.key is not None:
            handle = HANDLE + bucket_of(at - leg.start), 1
            out.counted.append((leg.key, end, leg.handled, -1))
            out.counted.append((leg.key, at, (handle, (WRAP_UP_MS, at - end), *leg.handled[1:]), 1))
    return True


def _nothing(_contact: Contact, _fact: Fact, _out: Contribution) -> bool:
    return True


_STEPS: Final[dict[int, Callable[[Contact, Fact, Contribution], bool]]] = {
    kinds.RESUMED: _resumed,
    kinds.TRANSFERRED: _transferred,
    kinds.LEFT: _left,
    kinds.EXITED: _exited,
    kinds.STARTED: _started,
    kinds.QUEUED: _queued,
    kinds.RINGING: _nothing,
    kinds.DECLINED: _nothing,
    kinds.ANSWERED: _answered,
    kinds.HELD: _held,
    kinds.BLOCKED: _nothing,
    kinds.ENDED: _ended,
    kinds.WRAPPED: _wrapped,
}
_OPENS: Final = frozenset({kinds.QUEUED, kinds.ANSWERED, kinds.HELD})
