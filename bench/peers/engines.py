"""The engines: how each is started, and what it needs."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from bench.peers.job import Found
from tests.kafka_broker import POM, ROOT

HERE: Final = Path(__file__).parent / "kafka_streams"
JARS: Final = ROOT / ".kafka" / "streams-libs"
LONGEST_S: Final = 600.0


class EngineError(RuntimeError):
    """An engine ended without a result; the message has what it wrote."""


@dataclass(frozen=True)
class Engine:
    """One engine: its command, and what is missing to run it ("" where nothing is)."""

    name: str
    command: Callable[[str, str, int], list[str]]  # bootstrap, topic, sum of all talk times
    missing: Callable[[], str] = lambda: ""
    few: bool = False  # whether it is so slow that it gets fewer events

    def run(self, bootstrap: str, topic: str, expected: int) -> Found:
        """Run the engine on a topic until it has counted everything. Raises `EngineError` where it does not."""
        with tempfile.TemporaryDirectory(prefix="floorpulse-peer-") as folder:
            try:
                done = subprocess.run(
                    self.command(bootstrap, topic, expected),
                    cwd=ROOT,
                    env={**os.environ, "FAUST_DATADIR": folder, "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={folder}"},
                    capture_output=True,
                    text=True,
                    timeout=LONGEST_S,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise EngineError(f"{self.name} has not counted everything in {LONGEST_S:.0f} s") from error
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise EngineError(f"{self.name} ended with status {done.returncode}:\n{done.stderr[-2_000:]}")
        return Found.parse(lines[-1])


def _ours(bootstrap: str, _topic: str, expected: int) -> list[str]:
    return [sys.executable, "-m", "bench.peers.ours", bootstrap, str(expected)]


def _stock_faust(bootstrap: str, topic: str, expected: int) -> list[str]:
    return [sys.executable, "-m", "bench.peers.stock_faust", bootstrap, topic, str(expected)]


def _bytewax(bootstrap: str, topic: str, _expected: int) -> list[str]:
    return [sys.executable, "-m", "bench.peers.bytewax_flow", bootstrap, topic]


def _no_bytewax() -> str:
    needed = ("bytewax", "confluent_kafka")
    lacking = [name for name in needed if importlib.util.find_spec(name) is None]
    return f"{' and '.join(lacking)}; run: pip install '.[bench]'" if lacking else ""


def _kafka_streams(bootstrap: str, topic: str, expected: int) -> list[str]:
    fetch_streams()
    arguments = (str(HERE / "TalkTime.java"), bootstrap, topic, str(expected))
    return ["java", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{JARS}/*", *arguments]


def _no_kafka_streams() -> str:
    needed = {"javac": "a Java development kit (javac)"} | ({} if _streams_ready() else {"mvn": "Maven (mvn)"})
    return " and ".join(words for command, words in needed.items() if shutil.which(command) is None)


def _kafka_version() -> str:
    return ElementTree.parse(POM).findtext("./{*}properties/{*}kafka.version") or ""


def _streams_ready() -> bool:
    return (JARS / f"kafka-streams-{_kafka_version()}.jar").exists()


def fetch_streams() -> None:
    """Fetch the jars of Kafka Streams with Maven, unless they are there. Raises `EngineError` where Maven cannot."""
    if _streams_ready():
        return
    shutil.rmtree(JARS, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=JARS.parent, prefix="streams-") as scratch:
        fetched = Path(scratch) / "libs"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={fetched}", f"-Dkafka.version={_kafka_version()}"]
        command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *goal]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise EngineError(f"Maven could not fetch the jars of Kafka Streams:\n{done.stdout[-2_000:]}")
        fetched.rename(JARS)


ENGINES: Final = (
    Engine("ours", _ours),
    Engine("stock_faust", _stock_faust, few=True),
    Engine("bytewax", _bytewax, _no_bytewax),
    Engine("kafka_streams", _kafka_streams, _no_kafka_streams),
)
