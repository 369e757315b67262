"""Simulated calls and chats of a contact center: a discrete-event simulation that yields the events of `models.events`.

What is simulated stands in `streams.center`, what happens to it in `streams.scenarios`. Knows no clock, no file and no
broker: simulated time passes as fast as the caller takes steps, and seed and start fix every event.
"""

from functools import partial

from models.book import Book
from models.goals import Goals
from models.settings import Settings
from streams.center import Center
from streams.floor import Floor, Sent
from streams.floor_state import Contact, Line, Person
from streams.handling import Handling
from streams.queueing import Queueing
from streams.scenarios import STEADY, Scenario
from streams.simulated_calls import Calls
from streams.simulated_chats import Chats
from streams.truth import Truth


class Simulation:
    """A contact center at work, without end.

    Times are UTC epoch milliseconds. `day_start_ms` is some local midnight of the center, before or after `start_ms`:
    every day has 24 hours. The floor is empty at `start_ms`; the scenario begins at `begins_ms`, else when it says. The same
    arguments give the same events; contact ids differ between seeds and starts. Memory grows with the contacts in progress,
    not with time. `truth` holds what has happened up to the last step.
    """

    def __init__(
        self,
        center: Center,
        *,
        seed: int,
        start_ms: int,
        day_start_ms: int,
        scenario: Scenario = STEADY,
        begins_ms: int | None = None,
        goals: Book[Goals] | None = None,
    ) -> None:
        self.truth = Truth(goals or Settings().goals())
        if begins_ms is None:
            begins_ms = start_ms + round(60_000 * scenario.begins_min)
        floor = self._floor = Floor(
            center,
            self.truth,
            seed=seed,
            start_ms=start_ms,
            day_start_ms=day_start_ms,
            scenario=scenario,
            begins_ms=begins_ms,
        )
        handling = Handling(floor)
        self._queueing = Queueing(floor, handling)
        self._calls = Calls(floor, handling, self._queueing)
        self._chats = Chats(floor, handling, self._queueing)
        self._queueing.answered = {"call": self._calls.answered, "chat": self._chats.answered}
        self._queueing.promise = self._calls.promise
        floor.take = self._take
        floor.later(0, self._begin_stretch)
        if scenario.drop_every_min:
            floor.later(max(0, begins_ms - start_ms), self._drop)

    @property
    def next_ms(self) -> int:
        """When the next thing happens."""
        return self._floor.next_ms

    def step(self) -> list[Sent]:
        """Let the next thing happen and return its events, often none, in order of `at`, then of `seq` within a contact."""
        return self._floor.step()

    def _take(self, contact: Contact, person: Person) -> None:
        if contact.called_back:
            self._calls.dial(contact, person)
        else:
            self._queueing.ring(contact, person)

    def _begin_stretch(self) -> None:
        """Begin a time of the same rates and staff: a half hour, or what the scenario makes of it."""
        self._floor.change_shifts()
        for line in self._floor.lines.values():
            self._plan_arrival(line)
        self._floor.later(self._floor.stretch_left_ms(), self._begin_stretch)

    def _plan_arrival(self, line: Line) -> None:
        """Plan the next contact of this stretch, if any; a Poisson process has no memory, so the next begins anew."""
        per_hour = self._floor.per_hour(line)
        if per_hour > 0:
            gap_ms = round(self._floor.rng.expovariate(per_hour / 3_600_000))
            if gap_ms < self._floor.stretch_left_ms():
                self._floor.later(gap_ms, partial(self._arrive, line))

    def _arrive(self, line: Line) -> None:
        if line.profile.channel == "chat":
            self._chats.arrive(line)
        else:
            self._calls.arrive(line)
        self._plan_arrival(line)

    def _drop(self) -> None:
        """Cut off a share of the calls, and again as long as the scenario lasts."""
        scenario = self._floor.scenario
        hit = [line for line in self._floor.lines.values() if self._floor.in_force(line)]
        for line in hit:
            if line.profile.channel == "voice":
                self._queueing.drop(line, scenario.drop_share)
                self._calls.drop(line, scenario.drop_share)
        if hit and scenario.drop_every_min:
            self._floor.later(round(60_000 * scenario.drop_every_min), self._drop)
