"""Terms of queues by time: what holds where, from when and in which hours.

2026-03-28 Sat                 2026-03-29 Sun, Zurich: 01:59 is followed by 03:00
...............................|--------------x------------------------------------
23:00Z the day before        00:00          02:00 = 03:00 = 01:00Z
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from models.book import _REMEMBERED, Book, Clause, Hours, Key, matches
from models.errors import ConfigError

A, B = ("a-1", "voice"), ("b", "chat")
QUARTER_MS = 900_000


@dataclass(frozen=True)
class Terms:
    limit: int = 20
    goal: float = 0.8


def default(_: Key) -> Terms:
    return Terms()


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000


def book(*clauses: Clause) -> Book[Terms]:
    return Book(default, clauses)


def test_the_default_holds_where_nothing_is_said() -> None:
    assert book().of(A, 0) == Terms()
    assert book(Clause({"limit": 30}, "a-*")).of(B, 0) == Terms()


@pytest.mark.parametrize(
    ("queue", "pattern", "is_meant"),
    [
        ("sales", "sales", True),
        ("sales", "Sales", False),
        ("sales-1", "sales", False),
        ("sales-1", "sales-*", True),
        ("sales-1", "sales-?", True),
        ("sales-12", "sales-?", False),
        ("", "*", True),
        ("sales[1]", "sales[1]", True),
    ],
)
def test_queues_are_meant_by_name_or_pattern(queue: str, pattern: str, is_meant: bool) -> None:
    assert matches(queue, pattern) is is_meant


def test_later_clauses_win_and_change_only_what_they_name() -> None:
    terms = book(
        Clause({"limit": 30, "goal": 0.9}), Clause({"limit": 40}, "a-*"), Clause({"limit": 50}, channel="chat")
    )
    assert terms.of(A, 0) == Terms(40, 0.9)
    assert terms.of(B, 0) == Terms(50, 0.9)
    assert terms.of(("a-2", "chat"), 0) == Terms(50, 0.9)


def test_a_key_may_say_more_than_queue_and_channel() -> None:
    assert book(Clause({"limit": 30}, "a-*", "voice")).of((*A, "billing", "refund"), 0) == Terms(30)


def test_a_clause_holds_from_its_time_on() -> None:
    terms = book(Clause({"limit": 30}, "a-*", valid_from_ms=QUARTER_MS), Clause({"goal": 0.5}, valid_from_ms=0))
    assert terms.of(A, QUARTER_MS - 1) == Terms(20, 0.5)
    assert terms.of(A, QUARTER_MS) == Terms(30, 0.5)


def test_an_earlier_clause_of_the_list_loses_though_it_is_valid_later() -> None:
    assert book(Clause({"limit": 30}, valid_from_ms=QUARTER_MS), Clause({"limit": 40})).of(A, QUARTER_MS) == Terms(40)


@pytest.mark.parametrize(
    ("at", "limit"),
    [
        ("2026-03-27T08:00", 20),  # Friday
        ("2026-03-28T06:59", 20),  # 07:59 in Zurich
        ("2026-03-28T07:00", 30),
        ("2026-03-28T16:59", 30),
        ("2026-03-28T17:00", 20),
        ("2026-03-29T05:59", 20),  # 07:59, summer time
        ("2026-03-29T06:00", 30),
        ("2026-03-29T15:59", 30),
        ("2026-03-29T16:00", 20),
    ],
)
def test_hours_go_by_the_clock_of_their_zone(at: str, limit: int) -> None:
    weekend = Hours("Europe/Zurich", (5, 6), (8 * 60, 18 * 60))
    assert book(Clause({"limit": 30}, hours=weekend)).of(A, ms(at)) == Terms(limit)


def test_an_hour_that_occurs_twice_is_meant_twice() -> None:
    """Zurich, 2026-10-25: 02:00 to 03:00 is 00:00Z to 01:00Z, and again 01:00Z to 02:00Z."""
    night = book(Clause({"limit": 30}, hours=Hours("Europe/Zurich", span=(120, 180))))
    start_ms = ms("2026-10-24T23:00")
    limits = [night.of(A, start_ms + n * QUARTER_MS).limit for n in range(16)]
    assert limits == [20] * 4 + [30] * 8 + [20] * 4


def test_whether_the_same_holds_throughout() -> None:
    terms = book(Clause({"limit": 30}, "a-*", valid_from_ms=QUARTER_MS), Clause({"goal": 0.5}, channel="chat"))
    assert [terms.same_throughout(key) for key in (A, B)] == [False, True]
    assert [terms.same_throughout(key) for key in (A, B)] == [False, True]
    assert terms.of(B, 0) is terms.of(B, 1 << 41)


def test_what_is_remembered_of_changing_terms_is_bounded() -> None:
    terms = book(Clause({"limit": 30}, valid_from_ms=(_REMEMBERED + 5) * QUARTER_MS))
    limits = [terms.of(A, n * QUARTER_MS).limit for n in range(_REMEMBERED + 10)]
    assert limits == [20] * (_REMEMBERED + 5) + [30] * 5
    assert len(terms._quarters) <= _REMEMBERED


def test_limits_of_time_that_would_split_a_pane_are_refused() -> None:
    with pytest.raises(ConfigError, match="not on a quarter of an hour"):
        Clause({"limit": 30}, valid_from_ms=60_000)
    with pytest.raises(ConfigError, match="not on quarters of an hour"):
        Hours("UTC", span=(0, 100))
