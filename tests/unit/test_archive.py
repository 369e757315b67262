"""The archive of finished contacts: pools, blocks of one shape and of many, ids whose hashes agree."""

from random import Random

import msgspec
import pytest

from models import archive
from models.archive import BLOCK, FEW, POOL, Archive, Saved

#  quarter       0            1            2            3
#  ms            |............|............|............|
#                0        900_000    1_800_000    2_700_000
QUARTER = 900_000


def of_one_shape(count: int, quarter: int = 0) -> dict[str, bytes]:
    """Return records of 60 bytes with ids of 9; neither is like another."""
    random = Random(quarter)
    return {f"{quarter}call{number:04d}": random.randbytes(60) for number in range(count)}


def of_many_shapes(count: int) -> dict[str, bytes]:
    return {f"chat-{'x' * number}": bytes([number % 256]) * number for number in range(count)}


def filled(records: dict[str, bytes], quarter: int = 0, held: Archive | None = None) -> Archive:
    held = Archive() if held is None else held
    for contact_id, packed in records.items():
        held.put(contact_id, quarter * QUARTER + 5, packed)
    return held


def copied(held: Archive) -> Archive:
    return Archive.restored(msgspec.msgpack.decode(msgspec.msgpack.encode(held.saved()), type=Saved))


def layout(held: Archive) -> tuple[int, set[bool]]:
    """Return how many lie in pools, and which kinds of blocks there are: turned or not."""
    saved = held.saved()
    return sum(map(len, saved.pools.values())), {block.turned for block in saved.blocks.values()}


@pytest.mark.parametrize(
    ("records", "pooled", "turned"),
    [
        (of_one_shape(POOL - 1), POOL - 1, set()),
        (of_one_shape(POOL), 0, {True}),
        (of_one_shape(3 * POOL + 1), 1, {True}),
        (of_many_shapes(POOL), 0, {False}),
        (of_many_shapes(200) | of_one_shape(POOL), 400, {True}),
    ],
    ids=[
        "a pool",
        "one shape",
        "some blocks and a pool",
        "many shapes",
        "few of many shapes wait, and what came after",
    ],
)
def test_every_record_is_found_once(records: dict[str, bytes], pooled: int, turned: set[bool]) -> None:
    held = filled(records)
    assert layout(held) == (pooled, turned)
    for again in (held, copied(held)):
        assert len(again) == len(records)
        assert dict(again.items()) == records
        for contact_id, packed in records.items():
            assert again.take(contact_id) == packed
            assert again.take(contact_id) is None
        assert len(again) == 0
        assert list(again.items()) == []


def test_what_was_never_put_is_not_there() -> None:
    held = filled(of_one_shape(2 * POOL))
    assert [held.take(f"1call{number:04d}") for number in range(POOL)] == [None] * POOL
    assert held.take("") is None
    assert Archive().take("a") is None


@pytest.mark.parametrize("ms", [0, QUARTER - 1, QUARTER, 2 * QUARTER - 1, 2 * QUARTER, 3 * QUARTER])
def test_quarters_that_ended_are_dropped_by_quarter_and_id(ms: int) -> None:
    quarters = [of_one_shape(POOL + 7, quarter) for quarter in range(3)]
    held = Archive()
    for quarter in (1, 0, 2):
        filled(quarters[quarter], quarter, held)
    held.take("0call0003")
    del quarters[0]["0call0003"]
    gone = [
        (contact_id, quarter * QUARTER, packed)
        for quarter, records in enumerate(quarters[: ms // QUARTER])
        for contact_id, packed in sorted(records.items())
    ]
    assert list(copied(held).drop_before(ms)) == gone
    assert list(held.drop_before(ms)) == gone
    assert list(held.drop_before(ms)) == []
    assert len(held) == sum(map(len, quarters)) - len(gone)


def test_what_is_dropped_does_not_depend_on_the_order_of_putting() -> None:
    records = of_one_shape(POOL) | of_many_shapes(POOL)
    mixed = dict(Random(1).sample(sorted(records.items()), len(records)))
    assert list(filled(records).drop_before(QUARTER)) == list(filled(mixed).drop_before(QUARTER))


def test_a_drop_that_is_not_read_to_its_end_leaves_the_later_quarters() -> None:
    held = filled({"b": b"2"}, 1, filled({"a": b"1"}))
    assert next(held.drop_before(2 * QUARTER)) == ("a", 0, b"1")
    assert dict(held.items()) == {"b": b"2"}


def test_the_pool_of_a_quarter_that_is_over_becomes_blocks() -> None:
    held = filled(of_one_shape(FEW))
    filled({"next": b""}, 1, held)
    assert layout(held) == (FEW + 1, set())
    filled({"the one after": b""}, 2, held)
    assert layout(held) == (2, {True})


def test_a_block_of_which_less_than_half_is_left_goes_back_to_the_pool() -> None:
    records = of_one_shape(POOL)
    held = filled(records)
    first = list(records)[:BLOCK]
    for contact_id in first[: BLOCK // 2]:
        held.take(contact_id)
    assert layout(held)[0] == 0
    held = copied(held)
    held.take(first[BLOCK // 2])
    assert layout(held)[0] == BLOCK // 2 - 1
    assert dict(held.items()) == {
        name: packed for name, packed in records.items() if name not in first[: BLOCK // 2 + 1]
    }


def test_a_record_may_come_back_after_it_was_taken() -> None:
    held = filled(of_one_shape(POOL))
    held.take("0call0007")
    held.put("0call0007", QUARTER, b"more")
    assert [found for found in held.items() if found[0] == "0call0007"] == [("0call0007", b"more")]
    assert held.take("0call0007") == b"more"
    assert held.take("0call0007") is None


@pytest.mark.parametrize("records", [of_one_shape(POOL), of_many_shapes(POOL)], ids=["one shape", "many shapes"])
def test_ids_whose_hashes_agree_are_told_apart(records: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "hash_of", lambda _: (1 << 64) - 1)
    held = filled(records)
    assert held.take("another") is None
    for contact_id in sorted(records):
        assert held.take(contact_id) == records[contact_id]
        assert held.take(contact_id) is None


def test_a_saved_archive_does_not_change_with_the_archive() -> None:
    records = of_one_shape(POOL + 1)
    held = filled(records)
    saved = held.saved()
    restored = Archive.restored(saved)
    for contact_id in records:
        held.take(contact_id)
    held.put("new", 0, b"")
    assert dict(restored.items()) == records
    assert dict(Archive.restored(saved).items()) == records


def test_blocks_take_much_less_than_the_records() -> None:
    """Of 60 bytes here 52 are the same in all records: 8 bytes, four digits of the id and the index are left."""
    records = {name: packed[:8] + bytes(52) for name, packed in of_one_shape(POOL).items()}
    assert len(msgspec.msgpack.encode(filled(records).saved())) < 22 * POOL
