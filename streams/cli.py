"""The `floorpulse` command."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

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
@click.option(
    "--web-port", type=click.IntRange(1, 65_535), help="Port of /metrics; else the first free one of 9842 to 9851."
)
def worker(bootstrap: str | None, settings_file: Path | None, web_port: int | None) -> None:
    """Fold the events of Kafka and serve /metrics, /healthz and /readyz on loopback.

    Start several on the same brokers to share the work, up to the number of partitions. A worker that is killed and
    started again goes on where its last snapshot ends; nothing is counted twice and nothing is lost.
    """
    from streams.app import run_worker

    run_worker(_load(settings_file, bootstrap), web_port)


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_SETTINGS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: rows by interval, totals, quality.")
def replay(paths: tuple[str, ...], settings_file: Path | None, as_json: bool) -> None:
    """Turn recorded events into figures, without Kafka.

    PATH is a file with one event a line (.jsonl or .jsonl.gz; - is standard input), in any order. Lines that are no events
    are named on standard error, counted and passed over.

    \b
    Example:  python -m examples.bank_calls calls.csv | floorpulse replay -
    """
    from streams.replay import run_replay

    run_replay(paths, _load(settings_file, None), as_json)


@main.command()
@_BOOTSTRAP
@_SETTINGS
@click.option("--input", "path", metavar="FILE", help="Recorded events (.jsonl, .jsonl.gz) instead of simulated ones.")
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
@click.option(
    "--web-port", type=click.IntRange(1, 65_535), help="Port of /metrics; else the first free one of 9842 to 9851."
)
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


def _load(path: Path | None, bootstrap: str | None) -> Settings:
    return load(path, os.environ, bootstrap)
