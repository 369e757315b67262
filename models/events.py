"""What happens to a contact, one definition for each event, and the decoder of the source topics.

An event is a JSON object tagged by `type`: the topic's prefix and the event's name, as in `call.queued`.
Unknown fields are ignored, unknown types and bad values refused in words. Times are integers, UTC epoch
milliseconds, of when a thing happened, never of when it arrived. Field names and enumerations are those of
docs/events.md; an enumerated value that the source knows and we do not is `other`, with the source's own
word in `raw`.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta

from models import facts
from models.errors import DecodeError
from models.facts import Fact, mark_of

Id = Annotated[str, Meta(min_length=1, max_length=128)]
Ms = Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]  # up to the year 9999
Count = Annotated[int, Meta(ge=0, lt=1 << 53)]  # what every JSON reader holds exactly
Direction = Literal["inbound", "outbound", "callback", "other"]
Priority = Literal["low", "normal", "high", "urgent", "other"]
By = Literal["customer", "agent", "system", "other"]
Role = Literal["primary", "consult", "conference", "monitor", "coach", "other"]
ExitReason = Literal[
    "abandoned",
    "callback_accepted",
    "moved",
    "overflow",
    "voicemail",
    "key_exit",
    "timeout",
    "leave_empty",
    "answered_elsewhere",
    "withdrawn",
    "system_drop",
    "other",
]


class Event(msgspec.Struct, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The envelope of every event.

    `id` is unique per fact and comes from the source's own keys, so that a live event and a later record share
    it. Of two events with one `id` the higher `rev` wins. `seq` orders events of the same millisecond.
    """

    id: Id
    at: Ms
    rev: Count = 0
    seq: Count = 0
    source: Id | None = None
    site: Id | None = None
    raw: Id | None = None


class ContactEvent(Event, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """An event of one contact. `channel` is finer than the topic's; `customer` is a pseudonym."""

    contact_id: Id
    channel: Id | None = None
    customer: Id | None = None
    visit: Id | None = None
    leg: Id | None = None

    def fact(self, channel: str) -> Fact:
        """Return what a record remembers of the event (models/facts.py); `channel` is the topic's, where it names none."""
        raise NotImplementedError


class Started(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact begins: in the IVR, at the bot, or dialled. `entry` is the number or page."""

    direction: Direction | None = None
    entry: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.STARTED, mark_of(self.id), self.rev, self.direction)


class Queued(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact enters a queue: a visit begins."""

    queue: Id
    priority: Priority | None = None
    direction: Direction | None = None
    tier: Id | None = None
    issue_type: Id | None = None
    issue_reason: Id | None = None
    product: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (
            self.at,
            self.seq,
            facts.QUEUED,
            mark_of(self.id),
            self.rev,
            self.queue,
            self.channel or channel,
            self.direction,
        )


class Ringing(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact is offered to a person; it still waits."""

    agent: Id
    queue: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.RINGING, mark_of(self.id), self.rev, self.agent, self.queue)


class Declined(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The offer ended without an answer. `rescinded` and `caller_left` are no fault of the person."""

    agent: Id
    reason: Literal["no_answer", "rejected", "busy", "error", "rescinded", "caller_left", "other"] | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.DECLINED, mark_of(self.id), self.rev, self.agent, self.reason)


class Answered(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The customer can hear the person: a leg begins, and with role `primary` the visit ends."""

    agent: Id
    queue: Id | None = None
    role: Role = "primary"
    accepted_at: Ms | None = None

    def fact(self, channel: str) -> Fact:
        return (
            self.at,
            self.seq,
            facts.ANSWERED,
            mark_of(self.id),
            self.rev,
            self.agent,
            self.queue,
            self.channel or channel,
            self.role,
        )


class Held(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The person puts the customer on hold."""

    agent: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.HELD, mark_of(self.id), self.rev, self.agent)


class Resumed(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The person takes the customer off hold."""

    agent: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.RESUMED, mark_of(self.id), self.rev, self.agent)


class Transferred(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact is sent on. The leg of `agent` ends where it is named."""

    agent: Id | None = None
    kind: Literal["blind", "consult", "queue", "external", "other"] | None = None
    to_queue: Id | None = None
    to_agent: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.TRANSFERRED, mark_of(self.id), self.rev, self.agent, self.kind)


class Left(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """A person leaves and the contact goes on: the leg ends."""

    agent: Id
    reason: Literal["transfer", "conference_exit", "hangup", "error", "other"] | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.LEFT, mark_of(self.id), self.rev, self.agent, self.reason)


class Exited(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """A visit ends without an answer. Without `queue` it is the one that waits longest."""

    reason: ExitReason
    queue: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.EXITED, mark_of(self.id), self.rev, self.reason, self.queue)


class Blocked(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact was turned away before it could queue."""

    reason: Literal["queue_closed", "queue_full", "no_agent", "other"]
    queue: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.BLOCKED, mark_of(self.id), self.rev, self.queue, self.reason)


class Ended(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact is over, and with it whatever is still open of it."""

    by: By | None = None
    outcome: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.ENDED, mark_of(self.id), self.rev, self.by)


class Wrapped(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The person has done the work after the contact. Without `agent` it is the one who left last."""

    agent: Id | None = None
    disposition: tuple[Id, ...] = ()
    resolved: bool | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.WRAPPED, mark_of(self.id), self.rev, self.agent)


CONTACT_EVENTS: tuple[type[ContactEvent], ...] = (
    Started,
    Queued,
    Ringing,
    Declined,
    Answered,
    Held,
    Resumed,
    Transferred,
    Left,
    Exited,
    Blocked,
    Ended,
    Wrapped,
)

Decode = Callable[[bytes], ContactEvent]


def decoder(prefix: str) -> Decode:
    """Make the decoder of one topic: `decoder("call")` takes `call.queued` and the like.

    The decoder returns instances of the classes above (subclasses that know their tag) and raises `DecodeError`
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
        for definition in CONTACT_EVENTS
    )
    decode_any: Callable[[bytes], Any] = msgspec.json.Decoder(Union[tagged]).decode  # noqa: UP007  a union made at run time

    def decode(data: bytes) -> ContactEvent:
        try:
            event: ContactEvent = decode_any(data)
        except msgspec.MsgspecError as error:
            raise _explain(data, error, prefix) from None
        except (UnicodeDecodeError, RecursionError) as error:
            raise DecodeError("json", f"not a JSON object: {error}") from None
        except TypeError:
            raise DecodeError("json", "not a JSON object but no value at all (a tombstone)") from None
        return event

    return decode


def event_type(prefix: str, definition: type[ContactEvent]) -> str:
    """Return the `type` of an event on a topic: `call.queued`."""
    return f"{prefix}.{definition.__name__.lower()}"


def encode(prefix: str, event: ContactEvent) -> bytes:
    """Encode an event as the topic `prefix` carries it; the inverse of `decoder(prefix)`."""
    body = msgspec.json.encode(event)
    if event.__struct_config__.tag is not None:  # it came from the decoder, and says its type itself
        return body
    return b'{"type":"' + event_type(prefix, type(event)).encode() + b'",' + body[1:]


def _explain(data: bytes, error: msgspec.MsgspecError, prefix: str) -> DecodeError:
    """Say which field had which value and what was allowed."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return DecodeError("json", f"not JSON: {error}")
    if not isinstance(raw, dict):
        return DecodeError("json", f"not a JSON object but {type(raw).__name__}")
    known = {event_type(prefix, definition): definition for definition in CONTACT_EVENTS}
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
