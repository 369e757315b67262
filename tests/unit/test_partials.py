"""What stage 1 sends: keys, values, and what is none of ours (DESIGN 5)."""

from itertools import combinations

import msgspec
import pytest

from models import partials as wire
from models.book import Key
from models.log import Counts
from models.measures import COHORT_ABANDON_WAIT, CONTACTS, LIVE, OFFERED
from models.partials import Partial, Progress, Source
from models.span import BITS
from tests.unit.builders import START_MS, exited, folded, key, queued

SOURCE: Source = ("cc.calls", 7)
SOME_PROGRESS = Progress(3, 40, START_MS, START_MS + 5, Counts(9, 1, 2, 3, 4), "d1gest")


@pytest.mark.parametrize(
    "record",
    [
        Partial(("sales", "voice"), "total", 3, 40, {OFFERED: 1, COHORT_ABANDON_WAIT + 4: 2}),
        Partial(("продажи|%7C", "voice|chat"), f"1m:{START_MS}", 1 << 60, 1 << 60, {OFFERED: -1}),
        Partial(("sales", "voice"), f"15m:{START_MS}", 0, 0, {}),
        Partial(("sales", "voice"), "live", 0, -1, [{START_MS << BITS | 3_600: 2}, {}]),
        Partial(("sales", "voice", "billing", "late|fee"), f"1m:{START_MS}", 1, 5, {CONTACTS: 1}),
        SOME_PROGRESS,
    ],
    ids=["total", "odd names", "empty pane", "live", "issue", "progress"],
)
def test_there_and_back(record: Partial | Progress) -> None:
    assert wire.decode(named(record), wire.encode(record)) == (SOURCE, record)


def named(record: Partial | Progress) -> bytes:
    if isinstance(record, Progress):
        return wire.progress_key(SOURCE)
    return wire.partial_key(SOURCE, record.key, record.part)


def test_what_was_shown_there_and_back() -> None:
    shown = wire.Shown(("продажи|%7C", "voice"), {"cc_contacts_offered_total": 1 << 40, 'x_bucket{le="+Inf"}': 3})
    assert wire.decode(wire.shown_key(shown.key), wire.encode(shown)) == shown
    assert wire.shown_key(("a|b", "voice")) == b"shown|a%7Cb|voice"


def test_keys_are_as_the_design_has_them() -> None:
    """A `|` or `%` in a name is escaped as in an address."""
    assert wire.partial_key(SOURCE, ("sales", "voice"), "15m:900000") == b"cc.calls|7|sales|voice|15m:900000"
    assert wire.partial_key(SOURCE, ("a|b%7C", "c|d"), "live") == b"cc.calls|7|a%7Cb%257C|c%7Cd|live"
    issue = ("sales", "voice", "billing", "late|fee")
    assert wire.partial_key(SOURCE, issue, "total") == b"cc.calls|7|sales|voice|billing|late%7Cfee|total"
    assert wire.progress_key(SOURCE) == b"progress|cc.calls|7"


def test_a_flush_is_what_changed_and_its_progress() -> None:
    state = folded([queued(0), exited(4)])
    *parts, last = wire.flush(state)
    assert [part.part for part in parts if isinstance(part, Partial)] == [f"1m:{START_MS}", "live"]
    assert last == Progress(0, 1, START_MS + 4_000, 0, Counts(events=2), "")
    assert len(list(wire.flush(state))) == 1


def test_different_parts_never_share_a_key() -> None:
    """Compaction would keep only one of them."""
    names = ["a", "|", "a|", "|a", "a|b", "%", "%7C", "%257C"]
    keys = [(queue, channel) for queue in names for channel in names]
    encoded = {wire.partial_key(SOURCE, named, "live"): named for named in keys}
    assert len(encoded) == len(keys)
    assert all(wire.partial_key(("t", 1), a, "live") != wire.partial_key(("t", 11), b, "live")
               for a, b in combinations(keys[:9], 2))  # fmt: skip


@pytest.mark.parametrize(
    ("named", "value"),
    [
        (b"", b""),
        (b"cc.calls", b"\x90"),
        (b"cc.calls|seven|sales|voice|live", wire.encode(Partial(("sales", "voice"), "live", 0, 0, []))),
        (b"cc.calls|7|sales|voice|live", b"\xff"),
        (b"cc.calls|7|sales|voice|live", wire.encode(SOME_PROGRESS)),
        (b"progress|cc.calls|7", wire.encode(Partial(("sales", "voice"), "live", 0, 0, []))),
        (b"shown|sales|voice", wire.encode(SOME_PROGRESS)),
        (b"progress|cc.calls", wire.encode(SOME_PROGRESS)),
        (b"\xff|7|sales|voice|live", wire.encode(Partial(("sales", "voice"), "live", 0, 0, []))),
    ],
)
def test_a_record_that_is_none_of_ours_is_refused_in_words(named: bytes, value: bytes) -> None:
    with pytest.raises(ValueError, match=r"^partials: record with key b.* is none of ours: ") as refused:
        wire.decode(named, value)
    assert repr(named) in str(refused.value)


def test_a_partial_says_what_its_source_knows_now() -> None:
    state = folded([queued(0), exited(4)])
    pane = wire.partial(state, key(), f"1m:{START_MS}", epoch=5)
    assert (pane.key, pane.part, pane.epoch, pane.offset) == (("sales", "voice"), f"1m:{START_MS}", 5, 1)
    assert isinstance(pane.body, dict)
    assert (pane.body[OFFERED], pane.body[COHORT_ABANDON_WAIT + 4]) == (1, 1)
    assert wire.partial(state, key(), "live").body == [{}] * LIVE


@pytest.mark.parametrize("part", ["live", "total", f"1m:{START_MS}"])
def test_of_a_queue_that_the_source_does_not_know_it_says_nothing(part: str) -> None:
    """After a restore of an older state, a part may be named that is not there yet."""
    named: Key = ("nobody", "voice")
    said = wire.partial(folded([]), named, part)
    assert said.body == {}
    assert msgspec.msgpack.decode(wire.encode(said))[-1] == {}
