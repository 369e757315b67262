"""`floorpulse simulate` into files: what it says, what it refuses, and how it is ended."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.codec import decoder
from streams.recordings import open_events
from streams.report import iso
from streams.shard import is_chat
from tests.kafka_broker import ROOT
from tests.unit.test_truth import differences, floorpulse


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams", "simulate", *arguments]
    env = {name: value for name, value in os.environ.items() if name != "FLOORPULSE_BOOTSTRAP"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, env=env)


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz", "events.jsonl.zst"])
def test_the_same_command_makes_the_same_file(name: str, tmp_path: Path) -> None:
    files = [tmp_path / folder / name for folder in ("one", "other")]
    for file in files:
        file.parent.mkdir()
        done = run("--hours", "0.1", "--duplicate", "0.1", "--shuffle", "5", "--out", str(file))
        assert done.returncode == 0
        assert done.stdout == ""
    with open_events(str(files[0])) as one, open_events(str(files[1])) as other:
        lines = one.read()
        assert lines == other.read()
    # What is meant to be random is not: by the default seed and start, whatever the machine.
    assert lines.startswith(b'{"type":"call.started","id":"call-1-19001603280-0000001:1","at":1718010001377,')


def test_files_and_standard_output_hold_the_same_events(tmp_path: Path) -> None:
    run("--hours", "0.1", "--out", str(tmp_path / "events.jsonl"))
    run("--hours", "0.1", "--out", str(tmp_path / "events.jsonl.zst"))
    printed = run("--hours", "0.1", "--out", "-").stdout
    with open_events(str(tmp_path / "events.jsonl.zst")) as packed:
        assert printed == (tmp_path / "events.jsonl").read_text() == packed.read().decode()


def test_it_says_what_it_has_sent(tmp_path: Path) -> None:
    done = run("--seconds", "300", "--duplicate", "1", "--out", str(tmp_path / "events.jsonl"))
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert done.stderr.startswith(f"floorpulse: {len(lines):,} events sent, {len(lines) // 2:,} of them copies; ")
    newest = max(decoder("chat" if is_chat(line.encode()) else "call")(line.encode()).at for line in lines)
    assert done.stderr.endswith(f"simulated up to {iso(newest)}\n")
    assert done.stderr.count("\n") == 1


def test_volume_and_start_and_time_of_day(tmp_path: Path) -> None:
    out = str(tmp_path / "events.jsonl")
    settings = tmp_path / "floorpulse.toml"
    settings.write_text('zone = "Asia/Tokyo"\n')

    def calls(*options: str) -> tuple[int, int]:
        run("--hours", "1", "--out", out, *options)
        decode = decoder("call")
        events = [decode(line) for line in Path(out).read_bytes().splitlines() if not is_chat(line)]
        return len({event.contact_id for event in events}), min(event.at for event in events)

    busy, first_ms = calls("--start", "2026-03-01T02:00")
    assert 0 <= first_ms - 1_772_330_400_000 < 600_000
    assert busy < 40, "two at night is quiet"
    assert calls("--start", "2026-03-01T02:00", "--settings", str(settings))[0] > 10 * busy, "in Tokyo it is eleven"
    morning, _ = calls("--start", "2026-03-01T02:00", "--time-of-day", "11:00")
    assert morning > 10 * busy
    assert 0 < calls("--start", "2026-03-01T02:00", "--time-of-day", "11:00", "--volume", "0.1")[0] < morning / 5


def test_when_a_scenario_begins_can_be_said(tmp_path: Path) -> None:
    def events(*options: str) -> list[str]:
        out = tmp_path / "events.jsonl"
        assert run("--hours", "1", "--out", str(out), *options).returncode == 0
        return out.read_text().splitlines()

    steady = events()
    assert events("--scenario", "spike") == steady, "it begins after an hour"
    assert len(events("--scenario", "spike", "--at", "30")) > 1.4 * len(steady)


def test_ctrl_c_ends_it_and_the_truth_is_that_of_what_was_sent(tmp_path: Path) -> None:
    """Without end as fast as possible, with much held back; the figures of the file are the truth all the same."""
    events, truth = tmp_path / "events.jsonl", tmp_path / "truth.json"
    options = ("--hours", "100000", "--shuffle", "600", "--out", str(events), "--truth", str(truth))
    command = [sys.executable, "-m", "streams", "simulate", *options]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while running.poll() is None and (not events.exists() or events.stat().st_size < 1_000_000):
            pass
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(20) == 0
    assert "events sent, 0 of them copies" in said
    assert "Traceback" not in said
    true = json.loads(truth.read_text())
    report = json.loads(floorpulse("replay", str(events), "--json"))
    assert report["quality"]["events"] == sum(true["events"].values())
    figures = {(row["queue"], row["channel"]): row for row in report["totals"]}
    assert [wrong for row in true["queues"] for wrong in differences(row, figures[row["queue"], row["channel"]])] == []


def test_a_reader_that_has_enough_ends_it() -> None:
    command = f"{sys.executable} -m streams simulate --out - | head -n 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


# What is not allowed: one line, and the exit code 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--out", "/nowhere/e.jsonl"), "floorpulse: /nowhere/e.jsonl: cannot be written: No such file or directory"),
        (("--out", "/nowhere/e.zst"), "floorpulse: /nowhere/e.zst: cannot be written: No such file or directory"),
        (("--out", "/tmp"), "floorpulse: /tmp: cannot be written: Is a directory"),
        (
            ("--out", "-", "--truth", "/nowhere/t"),
            "floorpulse: /nowhere/t: cannot be written: No such file or directory",
        ),
        (("--out", "/dev/full"), "floorpulse: /dev/full: cannot be written: No space left on device"),
        (
            ("--out", "-", "--duplicate", "2"),
            "Error: Invalid value for '--duplicate': 2.0 is not in the range 0<=x<=1.",
        ),
        (("--out", "-", "--duplicate", "nan"), "Error: Invalid value for '--duplicate': nan is no number"),
        (("--out", "-", "--hours", "inf"), "Error: Invalid value for '--hours': inf is no number"),
        (
            ("--out", "-", "--delay", "0.5"),
            "Error: Invalid value for '--delay': '0.5', allowed: a share of 0 to 1 and seconds, such as 0.01,300",
        ),
        (
            ("--out", "-", "--time-of-day", "24:00"),
            "Error: Invalid value for '--time-of-day': '24:00' is no time of day, allowed: 00:00 to 23:59",
        ),
        (("--out", "-", "--fast", "--speed", "2"), "floorpulse: --fast, --speed 2: two speeds, allowed: one of them"),
        (
            ("--out", "-", "--hours", "1", "--seconds", "2"),
            "floorpulse: --hours, --seconds: two lengths, allowed: one of them",
        ),
        (("--out", "-", "--bootstrap", "a:1"), "floorpulse: --out, --bootstrap: two targets, allowed: one of them"),
        (("--start", "2099-01-01"), "floorpulse: --start: lies in the future, allowed on Kafka: up to now"),
        (
            ("--bootstrap", "kafka"),
            "floorpulse: kafka.bootstrap: 'kafka' is no address, allowed: HOST:PORT[,HOST:PORT…]",
        ),
    ],
)
def test_a_mistake_is_said_in_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    done = run(*arguments)
    assert done.stderr.splitlines()[-1] == complaint
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_scenario_that_is_none() -> None:
    done = run("--scenario", "quake")
    assert done.returncode == 2
    assert "'quake' is not one of 'steady', 'spike', 'outage', 'short_staffed'" in done.stderr


def test_help_teaches() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "floorpulse simulate --scenario spike" in done.stdout
