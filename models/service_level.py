"""Service level: every published formula from one split of the visits.

For a threshold T and a short-abandon limit S each visit, counted by entry, falls into one cell (both limits inclusive):
`a_in`, `a_out` answered with wait ≤ T, > T; `sa` abandoned with wait ≤ S; `b_in`, `b_out` other abandons ≤ T, > T.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Variant:
    """One published formula: the cells above and below the line, in words, and who uses it."""

    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    formula: str
    source: str


VARIANTS: Final = (
    Variant(
        "sl_v1",
        ("a_in",),
        ("a_in", "a_out"),
        "answered within T ÷ answered",
        "Asterisk ServicelevelPerf, Wazo quality of service, Livebank",
    ),
    Variant(
        "sl_v2",
        ("a_in",),
        ("a_in", "a_out", "b_in", "b_out", "sa"),
        "answered within T ÷ (answered + abandoned)",
        "Genesys with abandons and short abandons on, Vonage without breakouts",
    ),
    Variant(
        "sl_v3",
        ("a_in",),
        ("a_in", "a_out", "b_in", "b_out"),
        "answered within T ÷ (answered + abandoned but the short ones)",
        "Genesys with abandons on and short ones off, CxEngage",
    ),
    Variant(
        "sl_v4",
        ("a_in",),
        ("a_in", "a_out", "b_out"),
        "answered within T ÷ (answered + abandoned after T)",
        "close to Cisco's “ignore”",
    ),
)


def ratio(numerator: Iterable[str], denominator: Iterable[str], amounts: Mapping[str, int]) -> float | None:
    """Divide one sum of amounts by another; None where there is nothing to divide by."""
    below = sum(amounts[name] for name in denominator)
    return sum(amounts[name] for name in numerator) / below if below else None
