"""What is counted: the cells that a contribution may name.

A cell is a small integer. Live cells count things that are open now, by the time they began. All others are added to
panes: counts, sums in ms, and histograms, whose cells are `histogram + bucket` (models/histogram.py). Nothing that can be
added up from other cells has a cell of its own: the answered are the histogram of their waits.

Each pane measure has one attribution: *flow* cells stand at the time of the happening, *cohort* cells at the time of
entering the queue (Genesys and Cisco count by flow, Intercom by entry).
"""

from typing import Final, get_args

from models.events import ExitReason

Cells = dict[int, int]
SPAN: Final = 4_096  # cells of one histogram

# live, by start
WAITING: Final = 0
IN_PROGRESS: Final = 1
LIVE: Final = 2  # cells below are live

# flow
OFFERED: Final = 16  # at entry: both flow and cohort
TALK_MS: Final = 17  # at completion, as all of a leg
HOLD_MS: Final = 18
WRAP_UP_MS: Final = 19
TRANSFERRED: Final = 20
ANSWER_WAIT_MS: Final = 21  # at the answer
ABANDON_WAIT_MS: Final = 22  # at the exit
EXIT_WAIT_MS: Final = 23  # at any other exit
EXITED: Final = {reason: 32 + n for n, reason in enumerate(get_args(ExitReason)) if reason != "abandoned"}
ANSWER_WAIT: Final = 1 * SPAN
ABANDON_WAIT: Final = 2 * SPAN
HANDLE: Final = 3 * SPAN  # its sum is talk + hold + wrap-up
EXIT_WAIT: Final = 6 * SPAN
LONG_WAIT: Final = (
    1 << 32
)  # and the ms: each wait that the histograms do not hold to the second, so that the longest is exact

# cohort, at entry
COHORT_ANSWER_WAIT: Final = 4 * SPAN
COHORT_ABANDON_WAIT: Final = 5 * SPAN
COHORT_CALLBACK_WAIT: Final = 7 * SPAN  # left for a callback
COHORT_EXIT_WAIT: Final = 8 * SPAN  # left otherwise


def accumulate(total: Cells, cells: Cells, sign: int = 1) -> None:
    """Add cells to a total in place, or take them away; cells that come to 0 are removed."""
    for cell, n in cells.items():
        left = total.get(cell, 0) + sign * n
        if left:
            total[cell] = left
        else:
            total.pop(cell, None)


def added(cells: Cells, more: Cells, sign: int = 1) -> Cells:
    """Return the sum, or the difference, of two sets of cells, without those that come to 0."""
    total = dict(cells)
    accumulate(total, more, sign)
    return total
