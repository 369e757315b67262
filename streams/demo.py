"""Everything in one command: a broker, the topics, a worker, traffic, and the figures live in the terminal.

The table shows what `/metrics` says, read as Prometheus would read it.
"""

import contextlib
import itertools
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from rich.box import SIMPLE
from rich.console import Console
from rich.live import Live
from rich.table import Table

from models.codec import decoder
from models.errors import ConfigError, DecodeError, FloorpulseError
from models.events import ContactEvent
from models.settings import Settings
from streams import topics, web
from streams.center import default_center
from streams.embedded import EmbeddedBroker, end, start_with_us
from streams.feed import feed, moved
from streams.recordings import open_events
from streams.simulate import simulate

HOUR_MS: Final = 3_600_000
HISTORY_MS: Final = HOUR_MS  # of simulated calls before now, so that the windows are full from the start
TIME_OF_DAY_MS: Final = 10 * HOUR_MS + 40 * 60_000  # the demo's floor is always at its busiest
READY_S: Final = 60.0
PRINT_S: Final = 5
COLUMNS: Final = (
    ("waiting", "cc_contacts_waiting", "{:.0f}"),
    ("longest", "cc_queue_oldest_wait_start_timestamp_seconds", "age"),
    ("active", "cc_contacts_in_progress", "{:.0f}"),
    ("offered", "cc_contacts_offered_15m", "{:.0f}"),
    ("answered", "cc_contacts_answered_15m", "{:.0f}"),
    ("abandoned", "cc_contacts_abandoned_15m", "{:.0f}"),
    ("SL", "cc_service_level_15m_ratio", "{:.0%}"),
    ("ASA", "cc_asa_15m_seconds", "{:.0f} s"),
    ("AHT", "cc_aht_15m_seconds", "{:.0f} s"),
)
Figures = dict[str, dict[str, float]]  # queue -> metric -> value


def run_demo(
    settings: Settings,
    settings_file: Path | None,
    *,
    embedded: bool,
    path: str | None,
    speed: float,
    volume: float,
    seconds: float | None,
    web_port: int | None,
) -> None:
    """Run the demo until Ctrl-C, or for `seconds`. Raises `FloorpulseError` where it cannot, or where nothing moved."""
    console = Console()
    with contextlib.ExitStack() as stack:
        if embedded:
            bootstrap = stack.enter_context(EmbeddedBroker()).bootstrap
            settings = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"bootstrap": bootstrap})})
        bootstrap = settings.kafka.bootstrap
        console.print(f"broker  {bootstrap}{' (embedded)' if embedded else ''}", highlight=False)
        topics.ensure(settings)
        worker = stack.enter_context(_Worker(bootstrap, settings_file, web_port))
        console.print(f"worker  {worker.url}/metrics", highlight=False)
        events = _recorded(path, speed) if path else _simulated(volume)
        feeder = _Feeder(bootstrap, events, threading.Event())
        stack.callback(feeder.end)
        feeder.start()
        with contextlib.suppress(KeyboardInterrupt):
            with console.status("the worker joins its group, some ten seconds"):
                worker.wait_until_ready()
            _show(console, worker, feeder, time.monotonic() + seconds if seconds else None)


def _simulated(volume: float) -> Iterator[ContactEvent]:
    now_ms = int(time.time() * 1_000)
    start_ms = now_ms - HISTORY_MS
    return simulate(
        default_center(volume), seed=now_ms % 1_000_000, start_ms=start_ms, day_start_ms=now_ms - TIME_OF_DAY_MS
    )


def _recorded(path: str, speed: float) -> Iterator[ContactEvent]:
    decode = decoder("call")
    events = []
    with open_events(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                events.append(decode(line))
            except DecodeError as error:
                raise ConfigError(f"{path}:{number}: {error}") from None
    if not events:
        raise ConfigError(f"{path}: holds no events")
    return moved(events, int(time.time() * 1_000), speed)


class _Feeder(threading.Thread):
    """Sends the events; a fault in it is kept for the one who looks."""

    def __init__(self, bootstrap: str, events: Iterable[ContactEvent], stop: threading.Event) -> None:
        super().__init__(name="feeder", daemon=True)
        self.error: Exception | None = None
        self._work = (bootstrap, events, stop)

    def run(self) -> None:
        try:
            feed(*self._work)
        except Exception as error:  # the edge of a thread: shown by the demo
            self.error = error

    def end(self) -> None:
        """Stop sending, and wait until it has."""
        self._work[2].set()
        self.join(timeout=10)


class _Worker:
    """A worker in a process of its own."""

    def __init__(self, bootstrap: str, settings_file: Path | None, web_port: int | None) -> None:
        with web.listen(web_port) as probe:
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._bootstrap = bootstrap
        self._settings_file = settings_file
        self._files = tempfile.TemporaryDirectory(prefix="floorpulse-")
        self._log = Path(self._files.name) / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "_Worker":
        web_port = str(self._port)
        command = [sys.executable, "-m", "streams", "worker", "--bootstrap", self._bootstrap, "--web-port", web_port]
        if self._settings_file is not None:
            command += ["--settings", str(self._settings_file)]
        with self._log.open("wb") as log:
            self._process = start_with_us(command, log.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process)
        self._files.cleanup()

    def check(self) -> None:
        """Raise `FloorpulseError` with the worker's last words if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            lines = self._log.read_text(errors="replace").strip().splitlines()
            raise FloorpulseError(
                f"the worker ended with code {self._process.returncode}: {lines[-1] if lines else 'no word'}"
            )

    def wait_until_ready(self) -> None:
        """Wait until the worker shows figures."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            self.check()
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.url}/readyz", timeout=2).close()
                return
            time.sleep(0.1)
        raise FloorpulseError(f"the worker was not ready after {READY_S:.0f} s")

    def figures(self) -> Figures:
        """Read what `/metrics` says of the queues."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as page:
            text = page.read().decode()
        found: Figures = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if "queue" in sample.labels:
                    found.setdefault(sample.labels["queue"], {})[sample.name] = sample.value
        return found


def _show(console: Console, worker: _Worker, feeder: _Feeder, until: float | None) -> None:
    """Show the figures once a second; where there is no terminal, print them every five seconds."""
    first: Figures | None = None
    moved_at_all = False
    with Live(console=console, auto_refresh=False) if console.is_terminal else contextlib.nullcontext() as live:
        for second in itertools.count():
            worker.check()
            if feeder.error is not None:
                raise FloorpulseError(f"feeding {topics.CALLS}: {feeder.error}") from feeder.error
            figures = worker.figures()
            first = figures if first is None else first
            moved_at_all = moved_at_all or figures != first
            if live is not None:
                live.update(_table(figures, worker.url), refresh=True)
            elif second % PRINT_S == 0:
                console.print(_table(figures, worker.url))
            left_s = until - time.monotonic() if until is not None else 1.0
            if left_s <= 0:
                break
            time.sleep(min(1.0, left_s))
    if not moved_at_all:
        raise FloorpulseError("no figure moved: is another feeder or worker on this broker?")


def _table(figures: Figures, url: str) -> Table:
    table = Table(
        box=SIMPLE,
        padding=(0, 0),
        title="The floor now, and its last 15 minutes",
        caption=f"{url}/metrics   Ctrl-C ends",
    )
    table.add_column("queue", no_wrap=True)
    for title, _, _ in COLUMNS:
        table.add_column(title, justify="right", no_wrap=True)
    for queue in sorted(figures):
        table.add_row(queue, *(_cell(figures[queue].get(metric), form) for _, metric, form in COLUMNS))
    return table


def _cell(value: float | None, form: str) -> str:
    if value is None:
        return "–"
    if form == "age":
        age_s = max(0, int(time.time() - value))
        return f"{age_s // 60}:{age_s % 60:02d}"
    return form.format(value)
