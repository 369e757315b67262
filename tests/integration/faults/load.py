"""Traffic that does not end before it is told to: random calls and chats, an hour out of order, a tenth of them twice.

All of it lies within so few hours of event time that nothing is late and no contact is given up, for the recount knows no
horizons. The same seed says the same; how much of it is sent depends on how long a test takes, and the log is what counts.
"""

import json
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from tests.integration import harness
from tests.integration.harness import CALLS, CHATS, Feeder
from tests.integration.test_day import disordered
from tests.recount.days import START_MS, day

EVENTS_PER_S: Final = 600
HOURS: Final = 2.0
LAST_MS: Final = START_MS + 9_000_000
CONTACTS: Final = 600  # of a block; blocks follow one another in the log, all in the same hours
_PACE_S: Final = 0.05


def lines(seed: int) -> Iterator[bytes]:
    """Yield events without end, as JSON."""
    block = 0
    while True:
        events = [line for line in day(1_000 * seed + block, CONTACTS, HOURS) if json.loads(line)["at"] < LAST_MS]
        for line in disordered(events, seed + block):
            for name in (b'"id":"', b'"contact_id":"'):
                line = line.replace(name, name + b"%d.%d-" % (seed, block))
            yield line
        block += 1


class Load:
    """Sends events to the source topics, keyed by contact, at a steady pace from a thread of its own; `with` ends it."""

    def __init__(self, bootstrap: str, seed: int, per_s: float = EVENTS_PER_S) -> None:
        self.sent = 0
        self._lines = lines(seed)
        self._per_s = per_s
        self._feeders = {topic: Feeder(bootstrap, topic) for topic in (CALLS, CHATS)}
        self._over = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the traffic; returns when all that was sent is acknowledged. Raises what the thread raised."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        for feeder in self._feeders.values():
            feeder.flush()
            feeder.close()
        if self._fault is not None:
            raise self._fault

    def wait_for(self, more: int, within_s: float = 60, unless: Callable[[], bool] = lambda: False) -> None:
        """Return when so many more events were sent, or earlier where `unless` says so."""
        until = self.sent + more
        harness.wait_until(
            lambda: self.sent >= until or self._fault is not None or unless(), within_s, f"{more} more events"
        )

    def _run(self) -> None:
        try:
            while not self._over.wait(_PACE_S):
                for _ in range(round(self._per_s * _PACE_S)):
                    topic, row = harness.routed(next(self._lines))
                    self._feeders[topic].send([row])
                    self.sent += 1
        except BaseException as error:
            self._fault = error
