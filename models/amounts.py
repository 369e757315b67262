"""Amounts: the named counts and durations that metrics are made of, read from cells against the goals.

Each amount is counted by one attribution; docs/counting.md says when. Which panes are read is the reader's choice.
"""

from collections.abc import Callable, Iterable
from typing import Final

from models import measures
from models.folding import last_in_time
from models.goals import Goals
from models.histogram import last_bucket_within
from models.measures import SPAN, Cells
from models.opened import Opened

Amounts = dict[str, int]  # counts, and durations in ms

_FLOW_CELLS: Final = {
    measures.ANSWER_WAIT_MS: "answer_wait_ms",
    measures.ABANDON_WAIT_MS: "abandon_wait_ms",
    measures.EXIT_WAIT_MS: "exit_wait_ms",
    measures.LOST: "lost",
    measures.OFFERS: "offers",
    measures.RING_MS: "ring_ms",
    measures.RANG_AT_HANG_UP: "rang_at_hang_up",
    **{
        cell: "rescinded" if reason in ("rescinded", "caller_left") else "not_answered"
        for reason, cell in measures.DECLINED.items()
    },
    **dict.fromkeys(measures.BLOCKED.values(), "blocked"),
    measures.TALK_MS: "talk_ms",
    measures.HOLD_MS: "hold_ms",
    measures.WRAP_UP_MS: "wrap_up_ms",
    measures.HOLDS: "holds",
    measures.HELD: "held",
    measures.HOLD_ABANDONED_CUSTOMER: "hold_abandoned_customer",
    measures.HOLD_ABANDONED_AGENT: "hold_abandoned_agent",
    measures.AGENT_DISCONNECT: "agent_disconnect_first",
    measures.ACW_INFERRED: "acw_inferred",
    **{cell: f"transfers_{kind}" for kind, cell in measures.TRANSFERS.items()},
    measures.CONSULTS: "consults",
    measures.CONSULT_MS: "consult_ms",
    measures.RESOLVED: "resolved",
    measures.UNRESOLVED: "unresolved",
    measures.ESCALATED: "escalated",
    measures.UNFINISHED: "unfinished",
    measures.COMPLETED: "completed",
    measures.DROPPED: "dropped",
    measures.MISSED: "missed",
    measures.CONVERSATIONS: "conversations",
    measures.CONVERSATION_MS: "conversation_ms",
    measures.RESPONSE_MS: "response_ms",
    measures.TOTAL_RESPONSES: "total_responses",
    measures.TOTAL_RESPONSE_MS: "total_response_ms",
    measures.REPLY_MS: "reply_ms",
    measures.CALLBACKS_REQUESTED: "callbacks_requested",
    measures.CALLBACKS_ATTEMPTED: "callbacks_attempted",
    measures.CALLBACKS_CONNECTED: "callbacks_connected",
    measures.CALLBACKS_FAILED: "callbacks_failed",
    measures.CALLBACKS_CANCELLED: "callbacks_cancelled",
    measures.CALLBACKS_MADE: "callbacks_made",
    measures.CALLBACK_WAIT_MS: "callback_wait_ms",
    measures.SURVEYS_ANSWERED: "surveys_answered",
    measures.CSAT_RATED: "csat_rated",
    measures.CSAT_GOOD: "csat_good",
    measures.CSAT_POINTS: "csat_points",
    measures.NPS_RATED: "nps_rated",
    measures.NPS_PROMOTERS: "nps_promoters",
    measures.NPS_DETRACTORS: "nps_detractors",
    measures.CES_RATED: "ces_rated",
    measures.CES_POINTS: "ces_points",
    measures.RATED_RESOLVED: "rated_resolved",
    measures.RATED_UNRESOLVED: "rated_unresolved",
}
_COHORT_CELLS: Final = {
    measures.CONTACTS: "contacts",
    measures.CONTACT_WAIT_MS: "contact_wait_ms",
    measures.COHORT_LOST: "cohort_lost",
    measures.COHORT_NO_RESPONSE: "no_response",
    measures.COHORT_SURVEYS_ANSWERED: "cohort_surveys_answered",
}
_BOTH_CELLS: Final = {measures.OFFERED: "offered", measures.SURVEYS_OFFERED: "surveys_offered"}
_SCORED_CELLS: Final = {
    measures.SCORED: "passed",
    measures.MORE_ANSWERED_IN: "answered_in",
    measures.MORE_ABANDONED_IN: "abandoned_in",
}
_CELLS: Final = {**_FLOW_CELLS, **_COHORT_CELLS, **_BOTH_CELLS, **_SCORED_CELLS}

BOTH: Final = frozenset(_BOTH_CELLS.values())
FLOW: Final = BOTH | frozenset(_FLOW_CELLS.values()).union(
    ("answered", "abandoned", "short_abandoned", "exited", "handled", "responses", "replies", "callbacks_kept")
)
COHORT: Final = BOTH | frozenset(_COHORT_CELLS.values()).union(
    ("cohort_answered", "cohort_abandoned", "cohort_exited", "cohort_waiting"),
    ("a_in", "a_out", "sa", "sa_in", "b_in", "b_out", "c_in", "c_out", "x_in", "x_out", "w_in", "w_out"),
    ("contact_answered", "contact_answered_in", "contact_abandoned"),
    ("responded_in", "responded_out", "response_overdue"),
)
SCORED: Final = frozenset({"answered_in", "abandoned_in", "passed", "passing"})  # when it was decided
NAMES: Final = tuple(sorted(FLOW | COHORT | SCORED))


class AmountsReader:
    """Reads amounts from cells against the same goals."""

    def __init__(self, goals: Goals) -> None:
        self.goals = goals
        self._names: dict[int, tuple[str, ...]] = {}  # of the amounts that a cell counts for
        self._threshold = last_bucket_within(goals.threshold_s)
        self._short = last_bucket_within(goals.short_abandon_s)

    def read(self, cells: Cells) -> Amounts:
        """Return all amounts of the cells of some panes."""
        found = dict.fromkeys(NAMES, 0)
        known = self._names
        for cell, n in cells.items():
            names = known.get(cell)
            if names is None:
                if cell >= measures.LONG_WAIT:
                    continue  # one for each wait: not to be remembered
                names = known[cell] = self.names_of(cell)
            for name in names:
                found[name] += n
        return found

    def names_of(self, cell: int) -> tuple[str, ...]:
        """Return the names of the amounts that a cell counts for."""
        if cell < SPAN:
            name = _CELLS.get(cell)
            return () if name is None else (name,)  # exits by reason are in their histogram
        bucket, short, threshold = cell % SPAN, self._short, self._threshold
        inside = "in" if bucket <= threshold else "out"
        match cell - bucket:
            case measures.ANSWER_WAIT:
                return ("answered", "answered_in") if bucket <= threshold else ("answered",)
            case measures.ABANDON_WAIT:
                if bucket <= short:
                    return ("abandoned", "short_abandoned")
                return ("abandoned", "abandoned_in") if bucket <= threshold else ("abandoned",)
            case measures.EXIT_WAIT:
                return ("exited",)
            case measures.HANDLE:
                return ("handled",)
            case measures.COHORT_ANSWER_WAIT:
                return "cohort_answered", f"a_{inside}"
            case measures.COHORT_ABANDON_WAIT:
                if bucket > short:
                    return "cohort_abandoned", f"b_{inside}"
                return ("cohort_abandoned", "sa", "sa_in") if bucket <= threshold else ("cohort_abandoned", "sa")
            case measures.COHORT_CALLBACK_WAIT:
                return "cohort_exited", f"c_{inside}"
            case measures.COHORT_EXIT_WAIT:
                return "cohort_exited", f"x_{inside}"
            case measures.CONTACT_ANSWER_WAIT:
                return ("contact_answered", "contact_answered_in") if bucket <= threshold else ("contact_answered",)
            case measures.CONTACT_ABANDON_WAIT:
                return ("contact_abandoned",)
            case measures.RESPONSE:
                return ("responses",)
            case measures.COHORT_RESPONSE:
                within = bucket <= last_bucket_within(self.goals.first_response_s)
                return ("responded_in",) if within else ("responded_out",)
            case measures.REPLY:
                return ("replies",)
            case measures.CALLBACK_DELAY:
                return ("callbacks_kept",) if bucket <= self.goals.callback_tolerance_s else ()
        return ()

    def add_open(self, found: Amounts, opened: Opened, now_ms: int, from_ms: int, to_ms: int) -> Amounts:
        """Add what stands open (see the function `add_open`)."""
        return add_open(found, opened, lambda _: self.goals, now_ms, from_ms, to_ms)


def add_open(
    found: Amounts, opened: Opened, goals_at: Callable[[int], Goals], now_ms: int, from_ms: int, to_ms: int
) -> Amounts:
    """Add what still waits at `now_ms`, or was lost by then, and belongs to `[from_ms, to_ms)`, by the goals of its entry."""
    for entered, expires, n in opened.of(measures.WAITING):
        if entered > now_ms:
            continue
        goals = goals_at(entered)
        passed_at = last_in_time(goals.clock, goals.threshold_s, entered, min(now_ms, expires))
        if passed_at is not None and from_ms <= passed_at < to_ms:
            found["passing"] += n
        if expires <= now_ms:
            found["lost"] += n if from_ms <= expires < to_ms else 0
            found["cohort_lost"] += n if from_ms <= entered < to_ms else 0
        elif from_ms <= entered < to_ms:
            found["cohort_waiting"] += n
            found["w_in" if passed_at is None else "w_out"] += n
    for since, _, n in opened.of(measures.NO_RESPONSE):
        if from_ms <= since < to_ms and now_ms - since > 1_000 * goals_at(since).first_response_s:
            found["response_overdue"] += n
    return found


def summed(several: Iterable[Amounts]) -> Amounts:
    """Return the sums of amounts, those of nothing where there are none; amounts that are 0 may be left out of each."""
    total = dict.fromkeys(NAMES, 0)
    for found in several:
        for name, n in found.items():
            total[name] += n
    return total
