"""Events per second of the decoder, the fold and replay, and bytes of a record. One process for each case."""

import gc
import time
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from tempfile import NamedTemporaryFile

from bench.traffic import calls, chats
from models import snapshot
from models.archive import Archive
from models.codec import decoder, encode
from models.events import ContactEvent, Prefix
from models.folding import FoldSettings
from models.log import Line
from models.partition import PartitionState
from models.settings import Settings
from streams.replay import Replay

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
    """Decode and fold the events of 60,000 calls, of as many chats, and of calls over so long that most are forgotten."""
    return {
        "call_events_per_s": _fold_rate("call", calls(CALLS)),
        "chat_events_per_s": _fold_rate("chat", chats(CALLS)),
        "call_events_per_s_past_the_horizon": _fold_rate("call", calls(CALLS, calls_per_s=1)),
    }


def _fold_rate(prefix: Prefix, events: Iterator[ContactEvent]) -> float:
    """Fold in batches, as a worker does."""
    log = BytesIO(b"\n".join([encode(prefix, event) for event in events]))
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)  # as the worker
    settings = FoldSettings(channel="voice" if prefix == "call" else "chat")
    state, spent = PartitionState(decoder(prefix), settings), 0.0
    while batch := [Line(state.offset + 1 + n, line) for n, line in enumerate(islice(log, BATCH))]:  # fresh, as fetched
        began = time.perf_counter()
        state.fold(batch)
        state.collect()
        spent += time.perf_counter() - began
    return state.counts.events / spent


def replay() -> dict[str, float]:
    """Replay a file of 60,000 calls in one process, from its first line to the report of all quarters of an hour."""
    values = _values()
    with NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(b"\n".join([*values, b""]))
        file.seek(0)
        found = Replay(Settings(), lambda *_: None)
        began = time.perf_counter()
        found.read(file.name, file)
        read_s = time.perf_counter() - began
        found.report()
        events = len(values)
        return {"events_per_s": events / read_s, "with_report_per_s": events / (time.perf_counter() - began)}


def memory() -> dict[str, float]:
    """Hold 100,000 calls that wait or talk, a saved state of them, and as many that are finished."""
    values = [
        encode("call", event)
        for event in calls(OPEN, calls_per_s=1_000)
        if event.id.endswith((":0", ":1", ":2")) and (event.id[-1] == "0" or int(event.contact_id[-5:]) % 2)
    ]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    state = _folded(values)
    held = tracemalloc.get_traced_memory()[0] - before
    figures = {
        "bytes_per_open_contact": held / len(state.contacts),
        "saved_bytes_per_open_contact": len(snapshot.whole(state)) / len(state.contacts),
    }
    tracemalloc.stop()
    values = [encode("call", event) for event in calls(OPEN)]
    tracemalloc.start()
    state = _folded(values)
    finished, before = len(state.put_away), tracemalloc.get_traced_memory()[0]
    state.put_away = Archive()
    figures["bytes_per_finished_contact"] = (before - tracemalloc.get_traced_memory()[0]) / finished
    tracemalloc.stop()
    return figures


def _folded(values: list[bytes]) -> PartitionState:
    state = PartitionState(decoder("call"))
    for start in range(0, len(values), BATCH):
        state.fold([Line(start + n, value) for n, value in enumerate(values[start : start + BATCH])])
    return state


CASES = {"decode": decode, "fold": fold, "replay": replay, "memory": memory}
