"""Commands that run on Kafka: worker and demo."""

import os
from pathlib import Path

import click

from models.errors import ConfigError
from streams.commands.options import BOOTSTRAP, SCENARIO, SETTINGS, WEB_PORT, load_settings
from streams.scenarios import SCENARIOS


@click.command()
@BOOTSTRAP
@SETTINGS
@WEB_PORT
@click.option("--instance", metavar="NAME", help="Name of this worker in its group; else host name and web port.")
@click.option(
    "--leave", is_flag=True, help="Start none: say that the one of this name was stopped and will not come back."
)
def worker(
    bootstrap: str | None, settings_file: Path | None, web_port: int | None, instance: str | None, leave: bool
) -> None:
    """Fold the events of Kafka and serve /metrics, /healthz and /readyz on loopback.

    Start several on the same brokers to share the work, up to the number of partitions. A worker that is killed and
    started again goes on where its last snapshot ends; nothing is counted twice and nothing is lost. One that was stopped
    keeps its partitions for ten seconds, so that it may come back; --leave frees them at once.

    \b
    Example:  floorpulse worker --web-port 9842
              floorpulse worker --web-port 9842 --leave
    """
    settings = load_settings(settings_file, bootstrap)
    if not leave:
        from streams.app import run_worker

        run_worker(settings, web_port, instance)
    from streams.membership import instance_name
    from streams.membership import leave as leave_group

    if instance is None and web_port is None:
        raise ConfigError("--leave: which worker? say the --web-port or the --instance that it had")
    name = instance_name(instance, web_port or 0)
    leave_group(settings, name)
    click.echo(f"{name} has left the group {settings.app}")


@click.command()
@BOOTSTRAP
@SETTINGS
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
    help="Size of the simulated floor; 1 is 8,600 contacts a day.",
)
@SCENARIO
@click.option(
    "--seconds", type=click.FloatRange(1), help="End by itself after so long; exit code 1 if no figure moved."
)
@WEB_PORT
def demo(
    bootstrap: str | None,
    settings_file: Path | None,
    path: str | None,
    speed: float,
    volume: float,
    scenario: str,
    seconds: float | None,
    web_port: int | None,
) -> None:
    """Show a live floor in the terminal: broker, topics, worker and traffic in one command.

    The broker is embedded and forgets everything at the end; --bootstrap uses yours instead, and makes its topics. Simulated
    calls and chats began an hour ago, so the windows are full; a spike or an outage begins soon after the start. Ctrl-C ends
    everything.

    \b
    Example:  floorpulse demo --scenario spike
    """
    from streams.demo import Shown, read_recorded, run_demo

    if path is not None and scenario != "steady":
        raise ConfigError(f"--input, --scenario {scenario}: recorded events have their own, allowed: one of them")
    settings = load_settings(settings_file, bootstrap)
    shown = Shown(SCENARIOS[scenario], volume, None if path is None else read_recorded(path), speed)
    embedded = bootstrap is None and "FLOORPULSE_BOOTSTRAP" not in os.environ
    run_demo(
        settings,
        settings_file,
        shown,
        embedded=embedded,
        seconds=seconds,
        web_port=web_port,
    )
