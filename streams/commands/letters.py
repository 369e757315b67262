"""Commands that work on refused records and late events: deadletters and late."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from models.errors import ConfigError
from streams.commands.options import (
    BOOTSTRAP,
    CSV,
    FROM,
    INTERVAL,
    INTERVALS_MIN,
    SETTINGS,
    TO,
    Moment,
    check_csv,
    load_settings,
)

if TYPE_CHECKING:
    from models.settings import Settings
    from streams.letters import Refused, Wanted

Command = TypeVar("Command", bound=Callable[..., Any])
Shown = TypeVar("Shown")
_NAMED = 20  # records that are named one by one
_LIMIT = click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the newest N.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def _filters(command: Command) -> Command:
    """Add the options that say which letters."""
    options = (
        click.option("--topic", type=click.Choice(["cc.calls", "cc.chats"]), help="Refused in this topic."),
        click.option("--since", "since_ms", type=Moment(), help="Refused from then on."),
        click.option("--until", "until_ms", type=Moment(), help="Refused before then."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_CODE = click.option("--code", type=click.Choice(["json", "type", "field", "future"]), help="With this kind of fault.")


@click.group()
def deadletters() -> None:
    """Look at records that were no events, and send them again once mended."""


@deadletters.command("list")
@BOOTSTRAP
@SETTINGS
@_CODE
@_filters
@_LIMIT
@_JSON
def list_letters(
    bootstrap: str | None,
    settings_file: Path | None,
    code: str | None,
    topic: str | None,
    since_ms: int | None,
    until_ms: int | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List refused records by time: when, which, and what is wrong with them."""
    from streams import letters
    from streams.topics import DEAD_LETTERS

    wanted = letters.Wanted(topic, code, since_ms, until_ms)
    found = _found(load_settings(settings_file, bootstrap), DEAD_LETTERS, wanted)
    shown = found[-limit:] if limit else found
    _print(shown, letters.to_json, letters.table_of, as_json)
    _say_how_many(len(shown), len(found), f"letters in {DEAD_LETTERS}", letters.counts_of(found), as_json)


@deadletters.command()
@click.argument("place", nargs=-1, required=True, metavar="TOPIC PARTITION OFFSET")
@BOOTSTRAP
@SETTINGS
def show(place: tuple[str, ...], bootstrap: str | None, settings_file: Path | None) -> None:
    """Print all of one letter, also of a late one.

    \b
    Example:  floorpulse deadletters show 'cc.calls[3]@17'
              floorpulse deadletters show cc.calls 3 17
    """
    from streams.letters import at_place, place_of, whole

    asked = place_of(place)
    click.echo(
        "\n".join(whole(letter) for letter in at_place(load_settings(settings_file, bootstrap), asked)), nl=False
    )


@deadletters.command()
@BOOTSTRAP
@SETTINGS
@_CODE
@_filters
@_LIMIT
@click.option(
    "--from",
    "path",
    metavar="FILE",
    help="Send mended records: one event a line, or the lines of list --json with their value mended; - is standard input.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
def replay(
    bootstrap: str | None,
    settings_file: Path | None,
    code: str | None,
    topic: str | None,
    since_ms: int | None,
    until_ms: int | None,
    limit: int | None,
    path: str | None,
    dry_run: bool,
) -> None:
    """Send refused records again to the topic they came from, with the key they had.

    Only those that are events now: a newer version may know their type, or their time has come. The others are named; mend
    them and send them with --from. Ids stay, so nothing counts twice however often this is done.
    """
    from streams import letters, mending
    from streams.topics import DEAD_LETTERS

    if path is not None and (code, topic, since_ms, until_ms, limit) != (None,) * 5:
        raise ConfigError("--from: sends all of a file, allowed: without --code, --topic, --since, --until, --limit")
    settings = load_settings(settings_file, bootstrap)
    now_ms = int(time.time() * 1_000)
    mender = mending.Mender(settings, now_ms)
    if path is not None:
        found = mending.Sorted(mending.from_file(path, mender), [])
    else:
        wanted = _found(settings, DEAD_LETTERS, letters.Wanted(topic, code, since_ms, until_ms))
        found = mending.sort_out(wanted[-limit:] if limit else wanted, mender)
    for letter, reason in found.still_refused[:_NAMED]:
        click.echo(f"{letter.place}: still no event: {reason}", err=True)
    if left := len(found.still_refused[_NAMED:]):
        click.echo(f"and {left:,} more that are still no events", err=True)
    if late := mending.past_horizon(found.mended, settings, now_ms):
        click.echo(f"{late:,} are past the lateness horizon: they become late events (floorpulse late list)", err=True)
    if dry_run:
        for record in found.mended[:_NAMED]:
            click.echo(f"to {record.topic} with key {record.key!r}: {letters.beginning(record.value)}")
    sent = mending.planned(found.mended) if dry_run else mending.send(settings, found.mended)
    where = f" ({', '.join(mending.said(sent))})" if sent else ""
    verb = "would be sent" if dry_run else "sent"
    click.echo(f"{verb}: {sent.total():,}{where}; still no events: {len(found.still_refused):,}")


@click.group()
def late() -> None:
    """Look at events past the lateness horizon, and at the figures as they would be with them."""


@late.command("list")
@BOOTSTRAP
@SETTINGS
@_filters
@_LIMIT
@_JSON
def list_late(
    bootstrap: str | None,
    settings_file: Path | None,
    topic: str | None,
    since_ms: int | None,
    until_ms: int | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List late events: when they were set aside, by how much they were behind, and whose they are."""
    from streams import letters
    from streams.topics import LATE

    wanted = letters.Wanted(topic, None, since_ms, until_ms)
    found = _found(load_settings(settings_file, bootstrap), LATE, wanted)
    shown = found[-limit:] if limit else found
    _print(shown, letters.late_to_json, letters.late_table_of, as_json)
    _say_how_many(len(shown), len(found), f"late events in {LATE}", letters.queues_of(found), as_json)


@late.command()
@BOOTSTRAP
@SETTINGS
@FROM
@TO
@INTERVAL
@_JSON
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the figures with the late events, as replay --out does.",
)
@CSV
def restate(
    bootstrap: str | None,
    settings_file: Path | None,
    from_ms: int | None,
    to_ms: int | None,
    interval: str,
    as_json: bool,
    out: Path | None,
    csv: bool,
) -> None:
    """Show which intervals would read otherwise with the late events, and how: before → after.

    All that the topics hold is folded again, without a horizon. Neither the workers nor /metrics are changed by it; --out
    writes the restated figures for whoever corrects a report.
    """
    from streams.report import Frame
    from streams.restate import restate as restated
    from streams.restate import said, table_of

    check_csv(csv, out)
    settings = load_settings(settings_file, bootstrap)
    frame = Frame(INTERVALS_MIN[interval], from_ms, to_ms, settings.business_days())
    found = restated(settings, frame, out, csv)
    _print(found.changed, lambda row: row, lambda _: table_of(found), as_json)
    for line in said(found):
        click.echo(line, err=as_json)


def _found(settings: "Settings", topic: str, wanted: "Wanted") -> "list[Refused]":
    from streams import letters
    from streams.log_reader import LogReader

    with LogReader(settings) as reader:
        found, strange = letters.read(reader, topic)
    if strange:
        click.echo(f"{topic}: {strange:,} records are no letters (headers are missing), passed over", err=True)
    return [letter for letter in found if wanted.takes(letter)]


def _print(
    shown: Sequence[Shown], to_json: Callable[[Shown], Any], table_of: Callable[[Sequence[Shown]], Any], as_json: bool
) -> None:
    """Print what was found on standard output: JSON, an object a line, or a table where there is anything."""
    import orjson
    from rich.console import Console

    if as_json:
        sys.stdout.buffer.writelines(orjson.dumps(to_json(one), option=orjson.OPT_APPEND_NEWLINE) for one in shown)
        sys.stdout.buffer.flush()
    elif shown:
        Console(highlight=False, markup=False, emoji=False).print(table_of(shown))


def _say_how_many(shown: int, found: int, what: str, counts: str, to_stderr: bool) -> None:
    if not found:
        text = f"no {what}"
    else:
        text = f"{found:,} {what}: {counts}" + (f"; the newest {shown:,} are shown" if shown < found else "")
    click.echo(text, err=to_stderr)
