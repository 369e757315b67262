"""What a queue is measured against. None of it is in the fold but the two limits and the clock: the rest restates history."""

from dataclasses import dataclass
from typing import Literal

from models.folding import Clock, waited_ms

Formula = Literal[
    "sl_v1",
    "sl_v2",
    "sl_v3",
    "sl_v4",
    "sl_v5",
    "sl_v6",
    "sl_v7",
    "sl_v8",
    "sl_v9_ignore",
    "sl_v9_negative",
    "sl_v9_positive",
]
Live = Literal["ignore", "negative", "positive"]


@dataclass(frozen=True)
class Goals:
    """What a queue and channel is measured against at a time; limits are inclusive and in whole seconds."""

    threshold_s: int = 20
    short_abandon_s: int = 5
    headline: str = "sl_v2"
    """The variant shown as `service_level`."""
    live: Live = "negative"
    """What abandons within the threshold are to `service_level_live`."""
    goal: float = 0.8
    """The share that the service level is to reach, 0 to 1."""
    first_response_s: int = 60
    """T of `sl_v13`."""
    callback_tolerance_s: int = 900
    """A callback is kept on time so long after it was due."""
    clock: Clock | None = None
    """Open hours by which waits are measured; None: day and night."""

    def is_within(self, entered_ms: int, now_ms: int) -> bool:
        """Tell whether one who entered then has waited for at most T by now."""
        return waited_ms(self.clock, entered_ms, now_ms) <= 1_000 * self.threshold_s
