"""Surveys: offered, and answered with ratings (docs/counting.md)."""

import pytest

from models import measures
from tests.unit.builders import (
    Sums,
    about,
    answered,
    exited,
    is_abandoned,
    is_answered,
    is_counted,
    is_handled,
    is_in_progress,
    key,
    left,
    queued,
    rated,
    survey_offered,
    transferred,
)
from tests.unit.cases import Case, assert_counts

OFFERED, ANSWERED, BY_OFFER = measures.SURVEYS_OFFERED, measures.SURVEYS_ANSWERED, measures.COHORT_SURVEYS_ANSWERED
# sales 0 Q..5 A====T 20             ann
# tech        20 Q..26 A====L 30     bob
HANDLED = [
    queued(0),
    answered(5),
    transferred(20),
    queued(20, "tech"),
    answered(26, "bob"),
    left(30, "bob"),
]
IS_HANDLED = (
    is_answered(0, 5)
    + is_handled(20, talk=15, moved_on="other")
    + is_answered(20, 6, "tech", first=False)
    + is_handled(30, talk=4, queue="tech")
)


def is_csat(at: float, good: bool, thousandths: int, queue: str = "tech") -> Sums:
    cells = {ANSWERED: 1, measures.CSAT_RATED: 1, measures.CSAT_GOOD: int(good), measures.CSAT_POINTS: thousandths}
    return is_counted(at, cells, queue)


CASES: dict[str, Case] = {
    # ---------------------------------------------------------------- where it counts
    "the last handling": ([*HANDLED, survey_offered(40)], IS_HANDLED + is_counted(40, OFFERED, "tech")),
    "that of a person": ([*HANDLED, survey_offered(40, agent="ann")], IS_HANDLED + is_counted(40, OFFERED)),
    "a queue that is named": (
        [*HANDLED, survey_offered(40, queue="vip", agent="ann")],
        IS_HANDLED + is_counted(40, OFFERED, "vip"),
    ),
    "a person who did not handle it: the contact's queue": (
        [*HANDLED, survey_offered(40, agent="zoe")],
        IS_HANDLED + is_counted(40, OFFERED, "tech"),
    ),
    # sales 0 Q..5 A===========     ann
    #          10 A=====L 20        bob, conference in tech: not of role primary
    "who joined did not handle it": (
        [
            queued(0),
            answered(5),
            answered(10, "bob", "tech", role="conference"),
            left(20, "bob"),
            survey_offered(40),
            rated(50, agent="bob"),
        ],
        is_answered(0, 5)
        + is_in_progress(5)
        + is_handled(20, talk=10, queue="tech")
        + is_counted(40, {OFFERED: 1, BY_OFFER: 1})
        + is_counted(50, ANSWERED),
    ),
    # sales 0 Q..5 A====L 10     20 Q (tech)..X 25     never answered there: the handling was in sales
    "the last handling, not the last queue": (
        [queued(0), answered(5), left(10), queued(20, "tech"), exited(25), survey_offered(40)],
        is_answered(0, 5)
        + is_handled(10, talk=5)
        + is_abandoned(20, 5, "tech", first=False)
        + is_counted(40, OFFERED),
    ),
    "nobody handled it": ([queued(0), exited(5), survey_offered(40)], is_abandoned(0, 5) + is_counted(40, OFFERED)),
    "nothing is known of it": ([survey_offered(40)], is_counted(40, OFFERED, "_unknown")),
    "a queue that is named has the contact's channel": (
        [queued(0, channel="video"), exited(5), survey_offered(40, queue="vip")],
        is_abandoned(0, 5, key("sales", "video")) + is_counted(40, OFFERED, key("vip", "video")),
    ),
    # ---------------------------------------------------------------- answers
    "offered and answered": (
        [*HANDLED, survey_offered(40), rated(60, 5)],
        IS_HANDLED + is_counted(40, {OFFERED: 1, BY_OFFER: 1}, "tech") + is_csat(60, True, 5_000),
    ),
    "answered and never offered": ([*HANDLED, rated(60, 4)], IS_HANDLED + is_csat(60, True, 4_000)),
    "answered before the offer": (
        [*HANDLED, rated(60, 3), survey_offered(70)],
        IS_HANDLED + is_csat(60, False, 3_000) + is_counted(70, OFFERED, "tech"),
    ),
    # 40 offered   60 5   70 2        the last stands, at its own time; the offer was answered once
    "answered again": (
        [*HANDLED, survey_offered(40), rated(60, 5), rated(70, 2)],
        IS_HANDLED + is_counted(40, {OFFERED: 1, BY_OFFER: 1}, "tech") + is_csat(70, False, 2_000),
    ),
    "answered again, of another person": (
        [*HANDLED, rated(60, 5), rated(70, 2, agent="ann")],
        IS_HANDLED + is_csat(70, False, 2_000, "sales"),
    ),
    # 40 offered   60 5   65 offered   70 2        the answer that stands is to the second offer
    "offered and answered again": (
        [*HANDLED, survey_offered(40), rated(60, 5), survey_offered(65), rated(70, 2)],
        IS_HANDLED
        + is_counted(40, OFFERED, "tech")
        + is_counted(65, {OFFERED: 1, BY_OFFER: 1}, "tech")
        + is_csat(70, False, 2_000),
    ),
    "answered, offered, and answered again": (
        [*HANDLED, rated(60, 5), survey_offered(65), rated(70, 2)],
        IS_HANDLED + is_counted(65, {OFFERED: 1, BY_OFFER: 1}, "tech") + is_csat(70, False, 2_000),
    ),
    "offered twice and answered once": (
        [*HANDLED, survey_offered(40), survey_offered(65), rated(70, 2)],
        IS_HANDLED
        + is_counted(40, OFFERED, "tech")
        + is_counted(65, {OFFERED: 1, BY_OFFER: 1}, "tech")
        + is_csat(70, False, 2_000),
    ),
    "two surveys": (
        [*HANDLED, survey_offered(40, "sms"), survey_offered(41, "mail"), rated(60, 5, "mail"), rated(70, 2, "web")],
        IS_HANDLED
        + is_counted(40, OFFERED, "tech")
        + is_counted(41, {OFFERED: 1, BY_OFFER: 1}, "tech")
        + is_csat(60, True, 5_000)
        + is_csat(70, False, 2_000),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_surveys(name: str) -> None:
    assert_counts(*CASES[name])


@pytest.mark.parametrize(
    ("csat", "scale", "good", "thousandths"),
    [
        (4, 5, True, 4_000),
        (3, 5, False, 3_000),
        (1, 5, False, 1_000),
        (8, 10, True, 4_000),
        (7, 10, False, 3_500),
        (2, 2, True, 5_000),
        (1, 2, False, 2_500),
        (1, 3, False, 1_667),
        (80, 100, True, 4_000),
        (79, 100, False, 3_950),
    ],
)
def test_a_rating_is_good_from_four_fifths_of_its_scale(csat: int, scale: int, good: bool, thousandths: int) -> None:
    """Its points are in thousandths, on a scale to 5."""
    assert_counts([*HANDLED, rated(60, csat, scale=scale)], IS_HANDLED + is_csat(60, good, thousandths))


@pytest.mark.parametrize(
    ("nps", "promoters", "detractors"), [(10, 1, 0), (9, 1, 0), (8, 0, 0), (7, 0, 0), (6, 0, 1), (0, 0, 1)]
)
def test_promoters_and_detractors(nps: int, promoters: int, detractors: int) -> None:
    cells = {ANSWERED: 1, measures.NPS_RATED: 1}
    cells |= {measures.NPS_PROMOTERS: promoters, measures.NPS_DETRACTORS: detractors}
    assert_counts([*HANDLED, rated(60, nps=nps)], IS_HANDLED + is_counted(60, cells, "tech"))


def test_how_easy_it_was_and_whether_it_is_resolved() -> None:
    easy = {ANSWERED: 1, measures.CES_RATED: 1, measures.CES_POINTS: 6, measures.RATED_RESOLVED: 1}
    assert_counts([*HANDLED, rated(60, ces=6, resolved=True)], IS_HANDLED + is_counted(60, easy, "tech"))
    hard = {ANSWERED: 1, measures.CES_RATED: 1, measures.CES_POINTS: 2, measures.RATED_UNRESOLVED: 1}
    assert_counts([*HANDLED, rated(60, ces=2, resolved=False)], IS_HANDLED + is_counted(60, hard, "tech"))


def test_surveys_are_not_counted_by_issue() -> None:
    sums = is_answered(0, 5) + is_in_progress(5) + about("bill", "", is_counted(0, measures.CONTACTS))
    assert_counts([queued(0, issue="bill"), answered(5), rated(9)], sums + is_counted(9, ANSWERED))
