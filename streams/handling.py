"""How a person handles a simulated contact: hold, consult, end, wrap-up, and the survey after it."""

from functools import partial
from typing import Final, Literal

from models.events import Answered, Ended, Held, Left, Rated, Resumed, SurveyOffered, Transferred, Wrapped
from streams.floor import Floor
from streams.floor_state import Chat, Contact, Leg, Line, Person

_RESOLVED: Final = 0.82  # share of the handlings
_LONG_WAIT_MS: Final = 120_000  # after which half of the good ratings are worse
_NPS_SHARE: Final = 0.3  # of the answers
Ends = Literal["customer", "agent", "system"]


class Handling:
    """What is the same for calls and chats once a person has them."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def begin(self, contact: Contact, person: Person) -> None:
        """Begin a person's handling of a contact."""
        contact.turn += 1
        contact.person, contact.handled = person, True
        contact.leg = Leg(self._floor.now)
        contact.line.tally["in_progress"] += 1
        person.contacts[contact] = None

    def end_leg(self, contact: Contact) -> None:
        """End the handling, and count it; its person wraps up."""
        floor, leg, tally, person = self._floor, contact.leg, contact.line.tally, contact.person
        assert person is not None
        contact.turn += 1
        contact.person = None
        self._end_hold(contact)
        tally["in_progress"] -= 1
        tally["handled"] += 1
        tally["talk_ms"] += floor.now - leg.since_ms - leg.hold_ms
        tally["hold_ms"] += leg.hold_ms
        tally["holds"] += leg.holds
        tally["held"] += leg.holds > 0
        person.contacts.pop(contact)
        contact.wrapping.add(person)
        delay_ms = contact.line.profile.wrap_up.draw_ms(floor.rng)
        floor.later(delay_ms, partial(self._wrap_up, contact, person, contact.line, floor.now))

    def transfer(self, contact: Contact, to_queue: str) -> None:
        """End the handling and send the contact to another queue, where it is to be queued."""
        floor, line = self._floor, contact.line
        assert contact.person is not None
        fact = floor.fact(contact)
        floor.tell(contact, Transferred(**fact, agent=contact.person.id, kind="queue", to_queue=to_queue))
        line.tally["transferred:queue"] += 1
        self.end_leg(contact)
        contact.line = floor.lines[to_queue, line.profile.channel]

    def _wrap_up(self, contact: Contact, person: Person, line: Line, ended_ms: int) -> None:
        floor = self._floor
        resolved = floor.chance(_RESOLVED)
        floor.tell(contact, Wrapped(**floor.fact(contact), agent=person.id, resolved=resolved))
        line.tally["wrap_up_ms"] += floor.now - ended_ms
        line.tally["resolved" if resolved else "unresolved"] += 1
        contact.wrapping.remove(person)
        floor.release(person)

    def end(self, contact: Contact, by: Ends, outcome: str | None = None) -> None:
        """End a contact, whoever handles it; of a chat that was queued, count what became of it."""
        floor, tally, leg, person = self._floor, contact.line.tally, contact.leg, contact.person
        floor.tell(contact, Ended(**floor.fact(contact), by=by, outcome=outcome))
        contact.turn += 1
        if person is not None:
            tally["agent_disconnect_first"] += by == "agent"
            tally["hold_abandoned_customer"] += by == "customer" and leg.held_ms is not None
            self.end_leg(contact)
            if leg.consulted is not None:
                self._count_consult(contact)
                floor.release(leg.consulted)
            self._offer_survey(contact, person)
        if isinstance(contact, Chat) and contact.visits:
            tally["missed" if not contact.handled else "dropped" if contact.asked_ms is not None else "completed"] += 1

    # On hold, and a second person

    def hold(self, contact: Contact) -> None:
        """Put the customer on hold."""
        floor = self._floor
        assert contact.person is not None
        floor.tell(contact, Held(**floor.fact(contact), agent=contact.person.id))
        contact.leg.held_ms = floor.now
        contact.leg.holds += 1

    def resume(self, contact: Contact) -> None:
        """Take the customer off hold."""
        assert contact.person is not None
        self._floor.tell(contact, Resumed(**self._floor.fact(contact), agent=contact.person.id))
        self._end_hold(contact)

    def _end_hold(self, contact: Contact) -> None:
        if contact.leg.held_ms is not None:
            contact.leg.hold_ms += self._floor.now - contact.leg.held_ms
            contact.leg.held_ms = None

    def consult(self, contact: Contact, second: Person) -> None:
        """Ask a second person, who is free."""
        floor = self._floor
        floor.occupy(second)
        queue = contact.line.profile.name
        floor.tell(contact, Answered(**floor.fact(contact), agent=second.id, queue=queue, role="consult"))
        contact.leg.consulted, contact.leg.consulted_ms = second, floor.now

    def let_go(self, contact: Contact) -> None:
        """Let the second person leave."""
        floor, second = self._floor, contact.leg.consulted
        assert second is not None
        floor.tell(contact, Left(**floor.fact(contact), agent=second.id, reason="conference_exit"))
        self._count_consult(contact)
        floor.release(second)

    def hand_over(self, contact: Contact) -> None:
        """Let the second person take over."""
        floor, first, second = self._floor, contact.person, contact.leg.consulted
        assert first is not None
        assert second is not None
        floor.tell(contact, Transferred(**floor.fact(contact), agent=first.id, kind="consult", to_agent=second.id))
        self._count_consult(contact)
        contact.line.tally["transferred:consult"] += 1
        self.end_leg(contact)
        self.begin(contact, second)

    def _count_consult(self, contact: Contact) -> None:
        contact.line.tally["consults"] += 1
        contact.line.tally["consult_ms"] += self._floor.now - contact.leg.consulted_ms
        contact.leg.consulted = None

    # Surveys

    def _offer_survey(self, contact: Contact, person: Person) -> None:
        floor, survey = self._floor, contact.line.profile.survey
        if survey is not None and floor.chance(survey.offered_share):
            floor.later(floor.seconds_ms(1, 5), partial(self._ask, contact, person, contact.line))

    def _ask(self, contact: Contact, person: Person, line: Line) -> None:
        floor, survey = self._floor, line.profile.survey
        assert survey is not None
        asked = SurveyOffered(
            **floor.fact(contact), survey=f"after-{contact.prefix}", agent=person.id, queue=line.profile.name
        )
        floor.tell(contact, asked)
        line.tally["surveys_offered"] += 1
        if floor.chance(survey.answered_share):
            floor.later(survey.delay.draw_ms(floor.rng), partial(self._rate, contact, asked, line))

    def _rate(self, contact: Contact, asked: SurveyOffered, line: Line) -> None:
        floor, survey, tally = self._floor, line.profile.survey, line.tally
        assert survey is not None
        good = floor.chance(survey.good_share / (2 if contact.wait_ms > _LONG_WAIT_MS else 1))
        csat = floor.rng.choice((4, 5, 5) if good else (1, 2, 3, 3))
        nps = floor.rng.randint(7, 10) if good else floor.rng.randint(0, 8)
        rated = Rated(
            **floor.fact(contact),
            survey=asked.survey,
            agent=asked.agent,
            queue=asked.queue,
            csat=csat,
            nps=nps if floor.chance(_NPS_SHARE) else None,
            resolved=csat >= 3,
        )
        floor.tell(contact, rated)
        tally["surveys_answered"] += 1
        tally["csat_rated"] += 1
        tally["csat_good"] += csat >= 4
