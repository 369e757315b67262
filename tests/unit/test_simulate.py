"""The simulator: the rules its events keep, and its agreement with queueing theory."""

import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, pairwise, takewhile
from math import sqrt

import pytest

from models.codec import decoder, encode
from models.errors import ConfigError
from models.events import (
    Answered,
    ContactEvent,
    Declined,
    Ended,
    Exited,
    Held,
    Queued,
    Resumed,
    Ringing,
    Started,
    Transferred,
    Wrapped,
)
from streams.center import HALF_HOUR_MS, Center, Duration, QueueProfile, Team, default_center
from streams.simulate import simulate

MIDNIGHT_MS = 1_717_995_600_000  # 10 June 2024 in UTC+3: no half hour of UTC's day is one of the center's
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MORNING_MS = MIDNIGHT_MS + 9 * HOUR_MS


def events_of(center: Center, hours: float, *, seed: int = 1, start_ms: int = MIDNIGHT_MS) -> Iterator[ContactEvent]:
    end_ms = start_ms + hours * HOUR_MS
    stream = simulate(center, seed=seed, start_ms=start_ms, day_start_ms=MIDNIGHT_MS)
    return takewhile(lambda event: event.at < end_ms, stream)


@pytest.fixture(scope="module")
def day() -> list[ContactEvent]:
    """One day of the default center, from midnight."""
    return list(events_of(default_center(), 24))


def steady(calls_per_hour: float, handle_s: float, patience_s: float, agents: int) -> Center:
    """A center with one queue and the same load all day, as Erlang A assumes it."""
    queue = QueueProfile("only", (calls_per_hour,) * 48, talk=Duration(handle_s), patience=Duration(patience_s))
    return Center(queues=(queue,), teams=(Team("all", ("only",), (agents,) * 48),))


# The order and identity of events


def test_a_seed_fixes_every_event() -> None:
    first, again = (list(islice(events_of(default_center(), 24, seed=5), 20_000)) for _ in range(2))
    assert first == again


def test_seeds_differ_in_ids_and_traffic() -> None:
    one, other = (list(islice(events_of(default_center(), 24, seed=seed), 1000)) for seed in (1, 2))
    assert not {event.id for event in one} & {event.id for event in other}
    assert [event.at for event in one] != [event.at for event in other]


def test_events_come_in_order_from_the_start(day: list[ContactEvent]) -> None:
    assert day[0].at >= MIDNIGHT_MS
    assert all(one.at <= other.at for one, other in pairwise(day))


def test_ids_are_unique_and_seq_orders_a_contact(day: list[ContactEvent]) -> None:
    assert len({event.id for event in day}) == len(day)
    last: Counter[str] = Counter()
    for event in day:
        last[event.contact_id] += 1
        assert event.seq == last[event.contact_id]
        assert event.id == f"{event.contact_id}:{event.seq}"


def test_events_survive_the_codec(day: list[ContactEvent]) -> None:
    decode = decoder("call")
    for event in day[:2000]:
        decoded = decode(encode("call", event))
        assert all(getattr(decoded, name) == getattr(event, name) for name in event.__struct_fields__)


def test_every_kind_of_event_occurs(day: list[ContactEvent]) -> None:
    kinds = {Started, Queued, Ringing, Declined, Answered, Held, Resumed, Transferred, Exited, Ended, Wrapped}
    assert {type(event) for event in day} == kinds


# The rules of the floor

# What may come after what, of one contact, without the wrap-ups: they run beside it.
FOLLOWS: dict[type[ContactEvent], set[type[ContactEvent]]] = {
    Started: {Queued, Ended},
    Queued: {Ringing, Exited},
    Ringing: {Answered, Declined, Exited},
    Declined: {Ringing, Exited},
    Answered: {Held, Transferred, Ended},
    Held: {Resumed},
    Resumed: {Transferred, Ended},
    Transferred: {Queued},
    Exited: {Ended},
    Ended: set(),
}


def test_a_contact_goes_its_way_from_start_to_end() -> None:
    last: dict[str, type[ContactEvent]] = {}
    began = MIDNIGHT_MS + DAY_MS  # whoever starts in the first day has the whole next day to end
    for event in events_of(default_center(0.3), 48):
        if isinstance(event, Started):
            assert event.contact_id not in last
            if event.at >= began:
                continue
        elif isinstance(event, Wrapped) or event.contact_id not in last:
            continue
        else:
            assert type(event) in FOLLOWS[last[event.contact_id]]
        last[event.contact_id] = type(event)
    assert len(last) > 1500
    assert set(last.values()) == {Ended}


def check_nobody_has_two_calls(day: Iterable[ContactEvent]) -> None:
    """From the ring to the end of the wrap-up, or to the end of a ring that is not answered."""
    has: dict[str, str] = {}
    rings: dict[str, str] = {}
    for event in day:
        if isinstance(event, Ringing):
            assert event.agent not in has
            has[event.agent], rings[event.contact_id] = event.contact_id, event.agent
        elif isinstance(event, Answered):
            assert has[event.agent] == event.contact_id
            del rings[event.contact_id]
        elif isinstance(event, Declined):
            del has[event.agent], rings[event.contact_id]
        elif isinstance(event, Wrapped):
            assert event.agent
            assert has.pop(event.agent) == event.contact_id
        elif isinstance(event, Exited) and event.contact_id in rings:
            del has[rings.pop(event.contact_id)]


def test_nobody_has_two_calls(day: list[ContactEvent]) -> None:
    check_nobody_has_two_calls(day)


def test_nobody_has_two_calls_when_a_shift_begins_during_their_last_one() -> None:
    center = steady(60, 1800, 60, 3)
    on_and_off = replace(center.teams[0], staff=(3, 0) * 24)
    check_nobody_has_two_calls(events_of(replace(center, teams=(on_and_off,)), 24))


def test_people_take_only_calls_of_their_skills(day: list[ContactEvent]) -> None:
    skills = {team.name: team.skills for team in default_center().teams}
    answered = [event for event in day if isinstance(event, Answered)]
    assert all(event.queue in skills[event.agent.rpartition("-")[0]] for event in answered)


def test_a_queue_is_first_come_first_served() -> None:
    """Nothing rings here, so the order of the answers is that of the queueing."""
    waiting: list[str] = []
    for event in events_of(steady(720, 240, 180, 50), 5):
        if isinstance(event, Queued):
            waiting.append(event.contact_id)
        elif isinstance(event, Answered):
            assert waiting.pop(0) == event.contact_id
        elif isinstance(event, Exited):
            waiting.remove(event.contact_id)


def test_people_of_several_skills_take_the_longest_waiting() -> None:
    center = steady(120, 60, 300, 3)
    other = replace(center.queues[0], name="other")
    team = replace(center.teams[0], skills=("only", "other"))
    waiting: list[str] = []
    answers = Counter[str]()
    for event in events_of(replace(center, queues=(*center.queues, other), teams=(team,)), 3):
        if isinstance(event, Queued):
            waiting.append(event.contact_id)
        elif isinstance(event, Answered):
            assert waiting.pop(0) == event.contact_id
            answers[event.queue or ""] += 1
        elif isinstance(event, Exited):
            waiting.remove(event.contact_id)
    assert set(answers) == {"only", "other"}


def test_patience_begins_anew_with_each_queue() -> None:
    """Everybody waits 60 s at most and talks for 20 s, so the first patience would end within the second wait."""
    center = steady(400, 0, 0, 3)
    queue = replace(
        center.queues[0], talk=Duration(20, 0), patience=Duration(60, 0), transfer_to=("only",), transfer_share=0.5
    )
    queued: dict[str, int] = {}
    transferred: set[str] = set()
    waits: dict[bool, set[int]] = {True: set(), False: set()}
    for event in events_of(replace(center, queues=(queue,)), 2):
        if isinstance(event, Queued):
            queued[event.contact_id] = event.at
        elif isinstance(event, Transferred):
            transferred.add(event.contact_id)
        elif isinstance(event, Exited):
            waits[event.contact_id in transferred].add(event.at - queued[event.contact_id])
    assert waits == {True: {60_000}, False: {60_000}}


def test_a_ring_without_answer_goes_to_somebody_else() -> None:
    """Of 50 people who never answer: a ring lasts 12 s, so one comes round again after 10 minutes at the earliest."""
    center = replace(steady(20, 60, 600, 50), no_answer_share=1.0)
    rings: dict[str, list[str]] = {}
    for event in events_of(center, 5):
        assert not isinstance(event, Answered)
        if isinstance(event, Ringing):
            rings.setdefault(event.contact_id, []).append(event.agent)
    assert max(len(agents) for agents in rings.values()) > 5
    assert all(one != other for agents in rings.values() for one, other in pairwise(agents))


def test_a_ring_without_answer_costs_no_place_in_the_queue() -> None:
    center = replace(steady(720, 240, 180, 45), no_answer_share=0.2)
    queued: dict[str, int] = {}
    waiting: set[str] = set()  # and not ringing
    for event in events_of(center, 2):
        if isinstance(event, Queued):
            queued[event.contact_id] = event.at
        if isinstance(event, Queued | Declined):
            waiting.add(event.contact_id)
        elif isinstance(event, Ringing):
            assert queued[event.contact_id] == min(queued[contact] for contact in waiting)
            waiting.remove(event.contact_id)
        elif isinstance(event, Exited):
            waiting.discard(event.contact_id)


@pytest.mark.parametrize(("handle_s", "busy"), [(1200, True), (1, False)])
def test_who_is_off_shift_finishes_the_call_and_takes_no_other(handle_s: float, busy: bool) -> None:
    center = steady(60, handle_s, 60, 3)
    closed = replace(center.teams[0], staff=(3, *(0,) * 47))
    late_ms = MIDNIGHT_MS + HALF_HOUR_MS
    late = [event for event in events_of(replace(center, teams=(closed,)), 24) if event.at >= late_ms]
    assert any(isinstance(event, Queued) for event in late)
    assert not any(isinstance(event, Ringing) for event in late)
    assert any(isinstance(event, Wrapped) for event in late) == busy


def test_memory_does_not_grow_with_simulated_time() -> None:
    """Between one midnight and those days later; a call costs about 1 kB, four days are some 1,400 calls."""
    stream = simulate(default_center(0.05), seed=1, start_ms=MIDNIGHT_MS, day_start_ms=MIDNIGHT_MS)
    tracemalloc.start()
    sizes = []
    for days in (1, 5):
        next(event for event in stream if event.at >= MIDNIGHT_MS + days * DAY_MS)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[1] - sizes[0] < 50_000


# The figures


def ratio_error(top: list[float], bottom: list[float], truth: float) -> tuple[float, float]:
    """Return how far the ratio of the sums is from the truth, and its standard error over independent batches."""
    ratio = sum(top) / sum(bottom)
    variance = sum((t - ratio * b) ** 2 for t, b in zip(top, bottom, strict=True)) * len(top) / (len(top) - 1)
    return abs(ratio - truth), sqrt(variance) / sum(bottom)


def test_a_steady_queue_agrees_with_erlang_a() -> None:
    """720 calls/h, 240 s, patience 180 s, 50 agents: the figures are from GROUND_TRUTH.md, "Erlang A, exact".

    144 h in batches of 2 h, long against the minutes in which such a queue forgets, so that batches are as good as
    independent; the first, which starts empty, is left out. The tolerance is 4 standard errors (once in 15,000 seeds
    by chance), and each error must be small enough for the figure to mean something.
    """
    batches = [Counter[str]() for _ in range(72)]
    queued: dict[str, int] = {}
    for event in events_of(steady(720, 240, 180, 50), 144):
        if isinstance(event, Queued):
            queued[event.contact_id] = event.at
        elif isinstance(event, Answered | Exited):
            entered = queued.pop(event.contact_id)
            wait_ms = event.at - entered
            batch = batches[(entered - MIDNIGHT_MS) // (2 * HOUR_MS)]
            answered = isinstance(event, Answered)
            batch["offered"] += 1
            batch["waited"] += wait_ms > 0
            batch["abandoned"] += not answered
            batch["answered"] += answered
            batch["in time"] += answered and wait_ms <= 15_000
            batch["wait of answered"] += answered * wait_ms

    for top, bottom, truth in [
        ("waited", "offered", 0.379062),
        ("abandoned", "offered", 0.043010),
        ("in time", "offered", 0.774237),
        ("wait of answered", "answered", 7320.388),
    ]:
        error, standard_error = ratio_error([b[top] for b in batches[1:]], [b[bottom] for b in batches[1:]], truth)
        assert error <= 4 * standard_error, f"{top} is off by {error}"
        assert standard_error < 0.05 * truth


def test_durations_have_their_mean_and_spread() -> None:
    """Of one long day without a queue: 20,000 lognormal talks of 185 s, SD 238 s; the mean's error is 1.7 s."""
    center = steady(1000, 0, 60, 200)
    queue = replace(center.queues[0], talk=Duration(185, 238))
    answered: dict[str, int] = {}
    talks = []
    for event in events_of(replace(center, queues=(queue,)), 20):
        if isinstance(event, Answered):
            answered[event.contact_id] = event.at
        elif isinstance(event, Ended) and event.contact_id in answered:
            talks.append((event.at - answered.pop(event.contact_id)) / 1000)
    mean = sum(talks) / len(talks)
    assert abs(mean - 185) < 4 * 1.7
    spread = sqrt(sum((talk - mean) ** 2 for talk in talks) / len(talks))
    assert 200 < spread < 280


def test_the_day_has_a_quiet_night_and_two_humps(day: list[ContactEvent]) -> None:
    starts = Counter((event.at - MIDNIGHT_MS) // HALF_HOUR_MS for event in day if isinstance(event, Started))
    morning, lunch, afternoon = (sum(starts[h] for h in hours) for hours in [(20, 21), (25, 26), (29, 30)])
    night = [starts[half_hour] for half_hour in range(10)]
    assert 0 < sum(night) / 10 < max(starts.values()) / 20
    assert lunch < 0.9 * afternoon
    assert lunch < 0.9 * morning


def test_a_demo_can_begin_in_the_middle_of_any_day() -> None:
    """Three days after the midnight named, at 10:10: as busy as every morning from the first half hour on."""
    start_ms = MIDNIGHT_MS + 3 * DAY_MS + 10 * HOUR_MS + 10 * 60_000
    for day_start_ms in (MIDNIGHT_MS, MIDNIGHT_MS + 30 * DAY_MS):
        stream = simulate(default_center(), seed=1, start_ms=start_ms, day_start_ms=day_start_ms)
        twenty_minutes = list(takewhile(lambda event: event.at < start_ms + 20 * 60_000, stream))
        assert 160 < sum(isinstance(event, Started) for event in twenty_minutes) < 320  # about 240 = 720 an hour / 3


def abandonment(events: list[ContactEvent]) -> dict[str, float]:
    queued = Counter(event.queue for event in events if isinstance(event, Queued))
    left = Counter(event.queue for event in events if isinstance(event, Exited))
    return {queue: left[queue] / queued[queue] for queue in queued}


def test_the_default_center_loses_a_plausible_share_of_calls(day: list[ContactEvent]) -> None:
    assert len(abandonment(day)) == 5
    for queue, share in abandonment(day).items():
        assert 0.01 < share < 0.15, queue
    queued, left = (sum(isinstance(event, kind) for event in day) for kind in (Queued, Exited))
    assert 0.02 < left / queued < 0.15


def test_volume_scales_calls_and_staff() -> None:
    """Three hours of some 2,100 and 10,500 calls: the ratio's standard error is 2.4 %, the tolerance 4 of them."""
    once, five_times = (list(events_of(default_center(volume), 3, start_ms=MORNING_MS)) for volume in (1, 5))
    calls = [sum(isinstance(event, Started) for event in events) for events in (once, five_times)]
    assert calls[1] / calls[0] == pytest.approx(5, rel=0.1)
    assert all(share < 0.15 for share in abandonment(five_times).values())


# Mistakes in a center


@pytest.mark.parametrize(
    ("team", "message"),
    [
        (Team("all", ("only", "sale"), (1,) * 48), "team all: unknown queue 'sale', known: only"),
        (Team("all", ("only",), (1,) * 24), "team all: 24 half hours, must be 48"),
    ],
)
def test_a_mistake_is_named(team: Team, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        replace(steady(60, 60, 60, 1), teams=(team,))
    assert str(refused.value) == message
