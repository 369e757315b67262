"""Commands that say what there is: the metrics, and the settings."""

from pathlib import Path

import click
import orjson
import tomli_w
from pydantic import SecretStr
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from models.settings import load
from streams.commands.options import BOOTSTRAP, SETTINGS, load_settings


@click.command()
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


@click.group()
def config() -> None:
    """Check and show the settings."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Check a settings file, without the environment; exit code 2 and one line where something is wrong."""
    load(file, {})
    click.echo(f"{file}: right")


@config.command()
@SETTINGS
@BOOTSTRAP
def show(settings_file: Path | None, bootstrap: str | None) -> None:
    """Print the settings in force as TOML: the defaults, the file over them, the environment over both; no secrets."""
    tree = load_settings(settings_file, bootstrap).model_dump(exclude_none=True)
    kafka = tree["kafka"]
    tree["kafka"] = {key: str(value) if isinstance(value, SecretStr) else value for key, value in kafka.items()}
    click.echo(tomli_w.dumps(tree), nl=False)
