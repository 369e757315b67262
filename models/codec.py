"""How events are written and read: JSON, one object a record, tagged by `type`.

The type is the topic's prefix and the event's name, as in `call.queued`. Unknown fields are ignored, unknown types and bad
values refused in words.
"""

from collections.abc import Callable
from typing import Any, Union

import msgspec

from models.errors import DecodeError
from models.events import EVENTS, ContactEvent, Prefix, event_type

Decode = Callable[[bytes | None], ContactEvent]


def decoder(prefix: Prefix) -> Decode:
    """Make the decoder of one topic: `decoder("call")` takes `call.queued` and the like.

    The decoder returns instances of the classes in models/events.py (subclasses that know their tag) and raises `DecodeError`
    with code `json` (no JSON object), `type` (no or an unknown type) or `field` (a value is missing or not allowed).
    """
    tagged = tuple(
        msgspec.defstruct(
            f"{prefix.title()}{definition.__name__}",
            [],
            bases=(definition,),
            tag_field="type",
            tag=event_type(prefix, definition),
            kw_only=True,
            frozen=True,
            gc=False,
        )
        for definition in EVENTS[prefix]
    )
    decode_any: Callable[[bytes], Any] = msgspec.json.Decoder(Union[tagged]).decode  # noqa: UP007  a union made at run time

    def decode(data: bytes | None) -> ContactEvent:
        if data is None:
            raise DecodeError("json", "not a JSON object but no value at all (a tombstone)")
        try:
            event: ContactEvent = decode_any(data)
        except msgspec.MsgspecError as error:
            raise _explain(data, error, prefix) from None
        except (UnicodeDecodeError, RecursionError) as error:
            raise DecodeError("json", f"not a JSON object: {error}") from None
        return event

    return decode


def encode(prefix: str, event: ContactEvent) -> bytes:
    """Encode an event as the topic `prefix` carries it; the inverse of `decoder(prefix)`."""
    body = msgspec.json.encode(event)
    if event.__struct_config__.tag is not None:  # it came from the decoder, and says its type itself
        return body
    return b'{"type":"' + event_type(prefix, type(event)).encode() + b'",' + body[1:]


def _explain(data: bytes, error: msgspec.MsgspecError, prefix: Prefix) -> DecodeError:
    """Say which field had which value and what was allowed."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return DecodeError("json", f"not JSON: {error}")
    if not isinstance(raw, dict):
        return DecodeError("json", f"not a JSON object but {type(raw).__name__}")
    known = {event_type(prefix, definition): definition for definition in EVENTS[prefix]}
    definition = known.get(str(raw.get("type")))
    if definition is None:
        found = f"unknown type {raw['type']!r}" if "type" in raw else "no type"
        return DecodeError("type", f"type: {found}, known: {', '.join(known)}")
    return DecodeError("field", _first_fault(raw, definition, error))


def _first_fault(raw: dict[str, Any], definition: type[ContactEvent], error: msgspec.MsgspecError) -> str:
    """Find the first field whose value is not allowed, in the order of the definition."""
    for field in msgspec.structs.fields(definition):
        if field.name not in raw:
            if field.required:
                return f"{field.name}: missing in {raw['type']}, required"
            continue
        try:
            msgspec.convert(raw[field.name], field.type)
        except msgspec.ValidationError as fault:
            return f"{field.name}: {_short(raw[field.name])} not allowed, {_allowed(field.type) or fault}"
    return str(error)


def _allowed(kind: Any) -> str:
    """List what an enumerated field may hold; empty for other fields."""
    info = msgspec.inspect.type_info(kind)
    options = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    literals = [
        str(value) for option in options if isinstance(option, msgspec.inspect.LiteralType) for value in option.values
    ]
    return f"allowed: {', '.join(literals)}" if literals else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
