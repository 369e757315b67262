"""When there are too many dead letters among the newest records of a partition."""

from collections.abc import Iterable

import pytest

from models.letter_limit import AT_LEAST, LetterLimit, RefusedLately
from models.log import Letter


def refused(*offsets: int, code: str = "json") -> list[Letter]:
    return [Letter(offset, code, f"not JSON: {offset}", b"") for offset in offsets]


def share_after(limit: LetterLimit, records: int, wrong: Iterable[int], fetch: int, first: int = 0) -> float | None:
    """Return the share that is too much once so many records were read, `fetch` at a time."""
    wrong, noted = set(wrong), RefusedLately()
    for start in range(first, first + records, fetch):
        end = min(start + fetch, first + records)
        limit.note(noted, start, end - 1, refused(*sorted(wrong.intersection(range(start, end)))))
    return limit.exceeded(noted, first + records - 1)


@pytest.mark.parametrize("fetch", [1, 7, 10_000])
@pytest.mark.parametrize("first", [0, 1_000_000])
@pytest.mark.parametrize(
    ("records", "wrong", "share"),
    [
        (AT_LEAST - 1, AT_LEAST - 1, None),  # too few to judge
        (AT_LEAST, AT_LEAST // 2, None),
        (AT_LEAST, AT_LEAST // 2 + 1, 0.502),
        (1_000, 501, 0.501),
        (2_000, 501, None),  # a window of a thousand: all of them are older
    ],
)
def test_a_share_above_the_limit_is_told_however_the_records_were_fetched(
    fetch: int, first: int, records: int, wrong: int, share: float | None
) -> None:
    limit = LetterLimit(0.5, window=1_000)
    assert share_after(limit, records, range(first, first + wrong), fetch, first) == share


def test_what_was_right_for_long_does_not_hide_what_is_wrong_now() -> None:
    limit = LetterLimit(0.5, window=1_000)
    assert share_after(limit, 100_500, range(100_000, 100_500), 500) is None  # half of the newest thousand
    assert share_after(limit, 100_501, range(100_000, 100_501), 500) == 0.501


def test_no_more_is_kept_than_is_judged() -> None:
    limit, noted = LetterLimit(1, window=100), RefusedLately()
    limit.note(noted, 0, 999, refused(*range(1_000)))
    assert noted.offsets == list(range(900, 1_000))
    limit.note(noted, 1_000, 1_049, [])
    assert noted.offsets == list(range(950, 1_000))


def test_late_events_are_no_dead_letters() -> None:
    limit, noted = LetterLimit(0.5), RefusedLately()
    limit.note(noted, 0, 999, refused(*range(1_000), code="late"))
    assert limit.exceeded(noted, 999) is None


def test_a_limit_of_one_lets_everything_pass_and_one_of_none_nothing() -> None:
    assert share_after(LetterLimit(1), 2_000, range(2_000), 500) is None
    assert share_after(LetterLimit(0), 2_000, [17], 500) == 1 / 2_000
