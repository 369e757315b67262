"""Too many queues: nothing is lost of those that are shown together."""

from models import measures
from models.merge import QueueView
from models.other import OTHER, limited, standing_in
from models.span import span
from tests.unit.builders import START_MS


def view(*key: str, offered: int = 0, contacts: int = 0, waiting: int = 0) -> QueueView:
    cells = {measures.OFFERED: offered, measures.CONTACTS: contacts}
    live = [{span(START_MS, 60): waiting} if cell == measures.WAITING else {} for cell in range(measures.LIVE)]
    return QueueView(key, cells, {1: cells}, {2: cells}, (live,))


def test_few_stay_as_they_are() -> None:
    few = [view("b", "voice", offered=1), view("a", "voice", offered=2)]
    assert limited(few, 2) == few


def test_the_busiest_keep_their_names_and_the_rest_is_added_up() -> None:
    shown = {
        found.key: found
        for found in limited(
            [
                view("a", "voice", offered=5, waiting=1),
                view("b", "voice", offered=2, waiting=2),
                view("c", "voice", offered=1, waiting=3),
                view("d", "chat", offered=1),
            ],
            1,
        )
    }
    assert set(shown) == {("a", "voice"), (OTHER, "voice"), (OTHER, "chat")}
    rest = shown[OTHER, "voice"]
    assert (rest.total[measures.OFFERED], rest.minutes[1][measures.OFFERED], rest.quarters[2][measures.OFFERED]) == (
        3,
        3,
        3,
    )
    assert sum(n for _, _, n in rest.open.of(measures.WAITING)) == 5


def test_issues_are_counted_apart() -> None:
    views = [view("a", "voice", offered=9), *(view("a", "voice", f"i{n}", "", contacts=n) for n in (1, 2, 3))]
    assert [found.key for found in limited(views, 1)] == [
        ("a", "voice"),
        ("a", "voice", "i3", ""),
        (OTHER, "voice", OTHER, OTHER),
    ]


def test_what_stands_in_for_a_queue() -> None:
    shown = {("a", "voice"), (OTHER, "voice")}
    assert standing_in(("a", "voice"), shown) == ("a", "voice")
    assert standing_in(("b", "voice"), shown) == (OTHER, "voice")
