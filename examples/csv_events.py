"""Rows of CSV files in, events as JSON lines on standard output: what the converters have in common."""

import csv
import sys
from collections.abc import Iterable, Iterator

from models.codec import encode
from models.events import ContactEvent, Prefix


def rows(paths: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of the files, by the names of their columns."""
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def write(prefix: Prefix, events: Iterable[ContactEvent]) -> None:
    """Write events, one a line."""
    for event in events:
        sys.stdout.buffer.write(encode(prefix, event) + b"\n")
