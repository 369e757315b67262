"""A real Apache Kafka: one KRaft broker from Maven Central jars, for tests and for people.

`python -m tests.kafka_broker` runs one in the foreground; tests take the fixtures of `conftest.py`.

Two things a reader would get wrong. A broker that accepts connections is not ready: until it is *unfenced*
it refuses new topics, so `start` waits for its own entry in the metadata. And the ports are not the kernel's
free ones: a client that reconnects to a stopped broker's port in the ephemeral range may connect to itself and
keep the broker from ever binding it again.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
POM = ROOT / "deploy" / "kafka" / "pom.xml"
HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
LEAST_JAVA = 17
UNPRIVILEGED_PORTS = range(20_000, 32_000)
"""Below Linux's ephemeral range (32768 and up), see the module's docstring."""

JAVA_OPTIONS = (
    "-Xms256m",
    "-Xmx768m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)

SETTINGS = """\
process.roles=broker,controller
node.id=1
listeners={clients},PROXIED://{host}:{proxied_port},CONTROLLER://{host}:{controller_port}
advertised.listeners={clients},PROXIED://{host}:{proxy_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,\
PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{host}:{controller_port}
log.dirs={log_dir}
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=4000
num.partitions=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""
"""`clients` are the listeners in the sight of ordinary clients, each at its own address.
`controller.quorum.voters` rather than the newer bootstrap servers: kept data then accept another controller port.
The session of 4 s instead of 9 s is what a start after a kill waits for.
"""

SECURED_SETTINGS = """\
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
listener.name.ssl.ssl.client.auth=required
"""
LOGINS = """\
listener.name.{listener}.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{listener}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{listener}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
"""

DIE_WITH_PARENT = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that asked for this broker has ended")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks Linux to kill this process with its parent (1 is PR_SET_PDEATHSIG), then becomes Java under the same pid.

A process in between rather than `preexec_fn`, which may deadlock, and warns from Python 3.12 on, once the test
process has threads; Kafka clients have them.
"""


@dataclass(frozen=True)
class Secured:
    """What a secured broker has: its certificate and key, whom it trusts, and one login, known to PLAIN and SCRAM alike."""

    keystore: Path
    authority: Path
    user: str
    password: str


class BrokerError(RuntimeError):
    """The broker cannot be had; the message says why and what to do."""


# Jars


def jars_dir() -> Path:
    """Return the folder of the jars: `FLOORPULSE_KAFKA_LIBS`, or `.kafka/libs` in the checkout."""
    return Path(os.environ.get("FLOORPULSE_KAFKA_LIBS") or ROOT / ".kafka" / "libs").absolute()


def jars_ready() -> bool:
    """Tell whether `jars_dir` holds the Kafka of the pom."""
    version = ElementTree.parse(POM).findtext("./{*}properties/{*}kafka.version")
    return (jars_dir() / f"kafka_2.13-{version}.jar").exists()


def missing_tools() -> str:
    """Name what this machine lacks to run a broker, "" when nothing: Java, and Maven while the jars are absent."""
    needed = {"java": f"Java {LEAST_JAVA}+ (java)"} | ({} if jars_ready() else {"mvn": "Maven (mvn)"})
    return " and ".join(words for command, words in needed.items() if shutil.which(command) is None)


def ensure_jars() -> Path:
    """Return the folder of the jars, downloading them with Maven first if they are absent (10 to 30 s, 43 MB).

    An interrupted download leaves nothing that looks finished.
    Raises BrokerError when Java or Maven is missing, Java is too old, Maven fails, or the folder holds something else.
    """
    if missing := missing_tools():
        raise BrokerError(f"a Kafka broker needs Java {LEAST_JAVA}+ and Maven; not found: {missing}")
    _refuse_old_java()
    libs = jars_dir()
    if jars_ready():
        return libs
    if libs.exists() and any(libs.iterdir()):
        raise BrokerError(f"{libs} does not hold the Kafka version of {POM}: remove that folder and try again")
    libs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=libs.parent, prefix="libs-") as scratch:
        fetched = Path(scratch) / "libs"
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={fetched}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise BrokerError(f"Maven could not fetch the Kafka jars ({' '.join(command)}):\n{_tail(done.stdout)}")
        if not jars_ready():  # else another process was quicker
            fetched.rename(libs)
    return libs


def _refuse_old_java() -> None:
    words = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', words)
    if found is None or int(found[1]) < LEAST_JAVA:
        raise BrokerError(f"Apache Kafka needs Java {LEAST_JAVA} or newer, found: {words.strip() or 'no version'}")


# Ports


def _port_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java binds: TIME_WAIT does not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False


def _free_port() -> int:
    candidates = random.sample(UNPRIVILEGED_PORTS, 100)
    for port in candidates:
        if not _port_taken(port):
            return port
    raise BrokerError(f"no free port of {HOST} found in {UNPRIVILEGED_PORTS}")


# Broker


class KafkaBroker:
    """One broker that is its own controller, listening on 127.0.0.1 only, with its data in one folder.

    The folder gets `server.properties`, `broker.log` and `logs/` (the topics); data already there are kept.
    A second listener, on `proxied_port`, sends its clients to `proxy_port`, where a test may put a proxy
    (tests/integration/proxy.py); nothing else listens there.
    A `secured` broker has three more, the `secured_ports` of SASL_PLAINTEXT, SASL_SSL and SSL, the last of which asks for a
    certificate. Its first port stays open to all: tests look through it at what came in through the others.
    `with KafkaBroker(folder) as broker:` starts and stops it. The broker is killed when this process ends in any
    way, and when the thread that started it ends: start it from the main thread.
    """

    def __init__(self, directory: Path, port: int | None = None, secured: Secured | None = None) -> None:
        self.directory = directory.absolute()
        self.port = _free_port() if port is None else port
        self.proxied_port, self.proxy_port = _free_port(), _free_port()
        self.secured_ports = {name: _free_port() for name in ("SASL_PLAINTEXT", "SASL_SSL", "SSL") if secured}
        self._secured = secured
        self.log = self.directory / "broker.log"
        self._log_dir = self.directory / "logs"
        self._settings = self.directory / "server.properties"
        self._log_begin = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The `host:port` for clients; the same before, during and after every start."""
        return f"{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the broker's process lives; False too after it crashed."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the broker and return when it accepts topics; about 3 s, 6 s after a kill.

        Raises BrokerError, with the end of the broker's log, if it is not ready within 60 s, and leaves no process.
        """
        self._refuse_a_second_broker()
        libs = ensure_jars()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._log_begin = self.log.stat().st_size if self.log.exists() else 0
        self._write_settings()
        if not self._formatted:
            self._format(libs)
        self._process = self._java(libs, "kafka.Kafka", str(self._settings))
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the broker cleanly, by force after 20 s; does nothing if it does not run."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def kill(self) -> None:
        """End the broker at once, as a crash would; the data stay, and the next start waits for the old session."""
        if self._process is not None:
            self._process.kill()
        self._reap()

    def restart(self) -> None:
        """Stop, then start on the same port with the same data."""
        self.stop()
        self.start()

    def wait(self) -> int:
        """Block until the running broker ends by itself and return its exit status."""
        if self._process is None:
            raise BrokerError(f"the broker of {self.directory} was not started")
        return self._process.wait()

    def wipe(self) -> None:
        """Delete the topics of a stopped broker; a `logs` folder that Kafka did not make is left alone."""
        self._refuse_a_second_broker()
        if self._formatted:
            shutil.rmtree(self._log_dir)

    def log_tail(self) -> str:
        """Return the last lines the broker logged since its latest start."""
        return _tail(self.log.read_bytes()[self._log_begin :].decode(errors="replace"))

    @property
    def _formatted(self) -> bool:
        return (self._log_dir / "meta.properties").exists()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _refuse_a_second_broker(self) -> None:
        if self.running:
            raise BrokerError(f"the broker of {self.directory} is running already")
        if _port_taken(self.port):
            raise BrokerError(f"port {self.port} of {HOST} is in use: stop what listens there, or choose another port")
        lock = self._log_dir / ".lock"  # Kafka's own; Java's file locks are those of fcntl
        if lock.exists():
            with lock.open("r+b") as file:
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise BrokerError(f"another broker uses {self.directory}: stop it, or choose another") from None

    def _write_settings(self) -> None:
        ports = {"PLAINTEXT": self.port, **self.secured_ports}
        text = SETTINGS.format(
            host=HOST,
            clients=",".join(f"{name}://{HOST}:{port}" for name, port in ports.items()),
            proxied_port=self.proxied_port,
            proxy_port=self.proxy_port,
            controller_port=_free_port(),
            log_dir=self._log_dir,
        )
        if secured := self._secured:
            text += SECURED_SETTINGS.format(keystore=secured.keystore, authority=secured.authority)
            for listener in ("sasl_plaintext", "sasl_ssl"):
                text += LOGINS.format(listener=listener, user=secured.user, password=secured.password)
        self._settings.write_text(text)

    def _format(self, libs: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One word with its value: a cluster id may begin with a dash.
        arguments = ["format", f"--cluster-id={cluster}", "--config", str(self._settings)]
        if secured := self._secured:
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                arguments += ["--add-scram", f"{mechanism}=[name={secured.user},password={secured.password}]"]
        with self._java(libs, "kafka.tools.StorageTool", *arguments) as process:
            try:
                status = process.wait(START_TIMEOUT_S)
            except BaseException:
                process.kill()
                raise
        if status:
            raise BrokerError(f"Kafka could not format {self._log_dir} (status {status}):\n{self.log_tail()}")

    def _java(self, libs: Path, main: str, *arguments: str) -> subprocess.Popen[bytes]:
        java = shutil.which("java")
        if java is None:
            raise BrokerError(f"a Kafka broker needs Java {LEAST_JAVA}+ (java)")
        command = [java, *JAVA_OPTIONS, "-cp", f"{libs}/*", main, *arguments]
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the parent only, which then stops the broker in its order.
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _broker_listed(self.port):
            if (status := self._process.poll()) is not None:
                raise BrokerError(f"Kafka ended with status {status} at its start:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise BrokerError(f"Kafka was not ready within {START_TIMEOUT_S:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)


def _broker_listed(port: int) -> bool:
    """Ask for the metadata and tell whether they list a broker, which only an unfenced one is.

    Written out, because a client's reconnecting and logging are in the way of a plain yes or no: a Metadata request
    (key 3) of version 1 for no topics; the answer is a correlation id and the array of brokers.
    """
    request = struct.pack(">hhi h i", 3, 1, 0, -1, 0)
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                return bool(struct.unpack(">iii", answer.read(12))[2])
    except (OSError, struct.error):  # not listening yet, or closed in the middle
        return False


def _tail(text: str, lines: int = 20) -> str:
    return "\n".join(text.strip().splitlines()[-lines:]) or "(nothing logged)"


# Command


def main(arguments: list[str] | None = None) -> int:
    """Run a broker in the foreground until Ctrl-C or SIGTERM; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.kafka_broker", description="Run one Apache Kafka broker.")
    parser.add_argument("--port", type=int, default=9092, help="port of 127.0.0.1 (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=ROOT / ".kafka" / "data", help="folder (default: .kafka/data)")
    parser.add_argument("--keep", action="store_true", help="keep the topics of the last run; else they are deleted")
    parser.add_argument("--fetch-only", action="store_true", help="download the jars and end")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job begins with it ignored
        signal.signal(number, signal.default_int_handler)
    try:
        if not jars_ready():
            print(f"Fetching the Kafka jars into {jars_dir()}, once", flush=True)
        ensure_jars()
        return 0 if options.fetch_only else _run(KafkaBroker(options.data, options.port), options.keep)
    except BrokerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _run(broker: KafkaBroker, keep: bool) -> int:
    if not keep:
        broker.wipe()
    with broker:
        print(f"Kafka listens on {broker.bootstrap}; data and broker.log in {broker.directory}")
        print(f"Point Floorpulse at it with --bootstrap {broker.bootstrap}, tests with", end=" ")
        print(f"FLOORPULSE_BOOTSTRAP={broker.bootstrap}\nCtrl-C stops it", flush=True)
        try:
            status = broker.wait()
        except KeyboardInterrupt:
            print("Stopping", flush=True)
            return 0
    raise BrokerError(f"Kafka ended by itself with status {status}:\n{broker.log_tail()}")


if __name__ == "__main__":
    sys.exit(main())
