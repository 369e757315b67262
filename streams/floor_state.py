"""Who and what is on the simulated floor: contacts in progress, queues at work, and people."""

from dataclasses import dataclass, field
from heapq import heappop, heappush

from models.book import Key
from models.events import Prefix
from models.goals import Goals
from streams.center import QueueProfile, Team
from streams.truth import Tally


@dataclass(slots=True, eq=False)
class Leg:
    """One person's handling of a contact. Times in ms; `held_ms` is since when the customer is on hold."""

    since_ms: int = 0
    held_ms: int | None = None
    hold_ms: int = 0
    holds: int = 0
    consulted: "Person | None" = None
    consulted_ms: int = 0  # since when


@dataclass(slots=True, eq=False)
class Contact:
    """A contact in progress. `person` is whom it rings at or is with, `facts` how many events it has had."""

    id: str
    prefix: Prefix
    customer: str
    line: "Line"
    person: "Person | None" = None
    wrapping: set["Person"] = field(default_factory=set)  # who do the work after a handling: it does not go to them
    turn: int = 0
    called_back: bool = False  # is owed a callback
    requested_ms: int = 0  # of the callback, as the next two
    due_ms: int = 0
    attempts: int = 0
    facts: int = 0
    visits: int = 0
    handled: bool = False  # whether anybody answered
    queued_ms: int = 0
    wait_ms: int = 0  # of the last visit
    goals: Goals = field(default_factory=Goals)  # of the visit
    rings_ms: int | None = None
    leg: Leg = field(default_factory=Leg)


@dataclass(slots=True, eq=False)
class Chat(Contact):
    """A chat in progress. `asked_ms` is since when the customer waits for a reply, `response_due_ms` for the first."""

    asked_ms: int | None = None
    response_due_ms: int = 0
    bot_wrote: bool = False
    responded: bool = False
    to_write: int = 0  # replies until the chat ends


@dataclass(slots=True, eq=False)
class Line:
    """A queue at work. `places` is a heap by time of entry; those who are gone leave it when they come first."""

    profile: QueueProfile
    tally: Tally
    squads: list["Squad"] = field(default_factory=list)
    places: list[tuple[int, str, int, Contact]] = field(default_factory=list)
    depth: int = 0  # who waits, those who ring with them

    @property
    def key(self) -> Key:
        """Queue and channel."""
        return self.profile.key

    def add(self, contact: Contact) -> None:
        """Let a contact wait in the order of entry."""
        heappush(self.places, (contact.queued_ms, contact.id, contact.turn, contact))

    def first(self) -> tuple[int, str, int, Contact] | None:
        """Return the place of the one who waits longest and does not ring."""
        while self.places and self.places[0][3].turn != self.places[0][2]:
            heappop(self.places)
        return self.places[0] if self.places else None

    def waiting(self) -> list[Contact]:
        """Return those who wait and do not ring, in order of entry."""
        return [contact for _, _, turn, contact in sorted(self.places) if contact.turn == turn]


@dataclass(slots=True, eq=False)
class Squad:
    """A team at work: the first `on_shift` of `people`. `free` has those with a free slot, by how many contacts they hold.

    Who has been free longest comes first.
    """

    team: Team
    lines: list[Line]
    people: list["Person"] = field(default_factory=list)
    free: list[dict["Person", None]] = field(default_factory=list)
    on_shift: int = 0


@dataclass(slots=True, eq=False)
class Person:
    """Somebody of a team; `load` is how many contacts they hold, those that ring and those in wrap-up with them."""

    id: str
    squad: Squad
    rank: int
    load: int = 0
    away: bool = False
    wants_break: bool = False
    break_planned: bool = False
    contacts: dict[Contact, None] = field(default_factory=dict)  # that they talk or write to

    @property
    def on_shift(self) -> bool:
        """Whether their shift goes on."""
        return self.rank < self.squad.on_shift
