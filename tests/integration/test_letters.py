"""The commands for refused records and late events, on what a real worker refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from models.codec import encode
from models.events import Answered, ContactEvent, Ended, Queued
from tests.integration import harness
from tests.integration.harness import CALLS, Worker, feeder, settle, wait_until
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

HOUR_MS = 3_600_000
NOW_MS = int(time.time() * 1_000)
LATE_MS = (NOW_MS - 7 * HOUR_MS) // 900_000 * 900_000  # the start of a quarter of an hour, past the horizon of six


def call(contact: str, at: int) -> list[ContactEvent]:
    """Return a call that waits 10 s and lasts 60 s."""
    return [
        Queued(id=f"{contact}-1", at=at, contact_id=contact, queue="sales"),
        Answered(id=f"{contact}-2", at=at + 10_000, contact_id=contact, agent="kim"),
        Ended(id=f"{contact}-3", at=at + 70_000, contact_id=contact, by="customer"),
    ]


def floorpulse(bootstrap: str, *arguments: str) -> list[Any]:
    """Run a command that prints JSON lines; return them."""
    done = harness.run(*arguments, "--bootstrap", bootstrap, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_letters_are_listed_shown_and_sent_again(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    broken = encode("call", call("mended", NOW_MS)[0]).replace(b'"queue":"sales"', b'"queue":7')
    with Worker(bootstrap, tmp_path / "worker.log") as worker, feeder(bootstrap) as feed:
        feed.send([(b"mended", broken), (b"x", b"garbage"), *harness.rows(call("good", NOW_MS))])
        feed.flush()
        worker.wait_ready()
        settle(bootstrap, worker)

        letters = floorpulse(bootstrap, "deadletters", "list")
        assert {letter["code"]: letter["key"] for letter in letters} == {"field": "mended", "json": "x"}
        [field] = floorpulse(bootstrap, "deadletters", "list", "--code", "field")
        assert (field["topic"], field["value"]["queue"]) == (CALLS, 7)
        assert field["reason"].startswith("queue:")

        place = f"{CALLS}[{field['partition']}]@{field['offset']}"
        shown = harness.run("deadletters", "show", place, "--bootstrap", bootstrap)
        assert (shown.returncode, '"queue": 7' in shown.stdout) == (0, True)
        nowhere = harness.run("deadletters", "show", f"{CALLS}[0]@999", "--bootstrap", bootstrap)
        assert nowhere.returncode == 2
        assert nowhere.stderr.startswith(f"floorpulse: no letter of {CALLS}[0]@999")

        still = harness.run("deadletters", "replay", "--bootstrap", bootstrap)
        assert (still.returncode, still.stdout) == (0, "sent: 0; still no events: 2\n")
        field["value"]["queue"] = "sales"
        (tmp_path / "mended.jsonl").write_text(json.dumps(field) + "\n", encoding="utf-8")
        sent = harness.run("deadletters", "replay", "--from", str(tmp_path / "mended.jsonl"), "--bootstrap", bootstrap)
        assert (sent.returncode, sent.stdout) == (0, "sent: 1 (1 to cc.calls); still no events: 0\n")
        wait_until(lambda: worker.page().sum("cc_contacts_offered_total") == 2, 20, "the mended call counts")


def test_figures_are_restated_with_the_late_events(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Two calls of seven hours ago came in time, of a third all but the first event only after newer calls."""
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    late = call("late", LATE_MS + 60_000)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, feeder(bootstrap) as feed:
        feed.send([row for name in ("a", "b") for row in harness.rows(call(name, LATE_MS + 30_000))])
        feed.send(harness.rows(late[:1]))
        # In the same partition, for the horizon is each partition's own.
        feed.send([(b"late", encode("call", Queued(id="n-1", at=NOW_MS, contact_id="late-2", queue="sales")))])
        feed.send(harness.rows(late[1:]))
        feed.flush()
        worker.wait_ready()
        [page] = settle(bootstrap, worker)
        assert page.sum("floorpulse_late_total") == 2

        listed = floorpulse(bootstrap, "late", "list")
        assert [(row["contact_id"], row["code"]) for row in listed] == [("late", "late")] * 2
        assert all(row["behind_s"] > 6 * 3_600 for row in listed)
        rows = floorpulse(bootstrap, "late", "restate", "--out", str(tmp_path / "restated"))
        row, *gone = rows
        assert (row["queue"], row["channel"]) == ("sales", "voice")
        # By hand: answered after 10 s each, so the waits do not differ; talk is 60 s each.
        assert {name: (row["before"][name], row["after"][name]) for name in ("answered", "handled", "talk")} == {
            "answered": (2, 3), "handled": (2, 3), "talk": (120.0, 180.0),
        }  # fmt: skip
        assert "offered" not in row["after"]
        # Of the third only the entry was known: waiting at the ends of four quarters of an hour, then lost.
        assert (row["before"]["waiting"], row["after"]["waiting"]) == (1, 0)
        assert [(one["before"].get("waiting"), one["before"].get("lost")) for one in gone] == [(1, None)] * 3 + [
            (None, 1)
        ]
        assert all(set(one["after"].values()) == {None} for one in gone)
        assert {path.name for path in (tmp_path / "restated").iterdir()} >= {"intervals.parquet", "totals.parquet"}
        table = harness.run("late", "restate", "--bootstrap", bootstrap)
        assert "2 → 3" in table.stdout
        assert table.stdout.endswith(
            f"2 late events change {len(rows)} rows of intervals\n"
            "the workers' figures and /metrics are not changed by this\n"
        )
        assert worker.page().sum("cc_contacts_answered_total") == 2


def test_too_many_letters_stop_the_worker(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Started again it says the same and makes no more letters; with a higher limit it goes on past them."""
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    with Worker(bootstrap, tmp_path / "worker.log") as worker, feeder(bootstrap) as feed:
        feed.send([(b"x", b"garbage")] * 2_000)
        feed.flush()
        assert worker.ended(within_s=40) == 2
        line = worker.stderr().splitlines()[-1]
        assert "100.0% of the newest records are no events, allowed: 50.0% (limits.dead_letters); " in line
        assert ": not JSON: " in line
        made = len(harness.read(bootstrap, "cc.dead_letters"))
        assert 500 <= made <= 2_000
        worker.start()
        assert worker.ended(within_s=40) == 2
        assert worker.stderr().splitlines()[-1] == line
        assert len(harness.read(bootstrap, "cc.dead_letters")) == made
    allow = tmp_path / "allow.toml"
    allow.write_text("[limits]\ndead_letters = 1\n", encoding="utf-8")
    with Worker(bootstrap, tmp_path / "allowed.log", options=("--settings", str(allow))) as worker:
        worker.wait_ready()
        wait_until(lambda: worker.page().sum("floorpulse_invalid_total") == 2_000, 20, "all are letters")
        wait_until(lambda: len(harness.read(bootstrap, "cc.dead_letters")) == 2_000, 20, "each once")


def test_where_there_is_nothing(kafka_broker: KafkaBroker) -> None:
    bootstrap = kafka_broker.bootstrap
    harness.ensure_topics(bootstrap)
    for arguments, said in (
        (("deadletters", "list"), "no letters in cc.dead_letters\n"),
        (("deadletters", "replay"), "sent: 0; still no events: 0\n"),
        (("late", "list"), "no late events in cc.late\n"),
        (("late", "restate"), "no late events in cc.late: nothing to restate\n"),
    ):
        done = harness.run(*arguments, "--bootstrap", bootstrap)
        assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deadletters", "list"), "no Kafka broker answered at 127.0.0.1:"),
        (("late", "restate"), "no Kafka broker answered at 127.0.0.1:"),
        (("deadletters", "list", "--code", "late"), "'late' is not one of 'json', 'type', 'field', 'future'"),
        (("deadletters", "list", "--since", "noon"), "'noon' is no time, allowed: "),
        (("deadletters", "show", "cc.calls[3]"), "'cc.calls[3]' is no place, allowed: cc.calls[3]@17"),
        (("deadletters", "replay", "--from", "x", "--code", "json"), "--from: sends all of a file, allowed: without "),
        (("late", "restate", "--csv"), "--csv: nothing to write, allowed: with --out DIR"),
        (("late", "restate", "--from", "2026-01-01T00:07"), "not the start of an interval of 15 minutes"),
    ],
)
def test_what_cannot_be(arguments: tuple[str, ...], said: str) -> None:
    done = harness.run(*arguments, "--bootstrap", f"127.0.0.1:{harness.free_port()}")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("group", ["deadletters", "late"])
def test_where_there_are_no_topics_it_is_said_what_to_run(kafka_broker: KafkaBroker, group: str) -> None:
    done = harness.run(group, "list", "--bootstrap", kafka_broker.bootstrap)
    assert done.returncode == 2
    assert "is missing; run: floorpulse topics ensure" in done.stderr
