"""What is exported of a queue: the names that the measures have on `/metrics`, and what is said of them.

Additive parts first (counters and histograms, for PromQL to add up and divide), then live gauges, then the catalogue's
windowed figures with the window in the name.
"""

from typing import Final

from models import measures
from models.catalogue import METRICS
from models.metric import WINDOWS_MIN, Metric

LABELS: Final = ("queue", "channel", "site")
MOST_ISSUES: Final = 500  # series; the others are together one of each queue
ALWAYS: Final = frozenset(  # counters that each queue has from the start
    {"offered", "answered", "abandoned", "short_abandoned", "handled", "transferred", "talk", "hold", "acw"}
)
_CONTACTS: Final = ALWAYS | frozenset(  # counters of contacts; others count things of their own
    {"lost", "held", "resolved", "escalated", "unfinished", "completed", "missed", "dropped", "consults"}
    | {"hold_abandoned_customer", "hold_abandoned_agent", "agent_disconnect_first"}
)
BY_REASON: Final = {
    "cc_contacts_exited": ("Contacts that left the queue otherwise", measures.EXITED),
    "cc_contacts_blocked": ("Contacts turned away before the queue", measures.BLOCKED),
    "cc_contacts_transfers": ("Handlings that ended in a transfer, by its kind", measures.TRANSFERS),
    "cc_offers_declined": ("Offers to a person that were declined", measures.DECLINED),
}
GAUGES: Final = {
    "waiting": "cc_contacts_waiting",
    "ringing": "cc_contacts_ringing",
    "in_progress": "cc_contacts_in_progress",
    "in_acw": "cc_contacts_in_wrap_up",
    "callbacks_scheduled": "cc_callbacks_scheduled",
    "callbacks_due": "cc_callbacks_due",
    "callbacks_overdue": "cc_callbacks_overdue",
    "unanswered": "cc_contacts_unanswered",
}
ALWAYS_LIVE: Final = ("waiting", "ringing", "in_progress")
OLDEST: Final = {
    "longest_wait": ("cc_queue_oldest_wait_start_timestamp_seconds", "Entry of the contact that waits longest"),
    "longest_contact_age": (
        "cc_queue_oldest_contact_start_timestamp_seconds",
        "Start of the oldest contact that waits",
    ),
    "wait_for_reply_now": ("cc_queue_oldest_unanswered_timestamp_seconds", "Oldest message that waits for a reply"),
    "oldest_callback": ("cc_queue_oldest_callback_timestamp_seconds", "Request of the oldest open callback"),
}
THRESHOLD: Final = "cc_service_level_threshold_seconds", "Answered within this is in time"
GOAL: Final = "cc_service_level_goal_ratio", "What the service level is to reach"
ISSUES: Final = "cc_issue_contacts", "Contacts by what they are about"
ISSUE_LABELS: Final = ("issue_type", "issue_reason")
DEBT: Final = "floorpulse_counter_debt", "What a counter shows above the true value, by its series"


def counted(metric: Metric) -> bool:
    """Tell whether a metric is exported as a counter: a plain sum of what happened."""
    plain = metric.attribution == "flow" and metric.denominator is None and not metric.minus and metric.share is None
    return plain and metric.name not in {"exited", "blocked", "declined", "answer_wait", "abandon_wait"}


COUNTERS: Final = tuple(metric for metric in METRICS if counted(metric) and not metric.name.startswith("transfers_"))


def counter_name(metric: Metric) -> str:
    """Return a counter's name, without `_total`: `cc_contacts_offered`, `cc_talk_seconds`, `cc_replies`."""
    name = "wrap_up" if metric.name == "acw" else metric.name
    if metric.unit == "seconds":
        return f"cc_{name}_seconds"
    return f"cc_contacts_{name}" if name in _CONTACTS else f"cc_{name}"


def windowed_name(metric: Metric, window_min: int) -> str:
    """Return a metric's name for a window: `cc_asa_15m_seconds`, `cc_contacts_offered_15m`."""
    if metric.unit == "contacts":
        name = f"contacts_{metric.name}" if metric.chosen is None else metric.name
        return f"cc_{name}_{window_min}m"
    return f"cc_{metric.name}_{window_min}m_{metric.unit}"


def _windowed_help(metric: Metric, window_min: int) -> str:
    by = {"cohort": "entered", "flow": "counted", "scored": "decided"}[metric.attribution]
    return f"{metric.help}, {by} in the last {window_min} min: {metric.formula}"


WINDOWED: Final = tuple(  # of each window: name, help and metric
    (
        window,
        tuple((windowed_name(m, window), _windowed_help(m, window), m) for m in METRICS if window in m.windows_min),
    )
    for window in WINDOWS_MIN
)
