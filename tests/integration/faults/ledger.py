"""What the partials on the broker say, read without the engine: of each key the newest word, added up over the sources.

The newest is the one that saw most of the log, of those the one of the highest epoch. Of the project it knows only the
numbers of the cells (models/measures.py); what they should come to is the recount's.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from models import measures

MINUTE_MS: Final = 60_000
QUARTER_MS: Final = 900_000
_SPAN_BITS: Final = 22
_THRESHOLD_S, _SHORT_S, _RESPONSE_S, _TOLERANCE_S = 20, 5, 60, 900

NAMED: Final = {  # cells of which each counts under one name in the recount
    measures.OFFERED: "offered",
    measures.ANSWER_WAIT_MS: "answer_wait_ms",
    measures.ABANDON_WAIT_MS: "abandon_wait_ms",
    measures.EXIT_WAIT_MS: "exit_wait_ms",
    measures.LOST: "lost",
    measures.SCORED: "live_passed",
    measures.OFFERS: "offers",
    measures.RING_MS: "ring_ms",
    measures.MORE_ANSWERED_IN: "live_a_in",
    measures.MORE_ABANDONED_IN: "live_b_in",
    **{cell: f"exited.{reason}" for reason, cell in measures.EXITED.items()},
    **{cell: f"blocked.{reason}" for reason, cell in measures.BLOCKED.items()},
    measures.TALK_MS: "talk_ms",
    measures.HOLD_MS: "hold_ms",
    measures.WRAP_UP_MS: "acw_ms",
    measures.HOLDS: "holds",
    measures.HELD: "held",
    measures.HOLD_ABANDONED_CUSTOMER: "hold_abandoned.customer",
    measures.HOLD_ABANDONED_AGENT: "hold_abandoned.agent",
    measures.AGENT_DISCONNECT: "agent_disconnect_first",
    measures.ACW_INFERRED: "acw_inferred",
    **{cell: f"transferred.{kind}" for kind, cell in measures.TRANSFERS.items()},
    measures.CONSULTS: "consults",
    measures.CONSULT_MS: "consult_ms",
    measures.RESOLVED: "resolved",
    measures.ESCALATED: "escalated",
    measures.COMPLETED: "completed",
    measures.DROPPED: "dropped",
    measures.MISSED: "missed",
    measures.CONVERSATIONS: "conversations",
    measures.CONVERSATION_MS: "conversation_ms",
    measures.RESPONSE_MS: "frt_ms",
    measures.TOTAL_RESPONSES: "total_responses",
    measures.TOTAL_RESPONSE_MS: "frt_total_ms",
    measures.REPLY_MS: "reply_time_ms",
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
    measures.CSAT_POINTS: "csat_thousandths",
    measures.NPS_RATED: "nps_rated",
    measures.NPS_PROMOTERS: "nps_promoters",
    measures.NPS_DETRACTORS: "nps_detractors",
    measures.CES_RATED: "ces_rated",
    measures.CES_POINTS: "ces_sum",
    measures.RATED_RESOLVED: "rated_resolved",
    measures.CONTACTS: "contacts",
    measures.CONTACT_WAIT_MS: "contact_wait_ms",
    measures.COHORT_LOST: "cohort_lost",
    measures.COHORT_NO_RESPONSE: "no_response",
    measures.SURVEYS_OFFERED: "surveys_offered",
    measures.COHORT_SURVEYS_ANSWERED: "cohort_surveys_answered",
}
_DECLINED: Final = set(measures.DECLINED.values())
HISTOGRAMS: Final = {  # each: a name for all of it, and names for what is within a second
    measures.ANSWER_WAIT: ("answered", {"live_a_in": (0, _THRESHOLD_S)}),
    measures.ABANDON_WAIT: (
        "abandoned",
        {"short_abandoned": (0, _SHORT_S), "live_b_in": (_SHORT_S + 1, _THRESHOLD_S)},
    ),
    measures.HANDLE: ("handled", {}),
    measures.EXIT_WAIT: ("exited", {}),
    measures.RESPONSE: ("responses", {}),
    measures.REPLY: ("replies", {}),
    measures.CALLBACK_DELAY: ("", {"callbacks_kept": (0, _TOLERANCE_S)}),
    measures.COHORT_ANSWER_WAIT: ("", {"a_in": (0, _THRESHOLD_S), "a_out": (_THRESHOLD_S + 1, measures.SPAN)}),
    measures.COHORT_ABANDON_WAIT: (
        "",
        {
            "sa": (0, _SHORT_S),
            "abandoned_in": (0, _THRESHOLD_S),
            "b_in": (_SHORT_S + 1, _THRESHOLD_S),
            "b_out": (_THRESHOLD_S + 1, measures.SPAN),
        },
    ),
    measures.COHORT_CALLBACK_WAIT: ("", {"c_in": (0, _THRESHOLD_S), "c_out": (_THRESHOLD_S + 1, measures.SPAN)}),
    measures.COHORT_EXIT_WAIT: ("", {"x_in": (0, _THRESHOLD_S), "x_out": (_THRESHOLD_S + 1, measures.SPAN)}),
    measures.CONTACT_ANSWER_WAIT: ("contact_answered", {"contact_answered_in": (0, _THRESHOLD_S)}),
    measures.CONTACT_ABANDON_WAIT: ("contact_abandoned", {}),
    measures.COHORT_RESPONSE: (
        "",
        {"responded_in": (0, _RESPONSE_S), "responded_out": (_RESPONSE_S + 1, measures.SPAN)},
    ),
}
ISSUE_NAMES: Final = {
    measures.CONTACTS: "issue_contacts",
    measures.TALK_MS: "issue_talk_ms",
    measures.HOLD_MS: "issue_hold_ms",
    measures.WRAP_UP_MS: "issue_acw_ms",
    **dict.fromkeys(measures.TRANSFERS.values(), "issue_transferred"),
}
COMPARED: Final = (  # names of the recount that the cells hold
    {*NAMED.values(), "declined", "response_overdue"}
    | {whole for whole, _ in HISTOGRAMS.values()}
    | {name for _, parts in HISTOGRAMS.values() for name in parts}
    | {*ISSUE_NAMES.values(), "issue_handled"}
) - {""}
STATES: Final = {
    measures.WAITING: "waiting",
    measures.IN_PROGRESS: "in_progress",
    measures.RINGING: "ringing",
    measures.UNANSWERED: "unanswered",
    measures.CALLBACKS: "callbacks_open",
}
_NEVER_OVER: Final = {measures.IN_PROGRESS, measures.UNANSWERED, measures.CALLBACKS}  # by time alone

Place = tuple[str, str]  # queue and channel
Cells = dict[int, int]


@dataclass
class Ledger:
    """What all sources together say, by queue and channel: names as the recount's."""

    minutes: dict[tuple[str, str, int], dict[str, int]] = field(default_factory=dict)
    quarters: dict[tuple[str, str, int], dict[str, int]] = field(default_factory=dict)
    totals: dict[Place, dict[str, int]] = field(default_factory=dict)
    states: dict[Place, dict[str, int]] = field(default_factory=dict)
    first_minute_ms: int = 0
    """From here on every source has its panes by the minute."""
    first_quarter_ms: int = 0
    """From here on every source has its panes at least by the quarter of an hour."""


def newest(records: Iterable[Any]) -> dict[bytes, Any]:
    """Return the newest word of each key; records have `key` and `value`, in the order of their partition."""
    found: dict[bytes, Any] = {}
    for record in records:
        key = record.key
        if key.startswith(b"shown|"):
            continue  # stage 2's own, of what /metrics showed
        if record.value is None:
            found.pop(key, None)
            continue
        said = msgspec.msgpack.decode(record.value, strict=False)
        at = 0 if key.startswith(b"progress|") else 2  # where epoch and offset stand
        known = found.get(key)
        if known is None or (said[at + 1], said[at]) >= (known[at + 1], known[at]):
            found[key] = said
    return found


def read(records: Iterable[Any], state_at_ms: int, minutes_ms: int = 75 * MINUTE_MS, days: int = 2) -> Ledger:
    """Add up the partials; states are those of a moment."""
    words = newest(records)
    newest_ms = max((said[2] for key, said in words.items() if key.startswith(b"progress|")), default=0)
    ledger = Ledger(
        first_minute_ms=-((minutes_ms - newest_ms) // MINUTE_MS) * MINUTE_MS,
        first_quarter_ms=-((days * 24 * 3_600_000 - newest_ms) // QUARTER_MS) * QUARTER_MS,
    )
    minutes: defaultdict[tuple[str, str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    quarters: defaultdict[tuple[str, str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    totals: defaultdict[Place, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    states: defaultdict[Place, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for word, said in words.items():
        if word.startswith(b"progress|"):
            continue
        (queue, channel, *issue), part, _, _, body = said
        place = (queue, channel)
        counted: list[tuple[int | None, str, int]]
        if part == "live":
            counted = list(_of_time(body))
            for name, n in _states(body, state_at_ms):
                states[place][name] += n
        elif part == "total":
            counted = [(None, name, n) for name, n in _names(body, issue)]
        else:
            start_ms = int(part.partition(":")[2])
            counted = [(start_ms if part.startswith("1m:") else -start_ms, name, n) for name, n in _names(body, issue)]
        for at_ms, name, n in counted:
            totals[place][name] += n
            if at_ms is not None:
                quarters[*place, abs(at_ms) // QUARTER_MS * QUARTER_MS][name] += n
                if at_ms > 0:
                    minutes[*place, at_ms // MINUTE_MS * MINUTE_MS][name] += n
    ledger.minutes, ledger.quarters, ledger.totals, ledger.states = minutes, quarters, totals, states
    return ledger


def _names(cells: Cells, issue: list[str]) -> Iterator[tuple[str, int]]:
    """Yield what cells count, by the recount's names."""
    for cell, n in cells.items():
        first, bucket = cell // measures.SPAN * measures.SPAN, cell % measures.SPAN
        if issue:
            name = "issue_handled" if first == measures.HANDLE else ISSUE_NAMES.get(cell)
            if name:
                yield f"{name}:{'/'.join(issue)}", n
        elif cell in NAMED:
            yield NAMED[cell], n
        elif cell in _DECLINED:
            yield "declined", n
        elif first in HISTOGRAMS:
            whole, parts = HISTOGRAMS[first]
            if whole:
                yield whole, n
            for name, (least, most) in parts.items():
                if least <= bucket <= most:
                    yield name, n


def _of_time(live: list[Cells]) -> Iterator[tuple[int | None, str, int]]:
    """Yield what time alone will make of what is open, if it has its way: when, name, and how many."""
    for span, n in live[measures.WAITING].items():
        start_ms, end_ms = _ends(span)
        yield end_ms, "lost", n
        yield start_ms, "cohort_lost", n
        if end_ms > start_ms + 1_000 * _THRESHOLD_S:
            yield start_ms + 1_000 * _THRESHOLD_S, "live_passed", n
    for span, n in live[measures.NO_RESPONSE].items():
        yield _ends(span)[0], "response_overdue", n


def _states(live: list[Cells], at_ms: int) -> Iterator[tuple[str, int]]:
    for cell, name in STATES.items():
        for span, n in live[cell].items():
            start_ms, end_ms = _ends(span)
            if start_ms <= at_ms and (cell in _NEVER_OVER or at_ms < end_ms):
                yield name, n


def _ends(span: int) -> tuple[int, int]:
    """Return start and end, in ms, of a span: ms and, in the lowest bits, seconds."""
    start_ms = span >> _SPAN_BITS
    return start_ms, start_ms + 1_000 * (span & ((1 << _SPAN_BITS) - 1))
