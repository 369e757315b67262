"""The archive: packed records of finished contacts, and what finds them, in a third of their size or less.

New records lie in a pool, one for each quarter of an hour. When a pool is full, records of one shape (the same length, and
an id of the same length) become a block that is turned: first the first byte of each, then the second. What is the same in
all of them is then one long run, and a person's name that stands five times in each record costs its bytes once. Records
that have too few of their shape become a block one after the other. Blocks are compressed and never change; a record that
is taken out leaves the index alone, and a block of which less than half is left goes back to the pool.

The index has 8 bytes for each record in a block: 33 bits of its id's hash, then block and place. They stand sorted in many
small arrays, chosen by the first bits of the hash, so that asking for an id that is not there costs one short search: that
is what happens for each new contact. Ids whose hashes agree are told apart by the id in the block.

Which records are held depends on what was put and taken alone; how they are laid out does not show.
"""

import sys
from array import array
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from typing import Final

import msgspec
from xxhash import xxh3_64_intdigest

from models.retention import QUARTER_MS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

POOL: Final = 512  # records of a quarter that are held as they came, before some become blocks
LEFT_OVER: Final = 256  # of them, so many may wait for others of their shape
BLOCK: Final = 128  # records of a block at most: taking one out decompresses all
MIXED: Final = 64  # and of one of many shapes, which takes longer
FEW: Final = 32  # of one shape are too few for a block
PLACE_BITS: Final = 7  # of an index entry, from below: the place in the block,
FIND_BITS: Final = 31  # and above it the block's number, modulo 2**24
FOUND: Final = (1 << FIND_BITS) - 1
HASHED: Final = (1 << 64) - 1 - FOUND
BUCKET: Final = 96  # index entries of a bucket, on the average at most
ID: Final = b"\xff"  # stands between record and id: never in UTF-8

hash_of = xxh3_64_intdigest
_encode = msgspec.msgpack.Encoder().encode
_decode_rows = msgspec.msgpack.Decoder(list[bytes]).decode
_OPTIONS: Final[dict[int, int]] = {  # a compressor that is used again need not set up its tables: half the time
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.window_log: 17,
}
_TURNED: Final = zstd.ZstdCompressor(options=_OPTIONS)
_LISTED: Final = zstd.ZstdCompressor(options=_OPTIONS | {zstd.CompressionParameter.compression_level: 3})


class Block(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Up to 128 records of one quarter, each with its id behind it, compressed."""

    quarter: int
    count: int
    turned: bool
    body: bytes

    def rows(self) -> list[bytes]:
        """Return all records of the block, also those that were taken out."""
        raw = zstd.decompress(self.body)
        return [raw[place :: self.count] for place in range(self.count)] if self.turned else _decode_rows(raw)

    def row(self, place: int) -> bytes:
        """Return one record."""
        raw = zstd.decompress(self.body)
        return raw[place :: self.count] if self.turned else _decode_rows(raw)[place]


class Saved(msgspec.Struct, frozen=True, array_like=True):
    """An archive for a snapshot: nothing of it changes when the archive does."""

    pools: dict[int, dict[str, bytes]]
    blocks: dict[int, Block]
    taken: dict[int, int]
    index: bytes
    """All entries in order, 8 bytes each as the machine has them: little-endian wherever this runs."""


class Archive:
    """Finished contacts by id, each in the quarter of an hour of its last fact; an empty archive is false.

    An id is held once: `put` may only be called with one that is not held, thus never put or taken out since.
    """

    def __init__(self) -> None:
        self._pools: dict[int, dict[str, bytes]] = {}  # by quarter
        self._pooled: dict[str, int] = {}  # id -> quarter, of those in pools
        self._blocks: dict[int, Block] = {}
        self._taken: dict[int, int] = {}  # block -> how many were taken out of it
        self._next = 0  # block
        self._buckets: list[array[int]] = [array("Q")]
        self._shift = 64  # a hash shifted right by this is the number of its bucket
        self._indexed = 0

    def __len__(self) -> int:
        return self._indexed + len(self._pooled)

    def put(self, contact_id: str, last_ms: int, packed: bytes) -> None:
        """Hold a record; `last_ms` is the time of its last fact."""
        quarter = last_ms // QUARTER_MS
        pool = self._pools.get(quarter)
        if pool is None:
            self._settle(quarter)
            pool = self._pools[quarter] = {}
        pool[contact_id] = packed
        self._pooled[contact_id] = quarter
        if len(pool) >= POOL:
            self._seal(quarter, LEFT_OVER)

    def take(self, contact_id: str) -> bytes | None:
        """Remove a record and return it; None where there is none of that id."""
        quarter = self._pooled.pop(contact_id, None)
        if quarter is not None:
            return self._pools[quarter].pop(contact_id)
        hashed = hash_of(contact_id)
        bucket = self._buckets[hashed >> self._shift]
        hashed &= HASHED
        at = bisect_left(bucket, hashed)
        while at < len(bucket) and bucket[at] - hashed <= FOUND:
            number, place = divmod(bucket[at] & FOUND, 1 << PLACE_BITS)
            packed, _, found = self._blocks[number].row(place).rpartition(ID)
            if found == contact_id.encode():
                del bucket[at]
                self._indexed -= 1
                self._shrink(number)
                return packed
            at += 1
        return None

    def drop_before(self, ms: int) -> Iterator[tuple[str, int, bytes]]:
        """Remove all records of the quarters that end at or before `ms`; yield id, start of the quarter in ms, record.

        They come by quarter, then by id. A quarter is removed as a whole when the iterator comes to it: one that is not
        read to its end leaves the later quarters held.
        """
        held = set(chain(self._pools, (block.quarter for block in self._blocks.values())))
        for quarter in sorted(quarter for quarter in held if (quarter + 1) * QUARTER_MS <= ms):
            for contact_id, packed in sorted(self._remove(quarter)):
                yield contact_id, quarter * QUARTER_MS, packed

    def _remove(self, quarter: int) -> list[tuple[str, bytes]]:
        removed = list(self._pools.pop(quarter, {}).items())
        for contact_id, _ in removed:
            del self._pooled[contact_id]
        for number in [number for number, block in self._blocks.items() if block.quarter == quarter]:
            removed += self._break(number)
        return removed

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Yield ids and records, in no particular order; nothing may be put or taken meanwhile."""
        for pool in self._pools.values():
            yield from pool.items()
        for number in self._blocks:
            yield from ((contact_id, packed) for contact_id, packed, _, _ in self._held(number))

    def saved(self) -> Saved:
        """Return what `restored` makes the same archive of; blocks stay compressed."""
        index = b"".join([bucket.tobytes() for bucket in self._buckets])
        pools = {quarter: pool.copy() for quarter, pool in self._pools.items()}
        return Saved(pools, self._blocks.copy(), self._taken.copy(), index)

    @classmethod
    def restored(cls, saved: Saved) -> "Archive":
        """Return an archive that holds what the saved one held."""
        archive = cls()
        archive._pools = {quarter: pool.copy() for quarter, pool in saved.pools.items()}
        archive._pooled = {name: quarter for quarter, pool in saved.pools.items() for name in pool}
        archive._blocks = saved.blocks.copy()
        archive._next = max(saved.blocks, default=0)
        archive._buckets[0].frombytes(saved.index)
        archive._indexed = len(archive._buckets[0])
        archive._taken = saved.taken.copy()
        archive._spread()
        return archive

    # ---------------------------------------------------------------- blocks

    def _settle(self, quarter: int) -> None:
        """Make blocks of what lies in the pools of quarters that are over: little will come to them any more."""
        for earlier, pool in self._pools.items():
            if earlier < quarter - 1 and len(pool) >= FEW:
                self._seal(earlier, 0)

    def _seal(self, quarter: int, left_over: int) -> None:
        """Make blocks of one shape out of a pool; if more than `left_over` are left, make blocks of them too."""
        shapes: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        for contact_id, packed in self._pools[quarter].items():
            shapes[len(packed), len(contact_id)].append(contact_id)
        rest: list[str] = []
        for same in shapes.values():
            start = 0
            while len(same) - start >= FEW:
                self._add_block(quarter, same[start : start + BLOCK])
                start += BLOCK
            rest += same[start:]
        if len(rest) > left_over:
            for start in range(0, len(rest), MIXED):
                self._add_block(quarter, rest[start : start + MIXED])
        self._spread()

    def _add_block(self, quarter: int, names: list[str]) -> None:
        """Make a block of some of a pool."""
        while self._next in self._blocks:
            self._next = (self._next + 1) % (1 << FIND_BITS - PLACE_BITS)
        number, take = self._next, self._pools[quarter].pop
        rows = [take(name) + ID + name.encode() for name in names]
        width = len(rows[0])
        turned = set(map(len, rows)) == {width}
        if turned:
            raw = b"".join(rows)
            body = _TURNED.compress(b"".join([raw[byte::width] for byte in range(width)]), _TURNED.FLUSH_FRAME)
        else:
            body = _LISTED.compress(_encode(rows), _LISTED.FLUSH_FRAME)
        self._blocks[number] = Block(quarter, len(rows), turned, body)
        pooled, buckets, shift = self._pooled, self._buckets, self._shift
        for entry, name in enumerate(names, number << PLACE_BITS):
            del pooled[name]
            hashed = hash_of(name)
            insort(buckets[hashed >> shift], hashed & HASHED | entry)
        self._indexed += len(rows)

    def _spread(self) -> None:
        """Halve the buckets until they are small again."""
        while self._indexed > BUCKET * len(self._buckets):
            self._shift -= 1
            halves: list[array[int]] = []
            for number, bucket in enumerate(self._buckets):
                middle = bisect_left(bucket, (2 * number + 1) << self._shift)
                halves += bucket[:middle], bucket[middle:]
            self._buckets = halves

    def _held(self, number: int) -> Iterator[tuple[str, bytes, "array[int]", int]]:
        """Yield id and record of what was not taken out of a block, with its bucket and its place there."""
        for below, row in enumerate(self._blocks[number].rows(), number << PLACE_BITS):
            packed, _, name = row.rpartition(ID)
            contact_id = name.decode()
            hashed = hash_of(contact_id)
            bucket = self._buckets[hashed >> self._shift]
            entry = hashed & HASHED | below
            at = bisect_left(bucket, entry)
            if at < len(bucket) and bucket[at] == entry:
                yield contact_id, packed, bucket, at

    def _shrink(self, number: int) -> None:
        """Count one more that was taken out of a block; bring back what is left when that is less than half."""
        taken = self._taken[number] = self._taken.get(number, 0) + 1
        block = self._blocks[number]
        if taken * 2 > block.count:
            for contact_id, packed in self._break(number):
                self.put(contact_id, block.quarter * QUARTER_MS, packed)

    def _break(self, number: int) -> list[tuple[str, bytes]]:
        """Forget a block; return what was held in it."""
        held: list[tuple[str, bytes]] = []
        for contact_id, packed, bucket, at in self._held(number):
            del bucket[at]
            held.append((contact_id, packed))
        self._indexed -= len(held)
        del self._blocks[number]
        self._taken.pop(number, None)
        return held
