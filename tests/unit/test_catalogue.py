"""The catalogue: every metric once, in words, and none forgotten where all are read."""

from collections.abc import Iterable
from typing import get_args

import pytest

from models.amounts import NAMES
from models.catalogue import BY_NAME, LIVE_SERVICE_LEVEL, METRICS, value_of, values_of
from models.goals import Formula, Goals, Live
from models.live import LiveFigures
from models.metric import WINDOWS_MIN
from models.service_level import VARIANTS

NOTHING = dict.fromkeys(NAMES, 0)


def twice(names: Iterable[str]) -> set[str]:
    every = list(names)
    return {name for name in every if every.count(name) > 1}


def test_every_metric_stands_once_and_says_what_it_is() -> None:
    assert not twice(metric.name for metric in METRICS)
    assert not [metric.name for metric in METRICS if not (metric.help and metric.formula and metric.source)]
    assert all(set(metric.windows_min) <= set(WINDOWS_MIN) for metric in METRICS)


def test_live_figures_and_all_others_are_the_catalogue() -> None:
    """What `replay --json` shows, and in which metrics nothing is left out."""
    live, others = LiveFigures().values(), values_of(NOTHING, Goals(), {})
    assert {metric.name for metric in METRICS if metric.attribution == "live"} == live.keys()
    assert {metric.name for metric in METRICS if metric.attribution != "live"} == others.keys()


def test_every_amount_is_in_some_metric() -> None:
    chosen = [*METRICS, *LIVE_SERVICE_LEVEL.values()]
    used = {name for metric in chosen for name in (*metric.numerator, *metric.minus, *(metric.denominator or ()))}
    assert set(NAMES) - used == set()


def test_metrics_of_the_glossary_are_there() -> None:
    """Sections 2 to 5, 7 to 9 as far as calls and chats go."""
    names = """
        offered answered handled answer_rate abandoned short_abandoned long_abandoned abandon_rate avg_abandon_time
        hold_abandoned_customer hold_abandoned_agent agent_disconnect_first over_sla must_answer_next asa avg_wait_all
        max_wait wait_p90 aht frt wait_for_reply_now conversation_duration missed dropped csat csat_response_rate nps ces
    """
    assert set(names.split()) - BY_NAME.keys() == set()


# ---------------------------------------------------------------- what the goals choose


def test_the_settings_may_choose_every_variant_that_is_no_snapshot() -> None:
    """v11 counts who waits now, v12 is only that, v13 is of responses."""
    assert set(get_args(Formula)) == {variant.name for variant in VARIANTS} - {"sl_v11"}


@pytest.mark.parametrize("name", get_args(Formula))
def test_the_headline_is_the_formula_that_was_chosen(name: str) -> None:
    found = NOTHING | {"a_in": 7, "a_out": 2, "sa": 1, "b_in": 3, "b_out": 1, "c_in": 1, "x_out": 2, "w_out": 1}
    headline = value_of(BY_NAME["service_level"], found, Goals(headline=name))
    assert headline == BY_NAME[name].value(found)
    assert headline is not None


@pytest.mark.parametrize(("live", "expected"), [("ignore", 70 / 90), ("negative", 70 / 100), ("positive", 80 / 100)])
def test_abandons_in_time_are_to_the_live_level_what_was_chosen(live: Live, expected: float) -> None:
    """Cisco's example: 70 answered in time, 10 abandoned in time, 20 past T: of these 15 have left, 5 wait still."""
    found = NOTHING | {"answered_in": 70, "abandoned_in": 10, "passed": 15, "passing": 5}
    assert value_of(BY_NAME["service_level_live"], found, Goals(live=live)) == expected
