"""Simulated calls of a contact center: a discrete-event simulation that yields the events of `models.events`.

What is simulated stands in `streams.center`. Knows no clock, no file and no broker: simulated time passes as fast as the
caller takes events, and a seed fixes every event.

Two things a reader would get wrong. A call that rings still waits, so it can be hung up, and its place in the queue is
kept when the ring is not answered. And `calls_per_hour` counts calls that start, of which some never leave the IVR.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TypedDict

from models.events import (
    Answered,
    ContactEvent,
    Declined,
    Ended,
    Exited,
    Held,
    Queued,
    Resumed,
    Ringing,
    Started,
    Transferred,
    Wrapped,
)
from streams.center import HALF_HOUR_MS, HALF_HOURS, Center, QueueProfile, Team

_NO_ANSWER_MS = 12_000  # how long a call rings at somebody who does not answer
_AWAY_MS = 60_000  # how long that person then gets no calls
_CUSTOMER_ENDS = 0.75  # share of answered calls that the customer hangs up first


def simulate(center: Center, *, seed: int, start_ms: int, day_start_ms: int) -> Iterator[ContactEvent]:
    """Yield the events of `center` from `start_ms` on, without end, in order of `at` (then of `seq` within a contact).

    Times are UTC epoch milliseconds. `day_start_ms` is some local midnight of the center, before or after `start_ms`:
    every day has 24 hours. The floor is empty at `start_ms`. The same arguments give the same events; contact ids
    differ between seeds. Memory grows with the calls in progress, not with time.
    """
    floor = _Floor(center, seed, start_ms, day_start_ms)
    while True:
        yield from floor.step()


@dataclass(slots=True, eq=False)
class _Line:
    """A queue at work. `waiting` is a heap by time of queueing; calls that hung up leave it when they come first."""

    profile: QueueProfile
    squads: list["_Squad"] = field(default_factory=list)
    waiting: list[tuple[int, str, "_Call"]] = field(default_factory=list)

    def drop_gone(self) -> None:
        while self.waiting and not self.waiting[0][2].waits:
            heappop(self.waiting)


@dataclass(slots=True, eq=False)
class _Squad:
    """A team at work: the first `on_shift` of `people`. `idle` has the longest idle first."""

    team: Team
    lines: list[_Line]
    people: list["_Person"] = field(default_factory=list)
    idle: deque["_Person"] = field(default_factory=deque)
    on_shift: int = 0


@dataclass(slots=True, eq=False)
class _Person:
    id: str
    squad: _Squad
    rank: int
    busy: bool = False


@dataclass(slots=True, eq=False)
class _Call:
    """A call in progress. `person` is whom it rings or talks to, `facts` how many events it has had."""

    id: str
    customer: str
    line: _Line
    person: _Person | None = None
    waits: bool = False
    queued_ms: int = 0
    hangs_up_ms: int = 0
    facts: int = 0


class _Envelope(TypedDict):
    id: str
    at: int
    seq: int
    source: str
    site: str
    contact_id: str
    customer: str


class _Floor:
    """The state of the simulation and what can happen in it, one method for each kind of happening."""

    def __init__(self, center: Center, seed: int, start_ms: int, day_start_ms: int) -> None:
        self._center = center
        self._prefix = f"sim{seed}"
        self._rng = Random(seed)
        self._now = start_ms
        self._day_start_ms = day_start_ms
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()  # first planned, first done, in the same millisecond
        self._calls = count(1)
        self._out: list[ContactEvent] = []
        self._lines = {queue.name: _Line(queue) for queue in center.queues}
        # The least skilled first: they leave the many-skilled for calls that nobody else can take.
        self._squads = [self._squad(team) for team in sorted(center.teams, key=lambda team: len(team.skills))]
        self._later(0, self._begin_half_hour)

    def step(self) -> list[ContactEvent]:
        """Let the next thing happen and return its events, often none."""
        self._now, _, happen = heappop(self._agenda)
        self._out = []
        happen()
        return self._out

    def _squad(self, team: Team) -> _Squad:
        squad = _Squad(team, [self._lines[skill] for skill in team.skills])
        squad.people = [_Person(f"{team.name}-{rank + 1:03d}", squad, rank) for rank in range(max(team.staff))]
        for line in squad.lines:
            line.squads.append(squad)
        return squad

    def _later(self, delay_ms: int, happen: Callable[[], None]) -> None:
        heappush(self._agenda, (self._now + delay_ms, next(self._order), happen))

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _fact(self, call: _Call) -> _Envelope:
        call.facts += 1
        return {
            "id": f"{call.id}:{call.facts}",
            "at": self._now,
            "seq": call.facts,
            "source": "simulator",
            "site": self._center.site,
            "contact_id": call.id,
            "customer": call.customer,
        }

    # The day

    def _half_hour(self) -> int:
        return (self._now - self._day_start_ms) // HALF_HOUR_MS % HALF_HOURS

    def _half_hour_left_ms(self) -> int:
        return HALF_HOUR_MS - (self._now - self._day_start_ms) % HALF_HOUR_MS

    def _begin_half_hour(self) -> None:
        for squad in self._squads:
            self._change_shift(squad)
        for line in self._lines.values():
            self._plan_arrival(line)
        self._later(self._half_hour_left_ms(), self._begin_half_hour)

    def _change_shift(self, squad: _Squad) -> None:
        before, squad.on_shift = squad.on_shift, squad.team.staff[self._half_hour()]
        squad.idle = deque(person for person in squad.idle if person.rank < squad.on_shift)
        for person in squad.people[before : squad.on_shift]:
            if not person.busy:
                self._free(person)

    def _plan_arrival(self, line: _Line) -> None:
        """Plan the next call of this half hour, if any; a Poisson process has no memory, so the next begins anew."""
        per_hour = line.profile.calls_per_hour[self._half_hour()]
        if per_hour > 0:
            gap_ms = round(self._rng.expovariate(per_hour / 3_600_000))
            if gap_ms < self._half_hour_left_ms():
                self._later(gap_ms, partial(self._arrive, line))

    # A call, from its start to the end of the wrap-up

    def _arrive(self, line: _Line) -> None:
        customer = f"c{int(self._rng.random() * self._center.customers):06d}"
        call = _Call(f"{self._prefix}-{next(self._calls):08d}", customer, line)
        self._out.append(Started(**self._fact(call), direction="inbound"))
        gives_up = self._chance(line.profile.ivr_hang_up_share)
        leave_ivr = self._hang_up_in_ivr if gives_up else self._queue
        self._later(line.profile.ivr.draw_ms(self._rng), partial(leave_ivr, call))
        self._plan_arrival(line)

    def _hang_up_in_ivr(self, call: _Call) -> None:
        self._out.append(Ended(**self._fact(call), by="customer"))

    def _queue(self, call: _Call) -> None:
        profile = call.line.profile
        patience_ms = profile.patience.draw_ms(self._rng)
        call.person, call.waits = None, True
        call.queued_ms, call.hangs_up_ms = self._now, self._now + patience_ms
        queued = Queued(
            **self._fact(call),
            queue=profile.name,
            priority=profile.priority,
            direction="inbound",
            issue_type=profile.issues[int(self._rng.random() * len(profile.issues))],
        )
        self._out.append(queued)
        self._later(patience_ms, partial(self._hang_up, call))
        self._seek_person(call)

    def _hang_up(self, call: _Call) -> None:
        """End the call if it still waits; the time tells this visit's patience from that of a visit before."""
        if not call.waits or call.hangs_up_ms != self._now:
            return
        call.waits = False
        self._out.append(Exited(**self._fact(call), reason="abandoned", queue=call.line.profile.name))
        self._out.append(Ended(**self._fact(call), by="customer"))
        call.line.drop_gone()
        if call.person:
            self._free(call.person)

    def _seek_person(self, call: _Call) -> None:
        for squad in call.line.squads:
            if squad.idle:
                self._offer(call, squad.idle.popleft())
                return
        heappush(call.line.waiting, (call.queued_ms, call.id, call))

    def _free(self, person: _Person) -> None:
        """Give the person the call that waits longest for one of their skills, else let them idle or go home."""
        person.busy = False
        if person.rank >= person.squad.on_shift:
            return
        waiting = [line.waiting for line in person.squad.lines if line.waiting]
        if waiting:
            longest = min(waiting, key=lambda calls: calls[0])
            self._offer(heappop(longest)[2], person)
        else:
            person.squad.idle.append(person)

    def _offer(self, call: _Call, person: _Person) -> None:
        call.line.drop_gone()
        call.person, person.busy = person, True
        self._out.append(Ringing(**self._fact(call), agent=person.id, queue=call.line.profile.name))
        if self._chance(self._center.no_answer_share):
            self._later(_NO_ANSWER_MS, partial(self._decline, call, person))
        else:
            ring_ms = round(1000 * self._rng.uniform(*self._center.ring_s))
            self._later(ring_ms, partial(self._answer, call, person))

    def _decline(self, call: _Call, person: _Person) -> None:
        if call.waits:
            call.person = None
            self._out.append(Declined(**self._fact(call), agent=person.id, reason="no_answer"))
            self._later(_AWAY_MS, partial(self._free, person))
            self._seek_person(call)

    def _answer(self, call: _Call, person: _Person) -> None:
        if not call.waits:
            return
        call.waits = False
        profile = call.line.profile
        self._out.append(Answered(**self._fact(call), agent=person.id, queue=profile.name))
        talk_ms = profile.talk.draw_ms(self._rng)
        if self._chance(profile.hold_share):
            first_ms = int(talk_ms * self._rng.random())
            self._later(first_ms, partial(self._hold, call, person, talk_ms - first_ms))
        else:
            self._later(talk_ms, partial(self._finish, call, person))

    def _hold(self, call: _Call, person: _Person, left_ms: int) -> None:
        self._out.append(Held(**self._fact(call), agent=person.id))
        self._later(call.line.profile.hold.draw_ms(self._rng), partial(self._resume, call, person, left_ms))

    def _resume(self, call: _Call, person: _Person, left_ms: int) -> None:
        self._out.append(Resumed(**self._fact(call), agent=person.id))
        self._later(left_ms, partial(self._finish, call, person))

    def _finish(self, call: _Call, person: _Person) -> None:
        profile = call.line.profile
        self._later(profile.wrap_up.draw_ms(self._rng), partial(self._wrap_up, call, person))
        if profile.transfer_to and self._chance(profile.transfer_share):
            self._transfer(call, person, self._rng.choice(profile.transfer_to))
        else:
            by_customer = self._chance(_CUSTOMER_ENDS)
            self._out.append(Ended(**self._fact(call), by="customer" if by_customer else "agent"))

    def _transfer(self, call: _Call, person: _Person, to_queue: str) -> None:
        self._out.append(Transferred(**self._fact(call), agent=person.id, kind="queue", to_queue=to_queue))
        call.line = self._lines[to_queue]
        self._queue(call)

    def _wrap_up(self, call: _Call, person: _Person) -> None:
        self._out.append(Wrapped(**self._fact(call), agent=person.id))
        self._free(person)
