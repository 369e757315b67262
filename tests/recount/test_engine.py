"""The engine against the recount: random days through `floorpulse replay --json`, every figure of every row and total.

`COUNTS` and the others say what a figure of the report is, as a formula over the recount's whole numbers.
"""

import json
import math
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from tests.recount.days import START_MS, day, shuffled
from tests.recount.recount import EXPIRY_MS, Figures, Key, recount

ROOT: Final = Path(__file__).parents[2]
QUARTER_MS: Final = 900_000
Row = dict[str, Any]

A: Final = "a_in + a_out"
B: Final = "b_in + b_out"
C_X: Final = "c_in + c_out + x_in + x_out"
W: Final = "w_in + w_out"
LEFT: Final = f"{A} + {B} + sa + {C_X}"
PASSED: Final = "a_out + b_out + c_out + x_out + w_out"

COUNTS: Final = {
    **{name: name for name in (
        "waiting", "ringing", "in_progress", "in_acw", "callbacks_scheduled", "callbacks_due", "callbacks_overdue",
        "unanswered", "offered", "answered", "abandoned", "short_abandoned", "exited", "lost", "blocked", "contacts",
        "contact_answered", "contact_abandoned", "cohort_lost", "offers", "declined", "rona", "rona_excl_abandon",
        "handled", "holds", "held", "transferred", "agent_disconnect_first", "acw_inferred", "consults", "resolved",
        "escalated", "completed", "missed", "dropped", "responses", "replies", "callbacks_requested",
        "callbacks_attempted", "callbacks_connected", "callbacks_failed", "callbacks_cancelled", "callbacks_kept",
        "surveys_offered", "surveys_answered", "csat_rated", "csat_good", "nps_rated", "nps_promoters",
        "nps_detractors",
    )},
    **{f"transfers_{kind}": f"transferred.{kind}" for kind in ("blind", "consult", "queue", "external", "other")},
    **{f"hold_abandoned_{by}": f"hold_abandoned.{by}" for by in ("customer", "agent")},
    "long_abandoned": "abandoned - short_abandoned",
    "answered_in_threshold": "a_in",
    "abandoned_in_threshold": "abandoned_in",
    "over_sla": "a_out",
    "cohort_answered": A,
    "cohort_abandoned": f"{B} + sa",
    "cohort_exited": C_X,
    "cohort_waiting": W,
}  # fmt: skip
SECONDS: Final = {
    "answer_wait": "answer_wait_ms", "abandon_wait": "abandon_wait_ms", "ring": "ring_ms", "talk": "talk_ms", "hold": "hold_ms",
    "acw": "acw_ms", "consult": "consult_ms",
}  # fmt: skip
AVERAGES: Final = {  # ms over counts, in seconds
    "asa": ("answer_wait_ms", "answered"),
    "avg_abandon_time": ("abandon_wait_ms", "abandoned"),
    "avg_wait_all": ("answer_wait_ms + abandon_wait_ms + exit_wait_ms", "answered + abandoned + exited"),
    "contact_wait": ("contact_wait_ms", "contact_answered"),
    "aht": ("talk_ms + hold_ms + acw_ms", "handled"),
    "avg_talk": ("talk_ms", "handled"),
    "avg_hold": ("hold_ms", "held"),
    "avg_hold_all": ("hold_ms", "handled"),
    "avg_acw": ("acw_ms", "handled"),
    "avg_ring": ("ring_ms", "offers"),
    "frt": ("frt_ms", "responses"),
    "frt_total": ("frt_total_ms", "total_responses"),
    "avg_reply_time": ("reply_time_ms", "replies"),
    "conversation_duration": ("conversation_ms", "conversations"),
    "callback_wait": ("callback_wait_ms", "callbacks_made"),
    "csat_score": ("csat_thousandths", "csat_rated"),
}
RATIOS: Final = {
    "answer_rate": (A, "offered"),
    "abandon_rate": (f"{B} + sa", "offered"),
    "abandon_rate_ar2": (B, "offered - sa"),
    "abandon_rate_ar3": (B, f"{A} + {B}"),
    "abandon_rate_ar4": (B, "offered - sa"),
    "service_level_contact": ("contact_answered_in", "contact_answered + contact_abandoned"),
    "sl_v1": ("a_in", A),
    "sl_v2": ("a_in", f"{A} + {B} + sa"),
    "sl_v3": ("a_in", f"{A} + {B}"),
    "sl_v4": ("a_in", f"{A} + b_out"),
    "sl_v5": ("a_in + b_in + sa", f"{A} + {B} + sa"),
    "sl_v6": ("a_in + b_in + sa + c_in", LEFT),
    "sl_v7": ("a_in", LEFT),
    "sl_v8": ("a_in", f"{A} + {B} + {C_X}"),
    "sl_v9_ignore": ("a_in", f"a_in + {PASSED}"),
    "sl_v9_negative": ("a_in", f"a_in + b_in + {PASSED}"),
    "sl_v9_positive": ("a_in + b_in", f"a_in + b_in + {PASSED}"),
    "sl_v11": ("a_in", f"{A} + {B} + {C_X} + {W}"),
    "sl_v12": ("waiting - waiting_passed", "waiting"),
    "sl_v13": ("responded_in", "responded_in + responded_out + no_response + response_overdue"),
    "transfer_rate": ("transferred", "handled"),
    "rona_rate": ("rona", "offers"),
    "resolved_rate": ("resolved", "matters"),
    "csat_response_rate": ("cohort_surveys_answered", "surveys_offered"),
    "csat": ("csat_good", "csat_rated"),
    "ces": ("ces_sum", "ces_rated"),
    "rated_resolved_rate": ("rated_resolved", "rated_matters"),
}
LIVE: Final = {
    "ignore": ("live_a_in", "live_a_in + live_passed"),
    "negative": ("live_a_in", "live_a_in + live_b_in + live_passed"),
    "positive": ("live_a_in + live_b_in", "live_a_in + live_b_in + live_passed"),
}
AGES: Final = {
    "longest_wait": "oldest_waiting",
    "longest_contact_age": "oldest_waiting_contact",
    "oldest_callback": "oldest_callbacks_open",
    "wait_for_reply_now": "oldest_unanswered",
}
DURATIONS: Final = (
    "max_wait",
    *(f"{whose}_p{share}" for whose in ("wait", "abandon_wait", "wait_all", "handle", "frt", "reply_time")
      for share in (50, 75, 90, 95, 99)),
)  # fmt: skip
ISSUES: Final = {
    "contacts": ("issue_contacts", 1), "handled": ("issue_handled", 1), "transferred": ("issue_transferred", 1),
    "talk": ("issue_talk_ms", 1_000), "hold": ("issue_hold_ms", 1_000), "acw": ("issue_acw_ms", 1_000),
}  # fmt: skip
LEFT_OUT: Final = {"unfinished": "only a horizon ends what was never heard to end, and replay has none: always 0"}
KEYS: Final = ("queue", "channel", "interval_start", "interval_seconds")
QUALITY: Final = ("events", "duplicates", "late", "orphans", "invalid", "lost")


@dataclass(frozen=True)
class Told:
    """What is said in settings: to the engine, and to the recount."""

    toml: str = ""
    recount: dict[str, Any] = field(default_factory=dict)
    goal: Fraction = Fraction(4, 5)
    formula: str = "sl_v2"
    live: str = "negative"


STRICT: Final = Told(
    """
[service_level]
threshold_s = 31
formula = "sl_v8"
live = "positive"
goal = 0.9
first_response_s = 15
[[queues]]
short_abandon_s = 15
wrap_up = "event"
callbacks_in_offered = true
callback_tolerance_s = 60
[[queues]]
channel = "video"
expires_min = 30
""",
    {
        "threshold_s": 31, "short_s": 15, "wrap_up": "event", "callbacks_in_offered": True, "tolerance_s": 60,
        "first_response_s": 15, "expiry_ms": {**EXPIRY_MS, "video": 1_800_000},
    },
    Fraction(9, 10),
    "sl_v8",
    "positive",
)  # fmt: skip
OPEN_HOURS: Final = Told(
    """
[[queues]]
calendar = "office"
wait_clock = "open_hours"
[calendars.office]
mon = ["06:30-07:10", "07:11-08:00", "08:30-20:00"]
tue = ["06:00-12:00"]
""",
    {
        "hours": [
            (START_MS + since * 60_000, START_MS + until * 60_000)
            for since, until in ((30, 70), (71, 120), (150, 840), (1_440, 1_800))
        ]
    },
)
DEFAULTS: Final = Told()


@pytest.mark.parametrize(
    ("seed", "told"), [(0, DEFAULTS), (1, DEFAULTS), (2, DEFAULTS), (3, STRICT), (6, STRICT), (5, OPEN_HOURS)]
)
def test_every_figure_is_that_of_the_recount(seed: int, told: Told, tmp_path: Path) -> None:
    lines = day(seed, contacts=120, hours=6)
    differences = _differences(lines, tmp_path, told)
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize(("seed", "told"), [(100, DEFAULTS), (101, STRICT)])
def test_neither_order_nor_processes_change_anything(seed: int, told: Told, tmp_path: Path) -> None:
    lines = shuffled(day(seed), seed)
    differences = _differences(lines, tmp_path, told, "--processes", "2")
    assert not differences, "\n".join(differences)


def test_all_figures_are_compared() -> None:
    command = [sys.executable, "-m", "streams", "metrics", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    assert {metric["name"] for metric in json.loads(done.stdout)} == {
        *_expected({}, 0, DEFAULTS),
        *DURATIONS,
        *LEFT_OUT,
    }


def _differences(lines: list[bytes], folder: Path, told: Told = DEFAULTS, *options: str) -> list[str]:
    """Return a line for each figure that the engine counts otherwise: in how many rows, and the first of them."""
    file, settings = folder / "day.jsonl", folder / "floorpulse.toml"
    file.write_bytes(b"\n".join(lines) + b"\n")
    settings.write_text(told.toml)
    command = [sys.executable, "-m", "streams", "replay", str(file), "--json", "--settings", str(settings), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)

    now_ms = max(json.loads(line)["at"] for line in lines)
    assert _ms(report["as_of"]) == now_ms
    figures, quality = recount(lines, now_ms, **told.recount)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, row in _rows(report, figures).items():
        for name, engine, right in _compared(row, figures.get(key, {}), _end(key, now_ms), told):
            found[name].append(f"{_title(key)}: {engine}, but {right} in the recount")
    for name in QUALITY:
        if report["quality"].get(name) != quality[name]:
            found[f"quality {name}"].append(f"{report['quality'].get(name)}, but {quality[name]} in the recount")
    for issue, engine, right in _compared_issues(report["issues"], figures):
        found["issues"].append(f"{issue}: {engine}, but {right} in the recount")
    return [f"{name}: {len(all_of)} times; {all_of[0]}" for name, all_of in found.items()]


def _rows(report: Row, figures: Figures) -> dict[Key, Row]:
    """Return the rows and totals by key; a row that is not reported is one without figures."""
    rows: dict[Key, Row] = {key: {} for key in figures}
    for row in report["rows"]:
        rows[row["queue"], row["channel"], _ms(row["interval_start"])] = row
    for row in report["totals"]:
        rows[row["queue"], row["channel"], None] = row
    return rows


def _compared(row: Row, counted: dict[str, int], end_ms: int, told: Told) -> Iterator[tuple[str, Any, Any]]:
    """Yield the figures that differ: name, the engine's, the recount's."""
    expected = _expected(counted, end_ms, told)
    for name in row.keys() - expected.keys() - {*DURATIONS, *LEFT_OUT, *KEYS}:
        yield name, row[name], "not compared"
    for name in LEFT_OUT:
        if row.get(name, 0) != 0:
            yield name, row[name], 0
    for name, right in expected.items():
        engine = row.get(name, "not in the report")
        if not (_same(engine, right) or (not row and not right)):
            yield name, engine, right
    for name in DURATIONS:
        engine, exact_ms = row.get(name), counted.get(name)
        if not _is_shown(engine, exact_ms):
            yield name, engine, exact_ms


def _compared_issues(reported: list[Row], figures: Figures) -> Iterator[tuple[str, Any, Any]]:
    """Yield the issues that differ: which, what the engine says, what the recount says."""
    expected: defaultdict[tuple[str, ...], Row] = defaultdict(lambda: dict.fromkeys((*ISSUES, "aht"), 0))
    for (queue, channel, start_ms), counted in figures.items():
        if queue is None or channel is None or start_ms is not None:
            continue
        for name, (of, unit) in ISSUES.items():
            for told, n in counted.items():
                what, _, issue = told.partition(":")
                if what == of:
                    expected[queue, channel, *issue.split("/")][name] = n / unit
    for row in expected.values():
        row["aht"] = (row["talk"] + row["hold"] + row["acw"]) / row["handled"] if row["handled"] else None
    said: dict[tuple[str, ...], Row] = {
        (row["queue"], row["channel"], row["issue_type"], row["issue_reason"]): row for row in reported
    }
    for key in said.keys() | expected.keys():
        for name in (*ISSUES, "aht"):
            engine, right = said.get(key, {}).get(name, "not in the report"), expected[key][name]
            if not _same(engine, right):
                yield f"{' '.join(key)} {name}", engine, right


def _expected(counted: dict[str, int], end_ms: int, told: Told) -> dict[str, float | None]:
    """Return what the recount's whole numbers make of each figure; None where there is nothing to divide by."""

    def total(formula: str) -> int:
        added, *taken = formula.split(" - ")
        return sum(counted.get(name, 0) for name in added.split(" + ")) - sum(counted.get(name, 0) for name in taken)

    def ratio(above: int, below: int) -> float | None:
        return above / below if below else None

    ratios = {name: ratio(total(above), total(below)) for name, (above, below) in RATIOS.items()}
    above, below = (total(formula) for formula in RATIOS[told.formula])
    missing = math.ceil((told.goal * below - above) / (1 - told.goal))
    live_above, live_below = LIVE[told.live]
    return {
        **{name: total(formula) for name, formula in COUNTS.items()},
        **{name: total(formula) / 1_000 for name, formula in SECONDS.items()},
        **{name: ratio(total(above), 1_000 * total(below)) for name, (above, below) in AVERAGES.items()},
        **ratios,
        **{name: (end_ms - counted[of]) / 1_000 if of in counted else None for name, of in AGES.items()},
        "nps": ratio(100 * (total("nps_promoters") - total("nps_detractors")), total("nps_rated")),
        "service_level": ratios[told.formula],
        "service_level_live": ratio(total(live_above), total(live_below)),
        "must_answer_next": max(0, missing) if below else None,
    }


def _same(engine: Any, right: float | None) -> bool:
    if engine is None or right is None or isinstance(engine, str):
        return engine is right
    return math.isclose(engine, right, rel_tol=1e-9, abs_tol=1e-9)


def _is_shown(engine: float | None, exact_ms: int | None) -> bool:
    """Whether a duration is shown right: in whole seconds, rounded up, to ten minutes; above that, at most 1 % too long."""
    if engine is None or exact_ms is None:
        return engine is exact_ms
    seconds = -(-exact_ms // 1_000)
    return engine == seconds if seconds <= 600 else exact_ms <= round(1_000 * engine) <= 1_010 * seconds


def _end(key: Key, now_ms: int) -> int:
    start_ms = key[2]
    return now_ms if start_ms is None else min(start_ms + QUARTER_MS, now_ms)


def _title(key: Key) -> str:
    queue, channel, start_ms = key
    when = "in all" if start_ms is None else f"{datetime.fromtimestamp(start_ms / 1_000).astimezone():%H:%M %Z}"
    return f"{queue or 'all queues'} {channel or ''} {when}"


def _ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp() * 1_000)
