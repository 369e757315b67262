"""Contacts as rows, for whoever asks the data more than the catalogue does: one for each leg, and for each visit without one.

A contact's record is read again, fact by fact; what appears and goes among its visits and legs becomes rows, what only adds
up (offers, replies) is added to the newest row of the queue that it counts in. So the sums over rows are the report's.
A visit stands in one row: in that of the leg that answered it, else in its own. docs/replay.md has every column.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from models import facts as kinds
from models import measures
from models.book import Key
from models.contact import Contact
from models.contribution import Cells, Contribution
from models.facts import Fact
from models.legs import Leg
from models.retention import MINUTE_MS
from models.span import end_of
from models.visits import Visit

_TRANSFERS: Final = {cell: kind for kind, cell in measures.TRANSFERS.items()}


class ContactRow(msgspec.Struct, kw_only=True, gc=False):
    """A row; times are UTC in ms, durations in ms. None is what did not happen, or not yet."""

    contact_id: str
    queue: str | None = None
    channel: str
    kind: Literal["leg", "consult", "visit", "blocked", "other"]
    direction: str | None = None
    leg: int | None = None
    visit: int | None = None
    offered: bool = False
    entered: int | None = None
    rang: int | None = None
    answered: int | None = None
    ended: int | None = None
    wrapped: int | None = None
    completed: int | None = None
    agent: str | None = None
    role: str | None = None
    exit_reason: str | None = None
    wait_ms: int | None = None
    offers: int = 0
    ring_ms: int = 0
    talk_ms: int | None = None
    hold_ms: int | None = None
    holds: int | None = None
    acw_ms: int | None = None
    handle_ms: int | None = None
    consult_ms: int | None = None
    transfer: str | None = None
    ended_by: str | None = None
    resolved: bool | None = None
    issue_type: str | None = None
    issue_reason: str | None = None
    csat: float | None = None
    nps: int | None = None
    ces: int | None = None
    first_response_ms: int | None = None
    replies: int = 0
    reply_ms: int = 0
    last_event: int | None = None


def rows_of(contact_id: str, contact: Contact, by: Contribution, now_ms: int) -> list[ContactRow]:
    """Return the rows of a contact as of `now_ms`, by the rules of `by`, in the order in which they began.

    There is at least one. No fact of the contact may be later than `now_ms`.
    """
    facts = contact.facts()
    reading = _Reading(contact_id, contact, by.chats)
    for fact, (_, out) in zip(facts, contact.history(by), strict=True):
        reading.step(fact, out)
    reading.rate(facts)
    return reading.finished(now_ms)


class _Reading:
    """The rows so far: `step` is called after the record has read a fact."""

    def __init__(self, contact_id: str, contact: Contact, chats: bool) -> None:
        self._rows: list[ContactRow] = []
        self._contact = contact
        self._id = contact_id
        self._chats = chats
        self._visits: dict[int, tuple[Visit, ContactRow]] = {}  # the open ones, by identity: they change in place
        self._legs: dict[int, tuple[Leg, ContactRow]] = {}  # those that go on, and those that may be wrapped up yet
        self._unmatched: tuple[Fact, ...] = ()
        self._visit_count = self._leg_count = 0
        self._direction: str | None = None

    def step(self, fact: Fact, out: Contribution) -> None:
        """Take what changed with a fact; `out` is what it contributed."""
        still = {id(left) for left in self._contact.unmatched}
        matched = [left for left in self._unmatched if left[0] == fact[0] and id(left) not in still]
        self._unmatched = self._contact.unmatched
        if fact[2] == kinds.STARTED:
            self._direction = self._contact.direction
        elif fact[2] == kinds.QUEUED:
            self._enter(fact, matched, out)
        elif fact[2] == kinds.BLOCKED:
            self._row(out.counted[0][0], "blocked", exit_reason="blocked", ended=fact[0])
        answered = self._leave(fact)
        self._begin_legs(fact, answered)
        consults = self._end_legs(fact)
        for key, _, cells, factor in out.counted:
            if len(key) == 2:  # the others are counted once more, for an issue
                consults -= self._add(key, _summed(cells), factor)
        if consults < 0:  # begun and over in one step
            key = next(key for key, _, cells, _ in out.counted if (measures.CONSULTS, 1) in cells)
            at = fact[0]
            self._row(key, "consult", answered=at, ended=at, agent=fact[5], role="consult", consult_ms=0)
        if fact[2] == kinds.RINGING and self._contact.rings:
            self._ring(fact[0])

    def _row(self, key: Key, kind: Any, **said: Any) -> ContactRow:
        row = ContactRow(contact_id=self._id, queue=key[0], channel=key[1], kind=kind, **said)
        row.direction = row.direction or self._direction
        self._rows.append(row)
        return row

    def _newest(self, key: Key, wanted: Callable[[ContactRow], bool] = lambda _: True) -> ContactRow:
        """Return the newest row of a queue and channel, a new one where there is none."""
        for row in reversed(self._rows):
            if (row.queue, row.channel) == key and wanted(row):
                return row
        return self._row(key, "other")

    def _enter(self, fact: Fact, matched: list[Fact], out: Contribution) -> None:
        at, contact = fact[0], self._contact
        self._direction = fact[7] or contact.direction or "inbound"
        self._visit_count += 1
        visit = contact.visits[-1] if contact.visits and id(contact.visits[-1]) not in self._visits else None
        key = contact.key if visit is None else visit.key
        assert key is not None  # of the last visit
        row = self._row(key, "visit", entered=at, visit=self._visit_count)
        if visit is not None:
            row.offered = visit.offered
            self._visits[id(visit)] = visit, row
            return
        # An `exited` of the same millisecond was waiting for it.
        row.offered = any((measures.OFFERED, 1) in cells and factor > 0 for _, _, cells, factor in out.counted)
        _end_visit(row, at, next(left[5] for left in matched if left[2] == kinds.EXITED), 0)

    def _leave(self, fact: Fact) -> ContactRow | None:
        """End the visits that are over; return the row of the one that was answered."""
        at, kind = fact[0], fact[2]
        answered = self._answered(fact[6]) if kind == kinds.ANSWERED and fact[8] == "primary" else None
        is_open = {id(visit) for visit in self._contact.visits}
        for number, (visit, row) in list(self._visits.items()):
            if number in is_open:
                continue
            del self._visits[number]
            if kind == kinds.ANSWERED:
                reason = "answered" if row is answered else "answered_elsewhere"
            elif kind == kinds.ENDED:
                reason = "abandoned" if fact[5] in (None, "customer") else "system_drop"
                row.ended_by = fact[5]
            else:
                reason = fact[5]
            clock = visit.rules.clock
            _end_visit(row, at, reason, at - visit.at if clock is None else clock.open_ms(visit.at, at))
        if answered is not None:
            answered.answered, answered.agent, answered.ended = at, fact[5], None
        return answered

    def _answered(self, queue: str | None) -> ContactRow | None:
        """Return the row of the visit that an answer is of: the oldest open one (to a queue, where one is named)."""
        rows = (row for _, row in self._visits.values() if queue is None or row.queue == queue)
        return next(rows, None)

    def _begin_legs(self, fact: Fact, answered: ContactRow | None) -> None:
        for leg in self._contact.legs:
            if id(leg) in self._legs:
                continue
            if leg.consult:
                row = self._row(leg.key, "consult", role="consult")
            else:
                row = answered or self._row(leg.key, "leg")
                self._leg_count += 1
                row.kind, row.leg = "leg", self._leg_count
                begun = fact[2] == kinds.ANSWERED and fact[8] != "consult"
                row.role = fact[8] if begun else "primary"  # who was consulted and is handed the contact
            row.answered, row.agent = leg.start, leg.agent
            self._legs[id(leg)] = leg, row

    def _end_legs(self, fact: Fact) -> int:
        """Take what became of legs; return how many consultations ended."""
        at, consults = fact[0], 0
        held = {id(leg) for leg in self._contact.legs}
        for number, (leg, row) in list(self._legs.items()):
            if leg.end is not None and row.ended is None:
                _end_leg(row, leg)
                row.ended_by = fact[5] if fact[2] == kinds.ENDED else None
            if number in held:
                continue
            del self._legs[number]
            if leg.consult:
                row.ended, row.consult_ms = at, at - leg.start
                consults += 1
            elif leg.end is not None:
                row.wrapped = row.completed = at
                row.acw_ms, row.resolved = at - leg.end, fact[6]
        return consults

    def _add(self, key: Key, cells: dict[int, int], factor: int) -> int:
        """Add what only adds up; return how many consultations ended."""
        if measures.OFFERS in cells:
            row = self._newest(key)
            row.offers += factor * cells[measures.OFFERS]
            row.ring_ms += factor * cells[measures.RING_MS]
        if measures.RESPONSE_MS in cells:
            row = self._newest(key, lambda row: row.first_response_ms is None)
            row.first_response_ms = cells[measures.RESPONSE_MS]
        if measures.REPLY_MS in cells:
            row = self._newest(key)
            row.replies += factor
            row.reply_ms += factor * cells[measures.REPLY_MS]
        return factor * cells.get(measures.CONSULTS, 0)

    def _ring(self, at: int) -> None:
        ring = self._contact.rings[-1]
        if ring.visit is not None and id(ring.visit) in self._visits:
            row = self._visits[id(ring.visit)][1]
            row.rang = at if row.rang is None else row.rang

    def rate(self, facts: list[Fact]) -> None:
        """Take the ratings that stand, each for the handling that it is about, else in its queue."""
        said = {fact[5]: fact for fact in facts if fact[2] == kinds.RATED}  # by survey the last
        for survey in self._contact.more.surveys if self._contact.more is not None else ():
            if survey.answer is None:
                continue
            key, _, cells = survey.answer
            agent, nps, ces = said[survey.name][6], *said[survey.name][10:12]
            row = self._rated(key, agent)
            points = dict(cells).get(measures.CSAT_POINTS)
            row.csat = None if points is None else points / 1_000
            row.nps, row.ces = nps, ces

    def _rated(self, key: Key, agent: str | None) -> ContactRow:
        def unrated(row: ContactRow) -> bool:
            return row.csat is row.nps is row.ces is None

        for row in reversed(self._rows):
            is_its = (row.queue, row.channel) == key and row.role == "primary" and agent in (None, row.agent)
            if is_its and unrated(row):
                return row
        return self._newest(key, unrated)

    def finished(self, now_ms: int) -> list[ContactRow]:
        """Return all rows, with what holds for the whole contact."""
        for visit, row in self._visits.values():
            row.exit_reason = "lost" if visit.offered and end_of(visit.span) <= now_ms else "waiting"
        if not self._rows:
            self._rows.append(ContactRow(contact_id=self._id, channel="chat" if self._chats else "voice", kind="other"))
        issue = self._contact.more.issue if self._contact.more is not None else None
        for row in self._rows:
            row.last_event = self._contact.last_at
            if issue is not None:
                row.issue_type, row.issue_reason = issue[0] or None, issue[1] or None
            if row.completed is not None and row.completed // MINUTE_MS > now_ms // MINUTE_MS:  # no report counts it
                row.completed = row.talk_ms = row.hold_ms = row.holds = row.transfer = None
            if row.completed is not None:
                row.handle_ms = (row.talk_ms or 0) + (row.hold_ms or 0) + (row.acw_ms or 0)
        return self._rows


def _summed(cells: Cells) -> dict[int, int]:
    """Return the cells by name; several offers that end with one answer are named more than once."""
    total: dict[int, int] = {}
    for cell, n in cells:
        total[cell] = total.get(cell, 0) + n
    return total


def _end_visit(row: ContactRow, at: int, reason: str, wait_ms: int) -> None:
    row.ended, row.exit_reason, row.wait_ms = at, reason, wait_ms
    row.offered = row.offered and reason != "answered_elsewhere"


def _end_leg(row: ContactRow, leg: Leg) -> None:
    """Take a leg as it was counted when it ended."""
    cells = _summed(leg.handled)
    row.ended, row.completed = leg.end, leg.completed
    row.talk_ms = cells[measures.TALK_MS]
    row.hold_ms, row.holds = cells.get(measures.HOLD_MS, 0), cells.get(measures.HOLDS, 0)
    row.transfer = next((_TRANSFERS[cell] for cell in cells if cell in _TRANSFERS), None)
