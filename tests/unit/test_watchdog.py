"""When the watchdog takes a partition for stuck."""

from streams.watchdog import STUCK_S, Watchdog


def test_a_partition_that_is_not_read_on_is_stuck_after_a_while() -> None:
    watchdog = Watchdog[str]()
    assert watchdog.stuck(10.0, {"a": 5, "b": 5}) == []
    assert watchdog.stuck(10.0 + STUCK_S, {"a": 5, "b": 6}) == []
    assert watchdog.stuck(10.1 + STUCK_S, {"a": 5, "b": 6}) == ["a"]


def test_one_that_had_nothing_left_meanwhile_is_not() -> None:
    watchdog = Watchdog[str]()
    watchdog.stuck(10.0, {"a": 5})
    watchdog.stuck(20.0, {})
    assert watchdog.stuck(11.0 + STUCK_S, {"a": 5}) == []
    assert watchdog.stuck(12.0 + 2 * STUCK_S, {"a": 5}) == ["a"]
