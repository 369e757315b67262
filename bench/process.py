"""What the system says of a worker's process: its memory, and the processor's time it has used (Linux)."""

import os
from pathlib import Path
from typing import Final

from tests.integration.harness import Worker

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def rss_mb(running: Worker) -> float:
    """Return the memory of the process, in MB."""
    return int(_said(running, "statm").split()[1]) * _PAGE_BYTES / 1e6


def cpu_s(running: Worker) -> float:
    """Return the processor's time of all threads since the start, in seconds."""
    fields = _said(running, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _said(running: Worker, name: str) -> str:
    assert running.process is not None, "the worker was not started"
    return Path(f"/proc/{running.process.pid}/{name}").read_text()
