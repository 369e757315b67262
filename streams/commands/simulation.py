"""The simulator's command."""

import time
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import click

from models.errors import ConfigError
from models.local_time import zone_of
from models.settings import Settings
from streams.commands.options import BOOTSTRAP, SCENARIO, SETTINGS, Moment, load_settings
from streams.scenarios import SCENARIOS

FILE_START_MS = 1_718_010_000_000  # 2024-06-10T09:00Z, a Monday: the same command makes the same file at any time
HISTORY_MS = 24 * 3_600_000  # simulated before now, where it goes faster than the clock and without end
MORNING = "09:00"


class Number(click.FloatRange):
    """A finite number within limits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isfinite(found := super().convert(value, param, ctx)):
            self.fail(f"{value} is no number", param, ctx)
        return found


class Late(click.ParamType):
    """A share of the events, and up to how many seconds they are late."""

    name = "SHARE,SECONDS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        share, _, seconds = value.partition(",")
        try:
            found = float(share), float(seconds)
        except ValueError:
            found = (-1.0, -1.0)
        if not (0 <= found[0] <= 1 and 0 <= found[1] < 1e9):
            self.fail(f"{value!r}, allowed: a share of 0 to 1 and seconds, such as 0.01,300", param, ctx)
        return found


class TimeOfDay(click.ParamType):
    """A time of day, in milliseconds since midnight."""

    name = "HH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            at = datetime.strptime(value, "%H:%M")
        except ValueError:
            self.fail(f"{value!r} is no time of day, allowed: 00:00 to 23:59", param, ctx)
        return (at.hour * 60 + at.minute) * 60_000


@click.command()
@BOOTSTRAP
@click.option(
    "--out", metavar="FILE", help="Write a file (.jsonl, .gz, .zst; - is standard output) instead of to Kafka."
)
@SCENARIO
@click.option(
    "--at",
    "at_min",
    type=Number(0),
    metavar="MINUTES",
    help="When it begins, after the start; 60 unless told.",
)
@click.option(
    "--volume",
    type=Number(0.01, 100),
    default=1.0,
    show_default=True,
    help="Size of the floor; 1 is 8,600 contacts a day.",
)
@click.option(
    "--hours",
    type=Number(0, min_open=True),
    help="Simulate so long; else without end, or with --out 8 hours.",
)
@click.option("--seconds", type=Number(0, min_open=True), help="The same in seconds of simulated time.")
@click.option(
    "--speed",
    type=Number(0, 100_000),
    metavar="FACTOR",
    help="So many times as fast as the clock; 0 is as fast as possible. 1 unless told, with --out 0.",
)
@click.option("--fast", is_flag=True, help="As fast as possible.")
@click.option(
    "--start",
    "start_ms",
    type=Moment(),
    help="When simulated time begins; else so that it ends now, with --out 2024-06-10T09:00.",
)
@click.option(
    "--time-of-day",
    "day_ms",
    type=TimeOfDay(),
    help="What it is on the simulated floor at the start; 09:00, or with --start the time in the zone of the settings.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed and start make the same events."
)
@click.option(
    "--duplicate",
    type=Number(0, 1),
    default=0.0,
    metavar="SHARE",
    help="Send this share of the events twice.",
)
@click.option(
    "--shuffle",
    type=Number(0),
    default=0.0,
    metavar="SECONDS",
    help="Send each event up to so late that events change places.",
)
@click.option(
    "--delay", type=Late(), default=(0.0, 0.0), help="Send this share of the events up to so many seconds late."
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="At the end, write what the figures must be, as JSON (docs/simulator.md).",
)
@SETTINGS
def simulate(
    bootstrap: str | None,
    out: str | None,
    scenario: str,
    at_min: float | None,
    volume: float,
    hours: float | None,
    seconds: float | None,
    speed: float | None,
    fast: bool,
    start_ms: int | None,
    day_ms: int | None,
    seed: int,
    duplicate: float,
    shuffle: float,
    delay: tuple[float, float],
    truth: Path | None,
    settings_file: Path | None,
) -> None:
    """Simulate the calls and chats of a contact center, into Kafka or a file.

    Events are never sent before their time: a broker would take them for the future. So faster than the clock simulated time
    begins in the past, early enough to end now. Ctrl-C ends a run and still writes the truth of what was sent.

    \b
    An hour and a half with a spike, its figures, and what they must be:
      floorpulse simulate --scenario spike --hours 1.5 --out spike.jsonl --truth truth.json
      floorpulse replay spike.jsonl
    Half an hour on Kafka, ten times as fast as the clock:
      floorpulse simulate --bootstrap HOST:PORT --speed 10 --hours 5 --duplicate 0.01 --shuffle 30
    """
    from streams.simulated import Plan, run_simulation
    from streams.traffic import Disorder

    if out is not None and bootstrap is not None:
        raise ConfigError("--out, --bootstrap: two targets, allowed: one of them")
    if hours is not None and seconds is not None:
        raise ConfigError("--hours, --seconds: two lengths, allowed: one of them")
    if fast and speed:
        raise ConfigError(f"--fast, --speed {speed:g}: two speeds, allowed: one of them")
    settings = load_settings(settings_file, bootstrap)
    if hours is None and seconds is None and out is not None:
        hours = 8
    lasts_ms = (
        None if hours is None and seconds is None else round(3_600_000 * hours if hours else 1_000 * (seconds or 0))
    )
    factor = (0.0 if fast or out is not None else 1.0) if speed is None else speed
    told_ms = start_ms
    if start_ms is None:
        start_ms = FILE_START_MS if out is not None else _start_ms(lasts_ms, factor)
    elif out is None and start_ms > time.time() * 1_000:
        raise ConfigError("--start: lies in the future, allowed on Kafka: up to now")
    if day_ms is None:
        day_ms = TimeOfDay().convert(MORNING, None, None) if told_ms is None else _time_of_day_ms(start_ms, settings)
    chosen = SCENARIOS[scenario]
    plan = Plan(
        scenario=chosen,
        begins_ms=start_ms + round(60_000 * (chosen.begins_min if at_min is None else at_min)),
        volume=volume,
        seed=seed,
        start_ms=start_ms,
        day_start_ms=start_ms - day_ms,
        end_ms=None if lasts_ms is None else start_ms + lasts_ms,
        speed=factor or None,
        disorder=Disorder(duplicate, shuffle, *delay),
    )
    run_simulation(plan, settings, out, truth)


def _start_ms(lasts_ms: int | None, factor: float) -> int:
    """Return when simulated time is to begin so that it never is ahead of the clock, and at its end is with it."""
    now_ms = int(time.time() * 1_000)
    if 0 < factor <= 1:
        return now_ms
    if lasts_ms is None:
        return now_ms - HISTORY_MS
    return now_ms - lasts_ms + (round(lasts_ms / factor) if factor else 0)


def _time_of_day_ms(at_ms: int, settings: Settings) -> int:
    """Return how long ago midnight was by the clock of the settings' zone."""
    at = datetime.fromtimestamp(at_ms / 1_000, zone_of(settings.zone))
    return ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000 + at_ms % 1_000
