"""Scenarios are seen in the figures: each recording is replayed, and its figures are held against those of a steady day."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from streams.scenarios import SCENARIOS
from tests.kafka_broker import ROOT
from tests.unit.test_truth import floorpulse

Row = dict[str, Any]
Reports = dict[str, Row]

START = datetime(2024, 6, 10, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Four hours from nine o'clock with each scenario; what does not last begins at ten."""
    folder = tmp_path_factory.mktemp("scenarios")
    files = {scenario: str(folder / f"{scenario}.jsonl") for scenario in SCENARIOS}
    for scenario, file in files.items():
        floorpulse("simulate", "--scenario", scenario, "--hours", "4", "--volume", "3", "--out", file)
    return files


@pytest.fixture(scope="module")
def reports(recordings: dict[str, str]) -> Reports:
    """Their figures by hour."""
    return {
        scenario: json.loads(floorpulse("replay", file, "--json", "--interval", "1h"))
        for scenario, file in recordings.items()
    }


def row(report: dict[str, Any], hour: int, queue: str, channel: str = "voice") -> Row:
    start = START.replace(hour=hour).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    key = queue, channel, start
    found: list[Row] = [row for row in report["rows"] if (row["queue"], row["channel"], row["interval_start"]) == key]
    assert len(found) == 1, key
    return found[0]


def rows(report: dict[str, Any], hour: int) -> list[Row]:
    calls = [row(report, hour, queue) for queue in ("billing", "support", "cards", "sales", "business")]
    return [*calls, *(row(report, hour, queue, "chat") for queue in ("billing", "support", "sales"))]


def test_a_steady_day_answers_nearly_all_in_time(reports: Reports) -> None:
    for hour in (9, 10, 11):
        for found in rows(reports["steady"], hour):
            assert found["service_level"] > 0.75, found
            assert found["abandon_rate"] < 0.08, found
            assert found["asa"] < 20, found


@pytest.mark.parametrize("scenario", ["spike", "outage"])
def test_before_it_begins_nothing_is_different(reports: Reports, scenario: str) -> None:
    def entered(name: str) -> list[tuple[str, int]]:
        return [(found["queue"], found["offered"]) for found in rows(reports[name], 9)]

    assert entered(scenario) == entered("steady")


def test_in_a_spike_all_queues_fill_and_people_hang_up(reports: Reports) -> None:
    for spike, steady in zip(rows(reports["spike"], 10), rows(reports["steady"], 10), strict=True):
        assert spike["offered"] > 1.8 * steady["offered"], spike  # 3 x for 45 of 60 minutes are 2.5 x
        assert spike["service_level"] < 0.5, spike
        assert spike["abandon_rate"] > 0.15, spike
        assert spike["asa"] > 4 * steady["asa"], spike


def test_an_outage_floods_support(reports: Reports) -> None:
    hit, calm = row(reports["outage"], 10, "support"), row(reports["steady"], 10, "support")
    assert hit["blocked"] > 100
    assert hit["offered"] + hit["blocked"] > 5 * calm["offered"]
    assert hit["service_level"] < 0.3
    assert hit["abandon_rate"] > 0.1
    assert hit["exited"] - hit["callbacks_requested"] > 10, "cut off"
    assert [found for found in rows(reports["outage"], 10) if found["blocked"]] == [hit]
    about = [found for found in reports["outage"]["issues"] if found["issue_type"] == "outage"]
    of_support = sum(found["contacts"] for found in about if found["queue"] == "support")
    assert of_support > 0.95 * sum(found["contacts"] for found in about) > 500  # some were transferred to or from there


def test_people_who_are_missing_are_missed_all_day(reports: Reports) -> None:
    for hour in (10, 11):
        for short, steady in zip(rows(reports["short_staffed"], hour), rows(reports["steady"], hour), strict=True):
            assert short["asa"] > steady["asa"], short
            if short["channel"] == "voice":
                assert short["service_level"] < 0.4, short
                assert short["abandon_rate"] > 0.1, short


def test_after_a_spike_the_floor_recovers(reports: Reports) -> None:
    """At a quarter to eleven it is over, by noon the callbacks too."""
    for after, spike in zip(rows(reports["spike"], 12), rows(reports["spike"], 10), strict=True):
        assert after["abandon_rate"] < spike["abandon_rate"] / 2, after


# What docs/simulator.md says


def test_the_page_shows_these_figures(recordings: dict[str, str]) -> None:
    page = (ROOT / "docs" / "simulator.md").read_text("utf-8")
    for scenario, said in SCENARIOS.items():
        assert f"| `{scenario}` | {said.help} |" in page
        hour = ("--from", "2024-06-10T10:00", "--to", "2024-06-10T11:00")
        totals = json.loads(floorpulse("replay", recordings[scenario], "--json", *hour))["totals"]
        [found] = [row for row in totals if row["queue"] is None]
        counts = " | ".join(f"{found[name]:,}" for name in ("offered", "answered", "abandoned"))
        shown = f"{counts} | {found['service_level']:.0%} | {found['asa']:.0f} s | {found['blocked']:,}"
        assert f"| `{scenario}` | {shown} |" in page
