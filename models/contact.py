"""The record of one contact: its facts, and what they contribute to the panes.

A record is the sorted set of its facts, kept packed. `merge` is commutative and idempotent; `contribution` is a pure
function of the facts: it reads them in order, and each step adds what it changes. The contribution of facts that came in
order is therefore that of the facts before plus one step more, which is how an ordinary event is folded; every other event
takes the general way, old contribution out, new one in.

The steps, one for each kind of fact, are in models/visits.py, legs.py, chats.py, callbacks.py and surveys.py; what they
count is said in docs/counting.md. What closes something and finds nothing open waits for what opens in the same millisecond.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from models import callbacks, chats, legs, surveys, visits
from models import facts as kinds
from models.book import Key
from models.contribution import Contribution
from models.facts import MARK, NO_FACTS, PLACE, Fact, encode_fact, encoded_of, pack, packed_of, unpack, weight
from models.legs import Leg
from models.more import Issue, More, issue_of, more_of
from models.places import People, begin, people_of
from models.retention import MINUTE_MS
from models.visits import Ring, Visit

ASLEEP: Final = 1 << 62  # as `last_at`: the facts are known, what they mean was not read yet


class Contact:
    """The record of one contact; `encoded` holds all of it (the facts one after the other), the rest is read from it."""

    __slots__ = (
        "count",
        "direction",
        "encoded",
        "ended",
        "entry",
        "key",
        "last_at",
        "last_rank",
        "legs",
        "more",
        "people",
        "rings",
        "saved",
        "start",
        "unmatched",
        "visits",
    )

    def __init__(self, packed: bytes = NO_FACTS) -> None:
        if packed is NO_FACTS:
            self.count, self.encoded, self.last_at = 0, b"", -1
        else:
            (self.count, self.encoded), self.last_at = encoded_of(packed), ASLEEP
        self.saved = self.count  # facts that are in the last snapshot; another number where the record changed since
        self._forget()

    def _forget(self) -> None:
        self.last_rank = 0
        self.start: int | None = None  # when something first began; where nothing did, the record is an orphan
        self.direction: str | None = None
        self.key: Key | None = None  # of the last visit
        self.entry: Visit | None = None  # the first offered visit; MET once the contact was answered or given up
        self.visits: tuple[Visit, ...] = ()
        self.rings: tuple[Ring, ...] = ()
        self.legs: tuple[Leg, ...] = ()  # those that go on, and those that ended and have no wrap-up yet
        self.people: People | str = ()  # a name alone where the queue is the contact's
        self.more: More | None = None  # what few contacts have
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
        if kind in _SAY_ISSUES and (issue := said_issue(fact)) is not None and issue != issue_of(self):
            if self.entry is not None or self.people or (self.more is not None and self.more.joined):
                return False  # what was counted for the issue before is to be moved
            more_of(self).issue = issue
        self.encoded += encode_fact(fact)
        self.count += 1
        self.last_at = at
        self.last_rank = rank
        if not _STEPS[kind](self, fact, out):
            self.unmatched = (fact,)
        if self.visits and at >= self.visits[0].at + MINUTE_MS:
            visits.hear(self, at, out)
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
        out.take_back(self._read_all(held, out))
        facts[fact[MARK]] = fact
        in_order = sorted(facts.values(), key=lambda known: known[:PLACE])
        self.count, self.encoded = encoded_of(pack(in_order))
        self.saved = -1
        out.add(self._read_all(in_order, out))
        return True

    def facts(self) -> list[Fact]:
        """Return the facts in the order of reading."""
        return unpack(self.packed)

    def contribution(self, by: Contribution) -> Contribution:
        """Return all that the facts contribute, by the rules of `by`."""
        return self._read_all(self.facts(), by)

    def wake(self, by: Contribution) -> None:
        """Read the facts if that was not done since the record was restored."""
        if self.last_at == ASLEEP:
            self.contribution(by)

    def history(self, by: Contribution) -> Iterator[tuple[int, Contribution]]:
        """Read the facts again, one by one; yield the time of each and what it contributed."""
        facts = self.facts()
        self._forget()
        if (issue := _last_issue(facts)) is not None:
            more_of(self).issue = issue  # the one said last, whichever fact is read
        for fact in facts:
            out = by.like()
            self._read(fact, out)
            yield fact[0], out

    @property
    def is_over(self) -> bool:
        """Tell whether nothing is open of the contact and nothing was rated: `close` would change nothing."""
        more = self.more
        if self.visits or self.rings or (more is not None and (more.chat or more.callback or more.surveys)):
            return False
        return all(leg.end is not None and not leg.limit_s for leg in self.legs)

    def close(self, out: Contribution) -> None:
        """Give up what is open still: nothing will be heard of it any more."""
        visits.give_up(self, out)
        legs.give_up(self, out)
        chats.give_up(self, out)
        callbacks.give_up(self, out)

    def stub(self, by: Contribution) -> bytes:
        """Return what must be remembered of a closed record, packed: the ratings, and whose they are: each as of then."""
        kept: list[Fact] = []
        said: object = None
        facts, out = self.facts(), by.like()
        self._forget()
        for fact in facts:
            self._read(fact, out)
            if fact[2] in _OUTLIVE or fact is facts[-1]:
                if (now := (self.key, people_of(self))) != said:
                    kept.append((*fact[:2], kinds.PAST, len(kept).to_bytes(4, "big"), 0, *now))
                    said = now
                if fact[2] in _OUTLIVE:
                    kept.append(fact)
        return pack(sorted(kept, key=lambda fact: fact[:PLACE]))

    def _read_all(self, in_order: Iterable[Fact], by: Contribution) -> Contribution:
        """Read the facts anew, from the first; return their contribution."""
        facts = list(in_order)
        self._forget()
        if (issue := _last_issue(facts)) is not None:
            more_of(self).issue = issue  # the one said last, whichever fact is read
        out = by.like()
        for fact in facts:
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
        if self.visits and at >= self.visits[0].at + MINUTE_MS:
            visits.hear(self, at, out)


def stub_of(key: Key | None, people: People) -> bytes:
    """Return the record, packed, that stands for one without ratings."""
    return pack([(0, 0, kinds.PAST, b"", 0, key, people)])


def said_issue(fact: Fact) -> Issue | None:
    """Return what a fact says the contact is about; None where it says nothing of it."""
    kind, reason = fact[-2:]
    return None if kind is reason is None else (kind or "", reason or "")


def _last_issue(in_order: list[Fact]) -> Issue | None:
    for fact in reversed(in_order):
        if fact[2] in _SAY_ISSUES and (issue := said_issue(fact)) is not None:
            return issue
    return None


def _past(contact: Contact, fact: Fact, _out: Contribution) -> bool:
    key, people = fact[5:7]
    contact.start = 0
    contact.key = None if key is None else (key[0], key[1])
    contact.people = tuple(part if isinstance(part, str) else (part[0], part[1]) for part in people)
    return True


def _started(contact: Contact, fact: Fact, _out: Contribution) -> bool:
    contact.direction = fact[5] or contact.direction
    begin(contact, fact[0])
    contact.ended = False
    return True


def _nothing(_contact: Contact, _fact: Fact, _out: Contribution) -> bool:
    return True


_STEPS: Final[dict[int, Callable[[Contact, Fact, Contribution], bool]]] = {
    kinds.PAST: _past,
    kinds.RESUMED: legs.resumed,
    kinds.TRANSFERRED: legs.transferred,
    kinds.LEFT: legs.left,
    kinds.EXITED: visits.exited,
    kinds.STARTED: _started,
    kinds.QUEUED: visits.queued,
    kinds.RINGING: visits.ringing,
    kinds.DECLINED: visits.declined,
    kinds.ANSWERED: legs.answered,
    kinds.HELD: legs.held,
    kinds.BLOCKED: visits.blocked,
    kinds.CLASSIFIED: _nothing,
    kinds.ESCALATED: legs.escalated,
    kinds.MESSAGE: chats.message,
    kinds.CALLBACK_REQUESTED: callbacks.requested,
    kinds.CALLBACK_ATTEMPTED: callbacks.attempted,
    kinds.CALLBACK_CANCELLED: callbacks.cancelled,
    kinds.ENDED: legs.ended,
    kinds.WRAPPED: legs.wrapped,
    kinds.SURVEY_OFFERED: surveys.offered,
    kinds.RATED: surveys.rated,
}
_OPENS: Final = frozenset({kinds.QUEUED, kinds.RINGING, kinds.ANSWERED, kinds.HELD})
_SAY_ISSUES: Final = frozenset({kinds.QUEUED, kinds.CLASSIFIED})
_OUTLIVE: Final = frozenset({kinds.SURVEY_OFFERED, kinds.RATED})
