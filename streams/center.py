"""A contact center as the simulator sees it: its queues, its people and their day.

`default_center` is a made-up one whose figures lie around those that were published of real ones.
"""

from dataclasses import dataclass
from math import ceil, log, log1p, sqrt
from random import Random

from models.errors import ConfigError
from models.events import Priority

HALF_HOUR_MS = 1_800_000
HALF_HOURS = 48  # of a day, from local midnight


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


NONE = Duration(0)


@dataclass(frozen=True, slots=True)
class QueueProfile:
    """A contact queue: who calls it, how long they wait and are served. What is optional is off.

    `calls_per_hour` has one rate for each half hour of the day. Shares are 0 to 1, of the answered calls (put on hold
    once, transferred) or of the started (hung up in the IVR). A transfer goes to one of `transfer_to`, evenly.
    """

    name: str
    calls_per_hour: tuple[float, ...]
    talk: Duration
    patience: Duration
    wrap_up: Duration = NONE
    hold: Duration = NONE
    hold_share: float = 0.0
    ivr: Duration = NONE
    ivr_hang_up_share: float = 0.0
    transfer_to: tuple[str, ...] = ()
    transfer_share: float = 0.0
    priority: Priority = "normal"
    issues: tuple[str, ...] = ("other",)


@dataclass(frozen=True, slots=True)
class Team:
    """People with the same skills (queue names). `staff` is how many are on shift in each half hour of the day.

    Whoever is busy when their shift ends finishes the call first, wrap-up included.
    """

    name: str
    skills: tuple[str, ...]
    staff: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Center:
    """A contact center. What is optional is off: calls are answered without ringing, by whoever they are offered to.

    `ring_s` is the shortest and longest ring of an answered offer, `no_answer_share` (0 to 1) is of the offers,
    `customers` the number of people who call, evenly. Raises `ConfigError` for an unknown queue or a day that has not
    48 half hours.
    """

    queues: tuple[QueueProfile, ...]
    teams: tuple[Team, ...]
    ring_s: tuple[float, float] = (0.0, 0.0)
    no_answer_share: float = 0.0
    customers: int = 100_000
    site: str = "main"

    def __post_init__(self) -> None:
        known = {queue.name for queue in self.queues}
        for queue in self.queues:
            _check(f"queue {queue.name}", queue.calls_per_hour, queue.transfer_to, known)
        for team in self.teams:
            _check(f"team {team.name}", team.staff, team.skills, known)


def _check(owner: str, day: tuple[float, ...], names: tuple[str, ...], known: set[str]) -> None:
    if len(day) != HALF_HOURS:
        raise ConfigError(f"{owner}: {len(day)} half hours, must be {HALF_HOURS}")
    if unknown := set(names) - known:
        raise ConfigError(f"{owner}: unknown queue {min(unknown)!r}, known: {', '.join(sorted(known))}")


# The default center

# Calls by half hour in percent of the busiest one: humps before noon and in the afternoon.
# fmt: off
_AROUND_THE_CLOCK = (
    3, 2, 2, 2, 2, 1, 1, 1, 2, 2, 3, 4, 6, 10, 18, 30, 52, 72, 88, 96, 100, 99, 95, 90,
    80, 72, 70, 75, 84, 90, 92, 90, 86, 80, 70, 60, 50, 42, 36, 31, 27, 23, 20, 16, 13, 10, 7, 5,
)
_OFFICE_HOURS = (
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 10, 26, 60, 86, 98, 100, 99, 97, 92, 82,
    60, 48, 52, 70, 88, 95, 94, 90, 84, 72, 52, 34, 22, 15, 10, 8, 6, 5, 4, 3, 3, 2, 2, 1,
)
# fmt: on
# Share of the staff needed that is there, where it is not all: the late at nine, at lunch, a meeting at four.
_SHORT = {18: 0.84, 25: 0.90, 26: 0.82, 32: 0.88}
_SAFETY = 0.9  # people beyond the load, in square roots of the load
_SPECIALISTS = 0.8  # share of a queue's load that its own team carries
_RING_S = (1.0, 4.0)


def default_center(volume: float = 1.0) -> Center:
    """Make a center of five queues, each with a team, and one team for all: some 7,000 calls a day times `volume`.

    The figures are made up. Talk at billing has the mean and spread of a real bank's (185 s, SD 238; Brown et al., JASA
    2005), and patience lies around that bank's 370 s in January 1999 (waits of all ÷ abandons). Staff follows the calls
    by the square-root rule (Halfin and Whitt, 1981), but is short in some half hours, so that queues build and abate.
    """
    queues = _default_queues(volume)
    return Center(
        queues=queues,
        teams=_default_teams(queues),
        ring_s=_RING_S,
        no_answer_share=0.01,
        customers=ceil(200_000 * volume),
    )


def _default_queues(volume: float) -> tuple[QueueProfile, ...]:
    def scale(peak_per_hour: float, shape: tuple[int, ...]) -> tuple[float, ...]:
        return tuple(volume * peak_per_hour * percent / 100 for percent in shape)

    menu = Duration(32, 20)
    # fmt: off
    return (
        QueueProfile(
            "billing", scale(230, _AROUND_THE_CLOCK), talk=Duration(185, 238), wrap_up=Duration(28, 25),
            hold=Duration(45, 40), hold_share=0.15, patience=Duration(330), ivr=menu, ivr_hang_up_share=0.06,
            transfer_to=("support", "cards"), transfer_share=0.05, issues=("invoice", "payment", "refund", "fee"),
        ),
        QueueProfile(
            "support", scale(150, _AROUND_THE_CLOCK), talk=Duration(320, 290), wrap_up=Duration(45, 40),
            hold=Duration(70, 60), hold_share=0.25, patience=Duration(400), ivr=menu, ivr_hang_up_share=0.05,
            transfer_to=("billing", "business"), transfer_share=0.04, issues=("login", "app", "outage", "device"),
        ),
        QueueProfile(
            "cards", scale(180, _AROUND_THE_CLOCK), talk=Duration(130, 110), wrap_up=Duration(18, 15),
            hold=Duration(35, 30), hold_share=0.08, patience=Duration(260), ivr=menu, ivr_hang_up_share=0.03,
            transfer_to=("billing",), transfer_share=0.03, issues=("lost_card", "blocked_card", "limit", "pin"),
            priority="high",
        ),
        QueueProfile(
            "sales", scale(110, _OFFICE_HOURS), talk=Duration(250, 220), wrap_up=Duration(60, 45),
            hold=Duration(40, 30), hold_share=0.06, patience=Duration(200), ivr=menu, ivr_hang_up_share=0.08,
            transfer_to=("business", "billing"), transfer_share=0.04, issues=("offer", "order", "upgrade"),
        ),
        QueueProfile(
            "business", scale(60, _OFFICE_HOURS), talk=Duration(280, 260), wrap_up=Duration(55, 50),
            hold=Duration(60, 50), hold_share=0.20, patience=Duration(450), ivr=menu, ivr_hang_up_share=0.02,
            transfer_to=("support",), transfer_share=0.03, issues=("contract", "invoice", "outage"),
            priority="high",
        ),
    )
    # fmt: on


def _default_teams(queues: tuple[QueueProfile, ...]) -> tuple[Team, ...]:
    loads = {queue.name: tuple(_load(queue, queues, half_hour) for half_hour in range(HALF_HOURS)) for queue in queues}
    own = {
        name: tuple(int(_SPECIALISTS * load * _SHORT.get(half_hour, 1)) for half_hour, load in enumerate(day))
        for name, day in loads.items()
    }
    needed = [load + _SAFETY * sqrt(load) for load in map(sum, zip(*loads.values(), strict=True))]
    there = [ceil(people * _SHORT.get(half_hour, 1)) for half_hour, people in enumerate(needed)]
    flexible = tuple(all_of - sum(team) for all_of, team in zip(there, zip(*own.values(), strict=True), strict=True))
    everything = tuple(queue.name for queue in queues)
    return (*(Team(name, (name,), staff) for name, staff in own.items()), Team("flex", everything, flexible))


def _load(queue: QueueProfile, queues: tuple[QueueProfile, ...], half_hour: int) -> float:
    """Return the people whom a queue keeps busy in a half hour (erlang), if nobody abandons or is transferred twice."""
    calls = queue.calls_per_hour[half_hour] * (1 - queue.ivr_hang_up_share)
    for other in queues:
        if queue.name in other.transfer_to:
            calls += other.calls_per_hour[half_hour] * other.transfer_share / len(other.transfer_to)
    handle_s = queue.talk.mean_s + queue.hold_share * queue.hold.mean_s + queue.wrap_up.mean_s
    return calls * (handle_s + sum(_RING_S) / 2) / 3600
