"""Commands that work on the topics: make, check, describe and reset them."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from models.errors import ConfigError
from streams.commands.options import BOOTSTRAP, SETTINGS, load_settings


@click.group()
def topics() -> None:
    """Make, check and describe the Kafka topics."""


@topics.command()
@BOOTSTRAP
@SETTINGS
def ensure(bootstrap: str | None, settings_file: Path | None) -> None:
    """Make the topics that are missing; change none that is there."""
    from streams.topics import ensure as ensure_topics
    from streams.topics import wanted

    settings = load_settings(settings_file, bootstrap)
    made = ensure_topics(settings)
    for topic in wanted(settings):
        click.echo(f"{'made ' if topic.name in made else 'there'} {topic.name} ({topic.partitions} partitions)")


@topics.command()
@BOOTSTRAP
@SETTINGS
def check(bootstrap: str | None, settings_file: Path | None) -> None:
    """Compare every topic with what it should be; exit code 2 where one is wrong.

    Partitions, copies, and of the settings those on which the figures depend. Nothing is changed: each line says what to run.
    """
    from streams.topic_checks import inspect

    checked = inspect(load_settings(settings_file, bootstrap))
    for one in checked:
        click.echo(
            f"{'wrong' if one.wrong else 'right'} {one.topic.name}{': ' if one.wrong else ''}{', '.join(one.wrong)}"
        )
    if any(one.wrong for one in checked):
        sys.exit(2)


@topics.command()
@BOOTSTRAP
@SETTINGS
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, with the ids and what is wrong too.")
def describe(bootstrap: str | None, settings_file: Path | None, as_json: bool) -> None:
    """Show each topic: what it holds, its key, partitions, records, and its settings as wanted and found."""
    from streams.topic_checks import Checked, inspect

    def told(one: Checked) -> dict[str, Any]:
        found = one.found
        return {
            "name": one.topic.name,
            "key": one.topic.key,
            "holds": one.topic.holds,
            "id": found and found.id,
            "partitions": {"wanted": one.topic.partitions, "found": found and found.partitions},
            "replication": {"wanted": settings.kafka.replication, "found": found and found.replication},
            "records": found and found.records,
            "settings": {
                key: {"wanted": right, "found": found and found.config[key]} for key, right in one.topic.config.items()
            },
            "wrong": one.wrong,
        }

    settings = load_settings(settings_file, bootstrap)
    rows = [told(one) for one in inspect(settings)]
    if as_json:
        click.echo(orjson.dumps(rows))
        return
    table = Table(box=SIMPLE, padding=(0, 0))
    table.add_column("topic", no_wrap=True)
    for title in ("holds", "key", "partitions", "copies", "records", "settings"):
        table.add_column(title, overflow="fold")
    for row in rows:
        records = "–" if row["records"] is None else f"{row['records']:,}"
        said = "\n".join(f"{key}={_both(pair)}" for key, pair in row["settings"].items())
        both = (_both(row["partitions"]), _both(row["replication"]))
        table.add_row(row["name"], row["holds"], row["key"], *both, records, said)
    Console(highlight=False).print(table)


def _both(pair: dict[str, Any]) -> str:
    """Write what is found, and what is wanted where that differs."""
    wanted, found = pair["wanted"], pair["found"]
    return str(found) if found == wanted else f"{'–' if found is None else found} (wanted {wanted})"


@topics.command()
@BOOTSTRAP
@SETTINGS
@click.option("--yes", is_flag=True, help="Needed: the state of all workers goes.")
def reset(bootstrap: str | None, settings_file: Path | None, yes: bool) -> None:
    """Delete what the workers derived and make it anew, so that they compute everything again.

    Events, dead letters and late events stay. Refused while workers run. What retention has deleted of the events cannot be
    computed again.
    """
    from streams.topic_checks import reset as reset_topics

    if not yes:
        raise ConfigError(
            "--yes: missing; all figures will be computed again from the events that their topics still hold"
        )
    for name in reset_topics(load_settings(settings_file, bootstrap)):
        click.echo(f"made anew {name}")
