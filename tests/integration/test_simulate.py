"""The simulator on a real Kafka: the figures of a worker are the truth it writes, and no event is ahead of its append time."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration import harness
from tests.integration.harness import Page, Worker
from tests.kafka_broker import ROOT, KafkaBroker

pytestmark = pytest.mark.kafka

COUNTERS: Final = {
    "offered": "cc_contacts_offered_total",
    "answered": "cc_contacts_answered_total",
    "abandoned": "cc_contacts_abandoned_total",
    "short_abandoned": "cc_contacts_short_abandoned_total",
    "handled": "cc_contacts_handled_total",
    "consults": "cc_contacts_consults_total",
    "callbacks_requested": "cc_callbacks_requested_total",
    "callbacks_kept": "cc_callbacks_kept_total",
    "replies": "cc_replies_total",
    "missed": "cc_contacts_missed_total",
    "csat_rated": "cc_csat_rated_total",
    "waiting": "cc_contacts_waiting",
    "in_progress": "cc_contacts_in_progress",
}
SECONDS: Final = {
    "talk_ms": "cc_talk_seconds_total",
    "hold_ms": "cc_hold_seconds_total",
    "wrap_up_ms": "cc_wrap_up_seconds_total",
    "answer_wait_ms": "cc_answer_wait_seconds_sum",
}


def value(page: Page, name: str, row: dict[str, Any]) -> float:
    """Return a sample of a queue and channel, 0 where there is none: most stand there only once something is counted."""
    found = page.by("site", name, queue=row["queue"], channel=row["channel"])
    return sum(found.values())


def simulate(bootstrap: str, *options: str) -> subprocess.CompletedProcess[str]:
    return harness.run("simulate", "--bootstrap", bootstrap, *options, timeout_s=120)


def test_the_figures_of_a_worker_are_the_truth(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Two hours at once, up to now, with a spike in the second; copies, and events out of order and half an hour late."""
    bootstrap, truth = kafka_broker.bootstrap, tmp_path / "truth.json"
    harness.ensure_topics(bootstrap)
    disorder = ("--duplicate", "0.1", "--shuffle", "20", "--delay", "0.02,1800")
    with Worker(bootstrap, tmp_path / "worker.log") as worker:
        what = ("--scenario", "spike", "--hours", "2", "--fast")
        done = simulate(bootstrap, *what, *disorder, "--truth", str(truth))
        assert done.returncode == 0, done.stderr
        [page] = harness.settle(bootstrap, worker)
    true = json.loads(truth.read_text())
    for name in ("floorpulse_late_total", "floorpulse_invalid_total"):
        assert page.sum(name) == 0
    assert page.sum("floorpulse_duplicates_total") == true["duplicates"] > 1_000
    wrong = []
    for row in true["queues"]:
        wrong += [(row, name) for name, metric in COUNTERS.items() if value(page, metric, row) != row[name]]
        wrong += [
            (row, name) for name, metric in SECONDS.items() if round(1_000 * value(page, metric, row)) != row[name]
        ]
    assert not wrong
    assert sum(row["abandoned"] for row in true["queues"]) > 200, "it was a spike"


def test_ten_times_as_fast_as_the_clock_no_event_is_ahead_of_it(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """A hundred seconds in ten, from ninety seconds ago."""
    bootstrap, truth = kafka_broker.bootstrap, tmp_path / "truth.json"
    harness.ensure_topics(bootstrap)
    done = simulate(bootstrap, "--speed", "10", "--seconds", "100", "--volume", "30", "--truth", str(truth))
    assert done.returncode == 0, done.stderr
    assert f"{bootstrap}: simulated time begins at " in done.stderr
    records = [record for topic in (harness.CALLS, harness.CHATS) for record in harness.read(bootstrap, topic)]
    events = [(record.timestamp, json.loads(record.value)["at"]) for record in records]
    assert len(events) == sum(json.loads(truth.read_text())["events"].values()) > 500
    assert all(at <= appended for appended, at in events)
    first, last = min(events), max(events)
    assert (last[1] - first[1]) / (last[0] - first[0]) == pytest.approx(10, rel=0.3)
    assert last[0] - last[1] < 10_000, "at its end it is with the clock"


def test_ctrl_c_ends_it_and_the_truth_is_that_of_what_was_sent(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap, truth = kafka_broker.bootstrap, tmp_path / "truth.json"
    harness.ensure_topics(bootstrap)
    options = ("--bootstrap", bootstrap, "--fast", "--duplicate", "0.5", "--shuffle", "300", "--truth", str(truth))
    with subprocess.Popen(
        harness.command("simulate", *options), cwd=ROOT, env=harness.environment(), stderr=subprocess.PIPE, text=True
    ) as running:
        harness.wait_until(lambda: sum(harness.log_ends(bootstrap, harness.CALLS).values()) > 1_000, 30, "events")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 0, said
    true = json.loads(truth.read_text())
    ids: Counter[str] = Counter()
    for topic in (harness.CALLS, harness.CHATS):
        found = Counter(json.loads(record.value)["id"] for record in harness.read(bootstrap, topic))
        assert len(found) == true["events"][topic]
        ids += found
    assert ids.total() - len(ids) == true["duplicates"]


def test_topics_that_are_missing_are_said_in_one_line(kafka_broker: KafkaBroker) -> None:
    done = simulate(kafka_broker.bootstrap, "--seconds", "1")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("floorpulse: topics missing: cc.calls, cc.chats")
    assert line.endswith(f"run: floorpulse topics ensure --bootstrap {kafka_broker.bootstrap}")


def test_a_broker_that_goes_away_is_said_in_one_line(kafka_broker: KafkaBroker) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with subprocess.Popen(
        harness.command("simulate", "--bootstrap", bootstrap, "--volume", "50"),
        cwd=ROOT,
        env=harness.environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        harness.wait_until(lambda: sum(harness.log_ends(bootstrap, harness.CALLS).values()) > 10, 30, "events")
        kafka_broker.kill()
        _, said = running.communicate(timeout=90)
    assert running.returncode == 1
    assert said.splitlines()[-1].startswith(f"floorpulse: kafka {bootstrap}: events not delivered: ")
    assert "Traceback" not in said
