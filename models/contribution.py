"""What records contribute to the panes: the common language of those who read facts and those who add up."""

from dataclasses import dataclass, field

from models.book import Book, Key
from models.folding import QueueRules, default_rules

Cells = tuple[tuple[int, int], ...]  # cells (models/measures.py) and what to add to each


@dataclass(slots=True)
class Contribution:
    """Sums for the panes of a time, and what stands open since a time; by which rules they are read. Times in ms.

    The last of each is a factor: 1 adds, -1 takes back.
    """

    rules: Book[QueueRules] = field(default_factory=lambda: Book(default_rules))
    chats: bool = False  # what is read are chats, which end completed, dropped or missed
    counted: list[tuple[Key, int, Cells, int]] = field(default_factory=list)
    opened: list[tuple[Key, int, int, int]] = field(default_factory=list)  # a live cell, and its span (models/span.py)

    def like(self) -> "Contribution":
        """Return an empty contribution by the same rules."""
        return Contribution(self.rules, self.chats)

    def add(self, other: "Contribution") -> None:
        """Add another contribution."""
        self.counted += other.counted
        self.opened += other.opened

    def take_back(self, other: "Contribution") -> None:
        """Add the opposite of another contribution."""
        self.counted += [(key, at, cells, -factor) for key, at, cells, factor in other.counted]
        self.opened += [(key, cell, span, -factor) for key, cell, span, factor in other.opened]

    def clear(self) -> None:
        """Become empty."""
        self.counted.clear()
        self.opened.clear()
