"""Small builders of events, and of the cells that a happening counts for, written a second time and apart from the core.

Times are seconds after `START_MS`, which begins a quarter of an hour. Expected sums are Counters of what docs/counting.md
says each happening counts for, and when; of what stands open the time is its span (models/span.py). Unless told, rules are
those of a voice queue of which no setting says anything: T is 20 s, S 5 s, and 60 min of silence make a wait lost.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict, Unpack

from models import events as ev
from models import measures
from models.book import Book, Key
from models.codec import decoder, encode
from models.contact import Contact
from models.contribution import Contribution
from models.events import (
    AttemptResult,
    Author,
    BlockReason,
    By,
    ContactEvent,
    DeclineReason,
    Direction,
    ExitReason,
    Prefix,
    Role,
    TransferKind,
)
from models.folding import FoldSettings, QueueRules, default_rules
from models.log import Line
from models.opened import Opened
from models.partition import PartitionState
from models.retention import Retention
from models.span import span

START_MS: Final = 1_717_999_200_000  # 10 June 2024, a Monday, 06:00 UTC
QUARTER_S: Final = 900
T_S: Final = 20
S_S: Final = 5
HOUR_S: Final = 3_600
DECODE: Final = decoder("call")
FOREVER: Final = FoldSettings(lateness_ms=None, skew_ms=None, retention=Retention(quarters_ms=None))
Sums = Counter[tuple[Key, int, int]]  # queue and channel, time in ms, cell


def ms(seconds: float) -> int:
    return START_MS + round(seconds * 1_000)


def opened(spans: Mapping[int, Iterable[tuple[float, float]]]) -> Opened:
    """Return what stands open, by live cell: start and end of the allowance in seconds, one each."""
    by_cell = {
        cell: Counter(span(ms(start), round(end - start)) for start, end in given) for cell, given in spans.items()
    }
    return Opened([defaultdict(Counter, by_cell)])


# Events of contact "c", in short. Ids are unique unless told.

_ids = iter(range(1 << 60))


class Envelope(TypedDict, total=False):
    """What any event may say: contact, id, revision, the source's order, channel."""

    c: str
    i: str | None
    rev: int
    seq: int
    channel: str | None


def _at(s: float, said: Envelope) -> dict[str, Any]:
    named = {"id": said.get("i") or f"e{next(_ids)}", "at": ms(s), "contact_id": said.get("c", "c")}
    return named | {"rev": said.get("rev", 0), "seq": said.get("seq", 0), "channel": said.get("channel")}


def started(s: float, direction: Direction | None = None, **said: Unpack[Envelope]) -> ev.Started:
    return ev.Started(direction=direction, **_at(s, said))


def queued(
    s: float,
    queue: str = "sales",
    *,
    direction: Direction | None = None,
    issue: str | None = None,
    reason: str | None = None,
    **said: Unpack[Envelope],
) -> ev.Queued:
    return ev.Queued(queue=queue, direction=direction, issue_type=issue, issue_reason=reason, **_at(s, said))


def ringing(s: float, agent: str = "ann", queue: str | None = None, **said: Unpack[Envelope]) -> ev.Ringing:
    return ev.Ringing(agent=agent, queue=queue, **_at(s, said))


def declined(
    s: float, agent: str = "ann", reason: DeclineReason | None = None, **said: Unpack[Envelope]
) -> ev.Declined:
    return ev.Declined(agent=agent, reason=reason, **_at(s, said))


def answered(
    s: float, agent: str = "ann", queue: str | None = None, *, role: Role = "primary", **said: Unpack[Envelope]
) -> ev.Answered:
    return ev.Answered(agent=agent, queue=queue, role=role, **_at(s, said))


def held(s: float, agent: str | None = None, **said: Unpack[Envelope]) -> ev.Held:
    return ev.Held(agent=agent, **_at(s, said))


def resumed(s: float, agent: str | None = None, **said: Unpack[Envelope]) -> ev.Resumed:
    return ev.Resumed(agent=agent, **_at(s, said))


def transferred(
    s: float,
    agent: str | None = "ann",
    kind: TransferKind | None = None,
    to_agent: str | None = None,
    **said: Unpack[Envelope],
) -> ev.Transferred:
    return ev.Transferred(agent=agent, kind=kind, to_agent=to_agent, **_at(s, said))


def left(s: float, agent: str = "ann", **said: Unpack[Envelope]) -> ev.Left:
    return ev.Left(agent=agent, **_at(s, said))


def exited(s: float, reason: ExitReason = "abandoned", queue: str | None = None, **said: Unpack[Envelope]) -> ev.Exited:
    return ev.Exited(reason=reason, queue=queue, **_at(s, said))


def blocked(
    s: float, queue: str | None = "sales", reason: BlockReason = "queue_full", **said: Unpack[Envelope]
) -> ev.Blocked:
    return ev.Blocked(queue=queue, reason=reason, **_at(s, said))


def message(s: float, by: Author = "customer", **said: Unpack[Envelope]) -> ev.Message:
    return ev.Message(by=by, **_at(s, said))


def ended(s: float, by: By | None = None, **said: Unpack[Envelope]) -> ev.Ended:
    return ev.Ended(by=by, **_at(s, said))


def wrapped(
    s: float, agent: str | None = None, *, resolved: bool | None = None, **said: Unpack[Envelope]
) -> ev.Wrapped:
    return ev.Wrapped(agent=agent, resolved=resolved, **_at(s, said))


def classified(
    s: float, issue: str | None = None, reason: str | None = None, **said: Unpack[Envelope]
) -> ev.Classified:
    return ev.Classified(issue_type=issue, issue_reason=reason, **_at(s, said))


def escalated(s: float, **said: Unpack[Envelope]) -> ev.Escalated:
    return ev.Escalated(**_at(s, said))


def survey_offered(
    s: float,
    survey: str | None = None,
    *,
    agent: str | None = None,
    queue: str | None = None,
    **said: Unpack[Envelope],
) -> ev.SurveyOffered:
    return ev.SurveyOffered(survey=survey, agent=agent, queue=queue, **_at(s, said))


def rated(
    s: float,
    csat: int | None = None,
    survey: str | None = None,
    *,
    scale: int = 5,
    nps: int | None = None,
    ces: int | None = None,
    resolved: bool | None = None,
    agent: str | None = None,
    queue: str | None = None,
    **said: Unpack[Envelope],
) -> ev.Rated:
    ratings: dict[str, Any] = {"csat": csat, "scale": scale, "nps": nps, "ces": ces, "resolved": resolved}
    return ev.Rated(survey=survey, agent=agent, queue=queue, **ratings, **_at(s, said))


def callback_requested(s: float, due: float | None = None, **said: Unpack[Envelope]) -> ev.CallbackRequested:
    return ev.CallbackRequested(due_at=None if due is None else ms(due), **_at(s, said))


def callback_attempted(
    s: float, result: AttemptResult | None = "connected", **said: Unpack[Envelope]
) -> ev.CallbackAttempted:
    return ev.CallbackAttempted(result=result, **_at(s, said))


def callback_cancelled(s: float, **said: Unpack[Envelope]) -> ev.CallbackCancelled:
    return ev.CallbackCancelled(**_at(s, said))


# What a happening counts for. Durations in seconds.


def key(queue: str = "sales", channel: str = "voice") -> Key:
    return queue, channel


def is_counted(at: float, cells: dict[int, int] | int, queue: Key | str = "sales") -> Sums:
    """Count cells at a time; one that is only named counts 1."""
    named = key(queue) if isinstance(queue, str) else queue
    return Sums({(named, ms(at), cell): n for cell, n in ({cells: 1} if isinstance(cells, int) else cells).items()})


def is_open(cell: int, start: float, allowance_s: int = 0, queue: Key | str = "sales") -> Sums:
    """Let something stand open since a time."""
    named = key(queue) if isinstance(queue, str) else queue
    return Sums({(named, span(ms(start), allowance_s), cell): 1})


def about(issue: str, reason: str, sums: Sums) -> Sums:
    """Count the same for an issue."""
    return Sums({((*named, issue, reason), at, cell): n for (named, at, cell), n in sums.items()})


def in_ms(seconds: float) -> int:
    return round(seconds * 1_000)


def bucket(seconds: float) -> int:
    """Return the whole seconds, rounded up; above 600 s steps of 1 %, each rounded down to ms."""
    if seconds <= 600:
        return -(-in_ms(seconds) // 1_000)
    found, edge = 600, 600_000
    while edge < in_ms(seconds):
        found, edge = found + 1, edge * 101 // 100
    return found


def is_offered(entry: float, queue: Key | str = "sales", *, first: bool = True) -> Sums:
    """Count an entry; `first` is the contact's first, where it counts once itself."""
    return is_counted(entry, {measures.OFFERED: 1, measures.CONTACTS: int(first)}, queue)


def is_waiting(
    entry: float,
    queue: Key | str = "sales",
    *,
    first: bool = True,
    since: float | None = None,
    allowance_s: int = 3_600,
) -> Sums:
    """Let a visit wait; `since` is when the contact began, where that was before. It is lost after `allowance_s`."""
    sums = is_offered(entry, queue, first=first) + is_open(measures.WAITING, entry, allowance_s, queue)
    if since is not None:
        sums += is_open(measures.WAITING_CONTACT, since, int(entry - since) + allowance_s, queue)
    return sums


def _gone(entry: float, wait: float, flow: int, flow_ms: int, cohort: int, queue: Key | str, first: bool) -> Sums:
    sums = is_offered(entry, queue, first=first) + is_counted(entry, cohort + bucket(wait), queue)
    sums += is_counted(entry + wait, {flow + bucket(wait): 1, flow_ms: in_ms(wait)}, queue)
    if wait > T_S:
        sums += is_counted(entry + T_S, measures.SCORED, queue)
    if wait > 600:
        sums += is_counted(entry + wait, measures.LONG_WAIT + in_ms(wait), queue)
    return sums


def is_answered(entry: float, wait: float, queue: Key | str = "sales", *, first: bool = True) -> Sums:
    """Count a visit that was answered, with `first` the contact's own wait as well."""
    sums = _gone(entry, wait, measures.ANSWER_WAIT, measures.ANSWER_WAIT_MS, measures.COHORT_ANSWER_WAIT, queue, first)
    return sums + is_met(entry, wait, queue) if first else sums


def is_met(entry: float, wait: float, queue: Key | str = "sales") -> Sums:
    """Count that the contact was answered, so long after its first entry."""
    return is_counted(
        entry, {measures.CONTACT_ANSWER_WAIT + bucket(wait): 1, measures.CONTACT_WAIT_MS: in_ms(wait)}, queue
    )


def is_abandoned(entry: float, wait: float, queue: Key | str = "sales", *, first: bool = True) -> Sums:
    """Count a visit that was abandoned; that the contact was given up counts when it ends (`is_given_up`)."""
    return _gone(
        entry, wait, measures.ABANDON_WAIT, measures.ABANDON_WAIT_MS, measures.COHORT_ABANDON_WAIT, queue, first
    )


def is_given_up(entry: float, wait: float, queue: Key | str = "sales") -> Sums:
    """Count that the contact was given up, so long after its first entry."""
    return is_counted(entry, measures.CONTACT_ABANDON_WAIT + bucket(wait), queue)


def is_exited(entry: float, wait: float, reason: ExitReason, queue: Key | str = "sales", *, first: bool = True) -> Sums:
    called_back = reason == "callback_accepted"
    cohort = measures.COHORT_CALLBACK_WAIT if called_back else measures.COHORT_EXIT_WAIT
    sums = _gone(entry, wait, measures.EXIT_WAIT, measures.EXIT_WAIT_MS, cohort, queue, first)
    return sums + is_counted(entry + wait, measures.EXITED[reason], queue)


def is_lost(entry: float, wait: float, queue: Key | str = "sales", *, first: bool = True) -> Sums:
    """Count a visit of which nothing was heard any more; `wait` is until it was lost."""
    sums = is_offered(entry, queue, first=first) + is_counted(entry, measures.COHORT_LOST, queue)
    return sums + is_counted(entry + wait, measures.LOST, queue) + is_counted(entry + T_S, measures.SCORED, queue)


def is_ringing(start: float, queue: Key | str = "sales") -> Sums:
    return is_open(measures.RINGING, start, HOUR_S, queue)


def is_rung(end: float, rang: float, queue: Key | str = "sales", *, declined: DeclineReason | None = None) -> Sums:
    """Count an offer to a person that ended."""
    sums = is_counted(end, {measures.OFFERS: 1, measures.RING_MS: in_ms(rang)}, queue)
    return sums if declined is None else sums + is_counted(end, measures.DECLINED[declined], queue)


def is_in_progress(start: float, queue: Key | str = "sales") -> Sums:
    return is_open(measures.IN_PROGRESS, start, 0, queue)


def is_handled(
    completed: float,
    talk: float,
    hold: float = 0,
    acw: float = 0,
    queue: Key | str = "sales",
    *,
    holds: int | None = None,
    moved_on: TransferKind | None = None,
    also: Iterable[int] = (),
) -> Sums:
    """Count a leg; `completed` is its end, or the end of its wrap-up; `moved_on` the transfer that ended it."""
    holds = int(hold > 0) if holds is None else holds
    cells = {
        measures.HANDLE + bucket(talk + hold + acw): 1,
        measures.TALK_MS: in_ms(talk),
        measures.HOLD_MS: in_ms(hold),
        measures.HOLDS: holds,
        measures.HELD: int(holds > 0),
        measures.WRAP_UP_MS: in_ms(acw),
    }
    ending = (*also, *([] if moved_on is None else [measures.TRANSFERS[moved_on]]))
    return is_counted(completed, cells | dict.fromkeys(ending, 1), queue)


def is_consulted(end: float, consulted: float, queue: Key | str = "sales") -> Sums:
    return is_counted(end, {measures.CONSULTS: 1, measures.CONSULT_MS: in_ms(consulted)}, queue)


# Through the core.


def by_rules(rules: QueueRules) -> Book[QueueRules]:
    """Return a book of the same rules for all queues."""
    return Book(lambda _: rules)


def summed(*contributions: Contribution) -> dict[tuple[Key, int, int], int]:
    """Add contributions up; what comes to 0 is left out."""
    sums: Sums = Counter()
    for contribution in contributions:
        for named, at, cells, factor in contribution.counted:
            for cell, n in cells:
                sums[named, at, cell] += factor * n
        for named, cell, opened, factor in contribution.opened:
            sums[named, opened, cell] += factor
    return {where: n for where, n in sums.items() if n}


def without_zeros(sums: Sums) -> dict[tuple[Key, int, int], int]:
    return {where: n for where, n in sums.items() if n}


def learn(contact: Contact, event: ContactEvent, out: Contribution) -> bool:
    """Give one event to a record as the fold does: the fast way where it may, else the general one."""
    fact = event.fact("chat" if out.chats else "voice")
    return contact.append(fact, out) or contact.merge(fact, out)


def blank(chats: bool = False, rules: Book[QueueRules] | None = None) -> Contribution:
    """Return an empty contribution."""
    return Contribution(rules or Book(default_rules), chats)


def record_of(
    events: Iterable[ContactEvent], chats: bool = False, rules: Book[QueueRules] | None = None
) -> tuple[Contact, dict[tuple[Key, int, int], int]]:
    """Return the record of the events, in this order, and the sum of all that it contributed on the way."""
    contact, out = Contact(), blank(chats, rules)
    for event in events:
        learn(contact, event, out)
    return contact, summed(out)


def prefix_of(settings: FoldSettings) -> Prefix:
    return "chat" if settings.channel == "chat" else "call"


def records(
    events: Iterable[ContactEvent], first: int = 0, appended_ms: int = 0, prefix: Prefix = "call"
) -> list[Line]:
    """Return the log's records of events."""
    return [Line(first + number, encode(prefix, event), appended_ms) for number, event in enumerate(events)]


def folded(events: Iterable[ContactEvent], settings: FoldSettings = FOREVER) -> PartitionState:
    """Return stage 1 after these events."""
    prefix = prefix_of(settings)
    state = PartitionState(decoder(prefix), settings)
    state.fold(records(events, prefix=prefix))
    return state
