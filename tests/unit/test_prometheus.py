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

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from models import partials
from models.book import Book, Clause, Key
from models.codec import decoder, encode
from models.events import ContactEvent, Prefix
from models.folding import default_rules, ruled
from models.goals import Goals, Live
from models.log import Line
from models.merge import MergeState, QueueView
from models.other import OTHER
from models.partition import PartitionState
from sinks import exposition
from sinks.names import MOST_ISSUES
from sinks.prometheus import FloorCollector, FloorView, SourceView
from sinks.ratchet import Highest
from sinks.telemetry import MeasuredCollector, Telemetry
from tests.unit.builders import (
    FOREVER,
    START_MS,
    answered,
    blocked,
    callback_attempted,
    callback_requested,
    classified,
    declined,
    ended,
    exited,
    folded,
    held,
    message,
    ms,
    queued,
    rated,
    resumed,
    ringing,
    started,
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
SOURCE = SourceView(
    "cc.calls", 3, events=22, duplicates=1, late=2, invalid=4, orphans=5, lost=6,
    newest_ms=ms(1_120), watermark_ms=ms(1_120 - 6 * 3_600), appended_ms=ms(1_180), lag=7,
)  # fmt: skip
WINDOW = re.compile("_(15|60)m")
Samples = dict[str, float]


def views(events: Iterable[ContactEvent], prefix: Prefix = "call") -> tuple[QueueView, ...]:
    merge = MergeState()
    for record in partials.flush(folded(events, FOREVER if prefix == "call" else replace(FOREVER, channel="chat"))):
        merge.apply((f"cc.{prefix}s", 0), record)
    return tuple(merge.views())


def floor(events: Iterable[ContactEvent] = DAY, prefix: Prefix = "call") -> FloorView:
    return FloorView(views(events, prefix), (SOURCE,), recovering=False, fresh_ms=ms(1_120))


def page(view: FloorView, goals: Goals | Book[Goals] | None = None, now_ms: int = NOW_MS, site: str = "riga") -> str:
    book = goals if isinstance(goals, Book) else Book(lambda _: goals or Goals())
    collector = FloorCollector(lambda: view, lambda: now_ms, book, lambda _: site)
    return exposition.page(collector.collect()).decode()


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
    "cc_contacts_transfers_total{reason=other}": 1,
    "cc_contacts_held_total": 1,
    "cc_holds_total": 1,
    "cc_talk_seconds_total": 175,
    "cc_hold_seconds_total": 20,
    "cc_wrap_up_seconds_total": 18,
    **histogram(
        "cc_answer_wait_seconds", 51, ("5.0", 1), ("10.0", 2), ("15.0 20.0", 3),
        ("25.0 30.0 45.0 60.0 90.0 120.0 180.0 240.0 300.0 600.0 1200.0 +Inf", 4),
    ),
    **histogram(
        "cc_abandon_wait_seconds", 19, ("5.0 10.0", 1),
        ("15.0 20.0 25.0 30.0 45.0 60.0 90.0 120.0 180.0 240.0 300.0 600.0 1200.0 +Inf", 2),
    ),
    **histogram(
        "cc_handle_seconds", 213, ("15.0 30.0", 0), ("60.0", 1),
        ("120.0 180.0 240.0 300.0 420.0 600.0 900.0 1200.0 1800.0 3600.0 +Inf", 3),
    ),
}  # fmt: skip
LIVE: Samples = {
    "cc_contacts_waiting": 1,
    "cc_contacts_ringing": 0,
    "cc_contacts_in_progress": 1,
    "cc_queue_oldest_wait_start_timestamp_seconds": START_MS / 1_000 + 1_100,
    "cc_queue_oldest_contact_start_timestamp_seconds": START_MS / 1_000 + 1_100,
}
GOALS: Samples = {"cc_service_level_threshold_seconds": 20, "cc_service_level_goal_ratio": 0.8}
WINDOWED: dict[str, tuple[float, float]] = {  # 06:06 to now; 05:21 to now, which has c1 as well
    "cc_contacts_offered_{}": (7, 8),
    "cc_contacts_answered_{}": (3, 4),
    "cc_contacts_abandoned_{}": (2, 2),
    "cc_contacts_short_abandoned_{}": (1, 1),
    "cc_contacts_answered_in_threshold_{}": (2, 3),
    "cc_contacts_abandoned_in_threshold_{}": (2, 2),
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
    "cc_sl_v11_{}_ratio": (2 / 6, 3 / 7),
    "cc_service_level_{}_ratio": (2 / 5, 3 / 6),
    "cc_service_level_live_{}_ratio": (2 / 6, 3 / 7),  # c2 passed T at 620, c5 at 820, c6 at 1120
}
WINDOWS = {name.format(window): both[n] for name, both in WINDOWED.items() for n, window in enumerate(("15m", "60m"))}
WINDOWS["cc_must_answer_next_15m"] = 10  # two of five are in time: twelve of fifteen would be 80 %
OURSELVES: Samples = {
    "floorpulse_events_total": 22,
    "floorpulse_duplicates_total": 1,
    "floorpulse_late_total": 2,
    "floorpulse_invalid_total": 4,
    "floorpulse_lost_total": 6,
    "floorpulse_orphans": 5,
    "floorpulse_newest_event_timestamp_seconds": START_MS / 1_000 + 1_120,
    "floorpulse_watermark_timestamp_seconds": START_MS / 1_000 + 1_120 - 6 * 3_600,
    "floorpulse_lag_records": 7,
    "floorpulse_lag_seconds": 20,
}
WORKER: Samples = {
    "floorpulse_recovering": 0,
    "floorpulse_fresh_timestamp_seconds": START_MS / 1_000 + 1_120,
}
SALES = {"queue": "sales", "channel": "voice", "site": "riga"}


def test_the_whole_page() -> None:
    text = page(floor())
    assert samples(text, **SALES) == TOTALS | LIVE | WINDOWS | GOALS
    assert samples(text, topic="cc.calls", partition="3") == OURSELVES
    assert len(samples(text)) == len(TOTALS | LIVE | WINDOWS | GOALS | OURSELVES | WORKER)
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
    assert found["cc_contacts_offered_total"] == 0  # it will be, in a millisecond
    assert found["cc_contacts_waiting"] == 0
    assert found["cc_contacts_offered_15m"] == 0
    empty = {name for name in WINDOWS if name.endswith(("_ratio", "_seconds"))}
    empty |= {name for name in LIVE if "oldest" in name}
    assert found.keys() & empty == set()
    assert len(empty) == 2 * 19 + 2


def test_windows_move_without_any_event() -> None:
    """At 06:30 the last answer (06:18:40) is inside 15 min, at 06:34 it is not; the totals stay."""
    assert samples(page(floor(), now_ms=ms(1_800)), **SALES)["cc_contacts_answered_15m"] == 1
    later = samples(page(floor(), now_ms=ms(2_040)), **SALES)
    assert (later["cc_contacts_answered_15m"], later["cc_contacts_answered_total"]) == (0, 4)
    assert "cc_asa_15m_seconds" not in later


def test_the_headline_and_the_edges_follow_the_settings() -> None:
    """T = 9 s: in time is c8 alone. S = 3 s shows as an edge, and counts none as short."""
    found = samples(page(floor(), Goals(threshold_s=9, short_abandon_s=3, headline="sl_v1", goal=0.5)), **SALES)
    assert found["cc_service_level_60m_ratio"] == found["cc_sl_v1_60m_ratio"] == 1 / 4
    assert found["cc_answer_wait_seconds_bucket{le=9.0}"] == 1
    assert found["cc_abandon_wait_seconds_bucket{le=3.0}"] == 0
    assert found["cc_contacts_short_abandoned_total"] == 0
    assert (found["cc_service_level_threshold_seconds"], found["cc_service_level_goal_ratio"]) == (9, 0.5)
    assert found["cc_must_answer_next_15m"] == 1  # one of three, two of four


@pytest.mark.parametrize(("live", "level"), [("ignore", 2 / 5), ("negative", 2 / 6), ("positive", 3 / 6)])
def test_what_abandons_in_time_are_to_the_live_level_is_a_setting(live: Live, level: float) -> None:
    """c8 and c7 in time, c4 hung up in time, c2, c5 and c6 past T; c3 is short and never counts."""
    assert samples(page(floor(), Goals(live=live)), **SALES)["cc_service_level_live_15m_ratio"] == level


def test_a_window_is_read_by_the_goals_of_its_quarters() -> None:
    """T = 30 from 06:15 on: c2 (25 s, 06:10) is late still. T now is shown."""
    book = Book(lambda _: Goals(), (Clause({"threshold_s": 30}, valid_from_ms=ms(900)),))
    found = samples(page(floor(), book), **SALES)
    assert (found["cc_contacts_answered_in_threshold_15m"], found["cc_sl_v1_15m_ratio"]) == (2, 2 / 3)
    assert found["cc_service_level_threshold_seconds"] == 30
    assert found["cc_service_level_live_15m_ratio"] == 2 / 6
    always = samples(page(floor(), Goals(threshold_s=30)), **SALES)
    assert always["cc_contacts_answered_in_threshold_15m"] == 3


def test_each_queue_has_goals_and_a_site_of_its_own() -> None:
    view = floor([*DAY, queued(1_000, "tech", c="t"), answered(1_015, c="t")])
    book = Book(lambda _: Goals(), (Clause({"threshold_s": 10}, "tech"),))
    collector = FloorCollector(lambda: view, lambda: NOW_MS, book, {"sales": "riga", "tech": "oslo"}.__getitem__)
    text = exposition.page(collector.collect()).decode()
    assert samples(text, **SALES)["cc_service_level_threshold_seconds"] == 20
    tech = samples(text, queue="tech", channel="voice", site="oslo")
    assert (tech["cc_service_level_threshold_seconds"], tech["cc_sl_v1_15m_ratio"]) == (10, 0)


# ---------------------------------------------------------------- what most queues never have


def test_counters_of_what_never_happened_are_not_there() -> None:
    """Only these are there from the start, and 0."""
    found = samples(page(floor([queued(0, c="c1")])), **SALES)
    counters = {name for name in found if name.endswith("_total")}
    contacts = ("offered", "answered", "abandoned", "short_abandoned", "handled", "transferred")
    assert counters == {
        *(f"cc_contacts_{name}_total" for name in contacts),
        *(f"cc_{name}_seconds_total" for name in ("talk", "hold", "wrap_up")),
    }


def test_offers_blocked_contacts_callbacks_and_surveys() -> None:
    """A ring of 8 s that was declined; a callback asked for at 100, due at 700 and overdue at 1600; a good rating."""
    happened = [
        blocked(0, c="b"),
        queued(10, c="r"), ringing(20, c="r"), declined(28, reason="no_answer", c="r"), answered(30, c="r"),
        ended(90, "customer", c="r"), rated(95, 5, nps=9, c="r"),
        queued(95, c="k"), exited(100, "callback_accepted", c="k"), callback_requested(100, 700, c="k"),
        callback_attempted(710, "no_answer", c="k"),
    ]  # fmt: skip
    text = page(floor(happened))
    found = samples(text, **SALES)
    expected = {
        "cc_contacts_blocked_total{reason=queue_full}": 1,
        "cc_offers_declined_total{reason=no_answer}": 1,
        "cc_offers_total": 1,
        "cc_ring_seconds_total": 8,
        "cc_rona_total": 1,
        "cc_rona_excl_abandon_total": 1,
        "cc_contacts_exited_total{reason=callback_accepted}": 1,
        "cc_callbacks_requested_total": 1,
        "cc_callbacks_attempted_total": 1,
        "cc_callbacks_failed_total": 1,
        "cc_callbacks_due": 1,
        "cc_queue_oldest_callback_timestamp_seconds": START_MS / 1_000 + 100,
        "cc_surveys_answered_total": 1,
        "cc_csat_rated_total": 1,
        "cc_csat_good_total": 1,
        "cc_nps_rated_total": 1,
        "cc_nps_promoters_total": 1,
    }
    assert found.items() >= expected.items()
    assert {"cc_callbacks_overdue", "cc_callbacks_scheduled", "cc_nps_detractors_total"} & found.keys() == set()
    assert samples(page(floor(happened), now_ms=ms(1_601)), **SALES)["cc_callbacks_overdue"] == 1
    assert samples(page(floor(happened), now_ms=ms(699)), **SALES)["cc_callbacks_scheduled"] == 1


def test_chats() -> None:
    """Asked at 0, replied to at 40, asked again at 100; T of first responses is 60 s."""
    said = [queued(0), message(0), answered(10), message(40, "agent"), message(100)]
    found = samples(page(floor(said, "chat"), now_ms=ms(700)), queue="sales", channel="chat", site="riga")
    expected = {
        "cc_contacts_unanswered": 1,
        "cc_queue_oldest_unanswered_timestamp_seconds": START_MS / 1_000 + 100,
        "cc_replies_total": 1,
        "cc_responses_total": 1,
        "cc_reply_seconds_sum": 40,
        "cc_first_response_seconds_count": 1,
        "cc_frt_15m_seconds": 40,
        "cc_avg_reply_time_15m_seconds": 40,
    }
    assert found.items() >= expected.items()


def test_a_wrap_up_that_nobody_ends_is_counted_when_its_time_is_over() -> None:
    """It ended at 72; ten minutes of wrap-up are waited for: at 600 it is in wrap-up, from 720 on handled."""
    rules = Book(default_rules, (Clause({"wrap_up": "event"}),), ruled)
    merge = MergeState()
    for record in partials.flush(folded([queued(0), answered(12), ended(72)], replace(FOREVER, rules=rules))):
        merge.apply(("cc.calls", 0), record)
    view = FloorView(tuple(merge.views()), recovering=False)
    before, after = (samples(page(view, now_ms=ms(s)), **SALES) for s in (600, 720))
    assert (before["cc_contacts_in_wrap_up"], before["cc_contacts_handled_total"]) == (1, 0)
    assert "cc_acw_inferred_total" not in before
    assert (after["cc_contacts_handled_total"], after["cc_acw_inferred_total"]) == (1, 1)
    assert "cc_contacts_in_wrap_up" not in after


def test_who_was_lost_waits_no_more() -> None:
    found = samples(page(floor([started(0), queued(10)]), now_ms=ms(3_610)), **SALES)
    assert (found["cc_contacts_waiting"], found["cc_contacts_lost_total"]) == (0, 1)
    assert "cc_queue_oldest_contact_start_timestamp_seconds" not in found


# ---------------------------------------------------------------- issues


def test_contacts_by_issue() -> None:
    about = [
        queued(0, issue="billing", reason="late fee", c="a"),
        queued(1, c="b"), classified(2, "billing", "late fee", c="b"),
        queued(3, issue="order", c="d"),
        queued(4, c="e"),
    ]  # fmt: skip
    found = samples(page(floor(about)), **SALES)
    issues = {name: n for name, n in found.items() if name.startswith("cc_issue")}
    assert issues == {
        "cc_issue_contacts_total{issue_type=billing,issue_reason=late fee}": 2,
        "cc_issue_contacts_total{issue_type=order,issue_reason=}": 1,
    }
    assert found["cc_contacts_offered_total"] == 4  # a view of an issue is no queue


def test_of_too_many_issues_the_rarest_are_one_of_each_queue() -> None:
    often = [queued(n, issue=f"i{n % MOST_ISSUES}", c=f"o{n}") for n in range(2 * MOST_ISSUES)]
    rare = [queued(n, queue, issue=f"rare {n}", c=f"{queue}{n}") for queue in ("sales", "tech") for n in range(3)]
    text = page(floor([*often, *rare]))
    series = [name for name in samples(text) if name.startswith("cc_issue")]
    assert len(series) == MOST_ISSUES + 2
    for queue in ("sales", "tech"):
        other = samples(text, queue=queue, channel="voice", site="riga", issue_type=OTHER, issue_reason=OTHER)
        assert other == {"cc_issue_contacts_total": 3}


def test_while_the_past_is_read_only_that_is_said() -> None:
    """Half the past would look like a floor that fell silent."""
    assert samples(page(replace(floor(), recovering=True))) == {"floorpulse_recovering": 1}
    assert samples(page(FloorView())) == {"floorpulse_recovering": 1}


def test_what_is_not_known_is_not_said() -> None:
    """A partition that saw no event has no newest, one that is not assigned no lag; nothing read, no freshness."""
    unknown = replace(SOURCE, newest_ms=0, watermark_ms=-6 * 3_600_000, appended_ms=0, lag=None)
    found = samples(page(FloorView((), (unknown,), recovering=False, fresh_ms=None)))
    named = {name.split("{")[0] for name in found}
    silent = ("newest_event_timestamp_seconds", "watermark_timestamp_seconds", "lag_records", "lag_seconds")
    assert named & {f"floorpulse_{name}" for name in silent} == set()
    assert "floorpulse_fresh_timestamp_seconds" not in named


@pytest.mark.parametrize(
    ("lag", "appended_ms", "expected"),
    [(0, 0, 0), (0, ms(900), 0), (7, ms(900), 300), (7, ms(1_300), 0), (7, 0, None)],
    ids=["empty log", "caught up", "behind", "the broker's clock is ahead", "nothing read since the start"],
)
def test_lag_in_seconds(lag: int, appended_ms: int, expected: float | None) -> None:
    found = samples(page(FloorView((), (replace(SOURCE, lag=lag, appended_ms=appended_ms),), recovering=False)))
    assert found.get("floorpulse_lag_seconds{topic=cc.calls,partition=3}") == expected


ODD = 'a"b\\c\nd{e}, ü'


def test_odd_names_are_escaped() -> None:
    text = page(floor([queued(0, ODD, channel="v\\", c="o")]), site='s"')
    assert 'cc_contacts_waiting{queue="a\\"b\\\\c\\nd{e}, ü",channel="v\\\\",site="s\\""} 1\n' in text
    assert samples(text, queue=ODD, channel="v\\", site='s"')["cc_contacts_offered_total"] == 1


def test_labels_are_few_and_name_no_person_and_no_contact() -> None:
    labels = {
        label
        for family in text_string_to_metric_families(page(floor([*DAY, queued(0, issue="billing", c="i")])))
        for sample in family.samples
        for label in sample.labels
    }
    assert labels == {"queue", "channel", "site", "reason", "le", "topic", "partition", "issue_type", "issue_reason"}


def test_promtool_accepts_the_page() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool: install Prometheus (Debian: prometheus) to check the page with it")
    text = page(floor([*DAY, queued(0, ODD, c="o")]))
    ran = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")


# ---------------------------------------------------------------- counters never fall


class Floor:
    """A worker's collector over the events that are told to it; the state of stage 1 and 2 goes on."""

    def __init__(self, kept: dict[Key, Highest] | None = None, goals: Book[Goals] | None = None) -> None:
        self.state = PartitionState(decoder("call"), FOREVER)
        self.merge = MergeState()
        self.kept: dict[Key, Highest] = kept or {}
        self.now_ms = NOW_MS
        book = goals or Book(lambda _: Goals())
        self.collector = FloorCollector(self.view, lambda: self.now_ms, book, lambda _: "riga")

    def view(self) -> FloorView:
        return FloorView(tuple(self.merge.views()), (SOURCE,), recovering=False, fresh_ms=NOW_MS, kept=self.kept)

    def tell(self, *events: ContactEvent) -> None:
        first = self.state.offset + 1
        self.state.fold([Line(first + n, encode("call", event)) for n, event in enumerate(events)])
        for record in partials.flush(self.state):
            self.merge.apply(("cc.calls", 0), record)

    def page(self) -> str:
        return exposition.page(self.collector.collect()).decode()

    def found(self) -> Samples:
        return samples(self.page(), **SALES)


HANDLED = (queued(0), answered(12), ended(72))  # 60 s, within the edge of 60
WRAPPED = wrapped(90)  # and 18 s of wrap-up: 78 s, no longer within it


def owed(found: Samples) -> Samples:
    return {name: n for name, n in found.items() if name.startswith("floorpulse_counter_debt")}


def test_a_correction_lets_no_counter_fall_and_is_owed() -> None:
    floor = Floor()
    floor.tell(*HANDLED)
    before = floor.found()
    assert owed(before) == {}
    floor.tell(WRAPPED)
    after = floor.found()
    assert after["cc_handle_seconds_bucket{le=60.0}"] == before["cc_handle_seconds_bucket{le=60.0}"] == 1
    assert (after["cc_handle_seconds_count"], after["cc_handle_seconds_sum"]) == (1, 78)
    assert owed(after) == {'floorpulse_counter_debt{series=cc_handle_seconds_bucket{le="60.0"}}': 1}


def test_what_is_shown_is_to_be_kept_once() -> None:
    floor = Floor()
    floor.tell(*HANDLED)
    floor.page()
    [(key, values)] = floor.collector.unkept().items()
    assert key == ("sales", "voice")
    assert values["cc_contacts_offered_total"] == 1
    assert values["cc_talk_seconds_total"] == values["cc_handle_seconds_sum"] == 60_000
    floor.page()
    assert floor.collector.unkept() == {}


def test_the_next_owner_goes_on_from_what_was_kept() -> None:
    """It never saw the total before the correction; and a queue of which nothing was kept is at its true value."""
    first = Floor()
    first.tell(*HANDLED)
    first.page()
    second = Floor(first.collector.unkept())
    second.tell(*HANDLED, WRAPPED, queued(0, "tech", c="t"))
    found = second.found()
    assert found["cc_handle_seconds_bucket{le=60.0}"] == 1
    assert owed(found) == {'floorpulse_counter_debt{series=cc_handle_seconds_bucket{le="60.0"}}': 1}
    assert owed(samples(second.page(), queue="tech")) == {}


def test_what_is_read_of_another_owner_lifts_a_queue_that_did_not_change() -> None:
    floor = Floor()
    floor.tell(*HANDLED)
    floor.page()
    floor.kept = {("sales", "voice"): {"cc_contacts_offered_total": 5}}
    found = floor.found()
    assert (found["cc_contacts_offered_total"], found["cc_contacts_answered_total"]) == (5, 1)
    assert owed(found) == {"floorpulse_counter_debt{series=cc_contacts_offered_total}": 4}


def test_an_issue_that_is_corrected_does_not_fall() -> None:
    floor = Floor()
    floor.tell(queued(0, issue="billing"), queued(1, issue="billing", c="other"))
    floor.page()
    floor.tell(classified(2, "order", "late"))
    found = floor.found()
    assert found["cc_issue_contacts_total{issue_type=billing,issue_reason=}"] == 2
    assert list(owed(found).values()) == [1]


def test_one_who_was_lost_and_comes_back_is_owed() -> None:
    """Voice is lost after an hour; the answer at 3700 s comes after that was shown."""
    floor = Floor()
    floor.tell(queued(0))
    floor.now_ms = ms(3_650)
    assert floor.found()["cc_contacts_lost_total"] == 1
    floor.tell(answered(3_700))
    floor.now_ms = ms(3_750)
    found = floor.found()
    assert (found["cc_contacts_lost_total"], found["cc_contacts_answered_total"]) == (1, 1)
    assert owed(found) == {"floorpulse_counter_debt{series=cc_contacts_lost_total}": 1}


def test_a_queue_that_went_elsewhere_and_comes_back_goes_on_from_the_log_alone() -> None:
    floor = Floor()
    floor.tell(*HANDLED)
    floor.page()
    away, floor.merge = floor.merge, MergeState()
    assert floor.found() == {}
    floor.merge, floor.kept = away, {("sales", "voice"): {"cc_contacts_offered_total": 2}}
    assert floor.found()["cc_contacts_offered_total"] == 2


def test_lines_that_are_remembered_move_with_time_alone() -> None:
    """At each moment the page is that of a collector that remembers nothing."""
    floor = Floor()
    floor.tell(
        *DAY,
        queued(1_150, c="k"), exited(1_190, "callback_accepted", c="k"), callback_requested(1_190, 1_300, c="k"),
        ringing(1_195, c="c6"), queued(1_201, c="soon"),
    )  # fmt: skip
    moments = sorted({*range(1_190, 1_340), *range(2_100, 5_400, 61), *(1_200 + n / 60 for n in range(80))})
    for at_s in moments:
        floor.now_ms = ms(at_s)
        view = floor.view()
        assert samples(floor.page()) == samples(page(view, now_ms=floor.now_ms))


@pytest.mark.parametrize("changes", [(), (Clause({"threshold_s": 9}, valid_from_ms=ms(1_800)),)])
def test_lines_that_are_remembered_move_with_events(changes: tuple[Clause, ...]) -> None:
    """Whatever changed since, the page is that of a collector that remembers nothing; but no counter falls."""
    goals = Book(lambda _: Goals(), changes)
    floor, random = Floor(goals=goals), Random(1)
    told: list[ContactEvent] = []
    for n in range(60):
        c, at, wait, talk = f"c{n}", random.uniform(0, 4_000), random.uniform(0, 60), random.uniform(0, 300)
        told += [queued(at, c=c), ringing(at + wait / 2, c=c)]
        if n % 4:
            told += [answered(at + wait, c=c), held(at + wait + talk / 2, c=c), resumed(at + wait + talk, c=c)]
        told.append(ended(at + wait + talk, c=c))
    told.sort(key=lambda event: event.at)
    while told:
        some = [told.pop(0) for _ in range(min(len(told), random.randrange(4)))]
        floor.tell(*some)
        floor.now_ms = max([floor.now_ms, *(event.at + 1 for event in some)]) + random.randrange(3) * 900
        pages = floor.page(), page(floor.view(), goals, now_ms=floor.now_ms)
        moved, anew = (
            {name: n for name, n in samples(one).items() if not changes or WINDOW.search(name)} for one in pages
        )
        assert moved == anew


def test_a_clock_that_goes_back_moves_the_figures_back() -> None:
    floor = Floor()
    floor.tell(*DAY)
    now = floor.found()
    floor.now_ms -= 500_000
    assert floor.found()["cc_contacts_offered_15m"] < now["cc_contacts_offered_15m"]
    assert floor.found()["cc_contacts_offered_total"] == now["cc_contacts_offered_total"]


def test_the_page_in_open_metrics_says_the_same() -> None:
    view = floor([*DAY, queued(0, ODD, issue='"quoted"', c="o")])
    collector = FloorCollector(lambda: view, lambda: NOW_MS, Book(lambda _: Goals()), lambda _: "riga")
    families = [*MeasuredCollector(collector).collect(), *Telemetry().registry.collect()]
    plain, opened = (exposition.page(families, form).decode() for form in (exposition.PLAIN, exposition.OPEN_METRICS))
    assert opened.endswith("\n# EOF\n")
    read = openmetrics_families(opened)  # type: ignore[no-untyped-call]
    values = {(s.name, frozenset(s.labels.items())): s.value for family in read for s in family.samples}
    assert values == {
        (s.name, frozenset(s.labels.items())): s.value for f in text_string_to_metric_families(plain) for s in f.samples
    }
    assert len(values) > 200


def test_windows_that_the_panes_of_a_minute_do_not_cover_are_not_shown() -> None:
    """With 30 minutes of them, an hour would be what is left of it."""
    view = floor()
    collector = FloorCollector(lambda: view, lambda: NOW_MS, Book(lambda _: Goals()), lambda _: "riga", 15)
    shown = samples(exposition.page(collector.collect()).decode())
    assert any(name.startswith("cc_contacts_offered_15m") for name in shown)
    assert not [name for name in shown if "_60m" in name]
