"""Commands that work on recorded events, without Kafka: replay and explain."""

import sys
from pathlib import Path

import click

from streams.commands.options import CSV, FROM, INTERVAL, INTERVALS_MIN, SETTINGS, TO, Moment, check_csv, load_settings


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@SETTINGS
@FROM
@TO
@INTERVAL
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
@CSV
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

    check_csv(csv, out)
    settings = load_settings(settings_file, None)
    frame = Frame(INTERVALS_MIN[interval], from_ms, to_ms, settings.business_days())
    sys.exit(run_replay(paths, settings, as_json, frame, as_of_ms, max_invalid / 100, processes, out, csv))


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--queue", required=True, metavar="Q", help="Queue of the row.")
@click.option("--channel", metavar="C", help="Channel of the row, where the queue has several.")
@click.option("--interval", "start_ms", type=Moment(), required=True, help="Start of the row's interval.")
@click.option(
    "--interval-length",
    type=click.Choice(list(INTERVALS_MIN)),
    default="15m",
    show_default=True,
    help="Length of the row, as replay --interval.",
)
@click.option("--metric", required=True, metavar="M", help="Name of the figure (floorpulse metrics).")
@SETTINGS
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

    asked = Asked(metric, queue, start_ms, channel, INTERVALS_MIN[interval_length])
    run_explain(paths, load_settings(settings_file, None), asked, as_json, limit, processes)
