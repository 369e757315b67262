"""The watchdog: ends a worker that has something to read and does not get on.

Faust and the Kafka client have tasks that may end, or wait for ever, while the process lives on and answers. Whatever the
cause, what helps is a new start.
"""

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

STUCK_S: Final = 120.0
P = TypeVar("P")


class Watchdog(Generic[P]):
    """Watches how far each of some partitions was read."""

    def __init__(self) -> None:
        self._seen: dict[P, tuple[int, float]] = {}  # how far it was read, and when that was first seen

    def stuck(self, now_s: float, read: Mapping[P, int]) -> list[P]:
        """Return those that were not read on for longer than `STUCK_S`; the clock is any that runs evenly.

        `read` has the last offset that was read of each partition of which something is left.
        """
        before, self._seen = self._seen, {}
        for partition, offset in read.items():
            known = before.get(partition)
            self._seen[partition] = known if known is not None and known[0] == offset else (offset, now_s)
        return [partition for partition, (_, since_s) in self._seen.items() if now_s - since_s > STUCK_S]
