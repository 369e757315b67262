"""The `floorpulse` command."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from models.errors import FloorpulseError
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
    """Ends every expected error with one line on standard error and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FloorpulseError as error:
            click.echo(f"floorpulse: {error}", err=True)
            sys.exit(2)


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

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("floorpulse").setLevel(logging.INFO)
    run_worker(_load(settings_file, bootstrap), web_port)


def _load(path: Path | None, bootstrap: str | None) -> Settings:
    return load(path, os.environ, bootstrap)
