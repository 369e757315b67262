"""Legs: a person handles a contact, holds it, hands it on, and wraps up.

Steps of the record (models/contact.py), as in models/visits.py.
"""

from sys import intern
from typing import TYPE_CHECKING

import msgspec

from models.book import Key
from models.chats import chat_of, closed, place
from models.contribution import Cells, Contribution
from models.facts import Fact
from models.histogram import bucket_of
from models.measures import (
    ACW_INFERRED,
    AGENT_DISCONNECT,
    CONSULT_MS,
    CONSULTS,
    ESCALATED,
    HANDLE,
    HELD,
    HOLD_ABANDONED_AGENT,
    HOLD_ABANDONED_CUSTOMER,
    HOLD_MS,
    HOLDS,
    IN_ACW,
    IN_PROGRESS,
    RESOLVED,
    TALK_MS,
    TRANSFERS,
    UNFINISHED,
    UNRESOLVED,
    WRAP_UP_MS,
)
from models.more import more_of
from models.places import about, handled_by, key_of
from models.retention import MINUTE_MS
from models.span import BITS, span
from models.visits import MET, answer_visits, end_visits, settle, stop_ringing_at, visit_to, without

if TYPE_CHECKING:
    from models.contact import Contact


class Leg(msgspec.Struct, gc=False):
    """One person's handling of the contact, or, with `consult`, what they are asked beside it. Times in ms."""

    agent: str
    key: Key
    start: int
    limit_s: int  # of the wrap-up that is waited for; 0 where none is
    consult: bool = False
    end: int | None = None
    held_at: int | None = None
    hold_ms: int = 0
    holds: int = 0
    handled: Cells = ()  # as it was counted

    @property
    def completed(self) -> int:
        """Return when it was counted, once it has ended: at its end, or in the first whole minute after the limit."""
        end = self.end or 0
        return -(-(end + 1_000 * self.limit_s) // MINUTE_MS) * MINUTE_MS if self.limit_s else end


def leg_of(contact: "Contact", agent: str | None) -> Leg | None:
    """Return the open leg of a person, else, where none is named, the oldest that is no consultation."""
    for leg in contact.legs:
        if leg.end is None and (leg.agent == agent if agent is not None else not leg.consult):
            return leg
    return None


def answered(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, agent, queue, channel, role = fact[0], fact[5], fact[6], fact[7], fact[8]
    if contact.start is None:
        contact.start = at
    if role not in _COUNTED:
        return True
    primary = role == "primary"
    visit = visit_to(contact, queue) if primary else None
    if visit is not None:
        key, rules = visit.key, visit.rules
        answer_visits(contact, visit, at, out)
    else:
        key = key_of(contact, queue, channel, out)
        rules = out.rules.of(key, at)
    if contact.rings:
        stop_ringing_at(contact, agent, at, out)
    if primary and contact.entry is not MET:
        settle(contact, at, True, out)
    if out.chats and role != "consult":
        chat_of(contact).served = True
    if contact.key is None and queue is not None:
        contact.key = key
        place(contact, out)
    leg = leg_of(contact, agent) if contact.legs else None
    if leg is not None and leg.consult and role != "consult":
        _end_consult(contact, leg, at, out)
        leg = None
    if leg is None:
        _begin(contact, Leg(intern(agent), key, at, rules.acw_limit_s, role == "consult"), primary, out)
    return True


_COUNTED = frozenset({"primary", "conference", "consult"})


def _begin(contact: "Contact", leg: Leg, primary: bool, out: Contribution) -> None:
    contact.legs += (leg,)
    if primary:
        if not contact.people and leg.key is contact.key:
            contact.people = leg.agent
        else:
            handled_by(contact, leg.agent, leg.key)
    elif not leg.consult:
        more_of(contact).joined = True
    if not leg.consult:
        out.opened.append((leg.key, IN_PROGRESS, leg.start << BITS, 1))


def held(contact: "Contact", fact: Fact, _out: Contribution) -> bool:
    leg = leg_of(contact, fact[5])
    if leg is not None and leg.held_at is None:
        leg.held_at = fact[0]
        leg.holds += 1
    return True


def resumed(contact: "Contact", fact: Fact, _out: Contribution) -> bool:
    at, agent = fact[0], fact[5]
    for leg in contact.legs:
        if leg.held_at is not None and (leg.agent == agent if agent is not None else not leg.consult):
            leg.hold_ms += at - leg.held_at
            leg.held_at = None
            return True
    return False


def transferred(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, agent, kind, to_agent = fact[0], fact[5], fact[6], fact[7]
    leg = leg_of(contact, agent) if agent is not None else None
    if leg is not None:
        _end(contact, leg, at, ((TRANSFERS[kind or "other"], 1),), out)
    consulted = leg_of(contact, to_agent) if to_agent is not None else None
    if consulted is not None and consulted.consult:
        _end_consult(contact, consulted, at, out)
        key = leg.key if leg is not None else consulted.key
        _begin(contact, Leg(consulted.agent, key, at, consulted.limit_s), True, out)
        return True
    return leg is not None


def left(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    leg = leg_of(contact, fact[5])
    if leg is None:
        return False
    _end(contact, leg, fact[0], (), out)
    return True


def _end(contact: "Contact", leg: Leg, at: int, ending: Cells, out: Contribution) -> None:
    """End a leg; `ending` is what else it counts for."""
    if leg.consult:
        _end_consult(contact, leg, at, out)
        return
    if leg.held_at is not None:
        leg.hold_ms += at - leg.held_at
        leg.held_at = None
    leg.end = at
    span_ms = at - leg.start
    cells: Cells = ((HANDLE + bucket_of(span_ms), 1), (TALK_MS, span_ms - leg.hold_ms), *ending)
    if leg.holds:
        cells += ((HOLD_MS, leg.hold_ms), (HOLDS, leg.holds), (HELD, 1))
    if leg.limit_s:
        cells += ((ACW_INFERRED, 1),)
        out.opened.append((leg.key, IN_ACW, span(at, leg.limit_s), 1))
    leg.handled = cells
    out.opened.append((leg.key, IN_PROGRESS, leg.start << BITS, -1))
    out.counted.append((leg.key, leg.completed, cells, 1))
    if contact.more is not None:
        about(contact, leg.key, leg.completed, cells, out)


def _end_consult(contact: "Contact", leg: Leg, at: int, out: Contribution) -> None:
    contact.legs = without(contact.legs, leg)
    out.counted.append((leg.key, at, ((CONSULTS, 1), (CONSULT_MS, at - leg.start)), 1))


def ended(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    """End all that is open of the contact."""
    at, by = fact[0], fact[5]
    end_visits(contact, at, "abandoned" if by in (None, "customer") else "system_drop", out)
    for leg in contact.legs:
        if leg.end is None:
            ending: Cells = ((AGENT_DISCONNECT, 1),) if by == "agent" else ()
            if leg.held_at is not None and by in _HOLD_ABANDONED:
                ending += ((_HOLD_ABANDONED[by], 1),)
            _end(contact, leg, at, ending, out)
    if contact.more is None or contact.more.callback is None:
        settle(contact, at, False, out)
    if out.chats:
        closed(contact, at, out)
    contact.ended = True
    return True


_HOLD_ABANDONED = {"customer": HOLD_ABANDONED_CUSTOMER, "agent": HOLD_ABANDONED_AGENT}


def wrapped(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    """Complete the leg here instead of where it was completed before."""
    at, agent, resolved = fact[0], fact[5], fact[6]
    leg, end = None, -1
    for done in contact.legs:
        if done.end is not None and done.end >= end and (agent is None or done.agent == agent):
            leg, end = done, done.end
    if leg is None:
        return True
    contact.legs = without(contact.legs, leg)
    handle = HANDLE + bucket_of(at - leg.start), 1
    # Where wrap-up was waited for, that it was inferred stands last.
    cells = (handle, (WRAP_UP_MS, at - end), *(leg.handled[1:-1] if leg.limit_s else leg.handled[1:]))
    out.counted.append((leg.key, leg.completed, leg.handled, -1))
    out.counted.append((leg.key, at, cells, 1))
    if leg.limit_s:
        out.opened.append((leg.key, IN_ACW, span(end, leg.limit_s), -1))
    if contact.more is not None:
        about(contact, leg.key, leg.completed, leg.handled, out, -1)
        about(contact, leg.key, at, cells, out)
    if resolved is not None:
        out.counted.append((leg.key, at, ((RESOLVED if resolved else UNRESOLVED, 1),), 1))
    return True


def escalated(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    out.counted.append((key_of(contact, None, None, out), fact[0], ((ESCALATED, 1),), 1))
    return True


def give_up(contact: "Contact", out: Contribution) -> None:
    """Lose what is still handled, and wait for no wrap-up."""
    for leg in contact.legs:
        if leg.end is not None:
            if leg.limit_s:
                out.opened.append((leg.key, IN_ACW, span(leg.end, leg.limit_s), -1))
        elif not leg.consult:
            out.opened.append((leg.key, IN_PROGRESS, leg.start << BITS, -1))
            out.counted.append((leg.key, contact.last_at, ((UNFINISHED, 1),), 1))
