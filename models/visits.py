"""Visits: a contact waits in a queue, rings at people, and leaves the queue answered or not.

Steps of the record (models/contact.py): each takes a fact and adds what it changes. They return False where the fact closes
something and found nothing open.
"""

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from models import chats
from models.book import Key
from models.contribution import Cells, Contribution
from models.facts import Fact
from models.folding import QueueRules, last_in_time, waited_ms
from models.histogram import SECONDS, bucket_of, last_bucket_within
from models.measures import (
    ABANDON_WAIT,
    ABANDON_WAIT_MS,
    ANSWER_WAIT,
    ANSWER_WAIT_MS,
    BLOCKED,
    COHORT_ABANDON_WAIT,
    COHORT_ANSWER_WAIT,
    COHORT_CALLBACK_WAIT,
    COHORT_EXIT_WAIT,
    COHORT_LOST,
    CONTACT_ABANDON_WAIT,
    CONTACT_ANSWER_WAIT,
    CONTACT_WAIT_MS,
    CONTACTS,
    DECLINED,
    EXIT_WAIT,
    EXIT_WAIT_MS,
    EXITED,
    LONG_WAIT,
    LOST,
    MORE_ABANDONED_IN,
    MORE_ANSWERED_IN,
    OFFERED,
    OFFERS,
    RANG_AT_HANG_UP,
    RING_MS,
    RINGING,
    SCORED,
    WAITING,
    WAITING_CONTACT,
)
from models.places import about, begin, key_of, people_of
from models.retention import MINUTE_MS
from models.span import BITS, LONGEST_S, end_of, span

if TYPE_CHECKING:
    from models.contact import Contact

_OFFERED: Final = ((OFFERED, 1),)
_OFFERED_FIRST: Final = ((OFFERED, 1), (CONTACTS, 1))
_CONTACTS: Final = ((CONTACTS, 1),)
_SCORED: Final = ((SCORED, 1),)
RINGS_S: Final = 3_600  # after so long a ring of which the end was not heard rings no more
T = TypeVar("T")


class Visit(msgspec.Struct, gc=False):
    """One stay of a contact in a queue; `span` is until it is lost. Only offered ones are counted."""

    key: Key
    at: int
    offered: bool
    rules: QueueRules
    span: int


MET: Final = Visit(("", ""), 0, False, QueueRules(), 0)  # the entry of a contact whose own wait is over


class Ring(msgspec.Struct, gc=False):
    """An offer to a person that still rings."""

    agent: str
    key: Key
    at: int
    visit: Visit | None


def without(things: tuple[T, ...], gone: T) -> tuple[T, ...]:
    """Return the others."""
    return tuple(thing for thing in things if thing is not gone)


def visit_to(contact: "Contact", queue: str | None) -> Visit | None:
    """Return the open visit to `queue`, else, where none is named, the one that waits longest."""
    for visit in contact.visits:
        if queue is None or visit.key[0] == queue:
            return visit
    return None


def queued(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, queue, channel, direction = fact[0], fact[5], fact[6], fact[7]
    if isinstance(contact.people, str):
        contact.people = people_of(contact)  # whose queue was the one before
    key, rules = out.rules.place(queue, channel, at)
    contact.key = key
    direction = direction or contact.direction or "inbound"
    offered = direction == "inbound" or (direction == "callback" and rules.callbacks_in_offered)
    if contact.start is None:
        contact.start = at
    visit = Visit(key, at, offered, rules, 0)
    contact.visits += (visit,)
    contact.ended = False
    if offered:
        _wait_until(contact, visit, rules.expires_s, out)
        if contact.entry is None:
            contact.entry = visit
            out.counted.append((key, at, _OFFERED_FIRST, 1))
            if contact.more is not None:
                about(contact, key, at, _CONTACTS, out)
        else:
            out.counted.append((key, at, _OFFERED, 1))
    if out.chats:
        chats.entered(contact, at, out)
    return True


def _wait_until(contact: "Contact", visit: Visit, allowance_s: int, out: Contribution) -> None:
    """Let a visit be lost so long after its entry, not as before."""
    if visit.span:
        _wait_no_more(contact, visit, out)
    visit.span = visit.at << BITS | min(allowance_s, LONGEST_S)
    out.opened.append((visit.key, WAITING, visit.span, 1))
    if contact.start != visit.at:
        out.opened.append((visit.key, WAITING_CONTACT, _contact_span(contact, visit), 1))


def _wait_no_more(contact: "Contact", visit: Visit, out: Contribution) -> None:
    out.opened.append((visit.key, WAITING, visit.span, -1))
    if contact.start != visit.at:
        out.opened.append((visit.key, WAITING_CONTACT, _contact_span(contact, visit), -1))


def _contact_span(contact: "Contact", visit: Visit) -> int:
    """Return the span from the contact's start to the end of the visit's, in whole seconds."""
    start = contact.start or 0
    return span(start, (end_of(visit.span) - start) // 1_000)


def hear(contact: "Contact", at: int, out: Contribution) -> None:
    """Let the waits of a contact last on, in whole minutes: something was heard of it."""
    for visit in contact.visits:
        if visit.offered:
            allowance_s = (at - visit.at) // MINUTE_MS * 60 + visit.rules.expires_s
            if allowance_s != visit.span & LONGEST_S:
                _wait_until(contact, visit, allowance_s, out)


def answer_visits(contact: "Contact", answered: Visit, at: int, out: Contribution) -> None:
    """End the visit that was answered; the contact's others were answered elsewhere: neither offered nor lost."""
    if len(contact.visits) > 1:
        for visit in contact.visits:
            if visit is not answered:
                _exit(contact, visit, at, "answered_elsewhere", out)
    contact.visits = ()
    rang: Cells = ()
    for ring in contact.rings:
        if ring.visit is answered:
            rang += _stop_ringing(contact, ring, at, out)
    if answered.offered:
        _answer(contact, answered, at, rang, out)
    elif rang:
        out.counted.append((answered.key, at, rang, 1))


def _answer(contact: "Contact", visit: Visit, at: int, rang: Cells, out: Contribution) -> None:
    """Count an answer, and with it what else counts at its times: the contact's own wait, and the offer."""
    key, entered = visit.key, visit.at
    wait_ms = waited_ms(visit.rules.clock, entered, at)
    bucket = bucket_of(wait_ms)
    _wait_no_more(contact, visit, out)
    cohort: Cells = ((COHORT_ANSWER_WAIT + bucket, 1),)
    if contact.entry is visit:
        contact.entry = MET
        cohort += (CONTACT_ANSWER_WAIT + bucket, 1), (CONTACT_WAIT_MS, wait_ms)
    out.counted.append((key, entered, cohort, 1))
    out.counted.append((key, at, ((ANSWER_WAIT + bucket, 1), (ANSWER_WAIT_MS, wait_ms), *rang), 1))
    if out.rules.of(key, at) is not visit.rules:
        _count_by_entry(visit, at, bucket, MORE_ANSWERED_IN, out)
    if wait_ms > visit.rules.long_ms:
        _count_long(visit, at, wait_ms, False, out)


def stop_ringing_at(contact: "Contact", agent: str, at: int, out: Contribution) -> None:
    """End the offer to a person who answered."""
    for ring in contact.rings:
        if ring.agent == agent:
            out.counted.append((ring.key, at, _stop_ringing(contact, ring, at, out), 1))


def exited(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, reason = fact[0], fact[5]
    visit = visit_to(contact, fact[6])
    if visit is None:
        return False
    contact.visits = without(contact.visits, visit)
    _exit(contact, visit, at, reason, out)
    return True


def end_visits(contact: "Contact", at: int, reason: str, out: Contribution) -> None:
    """End all visits and rings: the contact is over."""
    for visit in contact.visits:
        _exit(contact, visit, at, reason, out)
    contact.visits = ()
    for ring in contact.rings:
        out.counted.append((ring.key, at, _stop_ringing(contact, ring, at, out), 1))


def _exit(contact: "Contact", visit: Visit, at: int, reason: str, out: Contribution) -> None:
    abandoned = reason == "abandoned"
    for ring in contact.rings:
        if ring.visit is visit:
            cells = _stop_ringing(contact, ring, at, out)
            out.counted.append((ring.key, at, (*cells, (RANG_AT_HANG_UP, 1)) if abandoned else cells, 1))
    if not visit.offered:
        return
    if abandoned:
        _leave(contact, visit, at, (ABANDON_WAIT, COHORT_ABANDON_WAIT, ABANDON_WAIT_MS), (), out)
    elif reason == "answered_elsewhere":
        _wait_no_more(contact, visit, out)
        out.counted.append((visit.key, visit.at, _OFFERED, -1))
    else:
        cohort_waits = COHORT_CALLBACK_WAIT if reason == "callback_accepted" else COHORT_EXIT_WAIT
        _leave(contact, visit, at, (EXIT_WAIT, cohort_waits, EXIT_WAIT_MS), ((EXITED[reason], 1),), out)


def _leave(
    contact: "Contact", visit: Visit, at: int, waits: tuple[int, int, int], also: Cells, out: Contribution
) -> None:
    """Count the wait of a visit that was not answered: in the histograms of its end and of its entry, and in a sum."""
    key, entered, rules = visit.key, visit.at, visit.rules
    flow, cohort, sum_ms = waits
    wait_ms = waited_ms(rules.clock, entered, at)
    bucket = bucket_of(wait_ms)
    _wait_no_more(contact, visit, out)
    out.counted.append((key, entered, ((cohort + bucket, 1),), 1))
    out.counted.append((key, at, ((flow + bucket, 1), (sum_ms, wait_ms), *also), 1))
    short = flow == ABANDON_WAIT and wait_ms <= 1_000 * rules.short_abandon_s
    if flow == ABANDON_WAIT and out.rules.of(key, at) is not rules:
        _count_by_entry(visit, at, bucket, MORE_ABANDONED_IN, out)
    if wait_ms > rules.long_ms:
        _count_long(visit, at, wait_ms, short, out)


def _count_by_entry(visit: Visit, at: int, bucket: int, cell: int, out: Contribution) -> None:
    """Count where the terms at the end, by which panes are read, decide otherwise than those of the entry, which hold."""
    decided = []
    for terms in (visit.rules, out.rules.of(visit.key, at)):
        least = last_bucket_within(terms.short_abandon_s) if cell == MORE_ABANDONED_IN else -1
        decided.append(least < bucket <= last_bucket_within(terms.threshold_s))
    if more := decided[0] - decided[1]:
        out.counted.append((visit.key, at, ((cell, more),), 1))


def _count_long(visit: Visit, at: int, wait_ms: int, short: bool, out: Contribution) -> None:
    """Count that a visit passed the threshold, and a wait that the histograms do not hold to the second."""
    threshold_ms = 1_000 * visit.rules.threshold_s
    if wait_ms > threshold_ms and not short:
        _count_passed(visit, at, out)
    if wait_ms > 1_000 * SECONDS:
        out.counted.append((visit.key, at, ((LONG_WAIT + wait_ms, 1),), 1))


def _count_passed(visit: Visit, until: int, out: Contribution) -> None:
    """Count that a visit passed the threshold, if it did before it ended."""
    passed_at = last_in_time(visit.rules.clock, visit.rules.threshold_s, visit.at, until)
    if passed_at is not None:
        out.counted.append((visit.key, passed_at, _SCORED, 1))


def settle(contact: "Contact", at: int, answered: bool, out: Contribution) -> None:
    """Count the contact's own wait, from its first entry over all queues: it was answered, or given up."""
    entry = contact.entry
    if entry is not None and entry is not MET:
        contact.entry = MET
        out.counted.append((entry.key, entry.at, _settled(entry, at, answered), 1))


def _settled(entry: Visit, at: int, answered: bool) -> Cells:
    wait_ms = waited_ms(entry.rules.clock, entry.at, at)
    bucket = bucket_of(wait_ms)
    if answered:
        return (CONTACT_ANSWER_WAIT + bucket, 1), (CONTACT_WAIT_MS, wait_ms)
    return ((CONTACT_ABANDON_WAIT + bucket, 1),)


def ringing(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, agent, queue = fact[0], fact[5], fact[6]
    for ring in contact.rings:
        if ring.agent == agent:
            return True
    visit = visit_to(contact, queue) or visit_to(contact, None)
    key = visit.key if visit is not None else key_of(contact, queue, None, out)
    contact.rings += (Ring(agent, key, at, visit),)
    out.opened.append((key, RINGING, at << BITS | RINGS_S, 1))
    return True


def declined(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, agent, reason = fact[0], fact[5], fact[6]
    for ring in contact.rings:
        if ring.agent == agent:
            cells = (*_stop_ringing(contact, ring, at, out), (DECLINED[reason or "other"], 1))
            out.counted.append((ring.key, at, cells, 1))
            return True
    return False


def _stop_ringing(contact: "Contact", ring: Ring, at: int, out: Contribution) -> Cells:
    """End an offer; return what is to be counted for it."""
    contact.rings = () if len(contact.rings) == 1 else without(contact.rings, ring)
    out.opened.append((ring.key, RINGING, ring.at << BITS | RINGS_S, -1))
    return (OFFERS, 1), (RING_MS, at - ring.at)


def blocked(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, queue, channel, reason = fact[0], fact[5], fact[6], fact[7]
    begin(contact, at)
    out.counted.append((key_of(contact, queue, channel, out), at, ((BLOCKED[reason], 1),), 1))
    return True


def give_up(contact: "Contact", out: Contribution) -> None:
    """Lose what waits or rings still."""
    for visit in contact.visits:
        if visit.offered:
            _wait_no_more(contact, visit, out)
            lost_at = end_of(visit.span)
            out.counted.append((visit.key, lost_at, ((LOST, 1),), 1))
            out.counted.append((visit.key, visit.at, ((COHORT_LOST, 1),), 1))
            _count_passed(visit, lost_at, out)
    for ring in contact.rings:
        out.opened.append((ring.key, RINGING, ring.at << BITS | RINGS_S, -1))
