"""`floorpulse explain`: which figure is asked for, and the answer in words, as a table or as JSON."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import starmap
from typing import Any, Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from models.book import Key
from models.catalogue import BY_NAME
from models.errors import ConfigError
from models.metric import Metric, Value
from models.settings import Settings
from streams.explain import Part, Question, Sum, added_up
from streams.replay import Replay, fitting, name_invalid, read_files, to_json
from streams.report import Frame, Recorded, Report, Row, first_ms, iso

_UNITS: Final = {"seconds": " s"}
_NAMED: Final = 20  # names of queues that a message holds at most


@dataclass(frozen=True)
class Asked:
    """What is asked for, as it was written; `channel` None: the only one of the queue."""

    metric: str
    queue: str
    start_ms: int
    channel: str | None = None
    interval_min: int = 15

    def __post_init__(self) -> None:
        if self.metric not in BY_NAME:
            raise ConfigError(
                f"--metric {self.metric}: unknown metric{_near(self.metric, BY_NAME)}, see floorpulse metrics"
            )


@dataclass(frozen=True)
class Explanation:
    """The answer: `value` is that of the report's row, `sum` what the parts, in order, come to."""

    question: Question
    value: Value
    parts: Sequence[Part]
    sum: Sum


def run_explain(
    paths: Iterable[str],
    settings: Settings,
    asked: Asked,
    as_json: bool = False,
    limit: int | None = None,
    processes: int | None = None,
) -> None:
    """Replay files, and print what is behind a figure: at most `limit` contacts of it."""
    paths = list(paths)
    replay = Replay(settings, name_invalid, frame_of(asked, settings), processes=processes or fitting(paths))
    with closing(replay.shards):
        read_files(replay, paths)
        found = explained(replay, asked)
    if as_json:
        sys.stdout.buffer.write(to_json(_as_row(found, limit)))
    else:
        _print(found, limit)


def frame_of(asked: Asked, settings: Settings) -> Frame:
    """Return the interval alone. Raises `ConfigError` where none starts then."""
    days, at_ms = settings.business_days(), asked.start_ms
    start_ms, end_ms = days.intervals(at_ms, at_ms + 1, asked.interval_min)[0]
    if start_ms != at_ms:
        what = f"not the start of an interval of {asked.interval_min} minutes ({days.zone})"
        raise ConfigError(f"--interval {iso(at_ms)}: {what}, near: {iso(start_ms)}, {iso(end_ms)}")
    return Frame(asked.interval_min, start_ms, end_ms, days)


def explained(replay: Replay, asked: Asked) -> Explanation:
    """Return what is behind a figure of all that was read. Raises `ConfigError` where there is no such row."""
    recorded, goals = replay.recorded(), replay.settings.goals()
    keys = [view.key for view in recorded.views if not view.issue]
    key = _key(asked, keys)
    start_ms, end_ms = _interval(asked, recorded, replay.frame)
    question = Question(asked.metric, key, start_ms, end_ms, recorded.now_ms, goals, frozenset(keys))
    parts = [part for each in replay.shards.ask("streams.explain:parts_in", question) for part in each]
    rows = Report(recorded, replay.frame, goals, {}).rows()
    sum_of_parts = added_up(question, parts)
    row = next((row for row in rows if (row["queue"], row["channel"]) == key), None)
    value = row[asked.metric] if row is not None else added_up(question, ()).value  # nothing happened
    return Explanation(question, value, sorted(parts, key=lambda part: (part.at_ms, part.contact_id)), sum_of_parts)


def _key(asked: Asked, keys: Sequence[Key]) -> Key:
    queues = dict.fromkeys(queue for queue, _ in sorted(keys))
    if asked.queue not in queues:
        known = f", known: {', '.join([*queues][:_NAMED])}{', …' if len(queues) > _NAMED else ''}" if queues else ""
        raise ConfigError(f"--queue {asked.queue}: not in the recording{_near(asked.queue, queues)}{known}")
    channels = sorted(channel for queue, channel in keys if queue == asked.queue)
    if asked.channel is None and len(channels) > 1:
        raise ConfigError(f"--queue {asked.queue}: of several channels, allowed: with --channel {', '.join(channels)}")
    if asked.channel not in (None, *channels):
        raise ConfigError(f"--channel {asked.channel}: not one of {asked.queue}, known: {', '.join(channels)}")
    return asked.queue, asked.channel or channels[0]


def _interval(asked: Asked, recorded: Recorded, frame: Frame) -> tuple[int, int]:
    first = first_ms(recorded.views)
    if first is not None:
        recording = frame.days.intervals(first, recorded.now_ms + 1, asked.interval_min)
        if recording[0][0] <= asked.start_ms <= recording[-1][0]:
            return recorded.intervals[0]
        first = recording[0][0]
    said = "nothing is counted" if first is None else f"allowed: {iso(first)} to {iso(recording[-1][0])}"
    raise ConfigError(f"--interval {iso(asked.start_ms)}: not in the recording, {said}")


def _near(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known))
    return f", near: {', '.join(close)}" if close else ""


# ---------------------------------------------------------------- in words


def _as_row(found: Explanation, limit: int | None) -> Row:
    question, formula = found.question, found.question.formula
    terms = question.terms
    row: Row = {
        "queue": question.key[0],
        "channel": question.key[1],
        "interval_start": iso(question.start_ms),
        "interval_seconds": (question.end_ms - question.start_ms) // 1_000,
        "metric": question.name,
        "unit": question.metric.unit,
        "by": question.metric.attribution,
        "value": found.value,
        "formula": _formula(question),
        "threshold_s": terms.threshold_s,
        "short_abandon_s": terms.short_abandon_s,
    }
    if question.metric.chosen == "gap":
        row["goal"] = terms.goal
    if question.is_ranked:
        total = {"durations": found.sum.durations, "rank": found.sum.rank, "value": found.sum.value}
        return row | {"contacts": list(_ranked(found))[:limit], "sum": total}
    if not question.is_live:
        row |= {"numerator": formula.numerator, "minus": formula.minus, "denominator": formula.denominator}
    total = {"numerator": _scaled(formula, found.sum.above), "value": found.sum.value}
    if _has_denominator(question):
        total["denominator"] = found.sum.below
    return row | {"contacts": [_counted(question, part) for part in found.parts[:limit]], "sum": total}


def _counted(question: Question, part: Part) -> Row:
    row = {**_who(part), "numerator": _scaled(question.formula, part.above)}
    if _has_denominator(question):
        row["denominator"] = part.below
    return row | ({"amounts": part.amounts} if part.amounts else {})


def _ranked(found: Explanation) -> Iterator[Row]:
    """Yield the durations from the longest on, each with its place in ascending order."""
    each = sorted((*duration, part.contact_id, part.prefix) for part in found.parts for duration in part.durations)
    for rank in range(len(each), 0, -1):
        duration_s, at_ms, contact_id, prefix = each[rank - 1]
        yield {"contact_id": contact_id, "type": prefix, "at": iso(at_ms), "rank": rank, "seconds": duration_s}


def _who(part: Part) -> Row:
    return {"contact_id": part.contact_id, "type": part.prefix, "at": iso(part.at_ms)}


def _has_denominator(question: Question) -> bool:
    return question.formula.denominator is not None or question.name == "sl_v12"


def _scaled(formula: Metric, above: int) -> float | int:
    """Return what stands above the line in the unit: seconds of ms, points of thousandths."""
    if formula.attribution != "live" and formula.unit == "seconds":
        return above / 1_000
    return above * formula.factor if formula.factor < 1 else above


def _formula(question: Question) -> str:
    metric, formula = question.metric, question.formula
    match metric.chosen:
        case "headline":
            return f"{formula.name}, {formula.formula}"
        case "gap":
            return f"{metric.formula}, of {formula.name}: {formula.formula}"
        case "live":
            return f"{metric.formula}: {question.terms.live}"
    return metric.formula


def _print(found: Explanation, limit: int | None) -> None:
    console, question = Console(highlight=False), found.question
    terms = question.terms
    minutes = (question.end_ms - question.start_ms) // 60_000
    where = f"{question.key[0]} ({question.key[1]}), {minutes} minutes from {iso(question.start_ms)}"
    console.print(f"{question.name} of {where}: {_made(question, found.value, found.sum)}", soft_wrap=True)
    limits = f"T {terms.threshold_s} s, S {terms.short_abandon_s} s"
    if question.metric.chosen == "gap":
        limits += f", goal {terms.goal:g}"
    console.print(
        f"{question.metric.help}: {_formula(question)} ({question.metric.attribution}; {limits})", soft_wrap=True
    )
    shown = _table(found, limit)
    console.print(shown)
    entries = found.sum.durations if question.is_ranked else len(found.parts)
    if shown.row_count < entries:
        console.print(f"and {entries - shown.row_count:,} more, see --limit")
    console.print(f"sum: {_made(question, found.sum.value, found.sum)}", soft_wrap=True)


def _table(found: Explanation, limit: int | None) -> Table:
    question = found.question
    table = Table("contact", "events", box=SIMPLE, padding=(0, 0))
    table.add_column("at", no_wrap=True)
    if question.is_ranked:
        table.add_column("rank", justify="right")
        table.add_column("seconds", justify="right")
        for one in list(_ranked(found))[:limit]:
            is_it = one["rank"] == found.sum.rank
            rank = f"→ {one['rank']}" if is_it else str(one["rank"])
            table.add_row(one["contact_id"], one["type"], one["at"], rank, _seconds(one["seconds"]))
        return table
    table.add_column("above", justify="right")
    if _has_denominator(question):
        table.add_column("below", justify="right")
    if not question.is_live:
        table.add_column("counts as")
    for one in (_counted(question, part) for part in found.parts[:limit]):
        cells = [f"{one[name]:,.12g}" for name in ("numerator", "denominator") if name in one]
        if not question.is_live:
            cells.append(", ".join(starmap(_amount, one["amounts"].items())))
        table.add_row(one["contact_id"], one["type"], one["at"], *cells)
    return table


def _amount(name: str, n: int) -> str:
    if name.endswith("_ms"):
        return f"{name.removesuffix('_ms')} {_seconds(n / 1_000)} s"
    return name if n == 1 else f"{name} {n:,}"


def _seconds(value: float) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def _made(question: Question, value: Value, total: Sum) -> str:
    """Say a value, and how it is made."""
    unit = _UNITS.get(question.metric.unit, "")
    said = "none" if value is None else f"{_seconds(value)} s" if unit else f"{value:,.6g}"
    if question.is_ranked:
        return (
            f"{said}, number {total.rank:,} of {total.durations:,} durations in ascending order"
            if total.durations
            else said
        )
    above: Any = _scaled(question.formula, total.above)
    made = f"{_seconds(above)}{unit}"
    if _has_denominator(question):
        made += f" ÷ {total.below:,}"
    if question.formula.factor > 1:
        made += f" × {question.formula.factor:g}"
    if question.metric.chosen == "gap":
        return f"{said}, to bring {made} to the goal"
    return said if made == said else f"{said} = {made}"
