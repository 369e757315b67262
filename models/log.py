"""What is read off the log of a source partition, and what is told of it."""

from dataclasses import dataclass
from typing import Protocol

import msgspec


class Record(Protocol):
    """A record of the log: what Kafka's client hands over, or `Line`."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """When it was appended, in ms; 0 where that is not known."""
        ...

    @property
    def value(self) -> bytes | None: ...


class Line(msgspec.Struct, frozen=True, gc=False):
    """A record that does not come from Kafka: a line of a file."""

    offset: int
    value: bytes | None
    timestamp: int = 0


@dataclass
class Counts:
    """What happened to the records, since the beginning of the log."""

    events: int = 0
    duplicates: int = 0
    late: int = 0
    invalid: int = 0
    orphans: int = 0  # contacts of which no beginning is known
    lost: int = 0  # deleted from the log before they were read


@dataclass(frozen=True)
class Letter:
    """A record that was not folded: `code` is `late` or a `DecodeError`'s."""

    offset: int
    code: str
    reason: str
    value: bytes | None
