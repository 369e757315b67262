"""History without Kafka: the report's shape, its intervals, what stood open at their ends, and the lines it refuses.

         06:00            06:14:50   06:15            06:30       06:45     06:50 newest
sales  a Q 10 A===70 E
       b                  Q----------- 20 A=============================     answered 06:15:10, goes on
       c                             Q------------------------- 1000 X       06:15:00, hung up at 06:31:40
tech   d                                                              Q----  06:50, waiting
"""

import gzip
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import pytest

if sys.version_info >= (3, 14):
    from compression.zstd import compress
else:
    from backports.zstd import compress

from models.catalogue import METRICS
from models.codec import encode
from models.errors import ConfigError
from models.events import ContactEvent, Prefix
from models.log import Letter
from models.settings import Settings
from streams.commands.options import Moment
from streams.recordings import open_events
from streams.replay import Replay, run_replay
from streams.report import Frame
from tests.unit.builders import (
    START_MS,
    answered,
    ended,
    ms,
    queued,
)

DAY: list[ContactEvent] = [
    queued(0, c="a"), answered(10, c="a"), ended(70, c="a"),
    queued(890, c="b"), answered(910, c="b"),
    queued(900, c="c"), ended(1_900, "customer", c="c"),
    queued(3_000, "tech", c="d"),
]  # fmt: skip
FIRST, SECOND, THIRD, FOURTH = (f"2024-06-10T06:{minute}:00.000Z" for minute in ("00", "15", "30", "45"))


NO_COUNTS = dict.fromkeys(("events", "duplicates", "late", "invalid", "orphans", "lost"), 0)
WHOLE = Frame()


def lines(events: Iterable[ContactEvent] = DAY, prefix: Prefix = "call") -> list[bytes]:
    return [encode(prefix, event) + b"\n" for event in events]


def settings(**said: Any) -> Settings:
    return Settings.model_validate(said)


def replay_of(
    *files: Iterable[bytes], said: Settings | None = None, frame: Frame = WHOLE, as_of_ms: int | None = None
) -> tuple[Replay, list[tuple[str, Letter]]]:
    """Return the replay of files, and the lines that it refused, by file and line."""
    refused: list[tuple[str, Letter]] = []

    def refuse(name: str, line: int, letter: Letter) -> None:
        refused.append((f"{name}:{line}", letter))

    replay = Replay(said or Settings(), refuse, frame, as_of_ms)
    for number, file in enumerate(files):
        replay.read(f"file{number}", file)
    return replay, refused


def report(events: Iterable[ContactEvent] = DAY, frame: Frame = WHOLE, **said: Any) -> dict[str, Any]:
    return replay_of(lines(events), said=settings(**said), frame=frame)[0].report()


def row(rows: list[dict[str, Any]], queue: str, start: str) -> dict[str, Any]:
    (found,) = [one for one in rows if (one["queue"], one["interval_start"]) == (queue, start)]
    return found


def total(figures: dict[str, Any], queue: str | None) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in figures["totals"] if one["queue"] == queue)
    return found


# ---------------------------------------------------------------- shape


def test_the_shape_of_a_report() -> None:
    found = report()
    assert list(found) == ["as_of", "rows", "totals", "issues", "quality"]
    assert found["as_of"] == "2024-06-10T06:50:00.000Z"
    assert found["quality"] == NO_COUNTS | {"events": 8}
    figures = {metric.name for metric in METRICS}
    assert all(
        set(one) == figures | {"queue", "channel", "interval_start", "interval_seconds"} for one in found["rows"]
    )
    assert all(set(one) == figures | {"queue", "channel"} for one in found["totals"])
    assert {one["interval_seconds"] for one in found["rows"]} == {900}


def test_one_row_for_each_interval_in_which_anything_happened_or_stood_open() -> None:
    places = [(one["interval_start"], one["queue"], one["channel"]) for one in report()["rows"]]
    assert places == [
        (FIRST, "sales", "voice"),
        (SECOND, "sales", "voice"),
        (THIRD, "sales", "voice"),
        (FOURTH, "sales", "voice"),  # b still talks
        (FOURTH, "tech", "voice"),
    ]


@pytest.mark.parametrize(
    ("queue", "start", "waiting", "longest_wait", "in_progress"),
    [
        ("sales", FIRST, 1, 10.0, 0),  # b; c enters in the next interval
        ("sales", SECOND, 1, 900.0, 1),  # c since 06:15; b talks
        ("sales", THIRD, 0, None, 1),
        ("sales", FOURTH, 0, None, 1),
    ],
)
def test_what_is_open_is_as_it_stood_at_the_end_of_the_interval(
    queue: str, start: str, waiting: int, longest_wait: float | None, in_progress: int
) -> None:
    """Not as it turned out: b was answered and c hung up later."""
    found = row(report()["rows"], queue, start)
    assert (found["waiting"], found["longest_wait"], found["in_progress"]) == (waiting, longest_wait, in_progress)


def test_flow_stands_where_it_happened_and_cohort_where_it_entered() -> None:
    """T = 20, S = 5: a waited 10 s, b 20 s, c 1000 s."""
    rows = report()["rows"]
    first, second, third = (row(rows, "sales", start) for start in (FIRST, SECOND, THIRD))
    assert [one["offered"] for one in (first, second, third)] == [2, 1, 0]
    assert [one["answered"] for one in (first, second, third)] == [1, 1, 0]
    assert [one["cohort_answered"] for one in (first, second, third)] == [2, 0, 0]
    assert [one["abandoned"] for one in (first, second, third)] == [0, 0, 1]
    assert [one["cohort_abandoned"] for one in (first, second, third)] == [0, 1, 0]
    assert [one["asa"] for one in (first, second, third)] == [10.0, 20.0, None]
    assert [one["service_level"] for one in (first, second, third)] == [1.0, 0.0, None]
    assert [one["handled"] for one in (first, second, third)] == [1, 0, 0]
    assert [one["avg_abandon_time"] for one in (first, second, third)] == [None, None, 1_000.0]


def test_totals_of_each_queue_and_of_all() -> None:
    found = report()
    assert [(one["queue"], one["channel"]) for one in found["totals"]] == [
        ("sales", "voice"),
        ("tech", "voice"),
        (None, None),
    ]
    assert [total(found, queue)["offered"] for queue in ("sales", "tech", None)] == [3, 1, 4]
    assert [total(found, queue)["waiting"] for queue in ("sales", "tech", None)] == [0, 1, 1]
    assert [total(found, queue)["in_progress"] for queue in ("sales", "tech", None)] == [1, 0, 1]
    assert [total(found, queue)["longest_wait"] for queue in ("sales", "tech", None)] == [None, 0.0, 0.0]
    everything = total(found, None)
    assert (everything["answered"], everything["abandoned"], everything["asa"]) == (2, 1, 15.0)
    assert everything["service_level"] == everything["sl_v2"] == 2 / 3
    assert (everything["talk"], everything["aht"]) == (60.0, 60.0)


def test_flow_figures_of_the_intervals_add_up_to_the_total() -> None:
    found = report()
    for name in ("offered", "answered", "abandoned", "exited", "handled", "answer_wait", "talk"):
        assert sum(one[name] for one in found["rows"]) == total(found, None)[name]


def test_what_leaves_the_queue_in_the_moment_an_interval_ends_still_stood_in_it() -> None:
    """Intervals are half-open: an answer at 06:15:00 belongs to the second."""
    rows = report([queued(880), answered(900), ended(960)])["rows"]
    first, second = row(rows, "sales", FIRST), row(rows, "sales", SECOND)
    assert (first["waiting"], first["longest_wait"], first["answered"]) == (1, 20.0, 0)
    assert (second["waiting"], second["longest_wait"], second["answered"]) == (0, None, 1)


def test_any_order_and_any_number_of_files_give_the_same_figures() -> None:
    expected = report()
    forwards, backwards = lines(DAY[:5]), lines(DAY[5:])[::-1]
    for files in ([lines()[::-1]], [backwards, forwards], [forwards, [], backwards]):
        assert replay_of(*files)[0].report() == expected


def test_history_reaches_back_as_far_as_it_likes() -> None:
    """No event is late, and no interval is given up, here over ten days."""
    found = report([queued(10 * 86_400, c="z"), *DAY])
    assert found["quality"] == NO_COUNTS | {"events": 9, "lost": 1}  # d, whose end was never told
    assert row(found["rows"], "sales", FIRST)["asa"] == 10.0


def test_nothing_recorded() -> None:
    found = report([])
    assert found["rows"] == []
    (everything,) = found["totals"]
    assert (everything["queue"], everything["offered"], everything["asa"]) == (None, 0, None)


# ---------------------------------------------------------------- lines that are no events


def test_refused_lines_are_named_by_file_and_line_and_counted() -> None:
    good = lines()
    replay, refused = replay_of([good[0], b"\n", b"nonsense\n", good[1]], [b"[]\n", good[2], b'{"type":"call.sung"}'])
    assert [(where, letter.code) for where, letter in refused] == [
        ("file0:3", "json"),
        ("file1:1", "json"),
        ("file1:3", "type"),
    ]
    assert replay.report()["quality"] == NO_COUNTS | {"events": 3, "invalid": 3}


@pytest.mark.parametrize("end", [[b"\n"], [b"\n", b"\n", b" \r\n"]])
def test_blank_lines_are_passed_over_also_at_the_end_of_a_file(end: list[bytes]) -> None:
    replay, refused = replay_of([*lines(), *end], [b"nonsense\n", *lines([queued(1, c="e")])])
    assert [where for where, _ in refused] == ["file1:1"]
    assert replay.report()["quality"] == NO_COUNTS | {"events": 9, "invalid": 1}


def test_duplicates_are_counted() -> None:
    found = replay_of(lines(), lines())[0].report()
    assert found["quality"] == NO_COUNTS | {"events": 16, "duplicates": 8}


# ---------------------------------------------------------------- files


def test_a_file_a_packed_file_and_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    plain, packed = tmp_path / "one.jsonl", tmp_path / "two.jsonl.gz"
    plain.write_bytes(b"".join(lines(DAY[:3])))
    packed.write_bytes(gzip.compress(b"".join([*lines(DAY[3:6]), b"nonsense\n"])))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(lines(DAY[6:])))))
    run_replay([str(plain), str(packed), "-"], Settings(), as_json=True, frame=WHOLE)
    out, err = capfdbinary.readouterr()
    found = json.loads(out)
    assert found["quality"] == NO_COUNTS | {"events": 8, "invalid": 1}
    assert {name: found[name] for name in ("rows", "totals")} == {name: report()[name] for name in ("rows", "totals")}
    assert err.decode().startswith(f"{packed}:4: not JSON: ")


def test_the_table_shows_the_totals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(b"".join(lines()))
    run_replay([str(file)], Settings(), as_json=False, frame=WHOLE)
    out = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert out[0] == ["Figures", "up", "to", "2024-06-10T06:50:00.000Z"]
    assert ["sales", "voice", "3", "2", "1", "0", "66.7%", "15.0", "343.3", "60.0", "–"] in out  # (10 + 20 + 1000) ÷ 3
    assert ["tech", "voice", "1", "0", "0", "0", "–", "–", "–", "–", "–"] in out
    assert ["all", "4", "2", "1", "0", "66.7%", "15.0", "343.3", "60.0", "–"] in out


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        open_events(str(path))
    return str(refused.value)


@pytest.mark.parametrize("name", ["gone.jsonl", "gone.jsonl.gz"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name) == f"{tmp_path / name}: cannot be read: No such file or directory"


@pytest.mark.parametrize("name", ["day", "day.gz"])
def test_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    expected = "is a folder, allowed: a file of events, one JSON object a line"
    assert refusal(tmp_path / name) == f"{tmp_path / name}: {expected}"


@pytest.mark.parametrize("content", [b"not packed\n", gzip.compress(b"".join(lines()))[:-20]], ids=["plain", "cut off"])
def test_a_packed_file_that_is_damaged_is_said_in_words(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "day.jsonl.gz"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"day\.jsonl\.gz: cannot be read: "):
        run_replay([str(file)], Settings(), as_json=True, frame=WHOLE)


# ---------------------------------------------------------------- what of it: intervals, limits, as of


def framed(
    interval_min: int = 15, from_s: int | None = None, to_s: int | None = None, as_of_s: int | None = None
) -> Any:
    """Report the day in another frame; times in seconds after 06:00."""
    from_ms, to_ms = (None if at is None else ms(at) for at in (from_s, to_s))
    frame = Frame(interval_min, from_ms, to_ms)
    return replay_of(lines(), frame=frame, as_of_ms=None if as_of_s is None else ms(as_of_s))[0].report()


def test_longer_intervals_are_the_sums_of_the_quarters() -> None:
    hourly = framed(60)
    assert [(one["queue"], one["interval_start"], one["interval_seconds"]) for one in hourly["rows"]] == [
        ("sales", FIRST, 3_600),
        ("tech", FIRST, 3_600),
    ]
    sales, quarters = row(hourly["rows"], "sales", FIRST), [one for one in report()["rows"] if one["queue"] == "sales"]
    for name in ("offered", "answered", "abandoned", "handled", "talk", "answer_wait", "cohort_abandoned"):
        assert sales[name] == sum(one[name] for one in quarters)
    assert sales["asa"] == (10 + 20) / 2
    assert (sales["max_wait"], sales["wait_p50"], sales["wait_p90"]) == (1_000, 10, 20)
    assert hourly["totals"] == report()["totals"]


def test_only_the_intervals_that_were_asked_for() -> None:
    """From 06:15 to 06:45: b was answered and c abandoned, b talks at the end, d was not there yet."""
    found = framed(from_s=900, to_s=2_700)
    assert {one["interval_start"] for one in found["rows"]} == {SECOND, THIRD}
    whole = report()["rows"]
    assert [one for one in whole if one["interval_start"] in (SECOND, THIRD)] == found["rows"]
    sales = total(found, "sales")
    assert (sales["offered"], sales["answered"], sales["abandoned"]) == (1, 1, 1)
    assert (sales["cohort_answered"], sales["cohort_abandoned"]) == (0, 1)
    assert (sales["waiting"], sales["in_progress"]) == (0, 1)
    assert (total(found, "tech")["offered"], total(found, "tech")["waiting"]) == (0, 0)


def test_as_of_then_nothing_later_is_known() -> None:
    """At 06:16:40 c waits for 100 s and b talks; nobody has hung up."""
    found = framed(as_of_s=1_000)
    assert found["as_of"] == "2024-06-10T06:16:40.000Z"
    sales = total(found, "sales")
    assert (sales["waiting"], sales["longest_wait"], sales["in_progress"], sales["abandoned"]) == (1, 100, 1, 0)
    assert (sales["cohort_waiting"], sales["sl_v9_negative"]) == (1, 2 / 3)  # c has passed the 20 s
    assert found["quality"]["events"] == 6
    assert {one["queue"] for one in found["totals"]} == {"sales", None}


def test_as_of_a_later_time_waits_grow_without_events() -> None:
    assert total(framed(as_of_s=3_600), "tech")["longest_wait"] == 600


@pytest.mark.parametrize(
    ("interval_min", "from_s", "to_s", "words"),
    [
        (15, 60, None, "--from 2024-06-10T06:01:00.000Z: not the start of an interval of 15 minutes (UTC)"),
        (60, None, 900, "--to 2024-06-10T06:15:00.000Z: not the start of an interval of 60 minutes (UTC)"),
        (15, 900, 900, "--to 2024-06-10T06:15:00.000Z: not after --from 2024-06-10T06:15:00.000Z"),
    ],
)
def test_limits_that_are_none(interval_min: int, from_s: int | None, to_s: int | None, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        framed(interval_min, from_s, to_s)
    assert str(refused.value) == words


@pytest.mark.parametrize(("max_invalid", "code"), [(0.5, 0), (0.12, 0), (0.1, 3), (0, 3)])
def test_too_many_invalid_lines_are_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], max_invalid: float, code: int
) -> None:
    """One of nine lines."""
    recorded = tmp_path / "day.jsonl"
    recorded.write_bytes(b"".join([*lines(), b"{}\n"]))
    assert run_replay([str(recorded)], Settings(), as_json=True, frame=WHOLE, max_invalid=max_invalid) == code
    out, err = capsys.readouterr()
    assert json.loads(out)["quality"]["invalid"] == 1
    assert ("11.11% of the lines are no events, allowed: " in err) == (code == 3)


def test_a_recording_packed_as_zst(tmp_path: Path) -> None:
    packed = tmp_path / "day.jsonl.zst"
    packed.write_bytes(compress(b"".join(lines())))
    with open_events(str(packed)) as file:
        assert list(file) == lines()


@pytest.mark.parametrize("content", [b"plain text", compress(b"".join(lines()))[:-20]], ids=["plain", "cut off"])
def test_a_damaged_zst_is_said_in_words(tmp_path: Path, content: bytes) -> None:
    packed = tmp_path / "day.jsonl.zst"
    packed.write_bytes(content)
    with pytest.raises(ConfigError, match=r"day\.jsonl\.zst: cannot be read: "):
        run_replay([str(packed)], Settings(), as_json=True, frame=WHOLE)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2024-06-10", 1_717_977_600_000),
        ("2024-06-10T06:15", START_MS + 900_000),
        ("2024-06-10T08:15+02:00", START_MS + 900_000),
        ("2024-06-10T06:15:00.500Z", START_MS + 900_500),
        (str(START_MS), START_MS),
    ],
)
def test_a_moment_in_words(text: str, at_ms: int) -> None:
    assert Moment().convert(text, None, None) == at_ms


@pytest.mark.parametrize("text", ["yesterday", "10.6.2024", "12", ""])
def test_a_moment_that_is_none(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time, allowed: "):
        Moment().convert(text, None, None)
