"""The decoder: every event there and back, and every refusal in words. Expected texts are written by hand from STYLE 4."""

import json

import msgspec
import pytest

from models import events as ev
from models.codec import decoder, encode
from models.errors import DecodeError
from models.events import ContactEvent, Prefix, event_type

DECODERS = {prefix: decoder(prefix) for prefix in ev.EVENTS}
DECODE = DECODERS["call"]

FULL: tuple[ContactEvent, ...] = (
    ev.Started(
        id="1", at=0, rev=2, seq=3, source="pbx", site="riga", raw="NEW", contact_id="c", channel="video",
        customer="p-1", visit="v", leg="l", direction="outbound", entry="+371",
    ),
    ev.Queued(
        id="2", at=4_102_444_799_999, contact_id="c", queue="продажи|%", priority="urgent", direction="callback",
        tier="gold", issue_type="bill", issue_reason="late", product="x",
    ),
    ev.Ringing(id="3", at=1, contact_id="c", agent="ann", queue="q"),
    ev.Declined(id="4", at=1, contact_id="c", agent="ann", reason="caller_left"),
    ev.Answered(id="5", at=1, contact_id="c", agent="ann", queue="q", role="coach", accepted_at=0),
    ev.Held(id="6", at=1, contact_id="c", agent="ann"),
    ev.Resumed(id="7", at=1, contact_id="c", agent="ann"),
    ev.Transferred(id="8", at=1, contact_id="c", agent="ann", kind="blind", to_queue="q", to_agent="bob"),
    ev.Left(id="9", at=1, contact_id="c", agent="ann", reason="conference_exit"),
    ev.Exited(id="10", at=1, contact_id="c", reason="answered_elsewhere", queue="q"),
    ev.Blocked(id="11", at=1, contact_id="c", reason="queue_full", queue="q"),
    ev.Ended(id="12", at=1, contact_id="c", by="system", outcome="busy"),
    ev.Wrapped(id="13", at=1, contact_id="c", agent="ann", disposition=("sold", "again"), resolved=False),
    ev.Classified(id="14", at=1, contact_id="c", issue_type="bill", issue_reason="late", product="x"),
    ev.Escalated(id="15", at=1, contact_id="c", level="2", to_queue="q", to_agent="bob", reason="angry"),
    ev.SurveyOffered(id="16", at=1, contact_id="c", survey="s", agent="ann", queue="q"),
    ev.Rated(
        id="17", at=1, contact_id="c", survey="s", agent="ann", queue="q", csat=100, scale=100, nps=0, ces=7,
        resolved=True, theme=("price", "tone"),
    ),
    ev.CallbackRequested(id="18", at=1, contact_id="c", due_at=4_102_444_799_999),
    ev.CallbackAttempted(id="19", at=1, contact_id="c", agent="ann", result="failed"),
    ev.CallbackCancelled(id="20", at=1, contact_id="c", by="system"),
    ev.Message(id="21", at=1, contact_id="c", by="bot", agent="ann"),
)  # fmt: skip
LEAST: tuple[ContactEvent, ...] = (
    ev.Started(id="1", at=1, contact_id="c"),
    ev.Queued(id="1", at=1, contact_id="c", queue="q"),
    ev.Ringing(id="1", at=1, contact_id="c", agent="ann"),
    ev.Declined(id="1", at=1, contact_id="c", agent="ann"),
    ev.Answered(id="1", at=1, contact_id="c", agent="ann"),
    ev.Held(id="1", at=1, contact_id="c"),
    ev.Resumed(id="1", at=1, contact_id="c"),
    ev.Transferred(id="1", at=1, contact_id="c"),
    ev.Left(id="1", at=1, contact_id="c", agent="ann"),
    ev.Exited(id="1", at=1, contact_id="c", reason="timeout"),
    ev.Blocked(id="1", at=1, contact_id="c", reason="other"),
    ev.Ended(id="1", at=1, contact_id="c"),
    ev.Wrapped(id="1", at=1, contact_id="c"),
    ev.Classified(id="1", at=1, contact_id="c"),
    ev.Escalated(id="1", at=1, contact_id="c"),
    ev.SurveyOffered(id="1", at=1, contact_id="c"),
    ev.Rated(id="1", at=1, contact_id="c"),
    ev.CallbackRequested(id="1", at=1, contact_id="c"),
    ev.CallbackAttempted(id="1", at=1, contact_id="c"),
    ev.CallbackCancelled(id="1", at=1, contact_id="c"),
    ev.Message(id="1", at=1, contact_id="c", by="customer"),
)
EACH = [  # each event on each topic that carries it
    pytest.param(prefix, event, id=event_type(prefix, type(event)))
    for prefix, kinds in ev.EVENTS.items()
    for event in FULL + LEAST
    if type(event) in kinds
]


def body(**fields: object) -> bytes:
    """One `call.queued`, with fields replaced; a field that is `...` is left out."""
    every = {"type": "call.queued", "id": "1", "at": 1_717_999_200_000, "contact_id": "c", "queue": "q"} | fields
    return json.dumps({name: value for name, value in every.items() if value is not ...}).encode()


def refused(data: bytes | None, prefix: Prefix = "call") -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        DECODERS[prefix](data)
    return caught.value


def fields_of(event: ContactEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_the_tables_hold_each_event_once() -> None:
    assert tuple(type(event) for event in FULL) == ev.EVENTS["chat"]
    assert tuple(type(event) for event in LEAST) == ev.EVENTS["chat"]
    assert set(ev.EVENTS["chat"]) - set(ev.EVENTS["call"]) == {ev.Message}


def test_a_full_event_has_no_default_left() -> None:
    envelope = set(ContactEvent.__struct_fields__)
    for event, least in zip(FULL, LEAST, strict=True):
        own = set(event.__struct_fields__) - (set() if isinstance(event, ev.Started) else envelope)
        assert [name for name in own if getattr(event, name) == getattr(type(least), name, ...)] == []


@pytest.mark.parametrize(("prefix", "event"), EACH)
def test_there_and_back(prefix: Prefix, event: ContactEvent) -> None:
    decoded = DECODERS[prefix](encode(prefix, event))
    assert isinstance(decoded, type(event))
    assert fields_of(decoded) == fields_of(event)


def test_an_event_as_the_topic_carries_it() -> None:
    """DESIGN 4: one JSON object, tagged by `type`, only what differs from the defaults."""
    assert encode("call", LEAST[1]) == b'{"type":"call.queued","id":"1","at":1,"contact_id":"c","queue":"q"}'
    assert encode("chat", LEAST[20]) == b'{"type":"chat.message","id":"1","at":1,"contact_id":"c","by":"customer"}'


def test_types_are_written_in_snake_case() -> None:
    assert [ev.event_type("call", kind) for kind in ev.EVENTS["call"]] == KNOWN.split(", ")
    assert [ev.event_type("chat", kind) for kind in ev.EVENTS["chat"]] == KNOWN_CHATS.split(", ")


def test_a_decoded_event_is_encoded_again() -> None:
    data = encode("call", FULL[0])
    assert encode("call", DECODE(data)) == data


def test_fields_come_in_any_order_and_the_unknown_are_ignored() -> None:
    event = DECODE(b'{"queue":"q","x":{"y":[1,null]},"contact_id":"c","at":7,"id":"1","type":"call.queued"}')
    assert isinstance(event, ev.Queued)
    assert (event.queue, event.at, event.rev, event.seq, event.priority) == ("q", 7, 0, 0, None)


def test_null_is_as_good_as_absent_where_a_field_is_optional() -> None:
    event = DECODE(body(priority=None, channel=None))
    assert isinstance(event, ev.Queued)
    assert event.priority is None


KNOWN = (
    "call.started, call.queued, call.ringing, call.declined, call.answered, call.held, call.resumed, call.transferred, "
    "call.left, call.exited, call.blocked, call.ended, call.wrapped, call.classified, call.escalated, "
    "call.survey_offered, call.rated, call.callback_requested, call.callback_attempted, call.callback_cancelled"
)
LAST_MS = msgspec.json.schema(ev.Ms)["exclusiveMaximum"] - 1
KNOWN_CHATS = KNOWN.replace("call.", "chat.") + ", chat.message"


def rated(**fields: object) -> bytes:
    return body(type="call.rated", **fields)


def written(**fields: object) -> bytes:
    return body(type="chat.message", **fields)


# The topic, a record that is no event of it, and code and words of the refusal.
REFUSED: tuple[tuple[Prefix, bytes, str, str], ...] = (
    ("call", body(type="call.paused"), "type", f"type: unknown type 'call.paused', known: {KNOWN}"),
    ("call", body(type="chat.queued"), "type", f"type: unknown type 'chat.queued', known: {KNOWN}"),
    ("call", body(type=5), "type", f"type: unknown type 5, known: {KNOWN}"),
    ("call", body(type=...), "type", f"type: no type, known: {KNOWN}"),
    ("call", b"{}", "type", f"type: no type, known: {KNOWN}"),
    ("call", body(id=...), "field", "id: missing in call.queued, required"),
    ("call", body(contact_id=...), "field", "contact_id: missing in call.queued, required"),
    ("call", body(queue=...), "field", "queue: missing in call.queued, required"),
    ("call", body(id=17), "field", "id: 17 not allowed, Expected `str`, got `int`"),
    ("call", body(id=""), "field", "id: '' not allowed, Expected `str` of length >= 1"),
    ("call", body(at="noon"), "field", "at: 'noon' not allowed, Expected `int`, got `str`"),
    ("call", body(at=-1), "field", "at: -1 not allowed, Expected `int` >= 0"),
    (
        "call",
        body(at=253_402_300_800_000),
        "field",
        f"at: 253402300800000 not allowed, Expected `int` <= {LAST_MS}",
    ),
    ("call", body(at=None), "field", "at: None not allowed, Expected `int`, got `null`"),
    ("call", body(rev=-1), "field", "rev: -1 not allowed, Expected `int` >= 0"),
    ("call", body(priority="asap"), "field", "priority: 'asap' not allowed, allowed: high, low, normal, other, urgent"),
    ("call", body(direction="in"), "field", "direction: 'in' not allowed, allowed: callback, inbound, other, outbound"),
    (
        "call",
        body(type="call.ended", by="pbx"),
        "field",
        "by: 'pbx' not allowed, allowed: agent, customer, other, system",
    ),
    (
        "call",
        body(type="call.exited", reason="gone"),
        "field",
        "reason: 'gone' not allowed, allowed: abandoned, answered_elsewhere, callback_accepted, key_exit, "
        "leave_empty, moved, other, overflow, system_drop, timeout, voicemail, withdrawn",
    ),
    ("call", body(type="call.exited"), "field", "reason: missing in call.exited, required"),
    ("call", body(type="call.message", by="agent"), "type", f"type: unknown type 'call.message', known: {KNOWN}"),
    ("call", body(type="call.SurveyOffered"), "type", f"type: unknown type 'call.SurveyOffered', known: {KNOWN}"),
    ("call", body(type="call.surveyoffered"), "type", f"type: unknown type 'call.surveyoffered', known: {KNOWN}"),
    ("call", rated(csat=0), "field", "csat: 0 not allowed, Expected `int` >= 1"),
    ("call", rated(csat=101), "field", "csat: 101 not allowed, Expected `int` <= 100"),
    ("call", rated(csat="5"), "field", "csat: '5' not allowed, Expected `int | null`, got `str`"),
    ("call", rated(csat=4.5), "field", "csat: 4.5 not allowed, Expected `int | null`, got `float`"),
    ("call", rated(csat=True), "field", "csat: True not allowed, Expected `int | null`, got `bool`"),
    ("call", rated(scale=1), "field", "scale: 1 not allowed, Expected `int` >= 2"),
    ("call", rated(scale=101), "field", "scale: 101 not allowed, Expected `int` <= 100"),
    ("call", rated(scale=None), "field", "scale: None not allowed, Expected `int`, got `null`"),
    ("call", rated(nps=-1), "field", "nps: -1 not allowed, Expected `int` >= 0"),
    ("call", rated(nps=11), "field", "nps: 11 not allowed, Expected `int` <= 10"),
    ("call", rated(ces=0), "field", "ces: 0 not allowed, Expected `int` >= 1"),
    ("call", rated(ces=8), "field", "ces: 8 not allowed, Expected `int` <= 7"),
    ("call", rated(resolved=1), "field", "resolved: 1 not allowed, Expected `bool | null`, got `int`"),
    ("call", rated(survey=""), "field", "survey: '' not allowed, Expected `str` of length >= 1"),
    ("call", rated(theme="price"), "field", "theme: 'price' not allowed, Expected `array`, got `str`"),
    ("call", rated(theme=None), "field", "theme: None not allowed, Expected `array`, got `null`"),
    ("call", rated(theme=["a", 1]), "field", "theme: ['a', 1] not allowed, Expected `str`, got `int` - at `$[1]`"),
    (
        "call",
        body(type="call.wrapped", disposition=[""]),
        "field",
        "disposition: [''] not allowed, Expected `str` of length >= 1 - at `$[0]`",
    ),
    (
        "call",
        body(type="call.wrapped", resolved="yes"),
        "field",
        "resolved: 'yes' not allowed, Expected `bool | null`, got `str`",
    ),
    (
        "call",
        body(type="call.transferred", kind="warm"),
        "field",
        "kind: 'warm' not allowed, allowed: blind, consult, external, other, queue",
    ),
    ("call", body(type="call.blocked"), "field", "reason: missing in call.blocked, required"),
    (
        "call",
        body(type="call.blocked", reason="full"),
        "field",
        "reason: 'full' not allowed, allowed: no_agent, other, queue_closed, queue_full",
    ),
    (
        "call",
        body(type="call.declined", agent="ann", reason="lunch"),
        "field",
        "reason: 'lunch' not allowed, allowed: busy, caller_left, error, no_answer, other, rejected, rescinded",
    ),
    ("call", body(type="call.escalated", level=2), "field", "level: 2 not allowed, Expected `str | null`, got `int`"),
    (
        "call",
        body(type="call.classified", issue_type=["bill"]),
        "field",
        "issue_type: ['bill'] not allowed, Expected `str | null`, got `array`",
    ),
    (
        "call",
        body(type="call.survey_offered", survey=7),
        "field",
        "survey: 7 not allowed, Expected `str | null`, got `int`",
    ),
    (
        "call",
        body(type="call.callback_requested", due_at="soon"),
        "field",
        "due_at: 'soon' not allowed, Expected `int | null`, got `str`",
    ),
    ("call", body(type="call.callback_requested", due_at=-1), "field", "due_at: -1 not allowed, Expected `int` >= 0"),
    (
        "call",
        body(type="call.callback_attempted", result="rejected"),
        "field",
        "result: 'rejected' not allowed, allowed: busy, connected, failed, no_answer, other",
    ),
    (
        "call",
        body(type="call.callback_cancelled", by="bot"),
        "field",
        "by: 'bot' not allowed, allowed: agent, customer, other, system",
    ),
    ("chat", body(), "type", f"type: unknown type 'call.queued', known: {KNOWN_CHATS}"),
    ("chat", body(type="chat.queued", queue=...), "field", "queue: missing in chat.queued, required"),
    ("chat", written(), "field", "by: missing in chat.message, required"),
    ("chat", written(by=None), "field", "by: None not allowed, allowed: agent, bot, customer, other, system"),
    ("chat", written(by="visitor"), "field", "by: 'visitor' not allowed, allowed: agent, bot, customer, other, system"),
    ("chat", written(by="agent", agent=""), "field", "agent: '' not allowed, Expected `str` of length >= 1"),
    ("call", b"[]", "json", "not a JSON object but list"),
    ("call", b"null", "json", "not a JSON object but NoneType"),
    ("call", b'"call.queued"', "json", "not a JSON object but str"),
)


@pytest.mark.parametrize(("prefix", "data", "code", "message"), REFUSED)
def test_a_refusal_names_the_field_its_value_and_what_was_allowed(
    prefix: Prefix, data: bytes, code: str, message: str
) -> None:
    error = refused(data, prefix)
    assert (error.code, str(error)) == (code, message)


def test_a_long_value_is_cut_in_the_message() -> None:
    error = refused(body(id="x" * 129))
    assert error.code == "field"
    assert str(error) == f"id: '{'x' * 56}... not allowed, Expected `str` of length <= 128"


@pytest.mark.parametrize("field", ["id", "contact_id", "queue", "customer", "source"])
def test_the_bounds_of_an_id_are_1_and_128(field: str) -> None:
    for length in (1, 128):
        assert getattr(DECODE(body(**{field: "ж" * length})), field) == "ж" * length
    for length in (0, 129):
        error = refused(body(**{field: "ж" * length}))
        assert error.code == "field"
        assert str(error).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b" ",
        b"{",
        b"not json",
        b'\xef\xbb\xbf{"type":"call.ended","id":"1","at":1,"contact_id":"c"}',  # a byte order mark
        b'{"type":"call.ended","id":"\xff","at":1,"contact_id":"c"}',  # no UTF-8
        b'{"type":"call.ended","id":"\xed\xa0\x80","at":1,"contact_id":"c"}',  # half of a surrogate pair
        b'{"type":"call.ended","id":"\\ud800","at":1,"contact_id":"c"}',  # the same, escaped
        b'{"type":"call.ended","id":"1","at":1,"contact_id":"c","x":' + b"[" * 100_000,
        b'{"type":"call.ended","id":"1","at":1,"contact_id":"c","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\x00\x01\x02",
    ],
    ids=lambda data: repr(data)[:12],
)
def test_what_is_no_json_object_is_told_apart(data: bytes | None) -> None:
    error = refused(data)
    assert error.code == "json"
    assert str(error).startswith("not ")


def test_a_second_object_behind_the_first_is_no_json() -> None:
    assert refused(body() + body()).code == "json"


@pytest.mark.parametrize("field", ["rev", "seq"])
def test_a_number_that_no_fact_can_hold_is_refused(field: str) -> None:
    """Facts are packed as msgpack, whose integers end at 2^64: a greater one must not reach the fold."""
    assert refused(body(**{field: 1 << 64})).code == "field"
