"""`/metrics`: the whole page of a small recorded day, every number worked by hand; then what must not be on it.

   06:00      06:10                                   06:15         06:18:20      06:20 = now
c1 Q 12 A=======72 E---90 W                                                                    (before the window of 15 min)
c2            Q 25 A==H~~R===E                 600, 625, 650, 670, 700
c3                        Q 4 X                700 (short)
c4                          Q 15 X             720
c5                              Q 62 X         800 (timeout)
c8                                    Q 4 A==T 900, 904, 964
c6                                                          Q..........         1100, waiting
c7                                                          Q 10 A=====         1110, in progress
"""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from models.catalogue import Goals
from models.events import ContactEvent
from models.merge import MergeState, QueueView
from models.partials import Progress, partial
from models.partition import Counts
from sinks.exposition import TextWriter
from sinks.prometheus import FloorCollector, FloorView, SourceView
from tests.unit.builders import (
    START_MS,
    answered,
    ended,
    exited,
    folded,
    held,
    ms,
    queued,
    resumed,
    transferred,
    wrapped,
)

NOW_MS = ms(1_200)
DAY: list[ContactEvent] = [
    queued(0, c="c1"), answered(12, c="c1"), ended(72, c="c1"), wrapped(90, c="c1"),
    queued(600, c="c2"), answered(625, c="c2"), held(650, c="c2"), resumed(670, c="c2"), ended(700, c="c2"),
    queued(700, c="c3"), ended(704, c="c3"),
    queued(720, c="c4"), exited(735, c="c4"), ended(735, c="c4"),
    queued(800, c="c5"), exited(862, "timeout", c="c5"),
    queued(900, c="c8"), answered(904, c="c8"), transferred(964, c="c8"),
    queued(1_100, c="c6"),
    queued(1_110, c="c7"), answered(1_120, c="c7"),
]  # fmt: skip
SOURCE = SourceView("cc.calls", 3, 22, 1, 2, 4, ms(1_120), 7)
Samples = dict[str, float]


def views(events: Iterable[ContactEvent]) -> tuple[QueueView, ...]:
    state, merge, source = folded(events), MergeState(), ("cc.calls", 0)
    for key, part in state.collect():
        merge.apply(source, partial(state, key, part))
    merge.apply(source, Progress(0, state.offset, state.newest, 0, Counts(), ""))
    return tuple(merge.views())


def floor(events: Iterable[ContactEvent] = DAY) -> FloorView:
    return FloorView(views(events), (SOURCE,), recovering=False, fresh_ms=ms(1_120))


def page(view: FloorView, goals: Goals | None = None, now_ms: int = NOW_MS, site: str = "riga") -> str:
    collector = FloorCollector(lambda: view, lambda: now_ms, goals or Goals(), site)
    return TextWriter().page(collector.collect()).decode()


def samples(text: str, **common: str) -> Samples:
    """Return the samples of a page that carry these labels, by name and further labels: `name{le=5.0}`."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if common.items() <= sample.labels.items():
                rest = ",".join(f"{label}={text}" for label, text in sample.labels.items() if label not in common)
                found[f"{sample.name}{{{rest}}}" if rest else sample.name] = sample.value
    return found


def histogram(name: str, total_s: float, *steps: tuple[str, int]) -> Samples:
    """Return a histogram's samples; each step is some edges and how many are at or below each of them."""
    edges = {f"{name}_bucket{{le={edge}}}": float(n) for some, n in steps for edge in some.split()}
    return {**edges, f"{name}_sum": total_s, f"{name}_count": float(steps[-1][1])}


# By hand. Waits of the answered 4, 10, 12, 25 s; of the abandoned 4, 15 s; handle times 60, 75 (20 of it hold), 78 (18 acw).
TOTALS: Samples = {
    "cc_contacts_offered_total": 8,
    "cc_contacts_answered_total": 4,
    "cc_contacts_abandoned_total": 2,
    "cc_contacts_short_abandoned_total": 1,
    "cc_contacts_handled_total": 3,
    "cc_contacts_transferred_total": 1,
    "cc_contacts_exited_total{reason=timeout}": 1,
    "cc_talk_seconds_total": 175,
    "cc_hold_seconds_total": 20,
    "cc_wrap_up_seconds_total": 18,
    **histogram(
        "cc_answer_wait_seconds", 51, ("5.0", 1), ("10.0", 2), ("15.0 20.0", 3),
        ("30.0 45.0 60.0 90.0 120.0 180.0 300.0 600.0 1200.0 +Inf", 4),
    ),
    **histogram(
        "cc_abandon_wait_seconds", 19, ("5.0 10.0", 1),
        ("15.0 20.0 30.0 45.0 60.0 90.0 120.0 180.0 300.0 600.0 1200.0 +Inf", 2),
    ),
    **histogram(
        "cc_handle_seconds", 213, ("15.0 30.0", 0), ("60.0", 1),
        ("120.0 180.0 240.0 300.0 420.0 600.0 900.0 1200.0 1800.0 3600.0 +Inf", 3),
    ),
}  # fmt: skip
LIVE: Samples = {
    "cc_contacts_waiting": 1,
    "cc_contacts_in_progress": 1,
    "cc_queue_oldest_wait_start_timestamp_seconds": START_MS / 1_000 + 1_100,
}
WINDOWED: dict[str, tuple[float, float]] = {  # 06:06 to now; 05:21 to now, which has c1 as well
    "cc_contacts_offered_{}": (7, 8),
    "cc_contacts_answered_{}": (3, 4),
    "cc_contacts_abandoned_{}": (2, 2),
    "cc_contacts_short_abandoned_{}": (1, 1),
    "cc_contacts_answered_in_threshold_{}": (2, 3),
    "cc_contacts_abandoned_in_threshold_{}": (2, 2),
    "cc_contacts_cohort_answered_{}": (3, 4),
    "cc_contacts_cohort_abandoned_{}": (2, 2),
    "cc_contacts_cohort_exited_{}": (1, 1),
    "cc_contacts_cohort_waiting_{}": (1, 1),
    "cc_contacts_exited_{}": (1, 1),
    "cc_contacts_handled_{}": (2, 3),
    "cc_contacts_transferred_{}": (1, 1),
    "cc_aht_{}_seconds": ((75 + 60) / 2, (75 + 60 + 78) / 3),
    "cc_asa_{}_seconds": ((25 + 4 + 10) / 3, (25 + 4 + 10 + 12) / 4),
    "cc_avg_abandon_time_{}_seconds": (9.5, 9.5),
    "cc_avg_wait_all_{}_seconds": ((39 + 19 + 62) / 6, (51 + 19 + 62) / 7),
    "cc_abandon_rate_{}_ratio": (2 / 7, 2 / 8),
    "cc_sl_v1_{}_ratio": (2 / 3, 3 / 4),
    "cc_sl_v2_{}_ratio": (2 / 5, 3 / 6),
    "cc_sl_v3_{}_ratio": (2 / 4, 3 / 5),
    "cc_sl_v4_{}_ratio": (2 / 3, 3 / 4),
    "cc_sl_v5_{}_ratio": (4 / 5, 5 / 6),
    "cc_sl_v6_{}_ratio": (4 / 6, 5 / 7),
    "cc_sl_v7_{}_ratio": (2 / 6, 3 / 7),
    "cc_sl_v8_{}_ratio": (2 / 5, 3 / 6),
    "cc_sl_v9_ignore_{}_ratio": (2 / 5, 3 / 6),  # one answered, one left otherwise, one waits: all past T
    "cc_sl_v9_negative_{}_ratio": (2 / 6, 3 / 7),
    "cc_sl_v9_positive_{}_ratio": (3 / 6, 4 / 7),
    "cc_service_level_{}_ratio": (2 / 5, 3 / 6),
}
WINDOWS = {name.format(window): both[n] for name, both in WINDOWED.items() for n, window in enumerate(("15m", "60m"))}
OURSELVES: Samples = {
    "floorpulse_events_total": 22,
    "floorpulse_duplicates_total": 1,
    "floorpulse_late_total": 2,
    "floorpulse_invalid_total": 4,
    "floorpulse_newest_event_timestamp_seconds": START_MS / 1_000 + 1_120,
    "floorpulse_lag_records": 7,
}
WORKER: Samples = {
    "floorpulse_recovering": 0,
    "floorpulse_fresh_timestamp_seconds": START_MS / 1_000 + 1_120,
    "cc_service_level_threshold_seconds": 20,
}
SALES = {"queue": "sales", "channel": "voice", "site": "riga"}


def test_the_whole_page() -> None:
    text = page(floor())
    assert samples(text, **SALES) == TOTALS | LIVE | WINDOWS
    assert samples(text, topic="cc.calls", partition="3") == OURSELVES
    assert len(samples(text)) == len(TOTALS | LIVE | WINDOWS | OURSELVES | WORKER)
    assert samples(text).items() >= WORKER.items()


def test_no_sample_stands_twice() -> None:
    """Of two queues and two sources each; a duplicate makes Prometheus refuse the whole page."""
    view = floor([*DAY, queued(1, "tech", c="t"), answered(2, c="t"), queued(1, "tech", channel="video", c="u")])
    text = page(replace(view, sources=(SOURCE, replace(SOURCE, partition=4))))
    every = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert [name for name, n in Counter(every).items() if n > 1] == []
    heads = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert [name for name, n in Counter(heads).items() if n > 1] == []


def test_nobody_waits_and_there_is_nothing_to_divide_by() -> None:
    """No sample, never 0: not of the oldest wait, and of no ratio or average. Counts are there and say 0."""
    found = samples(page(floor([queued(0, c="c1")]), now_ms=ms(-1)), **SALES)
    assert found["cc_contacts_waiting"] == 0
    assert found["cc_contacts_offered_15m"] == 0
    empty = {name for name in WINDOWS if name.endswith(("_ratio", "_seconds"))}
    empty.add("cc_queue_oldest_wait_start_timestamp_seconds")
    assert found.keys() & empty == set()
    assert len(empty) == 2 * 17 + 1


def test_windows_move_without_any_event() -> None:
    """At 06:30 the last answer (06:18:40) is inside 15 min, at 06:34 it is not; the totals stay."""
    assert samples(page(floor(), now_ms=ms(1_800)), **SALES)["cc_contacts_answered_15m"] == 1
    later = samples(page(floor(), now_ms=ms(2_040)), **SALES)
    assert (later["cc_contacts_answered_15m"], later["cc_contacts_answered_total"]) == (0, 4)
    assert "cc_asa_15m_seconds" not in later


def test_the_headline_and_the_edges_follow_the_settings() -> None:
    """T = 9 s: in time is c8 alone. A half second of S shows as an edge, and counts none as short."""
    text = page(floor(), Goals(threshold_s=9, short_abandon_s=0.5, headline="sl_v1"))
    found = samples(text, **SALES)
    assert found["cc_service_level_60m_ratio"] == found["cc_sl_v1_60m_ratio"] == 1 / 4
    assert found["cc_answer_wait_seconds_bucket{le=9.0}"] == 1
    assert found["cc_abandon_wait_seconds_bucket{le=0.5}"] == 0
    assert found["cc_contacts_short_abandoned_total"] == 0
    assert samples(text)["cc_service_level_threshold_seconds"] == 9


def test_while_the_past_is_read_only_that_is_said() -> None:
    """Half the past would look like a floor that fell silent."""
    assert samples(page(replace(floor(), recovering=True))) == {"floorpulse_recovering": 1}
    assert samples(page(FloorView())) == {"floorpulse_recovering": 1}


def test_what_is_not_known_is_not_said() -> None:
    """A partition that saw no event has no newest, one that is not assigned no lag; nothing read, no freshness."""
    unknown = replace(SOURCE, newest_ms=0, lag=None)
    found = samples(page(FloorView((), (unknown,), recovering=False, fresh_ms=None)))
    named = {name.split("{")[0] for name in found}
    assert named & {"floorpulse_newest_event_timestamp_seconds", "floorpulse_lag_records"} == set()
    assert "floorpulse_fresh_timestamp_seconds" not in named


ODD = 'a"b\\c\nd{e}, ü'


def test_odd_names_are_escaped() -> None:
    text = page(floor([queued(0, ODD, channel="v\\", c="o")]), site='s"')
    assert 'cc_contacts_waiting{queue="a\\"b\\\\c\\nd{e}, ü",channel="v\\\\",site="s\\""} 1\n' in text
    assert samples(text, queue=ODD, channel="v\\", site='s"')["cc_contacts_offered_total"] == 1


def test_labels_are_few_and_name_no_person_and_no_contact() -> None:
    labels = {
        label
        for family in text_string_to_metric_families(page(floor()))
        for sample in family.samples
        for label in sample.labels
    }
    assert labels == {"queue", "channel", "site", "reason", "le", "topic", "partition"}


def test_promtool_accepts_the_page() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: install Prometheus (Debian: prometheus) to check the page with it")
    text = page(floor([*DAY, queued(0, ODD, c="o")]))
    ran = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
