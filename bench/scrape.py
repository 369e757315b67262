"""What a scrape costs: rendering `/metrics` of a worker that owns 100 queues, after some of them changed."""

import time

from bench.traffic import calls
from models import partials
from models.book import Book
from models.codec import decoder, encode
from models.goals import Goals
from models.log import Line
from models.merge import MergeState
from models.partition import PartitionState
from sinks import exposition
from sinks.prometheus import FloorCollector, FloorView

CALLS = 60_000
CHANGED = 100  # events between two scrapes
SCRAPES = 10
_SOURCE = ("cc.calls", 0)


def scrape() -> dict[str, float]:
    """Render the page of 100 queues ten times, 100 events apart."""
    state, merge = PartitionState(decoder("call")), MergeState()
    records = [Line(offset, encode("call", event)) for offset, event in enumerate(calls(CALLS))]
    cut = len(records) - SCRAPES * CHANGED
    view = _fold(state, merge, records[:cut])
    collector = FloorCollector(lambda: view, lambda: state.newest, Book(lambda _: Goals()), lambda _: "main")
    exposition.page(collector.collect())
    spent = 0.0
    for start in range(cut, len(records), CHANGED):
        view = _fold(state, merge, records[start : start + CHANGED])
        began = time.perf_counter()
        page = exposition.page(collector.collect())
        spent += time.perf_counter() - began
    return {"ms": 1_000 * spent / SCRAPES, "kilobytes": len(page) / 1_000, "series": page.count(b"\n")}


def _fold(state: PartitionState, merge: MergeState, records: list[Line]) -> FloorView:
    state.fold(records)
    for record in partials.flush(state):
        merge.apply(_SOURCE, record)
    return FloorView(tuple(merge.views()), recovering=False)
