"""Service level: the check vector of GLOSSARY 3 through the formulas, and through the fold from real events."""

from collections.abc import Iterable

import pytest

from models.catalogue import BY_NAME, COHORT, FLOW, Amounts, Goals, amounts, with_waiting
from models.events import ContactEvent, ExitReason
from models.measures import EXITED, WAITING
from models.merge import MergeState, QueueView
from models.partials import Partial, Progress, partial
from models.partition import Counts, PartitionState
from models.service_level import VARIANTS, ratio
from tests.unit.builders import answered, ended, exited, folded, ms, queued

T, S = 20, 5
VECTOR = {
    "a_in": 70,
    "a_out": 12,
    "sa": 4,
    "b_in": 6,
    "b_out": 5,
    "c_in": 1,
    "x_in": 1,
    "x_out": 1,
    "w_in": 2,
    "w_out": 3,
}
PUBLISHED = {
    "sl_v1": (70, 82, 85.37),
    "sl_v2": (70, 97, 72.16),
    "sl_v3": (70, 93, 75.27),
    "sl_v4": (70, 87, 80.46),
    "sl_v5": (80, 97, 82.47),
    "sl_v6": (81, 100, 81.00),
    "sl_v7": (70, 100, 70.00),
    "sl_v8": (70, 96, 72.92),
    "sl_v9_ignore": (70, 91, 76.92),
    "sl_v9_negative": (70, 97, 72.16),
    "sl_v9_positive": (76, 97, 78.35),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_check_vector_from_its_amounts(name: str) -> None:
    above, below, percent = PUBLISHED[name]
    level = BY_NAME[name].value(dict.fromkeys(FLOW | COHORT, 0) | VECTOR)
    assert level == above / below
    assert round(100 * above / below, 2) == percent


@pytest.mark.parametrize(
    ("name", "percent"), [("sl_v9_ignore", 77.8), ("sl_v9_negative", 70.0), ("sl_v9_positive", 80.0)]
)
def test_ciscos_own_example(name: str, percent: float) -> None:
    """70 answered in time, 10 abandoned in time, 20 late."""
    found = dict.fromkeys(FLOW | COHORT, 0) | {"a_in": 70, "b_in": 10, "a_out": 20}
    level = BY_NAME[name].value(found)
    assert level is not None
    assert round(100 * level, 1) == percent


def test_every_variant_is_in_the_check() -> None:
    assert [variant.name for variant in VARIANTS] == list(PUBLISHED)


def test_nothing_to_divide_by() -> None:
    assert ratio(("a",), ("b",), {"a": 3, "b": 0}) is None
    assert ratio(("a",), ("b",), {"a": 0, "b": 3}) == 0.0


# The vector as calls that enter within ten minutes; W_in and W_out still wait at 600 s. Waits in seconds; T and S included.
ANSWERED_IN = [*range(21), *[20] * 30, *[0.5] * 10, *[19.999] * 9]  # 70
ANSWERED_OUT = [20.001, 21, *[40] * 9, 700]  # 12
SHORT_ABANDONS = [0, 4.999, 5, 5]
ABANDONS_IN = [5.001, 6, 12, 19, 20, 20]
ABANDONS_OUT = [20.001, 21, 60, 300, 900]
EXITS: list[tuple[float, ExitReason]] = [
    (3, "callback_accepted"),
    (10, "voicemail"),
    (90, "overflow"),
]  # C_in, X_in, X_out
ENTERED_LATE = [590, 595]  # W_in: 10 and 5 s old at 600 s
ENTERED_EARLY = [0, 100, 500]  # W_out


def vector() -> Iterable[ContactEvent]:
    number = 0

    def enter(s: float) -> tuple[str, float]:
        nonlocal number
        number += 1
        return f"c{number}", s

    for wait in [*ANSWERED_IN, *ANSWERED_OUT]:
        c, entry = enter(2 * number)
        yield from (queued(entry, c=c), answered(entry + wait, c=c), ended(entry + wait + 60, c=c))
    for wait in [*SHORT_ABANDONS, *ABANDONS_IN, *ABANDONS_OUT]:
        c, entry = enter(2 * number)
        yield from (queued(entry, c=c), ended(entry + wait, "customer", c=c))
    for wait, reason in EXITS:
        c, entry = enter(2 * number)
        yield from (queued(entry, c=c), exited(entry + wait, reason, c=c))
    for entry in [*ENTERED_LATE, *ENTERED_EARLY]:
        c, _ = enter(entry)
        yield queued(entry, c=c)


@pytest.fixture(scope="module")
def floor() -> QueueView:
    """The check vector folded and merged: one queue."""
    return view_of(folded(vector()))


def view_of(state: PartitionState) -> QueueView:
    merge, source = MergeState(), ("cc.calls", 0)
    sent: list[Partial | Progress] = [partial(state, key, part) for key, part in state.collect()]
    for record in (*sent, Progress(0, state.offset, state.newest, 0, Counts(), "")):
        merge.apply(source, record)
    (view,) = merge.views()
    return view


def of_all(floor: QueueView, goals: Goals) -> Amounts:
    """Return the amounts of all visits as they stand 600 s after the first."""
    return with_waiting(amounts(floor.total, goals), floor.waiting(0, ms(601)), ms(600), goals)


def test_the_day_is_the_vector() -> None:
    sizes = [ANSWERED_IN, ANSWERED_OUT, SHORT_ABANDONS, ABANDONS_IN, ABANDONS_OUT]
    assert [len(waits) for waits in sizes] == list(VECTOR.values())[:5]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_check_vector_from_events(floor: QueueView, name: str) -> None:
    above, below, _ = PUBLISHED[name]
    assert BY_NAME[name].value(of_all(floor, Goals(T, S))) == above / below
    waiting = floor.waiting(ms(0), ms(900))  # all entered in one quarter
    of_the_quarter = with_waiting(amounts(floor.quarter(ms(0)), Goals(T, S)), waiting, ms(600), Goals(T, S))
    assert BY_NAME[name].value(of_the_quarter) == above / below


def test_the_cells_of_the_vector(floor: QueueView) -> None:
    found = of_all(floor, Goals(T, S))
    assert {name: found[name] for name in VECTOR} == VECTOR
    assert (found["cohort_answered"], found["cohort_abandoned"], found["sa_in"]) == (82, 15, 4)
    assert (found["cohort_exited"], found["exited"], found["cohort_waiting"]) == (3, 3, 5)
    assert [floor.total[EXITED[reason]] for _, reason in EXITS] == [1, 1, 1]
    assert floor.open_now(WAITING, ms(600)) == 5
    assert found["offered"] == 82 + 15 + 3 + 5


def test_another_threshold_is_read_from_the_same_state(floor: QueueView) -> None:
    """T = 60, S = 0: in time 70 + 20.001, 21 and 9 × 40 = 81 of 82; short only the one of 0 s; b_out 300 and 900."""
    found = of_all(floor, Goals(60, 0))
    assert [found[name] for name in VECTOR] == [81, 1, 1, 12, 2, 1, 1, 1, 2, 3]
    assert BY_NAME["sl_v4"].value(found) == 81 / (82 + 2)
