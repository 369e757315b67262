"""What a contact is about: its first offered entry and its completed legs count for what was said last (docs/counting.md)."""

import pytest

from models import measures
from models.folding import QueueRules
from tests.unit.builders import (
    about,
    answered,
    by_rules,
    classified,
    ended,
    exited,
    is_abandoned,
    is_answered,
    is_counted,
    is_given_up,
    is_handled,
    is_waiting,
    left,
    queued,
    started,
    wrapped,
)
from tests.unit.cases import Case, assert_counts

ENTRY = is_counted(0, measures.CONTACTS)
# 0    5         30
# Q....A=========E
ANSWERED = is_answered(0, 5)
LEG = is_handled(30, talk=25)
CALL = [answered(5), ended(30)]
CASES: dict[str, Case] = {
    "nothing is said": ([queued(0), *CALL], ANSWERED + LEG),
    "at the entry": (
        [queued(0, issue="bill", reason="refund"), *CALL],
        ANSWERED + LEG + about("bill", "refund", ENTRY + LEG),
    ),
    "a type alone": ([queued(0, issue="bill"), *CALL], ANSWERED + LEG + about("bill", "", ENTRY + LEG)),
    "a reason alone": ([queued(0, reason="refund"), *CALL], ANSWERED + LEG + about("", "refund", ENTRY + LEG)),
    "before the entry": (
        [started(-9), classified(-5, "bill"), queued(0), *CALL],
        ANSWERED + LEG + about("bill", "", ENTRY + LEG),
    ),
    # said while it is talked about: the entry counts for it too
    "after the entry": (
        [queued(0), answered(5), classified(9, "bill"), ended(30)],
        ANSWERED + LEG + about("bill", "", ENTRY + LEG),
    ),
    # and what had counted for another issue moves, all of it
    "said otherwise": (
        [queued(0, issue="bill"), answered(5), classified(9, "tariff", "price"), ended(30)],
        ANSWERED + LEG + about("tariff", "price", ENTRY + LEG),
    ),
    "said after the end": (
        [queued(0, issue="bill"), *CALL, classified(99, "tariff")],
        ANSWERED + LEG + about("tariff", "", ENTRY + LEG),
    ),
    "said twice": (
        [queued(0, issue="bill"), *CALL, classified(99, "tariff"), classified(100, "bill")],
        ANSWERED + LEG + about("bill", "", ENTRY + LEG),
    ),
    "said by nothing is not unsaid": (
        [queued(0, issue="bill"), *CALL, classified(99)],
        ANSWERED + LEG + about("bill", "", ENTRY + LEG),
    ),
    # 0 A====E 5          10 Q     who joined was not of role primary, and there was no entry: the leg counts all the same
    "said after the leg of one who joined": (
        [answered(0, role="conference"), ended(5), wrapped(7), queued(10, issue="bill", direction="outbound")],
        is_handled(7, talk=5, acw=2, queue="_unknown") + about("bill", "", is_handled(7, talk=5, acw=2, queue="_unknown")),
    ),
    # sales 0 Q..5 A===L 10      tech 10 Q...15 A====E 30     the second entry is not the first; both legs count
    "two legs": (
        [queued(0, issue="bill"), answered(5), left(10), queued(10, "tech"), answered(15, "bob"), ended(30)],
        ANSWERED
        + is_handled(10, talk=5)
        + is_answered(10, 5, "tech", first=False)
        + is_handled(30, talk=15, queue="tech")
        + about("bill", "", ENTRY + is_handled(10, talk=5) + is_handled(30, talk=15, queue="tech")),
    ),
    "another entry says otherwise": (
        [queued(0, issue="bill"), exited(5, "answered_elsewhere"), queued(10, "tech", issue="tariff")],
        ENTRY + is_waiting(10, "tech", first=False, since=0) + about("tariff", "", ENTRY),
    ),
    "abandoned": (
        [queued(0, issue="bill"), ended(9)],
        is_abandoned(0, 9) + is_given_up(0, 9) + about("bill", "", ENTRY),
    ),
    "not offered: the leg alone": (
        [queued(0, direction="outbound", issue="bill"), *CALL],
        LEG + about("bill", "", LEG),
    ),
    "wrapped": (
        [queued(0, issue="bill"), *CALL, wrapped(50, resolved=True)],
        ANSWERED
        + is_handled(50, talk=25, acw=20)
        + is_counted(50, measures.RESOLVED)
        + about("bill", "", ENTRY + is_handled(50, talk=25, acw=20)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_issues(name: str) -> None:
    assert_counts(*CASES[name])


def test_wrap_up_that_is_waited_for_moves_the_issues_leg_as_well() -> None:
    rules = by_rules(QueueRules(wrap_up="event"))
    waited = is_handled(50, talk=25, acw=20)
    events = [queued(0, issue="bill"), *CALL, wrapped(50)]
    assert_counts(events, ANSWERED + waited + about("bill", "", ENTRY + waited), rules=rules)
