"""The catalogue: every metric, once. `/metrics`, `replay` and the docs are drawn from it.

A metric is a sum of amounts, or one sum divided by another. Amounts are read from the cells of any panes in one pass;
which panes is the reader's choice. A ratio takes both its sides from one attribution (counted when it happened, `flow`, or
by entry into the queue, `cohort`), else it is refused here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from models import measures
from models.histogram import last_bucket_within, quantile_s
from models.measures import SPAN, Cells
from models.service_level import VARIANTS, ratio

Attribution = Literal["live", "flow", "cohort"]
Unit = Literal["contacts", "seconds", "ratio"]
WINDOWS_MIN: Final = (15, 60)  # of the wallboards


@dataclass(frozen=True)
class Goals:
    """What a queue is measured against, in seconds, both inclusive."""

    threshold_s: float = 20
    short_abandon_s: float = 5
    headline: str = "sl_v2"


Amounts = dict[str, int]  # counts, and durations in ms

FLOW: Final = frozenset(
    {"offered", "answered", "abandoned", "short_abandoned", "exited", "handled", "transferred"}
    | {"answer_wait_ms", "abandon_wait_ms", "exit_wait_ms", "talk_ms", "hold_ms", "wrap_up_ms"}
)
COHORT: Final = frozenset(
    {"offered", "cohort_answered", "cohort_abandoned", "cohort_exited", "cohort_waiting"}
    | {"a_in", "a_out", "sa", "sa_in", "b_in", "b_out", "c_in", "c_out", "x_in", "x_out", "w_in", "w_out"}
)

_SUMS: Final = {
    measures.OFFERED: "offered",
    measures.TRANSFERRED: "transferred",
    measures.ANSWER_WAIT_MS: "answer_wait_ms",
    measures.ABANDON_WAIT_MS: "abandon_wait_ms",
    measures.EXIT_WAIT_MS: "exit_wait_ms",
    measures.TALK_MS: "talk_ms",
    measures.HOLD_MS: "hold_ms",
    measures.WRAP_UP_MS: "wrap_up_ms",
}

_NAMES: Final = tuple(FLOW | COHORT)
_NOTHING: Final = (0,) * len(_NAMES)


def amounts(cells: Cells, goals: Goals) -> Amounts:
    """Read all amounts from the cells of some panes."""
    found = dict.fromkeys(_NAMES, 0)
    threshold, short = last_bucket_within(goals.threshold_s), last_bucket_within(goals.short_abandon_s)
    for cell, n in cells.items():
        name = _SUMS.get(cell)
        if name is not None:
            found[name] += n
            continue
        histogram, bucket = cell - cell % SPAN, cell % SPAN
        if histogram == measures.ANSWER_WAIT:
            found["answered"] += n
        elif histogram == measures.ABANDON_WAIT:
            found["abandoned"] += n
            if bucket <= short:
                found["short_abandoned"] += n
        elif histogram == measures.EXIT_WAIT:
            found["exited"] += n
        elif histogram == measures.HANDLE:
            found["handled"] += n
        elif histogram == measures.COHORT_ANSWER_WAIT:
            found["cohort_answered"] += n
            found["a_in" if bucket <= threshold else "a_out"] += n
        elif histogram == measures.COHORT_ABANDON_WAIT:
            found["cohort_abandoned"] += n
            found["sa" if bucket <= short else "b_in" if bucket <= threshold else "b_out"] += n
            if bucket <= min(short, threshold):
                found["sa_in"] += n
        elif histogram == measures.COHORT_CALLBACK_WAIT:
            found["cohort_exited"] += n
            found["c_in" if bucket <= threshold else "c_out"] += n
        elif histogram == measures.COHORT_EXIT_WAIT:
            found["cohort_exited"] += n
            found["x_in" if bucket <= threshold else "x_out"] += n
    return found


def with_waiting(found: Amounts, entries: Iterable[tuple[int, int]], now_ms: int, goals: Goals) -> Amounts:
    """Add those that still wait at `now_ms`: of each entry time in ms, how many entered then."""
    threshold_ms = int(goals.threshold_s * 1_000)
    for entered_ms, n in entries:
        found["cohort_waiting"] += n
        found["w_in" if now_ms - entered_ms <= threshold_ms else "w_out"] += n
    return found


def summed(several: Iterable[Amounts]) -> Amounts:
    """Return the sums of amounts, those of nothing where there are none."""
    return dict(zip(_NAMES, map(sum, zip(_NOTHING, *(found.values() for found in several), strict=True)), strict=True))


@dataclass(frozen=True)
class Metric:
    """One metric: what it is called, what it means and how it comes from the amounts.

    `numerator` and `denominator` name amounts. A metric with a `share` is a quantile of `histograms` instead: 0.9 is the
    90th percentile, 1 the largest. `windows_min` are the wallboard's windows it is also exported for.
    """

    name: str
    unit: Unit
    attribution: Attribution
    help: str
    formula: str
    source: str
    numerator: tuple[str, ...] = ()
    denominator: tuple[str, ...] | None = None
    windows_min: tuple[int, ...] = WINDOWS_MIN
    histograms: tuple[int, ...] = ()
    share: float | None = None

    def __post_init__(self) -> None:
        allowed = {"live": frozenset[str](), "flow": FLOW, "cohort": COHORT}[self.attribution]
        if foreign := {*self.numerator, *(self.denominator or ())} - allowed:
            raise ValueError(f"metric {self.name}: {', '.join(sorted(foreign))} not counted by {self.attribution}")

    def value(self, found: Amounts) -> float | int | None:
        """Return the metric in its unit, unless it is a quantile; None where there is nothing to divide by."""
        if self.denominator is not None:
            result = ratio(self.numerator, self.denominator, found)
            return result if result is None or self.unit == "ratio" else result / 1_000
        total = sum(found[name] for name in self.numerator)
        return total if self.unit == "contacts" else total / 1_000

    def quantile(self, cells: Cells) -> float | None:
        """Return a quantile in s from the cells of some panes; None where there are no durations."""
        if self.share == 1 and (longest := _longest_s(cells)) is not None:
            return longest
        counts = Counter[int]()
        for cell, n in cells.items():
            if cell - cell % SPAN in self.histograms and n:
                counts[cell % SPAN] += n
        return quantile_s(counts, self.share or 0)


def _longest_s(cells: Cells) -> float | None:
    """Return the longest wait in s where it is one that the histograms do not hold to the second."""
    return max(
        ((cell - measures.LONG_WAIT) / 1_000 for cell, n in cells.items() if cell >= measures.LONG_WAIT and n),
        default=None,
    )


_WAITS: Final = {
    "wait": ("the answered", (measures.ANSWER_WAIT,)),
    "abandon_wait": ("those who hung up", (measures.ABANDON_WAIT,)),
    "wait_all": ("all who left the queue", (measures.ANSWER_WAIT, measures.ABANDON_WAIT, measures.EXIT_WAIT)),
}


def _quantile(name: str, share: float) -> Metric:
    whose, histograms = _WAITS[name]
    percent = round(share * 100)
    return Metric(
        f"{name}_p{percent}",
        "seconds",
        "flow",
        f"Wait that {percent} % of {whose} did not exceed",
        f"nearest rank, {percent} %",
        "common usage",
        windows_min=(),
        histograms=histograms,
        share=share,
    )


METRICS: Final = (
    Metric(
        "waiting",
        "contacts",
        "live",
        "Contacts waiting in the queue now",
        "entered, not exited",
        "Connect, Genesys oWaiting",
    ),
    Metric(
        "longest_wait",
        "seconds",
        "live",
        "Longest wait of those waiting now",
        "max(now − entry)",
        "Connect OLDEST_CONTACT_AGE",
    ),
    Metric(
        "in_progress", "contacts", "live", "Contacts with a person now", "answered, not ended", "Genesys oInteracting"
    ),
    Metric(
        "offered",
        "contacts",
        "flow",
        "Contacts that entered the queue",
        "visits by entry",
        "Genesys nOffered, Connect",
        ("offered",),
    ),
    Metric("answered", "contacts", "flow", "Contacts answered", "visits by answer", "Genesys tAnswered", ("answered",)),
    Metric(
        "abandoned",
        "contacts",
        "flow",
        "Contacts that hung up while waiting",
        "visits by exit",
        "Connect, Genesys",
        ("abandoned",),
    ),
    Metric(
        "short_abandoned",
        "contacts",
        "flow",
        "Contacts that hung up within the short-abandon limit",
        "abandoned with wait ≤ S",
        "Genesys tShortAbandon, Mitel, Twilio",
        ("short_abandoned",),
    ),
    Metric(
        "answered_in_threshold",
        "contacts",
        "cohort",
        "Contacts answered within the service-level threshold",
        "answered with wait ≤ T, by entry",
        "numerator of every service level",
        ("a_in",),
    ),
    Metric(
        "abandoned_in_threshold",
        "contacts",
        "cohort",
        "Contacts that hung up within the service-level threshold",
        "abandoned with wait ≤ T, by entry",
        "Connect, Wazo QoS steps (abandoned_in_x)",
        ("sa_in", "b_in"),
    ),
    Metric(
        "cohort_answered",
        "contacts",
        "cohort",
        "Of the offered, answered",
        "by entry",
        "Intercom",
        ("cohort_answered",),
    ),
    Metric(
        "cohort_abandoned",
        "contacts",
        "cohort",
        "Of the offered, hung up",
        "by entry",
        "Intercom",
        ("cohort_abandoned",),
    ),
    Metric(
        "exited",
        "contacts",
        "flow",
        "Contacts that left the queue otherwise",
        "all other exits",
        "Genesys flow-out",
        ("exited",),
    ),
    Metric(
        "handled",
        "contacts",
        "flow",
        "Handlings completed, one for each person",
        "legs by completion",
        "Connect",
        ("handled",),
    ),
    Metric(
        "transferred",
        "contacts",
        "flow",
        "Handlings that ended in a transfer",
        "legs by completion",
        "Genesys",
        ("transferred",),
    ),
    Metric(
        "answer_wait",
        "seconds",
        "flow",
        "Waits of the answered",
        "Σ wait",
        "numerator of asa",
        ("answer_wait_ms",),
        windows_min=(),
    ),
    Metric(
        "abandon_wait",
        "seconds",
        "flow",
        "Waits of the abandoned",
        "Σ wait",
        "numerator of avg_abandon_time",
        ("abandon_wait_ms",),
        windows_min=(),
    ),
    Metric("talk", "seconds", "flow", "Talk time without hold", "Σ talk", "part of aht", ("talk_ms",), windows_min=()),
    Metric("hold", "seconds", "flow", "Hold time", "Σ hold", "part of aht", ("hold_ms",), windows_min=()),
    Metric("acw", "seconds", "flow", "Wrap-up time", "Σ wrap-up", "part of aht", ("wrap_up_ms",), windows_min=()),
    Metric(
        "aht",
        "seconds",
        "flow",
        "Average handle time",
        "(talk + hold + wrap-up) ÷ handled",
        "Connect, Talkdesk (H1)",
        ("talk_ms", "hold_ms", "wrap_up_ms"),
        ("handled",),
    ),
    Metric(
        "asa",
        "seconds",
        "flow",
        "Average speed of answer",
        "Σ wait of the answered ÷ answered, no wait included",
        "Connect average queue answer time",
        ("answer_wait_ms",),
        ("answered",),
    ),
    Metric(
        "avg_abandon_time",
        "seconds",
        "flow",
        "Average wait of those who hung up",
        "Σ wait of the abandoned ÷ abandoned",
        "Connect, Talkdesk",
        ("abandon_wait_ms",),
        ("abandoned",),
    ),
    Metric(
        "avg_wait_all",
        "seconds",
        "flow",
        "Average wait of all who left the queue",
        "Σ wait ÷ (answered + abandoned + exited)",
        "Talkdesk average wait",
        ("answer_wait_ms", "abandon_wait_ms", "exit_wait_ms"),
        ("answered", "abandoned", "exited"),
    ),
    Metric(
        "abandon_rate",
        "ratio",
        "cohort",
        "Share of the offered that hung up",
        "abandoned ÷ offered, by entry (AR1)",
        "Connect, Genesys",
        ("cohort_abandoned",),
        ("offered",),
    ),
    Metric(
        "max_wait",
        "seconds",
        "flow",
        "Longest wait of all who left the queue",
        "max(wait)",
        "Connect",
        windows_min=(),
        histograms=_WAITS["wait_all"][1],
        share=1,
    ),
    *(_quantile(name, share) for name in _WAITS for share in (0.5, 0.75, 0.9, 0.95, 0.99)),
    Metric(
        "cohort_exited",
        "contacts",
        "cohort",
        "Of the offered, left the queue otherwise",
        "by entry",
        "Intercom",
        ("cohort_exited",),
    ),
    Metric(
        "cohort_waiting",
        "contacts",
        "cohort",
        "Of the offered, still waiting",
        "by entry",
        "the rest of the offered",
        ("cohort_waiting",),
    ),
    *(
        Metric(v.name, "ratio", "cohort", "Service level", v.formula, v.source, v.numerator, v.denominator)
        for v in VARIANTS
    ),
)
BY_NAME: Final = {metric.name: metric for metric in METRICS}
