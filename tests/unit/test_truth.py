"""What the simulator knows to be true against the figures of replay: every number of every queue, to the integer.

The truth is counted where things happen in the simulation; the figures are folded from the events it sent.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from streams.scenarios import SCENARIOS
from streams.truth import COUNTED
from tests.kafka_broker import ROOT

Row = dict[str, Any]

MS: Final = {
    "answer_wait_ms": "answer_wait", "abandon_wait_ms": "abandon_wait", "ring_ms": "ring", "talk_ms": "talk",
    "hold_ms": "hold", "wrap_up_ms": "acw", "consult_ms": "consult",
}  # fmt: skip
AVERAGES: Final = {  # ms in all, as an average of so many, in seconds
    "response_ms": ("frt", ("responses",)),
    "reply_ms": ("avg_reply_time", ("replies",)),
    "callback_wait_ms": ("callback_wait", ("callbacks_connected",)),
}
SUMS: Final = ("exited", "blocked")
OTHER_GOALS: Final = """
[service_level]
threshold_s = 45
short_abandon_s = 12
[[queues]]
queue = "billing"
channel = "voice"
hours = "10:00-12:00"
threshold_s = 10
callback_tolerance_s = 60
"""


def floorpulse(*arguments: str) -> bytes:
    command = [sys.executable, "-m", "streams", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120).stdout


def differences(true: Row, figures: Row) -> list[str]:
    """Return the numbers of a queue that differ, each in words; every name of the truth is compared."""
    wrong = []

    def compare(name: str, right: int, found: float | None) -> None:
        if found != right:
            wrong.append(f"{true['queue']} {true['channel']}: {name} is {right}, but {found} in the figures")

    for name in COUNTED:
        right = true[name]
        if name in MS:
            compare(name, right, round(1_000 * figures[MS[name]]))
        elif name in AVERAGES:
            average, (of,) = AVERAGES[name]
            compare(name, right, round(1_000 * figures[average] * true[of]) if true[of] else 0)
        elif name in SUMS:
            compare(name, sum(right.values()), figures[name])
        elif name == "transferred":
            for kind in ("blind", "consult", "queue", "external", "other"):
                compare(f"transferred: {kind}", right.get(kind, 0), figures[f"transfers_{kind}"])
        elif name == "exit_wait_ms":
            left = true["answered"] + true["abandoned"] + sum(true["exited"].values())
            all_ms = round(1_000 * figures["avg_wait_all"] * left) if left else 0
            compare(name, right, all_ms - true["answer_wait_ms"] - true["abandon_wait_ms"])
        elif name == "unresolved":
            share = figures["resolved_rate"]
            compare(name, right, round(true["resolved"] / share) - true["resolved"] if share else right)
        else:
            compare(name, right, figures[name])
    return wrong


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize(
    ("seed", "disorder", "settings"),
    [
        (1, (), ""),
        (2, ("--duplicate", "0.2", "--shuffle", "90", "--delay", "0.05,1200"), ""),
        (3, ("--duplicate", "1", "--shuffle", "3600"), OTHER_GOALS),
    ],
    ids=["in order", "in disorder", "other goals"],
)
def test_the_figures_are_what_the_simulator_knows(
    scenario: str, seed: int, disorder: tuple[str, ...], settings: str, tmp_path: Path
) -> None:
    events, truth, toml = (str(tmp_path / name) for name in ("events.jsonl", "truth.json", "floorpulse.toml"))
    Path(toml).write_text(settings)
    what = ("--scenario", scenario, "--seed", str(seed), "--hours", "3", "--volume", "0.7", *disorder)
    floorpulse("simulate", *what, "--out", events, "--truth", truth, "--settings", toml)
    report = json.loads(floorpulse("replay", events, "--json", "--settings", toml))
    true = json.loads(Path(truth).read_text())
    figures = {(row["queue"], row["channel"]): row for row in report["totals"]}
    assert [wrong for row in true["queues"] for wrong in differences(row, figures[row["queue"], row["channel"]])] == []
    assert report["as_of"] == true["newest_event"]
    assert report["quality"]["duplicates"] == true["duplicates"]
    assert report["quality"]["events"] == sum(true["events"].values()) + true["duplicates"]
    assert report["quality"]["orphans"] == report["quality"]["invalid"] == report["quality"]["lost"] == 0
    assert true["duplicates"] > 0 or not disorder


def test_a_difference_is_found() -> None:
    """Each number is compared: one more of it is seen."""
    true: Row = {"queue": "q", "channel": "voice", **dict.fromkeys(COUNTED, 1)}
    true.update(exited={"overflow": 1}, blocked={"queue_full": 1}, transferred={"queue": 1})
    figures: Row = dict.fromkeys(COUNTED, 1)
    figures.update(dict.fromkeys(MS.values(), 0.001), avg_wait_all=0.001, resolved_rate=0.5)
    figures.update({average: 0.001 for average, _ in AVERAGES.values()})
    figures.update(transfers_queue=1, transfers_blind=0, transfers_consult=0, transfers_external=0, transfers_other=0)
    assert differences(true, figures) == []
    for name in COUNTED:
        more = {**true[name], "queue": 2} if isinstance(true[name], dict) else 2
        assert differences({**true, name: more}, figures), name


def test_the_page_explains_every_number() -> None:
    page = (ROOT / "docs" / "simulator.md").read_text("utf-8")
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in COUNTED.items())
    assert f"| name | counts |\n| --- | --- |\n{rows}\n" in page
