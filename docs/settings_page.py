"""docs/settings.md, from the tree of the settings: the meaning of a key is said where the key is defined."""

import json
from typing import Any, Final

from docs.text import code, page, prose, table
from models.settings import Settings
from models.settings_source import variables

_INTRO: Final = """
Settings are read from a TOML file, given as `--settings FILE`; everything has a default, and unknown keys are refused.
`floorpulse config check floorpulse.toml` says in one line what is wrong with a file.
`floorpulse config show` prints what is in force.

The environment wins over the file, and an option on the command line over both.
Empty variables are passed over, and unknown ones that begin with `FLOORPULSE_` are refused.
What has no variable is said in the file only.
"""
_EXAMPLE: Final = """
zone = "Europe/Zurich"
day_starts = "06:00"  # the night shift belongs to the day before

[[queues]]  # all queues, in all channels
calendar = "zurich"
wrap_up = "event"

[[queues]]  # all whose names begin so; what is not named here stays
queue = "sales-*"
threshold_s = 30
goal = 0.9

[[queues]]  # from the new contract on, in the evening only
queue = "sales-gold"
channel = "voice"
valid_from = 2026-04-01
weekdays = ["mon", "tue", "wed", "thu", "fri"]
hours = "18:00-22:00"
threshold_s = 60

[[queues]]
queue = "sales-riga"
site = "riga"

[groups]
sales = ["sales-*", "callcenter-7"]
floor = ["*"]

[calendars.zurich]
mon = ["08:00-12:00", "13:00-18:00"]
tue = ["08:00-12:00", "13:00-18:00"]
wed = ["08:00-12:00", "13:00-18:00"]
thu = ["08:00-12:00", "13:00-20:00"]
fri = ["08:00-12:00", "13:00-18:00"]
holidays = "CH-ZH"
closed = [2026-12-28, 2026-12-29]
open = { "2026-12-24" = ["08:00-12:00"], "2026-12-26" = ["10:00-16:00"] }
"""
_MANY: Final = frozenset({"queues", "groups", "calendars"})  # sections of which there may be any number


def settings_page() -> str:
    """Return docs/settings.md: every setting, an example and a file with all defaults."""
    schema = Settings.model_json_schema()
    root, sections = _sections(schema)
    blocks = [_settings_table("", root)]
    for name, section in sections.items():
        blocks += [f"## `[{name}]`", prose(section["description"]), _settings_table(f"{name}.", section["properties"])]
    blocks += ["## `[[queues]]`", *_many(schema, "QueueSettings")]
    blocks += ["## `[groups]`", prose(schema["properties"]["groups"]["description"])]
    blocks += ["## `[calendars.NAME]`", *_many(schema, "CalendarSettings")]
    blocks += ["## An example", f"```toml\n{_EXAMPLE.strip()}\n```"]
    blocks += ["## A file with all defaults", f"```toml\n{default_toml()}```"]
    return page("models/settings.py and models/sections.py", "Settings", _INTRO.strip(), *blocks)


def _sections(schema: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell the keys of the root from its sections; what there may be many of is in neither."""
    properties = {name: field for name, field in schema["properties"].items() if name not in _MANY}
    root = {name: field for name, field in properties.items() if "$ref" not in field}
    sections = {
        name: schema["$defs"][field["$ref"].rpartition("/")[2]] for name, field in properties.items() if "$ref" in field
    }
    return root, sections


def _many(schema: dict[str, Any], name: str) -> tuple[str, str]:
    """Describe a section of which there may be many; none of its keys has to be there."""
    section = schema["$defs"][name]
    rows = ((code(key), allowed(field), _cell(field["description"])) for key, field in section["properties"].items())
    return prose(section["description"]), table(("key", "allowed", "meaning"), rows)


def _settings_table(prefix: str, fields: dict[str, Any]) -> str:
    head = ("key", "default", "allowed", "environment", "meaning")
    named: dict[str, list[str]] = {}
    for variable, where in variables(Settings).items():
        named.setdefault(".".join(where), []).append(code(variable))
    return table(
        head,
        (
            (
                code(prefix + name),
                "none" if field["default"] is None else code(json.dumps(field["default"])),
                allowed(field),
                ", ".join(named[prefix + name]),
                _cell(field["description"]),
            )
            for name, field in fields.items()
        ),
    )


def _cell(text: str) -> str:
    return " ".join(text.split())


def allowed(field: dict[str, Any]) -> str:
    """Say which values a setting may have, from its JSON Schema; null, which TOML has not, is left out."""
    if "examples" in field:
        return f"such as {', '.join(code(json.dumps(example)) for example in field['examples'])}"
    match field:
        case {"anyOf": [one, {"type": "null"}]}:
            return allowed(one)
        case {"anyOf": [{"format": "date-time"}, *_]}:
            return "a date, or a date with a time"
        case {"enum": values}:
            return ", ".join(map(code, values))
        case {"type": "array", "items": item}:
            return f"list; each {allowed(item)}"
        case {"type": "object", "additionalProperties": item}:
            return f"table; each {allowed(item)}"
        case {"type": "boolean"}:
            return "`true` or `false`"
        case {"type": "string", "pattern": pattern}:
            return f"text like {code(pattern)}"
        case {"type": "string", "format": "date"}:
            return "a date"
        case {"type": "string", "maxLength": most}:
            return f"text of at most {most} characters"
        case {"type": "string"}:
            return "text"
    least = f"{field['minimum']}" if "minimum" in field else f"above {field['exclusiveMinimum']}"
    return f"{field['type']}, {least} to {field['maximum']}"


def default_toml() -> str:
    """Return a settings file that says all defaults."""
    root, sections = _sections(Settings.model_json_schema())
    parts = [_assignments(root)]
    parts += [f"[{name}]\n{_assignments(section['properties'])}" for name, section in sections.items()]
    return "\n".join(parts)


def _assignments(fields: dict[str, Any]) -> str:
    defaults = ((name, field["default"]) for name, field in fields.items() if field["default"] is not None)
    return "".join(f"{name} = {json.dumps(default)}\n" for name, default in defaults)
