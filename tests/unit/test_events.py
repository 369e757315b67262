"""The decoder: every event there and back, and every refusal in words. Expected texts are written by hand from STYLE 4."""

import json

import pytest

from models import events as ev
from models.codec import decoder, encode
from models.errors import DecodeError
from models.events import ContactEvent
from tests.unit.builders import DECODE, START_MS

FULL: tuple[ContactEvent, ...] = (
    ev.Started(
        id="1", at=0, rev=2, seq=3, source="pbx", site="riga", raw="NEW", contact_id="c", channel="video",
        customer="p-1", visit="v", leg="l", direction="outbound", entry="+371",
    ),
    ev.Queued(
        id="2", at=253_402_300_799_999, contact_id="c", queue="продажи|%", priority="urgent", direction="callback",
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
)


def body(**fields: object) -> bytes:
    """One `call.queued`, with fields replaced; a field that is `...` is left out."""
    every = {"type": "call.queued", "id": "1", "at": START_MS, "contact_id": "c", "queue": "q"} | fields
    return json.dumps({name: value for name, value in every.items() if value is not ...}).encode()


def refused(data: bytes | None) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        DECODE(data)  # type: ignore[arg-type]  # a tombstone has no value
    return caught.value


def fields_of(event: ContactEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_the_tables_hold_each_event_once() -> None:
    assert tuple(type(event) for event in FULL) == ev.EVENTS["chat"]
    assert tuple(type(event) for event in LEAST) == ev.EVENTS["chat"]


@pytest.mark.parametrize("event", FULL + LEAST, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("prefix", ["call", "chat"])
def test_there_and_back(event: ContactEvent, prefix: str) -> None:
    decoded = decoder(prefix)(encode(prefix, event))
    assert isinstance(decoded, type(event))
    assert fields_of(decoded) == fields_of(event)


def test_an_event_as_the_topic_carries_it() -> None:
    """DESIGN 4: one JSON object, tagged by `type`, only what differs from the defaults."""
    assert encode("call", LEAST[1]) == b'{"type":"call.queued","id":"1","at":1,"contact_id":"c","queue":"q"}'


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
    "call.left, call.exited, call.blocked, call.ended, call.wrapped"
)


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (body(type="call.paused"), "type", f"type: unknown type 'call.paused', known: {KNOWN}"),
        (body(type="chat.queued"), "type", f"type: unknown type 'chat.queued', known: {KNOWN}"),
        (body(type=5), "type", f"type: unknown type 5, known: {KNOWN}"),
        (body(type=...), "type", f"type: no type, known: {KNOWN}"),
        (b"{}", "type", f"type: no type, known: {KNOWN}"),
        (body(id=...), "field", "id: missing in call.queued, required"),
        (body(contact_id=...), "field", "contact_id: missing in call.queued, required"),
        (body(queue=...), "field", "queue: missing in call.queued, required"),
        (body(id=17), "field", "id: 17 not allowed, Expected `str`, got `int`"),
        (body(id=""), "field", "id: '' not allowed, Expected `str` of length >= 1"),
        (body(at="noon"), "field", "at: 'noon' not allowed, Expected `int`, got `str`"),
        (body(at=-1), "field", "at: -1 not allowed, Expected `int` >= 0"),
        (body(at=253_402_300_800_000), "field", "at: 253402300800000 not allowed, Expected `int` <= 253402300799999"),
        (body(at=None), "field", "at: None not allowed, Expected `int`, got `null`"),
        (body(rev=-1), "field", "rev: -1 not allowed, Expected `int` >= 0"),
        (body(priority="asap"), "field", "priority: 'asap' not allowed, allowed: high, low, normal, other, urgent"),
        (body(direction="in"), "field", "direction: 'in' not allowed, allowed: callback, inbound, other, outbound"),
        (body(type="call.ended", by="pbx"), "field", "by: 'pbx' not allowed, allowed: agent, customer, other, system"),
        (
            body(type="call.exited", reason="gone"),
            "field",
            "reason: 'gone' not allowed, allowed: abandoned, answered_elsewhere, callback_accepted, key_exit, "
            "leave_empty, moved, other, overflow, system_drop, timeout, voicemail, withdrawn",
        ),
        (body(type="call.exited"), "field", "reason: missing in call.exited, required"),
        (b"[]", "json", "not a JSON object but list"),
        (b"null", "json", "not a JSON object but NoneType"),
        (b'"call.queued"', "json", "not a JSON object but str"),
    ],
)
def test_a_refusal_names_the_field_its_value_and_what_was_allowed(data: bytes, code: str, message: str) -> None:
    error = refused(data)
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
