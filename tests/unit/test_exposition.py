"""Our writer of the text format against the client library's."""

from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from sinks import exposition
from sinks.exposition import Lines


class Page(Collector):
    """One family of each kind we use, with all that has to be escaped."""

    def collect(self) -> Iterable[Family]:
        gauge = GaugeMetricFamily("cc_contacts_waiting", 'Waiting "now"\nin a \\ queue', labels=("queue", "site"))
        for number, queue in enumerate(('say "hi"', "a\\b", "two\nlines", "予約", "")):
            gauge.add_metric([queue, "main"], number)
        counter = CounterMetricFamily("cc_talk_seconds", "Talk", labels=("queue",))
        for queue, value in (("a", 0), ("b", 1.5), ("c", 1e16), ("d", 12_345_678), ("e", 1e-9), ("f", float("inf"))):
            counter.add_metric([queue], value)
        waits = HistogramMetricFamily("cc_answer_wait_seconds", "Waits", labels=("queue",))
        waits.add_metric(["a"], [("5.0", 1), ("+Inf", 3)], 12.5)
        nothing = GaugeMetricFamily("cc_asa_15m_seconds", "No sample", labels=("queue",))
        plain = GaugeMetricFamily("floorpulse_recovering", "No label", value=False)
        return [gauge, counter, waits, nothing, plain]


def test_both_writers_say_the_same() -> None:
    registry = CollectorRegistry()
    registry.register(Page())
    ours, theirs = exposition.page(registry.collect()).decode(), generate_latest(registry).decode()
    assert list(text_string_to_metric_families(ours)) == list(text_string_to_metric_families(theirs))
    assert [line for line in ours.splitlines() if line[0] == "#"] == [
        line for line in theirs.splitlines() if line[0] == "#"
    ]


def test_both_writers_say_the_same_in_open_metrics() -> None:
    registry = CollectorRegistry()
    registry.register(Page())
    ours = exposition.page(registry.collect(), exposition.OPEN_METRICS).decode()
    theirs = openmetrics.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    read = openmetrics_families  # typed nowhere
    assert list(read(ours)) == list(read(theirs))  # type: ignore[no-untyped-call]
    assert [line for line in ours.splitlines() if line[0] == "#"] == [
        line for line in theirs.splitlines() if line[0] == "#"
    ]


def test_lines_that_are_made_already_stand_under_their_family() -> None:
    calls = Lines(
        "cc_calls", 'All "calls"', "counter", ['cc_calls_total{queue="a"} 1\n', 'cc_calls_total{queue="b"} 2\n']
    )
    plain, opened = exposition.page([calls]).decode(), exposition.page([calls], exposition.OPEN_METRICS).decode()
    body = ['cc_calls_total{queue="a"} 1', 'cc_calls_total{queue="b"} 2']
    assert plain.splitlines() == ['# HELP cc_calls_total All "calls"', "# TYPE cc_calls_total counter", *body]
    assert opened.splitlines() == ['# HELP cc_calls All \\"calls\\"', "# TYPE cc_calls counter", *body, "# EOF"]


PROMETHEUS = (  # as 2.42 asks
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", exposition.PLAIN),
        ("*/*", exposition.PLAIN),
        ("text/html,application/xhtml+xml,*/*;q=0.8", exposition.PLAIN),
        (PROMETHEUS, exposition.OPEN_METRICS),
        (PROMETHEUS_3, exposition.OPEN_METRICS),
        ("application/openmetrics-text", exposition.OPEN_METRICS),
        ("Application/OpenMetrics-Text; version=1.0.0", exposition.OPEN_METRICS),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.5", exposition.PLAIN),
        ("application/openmetrics-text;q=0", exposition.PLAIN),
        ("application/openmetrics-text;version=2.0.0,text/plain", exposition.PLAIN),
        ("application/openmetrics-text;q=much", exposition.PLAIN),
    ],
)
def test_the_form_is_what_the_client_likes_best(accept: str, form: str) -> None:
    assert exposition.wanted(accept) == form


@pytest.mark.parametrize(
    ("accept_encoding", "taken"),
    [("", False), ("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False),
     ("identity", False), ("x-gzip", False), ("GZIP", True)],
)  # fmt: skip
def test_gzip_only_where_it_is_taken(accept_encoding: str, taken: bool) -> None:
    assert exposition.takes_gzip(accept_encoding) == taken
