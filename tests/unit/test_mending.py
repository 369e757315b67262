"""Which refused records are sent again, and which lines of mended ones are refused, without a broker."""

import json
from pathlib import Path

import pytest

from models.errors import ConfigError
from models.settings import Settings
from streams.letters import Place, Refused
from streams.mending import Mended, Mender, from_file, past_horizon, planned, said, sort_out

NOW_MS = 1_718_020_800_000
HOUR_MS = 3_600_000


def event(at: int = NOW_MS, **fields: object) -> bytes:
    return json.dumps(
        {"type": "call.queued", "id": "1", "at": at, "contact_id": "c", "queue": "sales"} | fields
    ).encode()


def refused(offset: int, value: bytes, key: bytes | None = b"k", topic: str = "cc.calls") -> Refused:
    return Refused(Place(topic, 3, offset), "field", "?", key, value, NOW_MS)


@pytest.fixture
def mender() -> Mender:
    return Mender(Settings(), NOW_MS)


def test_those_that_are_events_now_keep_their_key_and_others_are_named(mender: Mender) -> None:
    chat = event(type="chat.queued")
    letters = [
        refused(0, event()),
        refused(1, event(), key=None),
        refused(2, event(queue=7)),
        refused(3, chat),
        refused(4, chat, topic="cc.chats"),
        refused(5, event(NOW_MS + 600_000)),
        refused(6, event(NOW_MS + 600_001)),
        refused(7, event(), topic="cc.elsewhere"),
        refused(8, b""),
    ]
    found = sort_out(letters, mender)
    assert found.mended == [
        Mended("cc.calls", b"k", event(), NOW_MS),
        Mended("cc.calls", b"c", event(), NOW_MS),
        Mended("cc.chats", b"k", chat, NOW_MS),
        Mended("cc.calls", b"k", event(NOW_MS + 600_000), NOW_MS + 600_000),
    ]
    reasons = {letter.place.offset: reason for letter, reason in found.still_refused}
    assert reasons.keys() == {2, 3, 6, 7, 8}
    assert reasons[2].startswith("queue: 7 not allowed")
    assert reasons[3].startswith("type: unknown type 'chat.queued', known: call.")
    assert reasons[6] == f"at: {NOW_MS + 600_001} is 600 s ahead, allowed: 600"
    assert reasons[7] == "topic: 'cc.elsewhere' is no topic of events, known: cc.calls, cc.chats"
    assert (planned(found.mended), list(said(planned(found.mended)))) == (
        {"cc.calls": 3, "cc.chats": 1},
        ["3 to cc.calls", "1 to cc.chats"],
    )


def test_a_file_of_events_and_of_letters_with_their_value_mended(mender: Mender, tmp_path: Path) -> None:
    file = tmp_path / "mended.jsonl"
    listed = {"topic": "cc.calls", "partition": 3, "offset": 17, "code": "json", "key": "k"}
    lines = [
        event(),
        b"",
        event(type="chat.queued"),
        json.dumps(listed | {"value": json.loads(event())}).encode(),
        json.dumps(listed | {"value": event().decode(), "key": None}).encode(),
    ]
    file.write_bytes(b"\n".join(lines) + b"\n")
    found = from_file(str(file), mender)
    assert [(one.topic, one.key) for one in found] == [
        ("cc.calls", b"c"),
        ("cc.chats", b"c"),
        ("cc.calls", b"k"),
        ("cc.calls", b"c"),
    ]
    assert all(json.loads(one.value)["contact_id"] == "c" for one in found)


def test_lines_that_are_no_events_are_named_and_nothing_is_sent(mender: Mender, tmp_path: Path) -> None:
    file = tmp_path / "mended.jsonl"
    listed = b'{"topic":"cc.calls","value_base64":"/wA="}'
    file.write_bytes(b"\n".join([event(), b"{", b"[]", event(queue=7), listed, b'{"id":"1"}']))
    with pytest.raises(ConfigError) as failure:
        from_file(str(file), mender)
    heads = [line.removeprefix(str(file))[:24] for line in str(failure.value).splitlines()]
    assert heads == [
        ": 5 of 6 lines are no ev",
        ":2: not JSON: unexpected",
        ":3: not a JSON object bu",
        ":4: queue: 7 not allowed",
        ":5: not a JSON object bu",
        ":6: type: no type, known",
    ]
    assert "; nothing was sent" in str(failure.value)


def test_a_file_that_is_missing(mender: Mender) -> None:
    with pytest.raises(ConfigError, match=r"^gone.jsonl: cannot be read: No such file or directory$"):
        from_file("gone.jsonl", mender)


def test_those_past_the_horizon_of_their_topic_are_counted() -> None:
    """Six hours for calls, 48 for chats."""
    at = NOW_MS - 6 * HOUR_MS
    records = [
        Mended("cc.calls", b"c", b"", at),
        Mended("cc.calls", b"c", b"", at - 1),
        Mended("cc.chats", b"c", b"", at - 1),
    ]
    assert past_horizon(records, Settings(), NOW_MS) == 1
