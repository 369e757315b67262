"""Our writer of the text format against the client library's."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from sinks.exposition import TextWriter


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
    writer = TextWriter()
    for _ in range(2):  # the second page comes from what the writer remembers
        ours, theirs = writer.page(registry.collect()).decode(), generate_latest(registry).decode()
        assert list(text_string_to_metric_families(ours)) == list(text_string_to_metric_families(theirs))
        assert [line for line in ours.splitlines() if line[0] == "#"] == [
            line for line in theirs.splitlines() if line[0] == "#"
        ]
