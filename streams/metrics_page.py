"""The page of `/metrics`: made at most once in a while, and answered with once what it shows of counters is kept.

It is made in the web thread; what is to be kept is handed to the worker's loop, which owns the producer.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from itertools import chain
from typing import Any, Final

from models.book import Key
from sinks import exposition
from sinks.exposition import AnyFamily
from sinks.prometheus import FloorCollector
from sinks.ratchet import Highest
from sinks.telemetry import MeasuredCollector, Telemetry

CACHE_S: Final = 0.02
KEPT_WITHIN_S: Final = 1.0  # while no broker answers no counter moves, and nothing is missed by not waiting
Keep = Callable[[Mapping[Key, Highest]], Coroutine[Any, Any, bool]]
log = logging.getLogger("floorpulse")


class MetricsPage:
    """Makes the pages of one worker; `keep` is run in `loop`, which is there before there is anything to show.

    It returns whether all that was to be kept is still ours to show.
    """

    def __init__(self, floor: FloorCollector, telemetry: Telemetry, keep: Keep) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._floor = floor
        self._sources = MeasuredCollector(floor), telemetry.registry
        self._keep = keep
        self._keeping: tuple[asyncio.Future[bool], Mapping[Key, Highest]] | None = None
        self._families: list[AnyFamily] = []
        self._pages: dict[str, bytes] = {}  # by content type
        self._made_at = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def get(self, form: str) -> bytes:
        """Return the page in the form of a content type."""
        async with self._one_at_a_time:  # none is answered with what another one has not kept yet
            if time.monotonic() - self._made_at > CACHE_S:
                # Again where a queue went elsewhere meanwhile; where the worker stops, the last page stands.
                for _ in range(2):
                    families = self._collected()
                    if await self._keep_shown():
                        self._families, self._pages, self._made_at = families, {}, time.monotonic()
                        break
            if form not in self._pages:
                self._pages[form] = exposition.page(self._families, form)
            return self._pages[form]

    def _collected(self) -> list[AnyFamily]:
        return list(chain.from_iterable(source.collect() for source in self._sources))

    async def _keep_shown(self) -> bool:
        """Keep what counters are about to show, one writing at a time; return when it is acknowledged, or after a second.

        Returns False where it was not kept, since it is no longer ours or the worker stops: the next owner would show less.
        """
        if self._keeping is None:
            shown = self._floor.unkept()
            if not shown or self.loop is None:
                return True
            self._keeping = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._keep(shown), self.loop)), shown
        keeping, kept = self._keeping
        done, _ = await asyncio.wait({keeping}, timeout=KEPT_WITHIN_S)
        if not done:
            return True
        self._keeping = None
        if not _succeeded(keeping):
            self._floor.keep_again(kept)
            return False
        return True


def _succeeded(kept: asyncio.Future[bool]) -> bool:
    if kept.cancelled():
        return False
    if error := kept.exception():
        log.error("counters not kept: %s: %s", type(error).__name__, error)
        return False
    return kept.result()
