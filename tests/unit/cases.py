"""A case: the events of one contact, and what they count for, worked by hand from docs/counting.md.

In the drawings times run in seconds. `S` started, `Q` queued, `r` ringing, `D` declined, `A` answered, `H` held, `R` resumed,
`T` transferred, `L` left, `X` exited, `B` blocked, `E` ended, `W` wrapped; `.` waits, `=` talks, `~` holds, `-` wraps up.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations
from random import Random

from models.book import Book, Key
from models.events import ContactEvent
from models.folding import QueueRules
from tests.unit.builders import Sums, blank, record_of, summed, without_zeros

Case = tuple[list[ContactEvent], Sums]
Found = dict[tuple[Key, int, int], int]
NOTHING: Sums = Sums()


def assert_counts(
    events: list[ContactEvent], sums: Sums, *, chats: bool = False, rules: Book[QueueRules] | None = None
) -> None:
    """Compare what events count for: added up on the way and read anew, in any order, said once or twice."""
    expected = without_zeros(sums)
    record, on_the_way = record_of(events, chats, rules)
    assert on_the_way == expected
    assert summed(record.contribution(blank(chats, rules))) == expected
    for order in orders(events):
        assert record_of(order, chats, rules)[1] == expected


def orders(events: Sequence[ContactEvent]) -> Iterator[Sequence[ContactEvent]]:
    """Yield all orders of few events, some of more, always the same ones; and orders with everything said twice."""
    if len(events) <= 4:
        yield from permutations(events)
    else:
        shuffled, random = list(events), Random(7)
        for _ in range(40):
            random.shuffle(shuffled)
            yield list(shuffled)
    yield [*events, *events]
    yield [*events, *events][::-1]


def counted(events: list[ContactEvent], *, chats: bool = False, rules: Book[QueueRules] | None = None) -> Found:
    """Return what events count for, as a fold in this order adds it up."""
    return record_of(events, chats, rules)[1]


def closed(events: list[ContactEvent], *, chats: bool = False, rules: Book[QueueRules] | None = None) -> Found:
    """Return what events count for once nothing is to be heard of the contact any more."""
    record, _ = record_of(events, chats, rules)
    out = record.contribution(blank(chats, rules))
    record.close(out)
    return summed(out)
