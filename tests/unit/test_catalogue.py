"""The catalogue: amounts from cells, metrics from amounts. Numbers worked by hand from GLOSSARY 2 to 5."""

from collections.abc import Iterable

import pytest

from models import measures as m
from models.catalogue import BY_NAME, COHORT, FLOW, METRICS, WINDOWS_MIN, Attribution, Goals, Metric, amounts
from models.histogram import bucket_of
from models.measures import Cells
from models.service_level import VARIANTS

GOALS = Goals(threshold_s=20, short_abandon_s=5)


def found(cells: Cells, goals: Goals = GOALS) -> dict[str, int]:
    """Return the amounts that are not 0."""
    return {name: n for name, n in amounts(cells, goals).items() if n}


def value(name: str, **given: int) -> float | int | None:
    return BY_NAME[name].value(dict.fromkeys(FLOW | COHORT, 0) | given)


# ---------------------------------------------------------------- amounts


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, {}),
        ({m.OFFERED: 3, m.TRANSFERRED: 2}, {"offered": 3, "transferred": 2}),
        ({m.ANSWER_WAIT + 5: 2, m.ANSWER_WAIT + 700: 1}, {"answered": 3}),
        ({m.ABANDON_WAIT + 5: 2, m.ABANDON_WAIT + 6: 1}, {"abandoned": 3, "short_abandoned": 2}),
        ({m.EXIT_WAIT + 5: 2, m.EXIT_WAIT + 700: 1, m.EXITED["moved"]: 3, m.LONG_WAIT + 650_000: 1}, {"exited": 3}),
        ({m.COHORT_CALLBACK_WAIT + 20: 2, m.COHORT_CALLBACK_WAIT + 21: 1}, {"cohort_exited": 3, "c_in": 2, "c_out": 1}),
        ({m.COHORT_EXIT_WAIT + 20: 2, m.COHORT_EXIT_WAIT + 21: 1}, {"cohort_exited": 3, "x_in": 2, "x_out": 1}),
        ({m.HANDLE: 1, m.HANDLE + 90: 1, m.TALK_MS: 80, m.HOLD_MS: 6, m.WRAP_UP_MS: 4},
         {"handled": 2, "talk_ms": 80, "hold_ms": 6, "wrap_up_ms": 4}),
        ({m.ANSWER_WAIT_MS: 1, m.ABANDON_WAIT_MS: 2, m.EXIT_WAIT_MS: 3},
         {"answer_wait_ms": 1, "abandon_wait_ms": 2, "exit_wait_ms": 3}),
        ({m.COHORT_ANSWER_WAIT + 20: 7, m.COHORT_ANSWER_WAIT + 21: 2}, {"cohort_answered": 9, "a_in": 7, "a_out": 2}),
        ({m.COHORT_ABANDON_WAIT + 5: 4, m.COHORT_ABANDON_WAIT + 6: 2, m.COHORT_ABANDON_WAIT + 20: 1,
          m.COHORT_ABANDON_WAIT + 21: 8},
         {"cohort_abandoned": 15, "sa": 4, "sa_in": 4, "b_in": 3, "b_out": 8}),
    ],
)  # fmt: skip
def test_amounts(cells: Cells, expected: dict[str, int]) -> None:
    assert found(cells) == expected


def test_both_limits_are_inclusive_and_settings() -> None:
    """T = 30, S = 0: only who hung up in the second of entering is short."""
    cells = {m.COHORT_ANSWER_WAIT + 30: 1, m.COHORT_ANSWER_WAIT + 31: 1, m.COHORT_ABANDON_WAIT: 1}
    cells |= {m.COHORT_ABANDON_WAIT + 1: 1}
    expected = {"cohort_answered": 2, "a_in": 1, "a_out": 1, "cohort_abandoned": 2, "sa": 1, "sa_in": 1, "b_in": 1}
    assert found(cells, Goals(30, 0)) == expected


def test_a_short_abandon_limit_above_the_threshold() -> None:
    """T = 10, S = 15: a wait of 12 s is short, and not in time."""
    assert found({m.COHORT_ABANDON_WAIT + 12: 1}, Goals(10, 15)) == {"cohort_abandoned": 1, "sa": 1}
    assert found({m.COHORT_ABANDON_WAIT + 16: 1}, Goals(10, 15)) == {"cohort_abandoned": 1, "b_out": 1}


# ---------------------------------------------------------------- metrics


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("offered", {"offered": 5}, 5),
        ("abandoned_in_threshold", {"sa_in": 2, "b_in": 3}, 5),
        ("talk", {"talk_ms": 61_500}, 61.5),
        ("aht", {"talk_ms": 60_000, "hold_ms": 20_000, "wrap_up_ms": 10_000, "handled": 4}, 22.5),
        ("asa", {"answer_wait_ms": 51_000, "answered": 4}, 12.75),
        ("asa", {"answered": 4}, 0.0),  # no wait is a wait
        ("avg_abandon_time", {"abandon_wait_ms": 19_000, "abandoned": 2}, 9.5),
        ("avg_wait_all", {"answer_wait_ms": 39_000, "abandon_wait_ms": 19_000, "exit_wait_ms": 62_000,
                          "answered": 3, "abandoned": 2, "exited": 1}, 20.0),
        ("abandon_rate", {"cohort_abandoned": 2, "offered": 8}, 0.25),
        ("sl_v2", {"a_in": 2, "a_out": 1, "sa": 1, "b_in": 1}, 0.4),
        ("sl_v1", {"a_out": 3}, 0.0),
    ],
)  # fmt: skip
def test_a_metrics_value_in_its_unit(name: str, given: dict[str, int], expected: float) -> None:
    assert value(name, **given) == expected


RATIOS = [metric.name for metric in METRICS if metric.denominator is not None]


def test_the_ratios_are_known() -> None:
    services = [variant.name for variant in VARIANTS]
    assert ["aht", "asa", "avg_abandon_time", "avg_wait_all", "abandon_rate", *services] == RATIOS


@pytest.mark.parametrize("name", RATIOS)
def test_nothing_to_divide_by_gives_none(name: str) -> None:
    """Never 0 and never 100 % (GLOSSARY 0, empty denominators)."""
    assert value(name) is None


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(metric.name))
def test_every_other_metric_of_nothing_is_0(metric: Metric) -> None:
    if metric.share is not None:
        assert metric.quantile({}) is None
    elif metric.denominator is None:
        assert metric.value(amounts({}, GOALS)) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wait_p50", 10), ("wait_p90", 700), ("abandon_wait_p50", 3), ("wait_all_p50", 10), ("max_wait", 650.5),
    ],
)  # fmt: skip
def test_quantiles_are_read_from_the_histograms_they_name(name: str, expected: float) -> None:
    """Answered after 4, 10 and 650.5 s, abandoned after 3 s, left after 30 s. The longest is exact, the rest within 1 %."""
    long = bucket_of(650_500)
    cells = {m.ANSWER_WAIT + 4: 1, m.ANSWER_WAIT + 10: 1, m.ANSWER_WAIT + long: 1, m.LONG_WAIT + 650_500: 1}
    cells |= {m.ABANDON_WAIT + 3: 1, m.EXIT_WAIT + 30: 1, m.HANDLE + 5: 9, m.COHORT_ANSWER_WAIT + 4: 9}
    found = BY_NAME[name].quantile(cells)
    assert found is not None
    assert found == expected if expected != 700 else 650.5 <= found <= 1.01 * 650.5


def test_the_longest_wait_of_short_ones_is_to_the_second() -> None:
    """A wait that was taken back leaves a cell of 0."""
    cells = {m.ANSWER_WAIT + 4: 1, m.EXIT_WAIT + 30: 0, m.ABANDON_WAIT + 9: 1, m.LONG_WAIT + 700_000: 0}
    assert BY_NAME["max_wait"].quantile(cells) == 9


# ---------------------------------------------------------------- attribution


@pytest.mark.parametrize(
    ("attribution", "numerator", "denominator", "foreign"),
    [
        ("flow", ("answered",), ("cohort_answered",), "cohort_answered"),
        ("flow", ("a_in",), ("answered",), "a_in"),
        ("cohort", ("cohort_abandoned",), ("abandoned", "answered"), "abandoned, answered"),
        ("cohort", ("talk_ms",), None, "talk_ms"),
        ("live", ("offered",), None, "offered"),
        ("flow", ("unheard_of",), None, "unheard_of"),
    ],
)
def test_a_ratio_that_mixes_attributions_is_refused(
    attribution: Attribution, numerator: tuple[str, ...], denominator: tuple[str, ...] | None, foreign: str
) -> None:
    with pytest.raises(ValueError, match=r"^metric mix: ") as refused:
        Metric("mix", "ratio", attribution, "", "", "", numerator, denominator)
    assert str(refused.value) == f"metric mix: {foreign} not counted by {attribution}"


@pytest.mark.parametrize("attribution", ["flow", "cohort"])
def test_the_offered_belong_to_both_attributions(attribution: Attribution) -> None:
    """They are counted by entry, which is also when they happen."""
    assert Metric("share", "ratio", attribution, "", "", "", ("offered",), ("offered",))


# ---------------------------------------------------------------- the entries


def twice(names: Iterable[str]) -> set[str]:
    every = list(names)
    return {name for name in every if every.count(name) > 1}


def test_every_metric_stands_once_and_says_what_it_is() -> None:
    assert not twice(metric.name for metric in METRICS)
    assert not [metric.name for metric in METRICS if not (metric.help and metric.formula and metric.source)]
    assert all(set(metric.windows_min) <= set(WINDOWS_MIN) for metric in METRICS)


def test_the_headline_is_a_service_level() -> None:
    assert BY_NAME[Goals().headline].unit == "ratio"
