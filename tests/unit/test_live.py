"""What stands open at one moment, by hand from docs/counting.md and GLOSSARY 1 and 3.

Times in seconds; now is 600.

      0     100           500         590  600        610
 a    W----------------------------------------|           lost at 3600
 b          W------| lost at 160
 c                                     W--|----------|      lost at 4190
 d                                                   W      not there yet
"""

from collections.abc import Mapping, Sequence

import pytest

from models import measures as m
from models.goals import Goals
from models.live import LiveFigures, of_all, of_queue
from tests.unit.builders import ms, opened

NOW = 600
HOUR = 3_600
WAITS = [(0, HOUR), (100, 160), (590, 590 + HOUR), (610, 610 + HOUR)]
GOALS = Goals(threshold_s=20, callback_tolerance_s=60)


Spans = Mapping[int, Sequence[tuple[float, float]]]


def figures(spans: Spans, now: float = NOW, goals: Goals = GOALS) -> LiveFigures:
    return of_queue(opened(spans), ms(now), goals)


@pytest.mark.parametrize(
    ("now", "waiting", "within", "longest_ms"),
    [
        (-0.001, 0, 0, None),
        (0, 1, 1, 0),
        (20, 1, 1, 20_000),  # T is in time
        (20.001, 1, 0, 20_001),
        (159.999, 2, 0, 159_999),
        (160, 1, 0, 160_000),
        (600, 2, 1, 600_000),
        (610, 3, 2, 610_000),
        (3_600, 2, 0, 3_010_000),  # a is lost, c waits longest
        (9_999, 0, 0, None),
    ],
)
def test_who_waits(now: float, waiting: int, within: int, longest_ms: int | None) -> None:
    found = figures({m.WAITING: WAITS}, now)
    assert (found.waiting, found.waiting_within, found.longest_wait) == (waiting, within, longest_ms)


def test_the_oldest_contact_may_be_older_than_its_wait() -> None:
    """It began at 500 in another queue, and waits here since 590: until it is lost."""
    spans = {m.WAITING: [(590, 590 + HOUR)], m.WAITING_CONTACT: [(500, 590 + HOUR)]}
    found = figures(spans)
    assert (found.longest_wait, found.longest_contact_age) == (10_000, 100_000)
    assert figures({m.WAITING: [(590, HOUR)]}).longest_contact_age == 10_000
    assert figures(spans, now=9_999).longest_contact_age is None


@pytest.mark.parametrize(
    ("now", "ringing", "in_progress", "in_acw"), [(-1, 0, 0, 0), (0, 1, 1, 1), (599, 1, 1, 1), (600, 1, 1, 0)]
)
def test_rings_and_wrap_up_end_by_themselves_and_talks_do_not(
    now: float, ringing: int, in_progress: int, in_acw: int
) -> None:
    spans = {m.RINGING: [(0, HOUR)], m.IN_PROGRESS: [(0, 0)], m.IN_ACW: [(0, 600)]}
    found = figures(spans, now)
    assert (found.ringing, found.in_progress, found.in_acw) == (ringing, in_progress, in_acw)
    assert (figures(spans, HOUR).ringing, figures(spans, HOUR).in_progress) == (0, 1)


@pytest.mark.parametrize(
    ("now", "scheduled", "due", "overdue"),
    [
        (99, 0, 0, 0),
        (100, 1, 0, 0),
        (299, 1, 0, 0),
        (300, 0, 1, 0),
        (360, 0, 1, 0),  # the tolerance of 60 s is inclusive
        (360.001, 0, 1, 1),
    ],
)
def test_a_callback_is_scheduled_then_due_then_overdue(now: float, scheduled: int, due: int, overdue: int) -> None:
    """Asked for at 100, due at 300; one that is overdue is due too."""
    found = figures({m.CALLBACKS: [(100, 300)]}, now)
    assert (found.callbacks_scheduled, found.callbacks_due, found.callbacks_overdue) == (scheduled, due, overdue)
    assert found.oldest_callback == (None if now < 100 else round(1_000 * (now - 100)))


def test_whose_customers_wait_for_a_reply() -> None:
    found = figures({m.UNANSWERED: [(10, 10), (550, 550), (601, 601)]})
    assert (found.unanswered, found.wait_for_reply_now) == (2, 590_000)


class NeverOpen:
    """A calendar of a queue that is closed."""

    def open_ms(self, start_ms: int, end_ms: int) -> int:
        return 0 * (end_ms - start_ms)


def test_who_waits_while_it_is_closed_waits_within_the_threshold() -> None:
    found = figures({m.WAITING: WAITS}, goals=Goals(clock=NeverOpen()))
    assert (found.waiting, found.waiting_within) == (2, 2)


def test_figures_of_several_queues_add_up_and_the_oldest_is_that_of_all() -> None:
    one = LiveFigures(
        waiting=2, waiting_within=1, longest_wait=5_000, in_progress=3, callbacks_due=1, oldest_callback=9
    )
    two = LiveFigures(waiting=1, longest_wait=7_000, unanswered=4, wait_for_reply_now=0)
    assert of_all([one, two]) == LiveFigures(
        waiting=3, waiting_within=1, longest_wait=7_000, in_progress=3, callbacks_due=1, oldest_callback=9,
        unanswered=4, wait_for_reply_now=0,
    )  # fmt: skip
    assert of_all([]) == LiveFigures()


def test_values_are_in_the_units_of_the_catalogue() -> None:
    """Ages in seconds; V12 is (waiting − waiting above T) ÷ waiting, and nothing where nobody waits."""
    values = LiveFigures(waiting=4, waiting_within=3, longest_wait=61_500, oldest_callback=0).values()
    assert (values["waiting"], values["longest_wait"], values["oldest_callback"]) == (4, 61.5, 0.0)
    assert values["sl_v12"] == 0.75
    assert "waiting_within" not in values
    nothing = LiveFigures().values()
    assert (nothing["sl_v12"], nothing["longest_wait"], nothing["waiting"]) == (None, None, 0)
