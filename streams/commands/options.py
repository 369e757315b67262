"""Options and kinds of values that several commands share."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from models.errors import ConfigError
from models.settings import Settings, load
from streams.scenarios import SCENARIOS

BOOTSTRAP = click.option("--bootstrap", metavar="HOST:PORT[,…]", help="Kafka brokers; also FLOORPULSE_BOOTSTRAP.")
SETTINGS = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings in TOML (docs/settings.md).",
)

WEB_PORT = click.option(
    "--web-port", type=click.IntRange(1, 65_535), help="Port of /metrics; else the first free one of 9842 to 9851."
)

SCENARIO = click.option(
    "--scenario",
    type=click.Choice(list(SCENARIOS)),
    default="steady",
    show_default=True,
    help="What happens: " + "; ".join(f"{name}, {scenario.help}" for name, scenario in SCENARIOS.items()) + ".",
)

INTERVALS_MIN: Final = {"15m": 15, "30m": 30, "1h": 60, "1d": 1_440}
INTERVAL = click.option(
    "--interval", type=click.Choice(list(INTERVALS_MIN)), default="15m", show_default=True, help="Length of a row."
)


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


FROM = click.option("--from", "from_ms", type=Moment(), help="Report intervals from this one on.")
TO = click.option("--to", "to_ms", type=Moment(), help="Report intervals before this one.")
CSV = click.option("--csv", is_flag=True, help="With --out: each also as CSV.")


def check_csv(csv: bool, out: Path | None) -> None:
    """Raise `ConfigError` where files are asked for as CSV too, but none at all."""
    if csv and out is None:
        raise ConfigError("--csv: nothing to write, allowed: with --out DIR")


def load_settings(path: Path | None, bootstrap: str | None) -> Settings:
    """Read the settings of a command: its options over the environment, over the file, over the defaults."""
    return load(path, os.environ, bootstrap)
