"""Service level: every published formula from one split of the visits.

For a threshold T and a short-abandon limit S each visit, counted by entry, falls into one cell (both limits inclusive):
`a_in`, `a_out` answered with wait ≤ T, > T; `sa` abandoned with wait ≤ S; `b_in`, `b_out` other abandons ≤ T, > T; `c_in`,
`c_out` left for a callback; `x_in`, `x_out` left otherwise; `w_in`, `w_out` waiting now, for ≤ T, > T.
"""

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


PASSED: Final = ("a_out", "b_out", "c_out", "x_out", "w_out")  # T, whatever came of it; short abandons never count
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
    Variant(
        "sl_v5",
        ("a_in", "b_in", "sa"),
        ("a_in", "a_out", "b_in", "b_out", "sa"),
        "(answered + abandoned within T) ÷ (answered + abandoned)",
        "Asterisk ServicelevelPerf2",
    ),
    Variant(
        "sl_v6",
        ("a_in", "b_in", "sa", "c_in"),
        ("a_in", "a_out", "b_in", "b_out", "sa", "c_in", "c_out", "x_in", "x_out"),
        "(answered + abandoned + left for a callback within T) ÷ all that left the queue",
        "Connect SERVICE_LEVEL",
    ),
    Variant(
        "sl_v7",
        ("a_in",),
        ("a_in", "a_out", "b_in", "b_out", "sa", "c_in", "c_out", "x_in", "x_out"),
        "answered within T ÷ all that left the queue",
        "Genesys with flow-outs on, Vonage",
    ),
    Variant(
        "sl_v8",
        ("a_in",),
        ("a_in", "a_out", "b_in", "b_out", "c_in", "c_out", "x_in", "x_out"),
        "answered within T ÷ all that left the queue but the short abandons",
        "Talkdesk, Sinch",
    ),
    Variant(
        "sl_v9_ignore",
        ("a_in",),
        ("a_in", *PASSED),
        "answered within T ÷ (answered within T + passed T)",
        "Cisco, abandons ignored",
    ),
    Variant(
        "sl_v9_negative",
        ("a_in",),
        ("a_in", "b_in", *PASSED),
        "answered within T ÷ (answered or abandoned within T + passed T)",
        "Cisco, abandons negative",
    ),
    Variant(
        "sl_v9_positive",
        ("a_in", "b_in"),
        ("a_in", "b_in", *PASSED),
        "(answered or abandoned within T) ÷ (answered or abandoned within T + passed T)",
        "Cisco, abandons positive",
    ),
    Variant(
        "sl_v11",
        ("a_in",),
        ("a_in", "a_out", "b_in", "b_out", "c_in", "c_out", "x_in", "x_out", "w_in", "w_out"),
        "answered within T ÷ all that waited or wait, but the short abandons",
        "Twilio real-time queues view",
    ),
)
DECIDED: Final = {  # the live service level: V9, each visit counted when it was decided
    "ignore": (("answered_in",), ("answered_in", "passed", "passing")),
    "negative": (("answered_in",), ("answered_in", "abandoned_in", "passed", "passing")),
    "positive": (("answered_in", "abandoned_in"), ("answered_in", "abandoned_in", "passed", "passing")),
}
