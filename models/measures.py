"""What is counted: the cells that a contribution may name.

A cell is a small integer. Live cells count things that are open now, by their span. All others are added to panes: counts,
sums in ms, and histograms, whose cells are `histogram + bucket` (models/histogram.py). Nothing that can be added up from
other cells has a cell of its own: the answered are the histogram of their waits.

Each pane measure has one attribution: *flow* cells stand at the time of the happening, *cohort* cells at the time of
entering the queue (Genesys and Cisco count by flow, Intercom by entry). docs/counting.md says when each is counted.
"""

from typing import Any, Final, get_args

from models.events import BlockReason, DeclineReason, ExitReason, TransferKind

Cells = dict[int, int]
SPAN: Final = 4_096  # cells of one histogram


def _numbered(first: int, words: Any) -> dict[str, int]:
    return {word: first + n for n, word in enumerate(get_args(words))}


# live, by span
WAITING: Final = 0  # the allowance: until it is lost
IN_PROGRESS: Final = 1
RINGING: Final = 2  # the allowance: until it is taken for over
IN_ACW: Final = 3  # the allowance: until it is inferred
UNANSWERED: Final = 4  # chats whose customer waits for a reply
NO_RESPONSE: Final = 5  # chats that had no response yet
CALLBACKS: Final = 6  # open, by request; the allowance: until it is due
WAITING_CONTACT: Final = 7  # by the start of the contact, where that was before the entry
LIVE: Final = 8  # cells below are live

# flow: visits
OFFERED: Final = 16  # at entry: both flow and cohort
ANSWER_WAIT_MS: Final = 17  # at the answer
ABANDON_WAIT_MS: Final = 18  # at the exit
EXIT_WAIT_MS: Final = 19  # at any other exit
LOST: Final = 20  # when it was given up
SCORED: Final = 21  # when the threshold was passed
OFFERS: Final = 22  # to a person, when they ended
RING_MS: Final = 23
RANG_AT_HANG_UP: Final = 24
MORE_ANSWERED_IN: Final = 25  # in time by the terms of the entry than by those of the end, where they differ
MORE_ABANDONED_IN: Final = 26
EXITED: Final = {reason: cell for reason, cell in _numbered(32, ExitReason).items() if reason != "abandoned"}
DECLINED: Final = _numbered(48, DeclineReason)
BLOCKED: Final = _numbered(56, BlockReason)
# flow: legs, at completion, as all of a leg
TALK_MS: Final = 64
HOLD_MS: Final = 65
WRAP_UP_MS: Final = 66
HOLDS: Final = 67
HELD: Final = 68  # legs with at least one hold
HOLD_ABANDONED_CUSTOMER: Final = 69
HOLD_ABANDONED_AGENT: Final = 70
AGENT_DISCONNECT: Final = 71
ACW_INFERRED: Final = 72
TRANSFERS: Final = _numbered(74, TransferKind)
CONSULTS: Final = 80  # at their end
CONSULT_MS: Final = 81
RESOLVED: Final = 82  # at the wrap-up
UNRESOLVED: Final = 83
ESCALATED: Final = 84
UNFINISHED: Final = 85  # legs of which the end was never heard
# flow: chats
COMPLETED: Final = 96
DROPPED: Final = 97
MISSED: Final = 98
CONVERSATIONS: Final = 99  # from the customer's first message to the end
CONVERSATION_MS: Final = 100
RESPONSE_MS: Final = 101
TOTAL_RESPONSES: Final = 102
TOTAL_RESPONSE_MS: Final = 103
REPLY_MS: Final = 104
# flow: callbacks
CALLBACKS_REQUESTED: Final = 112
CALLBACKS_ATTEMPTED: Final = 113
CALLBACKS_CONNECTED: Final = 114
CALLBACKS_FAILED: Final = 115
CALLBACKS_CANCELLED: Final = 116
CALLBACKS_MADE: Final = 117  # requested ones that were connected
CALLBACK_WAIT_MS: Final = 118
# flow: surveys, by the answer
SURVEYS_ANSWERED: Final = 128
CSAT_RATED: Final = 129
CSAT_GOOD: Final = 130
CSAT_POINTS: Final = 131  # thousandths, on a scale to 5
NPS_RATED: Final = 132
NPS_PROMOTERS: Final = 133
NPS_DETRACTORS: Final = 134
CES_RATED: Final = 135
CES_POINTS: Final = 136
RATED_RESOLVED: Final = 137
RATED_UNRESOLVED: Final = 138
# cohort
CONTACTS: Final = 144  # at the first entry
CONTACT_WAIT_MS: Final = 145  # of the answered
COHORT_LOST: Final = 146
COHORT_NO_RESPONSE: Final = 147  # chats that ended without a response, at its start
SURVEYS_OFFERED: Final = 148  # at the offer: both flow and cohort
COHORT_SURVEYS_ANSWERED: Final = 149  # at the offer

# histograms, flow
ANSWER_WAIT: Final = 1 * SPAN
ABANDON_WAIT: Final = 2 * SPAN
HANDLE: Final = 3 * SPAN  # its sum is talk + hold + wrap-up
EXIT_WAIT: Final = 6 * SPAN
RESPONSE: Final = 11 * SPAN
REPLY: Final = 13 * SPAN
CALLBACK_DELAY: Final = 14 * SPAN  # from due to made; in whole seconds, rounded up, all that are above an hour as one
LONG_WAIT: Final = 1 << 32  # and the ms: each wait that the histograms do not hold to the second: the longest is exact
# histograms, cohort
COHORT_ANSWER_WAIT: Final = 4 * SPAN
COHORT_ABANDON_WAIT: Final = 5 * SPAN
COHORT_CALLBACK_WAIT: Final = 7 * SPAN  # left for a callback
COHORT_EXIT_WAIT: Final = 8 * SPAN  # left otherwise
CONTACT_ANSWER_WAIT: Final = 9 * SPAN  # at the first entry
CONTACT_ABANDON_WAIT: Final = 10 * SPAN
COHORT_RESPONSE: Final = 12 * SPAN


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
