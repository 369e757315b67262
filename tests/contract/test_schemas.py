"""The JSON Schemas in docs/schema say of a record what the decoder says: the tables are those of tests/unit/test_events.py."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from models.codec import encode
from models.events import EVENTS, ContactEvent, Prefix
from tests.unit.test_events import EACH, REFUSED, body, refused

SCHEMAS: Final = Path(__file__).parents[2] / "docs" / "schema"
VALIDATORS: Final = {
    prefix: Draft202012Validator(json.loads((SCHEMAS / f"{prefix}s.schema.json").read_text("utf-8")))
    for prefix in EVENTS
}


def is_valid(prefix: Prefix, data: bytes) -> Any:
    return VALIDATORS[prefix].is_valid(json.loads(data))


@pytest.mark.parametrize("prefix", EVENTS)
def test_a_schema_is_well_formed(prefix: Prefix) -> None:
    Draft202012Validator.check_schema(VALIDATORS[prefix].schema)


@pytest.mark.parametrize(("prefix", "event"), EACH)
def test_every_event_is_valid(prefix: Prefix, event: ContactEvent) -> None:
    assert is_valid(prefix, encode(prefix, event))


@pytest.mark.parametrize(("prefix", "data"), [refusal[:2] for refusal in REFUSED])
def test_what_the_decoder_refuses_is_invalid(prefix: Prefix, data: bytes) -> None:
    assert not is_valid(prefix, data)


@pytest.mark.parametrize("prefix", EVENTS)
def test_unknown_fields_are_valid(prefix: Prefix) -> None:
    assert is_valid(prefix, body(type=f"{prefix}.queued", unknown={"a": [None]}))


@pytest.mark.parametrize("number", [b"5.0", b"5e0"])
def test_only_the_decoder_tells_an_integer_by_how_it_is_written(number: bytes) -> None:
    """To JSON Schema 5.0 is the integer 5, and no keyword says otherwise: the schema's description does."""
    data = body(rev=5).replace(b'"rev": 5', b'"rev": ' + number)
    assert number in data
    assert str(refused(data)) == "rev: 5.0 not allowed, Expected `int`, got `float`"
    assert is_valid("call", data)
