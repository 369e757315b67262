"""The simulator: the rules its events keep, and its agreement with queueing theory."""

import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from math import sqrt

import pytest

from models.codec import Decode, decoder, encode
from models.errors import ConfigError
from models.events import (
    EVENTS,
    Answered,
    Blocked,
    CallbackAttempted,
    CallbackCancelled,
    CallbackRequested,
    Classified,
    ContactEvent,
    Declined,
    Ended,
    Escalated,
    Exited,
    Left,
    Message,
    Prefix,
    Queued,
    Rated,
    Ringing,
    Started,
    SurveyOffered,
    Transferred,
    Wrapped,
)
from streams.center import HALF_HOUR_MS, Breaks, Callbacks, CallQueue, Center, Duration, Team
from streams.default_center import default_center
from streams.floor import Sent
from streams.simulate import Simulation
from streams.traffic import Traffic

MIDNIGHT_MS = 1_717_995_600_000  # 10 June 2024 in UTC+3: no half hour of UTC's day is one of the center's
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MORNING_MS = MIDNIGHT_MS + 9 * HOUR_MS


def sent_of(center: Center, hours: float, *, seed: int = 1, start_ms: int = MIDNIGHT_MS) -> Iterator[Sent]:
    simulation = Simulation(center, seed=seed, start_ms=start_ms, day_start_ms=MIDNIGHT_MS)
    return iter(Traffic(simulation, lambda _: True, end_ms=start_ms + round(hours * HOUR_MS)))


def events_of(center: Center, hours: float, *, seed: int = 1, start_ms: int = MIDNIGHT_MS) -> Iterator[ContactEvent]:
    """Yield the events of calls."""
    return (event for prefix, event in sent_of(center, hours, seed=seed, start_ms=start_ms) if prefix == "call")


@pytest.fixture(scope="module")
def whole_day() -> list[Sent]:
    """One day of the default center, from midnight."""
    return list(sent_of(default_center(), 24))


@pytest.fixture(scope="module")
def day(whole_day: list[Sent]) -> list[ContactEvent]:
    """The calls of that day."""
    return [event for prefix, event in whole_day if prefix == "call"]


@pytest.fixture(scope="module")
def chats(whole_day: list[Sent]) -> list[ContactEvent]:
    """The chats of that day."""
    return [event for prefix, event in whole_day if prefix == "chat"]


def steady(calls_per_hour: float, handle_s: float, patience_s: float, agents: int) -> Center:
    """A center with one queue and the same load all day, as Erlang A assumes it."""
    queue = CallQueue(
        name="only", per_hour=(calls_per_hour,) * 48, talk=Duration(handle_s), patience=Duration(patience_s)
    )
    return Center(queues=(queue,), teams=(Team("all", ("only",), (agents,) * 48),))


def only(center: Center) -> CallQueue:
    (queue,) = center.queues
    assert isinstance(queue, CallQueue)
    return queue


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


def test_events_survive_the_codec(whole_day: list[Sent]) -> None:
    decoders: dict[Prefix, Decode] = {"call": decoder("call"), "chat": decoder("chat")}
    for prefix, event in whole_day[-5000:]:
        decoded = decoders[prefix](encode(prefix, event))
        assert all(getattr(decoded, name) == getattr(event, name) for name in event.__struct_fields__)


def test_every_kind_of_event_occurs(day: list[ContactEvent], chats: list[ContactEvent]) -> None:
    """But those of an outage."""
    assert {type(event) for event in day} == {*EVENTS["call"]} - {Blocked}
    of_chats = {Started, Message, Queued, Ringing, Declined, Answered, Transferred, Exited, Ended, Wrapped}
    assert {type(event) for event in chats} == of_chats | {SurveyOffered, Rated}


# The rules of the floor

# What may come after what, of one contact, without what runs beside it.
FOLLOWS: dict[str, set[str]] = {
    "Started": {"Queued", "Ended", "CallbackAttempted"},
    "Queued": {"Ringing", "Exited"},
    "Ringing": {"Answered", "Declined", "Exited"},
    "Declined": {"Ringing", "Exited"},
    "Answered": {"Held", "Transferred", "Ended"},
    "Held": {"Resumed", "consulted", "Ended"},
    "consulted": {"Left", "handed over"},
    "Left": {"Resumed"},
    "Resumed": {"Transferred", "Ended"},
    "Transferred": {"Queued"},
    "handed over": {"Transferred", "Ended"},
    "Exited": {"Ended", "CallbackRequested", "Queued"},
    "CallbackRequested": {"Ended"},
    "CallbackAttempted": {"Answered", "Ended"},
    "Ended": {"Started", "CallbackCancelled"},
    "CallbackCancelled": set(),
}
BESIDE = Wrapped | SurveyOffered | Rated | Classified | Escalated


def step(event: ContactEvent) -> str:
    if isinstance(event, Answered) and event.role == "consult":
        return "consulted"
    return "handed over" if isinstance(event, Transferred) and event.kind == "consult" else type(event).__name__


def test_a_call_goes_its_way_from_start_to_end() -> None:
    last: dict[str, str] = {}
    began = MIDNIGHT_MS + DAY_MS  # whoever starts in the first day has the whole next day to end
    for event in events_of(default_center(0.3), 48):
        if isinstance(event, BESIDE):
            continue
        if event.contact_id in last:
            assert step(event) in FOLLOWS[last[event.contact_id]]
        elif event.at >= began or not isinstance(event, Started):
            assert event.at >= began
            continue
        last[event.contact_id] = step(event)
    assert len(last) > 1500
    assert set(last.values()) <= {"Ended", "CallbackCancelled"}


def check_nobody_has_two_calls(day: Iterable[ContactEvent]) -> None:
    """From the ring to the end of the wrap-up, or of what else they were asked for."""
    has: dict[str, str] = {}
    rings: dict[str, str] = {}
    consulted: dict[str, str] = {}
    for event in day:
        if isinstance(event, Ringing):
            assert event.agent not in has
            has[event.agent], rings[event.contact_id] = event.contact_id, event.agent
        elif isinstance(event, CallbackAttempted) and event.result == "connected":
            assert event.agent not in has
            has[str(event.agent)] = event.contact_id
        elif isinstance(event, Answered) and event.role == "consult":
            assert event.agent not in has
            has[event.agent], consulted[event.contact_id] = event.contact_id, event.agent
        elif isinstance(event, Answered):
            assert has[event.agent] == event.contact_id
            rings.pop(event.contact_id, None)
        elif isinstance(event, Declined | Left):
            del has[event.agent]
            rings.pop(event.contact_id, None)
            consulted.pop(event.contact_id, None)
        elif isinstance(event, Transferred) and event.kind == "consult":
            assert consulted.pop(event.contact_id) == event.to_agent
        elif isinstance(event, Ended) and event.contact_id in consulted:
            del has[consulted.pop(event.contact_id)]
        elif isinstance(event, Wrapped):
            assert event.agent
            assert has.pop(event.agent) == event.contact_id
        elif isinstance(event, Exited) and event.contact_id in rings:
            del has[rings.pop(event.contact_id)]


def test_nobody_has_two_calls(day: list[ContactEvent]) -> None:
    check_nobody_has_two_calls(day)


def test_somebody_has_several_chats_but_never_more_than_three(chats: list[ContactEvent]) -> None:
    has: Counter[str] = Counter()
    rings: dict[str, str] = {}
    most = 0
    for event in chats:
        if isinstance(event, Ringing):
            has[event.agent] += 1
            rings[event.contact_id] = event.agent
        elif isinstance(event, Declined):
            has[event.agent] -= 1
        elif isinstance(event, Wrapped):
            has[str(event.agent)] -= 1
        elif isinstance(event, Exited) and event.contact_id in rings:
            has[rings.pop(event.contact_id)] -= 1
        if isinstance(event, Answered | Declined):
            rings.pop(event.contact_id)
        most = max(most, *has.values(), 0)
    assert most == 3


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
    other = replace(only(center), name="other")
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
        only(center), talk=Duration(20, 0), patience=Duration(60, 0), transfer_to=("only",), transfer_share=0.5
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


def test_people_take_their_breaks() -> None:
    """One person, a minute for each of more calls than can be served: after half an hour ten minutes without, and so on."""
    center = replace(steady(120, 60, 300, 1), breaks=Breaks(every=Duration(1_800, 0), length=Duration(600, 0)))
    gaps: list[tuple[int, int]] = []  # since when and how long, in ms
    wrapped_ms = MIDNIGHT_MS
    for event in events_of(center, 10):
        if isinstance(event, Ringing) and event.at - wrapped_ms > 300_000:
            gaps.append((wrapped_ms, event.at - wrapped_ms))
        elif isinstance(event, Wrapped):
            wrapped_ms = event.at
    assert 13 <= len(gaps) <= 20  # a break each 30 minutes, and up to a call later
    assert all(600_000 <= gap_ms < 720_000 for _, gap_ms in gaps)
    # A gap may begin before the break, with a moment without calls.
    assert all(other[0] - one[0] >= 1_740_000 for one, other in pairwise(gaps))


def test_a_callback_is_made_after_it_is_due_and_three_times_at_most() -> None:
    """Half of the attempts reach nobody, so one of eight callbacks is given up."""
    center = steady(60, 240, 300, 3)
    callbacks = Callbacks(offered_after_s=30, accepted_share=1, due=Duration(900, 0), reached_share=0.5)
    due: dict[str, int] = {}
    attempts: dict[str, list[CallbackAttempted]] = {}
    cancelled: set[str] = set()
    for event in events_of(replace(center, queues=(replace(only(center), callbacks=callbacks),)), 24):
        if isinstance(event, CallbackRequested):
            assert event.due_at == event.at + 900_000
            due[event.contact_id] = event.due_at
        elif isinstance(event, CallbackAttempted):
            assert event.at > due[event.contact_id]
            attempts.setdefault(event.contact_id, []).append(event)
        elif isinstance(event, CallbackCancelled):
            cancelled.add(event.contact_id)
    ended = {c: made for c, made in attempts.items() if len(made) == 3 or made[-1].result == "connected"}
    assert len(ended) > 100
    assert cancelled == {c for c, made in ended.items() if made[-1].result != "connected"}
    assert 0.05 < len(cancelled) / len(ended) < 0.25
    assert max(map(len, attempts.values())) == 3


def test_who_waits_too_long_goes_to_the_other_queue() -> None:
    center = steady(200, 240, 6_000, 10)
    queue = replace(only(center), overflow_to="other", overflow_after_s=60)
    other = replace(only(center), name="other", per_hour=(0,) * 48)
    teams = (*center.teams, Team("others", ("other",), (20,) * 48))
    entered: dict[str, int] = {}
    moved = 0
    for event in events_of(replace(center, queues=(queue, other), teams=teams), 3):
        if isinstance(event, Queued):
            assert event.queue == ("other" if event.contact_id in entered else "only")
            entered[event.contact_id] = event.at
        elif isinstance(event, Exited) and event.reason == "overflow":
            assert event.at - entered[event.contact_id] == 60_000
            moved += 1
    assert moved > 50


def test_memory_does_not_grow_with_simulated_time() -> None:
    """Between one midnight and those days later; a call costs about 1 kB, four days are some 1,400 calls."""
    stream = events_of(default_center(0.05), 24 * 6)
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
    queue = replace(only(center), talk=Duration(185, 238))
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
        simulation = Simulation(default_center(), seed=1, start_ms=start_ms, day_start_ms=day_start_ms)
        twenty_minutes = Traffic(simulation, lambda _: True, end_ms=start_ms + 20 * 60_000)
        calls = sum(prefix == "call" and isinstance(event, Started) for prefix, event in twenty_minutes)
        assert 160 < calls < 320  # about 240 = 720 an hour / 3


def abandonment(events: list[ContactEvent]) -> dict[str, float]:
    queued = Counter(event.queue for event in events if isinstance(event, Queued))
    left = Counter(event.queue for event in events if isinstance(event, Exited) and event.reason == "abandoned")
    return {queue: left[queue] / queued[queue] for queue in queued}


def test_the_default_center_loses_a_plausible_share_of_calls(day: list[ContactEvent]) -> None:
    assert len(abandonment(day)) == 5
    for queue, share in abandonment(day).items():
        assert 0.01 < share < 0.15, queue


def test_the_default_center_loses_few_chats(chats: list[ContactEvent]) -> None:
    assert abandonment(chats).keys() == {"billing", "sales", "support"}
    assert all(share < 0.1 for share in abandonment(chats).values())


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
