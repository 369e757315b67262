"""When a worker stops rather than empty a topic into dead letters: a source that sends nothing right needs a person.

Where the refused records stood is part of the state of a partition, so that a worker started again knows what the one before
it knew: it does not take a topic for good again with every start.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from models.log import Letter

AT_LEAST: Final = 500  # records, before anything is judged
REASON_CHARACTERS: Final = 200


@dataclass
class RefusedLately:
    """The dead letters among the newest records of a partition."""

    first: int = -1  # offset of the first record that was ever read; -1: none was
    offsets: list[int] = field(default_factory=list)
    reason: str = ""  # of the newest one


@dataclass(frozen=True)
class LetterLimit:
    """The share `most` (0 to 1) of the newest `window` records that may be dead letters; offsets count for records."""

    most: float = 0.5
    window: int = 10_000

    def note(self, refused: RefusedLately, first: int, last: int, letters: Iterable[Letter]) -> None:
        """Take up the letters of the records from offset `first` to `last`; late events are none."""
        if refused.first < 0:
            refused.first = first
        for letter in letters:
            if letter.code != "late":
                refused.offsets.append(letter.offset)
                refused.reason = letter.reason[:REASON_CHARACTERS]
        del refused.offsets[: bisect_right(refused.offsets, last - self.window)]

    def exceeded(self, refused: RefusedLately, last: int) -> float | None:
        """Return the share among the newest records, up to offset `last`, where it is more than is allowed."""
        records = min(self.window, last - refused.first + 1)
        if refused.first < 0 or records < min(AT_LEAST, self.window):
            return None
        share = (len(refused.offsets) - bisect_right(refused.offsets, last - self.window)) / records
        return share if share > self.most else None
