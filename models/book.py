"""Terms of queues by time: which of them holds for a queue and channel at a moment."""

from collections.abc import Callable
from typing import Generic, TypeVar

Key = tuple[str, str]  # queue and channel
T = TypeVar("T")


class Book(Generic[T]):
    """What holds for each queue and channel, at each time."""

    def __init__(self, default: Callable[[Key], T]) -> None:
        self._default = default
        self._fixed: dict[Key, T] = {}  # of queues for which the same holds at all times

    def of(self, key: Key, at_ms: int) -> T:  # noqa: ARG002
        """Return what holds for a queue and channel at a time."""
        known = self._fixed.get(key)
        if known is None:
            known = self._fixed[key] = self._default(key)
        return known
