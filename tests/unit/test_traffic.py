"""When simulated events are sent: never before their time, some twice, some late, and all of them in the end."""

import threading
import time
from collections import Counter

import pytest

from models.events import ContactEvent
from streams.default_center import default_center
from streams.simulate import Simulation
from streams.traffic import Disorder, Pace, Traffic

START_MS = 1_717_995_600_000
HOUR_MS = 3_600_000


def simulation() -> Simulation:
    return Simulation(default_center(), seed=4, start_ms=START_MS + 9 * HOUR_MS, day_start_ms=START_MS)


def sent(traffic: Traffic) -> list[ContactEvent]:
    return [event for _, event in traffic]


def hour(disorder: Disorder | None = None) -> Traffic:
    return Traffic(simulation(), lambda _: True, end_ms=START_MS + 10 * HOUR_MS, disorder=disorder, seed=7)


def test_without_disorder_events_come_in_order() -> None:
    times = [event.at for event in sent(hour())]
    assert times == sorted(times)
    assert times[-1] < START_MS + 10 * HOUR_MS


@pytest.mark.parametrize(
    ("disorder", "most_late_s"),
    [
        (Disorder(duplicate=0.3), 0),
        (Disorder(shuffle_s=30), 30),
        (Disorder(late=0.1, late_s=600), 600),
        (Disorder(duplicate=0.3, shuffle_s=30, late=0.1, late_s=600), 630),
    ],
)
def test_disorder_changes_order_and_number_but_no_event(disorder: Disorder, most_late_s: float) -> None:
    """An event is late by at most so much: no newer one that is sent before it is newer by more."""
    traffic = hour(disorder)
    events = sent(traffic)
    assert {event.id: event for event in events} == {event.id: event for event in sent(hour())}
    copies = Counter(event.id for event in events)
    assert traffic.duplicates == len(events) - len(copies)
    assert set(copies.values()) == ({1, 2} if disorder.duplicate else {1})
    # 0.3 of some 9,000: four standard errors are 0.02
    assert traffic.duplicates / len(copies) == pytest.approx(disorder.duplicate, abs=0.02)
    newest_ms, most_ms, behind = 0, 0, 0
    for event in events:
        most_ms = max(most_ms, newest_ms - event.at)
        behind += event.at < newest_ms
        newest_ms = max(newest_ms, event.at)
    assert most_late_s * 900 <= most_ms <= most_late_s * 1_000
    assert (behind > 100) == (most_late_s > 0)


def test_the_same_seed_makes_the_same_disorder() -> None:
    disorder = Disorder(duplicate=0.3, shuffle_s=30)
    assert sent(hour(disorder)) == sent(hour(disorder))


def test_who_ends_it_gets_all_that_has_happened() -> None:
    """The truth counts what has happened; what is held back when the end is asked for is sent, and nothing more happens."""
    asked_ms = START_MS + 9 * HOUR_MS + 600_000
    floor = simulation()
    traffic = Traffic(floor, lambda at_ms: at_ms < asked_ms, disorder=Disorder(shuffle_s=60), seed=7)
    events = sent(traffic)
    assert max(event.at for event in events) < asked_ms
    assert len(events) == sum(traffic.events.values())
    offered = sum(row["offered"] for row in floor.truth.rows())
    assert offered == sum(type(event).__name__ == "Queued" for event in events) > 0


# Time


def test_simulated_time_goes_so_many_times_as_fast_as_the_clock() -> None:
    """At 1,000 times as fast from an hour ago, 200 s later comes after 0.2 s."""
    began = time.monotonic()
    start_ms = int(time.time() * 1_000) - HOUR_MS
    pace = Pace.beginning_now(start_ms, 1_000, threading.Event())
    assert pace.ready(start_ms + 200_000)
    assert time.monotonic() - began >= 0.19


@pytest.mark.parametrize("speed", [None, 1_000.0])
def test_nothing_is_ready_before_its_time(speed: float | None) -> None:
    """However fast: what is to come in 0.2 s comes then."""
    soon_ms = int(time.time() * 1_000) + 200
    assert Pace.beginning_now(soon_ms - 1_000, speed, threading.Event()).ready(soon_ms)
    assert time.time() * 1_000 >= soon_ms


def test_what_lies_in_the_past_is_ready_at_once_where_it_goes_as_fast_as_possible() -> None:
    stop = threading.Event()
    assert Pace.beginning_now(0, None, stop).ready(int(time.time() * 1_000) - 1)


def test_who_waits_for_its_time_can_be_stopped() -> None:
    stop = threading.Event()
    pace = Pace.beginning_now(0, None, stop)
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    assert not pace.ready(int(time.time() * 1_000) + HOUR_MS)
    timer.join()
