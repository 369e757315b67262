"""Writes the reference pages from the definitions in the code: `python -m docs.generate`.

With `--check` it writes nothing, names the pages that are stale and ends with exit code 1. Nothing here says what a metric,
an event or a setting means: the words come from where the thing is defined, and only the frame around them is ours.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect as types

from docs.settings_page import settings_page
from docs.text import code, generated_from, page, prose, table
from models import measures
from models.book import Book
from models.catalogue import METRICS
from models.events import EVENTS, ContactEvent, Event, Prefix, event_type
from models.goals import Goals
from models.merge import QueueView
from models.metric import Metric
from models.other import OTHER
from sinks.exposition import AnyFamily
from sinks.names import (
    ALWAYS,
    ALWAYS_LIVE,
    BY_REASON,
    COUNTERS,
    GAUGES,
    LABELS,
    MOST_ISSUES,
    counter_name,
)
from sinks.prometheus import FloorCollector, FloorView, SourceView
from sinks.telemetry import MeasuredCollector, Telemetry

ROOT: Final = Path(__file__).resolve().parent.parent

# Metrics

_METRICS_INTRO: Final = """
The catalogue has every metric once; `floorpulse replay --json` names its figures as it does.
T is the threshold of the service level, S the limit of a short abandon, both inclusive and set in [settings.md](settings.md).
[counting.md](counting.md) has the rules by which everything is counted.

*Counted* says where a metric is put in time.
`flow`: when it happens, so an answer counts in the minute of the answer.
`cohort`: when the contact entered the queue, so a rate tells what became of those who came in that time.
`scored`: when it was decided whether it was in time; [counting.md](counting.md) says when that is.
`live`: as it stands now.
Both sides of a ratio are counted the same way, and where there is nothing to divide by there is no figure, neither 0 nor 100 %.
"""
_FROM_THE_START: Final = ", ".join(
    (
        *(f"`{counter_name(metric)}_total`" for metric in COUNTERS if metric.name in ALWAYS),
        *(f"`{GAUGES[name]}`" for name in ALWAYS_LIVE),
    )
)
_EXPORTED_INTRO: Final = f"""
Families named `cc_` have the labels `{"`, `".join(LABELS)}`.
{", ".join(f"`{name}_total`" for name in BY_REASON)} have `reason` too, which for transfers is their kind.
`cc_issue_contacts_total` has `issue_type` and `issue_reason`.
Beyond {MOST_ISSUES} of its series those of the rarest issues of a queue are one, as `{OTHER}`.
Those of a source partition have `topic` and `partition`.
What a worker says of itself has `topic` at most.
A summary is two series, `_count` and `_sum`.
Beside these there are the client library's figures of the process, as `process_resident_memory_bytes`.

Of each queue these are there from the start, beside the histograms of waits and handle times: {_FROM_THE_START}.
All other counters are there once there is something to count, and gauges of what stands open only while they are not 0.
Ratios and averages have no sample where there is nothing to divide by.

A window, in the name as `15m` or `60m`, is so many whole minutes of event time, the running one with them.
Windows of ratios and averages must not be added up or averaged over queues: add up their parts, then divide.
Counters and histograms count since the beginning of the log.
"""


def metrics_page() -> str:
    """Return docs/metrics.md: the catalogue, and the names that a worker exports."""
    return page(
        "models/catalogue.py and sinks/names.py",
        "Metrics",
        _METRICS_INTRO.strip(),
        "## The catalogue",
        table(("name", "meaning", "unit", "counted", "formula", "used by, or defined in"), map(_metric_row, METRICS)),
        "## What `/metrics` exports",
        _EXPORTED_INTRO.strip(),
        table(
            ("name", "type", "help"), ((code(exported_name(f)), f.type, f.documentation) for f in exported_families())
        ),
    )


def _metric_row(metric: Metric) -> tuple[str, ...]:
    return code(metric.name), metric.help, metric.unit, metric.attribution, metric.formula, metric.source


def exported_families() -> list[AnyFamily]:
    """Return all families of `/metrics` that are ours, as a worker makes them of one queue and one source partition."""
    queue = QueueView(
        key=("queue", "voice"), total={measures.REPLY: 1, measures.RESPONSE: 1}, minutes={}, quarters={}, live=()
    )
    source = SourceView(
        topic="topic", partition=0, events=0, duplicates=0, late=0, invalid=0, orphans=0, lost=0,
        newest_ms=0, watermark_ms=0, appended_ms=0, lag=0
    )  # fmt: skip
    view = FloorView(queues=(queue,), sources=(source,), recovering=False, fresh_ms=0)
    floor = FloorCollector(lambda: view, lambda: 0, Book(lambda _: Goals()), lambda _: "site")
    families = [*MeasuredCollector(floor).collect(), *Telemetry().registry.collect()]
    return [family for family in families if not family.name.startswith("process_")]  # those differ by system


def exported_name(family: AnyFamily) -> str:
    """Return the name that a family has on the page and in PromQL."""
    return f"{family.name}_total" if family.type == "counter" else family.name


# Events

_EVENTS_INTRO: Final = """
A record of a topic is one JSON object, and its `type` says which of the events below it is.
On `cc.calls` the types begin with `call.`, and the channel is `voice` where an event names none.
On `cc.chats` they begin with `chat.`, and it is `chat`.
Fields that are not named here are ignored.
A record that is no event, or has a value that is not allowed, becomes a dead letter.
Where a field's default is null, null is allowed too.
Times are integers, UTC epoch milliseconds, of when a thing happened, never of when it arrived.
Events may come twice and in any order: the figures are the same.
The JSON Schemas are [calls.schema.json](schema/calls.schema.json) and [chats.schema.json](schema/chats.schema.json).
"""
_FIELDS: Final = ("field", "type", "default")


def events_page() -> str:
    """Return docs/events.md: the fields common to all events, and a section for each event."""
    common = (
        "## All events",
        prose(_doc(Event)),
        prose(_doc(ContactEvent)),
        _fields(msgspec.structs.fields(ContactEvent)),
    )
    every = dict.fromkeys(event for events in EVENTS.values() for event in events)
    sections = (block for event in every for block in _event(event))
    return page("models/events.py", "Call and chat events", _EVENTS_INTRO.strip(), *common, *sections)


def _event(event: type[ContactEvent]) -> tuple[str, ...]:
    common = {field.name for field in msgspec.structs.fields(ContactEvent)}
    own = [field for field in msgspec.structs.fields(event) if field.name not in common]
    types = ", ".join(code(event_type(prefix, event)) for prefix, events in EVENTS.items() if event in events)
    head = (f"## {types}", prose(_doc(event)))
    return (*head, _fields(own)) if own else head


def _fields(fields: Iterable[msgspec.structs.FieldInfo]) -> str:
    return table(_FIELDS, ((code(field.name), type_words(field.type), _default(field)) for field in fields))


def _default(field: msgspec.structs.FieldInfo) -> str:
    return "**required**" if field.required else code(msgspec.json.encode(field.default).decode())


def type_words(kind: Any) -> str:
    """Say what a field may hold; null is left out."""
    return _words(types.type_info(kind))


def _words(info: types.Type) -> str:
    match info:
        case types.UnionType(types=options):
            return " or ".join(_words(option) for option in options if not isinstance(option, types.NoneType))
        case types.StrType(min_length=least, max_length=most):
            return f"string of {least} to {most} characters"
        case types.IntType(ge=least, lt=above) if above is not None:
            return f"integer, {least} to {above - 1}"
        case types.IntType(ge=least, le=most) if most is not None:
            return f"integer, {least} to {most}"
        case types.BoolType():
            return "`true` or `false`"
        case types.LiteralType(values=values):
            return f"one of {', '.join(map(code, values))}"
        case types.VarTupleType(item_type=item):
            return f"list; each a {_words(item)}"
    raise TypeError(f"no words for {info}")


def _doc(thing: type) -> str:
    return inspect.getdoc(thing) or ""


_INTEGERS: Final = (
    "Integers are written without fraction or exponent, 5 and not 5.0 or 5e0: no keyword of a schema says so."
)


def schema_of(prefix: Prefix) -> str:
    """Return the JSON Schema of a record of the topic `cc.<prefix>s`."""
    events = EVENTS[prefix]
    _, components = msgspec.json.schema_components(events, ref_template="#/$defs/{name}")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": generated_from("models/events.py"),
        "title": f"A record of cc.{prefix}s",
        "description": _INTEGERS,
        "oneOf": [{"$ref": f"#/$defs/{event.__name__}"} for event in events],
        "$defs": {event.__name__: _tagged(prefix, event, components[event.__name__]) for event in events},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _tagged(prefix: Prefix, event: type[ContactEvent], schema: dict[str, Any]) -> dict[str, Any]:
    """Add the `type`, which an event has only on a topic."""
    properties = {"type": {"const": event_type(prefix, event)}, **schema["properties"]}
    return {**schema, "properties": properties, "required": ["type", *schema["required"]]}


# Command

PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/metrics.md": metrics_page,
    "docs/events.md": events_page,
    **{f"docs/schema/{prefix}s.schema.json": partial(schema_of, prefix) for prefix in EVENTS},
    "docs/settings.md": settings_page,
}


def stale() -> dict[str, str]:
    """Return the pages that differ from what the code says, with what they should hold."""
    return {name: text for name, make in PAGES.items() if (text := make()) != _held(ROOT / name)}


def _held(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the stale pages, or with `--check` name them; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description="Write the generated documents.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a document is stale")
    check = parser.parse_args(arguments).check
    pages = stale()
    for name, text in pages.items():
        if check:
            print(f"{name}: stale, run: make generate", file=sys.stderr)
        else:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if check and pages else 0


if __name__ == "__main__":
    sys.exit(main())
