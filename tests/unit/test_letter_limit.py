"""When there are too many dead letters."""

import pytest

from streams.letter_limit import AT_LEAST, WINDOW, LetterLimit


@pytest.mark.parametrize(
    ("records", "refused", "share"),
    [(AT_LEAST - 1, AT_LEAST - 1, None), (AT_LEAST, AT_LEAST // 2, None), (AT_LEAST, AT_LEAST // 2 + 1, 0.502)],
)
def test_a_share_above_the_limit_is_told_once_there_is_enough_to_judge(
    records: int, refused: int, share: float | None
) -> None:
    assert LetterLimit(0.5).exceeded(records, refused) == share


def test_what_was_right_for_long_does_not_hide_what_is_wrong_now() -> None:
    limit = LetterLimit(0.5)
    assert limit.exceeded(1_000_000, 0) is None
    fetches = [limit.exceeded(500, 500) for _ in range(2 * WINDOW // 500)]
    assert any(share is not None for share in fetches)


def test_a_limit_of_one_lets_everything_pass() -> None:
    assert LetterLimit(1).exceeded(WINDOW, WINDOW) is None
