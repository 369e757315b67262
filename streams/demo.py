"""Everything in one command: a broker, the topics, a worker, traffic, and the figures live in the terminal.

The table shows what `/metrics` says, read as Prometheus would read it.
"""

import contextlib
import itertools
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from rich.box import SIMPLE
from rich.console import Console
from rich.live import Live
from rich.table import Table

from models.book import Key
from models.codec import decoder
from models.errors import ConfigError, DecodeError, FloorpulseError
from models.events import EVENTS, Prefix
from models.places import UNKNOWN
from models.settings import Settings
from streams import topics, web
from streams.default_center import default_center
from streams.embedded import EmbeddedBroker, end, start_with_us
from streams.feed import Feeder, moved
from streams.floor import Sent
from streams.recordings import open_events
from streams.scenarios import Scenario
from streams.shard import is_chat
from streams.simulate import Simulation
from streams.traffic import Pace, Traffic

HOUR_MS: Final = 3_600_000
HISTORY_MS: Final = HOUR_MS  # of simulated contacts before now, so that the windows are full from the start
BEGINS_MS: Final = 25_000  # after the start a scenario begins that does not last: the figures before it are seen first
TIME_OF_DAY_MS: Final = 10 * HOUR_MS + 40 * 60_000  # the demo's floor is always at its busiest
READY_S: Final = 60.0
HISTORY_S: Final = 5.0
PRINT_S: Final = 5
COLUMNS: Final = (
    ("waiting", "cc_contacts_waiting", "{:.0f}"),
    ("longest", "cc_queue_oldest_wait_start_timestamp_seconds", "age"),
    ("active", "cc_contacts_in_progress", "{:.0f}"),
    ("offered", "cc_contacts_offered_15m", "{:.0f}"),
    ("answered", "cc_contacts_answered_15m", "{:.0f}"),
    ("aband.", "cc_contacts_abandoned_15m", "{:.0f}"),
    ("SL", "cc_service_level_15m_ratio", "{:.0%}"),
    ("ASA", "cc_asa_15m_seconds", "{:.0f} s"),
    ("AHT", "cc_aht_15m_seconds", "{:.0f} s"),
)
Figures = dict[Key, dict[str, float]]  # queue and channel -> metric -> value


@dataclass(frozen=True)
class Shown:
    """What a demo shows from now on: recorded events, contacts so many times as fast, else a simulated floor."""

    scenario: Scenario
    volume: float
    recorded: Sequence[Sent] | None = None
    speed: float = 1.0
    began_ms: int = field(default_factory=lambda: int(time.time() * 1_000))

    @property
    def begins_ms(self) -> int:
        """When the scenario begins: soon, so that one sees it come, or with the history where it holds all the time."""
        return self.began_ms + BEGINS_MS if self.scenario.lasts_min else self.began_ms - HISTORY_MS

    def events(self, settings: Settings, stop: threading.Event) -> Iterable[Sent]:
        """Return the events, each when its time has come, until `stop`; what lies in the past at once."""
        pace = Pace.beginning_now(self.began_ms, None, stop)
        if self.recorded is not None:
            events = moved(self.recorded, self.began_ms, self.speed)
            return itertools.takewhile(lambda sent: pace.ready(sent[1].at), events)
        simulation = Simulation(
            default_center(self.volume),
            seed=self.began_ms % 1_000_000,
            start_ms=self.began_ms - HISTORY_MS,
            day_start_ms=self.began_ms - TIME_OF_DAY_MS,
            scenario=self.scenario,
            begins_ms=self.begins_ms,
            goals=settings.goals(),
        )
        return Traffic(simulation, pace.ready)

    def title(self) -> str:
        """Say what one sees."""
        title = "The floor now, and its last 15 minutes"
        if self.recorded is not None or self.scenario.name == "steady":
            return title
        since_s = int(time.time() - self.begins_ms / 1_000)
        when = f"in {-since_s} s" if since_s < 0 else f"for {since_s // 60}:{since_s % 60:02d}"
        return f"{title}; {self.scenario.name} {when}"


def run_demo(
    settings: Settings,
    settings_file: Path | None,
    shown: Shown,
    *,
    embedded: bool,
    seconds: float | None,
    web_port: int | None,
) -> None:
    """Run the demo until Ctrl-C, or for `seconds`. Raises `FloorpulseError` where it cannot, or where nothing moved."""
    console = Console()
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        if embedded:
            if settings.kafka.tls or settings.kafka.sasl:
                raise ConfigError("kafka.tls, kafka.sasl: not with the embedded broker; give your own with --bootstrap")
            bootstrap = stack.enter_context(EmbeddedBroker()).bootstrap
            settings = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"bootstrap": bootstrap})})
        bootstrap = settings.kafka.bootstrap
        console.print(f"broker  {bootstrap}{' (embedded)' if embedded else ''}", highlight=False)
        with _undisturbed():
            topics.ensure(settings)
        worker = stack.enter_context(_Worker(bootstrap, settings_file, web_port))
        console.print(f"worker  {worker.url}/metrics", highlight=False)
        stop = threading.Event()
        with _undisturbed():
            # Not idempotent on the embedded broker: it cannot be; copies would do no harm.
            feeder = _Feeder(Feeder(settings.kafka, idempotent=not embedded), shown.events(settings, stop), stop)
            stack.callback(feeder.end)
            feeder.start()
        with console.status("the worker joins its group, some ten seconds"):
            worker.wait_until_ready()
            worker.wait_until_something()
        _show(console, worker, feeder, shown, time.monotonic() + seconds if seconds else None)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold Ctrl-C back for a moment: Kafka's client takes it for a fault of its own, and goes on, or waits for ever."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt


def read_recorded(path: str) -> list[Sent]:
    """Read the events of a file. Raises `ConfigError` where it has none, or a line that is none."""
    decoders = {prefix: decoder(prefix) for prefix in EVENTS}
    events: list[Sent] = []
    with open_events(path) as lines:
        for number, line in enumerate(lines, 1):
            prefix: Prefix = "chat" if is_chat(line) else "call"
            try:
                events.append((prefix, decoders[prefix](line)))
            except DecodeError as error:
                raise ConfigError(f"{path}:{number}: {error}") from None
    if not events:
        raise ConfigError(f"{path}: holds no events")
    return events


class _Feeder(threading.Thread):
    """Sends the events; a fault in it is kept for the one who looks."""

    def __init__(self, feeder: Feeder, events: Iterable[Sent], stop: threading.Event) -> None:
        super().__init__(name="feeder", daemon=True)
        self.error: Exception | None = None
        self._feeder = feeder
        self._events = events
        self._ending = stop

    def run(self) -> None:
        try:
            for prefix, event in self._events:
                self._feeder.send(prefix, event)
        except Exception as error:  # the edge of a thread: shown by the demo
            self.error = error
        finally:
            self._feeder.close()

    def end(self) -> None:
        """Stop sending, and wait until it has."""
        self._ending.set()
        self.join(timeout=10)


class _Worker:
    """A worker in a process of its own."""

    def __init__(self, bootstrap: str, settings_file: Path | None, web_port: int | None) -> None:
        self._port, self._claim = _claimed_port(web_port)
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
        self._claim.close()
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

    def wait_until_something(self) -> None:
        """Wait until there are figures, for a few seconds only: a recording may have none yet."""
        deadline = time.monotonic() + HISTORY_S
        while not self.figures() and time.monotonic() < deadline:
            self.check()
            time.sleep(0.1)

    def figures(self) -> Figures:
        """Read what `/metrics` says of each queue and channel."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as page:
            text = page.read().decode()
        found: Figures = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if "queue" in sample.labels:
                    key = sample.labels["queue"], sample.labels["channel"]
                    found.setdefault(key, {})[sample.name] = sample.value
        return found


def _claimed_port(web_port: int | None) -> tuple[int, socket.socket]:
    """Return the worker's port, and what keeps another demo from taking it before the worker listens.

    That is the port of the same number for datagrams, which nobody else wants and which is free again however we end.
    """
    for candidate in web.PORTS if web_port is None else (web_port,):
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", candidate))
            web.listen(candidate).close()
        except OSError:
            claim.close()
            if web_port is not None:
                raise ConfigError(f"--web-port {web_port}: another demo has it on 127.0.0.1") from None
        except ConfigError:
            claim.close()
            if web_port is not None:
                raise
        else:
            return candidate, claim
    raise ConfigError(
        f"web port: all of {web.PORTS.start} to {web.PORTS.stop - 1} on 127.0.0.1 are in use; choose one with --web-port"
    )


def _show(console: Console, worker: _Worker, feeder: _Feeder, shown: Shown, until: float | None) -> None:
    """Show the figures once a second; where there is no terminal, print them every five seconds."""
    first: Figures | None = None
    moved_at_all = False
    with Live(console=console, auto_refresh=False) if console.is_terminal else contextlib.nullcontext() as live:
        for second in itertools.count():
            worker.check()
            if feeder.error is not None:
                raise FloorpulseError(str(feeder.error)) from feeder.error
            figures = worker.figures()
            first = figures if first is None else first
            moved_at_all = moved_at_all or figures != first
            if live is not None:
                live.update(_table(figures, shown.title(), worker.url), refresh=True)
            elif second % PRINT_S == 0:
                console.print(_table(figures, shown.title(), worker.url))
            left_s = until - time.monotonic() if until is not None else 1.0
            if left_s <= 0:
                break
            time.sleep(min(1.0, left_s))
    if not moved_at_all:
        raise FloorpulseError("no figure moved: is another feeder or worker on this broker?")


def _table(figures: Figures, title: str, url: str) -> Table:
    """Lay the figures out in 80 columns."""
    table = Table(
        box=SIMPLE,
        padding=(0, 0),
        show_edge=False,
        title=title,
        caption=f"{url}/metrics   Ctrl-C ends",
    )
    table.add_column("queue", no_wrap=True)
    table.add_column("channel", no_wrap=True)
    for name, _, _ in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for (queue, channel), values in sorted(figures.items(), key=lambda found: (found[0][1] != "voice", found[0])):
        if queue == UNKNOWN and not any(values.get(metric) for _, metric, _ in COLUMNS):
            continue  # chats that the bot dealt with: they count, but in no column here
        cells = (_cell(values.get(metric), form) for _, metric, form in COLUMNS)
        table.add_row(queue, channel, *cells)
    return table


def _cell(value: float | None, form: str) -> str:
    if value is None:
        return "–"
    if form == "age":
        age_s = max(0, int(time.time() - value))
        return f"{age_s // 60}:{age_s % 60:02d}"
    return form.format(value)
