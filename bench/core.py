"""Events per second of the decoder and of the fold, and bytes of a record. One process for each case."""

import gc
import time
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from itertools import islice

from bench.traffic import calls, chats
from models.codec import decoder, encode
from models.events import ContactEvent, Prefix
from models.partition import Line, PartitionState

CALLS = 60_000
BATCH = 4_000
OPEN = 100_000


def _values() -> list[bytes]:
    return [encode("call", event) for event in calls(CALLS)]


def decode() -> dict[str, float]:
    """Decode the events of 60,000 calls, then those of as many chats."""
    found: dict[str, float] = {}
    traffic: dict[Prefix, Iterator[ContactEvent]] = {"call": calls(CALLS), "chat": chats(CALLS)}
    for prefix, events in traffic.items():
        values = [encode(prefix, event) for event in events]
        decode_one = decoder(prefix)
        began = time.perf_counter()
        for value in values:
            decode_one(value)
        spent = time.perf_counter() - began
        found[f"{prefix}_events_per_s"] = len(values) / spent
        found[f"bytes_per_{prefix}_event"] = sum(map(len, values)) / len(values)
    return found


def fold() -> dict[str, float]:
    """Decode and fold the events of 60,000 calls in batches, as a worker does."""
    log = BytesIO(b"\n".join(_values()))
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)  # as the worker
    state, spent = PartitionState(decoder("call")), 0.0
    while batch := [Line(state.offset + 1 + n, line) for n, line in enumerate(islice(log, BATCH))]:  # fresh, as fetched
        began = time.perf_counter()
        state.fold(batch)
        state.collect()
        spent += time.perf_counter() - began
    return {"events_per_s": state.counts.events / spent}


def memory() -> dict[str, float]:
    """Hold 100,000 calls that wait or talk, and a saved state of them."""
    values = [
        encode("call", event)
        for event in calls(OPEN, calls_per_s=1_000)
        if event.id.endswith((":0", ":1", ":2")) and (event.id[-1] == "0" or int(event.contact_id[-5:]) % 2)
    ]
    records = [Line(offset, value) for offset, value in enumerate(values)]
    state = PartitionState(decoder("call"))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for start in range(0, len(records), BATCH):
        state.fold(records[start : start + BATCH])
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return {
        "open_contacts": len(state.contacts),
        "bytes_per_open_contact": held / len(state.contacts),
        "saved_bytes_per_open_contact": len(state.snapshot()) / len(state.contacts),
    }


CASES = {"decode": decode, "fold": fold, "memory": memory}
