"""The catalogue: every metric, once. `/metrics`, `replay` and the docs are drawn from it.

T is the service level's threshold, S the limit of a short abandon. Sources are those of published definitions; where
platforms differ, the formula is the first one's.
"""

from typing import Final

from models import measures
from models.amounts import Amounts
from models.goals import Goals
from models.measures import Cells
from models.metric import WINDOWS_MIN, Attribution, Metric, Quantiles, Unit, Value
from models.service_level import DECIDED, VARIANTS

_LEFT_MS: Final = ("answer_wait_ms", "abandon_wait_ms", "exit_wait_ms")
_HANDLE_MS: Final = ("talk_ms", "hold_ms", "wrap_up_ms")
_KINDS: Final = ("blind", "consult", "queue", "external", "other")
_TRANSFERS: Final = tuple(f"transfers_{kind}" for kind in _KINDS)
_SETTLED: Final = ("contact_answered", "contact_abandoned")
_DUE: Final = ("responded_in", "responded_out", "no_response", "response_overdue")
_WAITS: Final = {
    "wait": ("the answered", (measures.ANSWER_WAIT,)),
    "abandon_wait": ("those who hung up", (measures.ABANDON_WAIT,)),
    "wait_all": ("all who left the queue", (measures.ANSWER_WAIT, measures.ABANDON_WAIT, measures.EXIT_WAIT)),
}
_SHARES: Final = (0.5, 0.75, 0.9, 0.95, 0.99)


def _live(name: str, unit: Unit, text: str, formula: str, source: str) -> Metric:
    return Metric(name, unit, "live", text, formula, source)


def _count(
    name: str, by: Attribution, text: str, formula: str, source: str, *amounts: str, shown: bool = False
) -> Metric:
    windows = WINDOWS_MIN if shown else ()
    return Metric(name, "contacts", by, text, formula, source, amounts or (name,), windows_min=windows)


def _sum_s(name: str, text: str, source: str, *amounts: str) -> Metric:
    return Metric(name, "seconds", "flow", text, f"Σ {name}", source, amounts)


def _mean_s(
    name: str, text: str, formula: str, source: str, above: tuple[str, ...], *below: str, shown: bool = False
) -> Metric:
    windows = WINDOWS_MIN if shown else ()
    return Metric(name, "seconds", "flow", text, formula, source, above, below, windows_min=windows)


def _ratio(
    name: str,
    by: Attribution,
    text: str,
    formula: str,
    source: str,
    above: tuple[str, ...],
    *below: str,
    shown: bool = False,
) -> Metric:
    windows = WINDOWS_MIN if shown else ()
    return Metric(name, "ratio", by, text, formula, source, above, below, windows_min=windows)


def _quantiles(name: str, whose: str, histograms: tuple[int, ...]) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            f"{name}_p{round(100 * share)}",
            "seconds",
            "flow",
            f"What {round(100 * share)} % of {whose} did not exceed",
            f"nearest rank, {round(100 * share)} %",
            "common usage",
            histograms=histograms,
            share=share,
        )
        for share in _SHARES
    )


# fmt: off
_STATE: Final = (
    _live("waiting", "contacts", "Contacts waiting in the queue now", "entered, not exited", "Connect, Genesys oWaiting"),
    _live("longest_wait", "seconds", "Longest wait of those waiting now", "max(now − entry)", "Connect OLDEST_CONTACT_AGE"),
    _live("longest_contact_age", "seconds", "Longest time since the start of a contact that waits now",
          "max(now − start)", "Twilio longest_task_waiting_age"),
    _live("ringing", "contacts", "Contacts that ring at a person now", "offered, neither answered nor declined",
          "Genesys oAlerting"),
    _live("in_progress", "contacts", "Contacts with a person now", "answered, not ended", "Genesys oInteracting"),
    _live("in_acw", "contacts", "Handlings in wrap-up now", "ended, not wrapped up", "Connect contacts in ACW"),
    _live("callbacks_scheduled", "contacts", "Callbacks that are not due yet", "requested, due later",
          "Connect callbacks scheduled"),
    _live("callbacks_due", "contacts", "Callbacks that are due now", "requested, due, not made",
          "Connect callbacks in queue"),
    _live("callbacks_overdue", "contacts", "Callbacks that are due for longer than the tolerance",
          "due + tolerance < now", "common usage"),
    _live("oldest_callback", "seconds", "Longest time since the request of an open callback", "max(now − request)",
          "common usage"),
    _live("unanswered", "contacts", "Chats whose customer waits for a reply now", "last asked, not replied to", "Zendesk"),
    _live("wait_for_reply_now", "seconds", "Longest wait for a reply now", "max(now − oldest message without a reply)",
          "Zendesk live response_time_max"),
)
_VOLUME: Final = (
    _count("offered", "flow", "Contacts that entered the queue", "visits by entry",
           "Genesys nOffered, Connect contacts queued", shown=True),
    _count("contacts", "cohort", "Contacts whose first queue this was", "contacts by first entry",
           "Mitel, Cisco: counted once"),
    _count("answered", "flow", "Contacts answered", "visits by answer", "Genesys tAnswered", shown=True),
    _count("abandoned", "flow", "Contacts that hung up while waiting", "visits by exit", "Connect, Genesys", shown=True),
    _count("short_abandoned", "flow", "Contacts that hung up within the short-abandon limit", "abandoned with wait ≤ S",
           "Genesys tShortAbandon, Mitel, Twilio", shown=True),
    Metric("long_abandoned", "contacts", "flow", "Contacts that hung up after the short-abandon limit",
           "abandoned with wait > S",
           "NICE", ("abandoned",), minus=("short_abandoned",)),
    _count("exited", "flow", "Contacts that left the queue otherwise", "all other exits", "Genesys flow-out", shown=True),
    _count("lost", "flow", "Waits of which the end was never heard", "nothing heard for the expiry limit", "Floorpulse"),
    _count("blocked", "flow", "Contacts turned away before the queue", "by arrival", "Wazo closed, saturated, blocked"),
    _count("answered_in_threshold", "cohort", "Contacts answered within the service-level threshold",
           "answered with wait ≤ T, by entry",
           "numerator of every service level", "a_in", shown=True),
    _count("abandoned_in_threshold", "cohort", "Contacts that hung up within the service-level threshold",
           "abandoned with wait ≤ T, by entry", "Connect, Wazo QoS steps (abandoned_in_x)", "sa_in", "b_in", shown=True),
    _count("over_sla", "cohort", "Contacts answered after the threshold", "answered with wait > T, by entry",
           "Genesys nOverSla", "a_out"),
    _count("cohort_answered", "cohort", "Of the offered, answered", "by entry", "Intercom"),
    _count("cohort_abandoned", "cohort", "Of the offered, hung up", "by entry", "Intercom"),
    _count("cohort_exited", "cohort", "Of the offered, left the queue otherwise", "by entry", "Intercom"),
    _count("cohort_lost", "cohort", "Of the offered, lost", "by entry", "the rest of the offered"),
    _count("cohort_waiting", "cohort", "Of the offered, still waiting", "by entry", "the rest of the offered"),
    _ratio("answer_rate", "cohort", "Share of the offered that was answered", "answered ÷ offered, by entry", "Genesys",
           ("cohort_answered",), "offered"),
    _ratio("abandon_rate", "cohort", "Share of the offered that hung up", "abandoned ÷ offered, by entry (AR1)",
           "Connect, Genesys",
           ("cohort_abandoned",), "offered", shown=True),
    Metric("abandon_rate_ar2", "ratio", "cohort", "Share that hung up, short abandons left out",
           "long abandons ÷ (offered − short abandons)", "Talkdesk with short abandons on",
           ("b_in", "b_out"), ("a_in", "a_out", "b_in", "b_out", "cohort_exited", "cohort_lost", "cohort_waiting")),
    _ratio("abandon_rate_ar3", "cohort", "Share that hung up, of those answered or hung up",
           "long abandons ÷ (answered + long abandons)",
           "Google CCAI", ("b_in", "b_out"), "a_in", "a_out", "b_in", "b_out"),
    _ratio("abandon_rate_ar4", "cohort", "Share that hung up, short calls removed from both",
           "as AR2: a call is short only where it was abandoned", "Cisco",
           ("b_in", "b_out"), "a_in", "a_out", "b_in", "b_out", "cohort_exited", "cohort_lost", "cohort_waiting"),
)
_WAITING: Final = (
    _sum_s("answer_wait", "Waits of the answered", "numerator of asa", "answer_wait_ms"),
    _sum_s("abandon_wait", "Waits of the abandoned", "numerator of avg_abandon_time", "abandon_wait_ms"),
    _mean_s("asa", "Average speed of answer", "Σ wait of the answered ÷ answered, no wait included",
    "Connect average queue answer time",
            ("answer_wait_ms",), "answered", shown=True),
    _mean_s("avg_abandon_time", "Average wait of those who hung up", "Σ wait of the abandoned ÷ abandoned",
    "Connect, Talkdesk",
            ("abandon_wait_ms",), "abandoned", shown=True),
    _mean_s("avg_wait_all", "Average wait of all who left the queue", "Σ wait ÷ (answered + abandoned + exited)",
    "Talkdesk average wait",
            _LEFT_MS, "answered", "abandoned", "exited", shown=True),
    Metric("max_wait", "seconds", "flow", "Longest wait of all who left the queue", "max(wait)", "Connect",
           histograms=_WAITS["wait_all"][1], share=1),
    *(metric for name, (whose, histograms) in _WAITS.items() for metric in _quantiles(name, f"the waits of {whose}",
    histograms)),
    Metric("contact_wait", "seconds", "cohort", "Average wait of a contact over all queues",
           "Σ (first answer − first entry) ÷ answered contacts",
           "Floorpulse: overflow hides nothing", ("contact_wait_ms",), ("contact_answered",)),
    _count("contact_answered", "cohort", "Contacts answered in any queue", "by first entry", "Mitel, Cisco: counted once"),
    _count("contact_abandoned", "cohort", "Contacts that ended unanswered", "by first entry", "Mitel, Cisco: counted once"),
)
_HANDLING: Final = (
    _count("handled", "flow", "Handlings completed, one for each person", "legs by completion",
           "Connect contacts handled", shown=True),
    _sum_s("talk", "Talk time without hold", "part of aht", "talk_ms"),
    _sum_s("hold", "Hold time", "part of aht", "hold_ms"),
    _sum_s("acw", "Wrap-up time (after-call work)", "part of aht", "wrap_up_ms"),
    _mean_s("aht", "Average handle time", "(talk + hold + wrap-up) ÷ handled (H1)", "Connect, Talkdesk", _HANDLE_MS,
    "handled", shown=True),
    _mean_s("avg_talk", "Average talk time", "talk ÷ handled", "Connect", ("talk_ms",), "handled"),
    _mean_s("avg_hold", "Average hold time of those held", "hold ÷ handlings with a hold", "Connect", ("hold_ms",), "held"),
    _mean_s("avg_hold_all", "Average hold time of all", "hold ÷ handled", "common usage", ("hold_ms",), "handled"),
    _mean_s("avg_acw", "Average wrap-up time", "wrap-up ÷ handled", "Connect", ("wrap_up_ms",), "handled"),
    *_quantiles("handle", "the handle times", (measures.HANDLE,)),
    _count("acw_inferred", "flow", "Handlings whose wrap-up was never reported",
           "completed at the limit, without wrap-up time", "Floorpulse"),
    _count("holds", "flow", "Times that a customer was put on hold", "by completion", "Connect"),
    _count("held", "flow", "Handlings with at least one hold", "by completion", "Connect"),
    _count("hold_abandoned_customer", "flow", "Handlings that the customer ended while held", "by completion", "Connect"),
    _count("hold_abandoned_agent", "flow", "Handlings that the agent ended while held", "by completion", "Connect"),
    _count("agent_disconnect_first", "flow", "Handlings that the agent ended first", "by completion", "Connect"),
    _count("transferred", "flow", "Handlings that ended in a transfer", "legs by completion", "Genesys nTransferred",
           *_TRANSFERS, shown=True),
    *(_count(f"transfers_{kind}", "flow", f"Handlings that ended in a transfer, kind {kind}", "legs by completion",
             "Genesys, Connect")
      for kind in _KINDS),
    _ratio("transfer_rate", "flow", "Share of handlings that ended in a transfer", "transferred ÷ handled",
           "Genesys, Connect",
           _TRANSFERS, "handled"),
    _count("consults", "flow", "Consultations of a second person", "by end", "Connect"),
    _sum_s("consult", "Time of consultations", "beside the handle time", "consult_ms"),
    _count("offers", "flow", "Offers to a person that ended", "rings, by end", "Connect"),
    _sum_s("ring", "Ring time", "Connect connecting time", "ring_ms"),
    _mean_s("avg_ring", "Average ring time", "ring ÷ offers", "Connect", ("ring_ms",), "offers"),
    _count("declined", "flow", "Offers that were declined", "by end", "Connect", "not_answered", "rescinded"),
    _count("rona", "flow", "Offers that a person let ring", "declined by the person, or hung up while it rang",
           "Connect agent non-response",
           "not_answered", "rang_at_hang_up"),
    _count("rona_excl_abandon", "flow", "Offers that a person let ring, hang-ups left out", "declined by the person",
           "Connect agent non-response without customer abandons", "not_answered"),
    _ratio("rona_rate", "flow", "Share of offers that a person let ring", "rona ÷ offers", "Connect", ("not_answered",
           "rang_at_hang_up"), "offers"),
    _count("resolved", "flow", "Handlings wrapped up as resolved", "by wrap-up", "common usage"),
    _ratio("resolved_rate", "flow", "Share of handlings wrapped up as resolved", "resolved ÷ (resolved + not resolved)",
           "common usage",
           ("resolved",), "resolved", "unresolved"),
    _count("escalated", "flow", "Escalations", "when they happen", "common usage"),
    _count("unfinished", "flow", "Handlings of which the end was never heard", "when last heard of", "Floorpulse"),
)
_CHATS: Final = (
    _count("completed", "flow", "Chats that ended served, with the last word replied to", "by end", "Zendesk"),
    _count("missed", "flow", "Chats that ended before anybody served them", "by end", "Zendesk"),
    _count("dropped", "flow", "Served chats that ended with the customer unanswered", "by end", "Zendesk"),
    _count("responses", "flow", "First responses", "by response", "Plain, Intercom"),
    _mean_s("frt", "Average time to the first response", "first reply − first message; after a bot − entry",
    "Plain, Intercom",
            ("response_ms",), "responses", shown=True),
    _mean_s("frt_total", "Average time to the first response, bots included", "first reply − first message", "Plain",
            ("total_response_ms",), "total_responses"),
    *_quantiles("frt", "the times to the first response", (measures.RESPONSE,)),
    _count("replies", "flow", "Replies", "by reply", "Intercom reply_times"),
    _mean_s("avg_reply_time", "Average wait for a reply", "reply − first message of a run",
    "Intercom, Genesys tAgentResponseTime",
            ("reply_ms",), "replies", shown=True),
    *_quantiles("reply_time", "the waits for a reply", (measures.REPLY,)),
    _mean_s("conversation_duration", "Average time from the first message to the end", "end − first message", "Intercom",
            ("conversation_ms",), "conversations"),
)
_CALLBACKS: Final = (
    _count("callbacks_requested", "flow", "Callbacks asked for", "by request", "Connect"),
    _count("callbacks_attempted", "flow", "Attempts to call back", "by attempt", "Connect"),
    _count("callbacks_connected", "flow", "Attempts that reached the customer", "by attempt", "Connect"),
    _count("callbacks_failed", "flow", "Attempts that did not", "by attempt", "Connect"),
    _count("callbacks_cancelled", "flow", "Callbacks that will not be made", "by cancellation", "Connect"),
    _count("callbacks_kept", "flow", "Callbacks made on time", "made within the tolerance after they were due",
           "common usage"),
    _mean_s("callback_wait", "Average time from request to callback", "connected − requested", "Connect",
    ("callback_wait_ms",), "callbacks_made"),
)
_SURVEYS: Final = (
    _count("surveys_offered", "flow", "Surveys offered", "by offer", "Zendesk"),
    _count("surveys_answered", "flow", "Surveys answered", "by answer", "Zendesk"),
    _ratio("csat_response_rate", "cohort", "Share of surveys that were answered", "answered ÷ offered, by offer", "Zendesk",
           ("cohort_surveys_answered",), "surveys_offered"),
    _count("csat_rated", "flow", "Ratings of satisfaction", "by answer", "common usage"),
    _count("csat_good", "flow", "Ratings of at least 4 of 5", "by answer", "common usage"),
    _ratio("csat", "flow", "Customer satisfaction", "ratings of at least 4 of 5 ÷ ratings", "common usage",
           ("csat_good",), "csat_rated"),
    Metric("csat_score", "points", "flow", "Average rating, on a scale to 5", "Σ rating ÷ ratings", "Intercom",
           ("csat_points",), ("csat_rated",), factor=1 / 1_000),
    _count("nps_rated", "flow", "Answers to how likely they recommend", "by answer", "common usage"),
    _count("nps_promoters", "flow", "Answers of 9 and 10", "by answer", "common usage"),
    _count("nps_detractors", "flow", "Answers of 0 to 6", "by answer", "common usage"),
    Metric("nps", "points", "flow", "Net promoter score, -100 to 100", "% of 9 and 10 − % of 0 to 6", "common usage",
           ("nps_promoters",), ("nps_rated",), minus=("nps_detractors",), factor=100),
    Metric("ces", "points", "flow", "Customer effort score, 1 to 7", "Σ score ÷ ratings", "common usage",
           ("ces_points",), ("ces_rated",)),
    _ratio("rated_resolved_rate", "flow", "Share of customers who say it is resolved", "yes ÷ answers", "Medallia",
           ("rated_resolved",), "rated_resolved", "rated_unresolved"),
)
_SERVICE_LEVEL: Final = (
    *(Metric(v.name, "ratio", "cohort", "Service level",
             v.formula, v.source, v.numerator, v.denominator, windows_min=WINDOWS_MIN)
      for v in VARIANTS),
    _live("sl_v12", "ratio", "Share of those waiting now that wait within T", "(waiting − waiting above T) ÷ waiting",
          "AltiGen live figure"),
    _ratio("sl_v13", "cohort", "Service level of first responses",
           "first response within its target ÷ conversations due for one",
           "Zendesk, Chatwoot, Intercom SLAs", ("responded_in",), *_DUE),
    Metric("service_level", "ratio", "cohort", "Service level, the formula that the settings choose",
           "one of sl_v1 to sl_v11",
           "the settings", windows_min=WINDOWS_MIN, chosen="headline"),
    Metric("service_level_live", "ratio", "scored", "Service level, each contact counted when it is decided",
           "V9, as the settings choose",
           "Cisco", windows_min=WINDOWS_MIN, chosen="live"),
    _ratio("service_level_contact", "cohort", "Service level of contacts over all queues",
           "answered within T ÷ (answered + given up), by first entry",
           "Floorpulse: overflow hides nothing", ("contact_answered_in",), *_SETTLED),
    Metric("must_answer_next", "contacts", "cohort", "Answers within T in a row that bring the service level to its goal",
           "(goal · below − above) ÷ (1 − goal), rounded up", "Floorpulse", windows_min=(15,), chosen="gap"),
)
# fmt: on
METRICS: Final = (*_STATE, *_VOLUME, *_WAITING, *_HANDLING, *_CHATS, *_CALLBACKS, *_SURVEYS, *_SERVICE_LEVEL)
BY_NAME: Final = {metric.name: metric for metric in METRICS}
LIVE_SERVICE_LEVEL: Final = {
    variant: Metric("service_level_live", "ratio", "scored", "", variant, "Cisco", above, below)
    for variant, (above, below) in DECIDED.items()
}


QUANTILES: Final = Quantiles(METRICS)
_SUMMED: Final = tuple(metric for metric in METRICS if metric.attribution != "live" and metric.share is None)


def values_of(found: Amounts, goals: Goals, cells: Cells) -> dict[str, Value]:
    """Return all metrics by name but the live ones."""
    return {metric.name: value_of(metric, found, goals) for metric in _SUMMED} | QUANTILES.read(cells)


def value_of(metric: Metric, found: Amounts, goals: Goals) -> Value:
    """Return a metric that is made of amounts."""
    match metric.chosen:
        case "headline":
            return BY_NAME[goals.headline].value(found)
        case "gap":
            return BY_NAME[goals.headline].missing(found, goals.goal)
        case "live":
            return LIVE_SERVICE_LEVEL[goals.live].value(found)
    return metric.value(found)
