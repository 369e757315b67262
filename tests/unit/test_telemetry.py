"""What a worker says of itself: names, units, and that a fault of the floor's figures leaves the rest of the page."""

import logging
from collections.abc import Iterable
from importlib.metadata import version

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from sinks import exposition
from sinks.exposition import AnyFamily, Source
from sinks.telemetry import MeasuredCollector, Telemetry


def samples(*sources: Source) -> dict[str, float]:
    """Return a page's samples by name and labels: `name{topic=cc.calls}`."""
    page = exposition.page(family for source in sources for family in source.collect()).decode()
    return {
        sample.name + (f"{{{','.join('='.join(pair) for pair in sample.labels.items())}}}" if sample.labels else ""): (
            sample.value
        )
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_steps_are_counted_and_timed_by_topic() -> None:
    telemetry = Telemetry()
    for topic, seconds in (("cc.calls", 0.25), ("cc.calls", 0.5), ("cc.chats", 1)):
        telemetry.fold.labels(topic).observe(seconds)
    telemetry.letters.labels("cc.late").inc(3)
    found = samples(telemetry.registry)
    expected = {
        "floorpulse_fold_seconds_count{topic=cc.calls}": 2,
        "floorpulse_fold_seconds_sum{topic=cc.calls}": 0.75,
        "floorpulse_fold_seconds_count{topic=cc.chats}": 1,
        "floorpulse_letters_sent_total{topic=cc.late}": 3,
        "floorpulse_rebalances_total": 0,
        f"floorpulse_build_info{{version={version('floorpulse')}}}": 1,
    }
    assert found.items() >= expected.items()
    assert not [name for name in found if name.endswith("_created")]


def test_the_process_says_what_it_uses() -> None:
    found = samples(Telemetry().registry)
    assert found["process_resident_memory_bytes"] > 1e6
    assert found["process_cpu_seconds_total"] > 0


def test_a_recovery_lasts_until_figures_are_shown() -> None:
    telemetry = Telemetry()

    def recovery_s() -> float:
        return samples(telemetry.registry)["floorpulse_recovery_seconds"]

    telemetry.showed(recovering=True)
    assert recovery_s() == 0
    telemetry.showed(recovering=False)
    first_s = recovery_s()
    assert first_s > 0
    telemetry.showed(recovering=False)
    assert recovery_s() == first_s
    telemetry.showed(recovering=True)
    assert recovery_s() == first_s
    telemetry.showed(recovering=False)
    assert 0 < recovery_s() != first_s


class Floor:
    """One family, or a fault after it."""

    def __init__(self, fault: Exception | None = None) -> None:
        self._fault = fault

    def collect(self) -> Iterable[AnyFamily]:
        yield GaugeMetricFamily("cc_contacts_waiting", "Waiting", value=3)
        if self._fault:
            raise self._fault


def test_the_collector_is_measured() -> None:
    found = samples(MeasuredCollector(Floor()))
    assert (found["cc_contacts_waiting"], found["floorpulse_collector_success"]) == (3, 1)
    assert found["floorpulse_collector_duration_seconds"] > 0


def test_a_fault_of_the_collector_is_said_and_half_a_floor_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "floorpulse"):
        found = samples(MeasuredCollector(Floor(ValueError("no such cell"))))
    assert found.keys() == {"floorpulse_collector_success", "floorpulse_collector_duration_seconds"}
    assert found["floorpulse_collector_success"] == 0
    assert "no figures of the floor" in caplog.text
    assert "no such cell" in caplog.text
