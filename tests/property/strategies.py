"""Random days of calls: ordinary stories and nonsense, and logs made of them.

A contact is a word of letters, one for each event, as in the drawings of tests/unit/test_contact.py: `S` started, `Q` queued,
`r` ringing, `D` declined, `A` answered, `H` held, `R` resumed, `T` transferred, `L` left, `X` exited, `B` blocked, `E` ended,
`W` wrapped. Times, queues, people, reasons, ids, revisions and the source's own order are drawn.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final

from hypothesis import strategies as st
from msgspec import inspect as types
from msgspec.structs import fields

from models import events as ev
from models.codec import encode
from models.events import ContactEvent
from models.partition import Line
from tests.unit.builders import ms

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
QUEUES: Final = st.sampled_from(["sales", "tech"])
PEOPLE: Final = st.sampled_from(["ann", "bob"])
MAYBE_QUEUE: Final = st.sampled_from([None, None, "sales", "tech"])
MAYBE_PERSON: Final = st.sampled_from([None, "ann", "bob"])
DIRECTIONS: Final = st.sampled_from([None, None, None, "inbound", "outbound", "callback"])
REASONS: Final = st.sampled_from(["abandoned", "abandoned", "moved", "timeout", "answered_elsewhere", "other"])
ROLES: Final = st.sampled_from(["primary", "primary", "primary", "conference", "consult"])

STORIES: Final = (
    "QAE", "SQrAE", "SQrDrAHREW", "QX", "QXE", "QE", "Q", "QA", "QQAE", "QQXAEW", "QQE", "QATQAEW", "QATQX", "QAAHRLEW",
    "QALAE", "SBE", "QAHTQAHEWW", "EWAQ", "XQ", "RHAQ",
)  # fmt: skip
ANYTHING: Final = st.text("SQQQrDAAAHRTLXXBEEW", max_size=8)

FIELDS: Final[dict[str, tuple[type[ContactEvent], dict[str, st.SearchStrategy[Any]]]]] = {
    "S": (ev.Started, {"direction": DIRECTIONS}),
    "Q": (ev.Queued, {"queue": QUEUES, "direction": DIRECTIONS, "channel": st.sampled_from([None, None, "video"])}),
    "r": (ev.Ringing, {"agent": PEOPLE}),
    "D": (ev.Declined, {"agent": PEOPLE}),
    "A": (ev.Answered, {"agent": PEOPLE, "queue": MAYBE_QUEUE, "role": ROLES}),
    "H": (ev.Held, {"agent": MAYBE_PERSON}),
    "R": (ev.Resumed, {"agent": MAYBE_PERSON}),
    "T": (ev.Transferred, {"agent": MAYBE_PERSON}),
    "L": (ev.Left, {"agent": PEOPLE}),
    "X": (ev.Exited, {"reason": REASONS, "queue": MAYBE_QUEUE}),
    "B": (ev.Blocked, {"reason": st.just("no_agent"), "queue": QUEUES}),
    "E": (ev.Ended, {"by": st.sampled_from([None, "customer", "agent", "system"])}),
    "W": (ev.Wrapped, {"agent": MAYBE_PERSON}),
}


@st.composite
def contacts(draw: Callable[..., Any], name: str = "c", within_s: int = 1_200) -> list[ContactEvent]:
    """Draw the events of one contact that begins within so many seconds; some say an id again, with other content."""
    word = draw(st.one_of(st.sampled_from(STORIES), ANYTHING))
    gaps = draw(st.lists(st.sampled_from([0, 0, 0.25, 1, 4.5, 20, 31, 240]), min_size=len(word), max_size=len(word)))
    begins = draw(st.integers(0, within_s))
    events: list[ContactEvent] = []
    for number, (letter, later) in enumerate(zip(word, accumulate(gaps), strict=True)):
        kind, fields = FIELDS[letter]
        again = number and draw(st.integers(0, 9)) == 0
        values = {field: draw(strategy) for field, strategy in fields.items()}
        events.append(
            kind(
                id=f"{name}.{draw(st.integers(0, number - 1)) if again else number}",
                at=ms(begins + later),
                contact_id=name,
                rev=draw(st.integers(0, 2)) if again else 0,
                seq=draw(st.sampled_from([0, 0, 0, 1])),
                **values,
            )
        )
    return events


@st.composite
def days(draw: Callable[..., Any], most: int = 4, within_s: int = 1_200) -> list[ContactEvent]:
    """Draw the events of a few contacts, by time."""
    names = [f"c{n}" for n in range(draw(st.integers(1, most)))]
    events = [event for name in names for event in draw(contacts(name, within_s))]
    return sorted(events, key=lambda event: event.at)


@st.composite
def mixed(draw: Callable[..., Any], events: list[ContactEvent]) -> list[ContactEvent]:
    """Draw an order of the events, some of them twice."""
    again = draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    order: list[ContactEvent] = draw(st.permutations([*events, *again]))
    return order


@st.composite
def logs(draw: Callable[..., Any]) -> list[Line]:
    """Draw a log of up to 60 hours: mostly by time, with late events, events from the future and garbage in it.

    Times are dense enough to share minutes and far enough apart to leave both tiers of the panes.
    """
    events = draw(days(5, within_s=draw(st.sampled_from([60 * HOUR_S, 8 * HOUR_S, 90 * MINUTE_S]))))
    if draw(st.booleans()):
        events = draw(mixed(events))
    values: list[tuple[int, bytes]] = []
    for event in events:
        appended_ms = draw(st.sampled_from([0, 0, 0, event.at, event.at - 11 * MINUTE_S * 1_000]))
        values.append((appended_ms, encode("call", event)))
    for _ in range(draw(st.integers(0, 2))):
        garbage = draw(st.sampled_from([b"nonsense", b"[]", b'{"type":"call.held"}', b'{"type":"chat.queued"}']))
        values.insert(draw(st.integers(0, len(values))), (0, garbage))
    return [Line(offset, value, appended_ms) for offset, (appended_ms, value) in enumerate(values)]


def split(things: list[Any]) -> st.SearchStrategy[list[list[Any]]]:
    """Draw a split of a list into batches, some of them empty."""
    cuts = st.lists(st.integers(0, len(things)), max_size=4).map(sorted)
    return cuts.map(lambda at: [things[start:end] for start, end in zip([0, *at], [*at, len(things)], strict=True)])


_IDS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def any_event(prefix: str = "call") -> st.SearchStrategy[ContactEvent]:
    """Draw an event with any values that its definition allows; those of calls are chats' as well."""
    return st.one_of([_any_of(kind) for kind in ev.EVENTS[prefix]])


def _any_of(kind: type[ContactEvent]) -> st.SearchStrategy[ContactEvent]:
    return st.builds(kind, **{field.name: _allowed(types.type_info(field.type)) for field in fields(kind)})


def _allowed(info: types.Type) -> st.SearchStrategy[Any]:
    match info:
        case types.UnionType(types=options):
            return st.one_of([_allowed(option) for option in options])
        case types.NoneType():
            return st.none()
        case types.BoolType():
            return st.booleans()
        case types.StrType():
            return _IDS
        case types.LiteralType(values=words):
            return st.sampled_from(words)
        case types.IntType(ge=least, lt=above) if above is not None:
            return st.integers(least, above - 1)
        case types.IntType(ge=least, le=most):
            return st.integers(least, most)
        case types.VarTupleType(item_type=item):
            return st.lists(_allowed(item), max_size=3).map(tuple)
    raise TypeError(f"nothing to draw for {info}")
