"""A contact center as the simulator sees it: its queues, its people and their day. `streams.default_center` makes one.

Calls and chats have queues of their own: a queue is known by its name and channel, so both may have one of the same name.
"""

from dataclasses import dataclass
from math import log, log1p, sqrt
from random import Random
from typing import ClassVar, Final

from models.book import Key
from models.errors import ConfigError
from models.events import Prefix, Priority

HALF_HOUR_MS: Final = 1_800_000
HALF_HOURS: Final = 48  # of a day, from local midnight
CHANNELS: Final[dict[str, Prefix]] = {"voice": "call", "chat": "chat"}  # and the prefix of their events


@dataclass(frozen=True, slots=True)
class Duration:
    """A distribution of durations in seconds: lognormal where `sd_s` is given, else exponential.

    A mean of 0 is always 0, a spread of 0 always the mean. Service times of a real center are close to lognormal (Brown
    et al., JASA 2005).
    """

    mean_s: float
    sd_s: float | None = None

    def draw_ms(self, rng: Random) -> int:
        """Draw one duration in whole milliseconds."""
        if self.mean_s == 0:
            return 0
        if self.sd_s is None:
            return round(1000 * rng.expovariate(1 / self.mean_s))
        variance = log1p((self.sd_s / self.mean_s) ** 2)
        return round(1000 * rng.lognormvariate(log(self.mean_s) - variance / 2, sqrt(variance)))


NONE: Final = Duration(0)


@dataclass(frozen=True, slots=True)
class Survey:
    """What customers are asked after they were served. Shares are 0 to 1: of the served, and of those asked.

    `good_share` of the answers are a 4 or 5; after a wait of two minutes half of these are worse.
    """

    offered_share: float
    answered_share: float
    delay: Duration
    good_share: float = 0.8


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Who has waited for `offered_after_s` is offered a callback; `accepted_share` take it and leave the queue.

    It is due `due` later and made by whoever is free then, after those who wait longer. `reached_share` of the attempts
    reach the customer; the others are repeated after `again_after_s`, and given up with the third.
    """

    offered_after_s: float
    accepted_share: float
    due: Duration
    reached_share: float = 0.8
    again_after_s: float = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueProfile:
    """A contact queue: who comes, how long they wait. What is optional is off.

    `per_hour` has one rate of contacts that start for each half hour of the day. Shares are 0 to 1 of those served. A
    transfer goes to one of `transfer_to`, evenly; after `overflow_after_s` a contact goes to `overflow_to`.
    """

    channel: ClassVar[str]
    name: str
    per_hour: tuple[float, ...]
    patience: Duration
    wrap_up: Duration = NONE
    transfer_to: tuple[str, ...] = ()
    transfer_share: float = 0.0
    overflow_to: str | None = None
    overflow_after_s: float = 0.0
    priority: Priority = "normal"
    issues: tuple[str, ...] = ("other",)
    survey: Survey | None = None

    @property
    def key(self) -> Key:
        """Queue and channel."""
        return (self.name, self.channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQueue(QueueProfile):
    """A queue of calls. Shares are 0 to 1, of the answered (held once, consulted on) or of the started (hung up in the IVR).

    In a consult the customer is on hold; `warm_share` of them end in a transfer to the person consulted.
    `hold_hang_up_share` is of the holds that are no consult.
    """

    channel: ClassVar[str] = "voice"
    talk: Duration
    hold: Duration = NONE
    hold_share: float = 0.0
    hold_hang_up_share: float = 0.0
    consult: Duration = NONE
    consult_share: float = 0.0
    warm_share: float = 0.0
    ivr: Duration = NONE
    ivr_hang_up_share: float = 0.0
    callbacks: Callbacks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatQueue(QueueProfile):
    """A queue of chats. The bot answers first, in `bot_turns` turns, and deals with `bot_share` of the chats alone.

    Then person and customer write in turn, the person `replies` times on average. `typing` is for one chat at a time and
    longer with more; a customer who waits for a reply for `reply_patience` leaves.
    """

    channel: ClassVar[str] = "chat"
    typing: Duration
    thinking: Duration
    replies: float
    reply_patience: Duration
    bot_turns: int = 0
    bot_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Breaks:
    """How long a person works between two breaks, and how long these are."""

    every: Duration
    length: Duration


@dataclass(frozen=True, slots=True)
class Team:
    """People with the same skills (queue names of one channel). `staff` is how many are on shift in each half hour.

    Each holds up to `slots` contacts at once. Whoever is busy when their shift ends finishes first, wrap-up included.
    """

    name: str
    skills: tuple[str, ...]
    staff: tuple[int, ...]
    channel: str = "voice"
    slots: int = 1


@dataclass(frozen=True, slots=True)
class Center:
    """A contact center. What is optional is off: contacts are answered without ringing, by whoever they are offered to.

    `ring_s` is the shortest and longest ring of an answered offer, `no_answer_share` (0 to 1) is of the offers,
    `customers` the number of people who come, evenly. Raises `ConfigError` for an unknown queue or a day that has not
    48 half hours.
    """

    queues: tuple[CallQueue | ChatQueue, ...]
    teams: tuple[Team, ...]
    ring_s: tuple[float, float] = (0.0, 0.0)
    no_answer_share: float = 0.0
    breaks: Breaks | None = None
    customers: int = 100_000
    site: str = "main"

    def __post_init__(self) -> None:
        for queue in self.queues:
            named = (*queue.transfer_to, *([queue.overflow_to] if queue.overflow_to else []))
            self._check(f"queue {queue.name}", queue.per_hour, named, queue.channel)
        for team in self.teams:
            self._check(f"team {team.name}", team.staff, team.skills, team.channel)

    def _check(self, owner: str, day: tuple[float, ...], names: tuple[str, ...], channel: str) -> None:
        if len(day) != HALF_HOURS:
            raise ConfigError(f"{owner}: {len(day)} half hours, must be {HALF_HOURS}")
        known = {queue.name for queue in self.queues if queue.channel == channel}
        if unknown := set(names) - known:
            raise ConfigError(f"{owner}: unknown queue {min(unknown)!r}, known: {', '.join(sorted(known))}")
