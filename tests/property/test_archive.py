"""The archive holds what a dict of dicts holds, whatever is put, taken, dropped and saved, in any order."""

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from models import archive
from models.archive import Archive, Saved
from models.retention import QUARTER_MS

IDS = st.sampled_from([*"abcdefgh", *(f"call-{number}" for number in range(24)), "ÿ", "né", "née", ""])
RECORDS = st.one_of(
    st.binary(min_size=4, max_size=4),  # of one shape
    st.binary(max_size=9),
    st.sampled_from([b"", b"\xff", b"\0", b"a\xffb", b"\xff\xff"]),  # the byte that stands between record and id
)
HASHES = {
    "as always": archive.hash_of,
    "all the same": lambda _: 7 << 40,
    "the same but for the lower bits": lambda contact_id: len(contact_id),
    "two": lambda contact_id: (len(contact_id) % 2) << 63,
}


class Archives(RuleBasedStateMachine):
    """Pools, blocks and buckets are a few records large, so that a few steps make, break and halve them."""

    @initialize(hashes=st.sampled_from(sorted(HASHES)), pool=st.integers(1, 8), block=st.integers(1, 4))
    def begin(self, hashes: str, pool: int, block: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(archive, "hash_of", HASHES[hashes])
        sizes = {"POOL": pool, "LEFT_OVER": pool // 2, "BLOCK": block, "MIXED": block, "FEW": 2, "BUCKET": 2}
        for name, size in sizes.items():
            self.patch.setattr(archive, name, size)
        self.archive = Archive()
        self.model: dict[int, dict[str, bytes]] = {}

    def teardown(self) -> None:
        self.patch.undo()

    def held(self) -> dict[str, bytes]:
        return {name: packed for quarter in self.model.values() for name, packed in quarter.items()}

    @rule(names=st.sets(IDS, max_size=12), quarter=st.integers(0, 4), rest_ms=st.integers(0, 899_999), packed=RECORDS)
    def put(self, names: set[str], quarter: int, rest_ms: int, packed: bytes) -> None:
        for name in sorted(names - set(self.held())):
            self.archive.put(name, quarter * 900_000 + rest_ms, packed)
            self.model.setdefault(quarter, {})[name] = packed

    @rule(name=IDS)
    def take_any(self, name: str) -> None:
        expected = next((quarter.pop(name) for quarter in self.model.values() if name in quarter), None)
        assert self.archive.take(name) == expected
        assert self.archive.take(name) is None

    @precondition(lambda self: self.held())
    @rule(data=st.data())
    def take_one_that_is_held(self, data: st.DataObject) -> None:
        self.take_any(data.draw(st.sampled_from(sorted(self.held()))))

    @rule(ms=st.integers(0, 4 * QUARTER_MS))
    def drop(self, ms: int) -> None:
        gone = sorted(quarter for quarter in self.model if (quarter + 1) * 900_000 <= ms)
        expected = [
            (name, quarter * 900_000, packed)
            for quarter in gone
            for name, packed in sorted(self.model.pop(quarter).items())
        ]
        assert list(self.archive.drop_before(ms)) == expected

    @rule()
    def save_and_restore(self) -> None:
        saved = self.archive.saved()
        self.archive = Archive.restored(msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=Saved))

    @invariant()
    def the_same_is_held(self) -> None:
        items = list(self.archive.items())
        assert len(self.archive) == len(items)
        assert sorted(items) == sorted(self.held().items())


TestArchives = Archives.TestCase
