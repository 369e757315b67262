"""What may happen to the simulated floor: each scenario changes who comes and who is there, for a while."""

from dataclasses import dataclass
from typing import Final

from streams.center import QueueProfile


@dataclass(frozen=True, slots=True)
class Scenario:
    """A change of the floor, from `begins_min` after the start on (unless told) for `lasts_min`; None: to the end.

    `arrivals` and `staff` are factors: of the contacts that come, in `queues` only (all, where none is named), and of the
    people on shift. In those queues contacts are about `issue`, and of calls these hold too: who finds as many waiting
    as usually come in `room_min` of the busiest hour is turned away, and every `drop_every_min` the share `drop_share` of
    those who wait or talk is cut off.
    """

    name: str
    help: str
    begins_min: float = 60.0
    lasts_min: float | None = None
    arrivals: float = 1.0
    queues: tuple[str, ...] = ()
    staff: float = 1.0
    issue: str | None = None
    room_min: float | None = None
    drop_every_min: float | None = None
    drop_share: float = 0.0

    def is_about(self, queue: QueueProfile) -> bool:
        """Tell whether a queue is meant."""
        return not self.queues or queue.name in self.queues


_ALL: Final = (
    Scenario("steady", "a working day as planned", begins_min=0),
    Scenario("spike", "three times as many contacts for 45 minutes", lasts_min=45, arrivals=3),
    Scenario(
        "outage",
        "an issue floods support for an hour: calls are turned away and cut off",
        lasts_min=60,
        arrivals=7,
        queues=("support",),
        issue="outage",
        room_min=4,
        drop_every_min=10,
        drop_share=0.3,
    ),
    Scenario("short_staffed", "three of ten people are missing all day", begins_min=0, staff=0.7),
)
SCENARIOS: Final = {scenario.name: scenario for scenario in _ALL}
STEADY: Final = SCENARIOS["steady"]
