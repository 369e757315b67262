"""A simulated call, but for its queue: it comes, goes through the IVR, is handled and ends, or is called back."""

from functools import partial
from typing import Final

from models.events import (
    Answered,
    AttemptResult,
    CallbackAttempted,
    CallbackCancelled,
    Classified,
    Escalated,
    Started,
)
from streams.center import Callbacks, CallQueue
from streams.floor import Floor
from streams.floor_state import Contact, Line, Person
from streams.handling import Handling
from streams.queueing import Queueing

_CUSTOMER_ENDS: Final = 0.75  # share of handled calls that the customer hangs up first
_CLASSIFIED: Final = 0.1
_ESCALATED: Final = 0.015
_DIAL_S: Final = (6.0, 25.0)
_ATTEMPTS: Final = 3
_NOT_REACHED: Final[tuple[AttemptResult, ...]] = ("no_answer", "no_answer", "busy", "failed")


class Calls:
    """What happens to calls."""

    def __init__(self, floor: Floor, handling: Handling, queueing: Queueing) -> None:
        self._floor = floor
        self._handling = handling
        self._queueing = queueing

    def arrive(self, line: Line) -> None:
        """Let a call come: it goes into the IVR."""
        floor, profile = self._floor, _profile(line)
        call = floor.new_contact(line)
        floor.tell(call, Started(**floor.fact(call), direction="inbound", entry=f"line-{profile.name}"))
        gives_up = floor.chance(profile.ivr_hang_up_share)
        leave = partial(self._handling.end, call, "customer") if gives_up else partial(self._queueing.enter, call)
        floor.plan(call, profile.ivr.draw_ms(floor.rng), leave)

    def drop(self, line: Line, share: float) -> None:
        """Cut off a share of those who talk in a queue."""
        for call in list(self._floor.served(line)):
            if self._floor.chance(share):
                self._handling.end(call, "system")

    # A person handles it

    def answered(self, call: Contact, person: Person) -> None:
        """Go on with a call that a person has answered."""
        floor, profile = self._floor, _profile(call.line)
        self._handling.begin(call, person)
        talk_ms = profile.talk.draw_ms(floor.rng)
        first_ms = int(talk_ms * floor.rng.random())
        what = floor.rng.random()
        if what < profile.hold_share:
            floor.plan(call, first_ms, partial(self._hold, call, talk_ms - first_ms))
        elif what < profile.hold_share + profile.consult_share:
            floor.plan(call, first_ms, partial(self._consult, call, talk_ms - first_ms))
        else:
            floor.plan(call, talk_ms, partial(self._finish, call))

    def _hold(self, call: Contact, left_ms: int) -> None:
        floor, profile = self._floor, _profile(call.line)
        self._handling.hold(call)
        hold_ms = profile.hold.draw_ms(floor.rng)
        if floor.chance(profile.hold_hang_up_share):
            floor.plan(call, int(hold_ms * floor.rng.random()), partial(self._handling.end, call, "customer"))
        else:
            floor.plan(call, hold_ms, partial(self._resume, call, left_ms))

    def _resume(self, call: Contact, left_ms: int) -> None:
        self._handling.resume(call)
        self._floor.plan(call, left_ms, partial(self._finish, call))

    def _consult(self, call: Contact, left_ms: int) -> None:
        """Ask another person of the queue while the customer is on hold; where nobody is free, it is a hold."""
        second = self._floor.find(call)
        if second is None:
            self._hold(call, left_ms)
            return
        self._handling.hold(call)
        self._handling.consult(call, second)
        consult_ms = _profile(call.line).consult.draw_ms(self._floor.rng)
        self._floor.plan(call, consult_ms, partial(self._end_consult, call, left_ms))

    def _end_consult(self, call: Contact, left_ms: int) -> None:
        if self._floor.chance(_profile(call.line).warm_share):
            self._handling.hand_over(call)
            self._floor.plan(call, left_ms, partial(self._finish, call))
        else:
            self._handling.let_go(call)
            self._resume(call, left_ms)

    def _finish(self, call: Contact) -> None:
        floor, profile = self._floor, _profile(call.line)
        if floor.chance(_CLASSIFIED):
            issue = floor.rng.choice(profile.issues)
            floor.tell(call, Classified(**floor.fact(call), issue_type=issue, issue_reason="as handled"))
        if floor.chance(_ESCALATED):
            floor.tell(call, Escalated(**floor.fact(call), level="2"))
            call.line.tally["escalated"] += 1
        self._queueing.finish(call, _CUSTOMER_ENDS)

    # Callbacks

    def promise(self, call: Contact, due_ms: int) -> None:
        """Call back so much later."""
        call.called_back = True
        call.requested_ms, call.due_ms, call.attempts = self._floor.now, self._floor.now + due_ms, 0
        self._floor.later(due_ms, partial(self._seek, call))

    def _seek(self, call: Contact) -> None:
        call.turn += 1
        call.queued_ms = self._floor.now
        self._queueing.seek(call)

    def dial(self, call: Contact, person: Person) -> None:
        """Let a person call the customer back."""
        floor = self._floor
        floor.occupy(person)
        call.turn += 1
        floor.tell(call, Started(**floor.fact(call), direction="callback"))
        floor.plan(call, floor.seconds_ms(*_DIAL_S), partial(self._dialled, call, person))

    def _dialled(self, call: Contact, person: Person) -> None:
        floor, tally, callbacks = self._floor, call.line.tally, _callbacks(call.line)
        call.attempts += 1
        tally["callbacks_attempted"] += 1
        if floor.chance(callbacks.reached_share):
            floor.tell(call, CallbackAttempted(**floor.fact(call), agent=person.id, result="connected"))
            floor.tell(call, Answered(**floor.fact(call), agent=person.id, queue=call.line.profile.name))
            tolerance_s = floor.truth.goals.of(call.line.key, floor.now).callback_tolerance_s
            tally["callbacks_connected"] += 1
            tally["callbacks_kept"] += floor.now - call.due_ms <= 1000 * tolerance_s
            tally["callback_wait_ms"] += floor.now - call.requested_ms
            call.called_back = False
            self.answered(call, person)
            return
        result = floor.rng.choice(_NOT_REACHED)
        floor.tell(call, CallbackAttempted(**floor.fact(call), agent=person.id, result=result))
        tally["callbacks_failed"] += 1
        self._handling.end(call, "system", result)
        floor.release(person)
        if call.attempts < _ATTEMPTS:
            floor.later(round(1000 * callbacks.again_after_s), partial(self._seek, call))
        else:
            floor.tell(call, CallbackCancelled(**floor.fact(call), by="system"))
            tally["callbacks_cancelled"] += 1


def _profile(line: Line) -> CallQueue:
    assert isinstance(line.profile, CallQueue)
    return line.profile


def _callbacks(line: Line) -> Callbacks:
    found = _profile(line).callbacks
    assert found is not None
    return found
