"""The `floorpulse` command."""

import logging
import sys
from typing import Any

import click

from models.errors import ConfigError, FloorpulseError
from streams.commands import broker, letters, recordings, reference, simulation, topics
from streams.compiled import refuse_stale


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
    refuse_stale()
    _log_to_stderr()


for _command in (
    topics.topics,
    broker.worker,
    broker.demo,
    simulation.simulate,
    letters.deadletters,
    letters.late,
    recordings.replay,
    recordings.explain,
    reference.metrics,
    reference.config,
):
    main.add_command(_command)


class _StartingGroup(logging.Filter):
    """Drops what aiokafka calls an error while a broker starts the group's coordinator, which it then waits for."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "GroupCoordinatorNotAvailableError" not in record.getMessage()


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("floorpulse").setLevel(logging.INFO)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it fails at is raised, and said in one line
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(_StartingGroup())
