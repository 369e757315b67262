"""Recorded events in files: plain, packed, or from standard input and to standard output."""

import gzip
import sys
import zlib
from pathlib import Path
from typing import BinaryIO, Final, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from models.errors import ConfigError

PACKED: Final = (".gz", ".zst")
DAMAGED: Final = (OSError, EOFError, zlib.error, zstd.ZstdError)  # what reading a damaged file raises


def open_events(path: str) -> BinaryIO:
    """Open a file of events, one JSON object a line: `.jsonl`, `.jsonl.gz`, `.jsonl.zst`, or `-` for standard input."""
    if path == "-":
        return sys.stdin.buffer
    try:
        if Path(path).is_dir():
            raise ConfigError(f"{path}: is a folder, allowed: a file of events, one JSON object a line")
        if path.endswith(".gz"):
            return cast(BinaryIO, gzip.open(path, "rb"))
        if path.endswith(".zst"):
            return cast(BinaryIO, zstd.open(path, "rb"))
        return Path(path).open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def create_events(path: str) -> BinaryIO:
    """Open a file to write events to, packed by its name as `open_events` reads it; `-` is standard output."""
    if path == "-":
        return sys.stdout.buffer
    try:
        if path.endswith(".gz"):
            # Without a time in it: the same events are the same file.
            return cast(BinaryIO, gzip.GzipFile(path, "wb", compresslevel=6, mtime=0))
        if path.endswith(".zst"):
            return cast(BinaryIO, zstd.open(path, "wb"))
        return Path(path).open("wb")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
