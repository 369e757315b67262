"""The `floorpulse` command."""

import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
import tomli_w
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from models.errors import ConfigError, FloorpulseError
from models.settings import Settings, load

_BOOTSTRAP = click.option("--bootstrap", metavar="HOST:PORT[,…]", help="Kafka brokers; also FLOORPULSE_BOOTSTRAP.")
_SETTINGS = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings in TOML (docs/settings.md).",
)

_WEB_PORT = click.option(
    "--web-port", type=click.IntRange(1, 65_535), help="Port of /metrics; else the first free one of 9842 to 9851."
)


class _Commands(click.Group):
    """Ends every expected error with one line on standard error; exit code 2 where first something must be set right."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FloorpulseError as error:
            click.echo(f"floorpulse: {error}", err=True)
            sys.exit(2 if isinstance(error, ConfigError) else 1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="floorpulse", prog_name="floorpulse")
def main() -> None:
    """Live, exact numbers of a contact center: call events in from Kafka, gauges out to Prometheus.

    \b
    Try it:        floorpulse demo
    On a broker:   floorpulse topics ensure --bootstrap HOST:PORT
                   floorpulse worker --bootstrap HOST:PORT
    On a file:     floorpulse replay calls.jsonl
    """
    _log_to_stderr()


@main.group()
def topics() -> None:
    """Make and check the Kafka topics."""


@topics.command()
@_BOOTSTRAP
@_SETTINGS
def ensure(bootstrap: str | None, settings_file: Path | None) -> None:
    """Make the topics that are missing; change none that is there."""
    from streams.topics import ensure as ensure_topics
    from streams.topics import wanted

    settings = _load(settings_file, bootstrap)
    made = ensure_topics(settings)
    for topic in wanted(settings):
        click.echo(f"{'made ' if topic.name in made else 'there'} {topic.name} ({topic.partitions} partitions)")


@main.command()
@_BOOTSTRAP
@_SETTINGS
@_WEB_PORT
def worker(bootstrap: str | None, settings_file: Path | None, web_port: int | None) -> None:
    """Fold the events of Kafka and serve /metrics, /healthz and /readyz on loopback.

    Start several on the same brokers to share the work, up to the number of partitions. A worker that is killed and
    started again goes on where its last snapshot ends; nothing is counted twice and nothing is lost.
    """
    from streams.app import run_worker

    run_worker(_load(settings_file, bootstrap), web_port)


_INTERVALS_MIN = {"15m": 15, "30m": 30, "1h": 60, "1d": 1_440}


class Moment(click.ParamType):
    """A point in time: ISO 8601 (UTC unless it says otherwise), or epoch milliseconds."""

    name = "T"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value.isdigit() and len(value) > 8:
            return int(value)
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time, allowed: 2026-01-31, 2026-01-31T09:15, …+02:00, or epoch ms", param, ctx)
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_SETTINGS
@click.option("--from", "from_ms", type=Moment(), help="Report intervals from this one on.")
@click.option("--to", "to_ms", type=Moment(), help="Report intervals before this one.")
@click.option(
    "--interval", type=click.Choice(list(_INTERVALS_MIN)), default="15m", show_default=True, help="Length of a row."
)
@click.option("--as-of", "as_of_ms", type=Moment(), help="As it was known then: later events are passed over.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: rows by interval, totals, quality.")
@click.option(
    "--max-invalid",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    help="Exit code 3 where more than so many percent of the lines are no events.",
)
@click.option(
    "--processes", type=click.IntRange(1, 64), help="Share contacts out over so many; else what pays on this machine."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write intervals, totals and contacts as Parquet, and the lines that are no events (docs/replay.md).",
)
@click.option("--csv", is_flag=True, help="With --out: each also as CSV.")
def replay(
    paths: tuple[str, ...],
    settings_file: Path | None,
    from_ms: int | None,
    to_ms: int | None,
    interval: str,
    as_of_ms: int | None,
    as_json: bool,
    max_invalid: float,
    processes: int | None,
    out: Path | None,
    csv: bool,
) -> None:
    """Turn recorded events into figures, without Kafka.

    PATH is a file with one event a line (.jsonl, .jsonl.gz or .jsonl.zst; - is standard input), in any order. Lines that are
    no events are named on standard error, or with --out in DIR/invalid.jsonl, counted and passed over.

    \b
    Example:  python -m examples.bank_calls calls.csv | floorpulse replay - --interval 1d
    """
    from streams.replay import run_replay
    from streams.report import Frame

    if csv and out is None:
        raise ConfigError("--csv: nothing to write, allowed: with --out DIR")
    settings = _load(settings_file, None)
    frame = Frame(_INTERVALS_MIN[interval], from_ms, to_ms, settings.business_days())
    sys.exit(run_replay(paths, settings, as_json, frame, as_of_ms, max_invalid / 100, processes, out, csv))


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--queue", required=True, metavar="Q", help="Queue of the row.")
@click.option("--channel", metavar="C", help="Channel of the row, where the queue has several.")
@click.option("--interval", "start_ms", type=Moment(), required=True, help="Start of the row's interval.")
@click.option(
    "--interval-length",
    type=click.Choice(list(_INTERVALS_MIN)),
    default="15m",
    show_default=True,
    help="Length of the row, as replay --interval.",
)
@click.option("--metric", required=True, metavar="M", help="Name of the figure (floorpulse metrics).")
@_SETTINGS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="List so many contacts; else all.")
@click.option(
    "--processes", type=click.IntRange(1, 64), help="Share contacts out over so many; else what pays on this machine."
)
def explain(
    paths: tuple[str, ...],
    queue: str,
    channel: str | None,
    start_ms: int,
    interval_length: str,
    metric: str,
    settings_file: Path | None,
    as_json: bool,
    limit: int | None,
    processes: int | None,
) -> None:
    """List the contacts behind a figure of replay, and what each adds to it.

    The first line says the figure and how it is made, the last what all that is listed comes to: the same.

    \b
    Example:  floorpulse explain calls.jsonl --queue sales --interval 2026-01-31T09:15 --metric service_level
    """
    from streams.explanation import Asked, run_explain

    asked = Asked(metric, queue, start_ms, channel, _INTERVALS_MIN[interval_length])
    run_explain(paths, _load(settings_file, None), asked, as_json, limit, processes)


@main.command()
@_BOOTSTRAP
@_SETTINGS
@click.option("--input", "path", metavar="FILE", help="Recorded events (.jsonl, .gz, .zst) instead of simulated ones.")
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 10_000),
    default=1.0,
    show_default=True,
    help="With --input: contacts come so many times as fast.",
)
@click.option(
    "--volume",
    type=click.FloatRange(0.1, 100),
    default=5.0,
    show_default=True,
    help="Size of the simulated floor; 1 is 7,000 calls a day.",
)
@click.option(
    "--seconds", type=click.FloatRange(1), help="End by itself after so long; exit code 1 if no figure moved."
)
@_WEB_PORT
def demo(
    bootstrap: str | None,
    settings_file: Path | None,
    path: str | None,
    speed: float,
    volume: float,
    seconds: float | None,
    web_port: int | None,
) -> None:
    """Show a live floor in the terminal: broker, topics, worker and traffic in one command.

    The broker is embedded and forgets everything at the end; --bootstrap uses yours instead, and makes its topics. Simulated
    calls began an hour ago, so the windows are full. Ctrl-C ends everything.
    """
    from streams.demo import run_demo

    settings = _load(settings_file, bootstrap)
    embedded = bootstrap is None and "FLOORPULSE_BOOTSTRAP" not in os.environ
    run_demo(
        settings,
        settings_file,
        embedded=embedded,
        path=path,
        speed=speed,
        volume=volume,
        seconds=seconds,
        web_port=web_port,
    )


class _StartingGroup(logging.Filter):
    """Drops what aiokafka calls an error while a broker starts the group's coordinator, which it then waits for."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "GroupCoordinatorNotAvailableError" not in record.getMessage()


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("floorpulse").setLevel(logging.INFO)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it fails at is raised, and said in one line
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(_StartingGroup())


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with all that is known of each metric.")
def metrics(as_json: bool) -> None:
    """List the catalogue: every metric, its unit, what it counts by, and its formula.

    Counts and ratios say by what time they count: `flow` when it happened, `cohort` by the entry into the queue, `live` now.
    """
    from models.catalogue import METRICS

    if as_json:
        names = ("name", "unit", "attribution", "help", "formula", "source")
        click.echo(orjson.dumps([{name: getattr(metric, name) for name in names} for metric in METRICS]))
        return
    table = Table("metric", "unit", "by", "formula", box=SIMPLE, padding=(0, 0))
    for metric in METRICS:
        table.add_row(metric.name, metric.unit, metric.attribution, metric.formula)
    Console(highlight=False).print(table)


@main.group()
def config() -> None:
    """Check and show the settings."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check a settings file, without the environment; exit code 2 and one line where something is wrong."""
    load(file, {})
    click.echo(f"{file}: right")


@config.command()
@_SETTINGS
@_BOOTSTRAP
def show(settings_file: Path | None, bootstrap: str | None) -> None:
    """Print the settings in force as TOML: the defaults, the file over them, the environment over both."""
    click.echo(tomli_w.dumps(_load(settings_file, bootstrap).model_dump(exclude_none=True)), nl=False)


def _load(path: Path | None, bootstrap: str | None) -> Settings:
    return load(path, os.environ, bootstrap)
