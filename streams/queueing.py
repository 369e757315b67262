"""A simulated contact in its queue: it enters, waits, rings, is answered, or leaves by one of the other ways out."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from models.events import Answered, Blocked, CallbackRequested, Declined, Exited, ExitReason, Prefix, Queued, Ringing
from streams.center import CallQueue
from streams.floor import Floor
from streams.floor_state import Chat, Contact, Line, Person
from streams.handling import Handling

_NO_ANSWER_MS: Final = 12_000  # how long a contact rings at somebody who does not answer
_AWAY_MS: Final = 60_000  # how long that person then gets no contacts
_LONGEST_WAIT_MS: Final = 55 * 60_000  # of patience: a call of which an hour long nothing is heard is lost


class Queueing:
    """What happens in queues.

    `answered` goes on with an answered contact, by the prefix of its events; `promise` owes a callback so many ms later.
    """

    answered: Mapping[Prefix, Callable[[Contact, Person], None]]
    promise: Callable[[Contact, int], None]

    def __init__(self, floor: Floor, handling: Handling) -> None:
        self._floor = floor
        self._handling = handling

    def enter(self, contact: Contact, *, by_transfer: bool = False) -> None:
        """Queue a contact, or turn it away."""
        floor, line = self._floor, contact.line
        if contact.prefix == "call" and not by_transfer and line.depth >= floor.room(line):
            self._block(contact)
            return
        profile = line.profile
        contact.turn += 1
        contact.queued_ms = floor.now
        contact.goals = floor.truth.goals.of(line.key, floor.now)
        patience_ms = min(profile.patience.draw_ms(floor.rng), _LONGEST_WAIT_MS)
        issue = profile.issues[int(floor.rng.random() * len(profile.issues))]
        if floor.scenario.issue and floor.in_force(line):
            issue = floor.scenario.issue
        queued = Queued(
            **floor.fact(contact),
            queue=profile.name,
            priority=profile.priority,
            direction="inbound",
            issue_type=issue,
        )
        floor.tell(contact, queued)
        line.depth += 1
        line.tally["offered"] += 1
        line.tally["contacts"] += contact.visits == 0
        line.tally["waiting"] += 1
        contact.visits += 1
        if isinstance(contact, Chat) and contact.visits == 1 and contact.bot_wrote:
            contact.response_due_ms = floor.now
        floor.plan(contact, patience_ms, partial(self._hang_up, contact))
        if profile.overflow_to:
            floor.plan(contact, round(1000 * profile.overflow_after_s), partial(self._overflow, contact))
        if isinstance(profile, CallQueue) and profile.callbacks:
            floor.plan(contact, round(1000 * profile.callbacks.offered_after_s), partial(self._offer_callback, contact))
        self.seek(contact)

    def seek(self, contact: Contact) -> None:
        """Find a person for a contact, else let it wait in the order of entry."""
        person = self._floor.find(contact)
        if person is None:
            contact.line.add(contact)
        else:
            self._floor.take(contact, person)

    def ring(self, contact: Contact, person: Person) -> None:
        """Offer a waiting contact to a person."""
        floor = self._floor
        floor.occupy(person)
        contact.person, contact.rings_ms = person, floor.now
        floor.tell(contact, Ringing(**floor.fact(contact), agent=person.id, queue=contact.line.profile.name))
        if floor.chance(floor.center.no_answer_share):
            floor.plan(contact, _NO_ANSWER_MS, partial(self._decline, contact, person))
        else:
            floor.plan(contact, floor.seconds_ms(*floor.center.ring_s), partial(self._answer, contact, person))

    def _decline(self, contact: Contact, person: Person) -> None:
        floor, tally = self._floor, contact.line.tally
        floor.tell(contact, Declined(**floor.fact(contact), agent=person.id, reason="no_answer"))
        self._end_ring(contact)
        tally["declined"] += 1
        tally["rona"] += 1
        contact.person = None
        floor.send_away(person, _AWAY_MS)
        floor.release(person)
        self.seek(contact)

    def _end_ring(self, contact: Contact) -> None:
        assert contact.rings_ms is not None
        contact.line.tally["offers"] += 1
        contact.line.tally["ring_ms"] += self._floor.now - contact.rings_ms
        contact.rings_ms = None

    def _answer(self, contact: Contact, person: Person) -> None:
        floor, tally = self._floor, contact.line.tally
        floor.tell(contact, Answered(**floor.fact(contact), agent=person.id, queue=contact.line.profile.name))
        self._end_ring(contact)
        wait_ms = self._end_visit(contact)
        tally["answered"] += 1
        tally["answer_wait_ms"] += wait_ms
        tally["answered_in_threshold"] += wait_ms <= 1000 * contact.goals.threshold_s
        self.answered[contact.prefix](contact, person)

    def _end_visit(self, contact: Contact) -> int:
        """Let a contact wait no more and return how long it has."""
        contact.turn += 1
        contact.line.depth -= 1
        contact.line.tally["waiting"] -= 1
        contact.wait_ms = self._floor.now - contact.queued_ms
        return contact.wait_ms

    def finish(self, contact: Contact, customer_ends: float) -> None:
        """Transfer a handled contact, else end it; `customer_ends` is the share that the customer does."""
        floor, profile = self._floor, contact.line.profile
        if floor.chance(profile.transfer_share):
            self._handling.transfer(contact, floor.rng.choice(profile.transfer_to))
            self.enter(contact, by_transfer=True)
        else:
            self._handling.end(contact, "customer" if floor.chance(customer_ends) else "agent")

    # Other ways out

    def _hang_up(self, contact: Contact) -> None:
        floor, tally, goals = self._floor, contact.line.tally, contact.goals
        person = contact.person
        self._exit(contact, "abandoned")
        wait_ms = contact.wait_ms
        tally["abandoned"] += 1
        tally["abandon_wait_ms"] += wait_ms
        tally["short_abandoned"] += wait_ms <= 1000 * goals.short_abandon_s
        tally["abandoned_in_threshold"] += wait_ms <= 1000 * goals.threshold_s
        tally["rona"] += person is not None
        self._handling.end(contact, "customer")
        if person is not None:
            floor.release(person)

    def _exit(self, contact: Contact, reason: ExitReason) -> None:
        floor = self._floor
        floor.tell(contact, Exited(**floor.fact(contact), reason=reason, queue=contact.line.profile.name))
        if contact.rings_ms is not None:
            self._end_ring(contact)
        contact.person = None
        wait_ms = self._end_visit(contact)
        if reason != "abandoned":
            contact.line.tally[f"exited:{reason}"] += 1
            contact.line.tally["exit_wait_ms"] += wait_ms

    def _overflow(self, contact: Contact) -> None:
        """Send a contact on to the other queue, if it does not ring."""
        profile = contact.line.profile
        if contact.person is None and profile.overflow_to:
            self._exit(contact, "overflow")
            contact.line = self._floor.lines[profile.overflow_to, profile.channel]
            self.enter(contact, by_transfer=True)

    def _offer_callback(self, contact: Contact) -> None:
        floor, profile = self._floor, contact.line.profile
        assert isinstance(profile, CallQueue)
        assert profile.callbacks
        if contact.person is None and floor.chance(profile.callbacks.accepted_share):
            due_ms = profile.callbacks.due.draw_ms(floor.rng)
            self._exit(contact, "callback_accepted")
            floor.tell(contact, CallbackRequested(**floor.fact(contact), due_at=floor.now + due_ms))
            contact.line.tally["callbacks_requested"] += 1
            self._handling.end(contact, "customer")
            self.promise(contact, due_ms)

    def _block(self, contact: Contact) -> None:
        floor, line = self._floor, contact.line
        floor.tell(contact, Blocked(**floor.fact(contact), reason="queue_full", queue=line.profile.name))
        line.tally["blocked:queue_full"] += 1
        self._handling.end(contact, "system")

    def drop(self, line: Line, share: float) -> None:
        """Cut off a share of those who wait in a queue."""
        floor = self._floor
        for contact in line.waiting():
            if not contact.called_back and floor.chance(share):
                self._exit(contact, "system_drop")
                self._handling.end(contact, "system")
