"""Random days of calls and chats: ordinary stories and nonsense, and logs made of them; and rules to read them by.

A contact is a word of letters, one for each event, as in the drawings of tests/unit/cases.py: `S` started, `Q` queued, `r`
ringing, `D` declined, `A` answered, `H` held, `R` resumed, `T` transferred, `L` left, `X` exited, `B` blocked, `E` ended, `W`
wrapped; and `m` message, `k` classified, `u` escalated, `o` survey offered, `v` rated, `c` callback requested, `t` attempted,
`n` cancelled. Times, queues, people, reasons, ids, revisions and the source's own order are drawn.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final

from hypothesis import strategies as st
from msgspec import inspect as types
from msgspec.structs import fields

from models import events as ev
from models.book import Book, Clause, Hours
from models.calendars import OpenHours
from models.codec import encode
from models.events import ContactEvent, Prefix
from models.folding import QueueRules, default_rules, ruled
from models.log import Line
from tests.unit.builders import START_MS, ms

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
QUEUES: Final = st.sampled_from(["sales", "tech"])
PEOPLE: Final = st.sampled_from(["ann", "bob"])
MAYBE_QUEUE: Final = st.sampled_from([None, None, "sales", "tech"])
MAYBE_PERSON: Final = st.sampled_from([None, "ann", "bob"])
ISSUES: Final = st.sampled_from([None, None, "bill", "tariff"])
SURVEYS: Final = st.sampled_from([None, None, "mail"])
CHANNELS: Final = st.sampled_from([None, None, "video", "messaging"])
DIRECTIONS: Final = st.sampled_from([None, None, None, "inbound", "outbound", "callback"])
REASONS: Final = st.sampled_from(
    ["abandoned", "abandoned", "moved", "callback_accepted", "answered_elsewhere", "other"]
)
ROLES: Final = st.sampled_from(["primary", "primary", "primary", "conference", "consult", "monitor"])

STORIES: Final = (
    "QAE", "SQrAE", "SQrDrAHREW", "QX", "QXE", "QE", "Q", "QA", "QQAE", "QQXAEW", "QQE", "QATQAEW", "QATQX", "QAAHRLEW",
    "QALAE", "SBE", "QAHTQAHEWW", "EWAQ", "XQ", "RHAQ", "QrrDAE", "QrE", "QAATAEW", "QkAkEWk", "QXcEttA", "QXcEn", "ctv",
    "QAEWov", "QAEvovQAEv", "QAEWQAEW", "QAuE",
)  # fmt: skip
CHATS: Final = ("mQAmmE", "mmQAmmmmE", "mQE", "QAmmEmQAmE", "mmmEmmQ", "QAmmmEov", "mmAmE")
ANYTHING: Final = st.text("SQQQrDAAAHRTLXXBEEWmmmkuovvcctn", max_size=9)

FIELDS: Final[dict[str, tuple[type[ContactEvent], dict[str, st.SearchStrategy[Any]]]]] = {
    "S": (ev.Started, {"direction": DIRECTIONS}),
    "Q": (ev.Queued, {"queue": QUEUES, "direction": DIRECTIONS, "channel": CHANNELS, "issue_type": ISSUES}),
    "r": (ev.Ringing, {"agent": PEOPLE, "queue": MAYBE_QUEUE}),
    "D": (ev.Declined, {"agent": PEOPLE, "reason": st.sampled_from([None, "no_answer", "caller_left"])}),
    "A": (ev.Answered, {"agent": PEOPLE, "queue": MAYBE_QUEUE, "role": ROLES}),
    "H": (ev.Held, {"agent": MAYBE_PERSON}),
    "R": (ev.Resumed, {"agent": MAYBE_PERSON}),
    "T": (
        ev.Transferred,
        {"agent": MAYBE_PERSON, "to_agent": MAYBE_PERSON, "kind": st.sampled_from([None, "blind", "consult"])},
    ),
    "L": (ev.Left, {"agent": PEOPLE}),
    "X": (ev.Exited, {"reason": REASONS, "queue": MAYBE_QUEUE}),
    "B": (ev.Blocked, {"reason": st.just("no_agent"), "queue": MAYBE_QUEUE}),
    "E": (ev.Ended, {"by": st.sampled_from([None, "customer", "agent", "system"])}),
    "W": (ev.Wrapped, {"agent": MAYBE_PERSON, "resolved": st.sampled_from([None, True, False])}),
    "m": (ev.Message, {"by": st.sampled_from(["customer", "customer", "agent", "agent", "bot", "system"])}),
    "k": (ev.Classified, {"issue_type": ISSUES, "issue_reason": st.sampled_from([None, "price"])}),
    "u": (ev.Escalated, {}),
    "o": (ev.SurveyOffered, {"survey": SURVEYS, "agent": MAYBE_PERSON, "queue": MAYBE_QUEUE}),
    "v": (
        ev.Rated,
        {
            "survey": SURVEYS,
            "agent": MAYBE_PERSON,
            "queue": MAYBE_QUEUE,
            "csat": st.sampled_from([None, 1, 4, 5]),
            "nps": st.sampled_from([None, 5, 8, 9]),
            "ces": st.sampled_from([None, 3]),
            "resolved": st.sampled_from([None, True, False]),
        },
    ),
    "c": (ev.CallbackRequested, {"due_at": st.sampled_from([None, ms(300.5), ms(2 * HOUR_S)])}),
    "t": (ev.CallbackAttempted, {"result": st.sampled_from([None, "connected", "busy"])}),
    "n": (ev.CallbackCancelled, {}),
}
SHORT_GAPS: Final = (0, 0, 0, 0.25, 1, 4.5, 20, 31, 240, 700)
LONG_GAPS: Final = (*SHORT_GAPS, HOUR_S, 7 * HOUR_S, 30 * HOUR_S)

# 06:00        06:15        06:30        06:45       a wait by open hours stands still from 06:10 to 06:20
# the default  |T = 3 s in tech, lost after 5 min    of sales: wrap-up is waited for
#              |callbacks are offered     |
_OPEN: Final = OpenHours("UTC", (((360, 370), (380, 1_020)),) * 7)
BOOKS: Final[dict[str, Book[QueueRules]]] = {
    "default": Book(default_rules),
    "by time": Book(
        default_rules,
        (
            Clause({"wrap_up": "event", "wrap_up_limit_s": 45}, "sales"),
            Clause({"threshold_s": 3, "expires_s": 300}, "tech", valid_from_ms=START_MS + 900_000),
            Clause({"callbacks_in_offered": True}, hours=Hours("UTC", span=(375, 390))),
        ),
        ruled,
    ),
    "open hours": Book(default_rules, (Clause({"wait_clock": "open_hours", "calendar": _OPEN}),), ruled),
}
RULES: Final = st.sampled_from(list(BOOKS)).map(BOOKS.__getitem__)


@st.composite
def contacts(
    draw: Callable[..., Any],
    name: str = "c",
    within_s: int = 1_200,
    chats: bool = False,
    gaps: tuple[float, ...] = SHORT_GAPS,
) -> list[ContactEvent]:
    """Draw the events of one contact that begins within so many seconds; some say an id again, with other content."""
    word = draw(st.one_of(st.sampled_from(STORIES), st.sampled_from(CHATS if chats else STORIES), ANYTHING))
    word = word if chats else word.replace("m", "")
    waits = draw(st.lists(st.sampled_from(gaps), min_size=len(word), max_size=len(word)))
    begins = draw(st.integers(0, within_s))
    events: list[ContactEvent] = []
    for number, (letter, later) in enumerate(zip(word, accumulate(waits), strict=True)):
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
def days(
    draw: Callable[..., Any],
    most: int = 4,
    within_s: int = 1_200,
    chats: bool = False,
    gaps: tuple[float, ...] = SHORT_GAPS,
) -> list[ContactEvent]:
    """Draw the events of a few contacts, by time."""
    names = [f"c{n}" for n in range(draw(st.integers(1, most)))]
    events = [event for name in names for event in draw(contacts(name, within_s, chats, gaps))]
    return sorted(events, key=lambda event: event.at)


@st.composite
def mixed(draw: Callable[..., Any], events: list[ContactEvent]) -> list[ContactEvent]:
    """Draw an order of the events, some of them twice."""
    again = draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    order: list[ContactEvent] = draw(st.permutations([*events, *again]))
    return order


@st.composite
def logs(draw: Callable[..., Any], prefix: Prefix = "call") -> list[Line]:
    """Draw a log of some days: mostly by time, with late events, events from the future and garbage in it.

    Times are dense enough to share minutes and far enough apart to leave both tiers of the panes, and for contacts to be put
    away, closed, rated afterwards and forgotten.
    """
    within_s = draw(st.sampled_from([60 * HOUR_S, 8 * HOUR_S, 90 * MINUTE_S]))
    events = draw(days(5, within_s, prefix == "chat", draw(st.sampled_from([SHORT_GAPS, LONG_GAPS]))))
    if draw(st.integers(0, 3)) == 0:
        events = draw(mixed(events))
    if events and draw(st.booleans()):
        ticks = [ev.Started(id=f"tick {n}", contact_id=f"tick {n}", at=ms(n * 10 * HOUR_S)) for n in range(10)]
        events = sorted([*events, *ticks], key=lambda event: event.at)
    values: list[tuple[int, bytes]] = []
    for event in events:
        appended_ms = draw(st.sampled_from([0, 0, 0, event.at, event.at - 11 * MINUTE_S * 1_000]))
        values.append((appended_ms, encode(prefix, event)))
    for _ in range(draw(st.integers(0, 2))):
        garbage = draw(st.sampled_from([b"nonsense", b"[]", b'{"type":"call.held"}', b'{"type":"mail.queued"}']))
        values.insert(draw(st.integers(0, len(values))), (0, garbage))
    return [Line(offset, value, appended_ms) for offset, (appended_ms, value) in enumerate(values)]


def split(things: list[Any]) -> st.SearchStrategy[list[list[Any]]]:
    """Draw a split of a list into batches, some of them empty."""
    cuts = st.lists(st.integers(0, len(things)), max_size=4).map(sorted)
    return cuts.map(lambda at: [things[start:end] for start, end in zip([0, *at], [*at, len(things)], strict=True)])


_IDS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def any_event(prefix: Prefix = "call") -> st.SearchStrategy[ContactEvent]:
    """Draw an event with any values that its definition allows; those of calls are chats' as well."""
    return st.one_of([_any_of(kind) for kind in ev.EVENTS[prefix]])


def _any_of(kind: type[ContactEvent]) -> st.SearchStrategy[ContactEvent]:
    values = st.fixed_dictionaries({field.name: _allowed(types.type_info(field.type)) for field in fields(kind)})
    return values.map(lambda drawn: kind(**_on_its_scale(drawn)))


def _on_its_scale(values: dict[str, Any]) -> dict[str, Any]:
    """Return values of an event; a rating is on its scale."""
    csat = values.get("csat")
    return values if csat is None else values | {"csat": min(csat, values["scale"])}


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
