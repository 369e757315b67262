"""One run of the simulator: where its events go, how fast, and what is written of the truth."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any, BinaryIO, Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from models.codec import encode
from models.errors import ConfigError
from models.events import ContactEvent, Prefix
from models.settings import Settings
from streams import topics
from streams.default_center import default_center
from streams.feed import Feeder
from streams.recordings import create_events
from streams.report import iso
from streams.scenarios import Scenario
from streams.simulate import Simulation
from streams.traffic import Disorder, Pace, Traffic
from streams.truth import Truth

_SHOW_S: Final = 0.2


@dataclass(frozen=True)
class Plan:
    """What is simulated: from `start_ms` to before `end_ms` (None: without end), `speed` times as fast as the clock.

    A speed of None is as fast as possible. `day_start_ms` is midnight on the simulated floor.
    """

    scenario: Scenario
    begins_ms: int
    volume: float
    seed: int
    start_ms: int
    day_start_ms: int
    end_ms: int | None
    speed: float | None
    disorder: Disorder

    def simulation(self, settings: Settings) -> Simulation:
        """Make the simulation."""
        return Simulation(
            default_center(self.volume),
            seed=self.seed,
            start_ms=self.start_ms,
            day_start_ms=self.day_start_ms,
            scenario=self.scenario,
            begins_ms=self.begins_ms,
            goals=settings.goals(),
        )


class Target(Protocol):
    """Where events go."""

    def send(self, prefix: Prefix, event: ContactEvent) -> None:
        """Send one."""

    def flush(self) -> None:
        """Return once all are there."""


class Lines:
    """A file of events. Raises `ConfigError` where it cannot be written, but for a pipe that nobody reads any more."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def send(self, prefix: Prefix, event: ContactEvent) -> None:
        """Write a line."""
        with self._said():
            self._file.write(encode(prefix, event) + b"\n")

    def flush(self) -> None:
        """Write what is held back."""
        with self._said():
            self._file.flush()

    def close(self) -> None:
        """Write the end of a packed file; standard output stays open."""
        if self._path != "-":
            with self._said():
                self._file.close()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written: {error.strerror}") from None


def run_simulation(plan: Plan, settings: Settings, out: str | None, truth: Path | None) -> None:
    """Simulate into a file, or Kafka where `out` is None, until the end, SIGINT or SIGTERM; then write the truth.

    Raises `ConfigError` where a file or the broker is not as it must be, `FloorpulseError` where events are not delivered.
    """
    errors = Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        stop = stack.enter_context(_stopped_by_signals())  # first: Kafka's client takes Ctrl-C for a fault of its own
        truth_file = stack.enter_context(_create(truth)) if truth is not None else None
        target: Target
        if out is not None:
            target = lines = Lines(out, create_events(out))
            stack.callback(lines.close)
        else:
            topics.check(settings)
            target = feeder = Feeder(settings.kafka)
            stack.callback(feeder.close)
            errors.print(f"floorpulse: {_in_words(plan, settings.kafka.bootstrap)}", soft_wrap=True)
        simulation = plan.simulation(settings)
        traffic = Traffic(
            simulation,
            _ready(plan, out is None, stop),
            end_ms=plan.end_ms,
            disorder=plan.disorder,
            seed=plan.seed,
        )
        newest_ms = _send(traffic, target, plan, errors)
        target.flush()
        sent = sum(traffic.events.values()) + traffic.duplicates
        errors.print(f"floorpulse: {sent:,} events sent, {traffic.duplicates:,} of them copies", end="")
        errors.print(f"; simulated up to {iso(newest_ms)}" if sent else "", soft_wrap=True)
        if truth_file is not None:
            json.dump(_said(plan, traffic, simulation.truth, newest_ms), truth_file, indent=2)
            truth_file.write("\n")


def _send(traffic: Traffic, target: Target, plan: Plan, errors: Console) -> int:
    """Send all events and return the newest time; with progress where somebody looks."""
    newest_ms, number, shown_s = plan.start_ms, 0, 0.0
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("", total=None if plan.end_ms is None else plan.end_ms - plan.start_ms)
        for prefix, event in traffic:
            target.send(prefix, event)
            newest_ms = max(newest_ms, event.at)
            number += 1
            if errors.is_terminal and time.monotonic() - shown_s > _SHOW_S:
                shown_s = time.monotonic()
                description = f"{number:,} events up to {iso(newest_ms)[:19]}Z"
                progress.update(task, completed=newest_ms - plan.start_ms, description=description)
    return newest_ms


def _ready(plan: Plan, on_kafka: bool, stop: threading.Event) -> Callable[[int], bool]:
    """Return what waits for a simulated time; into a file nothing has to, where it goes as fast as possible."""
    if not on_kafka and plan.speed is None:
        return lambda _at_ms: not stop.is_set()
    return Pace.beginning_now(plan.start_ms, plan.speed, stop).ready


def _in_words(plan: Plan, bootstrap: str) -> str:
    """Say from when on simulated time goes, how fast and how long."""
    past_s = time.time() - plan.start_ms / 1_000
    if plan.speed is None:
        pace = "all that is past at once"
    elif plan.speed == 1:
        pace = "with the clock"
    else:
        pace = f"{plan.speed:g} times as fast as the clock"
    if plan.end_ms is not None:
        lasts_s = (plan.end_ms - plan.start_ms) / 1_000
        pace += f", {_span(lasts_s)} in {_span(lasts_s / plan.speed)}" if plan.speed else f", {_span(lasts_s)}"
    elif plan.speed is None:
        pace += ", then with the clock"
    elif plan.speed > 1:
        pace += f", and with it from when it is reached, in {_span(past_s / (plan.speed - 1))}"
    return f"{bootstrap}: simulated time begins at {iso(plan.start_ms)} and goes on {pace}; Ctrl-C ends it"


def _span(seconds: float) -> str:
    """Return a duration as a person says it."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


@contextmanager
def _create(path: Path) -> Iterator[IO[str]]:
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    with file:
        yield file


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Let the first SIGINT or SIGTERM ask for the end; the second one of them is what it was before."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _said(plan: Plan, traffic: Traffic, truth: Truth, newest_ms: int) -> dict[str, Any]:
    return {
        "scenario": plan.scenario.name,
        "scenario_begins": iso(plan.begins_ms),
        "volume": plan.volume,
        "seed": plan.seed,
        "start": iso(plan.start_ms),
        "newest_event": iso(newest_ms),
        "events": {f"cc.{prefix}s": n for prefix, n in traffic.events.items()},
        "duplicates": traffic.duplicates,
        "queues": truth.rows(),
    }
