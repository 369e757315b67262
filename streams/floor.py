"""The simulated floor: its clock and what is planned, its queues and its people, and who takes which contact.

What happens to a contact is in `streams.queueing`, `streams.simulated_calls` and `streams.simulated_chats`.

Two things a reader would get wrong. What is planned for a contact holds for its present *turn* only: a visit or a handling;
when that ends, what was planned in it does not happen. And a contact that rings still waits: it may hang up, and its place
in the queue is kept when nobody answers.
"""

from collections.abc import Callable, Iterator
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final, TypedDict

from models.events import ContactEvent, Prefix
from streams.center import CHANNELS, HALF_HOUR_MS, HALF_HOURS, Center, Team
from streams.floor_state import Chat, Contact, Line, Person, Squad
from streams.scenarios import Scenario
from streams.truth import Truth

Sent = tuple[Prefix, ContactEvent]  # by the prefix of its topic
_NEVER_MS: Final = 1 << 60


class Envelope(TypedDict):
    """What every event of a contact carries."""

    id: str
    at: int
    seq: int
    source: str
    site: str
    contact_id: str
    customer: str


class Floor:
    """Clock, plans, queues and people. `take` is what happens when a contact and a person come together."""

    take: Callable[[Contact, Person], None]

    def __init__(
        self,
        center: Center,
        truth: Truth,
        *,
        seed: int,
        start_ms: int,
        day_start_ms: int,
        scenario: Scenario,
        begins_ms: int,
    ) -> None:
        self.center = center
        self.truth = truth
        self.rng = Random(seed)
        self.now = start_ms
        self.scenario = scenario
        self.out: list[Sent] = []
        self._begins_ms = begins_ms
        self._ends_ms = _NEVER_MS if scenario.lasts_min is None else begins_ms + round(60_000 * scenario.lasts_min)
        self._names = f"{seed}-{start_ms:x}"
        self._numbers = dict.fromkeys(CHANNELS.values(), 0)
        self._day_start_ms = day_start_ms
        self._plans: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()  # first planned, first done, in the same millisecond
        self.lines = {queue.key: Line(queue, truth.tallies[queue.key]) for queue in center.queues}
        # The least skilled first: they leave the many-skilled for contacts that nobody else can take.
        self.squads = [self._squad(team) for team in sorted(center.teams, key=lambda team: len(team.skills))]

    # The clock

    @property
    def next_ms(self) -> int:
        """When the next thing happens."""
        return self._plans[0][0]

    def step(self) -> list[Sent]:
        """Let the next thing happen and return its events, often none."""
        self.now, _, happen = heappop(self._plans)
        self.out = []
        happen()
        return self.out

    def later(self, delay_ms: int, happen: Callable[[], None]) -> None:
        """Plan a happening."""
        heappush(self._plans, (self.now + delay_ms, next(self._order), happen))

    def plan(self, contact: Contact, delay_ms: int, happen: Callable[[], None]) -> None:
        """Plan a happening of a contact's present turn."""
        self.later(delay_ms, partial(self._if_still, contact, contact.turn, happen))

    @staticmethod
    def _if_still(contact: Contact, turn: int, happen: Callable[[], None]) -> None:
        if contact.turn == turn:
            happen()

    def chance(self, share: float) -> bool:
        """Draw whether something of a share happens; nothing is drawn where it never does."""
        return share > 0 and self.rng.random() < share

    def seconds_ms(self, shortest_s: float, longest_s: float) -> int:
        """Draw an even duration in ms."""
        return round(1000 * self.rng.uniform(shortest_s, longest_s))

    # Events

    def new_contact(self, line: Line) -> Contact:
        """Let somebody come."""
        prefix = CHANNELS[line.profile.channel]
        self._numbers[prefix] += 1
        customer = f"c{int(self.rng.random() * self.center.customers):06d}"
        kind = Chat if prefix == "chat" else Contact
        return kind(f"{prefix}-{self._names}-{self._numbers[prefix]:07d}", prefix, customer, line)

    def fact(self, contact: Contact) -> Envelope:
        """Make the envelope of a contact's next event."""
        contact.facts += 1
        return {
            "id": f"{contact.id}:{contact.facts}",
            "at": self.now,
            "seq": contact.facts,
            "source": "simulator",
            "site": self.center.site,
            "contact_id": contact.id,
            "customer": contact.customer,
        }

    def tell(self, contact: Contact, event: ContactEvent) -> None:
        """Send an event."""
        self.out.append((contact.prefix, event))

    # The day and the scenario

    def in_force(self, line: Line) -> bool:
        """Tell whether the scenario changes a queue now."""
        return self._lasts() and self.scenario.is_about(line.profile)

    def _lasts(self) -> bool:
        return self._begins_ms <= self.now < self._ends_ms

    def per_hour(self, line: Line) -> float:
        """Return how many contacts come now."""
        return line.profile.per_hour[self._half_hour()] * (self.scenario.arrivals if self.in_force(line) else 1)

    def room(self, line: Line) -> float:
        """Return how many may wait in a queue now."""
        if self.scenario.room_min is None or not self.in_force(line):
            return float("inf")
        return max(1.0, max(line.profile.per_hour) * self.scenario.room_min / 60)

    def stretch_left_ms(self) -> int:
        """Return how long rates and staff stay what they are."""
        half_hour_left_ms = HALF_HOUR_MS - (self.now - self._day_start_ms) % HALF_HOUR_MS
        limits = (limit_ms - self.now for limit_ms in (self._begins_ms, self._ends_ms))
        return min(half_hour_left_ms, *(left_ms if left_ms > 0 else _NEVER_MS for left_ms in limits))

    def _half_hour(self) -> int:
        return (self.now - self._day_start_ms) // HALF_HOUR_MS % HALF_HOURS

    def change_shifts(self) -> None:
        """Let those come and go whose shift begins or ends."""
        factor = self.scenario.staff if self._lasts() else 1
        for squad in self.squads:
            self._change_shift(squad, round(factor * squad.team.staff[self._half_hour()]))

    def _change_shift(self, squad: Squad, on_shift: int) -> None:
        before, squad.on_shift = squad.on_shift, on_shift
        for level in squad.free:
            for person in [person for person in level if not person.on_shift]:
                del level[person]
        for person in squad.people[before:on_shift]:
            person.wants_break = False
            self._plan_break(person)
            self.work(person)

    # People

    def _squad(self, team: Team) -> Squad:
        squad = Squad(team, [self.lines[skill, team.channel] for skill in team.skills])
        squad.people = [Person(f"{team.name}-{rank + 1:03d}", squad, rank) for rank in range(max(team.staff))]
        squad.free = [{} for _ in range(team.slots)]
        for line in squad.lines:
            line.squads.append(squad)
        return squad

    def find(self, contact: Contact) -> Person | None:
        """Return who is free for a contact: of the least skilled team the one with the fewest, free the longest."""
        for squad in contact.line.squads:
            for level in squad.free:
                for person in level:
                    if person not in contact.wrapping:
                        return person
        return None

    def occupy(self, person: Person) -> None:
        """Give a person one contact more."""
        self._leave_free(person)
        person.load += 1
        self._park(person)

    def release(self, person: Person) -> None:
        """Take a contact off a person: they take the one that waits longest for one of their skills, or a break."""
        self._leave_free(person)
        person.load -= 1
        self.work(person)

    def send_away(self, person: Person, delay_ms: int) -> None:
        """Let a person get no contact for a while."""
        person.away = True
        self._leave_free(person)
        self.later(delay_ms, partial(self._come_back, person))

    def _come_back(self, person: Person) -> None:
        person.away = False
        self.work(person)

    def work(self, person: Person) -> None:
        """Let a person take contacts while they can, else wait for one, take their break, or go home."""
        if person.wants_break and person.load == 0 and not person.away and person.on_shift:
            self._take_break(person)
        while self._can_take(person):
            firsts = [first for line in person.squad.lines if (first := line.first())]
            waiting = [first for first in firsts if person not in first[3].wrapping]
            if not waiting:
                break
            contact = min(waiting, key=lambda place: place[:2])[3]
            heappop(contact.line.places)
            self.take(contact, person)
        self._park(person)

    def _can_take(self, person: Person) -> bool:
        return person.on_shift and not person.away and not person.wants_break and person.load < person.squad.team.slots

    def _park(self, person: Person) -> None:
        if self._can_take(person):
            person.squad.free[person.load].setdefault(person, None)

    def _leave_free(self, person: Person) -> None:
        if person.load < person.squad.team.slots:
            person.squad.free[person.load].pop(person, None)

    def _plan_break(self, person: Person) -> None:
        if self.center.breaks is not None and not person.break_planned:
            person.break_planned = True
            self.later(self.center.breaks.every.draw_ms(self.rng), partial(self._need_break, person))

    def _need_break(self, person: Person) -> None:
        person.break_planned = False
        if person.on_shift:
            person.wants_break = True
            self._leave_free(person)
            self.work(person)

    def _take_break(self, person: Person) -> None:
        assert self.center.breaks is not None
        person.wants_break = False
        self._plan_break(person)
        self.send_away(person, self.center.breaks.length.draw_ms(self.rng))

    def served(self, line: Line) -> Iterator[Contact]:
        """Yield those whom people of a queue talk or write to in it."""
        for squad in line.squads:
            for person in squad.people:
                yield from (contact for contact in person.contacts if contact.line is line)
