"""Where something of a contact is counted: in which queue, and for what the contact is about."""

from sys import intern
from typing import TYPE_CHECKING, Final

from models.book import Key
from models.contribution import Cells, Contribution

People = tuple[str | Key, ...]  # who handled a contact in role primary, each followed by their queue and channel
if TYPE_CHECKING:
    from models.contact import Contact

UNKNOWN: Final = "_unknown"  # the queue of what is counted and says none


def key_of(contact: "Contact", queue: str | None, channel: str | None, out: Contribution) -> Key:
    """Return the queue and channel that are named, else the contact's, else the unknown queue."""
    if queue is not None:
        return intern(queue), intern(channel or (contact.key[1] if contact.key else _channel(out)))
    return contact.key or (UNKNOWN, intern(channel or _channel(out)))


def _channel(out: Contribution) -> str:
    return "chat" if out.chats else "voice"


def about(contact: "Contact", key: Key, at: int, cells: Cells, out: Contribution, factor: int = 1) -> None:
    """Count for what the contact is about."""
    if contact.more is not None and contact.more.issue is not None:
        out.counted.append(((*key, *contact.more.issue), at, cells, factor))


def begin(contact: "Contact", at: int) -> None:
    """Let the contact have begun, unless it did before."""
    if contact.start is None:
        contact.start = at


def people_of(contact: "Contact") -> People:
    """Return who handled the contact in role primary, and in which queue and channel."""
    people = contact.people
    if isinstance(people, str):
        return (people, contact.key) if contact.key is not None else ()
    return people


def handled_by(contact: "Contact", agent: str, key: Key) -> None:
    """Remember who handles the contact."""
    if not contact.people and key == contact.key:
        contact.people = agent
    else:
        contact.people = (*people_of(contact), agent, key)
