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

from collections.abc import Callable, Iterator
from typing import Final

from models import facts as kinds
from models import measures
from models.facts import Fact, encode_fact, unpack, weight
from models.histogram import bucket_of

Key = tuple[str, str]  # queue and channel
Cells = tuple[tuple[int, int], ...]  # cells and what to add to each
Contribution = tuple[Key, int, Cells]  # queue and channel, time in ms, cells
Visit = tuple[Key, int, bool]  # queue and channel, entry in ms, whether it is offered (neither callback nor outbound)

MARK: Final = 8  # bytes
ASLEEP: Final = 1 << 62  # as `last_at`: the facts are known, what they mean was not read yet


class Leg:
    """One person's handling of the contact; times and durations in ms."""

    __slots__ = ("agent", "end", "held_at", "hold_ms", "key", "start", "transferred")

    def __init__(self, agent: str, key: Key | None, start: int) -> None:
        self.agent = agent
        self.key = key
        self.start = start
        self.end = 0
        self.held_at: int | None = None
        self.hold_ms = 0
        self.transferred = False

    def handled(self, wrap_up_ms: int, sign: int) -> Cells:
        """Return the leg's handle time (talk + hold + wrap-up); with sign -1 what takes it back."""
        span_ms = self.end - self.start
        cells: Cells = (
            (measures.HANDLE + bucket_of(span_ms + wrap_up_ms), sign),
            (measures.TALK_MS, sign * (span_ms - self.hold_ms)),
        )
        if self.hold_ms:
            cells += ((measures.HOLD_MS, sign * self.hold_ms),)
        if wrap_up_ms:
            cells += ((measures.WRAP_UP_MS, sign * wrap_up_ms),)
        if self.transferred:
            cells += ((measures.TRANSFERRED, sign),)
        return cells


class Contact:
    """The record of one contact; `packed` and `marks` are all of it, the rest is read from them."""

    __slots__ = (
        "closed",
        "direction",
        "ended",
        "key",
        "last_at",
        "last_rank",
        "legs",
        "marks",
        "packed",
        "unmatched",
        "visits",
    )

    def __init__(self, packed: bytes = b"", marks: bytes = b"") -> None:
        self.packed = packed
        self.marks = marks
        self.last_at = ASLEEP if marks else -1
        self._forget()

    def _forget(self) -> None:
        self.last_rank = 0
        self.direction: str | None = None
        self.key: Key | None = None  # of the last visit
        self.visits: tuple[Visit, ...] = ()
        self.legs: tuple[Leg, ...] = ()
        self.closed: tuple[Leg, ...] = ()  # legs that ended and have no wrap-up yet
        self.unmatched: tuple[Fact, ...] = ()
        self.ended = False

    def append(self, fact: Fact, mark: bytes, out: list[Contribution]) -> bool:
        """Add a fact that is new and to be read after all others; what it contributes is added to `out`.

        Returns False, and does nothing, where it is not or that is not known: then `merge` is the way.
        """
        at, last_at = fact[0], self.last_at
        if at < last_at or (at == last_at and fact[1] * 256 + fact[2] <= self.last_rank) or mark in self.marks:
            return False
        self.packed += encode_fact(fact)
        self.marks += mark
        self._read(fact, out)
        return True

    def merge(self, fact: Fact, mark: bytes) -> list[Contribution] | None:
        """Add any fact; return what the contribution changed by, or None where nothing is new.

        Of two facts with the same id the weightier one stands, so the order of merging does not matter.
        """
        facts = self.facts()
        held = facts.get(mark)
        if held is not None and weight(held) >= weight(fact):
            return None
        before = self._read_all(facts)
        facts[mark] = fact
        after = self._read_all(facts)
        return [(key, at, tuple((cell, -n) for cell, n in cells)) for key, at, cells in before] + after

    def facts(self) -> dict[bytes, Fact]:
        """Return the facts by mark, in the order of reading."""
        marks = [self.marks[start : start + MARK] for start in range(0, len(self.marks), MARK)]
        return dict(zip(marks, unpack(self.packed, len(marks)), strict=True))

    def contribution(self) -> list[Contribution]:
        """Return all that the facts contribute."""
        return self._read_all(self.facts())

    def history(self) -> Iterator[tuple[int, list[Contribution]]]:
        """Read the facts again, one by one; yield the time of each and what it contributed."""
        facts = self.facts()
        self._forget()
        for fact in facts.values():
            out: list[Contribution] = []
            self._read(fact, out)
            yield fact[0], out

    def _read_all(self, facts: dict[bytes, Fact]) -> list[Contribution]:
        """Become the record of these facts; return their contribution."""
        in_order = sorted(facts, key=lambda mark: (facts[mark][:3], mark))
        self._forget()
        self.marks = b"".join(in_order)
        self.packed = kinds.pack(facts[mark] for mark in in_order)
        out: list[Contribution] = []
        for mark in in_order:
            self._read(facts[mark], out)
        return out

    def _read(self, fact: Fact, out: list[Contribution]) -> None:
        at, kind = fact[0], fact[2]
        if self.unmatched and self.unmatched[0][0] != at:
            self.unmatched = ()
        self.last_at = at
        self.last_rank = fact[1] * 256 + kind
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
            if agent is None or leg.agent == agent:
                return leg
        return None


# One step for each kind of fact. It returns False where the fact closes something and found nothing open.


def _started(contact: Contact, fact: Fact, _out: list[Contribution]) -> bool:
    contact.direction = fact[4]
    return True


_ENTERED: Final = ((measures.OFFERED, 1), (measures.WAITING, 1))
_STARTED_LEG: Final = ((measures.IN_PROGRESS, 1),)
_ENDED_LEG: Final = ((measures.IN_PROGRESS, -1),)
_NEVER_OFFERED: Final = ((measures.OFFERED, -1), (measures.WAITING, -1))


def _queued(contact: Contact, fact: Fact, out: list[Contribution]) -> bool:
    at, _, _, _, queue, channel, direction = fact
    key = contact.key = (queue, channel)
    offered = (direction or contact.direction or "inbound") == "inbound"
    contact.visits += ((key, at, offered),)
    contact.ended = False
    if offered:
        out.append((key, at, _ENTERED))
    return True


def _answered(contact: Contact, fact: Fact, out: list[Contribution]) -> bool:
    at, _, _, _, agent, queue, channel, role = fact
    if role == "primary":
        key = _answer_visit(contact, at, queue, out) or ((queue, channel) if queue else contact.key)
    elif role == "conference":
        key = contact.key
    else:
        return True
    if contact.leg(agent) is None:
        contact.legs += (Leg(agent, key, at),)
        if key is not None:
            out.append((key, at, _STARTED_LEG))
    return True


def _answer_visit(contact: Contact, at: int, queue: str | None, out: list[Contribution]) -> Key | None:
    """End the visit that was answered; the contact's others were answered elsewhere: neither offered nor lost."""
    answered = contact.visit(queue)
    if answered is None:
        return None
    for visit in contact.visits:
        key, entered_at, offered = visit
        if not offered:
            continue
        if visit is answered:
            wait_ms = at - entered_at
            bucket = bucket_of(wait_ms)
            out.append((key, entered_at, ((measures.WAITING, -1), (measures.COHORT_ANSWER_WAIT + bucket, 1))))
            out.append((key, at, ((measures.ANSWER_WAIT + bucket, 1), (measures.ANSWER_WAIT_MS, wait_ms))))
        else:
            out.append((key, entered_at, _NEVER_OFFERED))
    contact.visits = ()
    return answered[0]


def _exited(contact: Contact, fact: Fact, out: list[Contribution]) -> bool:
    at, _, _, _, reason, queue = fact
    visit = contact.visit(queue)
    if visit is None:
        return False
    contact.visits = tuple(other for other in contact.visits if other is not visit)
    _exit(visit, at, reason, out)
    return True


def _exit(visit: Visit, at: int, reason: str, out: list[Contribution]) -> None:
    key, entered_at, offered = visit
    if not offered:
        return
    if reason == "abandoned":
        wait_ms = at - entered_at
        bucket = bucket_of(wait_ms)
        out.append((key, entered_at, ((measures.WAITING, -1), (measures.COHORT_ABANDON_WAIT + bucket, 1))))
        out.append((key, at, ((measures.ABANDON_WAIT + bucket, 1), (measures.ABANDON_WAIT_MS, wait_ms))))
    elif reason == "answered_elsewhere":
        out.append((key, entered_at, _NEVER_OFFERED))
    else:
        out.append((key, entered_at, ((measures.WAITING, -1), (measures.COHORT_EXITED, 1))))
        out.append((key, at, ((measures.EXITED[reason], 1), (measures.EXIT_WAIT_MS, at - entered_at))))


def _held(contact: Contact, fact: Fact, _out: list[Contribution]) -> bool:
    leg = contact.leg(fact[4])
    if leg is not None and leg.held_at is None:
        leg.held_at = fact[0]
    return True


def _resumed(contact: Contact, fact: Fact, _out: list[Contribution]) -> bool:
    leg = contact.leg(fact[4])
    if leg is None or leg.held_at is None:
        return False
    leg.hold_ms += fact[0] - leg.held_at
    leg.held_at = None
    return True


def _transferred(contact: Contact, fact: Fact, out: list[Contribution]) -> bool:
    leg = contact.leg(fact[4]) if fact[4] is not None else None
    if leg is None:
        return False
    leg.transferred = True
    _end_leg(contact, leg, fact[0], out)
    return True


def _left(contact: Contact, fact: Fact, out: list[Contribution]) -> bool:
    leg = contact.leg(fact[4])
    if leg is None:
        return False
    _end_leg(contact, leg, fact[0], out)
    return True


def _end_leg(contact: Contact, leg: Leg, at: int, out: list[Contribution]) -> None:
    contact.legs = tuple(other for other in contact.legs if other is not leg)
    contact.closed += (leg,)
    if leg.held_at is not None:
        leg.hold_ms += at - leg.held_at
    leg.end = at
    if leg.key is not None:
        out.append((leg.key, leg.start, _ENDED_LEG))
        out.append((leg.key, at, leg.handled(0, 1)))


def _ended(contact: Contact, fact: Fact, out: list[Contribution]) -> bool:
    at, by = fact[0], fact[4]
    reason = "abandoned" if by in (None, "customer") else "system_drop"
    for visit in contact.visits:
        _exit(visit, at, reason, out)
    contact.visits = ()
    for leg in contact.legs:
        _end_leg(contact, leg, at, out)
    contact.ended = True
    return True


def _wrapped(contact: Contact, fact: Fact, out: list[Contribution]) -> bool:
    """Complete the leg here instead of at its end."""
    at, agent = fact[0], fact[4]
    leg = next((closed for closed in reversed(contact.closed) if agent is None or closed.agent == agent), None)
    if leg is None:
        return True
    contact.closed = tuple(other for other in contact.closed if other is not leg)
    if leg.key is not None:
        out.append((leg.key, leg.end, leg.handled(0, -1)))
        out.append((leg.key, at, leg.handled(at - leg.end, 1)))
    return True


def _nothing(_contact: Contact, _fact: Fact, _out: list[Contribution]) -> bool:
    return True


_STEPS: Final[dict[int, Callable[[Contact, Fact, list[Contribution]], bool]]] = {
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
