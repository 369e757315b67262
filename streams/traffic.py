"""Simulated events on their way: when each is sent, which are sent twice, late or out of order.

A copy or a delay changes when an event is sent, never the event; none is sent before its time.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from streams.floor import Sent
from streams.simulate import Simulation

_STEP_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Disorder:
    """What goes wrong on the way. Shares are 0 to 1 of the events; times are simulated seconds.

    Each event is sent up to `shuffle_s` late, so that events change places; of a share `late` up to `late_s` later still. Of a
    share `duplicate` a copy is sent too, with a delay of its own.
    """

    duplicate: float = 0.0
    shuffle_s: float = 0.0
    late: float = 0.0
    late_s: float = 0.0

    def delays_ms(self, rng: Random) -> Iterator[int]:
        """Draw how late an event is sent, once for each time that it is."""
        yield self._delay_ms(rng)
        if self.duplicate and rng.random() < self.duplicate:
            yield self._delay_ms(rng)

    def _delay_ms(self, rng: Random) -> int:
        delay_s = self.shuffle_s and rng.uniform(0, self.shuffle_s)
        if self.late and rng.random() < self.late:
            delay_s += rng.uniform(0, self.late_s)
        return round(1000 * delay_s)


class Traffic:
    """The events of a simulation, in the order in which they are sent.

    `ready` is asked before anything happens or is sent: it waits until that simulated time has come, and says False to end.
    What is held back then is sent at once, so all that has happened in the simulation is sent, and its truth with it.
    """

    def __init__(
        self,
        simulation: Simulation,
        ready: Callable[[int], bool],
        *,
        end_ms: int | None = None,
        disorder: Disorder | None = None,
        seed: int = 0,
    ) -> None:
        self._simulation = simulation
        self._ready = ready
        self._end_ms = end_ms
        self._disorder = disorder or Disorder()
        self._rng = Random(seed)
        self.events = dict.fromkeys(("call", "chat"), 0)
        self.duplicates = 0

    def __iter__(self) -> Iterator[Sent]:
        held: list[tuple[int, int, Sent]] = []
        number = count()
        while True:
            next_ms = self._simulation.next_ms
            if held and held[0][0] <= next_ms:
                if not self._ready(held[0][0]):
                    break
                yield heappop(held)[2]
            elif (self._end_ms is not None and next_ms >= self._end_ms) or not self._ready(next_ms):
                break
            else:
                for sent in self._simulation.step():
                    self.events[sent[0]] += 1
                    delays = list(self._disorder.delays_ms(self._rng))
                    self.duplicates += len(delays) - 1
                    for delay_ms in delays:
                        heappush(held, (next_ms + delay_ms, next(number), sent))
        while held:
            yield heappop(held)[2]


@dataclass(frozen=True)
class Pace:
    """The clock of the traffic: simulated time from `start_ms` on, `speed` times as fast as the clock; None: at once.

    Nothing is ready before its simulated time is past: a broker's append time must not lie before the event. So simulated
    time that overtakes the clock goes on with it.
    """

    start_ms: int
    speed: float | None
    stop: threading.Event
    began_s: float

    @classmethod
    def beginning_now(cls, start_ms: int, speed: float | None, stop: threading.Event) -> "Pace":
        """Let simulated time begin now."""
        return cls(start_ms, speed, stop, time.time())

    def ready(self, at_ms: int) -> bool:
        """Wait until a simulated time has come; False where there is to be no more."""
        while not self.stop.is_set():
            left_s = self._due_s(at_ms) - time.time()
            if left_s <= 0:
                return True
            self.stop.wait(min(left_s, _STEP_S))
        return False

    def _due_s(self, at_ms: int) -> float:
        due_s = at_ms / 1_000
        return due_s if self.speed is None else max(due_s, self.began_s + (at_ms - self.start_ms) / 1_000 / self.speed)
