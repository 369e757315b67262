"""Metrics from amounts: units, ratios, what is refused, and what a queue still needs. By hand from GLOSSARY 2 to 9."""

from dataclasses import replace

import pytest

from models import catalogue
from models import measures as m
from models.amounts import NAMES
from models.catalogue import BY_NAME, METRICS
from models.goals import Goals
from models.histogram import bucket_of
from models.metric import Attribution, Metric, Quantiles, Value

NOTHING = dict.fromkeys(NAMES, 0)


def value(name: str, **given: int) -> Value:
    return BY_NAME[name].value(NOTHING | given)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("offered", {"offered": 5}, 5),
        ("long_abandoned", {"abandoned": 5, "short_abandoned": 2}, 3),
        ("abandoned_in_threshold", {"sa_in": 2, "b_in": 3}, 5),
        ("talk", {"talk_ms": 61_500}, 61.5),
        ("aht", {"talk_ms": 60_000, "hold_ms": 20_000, "wrap_up_ms": 10_000, "handled": 4}, 22.5),
        ("avg_hold", {"hold_ms": 30_000, "held": 2, "handled": 5}, 15.0),
        ("avg_hold_all", {"hold_ms": 30_000, "held": 2, "handled": 5}, 6.0),
        ("asa", {"answer_wait_ms": 51_000, "answered": 4}, 12.75),
        ("asa", {"answered": 4}, 0.0),  # no wait is a wait
        ("avg_abandon_time", {"abandon_wait_ms": 19_000, "abandoned": 2}, 9.5),
        ("avg_wait_all", {"answer_wait_ms": 39_000, "abandon_wait_ms": 19_000, "exit_wait_ms": 62_000,
                          "answered": 3, "abandoned": 2, "exited": 1}, 20.0),
        ("abandon_rate", {"cohort_abandoned": 2, "offered": 8}, 0.25),
        # of ten offered: 4 answered, 1 short abandon, 2 long ones, 1 left, 1 lost, 1 waits
        *((name, {"a_in": 3, "a_out": 1, "sa": 1, "b_in": 1, "b_out": 1, "cohort_exited": 1, "cohort_lost": 1,
                  "cohort_waiting": 1, "cohort_abandoned": 3, "offered": 10}, expected)
          for name, expected in (("abandon_rate", 3 / 10), ("abandon_rate_ar2", 2 / 9), ("abandon_rate_ar3", 2 / 6),
                                 ("abandon_rate_ar4", 2 / 9))),
        ("transferred", {"transfers_blind": 1, "transfers_queue": 2}, 3),
        ("transfer_rate", {"transfers_blind": 1, "transfers_consult": 1, "handled": 8}, 0.25),
        ("rona_rate", {"not_answered": 2, "rang_at_hang_up": 1, "offers": 12}, 0.25),
        ("declined", {"not_answered": 2, "rescinded": 3, "rang_at_hang_up": 1}, 5),
        ("resolved_rate", {"resolved": 3, "unresolved": 1, "handled": 9}, 0.75),
        ("sl_v2", {"a_in": 2, "a_out": 1, "sa": 1, "b_in": 1}, 0.4),
        ("sl_v1", {"a_out": 3}, 0.0),
        ("sl_v13", {"responded_in": 6, "responded_out": 1, "no_response": 2, "response_overdue": 1}, 0.6),
        ("service_level_contact", {"contact_answered_in": 3, "contact_answered": 4, "contact_abandoned": 2}, 0.5),
        ("contact_wait", {"contact_wait_ms": 90_000, "contact_answered": 4}, 22.5),
        ("callback_wait", {"callback_wait_ms": 120_000, "callbacks_made": 1}, 120.0),
        ("csat_response_rate", {"cohort_surveys_answered": 1, "surveys_answered": 3, "surveys_offered": 4}, 0.25),
        ("csat", {"csat_good": 3, "csat_rated": 4}, 0.75),
        ("csat_score", {"csat_points": 17_500, "csat_rated": 4}, 4.375),  # thousandths of points
        ("nps", {"nps_promoters": 6, "nps_detractors": 1, "nps_rated": 10}, 50.0),
        ("nps", {"nps_promoters": 0, "nps_detractors": 4, "nps_rated": 4}, -100.0),
        ("nps", {"nps_rated": 4}, 0.0),  # all of them passive
        ("ces", {"ces_points": 11, "ces_rated": 2}, 5.5),
    ],
)  # fmt: skip
def test_a_metrics_value_in_its_unit(name: str, given: dict[str, int], expected: float) -> None:
    assert value(name, **given) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS if metric.denominator is not None])
def test_nothing_to_divide_by_gives_none(name: str) -> None:
    """Never 0 and never 100 % (GLOSSARY 0, empty denominators)."""
    assert value(name) is None


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(metric.name))
def test_every_other_metric_of_nothing_is_0(metric: Metric) -> None:
    if metric.share is not None:
        assert Quantiles([metric]).read({}) == {metric.name: None}
    elif metric.chosen is not None:
        assert catalogue.value_of(metric, NOTHING, Goals()) is None
    elif metric.denominator is None:
        assert metric.value(NOTHING) == 0


# ---------------------------------------------------------------- quantiles


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("wait_p50", 10, 10),
        ("wait_p90", 650.5, 1.01 * 650.5),
        ("abandon_wait_p50", 3, 3),
        ("wait_all_p50", 10, 10),
        ("max_wait", 650.5, 650.5),  # the longest is exact
        ("handle_p50", 5, 5),
        ("frt_p99", 40, 40),
        ("reply_time_p75", 7, 7),
    ],
)
def test_quantiles_are_read_from_the_histograms_they_name(name: str, least: float, most: float) -> None:
    """Answered after 4, 10 and 650.5 s, abandoned after 3 s, left after 30 s; the rest within 1 % above."""
    long = bucket_of(650_500)
    cells = {m.ANSWER_WAIT + 4: 1, m.ANSWER_WAIT + 10: 1, m.ANSWER_WAIT + long: 1, m.LONG_WAIT + 650_500: 1}
    cells |= {m.ABANDON_WAIT + 3: 1, m.EXIT_WAIT + 30: 1, m.HANDLE + 5: 9, m.COHORT_ANSWER_WAIT + 4: 9}
    cells |= {m.RESPONSE + 40: 1, m.REPLY + 7: 2, m.CONTACT_ANSWER_WAIT + 500: 9, m.OFFERED: 99}
    found = catalogue.QUANTILES.read(cells)[name]
    assert found is not None
    assert least <= found <= most


def test_the_longest_wait_of_short_ones_is_to_the_second() -> None:
    """A wait that was taken back leaves a cell of 0."""
    cells = {m.ANSWER_WAIT + 4: 1, m.EXIT_WAIT + 30: 0, m.ABANDON_WAIT + 9: 1, m.LONG_WAIT + 700_000: 0}
    assert catalogue.QUANTILES.read(cells)["max_wait"] == 9


# ---------------------------------------------------------------- what is missing to the goal

# r in time of n: r + x of n + x are to be the goal at least.


@pytest.mark.parametrize(
    ("above", "below", "goal", "missing"),
    [
        (8, 10, 0.8, 0),
        (9, 10, 0.8, 0),
        (7, 10, 0.8, 5),  # 12 of 15
        (70, 97, 0.8, 38),  # the check vector: 108 of 135
        (0, 1, 0.8, 4),  # 4 of 5
        (0, 1, 0.9, 9),  # 9 of 10, though 0.9 and 0.1 are no exact binary numbers
        (0, 7, 0, 0),
        (3, 3, 1, 0),
        (2, 3, 1, None),  # 100 % is lost for this interval
        (0, 0, 0.8, None),  # no level yet
    ],
)
def test_answers_in_a_row_that_bring_a_ratio_to_its_goal(
    above: int, below: int, goal: float, missing: int | None
) -> None:
    level, found = BY_NAME["sl_v2"], NOTHING | {"a_in": above, "a_out": below - above}
    assert level.missing(found, goal) == missing
    if missing:  # it is enough, and one less is not
        for more, enough in ((missing, True), (missing - 1, False)):
            reached = level.value(found | {"a_in": above + more})
            assert reached is not None
            assert (reached >= goal - 1e-12) == enough


def test_which_formula_must_reach_the_goal_is_a_setting() -> None:
    """7 in time, 2 late, 1 short abandon: v1 has 7 of 9, v2 7 of 10."""
    found = NOTHING | {"a_in": 7, "a_out": 2, "sa": 1}
    metric = BY_NAME["must_answer_next"]
    assert [catalogue.value_of(metric, found, Goals(headline=f"sl_v{n}", goal=0.8)) for n in (1, 2)] == [1, 5]


# ---------------------------------------------------------------- attribution


@pytest.mark.parametrize(
    ("attribution", "numerator", "denominator", "minus", "foreign"),
    [
        ("flow", ("answered",), ("cohort_answered",), (), "cohort_answered"),
        ("flow", ("a_in",), ("answered",), (), "a_in"),
        ("flow", ("answered",), None, ("sa",), "sa"),
        ("cohort", ("cohort_abandoned",), ("abandoned", "answered"), (), "abandoned, answered"),
        ("cohort", ("talk_ms",), None, (), "talk_ms"),
        ("scored", ("answered_in",), ("answered", "passed"), (), "answered"),
        ("cohort", ("a_in",), ("a_in", "passed"), (), "passed"),
        ("live", ("offered",), None, (), "offered"),
        ("flow", ("unheard_of",), None, (), "unheard_of"),
    ],
)
def test_a_ratio_that_mixes_attributions_is_refused(
    attribution: Attribution,
    numerator: tuple[str, ...],
    denominator: tuple[str, ...] | None,
    minus: tuple[str, ...],
    foreign: str,
) -> None:
    with pytest.raises(ValueError, match=r"^metric mix: ") as refused:
        Metric("mix", "ratio", attribution, "", "", "", numerator, denominator, minus)
    assert str(refused.value) == f"metric mix: {foreign} not counted by {attribution}"


@pytest.mark.parametrize("attribution", ["flow", "cohort"])
def test_the_offered_belong_to_both_attributions(attribution: Attribution) -> None:
    """They are counted by entry, which is also when they happen; surveys by their offer."""
    assert Metric("share", "ratio", attribution, "", "", "", ("offered",), ("surveys_offered",))


def test_a_changed_metric_is_looked_at_again() -> None:
    with pytest.raises(ValueError, match="metric asa: cohort_answered not counted by flow"):
        replace(BY_NAME["asa"], denominator=("cohort_answered",))
