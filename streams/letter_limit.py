"""When a worker stops rather than empty a topic into dead letters: a source that sends nothing right needs a person."""

from typing import Final

AT_LEAST: Final = 500  # records, before anything is judged
WINDOW: Final = 10_000  # records, about: older ones count for less and less


class LetterLimit:
    """Watches the share of the newest records of a partition that were no events."""

    def __init__(self, most: float) -> None:
        """Take the share that is allowed, 0 to 1."""
        self._most = most
        self._records = 0.0
        self._refused = 0.0

    def exceeded(self, records: int, refused: int) -> float | None:
        """Count the records of a fetch; return the share of the newest ones where it is more than is allowed."""
        self._records += records
        self._refused += refused
        while self._records > WINDOW:
            self._records /= 2
            self._refused /= 2
        share = self._refused / max(self._records, 1)
        return share if self._records >= AT_LEAST and share > self._most else None
