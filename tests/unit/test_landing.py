"""The page that a person sees: what it says of a worker in each state."""

import re
from dataclasses import replace

import pytest

from models.merge import QueueView
from sinks.prometheus import FloorView, SourceView
from streams.landing import landing

NOW_MS = 1_700_000_000_000
SOURCE = SourceView(
    "cc.calls", 0, events=1_200, duplicates=0, late=0, invalid=0, orphans=0, lost=0,
    newest_ms=NOW_MS, watermark_ms=NOW_MS, appended_ms=NOW_MS - 7_000, lag=0,
)  # fmt: skip
QUEUE = QueueView(("sales", "voice"), {}, {}, {}, ())
ISSUE = QueueView(("sales", "voice", "billing", ""), {}, {}, {}, ())
VIEW = FloorView((QUEUE, ISSUE), (SOURCE,), recovering=False, fresh_ms=NOW_MS - 400)


def words(view: FloorView) -> str:
    """Return the text of the page without its tags."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", landing(view, NOW_MS, "1.2.3"), flags=re.DOTALL).split())


def test_a_worker_that_is_caught_up() -> None:
    text = words(VIEW)
    assert "version 1.2.3, as of 2023-11-14 22:13:20 UTC" in text
    assert "complete up to now ." in text
    assert "1 queues and channels" in text
    assert "cc.calls 0 1,200 0 0 s" in text


@pytest.mark.parametrize(
    ("numbers", "said"), [((0,), "0"), ((0, 1), "0–1"), ((0, 1, 2, 5, 7, 8), "0–2, 5, 7–8"), ((8, 0), "0, 8")]
)
def test_partitions_are_put_together_and_their_numbers_added_up(numbers: tuple[int, ...], said: str) -> None:
    sources = tuple(replace(SOURCE, partition=number, lag=3 * number) for number in numbers)
    text = words(replace(VIEW, sources=sources))
    behind = "7 s" if any(numbers) else "0 s"
    assert f"cc.calls {said} {1_200 * len(numbers):,} {3 * sum(numbers)} {behind}" in text


@pytest.mark.parametrize(
    ("age_ms", "said"),
    [
        (-5, "now"),
        (1_999, "now"),
        (2_000, "2 s ago"),
        (119_999, "119 s ago"),
        (120_000, "2 min ago"),
        (7_200_000, "2 h ago"),
    ],
)
def test_how_fresh_the_figures_are(age_ms: int, said: str) -> None:
    assert f"complete up to {said} ." in words(replace(VIEW, fresh_ms=NOW_MS - age_ms))


def test_a_worker_that_reads_its_past_says_only_that() -> None:
    text = words(replace(VIEW, recovering=True))
    assert "It reads its past" in text
    assert "cc.calls" not in text


def test_what_is_not_known_is_not_said_to_be_0() -> None:
    text = words(FloorView((), (replace(SOURCE, lag=None),), recovering=False))
    assert "no source has told it anything yet" in text
    assert "cc.calls 0 1,200 not known not known" in text


def test_names_are_escaped() -> None:
    assert "<b>" not in landing(replace(VIEW, sources=(replace(SOURCE, topic="<b>"),)), NOW_MS, "<b>")
