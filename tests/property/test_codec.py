"""Events there and back, and what no event can be: decoder and JSON Schema agree on any value of any field."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.codec import decoder, encode
from models.errors import DecodeError
from models.events import EVENTS, ContactEvent, Prefix
from tests.contract.test_schemas import VALIDATORS
from tests.property.strategies import any_event

DECODERS: Final = {prefix: decoder(prefix) for prefix in EVENTS}
ANY_EVENT: Final = {prefix: any_event(prefix) for prefix in EVENTS}
PREFIXES: Final = st.sampled_from(list(EVENTS))

WORDS: Final = st.sampled_from(["", "customer", "bot", "other", "no_answer", "primary", "ж" * 128, "ж" * 129])
NUMBERS: Final = st.sampled_from([-1, 0, 1, 2, 7, 8, 10, 11, 100, 101, (1 << 53) - 1, 1 << 53, 1 << 64]) | st.integers()
FRACTIONS: Final = st.sampled_from([0.5, -1.5, 1e-9])  # of 5.0 the schema knows less: tests/contract/test_schemas.py
PLAIN: Final = st.none() | st.booleans() | NUMBERS | FRACTIONS | WORDS
JSON: Final = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(WORDS, PLAIN, max_size=1)


@st.composite
def events(draw: Callable[..., Any]) -> tuple[Prefix, ContactEvent]:
    """Draw a topic's prefix and an event of that topic."""
    prefix: Prefix = draw(PREFIXES)
    return prefix, draw(ANY_EVENT[prefix])


def fields_of(event: ContactEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


@given(events())
def test_events_there_and_back(drawn: tuple[Prefix, ContactEvent]) -> None:
    prefix, event = drawn
    data = encode(prefix, event)
    decoded = DECODERS[prefix](data)
    assert isinstance(decoded, type(event))
    assert fields_of(decoded) == fields_of(event)
    assert encode(prefix, decoded) == data
    assert decoded.fact("voice") == event.fact("voice")


@given(events(), st.data())
def test_decoder_and_schema_agree_on_any_value_and_the_refusal_names_its_field(
    drawn: tuple[Prefix, ContactEvent], data: st.DataObject
) -> None:
    prefix, event = drawn
    field = data.draw(st.sampled_from(event.__struct_fields__))
    body = json.loads(encode(prefix, event)) | {field: data.draw(JSON)}
    if data.draw(st.integers(0, 9)) == 0:
        del body[field]
    if VALIDATORS[prefix].is_valid(body) and (body.get("csat") or 1) > body.get("scale", 5):
        return  # which no schema can say
    if VALIDATORS[prefix].is_valid(body):
        DECODERS[prefix](json.dumps(body).encode())
    else:
        with pytest.raises(DecodeError, match=f"^{field}: ") as caught:
            DECODERS[prefix](json.dumps(body).encode())
        assert caught.value.code == "field"
