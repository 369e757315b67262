"""Stage 2: what is shown and when, and whose word stands (DESIGN 5, progress and read repair).

A log of the partials is drawn as steps: a partial (what one source knows of one part, with epoch and offset) or a progress.
"""

import pytest

from models.log import Counts
from models.measures import IN_PROGRESS, LIVE, OFFERED, TALK_MS, WAITING, Cells, accumulate
from models.merge import MergeState, QueueState, QueueView
from models.panes import Live
from models.partials import Gone, Partial, Progress, Shown, Source
from models.retention import MINUTE_MS
from models.span import span
from tests.unit.builders import START_MS, key, ms

SOURCE: Source = ("cc.calls", 0)
OTHER: Source = ("cc.calls", 1)
MINUTE = f"1m:{START_MS}"
QUARTER = f"15m:{START_MS}"
NOBODY: list[Live] = [{} for _ in range(LIVE)]
HOUR_S = 3_600


def standing(**cells: Live) -> list[Live]:
    """Return what stands open: spans by `waiting` and `in_progress`."""
    known = {WAITING: cells.get("waiting", {}), IN_PROGRESS: cells.get("in_progress", {})}
    return [known.get(cell, {}) for cell in range(LIVE)]


def open_of(view: QueueView, cell: int) -> list[tuple[int, int, int]]:
    return sorted(view.open.of(cell))


def said(
    body: Cells | list[Live], offset: int = 0, *, epoch: int = 1, part: str = MINUTE, queue: str = "sales"
) -> Partial:
    return Partial((queue, "voice"), part, epoch, offset, body)


def offered(n: int, offset: int = 0, *, epoch: int = 1, part: str = MINUTE) -> Partial:
    return said({OFFERED: n}, offset, epoch=epoch, part=part)


def progress(offset: int = 0, *, epoch: int = 1, newest_ms: int = 0, caught_up_ms: int = 0) -> Progress:
    return Progress(epoch, offset, newest_ms, caught_up_ms, Counts(), "")


def merged(*steps: Partial | Progress, source: Source = SOURCE) -> MergeState:
    state = MergeState()
    for step in steps:
        state.apply(source, step)
    return state


def sales(state: MergeState) -> QueueView | None:
    return next((view for view in state.views() if view.queue == "sales"), None)


def shown(state: MergeState) -> int:
    """Return how many are offered in all, as shown."""
    view = sales(state)
    return view.total.get(OFFERED, 0) if view else 0


def window(view: QueueView, now_ms: int, minutes: int) -> Cells:
    """Return the sums of the panes of a window."""
    total: Cells = {}
    for pane in view.panes(now_ms, minutes):
        accumulate(total, pane)
    return total


# ---------------------------------------------------------------- what was shown


def shown_by(*several: dict[str, int]) -> tuple[dict[str, int], list[dict[str, int] | None]]:
    """Return the highest values of sales that are known after all, and what was written back after each."""
    state = MergeState()
    repairs = [state.keep(Shown(("sales", "voice"), values)) for values in several]
    return dict(state.shown["sales", "voice"]), [repair.values if repair else None for repair in repairs]


@pytest.mark.parametrize(
    ("several", "known", "repairs"),
    [
        ([{"a": 1}, {"a": 4, "b": 1}], {"a": 4, "b": 1}, [None, None]),
        ([{"a": 4}, {"a": 4}], {"a": 4}, [None, None]),
        ([{"a": 4}, {"a": 2}], {"a": 4}, [None, {"a": 4}]),
        ([{"a": 4, "b": 1}, {"a": 2, "b": 3}], {"a": 4, "b": 3}, [None, {"a": 4, "b": 3}]),
        ([{"a": 4}, {"b": 1}], {"a": 4, "b": 1}, [None, {"a": 4, "b": 1}]),
    ],
    ids=["higher", "the same", "a zombie's", "each knows something", "a zombie's of another version"],
)
def test_the_highest_value_of_each_series_stands_and_is_the_last_word(
    several: list[dict[str, int]], known: dict[str, int], repairs: list[dict[str, int] | None]
) -> None:
    assert shown_by(*several) == (known, repairs)


def test_what_is_known_of_a_queue_is_replaced_and_never_changed() -> None:
    """The web thread reads it."""
    state = MergeState()
    state.keep(Shown(("sales", "voice"), {"a": 1}))
    before = state.shown["sales", "voice"]
    state.keep(Shown(("sales", "voice"), {"a": 1}))
    assert state.shown["sales", "voice"] is before
    state.keep(Shown(("sales", "voice"), {"a": 2}))
    assert before == {"a": 1}


# ---------------------------------------------------------------- progress boundaries


def test_nothing_is_shown_before_the_flush_ended() -> None:
    state = merged(offered(1), offered(2, part="total"))
    assert state.views() == []
    state.apply(SOURCE, progress())
    assert shown(state) == 3


def test_half_a_flush_leaves_what_the_whole_one_before_showed() -> None:
    """A minute moves into its quarter: seen between the two, it would count twice."""
    state = merged(offered(5), progress(), offered(5, 9, part=QUARTER))
    assert shown(state) == 5
    state.apply(SOURCE, said({}, 9))
    state.apply(SOURCE, progress(9))
    assert shown(state) == 5


def test_the_progress_of_one_source_shows_nothing_of_another() -> None:
    state = merged(offered(1))
    state.apply(OTHER, offered(10))
    state.apply(OTHER, progress())
    assert shown(state) == 10
    state.apply(SOURCE, progress())
    assert shown(state) == 11


def test_a_progress_without_partials_is_a_sign_of_life() -> None:
    state = merged(offered(1), progress(3, newest_ms=7), progress(3, newest_ms=7, caught_up_ms=9))
    assert (shown(state), state.fresh_ms()) == (1, 9)


# ---------------------------------------------------------------- sums over parts and sources


def test_a_partial_replaces_what_its_source_said_before() -> None:
    state = merged(offered(1), progress(), offered(4, 5), progress(5), said({TALK_MS: 9}, 6), progress(6))
    view = sales(state)
    assert view is not None
    assert view.total == {TALK_MS: 9}
    assert view.minutes == {START_MS // MINUTE_MS: {TALK_MS: 9}}


def test_all_parts_of_all_sources_add_up_to_the_total() -> None:
    state = MergeState()
    for source in (SOURCE, OTHER):
        for part in (MINUTE, QUARTER, "total"):
            state.apply(source, offered(1, part=part))
        state.apply(source, progress())
    assert shown(state) == 6


def test_queues_are_kept_apart() -> None:
    state = merged(offered(1), said({OFFERED: 7}, queue="tech"), progress())
    assert {view.queue: view.total for view in state.views()} == {"sales": {OFFERED: 1}, "tech": {OFFERED: 7}}


def test_a_queue_of_which_all_was_taken_back_is_not_shown() -> None:
    """An answer came before the entry that says in which queue: until then it was of the unknown queue."""
    state = merged(offered(1), said(NOBODY, part="live"), progress(), said({}, 5), progress(5))
    assert state.views() == []
    for step in (said(standing(waiting={span(5): 1}), 6, part="live"), progress(6)):
        state.apply(SOURCE, step)
    assert [view.queue for view in state.views()] == ["sales"]


def test_a_view_never_changes() -> None:
    state = merged(offered(1), said(standing(waiting={span(5): 1}), part="live"), progress())
    before = sales(state)
    assert before is not None
    for step in (offered(3, 9), said(NOBODY, 9, part="live"), progress(9)):
        state.apply(SOURCE, step)
    assert (before.total, window(before, START_MS, 1), open_of(before, WAITING)) == (
        {OFFERED: 1},
        {OFFERED: 1},
        [(5, 5, 1)],
    )
    after = sales(state)
    assert after is not None
    assert (after.total, open_of(after, WAITING)) == ({OFFERED: 3}, [])


# ---------------------------------------------------------------- figures of a view


def view_of(*parts: Partial) -> QueueView:
    view = sales(merged(*parts, progress()))
    assert view is not None
    return view


@pytest.mark.parametrize(
    ("now_s", "minutes", "expected"),
    [
        # minutes 0 1 2 hold 1, 10 and 100; a window ends with the minute that now is in
        (0, 1, 1),
        (59.999, 1, 1),
        (60, 1, 10),
        (60, 2, 11),
        (179, 2, 110),
        (179, 3, 111),
        (240, 15, 111),
        (240, 2, 0),
        (-1, 15, 0),
    ],
)
def test_a_window_is_the_last_whole_minutes_with_the_present_one(now_s: float, minutes: int, expected: int) -> None:
    view = view_of(*(offered(10**n, part=f"1m:{ms(60 * n)}") for n in range(3)))
    assert window(view, ms(now_s), minutes).get(OFFERED, 0) == expected


def test_a_quarter_is_its_own_pane_and_the_minutes_inside_it() -> None:
    inside = (offered(1), offered(10, part=f"1m:{ms(840)}"), offered(100, part=QUARTER))
    outside = (
        offered(1_000, part=f"1m:{ms(900)}"),
        offered(1_000, part=f"15m:{ms(900)}"),
        offered(1_000, part="total"),
    )
    assert view_of(*inside, *outside).quarter(START_MS) == {OFFERED: 111}


def test_what_stands_open_is_that_of_all_sources() -> None:
    """Starts and the ends of their allowances; who counts them looks at the clock (models/live.py)."""
    first = standing(waiting={span(ms(0), HOUR_S): 2, span(ms(10), HOUR_S): 1}, in_progress={span(ms(5)): 1})
    state = merged(said(first, part="live"), progress())
    state.apply(OTHER, said(standing(waiting={span(ms(-3), HOUR_S): 1}), part="live"))
    state.apply(OTHER, progress())
    view = sales(state)
    assert view is not None
    waiting = [(ms(-3), ms(3_597), 1), (ms(0), ms(3_600), 2), (ms(10), ms(3_610), 1)]
    assert open_of(view, WAITING) == waiting
    assert open_of(view, IN_PROGRESS) == [(ms(5), ms(5), 1)]


def test_the_total_at_a_time_leaves_out_what_only_time_will_bring() -> None:
    """A wrap-up of ten minutes that nobody ends: its handling stands in a minute that is still to come."""
    view = view_of(offered(1, part="total"), offered(10), offered(100, part=f"1m:{ms(600)}"))
    assert [view.total_at(ms(s)) for s in (0, 599.999, 600)] == [{OFFERED: 11}, {OFFERED: 11}, {OFFERED: 111}]
    assert view.total == {OFFERED: 111}


def test_the_view_of_an_issue_says_whose_it_is() -> None:
    issue = Partial(("sales", "voice", "billing", "late fee"), MINUTE, 1, 0, {OFFERED: 1})
    plain, about = sorted(merged(offered(1), issue, progress()).views(), key=lambda view: view.key)
    assert (plain.queue, plain.channel, plain.issue) == ("sales", "voice", ())
    assert (about.queue, about.channel, about.issue) == ("sales", "voice", ("billing", "late fee"))


@pytest.mark.parametrize("gone", [NOBODY, {}])
def test_nobody_is_left_of_a_source(gone: Cells | list[Live]) -> None:
    """Empty lists, or the empty body of a queue that its source does not know any more."""
    live = said(standing(waiting={span(ms(0)): 1}), part="live")
    state = merged(offered(1), live, progress(), said(gone, 5, part="live"), progress(5))
    view = sales(state)
    assert view is not None
    assert [open_of(view, cell) for cell in range(LIVE)] == [[]] * LIVE


# ---------------------------------------------------------------- whose word stands


@pytest.mark.parametrize(
    ("epoch", "offset", "stands", "repaired"),
    [
        (2, 51, True, False),  # further in the log
        (2, 50, True, False),  # said again
        (3, 51, True, False),  # a new owner that has caught up
        (3, 40, False, False),  # a new owner that is catching up
        (1, 40, False, True),  # a former owner's last word: compaction would keep it
        (1, 60, True, False),  # a former owner that saw more of the log
    ],
)
def test_who_saw_more_of_the_log_is_right(epoch: int, offset: int, stands: bool, repaired: bool) -> None:
    state = QueueState(key())
    known, told = offered(1, 50, epoch=2), offered(7, offset, epoch=epoch)
    assert state.apply(SOURCE, known) is None
    assert state.apply(SOURCE, told) == (known if repaired else None)
    assert state.view().total == {OFFERED: 7 if stands else 1}


def test_a_repair_that_came_too_late_is_itself_repaired() -> None:
    """The owner said 3 at 30 before the repair with its 2 of 20 reached the log: compaction would keep the 2."""
    state = merged(offered(2, 20, epoch=2), progress(20, epoch=2), offered(3, 30, epoch=2), progress(30, epoch=2))
    state.apply(SOURCE, offered(2, 20, epoch=2))
    assert state.apply(SOURCE, progress(31, epoch=2)) == [offered(3, 30, epoch=2)]
    assert shown(state) == 3


def test_a_zombies_last_flush_is_answered_with_the_newer_words() -> None:
    """Owner 2 flushed at 50; then what owner 1 sent at 40 comes through, of a part that is known and of one that is not."""
    newer = offered(1, 50, epoch=2)
    state = merged(newer, progress(50, epoch=2))
    state.apply(SOURCE, offered(7, 40))
    state.apply(SOURCE, offered(2, 40, part=QUARTER))
    assert state.apply(SOURCE, progress(40)) == [newer]
    assert shown(state) == 3


def test_a_zombies_word_of_one_source_says_nothing_of_another() -> None:
    state = merged(offered(1, 50, epoch=2), progress(50, epoch=2))
    state.apply(OTHER, offered(2, 40))
    assert state.apply(OTHER, progress(40)) == []
    assert shown(state) == 3


def test_the_progress_that_saw_most_of_the_log_stands() -> None:
    """A new owner that is catching up does not make the figures older: they are kept until it says more."""
    state = merged(progress(50, newest_ms=100), progress(20, epoch=2, newest_ms=60))
    assert state.fresh_ms() == 100
    state.apply(SOURCE, progress(50, epoch=2, newest_ms=100, caught_up_ms=500))
    assert state.fresh_ms() == 500


def test_the_past_is_shown_though_only_the_newest_progress_is_left_of_it() -> None:
    """Compaction keeps the last record of a key: parts that the present owner never had to send again, and its progress."""
    state = merged(offered(3, 40), offered(1, 70, epoch=2, part=QUARTER), progress(70, epoch=2))
    assert shown(state) == 4


def test_the_past_of_several_owners_is_shown() -> None:
    state = merged(offered(3, 40), offered(5, 50, epoch=2, part="total"), progress(70, epoch=3))
    assert shown(state) == 8


def test_a_dead_owners_half_flush_waits_until_its_successor_has_seen_as_much() -> None:
    """Owner 1 died after the quarter of a move at 60 and before the minute; owner 2 starts from 40, and repeats the move."""
    state = merged(offered(5, 30), progress(30), offered(5, 60, part=QUARTER), progress(40, epoch=2))
    assert shown(state) == 5
    for step in (offered(5, 61, epoch=2, part=QUARTER), said({}, 61, epoch=2), progress(61, epoch=2)):
        state.apply(SOURCE, step)
    assert shown(state) == 5


# ---------------------------------------------------------------- freshness


def test_the_figures_are_as_fresh_as_the_oldest_source() -> None:
    """Of each source the newest event, or the moment when nothing was left to read; none known: None."""
    state = MergeState()
    assert state.fresh_ms() is None
    state.apply(SOURCE, progress(newest_ms=100, caught_up_ms=900))
    state.apply(OTHER, progress(newest_ms=300, caught_up_ms=0))
    assert state.fresh_ms() == 300


# ---------------------------------------------------------------- what is past

HOUR_MS = 3_600_000


def test_an_empty_part_past_its_tier_is_forgotten_and_its_record_may_go() -> None:
    """Its minute moved into the quarter; 75 minutes, 15 of grace and one later nothing is left of it."""
    state = merged(offered(2), progress(), said({}, 5), offered(2, 5, part=QUARTER), progress(5))
    words = state.apply(SOURCE, progress(9, newest_ms=START_MS + 91 * MINUTE_MS))
    assert words == [Gone(key(), MINUTE)]
    assert shown(state) == 2
    assert state.apply(SOURCE, progress(9, newest_ms=START_MS + 105 * MINUTE_MS)) == []
    for step in (said({}, 10, part=QUARTER), offered(2, 10, part="total")):
        state.apply(SOURCE, step)
    words = state.apply(SOURCE, progress(10, newest_ms=START_MS + 50 * HOUR_MS))
    assert words == [Gone(key(), QUARTER)]
    assert shown(state) == 2


def test_what_is_still_in_its_tier_stays() -> None:
    """The rest and what is open have no time; what is empty may be filled again while its tier holds it."""
    state = merged(said({}), said({}, part="total"), said(NOBODY, part="live"), progress())
    assert state.apply(SOURCE, progress(9, newest_ms=START_MS + 89 * MINUTE_MS)) == []
    assert state.apply(SOURCE, progress(9, newest_ms=START_MS + 1_000 * HOUR_MS)) == [Gone(key(), MINUTE)]


def test_each_source_has_its_own_time() -> None:
    """A partition in which nothing happens for hours has not let go of its minutes."""
    state = merged(offered(2), progress())
    for step in (said({}), progress(9, newest_ms=START_MS + 91 * MINUTE_MS)):
        words = state.apply(OTHER, step)
    assert words == [Gone(key(), MINUTE)]
    assert shown(state) == 2


def test_a_zombies_word_about_the_past_is_not_counted() -> None:
    """Its owner after it has forgotten the part: there is no newer word to hold against it."""
    past = progress(9, epoch=2, newest_ms=START_MS + 91 * MINUTE_MS)
    state = merged(offered(2, 3), progress(3), said({}, 5, epoch=2), progress(5, epoch=2), past)
    state.apply(SOURCE, offered(2, 4))
    words = state.apply(SOURCE, progress(10, epoch=2, newest_ms=START_MS + 92 * MINUTE_MS))
    assert words == [Gone(key(), MINUTE)]
    assert shown(state) == 0
