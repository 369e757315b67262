"""What is behind a figure: parts by hand, and that for every metric they add up to the row of the report.

        06:00                          06:15
sales   a Q 10 A=======70 E   b Q 30 E    c Q 10 (1000 s later) A
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from models.catalogue import METRICS
from models.codec import encode
from models.errors import ConfigError
from models.events import ContactEvent
from models.live import LiveFigures
from models.settings import Settings
from streams.explain import _LIVE_CELLS, Question, added_up
from streams.explanation import Asked, Explanation, explained, frame_of, run_explain
from streams.replay import Replay
from streams.report import Report
from tests.recount.days import day, shuffled
from tests.unit.builders import START_MS, answered, ended, queued

DAY: list[ContactEvent] = [
    queued(0, c="a"), answered(10, "ann", c="a"), ended(70, "customer", c="a"),
    queued(600, c="b"), ended(630, "customer", c="b"),
    queued(700, c="c"), answered(1_700, "bob", c="c"), ended(1_800, "customer", c="c"),
    queued(20, "tech", channel="video", c="d"), queued(20, "tech", c="e"),
]  # fmt: skip
LINES = [encode("call", event) for event in DAY]
FIRST = "2024-06-10T06:00:00.000Z"
QUARTER_MS = 900_000


def explanation(lines: Iterable[bytes], asked: Asked, processes: int = 1, **said: Any) -> Explanation:
    settings = Settings.model_validate(said)
    replay = Replay(settings, lambda *_: None, frame_of(asked, settings), processes=processes)
    replay.read("file", lines)
    return explained(replay, asked)


def of(metric: str, quarter: int = 0, **said: Any) -> Explanation:
    return explanation(LINES, Asked(metric, "sales", START_MS + quarter * QUARTER_MS), **said)


def listed(found: Explanation) -> list[tuple[str, int, int]]:
    return [(part.contact_id, part.above, part.below) for part in found.parts]


# ---------------------------------------------------------------- by hand


def test_a_count_lists_those_that_count() -> None:
    assert listed(of("offered")) == [("a", 1, 0), ("b", 1, 0), ("c", 1, 0)]
    assert listed(of("abandoned")) == [("b", 1, 0)]
    assert listed(of("answered", 1)) == [("c", 1, 0)]


def test_a_ratio_lists_what_counts_above_and_below_the_line() -> None:
    found = of("service_level")
    assert listed(found) == [("a", 1, 1), ("b", 0, 1), ("c", 0, 1)]
    assert [part.amounts for part in found.parts] == [{"a_in": 1}, {"b_out": 1}, {"a_out": 1}]
    assert found.value == found.sum.value == pytest.approx(1 / 3)


def test_a_sum_and_a_mean_list_milliseconds() -> None:
    assert listed(of("talk")) == [("a", 60_000, 0)]
    assert listed(of("asa", 1)) == [("c", 1_000_000, 1)]
    assert of("avg_wait_all").value == pytest.approx(20)


def test_a_quantile_lists_durations_and_the_longest_wait_is_exact() -> None:
    found = of("wait_all_p50")
    assert [part.durations for part in found.parts] == [((10, START_MS + 10_000),), ((30, START_MS + 630_000),)]
    assert (found.value, found.sum.rank, found.sum.durations) == (10, 1, 2)
    assert of("max_wait", 1).sum.value == 1_000
    assert of("wait_p50", 1).value == pytest.approx(1_009, abs=9)  # the upper edge of its bucket


def test_what_stands_open_is_that_of_the_end_of_the_interval() -> None:
    assert listed(of("waiting")) == [("c", 1, 0)]
    assert of("longest_wait").sum.value == 200
    assert listed(of("waiting", 1)) == []


def test_what_the_goals_choose_is_listed() -> None:
    found = of("service_level", service_level={"formula": "sl_v1", "threshold_s": 1_100})
    assert listed(found) == [("a", 1, 1), ("c", 1, 1)]
    found = of("must_answer_next", service_level={"goal": 0.5})
    assert (listed(found), found.value) == ([("a", 1, 1), ("b", 0, 1), ("c", 0, 1)], 1)


def test_each_live_metric_has_its_cells() -> None:
    assert set(_LIVE_CELLS) == set(LiveFigures().values())


# ---------------------------------------------------------------- what is asked for


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"metric": "servicelevel"}, "--metric servicelevel: unknown metric, near: service_level, "),
        ({"queue": "sale"}, "--queue sale: not in the recording, near: sales, known: sales, tech"),
        ({"queue": "tech"}, "--queue tech: of several channels, allowed: with --channel video, voice"),
        ({"channel": "chat"}, "--channel chat: not one of sales, known: voice"),
        ({"start_ms": START_MS + 60_000}, "--interval 2024-06-10T06:01:00.000Z: not the start of an interval of 15 minutes "
         "(UTC), near: 2024-06-10T06:00:00.000Z, 2024-06-10T06:15:00.000Z"),
        ({"start_ms": START_MS - QUARTER_MS}, "--interval 2024-06-10T05:45:00.000Z: not in the recording, allowed: "
         "2024-06-10T06:00:00.000Z to 2024-06-10T06:30:00.000Z"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_with_what_is(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        explanation(LINES, Asked(**{"metric": "offered", "queue": "sales", "start_ms": START_MS, **said}))
    assert str(raised.value).startswith(message)


def test_of_several_channels_one_is_taken() -> None:
    found = explanation(LINES, Asked("offered", "tech", START_MS, "video"))
    assert listed(found) == [("d", 1, 0)]


def test_a_row_in_which_nothing_happened_has_nothing_behind_it() -> None:
    for metric in METRICS:
        found = explanation(LINES, Asked(metric.name, "tech", START_MS + QUARTER_MS, "video"))
        assert found.value == found.sum.value


# ---------------------------------------------------------------- printed


def asked_of(tmp_path: Path, metric: str) -> tuple[list[str], Settings, Asked]:
    file = tmp_path / "day.jsonl"
    file.write_bytes(b"\n".join(LINES))
    return [str(file)], Settings(), Asked(metric, "sales", START_MS)


def test_the_first_line_says_the_figure_and_the_last_the_sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_explain(*asked_of(tmp_path, "service_level"), limit=2)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"service_level of sales (voice), 15 minutes from {FIRST}: 0.333333 = 1 ÷ 3"
    assert "sl_v2, answered within T ÷ (answered + abandoned)" in said[1]
    assert said[-2:] == ["and 1 more, see --limit", "sum: 0.333333 = 1 ÷ 3"]
    run_explain(*asked_of(tmp_path, "wait_all_p90"))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "sum: 30 s, number 2 of 2 durations in ascending order"
    run_explain(*asked_of(tmp_path, "asa"))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "sum: 10 s = 10 s ÷ 1"
    assert any("answer_wait 10 s" in line for line in said)


def test_json_has_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_explain(*asked_of(tmp_path, "avg_wait_all"), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["contacts"] == [
        {"contact_id": "a", "type": "call", "at": "2024-06-10T06:00:10.000Z", "numerator": 10, "denominator": 1,
         "amounts": {"answer_wait_ms": 10_000, "answered": 1}},
        {"contact_id": "b", "type": "call", "at": "2024-06-10T06:10:30.000Z", "numerator": 30, "denominator": 1,
         "amounts": {"abandon_wait_ms": 30_000, "abandoned": 1}},
    ]  # fmt: skip
    assert found["sum"] == {"numerator": 40, "denominator": 2, "value": found["value"]}
    run_explain(*asked_of(tmp_path, "max_wait"), as_json=True, limit=1)
    found = json.loads(capsys.readouterr().out)
    assert found["contacts"] == [
        {"contact_id": "b", "type": "call", "at": "2024-06-10T06:10:30.000Z", "rank": 2, "seconds": 30}
    ]


# ---------------------------------------------------------------- the sum of the parts

BY_THE_HOUR = [
    {"threshold_s": 30, "hours": "08:00-09:15"},
    {"queue": "sales", "wrap_up": "event", "formula": "sl_v9_positive"},
    {"queue": "tech", "live": "ignore", "goal": 0.5, "short_abandon_s": 0},
]
SAID: dict[str, dict[str, Any]] = {
    "defaults": {},
    "clauses": {"queues": BY_THE_HOUR},
    "limited": {"limits": {"queues": 3}},
}


@pytest.mark.parametrize(("seed", "minutes", "said"), [(1, 1_440, "defaults"), (2, 60, "clauses"), (3, 30, "limited")])
def test_for_every_metric_the_parts_add_up_to_the_row(seed: int, minutes: int, said: str) -> None:
    """All rows of a day, or of three intervals in it: of each row all metrics."""
    lines = shuffled(day(seed, 40, 3), seed)
    settings = Settings.model_validate(SAID[said])
    starts = [START_MS + n * minutes * 60_000 for n in ((1, 2) if minutes < 1_440 else ())]
    compared = 0
    for start_ms in starts or [START_MS - START_MS % 86_400_000]:
        frame = frame_of(Asked("offered", "", start_ms, None, minutes), settings)
        replay = Replay(settings, lambda *_: None, frame)
        replay.read("file", lines)
        recorded = replay.recorded()
        rows = Report(recorded, frame, settings.goals(), {}).rows()
        keys = frozenset(view.key for view in recorded.views if not view.issue)
        [(start_ms, end_ms)] = recorded.intervals
        for row in rows:
            for metric in METRICS:
                key = row["queue"], row["channel"]
                question = Question(metric.name, key, start_ms, end_ms, recorded.now_ms, settings.goals(), keys)
                [parts] = replay.shards.ask("streams.explain:parts_in", question)
                assert added_up(question, parts).value == row[metric.name], (metric.name, row["queue"], row["channel"])
                compared += bool(parts)
    assert compared > 200


def test_several_processes_say_the_same() -> None:
    lines = day(5, 60, 2)
    for metric in ("offered", "service_level", "wait_all_p90", "waiting"):
        asked = Asked(metric, "sales", START_MS + 4 * QUARTER_MS, "voice")
        assert explanation(lines, asked, processes=1) == explanation(lines, asked, processes=2)
