"""What stands open: since when, and for how long at most, as one integer.

Live sums count things by their span. The allowance is in whole seconds: after it a wait is lost, a wrap-up inferred, a
callback due. 0 where time alone changes nothing.
"""

from typing import Final

BITS: Final = 22  # of the allowance; with a start before the year 2100 a span has 64
LONGEST_S: Final = (1 << BITS) - 1


def span(start_ms: int, allowance_s: int = 0) -> int:
    """Return the span from `start_ms` on; allowances above 48 days are as long as 48 days."""
    return start_ms << BITS | min(allowance_s, LONGEST_S)


def start_of(span: int) -> int:
    """Return when a span began, in ms."""
    return span >> BITS


def end_of(span: int) -> int:
    """Return when the allowance of a span is used up, in ms."""
    return (span >> BITS) + 1_000 * (span & LONGEST_S)
