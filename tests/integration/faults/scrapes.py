"""Looks at all workers over and over: who shows which queue when, and whether a counter ever falls.

Times are those that a look proves: what a page shows was shown at some moment between the question and the answer. So two
workers overlap from the answer of the one that came later to the last question of the one that went, and no longer.
"""

import http.client
import itertools
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tests.integration.harness import Worker

EACH_S: Final = 0.15
ANSWER_S: Final = 2.0
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
_COUNTER: Final = re.compile(r"^(?:cc|floorpulse)_\w+?_(?:total|bucket|count|sum)(?:\{.*\})? .*$", re.M)
_ONE_EACH: Final = re.compile(r"^(?:cc_contacts_offered|floorpulse_events)_total\{(.*)\} ", re.M)
_OF_THE_LOG: Final = re.compile(r"^(?:cc_|floorpulse_(?:events|duplicates|late|invalid|lost)_total)")

Place = tuple[str, str]  # queue and channel, or topic and partition


@dataclass(frozen=True)
class Look:
    """One look at one worker; `shown` is empty where it does not answer."""

    worker: str
    asked: float
    answered: float
    shown: frozenset[Place]


@dataclass(frozen=True)
class Span:
    """In which time a worker showed a place, as far as looks prove it: from an answer to a question."""

    worker: str
    since: float
    until: float


@dataclass
class Report:
    """What the looks come to, in seconds."""

    overlaps: list[tuple[float, str]] = field(default_factory=list)
    gaps: list[tuple[float, float, str]] = field(default_factory=list)
    """Since when and until when nobody showed a place that was shown before and after."""

    @property
    def overlap_s(self) -> float:
        """Return for how long a place was shown by two at most."""
        return max((seconds for seconds, _ in self.overlaps), default=0.0)

    @property
    def gap_s(self) -> float:
        """Return for how long a place was shown by nobody at most."""
        return max((until - since for since, until, _ in self.gaps), default=0.0)


class Scrapes:
    """Scrapes workers one after the other, from a thread of its own; `with` ends it. Paused ones are left out."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.looks: list[Look] = []
        self.falls: list[str] = []
        self.paused: set[int] = set()  # ports
        self._workers = workers
        self._highest: dict[str, tuple[float, str, float]] = {}  # by whom it was shown last, and when
        self._fell: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the looking."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        next_at = time.monotonic()
        while not self._over.is_set():
            for worker in self._workers:
                if worker.port not in self.paused:
                    self._look(worker)
            next_at = max(time.monotonic(), next_at + EACH_S)
            self._over.wait(next_at - time.monotonic())

    def _look(self, worker: Worker) -> None:
        asked, process = time.monotonic(), worker.process
        text = _page(worker.port)
        name, now = worker.log.stem, time.monotonic()
        self.looks.append(Look(name, asked, now, frozenset(_places(text))))
        for line in _COUNTER.findall(text):
            series, _, value = line.rpartition(" ")
            of_all = _OF_THE_LOG.match(series)
            key = series if of_all else f"{process and process.pid} {series}"
            known = self._highest.get(key)
            if known is None or float(value) >= known[0]:
                self._highest[key] = float(value), name, now
            elif key not in self._fell:
                self._fell.add(key)
                before = f"{known[0]:g} at {known[1]} {now - known[2]:.2f} s before"
                self.falls.append(f"after {now - self.looks[0].asked:.2f} s {name} {series}: {value}, {before}")

    def report(self) -> Report:
        """Say who showed what together, and what was missing for how long."""
        report = Report()
        for place, spans in self._spans().items():
            for one, other in itertools.combinations(spans, 2):
                both_s = min(one.until, other.until) - max(one.since, other.since)
                if one.worker != other.worker and both_s > 0:
                    report.overlaps.append((both_s, f"{place} by {one.worker} and {other.worker}"))
            until = spans[0].until
            for span in sorted(spans[1:], key=lambda span: span.since):
                if span.since - until > EACH_S:
                    report.gaps.append((until, span.since, f"{place} after {span.worker}"))
                until = max(until, span.until)
        return report

    def _spans(self) -> dict[Place, list[Span]]:
        """Return the spans of each place, in the order in which they began."""
        spans: defaultdict[Place, list[Span]] = defaultdict(list)
        begun: dict[tuple[str, Place], tuple[float, float]] = {}
        for look in self.looks:
            for (worker, place), (since, until) in list(begun.items()):
                if worker == look.worker and place not in look.shown:
                    spans[place].append(Span(worker, since, until))
                    del begun[worker, place]
            for place in look.shown:
                since, _ = begun.get((look.worker, place), (look.answered, 0.0))
                begun[look.worker, place] = since, look.asked
        for (worker, place), (since, until) in begun.items():
            spans[place].append(Span(worker, since, until))
        return {place: sorted(found, key=lambda span: span.since) for place, found in spans.items()}


def _page(port: int) -> str:
    """Return a worker's page, empty where it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def _places(text: str) -> Iterator[Place]:
    """Yield the queues and channels, and the source partitions, that a page has."""
    for line in _ONE_EACH.findall(text):
        labels = dict(_LABEL.findall(line))
        yield (labels["topic"], labels["partition"]) if "topic" in labels else (labels["queue"], labels["channel"])
