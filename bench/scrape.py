"""What a scrape costs: rendering `/metrics` of a worker that owns 100 queues, after some or all of them changed."""

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
CHANGED = (100, 1_000)  # events between two scrapes
SCRAPES = 10
_SOURCE = ("cc.calls", 0)


def scrape() -> dict[str, float]:
    """Render the page of 100 queues ten times, 100 and 1,000 events apart; ms are of the processor, not of the clock."""
    state, merge = PartitionState(decoder("call")), MergeState()
    records = [Line(offset, encode("call", event)) for offset, event in enumerate(calls(CALLS))]
    cut = len(records) - SCRAPES * sum(CHANGED)
    view = _fold(state, merge, records[:cut])
    collector = FloorCollector(lambda: view, lambda: state.newest, Book(lambda _: Goals()), lambda _: "main")
    exposition.page(collector.collect())
    spent: dict[str, float] = {}
    for changed in CHANGED:
        name = f"ms after {changed} events"
        for _ in range(SCRAPES):
            view = _fold(state, merge, records[cut : cut + changed])
            cut += changed
            began = time.process_time()
            page = exposition.page(collector.collect())
            spent[name] = spent.get(name, 0) + 1_000 / SCRAPES * (time.process_time() - began)
    return spent | {"kilobytes": len(page) / 1_000, "series": page.count(b"\n")}


def _fold(state: PartitionState, merge: MergeState, records: list[Line]) -> FloorView:
    state.fold(records)
    for record in partials.flush(state):
        merge.apply(_SOURCE, record)
    return FloorView(tuple(merge.views()), recovering=False)
