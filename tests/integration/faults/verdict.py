"""The verdict on a floor that has settled: `/metrics` and partials against the recount of the raw log, to the last integer."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sinks.names import COUNTERS, counter_name
from tests.integration import harness
from tests.integration.faults import ledger
from tests.integration.faults.ledger import COMPARED, QUARTER_MS, Ledger
from tests.integration.harness import CALLS, CHATS, Page, Worker
from tests.recount.recount import Tally, tally
from tests.recount.test_engine import COUNTS, SECONDS

HORIZONS_MS: Final = 100 * 3_600_000  # after the last event all that waits is lost
FORMULAS: Final = {**COUNTS, **SECONDS}
SHOWN: Final = 12  # differences, of each kind
QUALITY: Final = ("events", "duplicates", "invalid", "orphans")
Counted = Mapping[tuple[str, ...], float]


def raw(bootstrap: str) -> list[bytes | None]:
    """Return the raw records of both source topics."""
    return [record.value for topic in (CALLS, CHATS) for record in harness.read(bootstrap, topic)]


def differences(bootstrap: str, *workers: Worker, lines: list[bytes | None] | None = None) -> list[str]:
    """Wait until the workers show all that is in the log, then return what is otherwise than in the recount.

    The raw records are read from the broker, unless `lines` are those that it had before some were deleted.
    """
    pages = harness.settle(bootstrap, *workers)
    lines = raw(bootstrap) if lines is None else lines
    newest_ms = max(at for line in lines if (at := _at(line)))
    counted = tally([line or b"" for line in lines], newest_ms + HORIZONS_MS, newest_ms)
    said = ledger.read(harness.read(bootstrap, "cc.partials"), newest_ms)
    return [*_pages(pages, counted), *_partials(said, counted)]


def assert_exact(context: object, bootstrap: str, *workers: Worker, lines: list[bytes | None] | None = None) -> None:
    """Fail with all differences, the context (seed, moments) and what the workers said."""
    found = differences(bootstrap, *workers, lines=lines)
    logs = "\n".join(f"--- {worker.log.name}\n{worker.stderr()[-4_000:]}" for worker in workers)
    assert not found, "\n".join([f"{context}:", *found, logs])


def _at(line: bytes | None) -> int:
    """Return the time of an event, 0 where it has none that is possible."""
    try:
        at = json.loads(line or b"").get("at", 0)
    except (ValueError, AttributeError, RecursionError):
        return 0
    return at if isinstance(at, int) and at < 1 << 42 else 0


def _pages(pages: Iterable[Page], counted: Tally) -> list[str]:
    """Compare the true values of the counters (exported less owed) and the quality of the data."""
    found: dict[tuple[str, ...], float] = {}
    twice: list[str] = []
    quality: defaultdict[tuple[str, ...], float] = defaultdict(float)
    names = {f"{counter_name(metric)}_total": metric.name for metric in COUNTERS if metric.name in FORMULAS}
    for page in pages:
        for (sample, pairs), value in page.samples.items():
            labels = dict(pairs)
            if (name := names.get(sample)) and value:
                key = labels["queue"], labels["channel"], name
                if key in found:
                    twice.append(f"{key}: shown by two workers")
                found[key] = value
            of = sample.removeprefix("floorpulse_").removesuffix("_total")
            if sample.startswith("floorpulse_") and of in QUALITY:
                quality[of,] += value
    expected: dict[tuple[str, ...], float] = {}
    for (queue, channel), total in _totals(counted).items():
        for metric in COUNTERS:
            if formula := FORMULAS.get(metric.name):
                n = sum(total.get(name, 0) for name in formula.split(" + "))
                expected[queue, channel, metric.name] = n / 1_000 if metric.unit == "seconds" else n
    told: Counted = {(name,): counted.quality[name] for name in QUALITY}
    return [*twice, *differ("counter", found, expected), *differ("quality", quality, told)]


def _partials(said: Ledger, counted: Tally) -> list[str]:
    """Compare the minutes and quarters that every source still has as such, the totals, and what stands open."""
    quarters: defaultdict[tuple[str, str, int], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (queue, channel, minute_ms), names in counted.minutes.items():
        for name, n in names.items():
            quarters[queue, channel, minute_ms // QUARTER_MS * QUARTER_MS][name] += n
    states: Counted = {
        (*where, name): n
        for where, names in counted.states.items()
        for name, n in names.items()
        if name in ledger.STATES.values()
    }
    return [
        *differ("minute", _flat(said.minutes, said.first_minute_ms), _flat(counted.minutes, said.first_minute_ms)),
        *differ("quarter", _flat(said.quarters, said.first_quarter_ms), _flat(quarters, said.first_quarter_ms)),
        *differ("total", _flat(said.totals), _flat(_totals(counted))),
        *differ("state", {(*k, name): n for k, names in said.states.items() for name, n in names.items()}, states),
    ]


def counted_offers(lines: Iterable[bytes]) -> dict[tuple[str, ...], float]:
    """Return how many contacts each queue was offered."""
    counted = tally(lines, 1 << 42, 0)
    found: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for (queue, _), names in _totals(counted).items():
        found[queue,] += names.get("offered", 0)
    return found


def _totals(counted: Tally) -> dict[tuple[str, str], dict[str, int]]:
    totals: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (queue, channel, _), names in counted.minutes.items():
        for name, n in names.items():
            totals[queue, channel][name] += n
    return totals


def _flat(by_place: Mapping[Any, Mapping[str, int]], from_ms: int | None = None) -> dict[tuple[str, ...], float]:
    """Return what is compared, by place and name; of what has a time what is not before `from_ms`."""
    return {
        (*map(str, where), name): n
        for where, names in by_place.items()
        if from_ms is None or where[-1] >= from_ms
        for name, n in names.items()
        if name.partition(":")[0] in COMPARED
    }


def differ(kind: str, found: Counted, right: Counted) -> list[str]:
    """Return a line for each key whose values differ, the first few, and how many there are; one that is missing is 0."""
    wrong = [
        f"{kind} {' '.join(key)}: {found.get(key, 0)}, but {right.get(key, 0)} in the recount"
        for key in sorted(found.keys() | right.keys())
        if abs(found.get(key, 0) - right.get(key, 0)) > 1e-9 * abs(right.get(key, 0))
    ]
    return [*wrong[:SHOWN], *([f"{kind}: {len(wrong)} differ"] if wrong else [])]
