"""The converters of examples/: two published data sets through `floorpulse replay`, and rows written by hand.

The expected numbers are those that others published of the data (expected.json; the README of the calls) or a recount of the
CSV columns here, never what the converters or the core say.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from examples import pwc_calls, support_chats
from models.codec import decoder, encode
from models.events import Answered, ContactEvent, Ended, Message, Prefix, Queued, Started
from streams.cli import main
from tests.kafka_broker import ROOT

Row = dict[str, str]
Figures = dict[str, Any]

WEEKS = ("2021-02-01", "2021-02-08")
THRESHOLDS_S = (20, 30, 60, 120)
MONTHS = [  # from, to, calls, answered
    ("2021-01-01", "2021-02-01", 1_772, 1_455),
    ("2021-02-01", "2021-03-01", 1_616, 1_298),
    ("2021-03-01", "2021-04-01", 1_612, 1_301),
]


def rows_of(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def record(file: Path, prefix: str, events: Iterable[ContactEvent]) -> Path:
    file.write_bytes(b"".join(encode(prefix, event) + b"\n" for event in events))
    return file


def replayed(file: Path, *options: str, threshold_s: int = 20) -> Figures:
    """Return what `floorpulse replay --json` prints of a file of events."""
    settings = file.with_name(f"{threshold_s}s.toml")
    settings.write_text(f"[service_level]\nthreshold_s = {threshold_s}\n")
    arguments = ["replay", str(file), "--json", "--interval", "1d", "--settings", str(settings), *options]
    done = CliRunner(env={"FLOORPULSE_BOOTSTRAP": None}).invoke(main, arguments)
    assert done.exit_code == 0, done.output
    found: Figures = json.loads(done.stdout)
    assert found["quality"]["invalid"] == 0
    return found


def totals(found: Figures) -> dict[str | None, Figures]:
    """Return the totals by queue; None for all."""
    return {total["queue"]: total for total in found["totals"]}


def whole(found: Figures) -> Figures:
    return totals(found)[None]


def nearest_rank(values: list[int], percent: int) -> int:
    return sorted(values)[ceil(len(values) * percent / 100) - 1]


def ms(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp() * 1_000)


# ---------------------------------------------------------------- chats with a bot in front


@pytest.fixture(scope="module")
def chats(shared_data: Path) -> list[Row]:
    return rows_of(shared_data / "support-chats-2021-02" / "chats.csv")


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, Figures]:
    found: dict[str, Figures] = json.loads((shared_data / "support-chats-2021-02" / "expected.json").read_text())
    return found


@pytest.fixture(scope="module")
def recorded_chats(chats: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("chats") / "chats.jsonl", "chat", support_chats.events(chats))


def week_of(recorded: Path, monday: str, threshold_s: int = 20) -> Figures:
    """Return the figures of one week; no chat of the data reaches over its end."""
    after = (date.fromisoformat(monday) + timedelta(days=7)).isoformat()
    return whole(replayed(recorded, "--from", monday, "--to", after, threshold_s=threshold_s))


def waits_of(chats: list[Row], monday: str) -> list[int]:
    """Return the seconds from start to assignment of a week's chats, from the repaired columns."""
    begin = ms(monday)
    starts = [(ms(row["start_iso"]), row) for row in chats if row["assigned_iso"]]
    return [(ms(row["assigned_iso"]) - at) // 1_000 for at, row in starts if begin <= at < begin + 7 * 86_400_000]


def test_raw_stamps_are_repaired_as_in_the_repaired_columns(chats: list[Row]) -> None:
    found: dict[tuple[type[ContactEvent], str], int] = {
        (type(event), event.contact_id): event.at
        for event in support_chats.events(chats)
        if isinstance(event, Started | Answered | Ended)
    }
    columns = ((Started, "start_iso"), (Answered, "assigned_iso"), (Ended, "end_iso"))
    assert found == {(kind, row["room"]): ms(row[name]) for kind, name in columns for row in chats if row[name]}


@pytest.mark.parametrize("monday", WEEKS)
def test_chats_of_a_week(recorded_chats: Path, published: dict[str, Figures], monday: str) -> None:
    found, right = week_of(recorded_chats, monday), published[monday]
    assert found["offered"] == found["answered"] == found["handled"] == right["assigned_to_agent"]
    assert found["abandoned"] == found["exited"] == 0
    assert found["asa"] == pytest.approx(right["mean_wait_to_assignment_s"], rel=1e-12)
    assert found["aht"] == pytest.approx(right["mean_handle_assign_to_end_s"], rel=1e-12)


@pytest.mark.parametrize("monday", WEEKS)
def test_medians_of_a_week(recorded_chats: Path, chats: list[Row], published: dict[str, Figures], monday: str) -> None:
    """Of an even number the published median is the mean of the middle two, the nearest rank the lower of them."""
    found, waits = week_of(recorded_chats, monday), waits_of(chats, monday)
    assert found["wait_p50"] == int(published[monday]["median_wait_to_assignment_s"]) == nearest_rank(waits, 50)
    assert found["wait_p90"] == nearest_rank(waits, 90)
    assert found["max_wait"] == max(waits)


@pytest.mark.parametrize("threshold_s", THRESHOLDS_S)
@pytest.mark.parametrize("monday", WEEKS)
def test_assigned_within_a_threshold(
    recorded_chats: Path, chats: list[Row], published: dict[str, Figures], monday: str, threshold_s: int
) -> None:
    found, right = week_of(recorded_chats, monday, threshold_s), published[monday]
    within = sum(wait <= threshold_s for wait in waits_of(chats, monday))
    assert found["answered_in_threshold"] == right.get(f"assigned_within_{threshold_s}s", within) == within
    assert found["service_level"] == within / right["assigned_to_agent"]


@pytest.mark.parametrize("monday", WEEKS)
def test_replies_of_a_week(recorded_chats: Path, published: dict[str, Figures], monday: str) -> None:
    """The agents' first response is the one reply that the data know of a chat."""
    found, right = week_of(recorded_chats, monday), published[monday]
    assert found["replies"] == right["agent_first_response_known"]
    assert found["avg_reply_time"] == pytest.approx(right["agent_first_response_mean_s"], rel=1e-12)


@pytest.mark.parametrize("monday", WEEKS)
def test_outcomes_and_ratings_of_a_week(recorded_chats: Path, published: dict[str, Figures], monday: str) -> None:
    found, right = week_of(recorded_chats, monday), published[monday]
    assert found["resolved"] == right["completed_by_agent"]
    assert found["resolved_rate"] == pytest.approx(right["completed_by_agent"] / right["assigned_to_agent"], rel=1e-12)
    assert found["answered"] - found["resolved"] == right["unresponsive"]
    assert found["csat_rated"] == right["csat_rated"]
    assert found["csat"] == pytest.approx(right["csat_positive_share"], rel=1e-12)


def test_days_add_up_to_the_weeks(recorded_chats: Path, published: dict[str, Figures]) -> None:
    found = replayed(recorded_chats)
    assert {row["queue"] for row in found["rows"]} == {"support"}
    assert {row["channel"] for row in found["rows"]} == {"chat"}
    for name, right in (("offered", "assigned_to_agent"), ("resolved", "completed_by_agent"), ("csat_rated",) * 2):
        assert sum(row[name] for row in found["rows"]) == sum(week[right] for week in published.values())


def chat(**given: str) -> Row:
    """A chat of the twelfth that an agent got 30 s after its start, replied to 10 s later, and ended a minute later."""
    usual = {
        "room": "7", "user": "u1", "closed_by": "A1", "comment": "Completed",
        "start_raw": "2021-12-02 08:00:00", "assigned_raw": "2021-12-02 08:00:30", "end_raw": "2021-12-02 08:01:40",
        "bot_frt": "00:00:02", "agent_frt": "00:00:10", "csat": "4",
    }  # fmt: skip
    return {**usual, **given}


def unassigned(**given: str) -> Row:
    return chat(**{"closed_by": "System", "comment": "Closing now", "assigned_raw": "-", "agent_frt": "-", **given})


def told(events: Iterable[ContactEvent], prefix: Prefix, since: str) -> list[tuple[Any, ...]]:
    """Tell what happened, in the order in which a record reads it: the type, seconds since a moment, and what is said of it."""
    envelope = {"id", "at", "seq", "contact_id", "type", "customer"}
    found, decode = [], decoder(prefix)
    for event in sorted(events, key=lambda event: (event.at, event.seq)):
        line = encode(prefix, event)
        decode(line)  # refuses what is no event
        told = json.loads(line)
        said = (value for name, value in told.items() if name not in envelope)
        found.append((told["type"].removeprefix(f"{prefix}."), (event.at - ms(since)) / 1_000, *said))
    return found


def test_a_chat_of_an_agent() -> None:
    assert told(support_chats.events([chat()]), "chat", "2021-02-12T08:00:00") == [
        ("started", 0, "inbound"),
        ("queued", 0, "support"),
        ("message", 2, "bot"),
        ("answered", 30, "A1", "support"),
        ("message", 30, "customer"),
        ("message", 40, "agent", "A1"),
        ("ended", 100, "Completed", "agent"),
        ("wrapped", 100, "A1", True),
        ("rated", 100, "A1", 4),
    ]


def test_a_chat_that_the_customer_left_unanswered_is_not_resolved_and_none_is_no_rating() -> None:
    found = told(support_chats.events([chat(comment="Unresponsive Customer", csat="0")]), "chat", "2021-02-12T08:00:00")
    assert found[-2:] == [("ended", 100, "Unresponsive Customer", "agent"), ("wrapped", 100, "A1", False)]


@pytest.mark.parametrize("closed_by", ["System", "Bot"])
def test_a_chat_of_the_bot_enters_no_queue_and_its_rating_is_left_out(closed_by: str) -> None:
    rows = [unassigned(closed_by=closed_by, csat="5")]
    assert told(support_chats.events(rows), "chat", "2021-02-12T08:00:00") == [
        ("started", 0, "inbound"),
        ("message", 2, "bot"),
        ("ended", 100, "Closing now", "system", "self_service"),
    ]


@pytest.mark.parametrize(
    ("raw", "iso"),
    [
        ("2021-04-02 10:39:34", "2021-02-04T10:39:34"),
        ("2021-12-02 00:00:00", "2021-02-12T00:00:00"),
        ("13-02-2021 23:59:59", "2021-02-13T23:59:59"),
    ],
)
def test_a_stamp_in_either_layout(raw: str, iso: str) -> None:
    started, *_ = support_chats.events([unassigned(start_raw=raw)])
    assert started.at == ms(iso)


def test_what_is_of_one_second_stands_in_the_order_in_which_it_can_have_happened(tmp_path: Path) -> None:
    """Asked, replied to and closed in the second of the assignment: one reply after no time, and a chat of no length."""
    at = "2021-12-02 08:00:30"
    events = list(support_chats.events([chat(agent_frt="00:00:00", end_raw=at)]))
    found = [
        whole(replayed(record(tmp_path / f"{name}.jsonl", "chat", order)))
        for name, order in (("as-told", events), ("backwards", events[::-1]))
    ]
    for one in found:
        assert (one["replies"], one["avg_reply_time"], one["handled"], one["aht"]) == (1, 0, 1, 0)
        assert (one["resolved"], one["csat_rated"], one["csat"]) == (1, 1, 1)


def test_a_few_chats(tmp_path: Path) -> None:
    """Waits of 30 s and 60 s, handled in 70 s and 40 s, replies after 10 s and 20 s, ratings 4 and none."""
    rows = [
        chat(),
        chat(room="8", assigned_raw="2021-12-02 08:01:00", agent_frt="00:00:20", comment="Unresponsive Customer", csat="0"),
        unassigned(room="9", csat="1"),
    ]  # fmt: skip
    found = whole(replayed(record(tmp_path / "few.jsonl", "chat", support_chats.events(rows)), threshold_s=30))
    assert (found["offered"], found["answered"], found["handled"]) == (2, 2, 2)
    assert (found["asa"], found["wait_p50"], found["answered_in_threshold"]) == (45, 30, 1)
    assert (found["talk"], found["acw"], found["aht"]) == (110, 0, 55)
    assert (found["replies"], found["avg_reply_time"]) == (2, 15)
    assert (found["resolved"], found["resolved_rate"]) == (1, 1 / 2)
    assert (found["csat_rated"], found["csat"]) == (1, 1)


# ---------------------------------------------------------------- calls with topics and persons


@pytest.fixture(scope="module")
def calls(shared_data: Path) -> list[Row]:
    return rows_of(shared_data / "pwc-calls-2021-q1" / "calls.csv")


@pytest.fixture(scope="module")
def recorded_calls(calls: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("calls") / "topics.jsonl", "call", pwc_calls.events(calls))


def speeds(calls: list[Row]) -> list[int]:
    return [int(row["speed_s"]) for row in calls if row["speed_s"]]


def test_calls_of_the_quarter(recorded_calls: Path) -> None:
    found = whole(replayed(recorded_calls))
    assert (found["offered"], found["answered"], found["abandoned"], found["handled"]) == (5_000, 4_054, 946, 4_054)
    assert found["abandon_rate"] == 0.1892
    assert found["asa"] == pytest.approx(67.52072, abs=5e-6)
    assert (found["talk"], found["acw"], found["hold"]) == (911_837, 0, 0)
    assert found["aht"] == pytest.approx(224.92279, abs=5e-6)
    assert found["max_wait"] == 125


def test_outcomes_and_ratings_of_the_quarter(recorded_calls: Path) -> None:
    """The calls that nobody answered are of no one's work: resolved is told of the answered only."""
    found = whole(replayed(recorded_calls))
    assert found["resolved"] == 3_646
    assert found["resolved_rate"] == pytest.approx(3_646 / 4_054, rel=1e-12)
    assert found["csat_rated"] == 4_054
    assert found["csat"] == pytest.approx(0.4990, abs=5e-5)
    assert found["csat_score"] == pytest.approx(3.403552, abs=5e-7)


@pytest.mark.parametrize(("threshold_s", "within"), [(20, 374), (30, 751), (60, 1_796)])
def test_calls_answered_within_a_threshold(recorded_calls: Path, threshold_s: int, within: int) -> None:
    found = whole(replayed(recorded_calls, threshold_s=threshold_s))
    assert (found["answered_in_threshold"], found["service_level"]) == (within, within / 5_000)
    assert found["sl_v1"] == within / 4_054


def test_percentiles_of_the_quarter(recorded_calls: Path, calls: list[Row]) -> None:
    found, known = whole(replayed(recorded_calls)), speeds(calls)
    assert {percent: found[f"wait_p{percent}"] for percent in (50, 75, 90, 95, 99)} == {
        percent: nearest_rank(known, percent) for percent in (50, 75, 90, 95, 99)
    }


@pytest.mark.parametrize(("begin", "end", "offered", "answered"), MONTHS)
def test_calls_of_a_month(recorded_calls: Path, begin: str, end: str, offered: int, answered: int) -> None:
    found = whole(replayed(recorded_calls, "--from", begin, "--to", end))
    assert (found["offered"], found["answered"], found["abandoned"]) == (offered, answered, offered - answered)


def test_calls_by_topic_and_by_day(recorded_calls: Path, calls: list[Row]) -> None:
    found = replayed(recorded_calls)
    topics = Counter(row["topic"] for row in calls)
    assert {queue: total["offered"] for queue, total in totals(found).items() if queue} == topics
    days = Counter((row["topic"], f"{row['date']}T00:00:00.000Z") for row in calls)
    assert {(row["queue"], row["interval_start"]): row["offered"] for row in found["rows"]} == days


def test_calls_by_agent(calls: list[Row], tmp_path: Path) -> None:
    found = totals(replayed(record(tmp_path / "agents.jsonl", "call", pwc_calls.events(calls, "agent"))))
    assert (found.pop(None)["offered"], list(found)) == (5_000, [f"A{number}" for number in range(1, 9)])
    assert [one["offered"] for one in found.values()] == [631, 633, 633, 624, 666, 593, 638, 582]
    assert [one["answered"] for one in found.values()] == [517, 523, 501, 502, 536, 484, 514, 477]
    right = [65.3308, 67.2830, 66.2675, 68.4442, 66.3433, 70.9876, 69.4883, 66.1845]
    assert [one["asa"] for one in found.values()] == pytest.approx(right, abs=5e-5)


def call(**given: str) -> Row:
    usual = {
        "call_id": "ID1", "agent": "A3", "date": "2021-01-01", "time": "09:12:58", "topic": "Streaming",
        "answered": "Y", "resolved": "Y", "speed_s": "20", "talk_s": "100", "csat": "3",
    }  # fmt: skip
    return {**usual, **given}


def unanswered(**given: str) -> Row:
    return call(**{"answered": "N", "resolved": "N", "speed_s": "", "talk_s": "", "csat": "", **given})


def test_an_answered_call() -> None:
    assert told(pwc_calls.events([call()]), "call", "2021-01-01T09:12:58") == [
        ("started", 0, "inbound"),
        ("queued", 0, "Streaming", "Streaming"),
        ("answered", 20, "A3", "Streaming"),
        ("ended", 120),
        ("wrapped", 120, "A3", True),
        ("rated", 120, "A3", 3),
    ]


def test_a_call_that_nobody_answered_hangs_up_at_once() -> None:
    assert told(pwc_calls.events([unanswered()]), "call", "2021-01-01T09:12:58") == [
        ("started", 0, "inbound"),
        ("queued", 0, "Streaming", "Streaming"),
        ("ended", 0, "customer"),
    ]


def test_the_agent_as_the_queue() -> None:
    for event in pwc_calls.events([call()], "agent"):
        if isinstance(event, Queued):
            assert (event.queue, event.issue_type) == ("A3", "Streaming")
        if isinstance(event, Answered):
            assert event.queue == "A3"


def test_a_few_calls(tmp_path: Path) -> None:
    """Waits of 20 s and 21 s, talks of 100 s and 50 s, ratings 3 and 5; one hung up."""
    rows = [
        call(),
        call(call_id="ID2", speed_s="21", talk_s="50", resolved="N", csat="5"),
        unanswered(call_id="ID3"),
    ]
    found = whole(replayed(record(tmp_path / "few.jsonl", "call", pwc_calls.events(rows))))
    assert (found["offered"], found["answered"], found["abandoned"]) == (3, 2, 1)
    assert (found["asa"], found["answered_in_threshold"], found["avg_abandon_time"]) == (20.5, 1, 0)
    assert (found["talk"], found["aht"]) == (150, 75)
    assert (found["resolved"], found["resolved_rate"]) == (1, 1 / 2)
    assert (found["csat_rated"], found["csat"], found["csat_score"]) == (2, 1 / 2, 4)


# ---------------------------------------------------------------- both


def test_every_event_has_an_id_of_its_own() -> None:
    for events in (
        support_chats.events([chat(), chat(room="8"), unassigned(room="9")]),
        pwc_calls.events([call(), call(call_id="ID2"), unanswered(call_id="ID3")]),
    ):
        ids = [event.id for event in events]
        assert len(set(ids)) == len(ids)


def test_no_message_without_a_time_of_it() -> None:
    found = list(support_chats.events([chat(bot_frt="-", agent_frt="-")]))
    assert not any(isinstance(event, Message) for event in found)


@pytest.mark.parametrize(
    ("module", "row", "prefix", "events"),
    [
        (["examples.support_chats"], chat(), "chat", list(support_chats.events([chat()]))),
        (["examples.pwc_calls"], call(), "call", list(pwc_calls.events([call()]))),
        (["examples.pwc_calls", "--queue", "agent"], call(), "call", list(pwc_calls.events([call()], "agent"))),
    ],
    ids=["chats", "calls by topic", "calls by agent"],
)
def test_the_commands(module: list[str], row: Row, prefix: str, events: list[ContactEvent], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    done = subprocess.run([sys.executable, "-m", *module, str(table)], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.splitlines() == [encode(prefix, event) for event in events]
