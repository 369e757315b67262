"""What happens to a contact, one definition for each event.

Times are integers, UTC epoch milliseconds, of when a thing happened, never of when it arrived. Field names and enumerations
are those of docs/events.md; an enumerated value that the source knows and we do not is `other`, with the source's own word
in `raw`. How events are written and read is in models/codec.py.
"""

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from models import facts
from models.facts import Fact, mark_of

Id = Annotated[str, Meta(min_length=1, max_length=128)]
Ms = Annotated[int, Meta(ge=0, lt=4_102_444_800_000)]  # up to the year 2099
Count = Annotated[int, Meta(ge=0, lt=1 << 53)]  # what every JSON reader holds exactly
Direction = Literal["inbound", "outbound", "callback", "other"]
Priority = Literal["low", "normal", "high", "urgent", "other"]
By = Literal["customer", "agent", "system", "other"]
Author = Literal["customer", "agent", "bot", "system", "other"]
DeclineReason = Literal["no_answer", "rejected", "busy", "error", "rescinded", "caller_left", "other"]
BlockReason = Literal["queue_closed", "queue_full", "no_agent", "other"]
TransferKind = Literal["blind", "consult", "queue", "external", "other"]
AttemptResult = Literal["connected", "no_answer", "busy", "failed", "other"]
Role = Literal["primary", "consult", "conference", "monitor", "coach", "other"]
ExitReason = Literal[
    "abandoned",
    "callback_accepted",
    "moved",
    "overflow",
    "voicemail",
    "key_exit",
    "timeout",
    "leave_empty",
    "answered_elsewhere",
    "withdrawn",
    "system_drop",
    "other",
]


class Event(msgspec.Struct, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The envelope of every event.

    `id` is unique per fact and comes from the source's own keys, so that a live event and a later record share
    it. Of two events with one `id` the higher `rev` wins. `seq` orders events of the same millisecond.
    """

    id: Id
    at: Ms
    rev: Count = 0
    seq: Count = 0
    source: Id | None = None
    site: Id | None = None
    raw: Id | None = None


class ContactEvent(Event, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """An event of one contact. `channel` is finer than the topic's; `customer` is a pseudonym."""

    contact_id: Id
    channel: Id | None = None
    customer: Id | None = None
    visit: Id | None = None
    leg: Id | None = None

    def fact(self, channel: str) -> Fact:
        """Return what a record remembers of the event (models/facts.py); `channel` is the topic's, where it names none."""
        raise NotImplementedError


class Started(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact begins: in the IVR, at the bot, or dialled. `entry` is the number or page."""

    direction: Direction | None = None
    entry: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.STARTED, mark_of(self.id), self.rev, self.direction)


class Queued(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact enters a queue: a visit begins."""

    queue: Id
    priority: Priority | None = None
    direction: Direction | None = None
    tier: Id | None = None
    issue_type: Id | None = None
    issue_reason: Id | None = None
    product: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (
            self.at,
            self.seq,
            facts.QUEUED,
            mark_of(self.id),
            self.rev,
            self.queue,
            self.channel or channel,
            self.direction,
            self.issue_type,
            self.issue_reason,
        )


class Ringing(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact is offered to a person; it still waits."""

    agent: Id
    queue: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.RINGING, mark_of(self.id), self.rev, self.agent, self.queue)


class Declined(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The offer ended without an answer. `rescinded` and `caller_left` are no fault of the person."""

    agent: Id
    reason: DeclineReason | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.DECLINED, mark_of(self.id), self.rev, self.agent, self.reason)


class Answered(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The customer can hear the person: a leg begins, and with role `primary` the visit ends."""

    agent: Id
    queue: Id | None = None
    role: Role = "primary"
    accepted_at: Ms | None = None

    def fact(self, channel: str) -> Fact:
        return (
            self.at,
            self.seq,
            facts.ANSWERED,
            mark_of(self.id),
            self.rev,
            self.agent,
            self.queue,
            self.channel or channel,
            self.role,
        )


class Held(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The person puts the customer on hold."""

    agent: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.HELD, mark_of(self.id), self.rev, self.agent)


class Resumed(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The person takes the customer off hold."""

    agent: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.RESUMED, mark_of(self.id), self.rev, self.agent)


class Transferred(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact is sent on. The leg of `agent` ends where it is named; one whom `to_agent` was consulting takes over."""

    agent: Id | None = None
    kind: TransferKind | None = None
    to_queue: Id | None = None
    to_agent: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.TRANSFERRED, mark_of(self.id), self.rev, self.agent, self.kind, self.to_agent)


class Left(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """A person leaves and the contact goes on: the leg ends."""

    agent: Id
    reason: Literal["transfer", "conference_exit", "hangup", "error", "other"] | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.LEFT, mark_of(self.id), self.rev, self.agent, self.reason)


class Exited(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """A visit ends without an answer. Without `queue` it is the one that waits longest."""

    reason: ExitReason
    queue: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.EXITED, mark_of(self.id), self.rev, self.reason, self.queue)


class Blocked(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact was turned away before it could queue."""

    reason: BlockReason
    queue: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (
            self.at,
            self.seq,
            facts.BLOCKED,
            mark_of(self.id),
            self.rev,
            self.queue,
            self.channel or channel,
            self.reason,
        )


class Message(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """Somebody writes to the others: a reply where it is by a person and the customer waits for one."""

    by: Author
    agent: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.MESSAGE, mark_of(self.id), self.rev, self.by)


class Ended(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact is over, and with it whatever is still open of it but a callback that is owed."""

    by: By | None = None
    outcome: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.ENDED, mark_of(self.id), self.rev, self.by)


class Wrapped(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The person has done the work after the contact. Without `agent` it is the one who left last."""

    agent: Id | None = None
    disposition: tuple[Id, ...] = ()
    resolved: bool | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.WRAPPED, mark_of(self.id), self.rev, self.agent, self.resolved)


class Classified(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """What the contact is about, instead of what was said before."""

    issue_type: Id | None = None
    issue_reason: Id | None = None
    product: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.CLASSIFIED, mark_of(self.id), self.rev, self.issue_type, self.issue_reason)


class Escalated(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The contact is raised to a higher level."""

    level: Id | None = None
    to_queue: Id | None = None
    to_agent: Id | None = None
    reason: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.ESCALATED, mark_of(self.id), self.rev)


class SurveyOffered(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The customer is asked for a rating. Without `queue` and `agent` it goes to the last handling of role `primary`."""

    survey: Id | None = None
    agent: Id | None = None
    queue: Id | None = None

    def fact(self, channel: str) -> Fact:
        return (
            self.at,
            self.seq,
            facts.SURVEY_OFFERED,
            mark_of(self.id),
            self.rev,
            self.survey,
            self.agent,
            self.queue,
        )


class Rated(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The customer's answer; of several to one survey the newest stands.

    `csat` is a rating of 1 to `scale`; `nps` 0 to 10, how likely they recommend; `ces` 1 to 7, how easy it was; `resolved`
    whether their matter is.
    """

    survey: Id | None = None
    agent: Id | None = None
    queue: Id | None = None
    csat: Annotated[int, Meta(ge=1, le=100)] | None = None
    scale: Annotated[int, Meta(ge=2, le=100)] = 5
    nps: Annotated[int, Meta(ge=0, le=10)] | None = None
    ces: Annotated[int, Meta(ge=1, le=7)] | None = None
    resolved: bool | None = None
    theme: tuple[Id, ...] = ()

    def __post_init__(self) -> None:
        if self.csat is not None and self.csat > self.scale:
            raise ValueError(f"csat: {self.csat} not allowed, allowed: 1 to the scale, {self.scale}")

    def fact(self, channel: str) -> Fact:
        return (
            self.at,
            self.seq,
            facts.RATED,
            mark_of(self.id),
            self.rev,
            self.survey,
            self.agent,
            self.queue,
            self.csat,
            self.scale,
            self.nps,
            self.ces,
            self.resolved,
        )


class CallbackRequested(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The customer asks to be called back, at `due_at` where it was agreed on, else at once."""

    due_at: Ms | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.CALLBACK_REQUESTED, mark_of(self.id), self.rev, self.due_at)


class CallbackAttempted(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The customer was called back. A person who declines to is no attempt."""

    agent: Id | None = None
    result: AttemptResult | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.CALLBACK_ATTEMPTED, mark_of(self.id), self.rev, self.result)


class CallbackCancelled(ContactEvent, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """The callback will not be made."""

    by: By | None = None

    def fact(self, channel: str) -> Fact:
        return (self.at, self.seq, facts.CALLBACK_CANCELLED, mark_of(self.id), self.rev)


_COMMON: Final[tuple[type[ContactEvent], ...]] = (
    Started,
    Queued,
    Ringing,
    Declined,
    Answered,
    Held,
    Resumed,
    Transferred,
    Left,
    Exited,
    Blocked,
    Ended,
    Wrapped,
    Classified,
    Escalated,
    SurveyOffered,
    Rated,
    CallbackRequested,
    CallbackAttempted,
    CallbackCancelled,
)
Prefix = Literal["call", "chat"]
EVENTS: Final[dict[Prefix, tuple[type[ContactEvent], ...]]] = {
    "call": _COMMON,
    "chat": (*_COMMON, Message),
}  # by prefix
_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def event_type(prefix: str, definition: type[ContactEvent]) -> str:
    """Return the `type` of an event on a topic: `call.survey_offered`."""
    return f"{prefix}.{_WORD.sub('_', definition.__name__).lower()}"
