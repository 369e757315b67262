"""A month of a real call center through real Kafka and workers: the figures are those that others counted.

The expected numbers come from the data's own record per call (expected.json), never from the code under test; what a worker
says of the log itself is compared with a plain recount of the records in it.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from examples.bank_calls import events
from models.codec import encode
from models.events import ContactEvent
from tests.integration import harness
from tests.integration.harness import Feeder, Page, Worker
from tests.kafka_broker import KafkaBroker

HOUR_MS = 3_600_000
DISORDER_MS = 5 * HOUR_MS  # the lateness horizon is 6 h
DUPLICATES = 0.2
KILLS = 3
Figures = dict[str, float]
FIGURES: dict[str, Callable[[Page, str], float]] = {
    "offered": lambda page, queue: page.sum("cc_contacts_offered_total", queue=queue),
    "answered": lambda page, queue: page.sum("cc_contacts_answered_total", queue=queue),
    "abandoned": lambda page, queue: page.sum("cc_contacts_abandoned_total", queue=queue),
    "answered_within_20s": lambda page, queue: page.sum("cc_answer_wait_seconds_bucket", queue=queue, le="20.0"),
    "answered_within_60s": lambda page, queue: page.sum("cc_answer_wait_seconds_bucket", queue=queue, le="60.0"),
    "abandoned_within_5s": lambda page, queue: page.sum("cc_abandon_wait_seconds_bucket", queue=queue, le="5.0"),
    "abandoned_within_20s": lambda page, queue: page.sum("cc_abandon_wait_seconds_bucket", queue=queue, le="20.0"),
    "total_wait_s": lambda page, queue: (
        page.sum("cc_answer_wait_seconds_sum", queue=queue) + page.sum("cc_abandon_wait_seconds_sum", queue=queue)
    ),
    "total_talk_s": lambda page, queue: page.sum("cc_talk_seconds_total", queue=queue),
}


@cache
def calls(folder: Path) -> tuple[ContactEvent, ...]:
    with (folder / "bank-calls-1999-01" / "calls.csv").open(encoding="utf-8", newline="") as file:
        return tuple(events(csv.DictReader(file)))


def expected(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "bank-calls-1999-01" / "expected.json").read_text())
    return found


def expected_figures(folder: Path) -> dict[str, Figures]:
    return {queue: {name: known[name] for name in FIGURES} for queue, known in expected(folder)["per_queue"].items()}


def figures(page: Page) -> dict[str, Figures]:
    queues = page.by("queue", "cc_contacts_offered_total")
    return {queue: {name: read(page, queue) for name, read in FIGURES.items()} for queue in queues}


def in_time_order(known: tuple[ContactEvent, ...]) -> list[ContactEvent]:
    return sorted(known, key=lambda event: event.at)


def shuffled_with_duplicates(known: tuple[ContactEvent, ...], seed: int) -> list[ContactEvent]:
    """Delay each event, and the copies of some, by up to five hours."""
    chance = random.Random(seed)
    copies = [event for event in known if chance.random() < DUPLICATES]
    return sorted([*known, *copies], key=lambda event: event.at + chance.uniform(0, DISORDER_MS))


def check_against_the_log(page: Page, bootstrap: str, sent: int) -> None:
    """Compare what the worker says of the log with a recount of it."""
    log = harness.recount(record.value for record in harness.read(bootstrap, harness.CALLS))
    assert log.records == sent
    assert page.sum("floorpulse_events_total") == log.records
    assert page.sum("floorpulse_duplicates_total") == log.duplicates
    assert page.sum("floorpulse_late_total") == 0
    assert page.sum("floorpulse_invalid_total") == 0
    assert page.by("queue", "cc_contacts_offered_total") == log.offered


@pytest.mark.kafka
def test_a_month_in_time_order(kafka_broker: KafkaBroker, shared_data: Path, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        feed.send(harness.rows(in_time_order(calls(shared_data))))
        feed.flush()
        [page] = harness.settle(bootstrap, worker)
    assert figures(page) == expected_figures(shared_data)
    assert page.sum("cc_contacts_waiting") == page.sum("cc_contacts_in_progress") == 0
    assert page.sum("floorpulse_duplicates_total") == page.sum("floorpulse_late_total") == 0


@pytest.mark.kafka
def test_a_month_out_of_order_and_partly_twice(kafka_broker: KafkaBroker, shared_data: Path, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    disorder = shuffled_with_duplicates(calls(shared_data), seed=1)
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        feed.send(harness.rows(disorder))
        feed.flush()
        [page] = harness.settle(bootstrap, worker)
    assert figures(page) == expected_figures(shared_data)
    assert page.sum("cc_contacts_waiting") == page.sum("cc_contacts_in_progress") == 0
    check_against_the_log(page, bootstrap, len(disorder))


@pytest.mark.kafka
@pytest.mark.parametrize("seed", [2, 3])
def test_a_month_with_kills_on_the_way(kafka_broker: KafkaBroker, shared_data: Path, tmp_path: Path, seed: int) -> None:
    """Kill the worker three times at random moments while it folds what is being sent; start it again each time."""
    bootstrap = kafka_broker.bootstrap
    disorder = shuffled_with_duplicates(calls(shared_data), seed)
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, harness.feeder(bootstrap) as feed:
        kill_on_the_way(worker, feed, disorder, random.Random(seed))
        feed.flush()
        [page] = harness.settle(bootstrap, worker)
    assert figures(page) == expected_figures(shared_data)
    assert page.sum("cc_contacts_waiting") == page.sum("cc_contacts_in_progress") == 0
    check_against_the_log(page, bootstrap, len(disorder))


def kill_on_the_way(worker: Worker, feed: Feeder, disorder: list[ContactEvent], chance: random.Random) -> None:
    """Send all events; kill the worker when it has folded a random number of those sent so far, and go on sending.

    The first kill waits for a snapshot of every partition, so that it is one of these that the worker goes on from.
    """
    stops = [int(len(disorder) * (n + chance.uniform(0.3, 0.9)) / (KILLS + 1)) for n in range(KILLS)]
    sent = folded = 0
    for number, stop in enumerate(stops):
        feed.send(harness.rows(disorder[sent:stop]))
        aim = chance.randint(folded, stop * 9 // 10)
        wait_until_folded(worker, aim)
        if number == 0:
            harness.wait_until(lambda: snapshots(worker.bootstrap) == harness.PARTITIONS, 30, "a snapshot each")
        worker.kill()
        worker.start()
        sent, folded = stop, aim
    feed.send(harness.rows(disorder[sent:]))


def wait_until_folded(worker: Worker, aim: int) -> None:
    harness.wait_until(lambda: sum(worker.page().sources.values()) > aim, 30, f"{aim} records folded")


def snapshots(bootstrap: str) -> int:
    """Return how many partitions of calls have a snapshot."""
    records = harness.read(bootstrap, "floorpulse-snapshots-changelog")
    return len({record.partition for record in records if record.key.startswith(b"cc.calls/manifest/")})


@pytest.fixture(scope="module")
def recorded(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The month as a file of events."""
    path = tmp_path_factory.mktemp("bank") / "bank.jsonl"
    path.write_bytes(b"".join(encode("call", event) + b"\n" for event in calls(shared_data)))
    return path


def replayed(recorded: Path, threshold_s: int) -> dict[str | None, Figures]:
    """Replay the month against a threshold; return the totals by queue, None for all."""
    settings = recorded.with_name(f"{threshold_s}s.toml")
    settings.write_text(f"[service_level]\nthreshold_s = {threshold_s}\n")
    done = harness.run("replay", str(recorded), "--settings", str(settings), "--json", timeout_s=120)
    assert done.returncode == 0, done.stderr
    return {total["queue"]: total for total in json.loads(done.stdout)["totals"]}


def test_replay_of_the_month(shared_data: Path, recorded: Path) -> None:
    within_20s, within_60s = replayed(recorded, 20), replayed(recorded, 60)
    known = expected(shared_data)
    assert set(within_20s) == {None, *known["per_queue"]}
    for queue, right in [(None, known["total"]), *known["per_queue"].items()]:
        found = within_20s[queue]
        assert {
            "offered": found["offered"],
            "answered": found["answered"],
            "abandoned": found["abandoned"],
            "answered_within_20s": found["answered_in_threshold"],
            "answered_within_60s": within_60s[queue]["answered_in_threshold"],
            "abandoned_within_5s": found["short_abandoned"],
            "abandoned_within_20s": found["abandoned_in_threshold"],
            "total_wait_s": found["answer_wait"] + found["abandon_wait"],
            "total_talk_s": found["talk"],
        } == {name: right[name] for name in FIGURES}
        ratios = {
            "sl_v1": right["sl20_over_answered"],
            "sl_v2": right["sl20_over_offered"],
            "sl_v3": right["sl20_excl_short_aband_5s"],
            "sl_v4": right["sl20_excl_aband_within_20s"],
            "service_level": right["sl20_over_offered"],
            "asa": right["asa_s"],
            "avg_abandon_time": right["mean_wait_abandoned_s"],
            "avg_wait_all": right["mean_wait_all_s"],
            "abandon_rate": right["abandonment_rate"],
            "aht": right["aht_s"],
            "max_wait": right["max_wait_s"],
            "wait_p50": int(right["median_wait_answered_s"]),  # of an even number the lower of the middle two
            "wait_p90": right["p90_wait_answered_s_nearest_rank"],
        }
        assert {name: found[name] for name in ratios} == pytest.approx(ratios, rel=1e-12)
