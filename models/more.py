"""What few contacts have: an issue, a conversation in writing, a callback, surveys."""

from typing import TYPE_CHECKING

import msgspec

from models.book import Key
from models.contribution import Cells

if TYPE_CHECKING:
    from models.contact import Contact

Issue = tuple[str, str]  # type and reason


class Chat(msgspec.Struct, gc=False):
    """A conversation in writing; times in ms."""

    queued: bool = False
    served: bool = False
    bot_first: bool = False  # a bot wrote before it was first queued
    first_at: int | None = None  # the customer's first message
    asked_at: int | None = None  # the customer's oldest message without a reply
    asked_key: Key | None = None  # where that is counted
    due_at: int | None = None  # since when a first response is waited for
    due_key: Key | None = None
    responded: bool = False


class Callback(msgspec.Struct, gc=False):
    """A callback that is owed; `span` is from the request until it is due, in whole seconds. Times in ms."""

    key: Key
    at: int
    due_at: int
    span: int = 0


class Survey(msgspec.Struct, gc=False):
    """One survey of a contact: where it was offered last, and the answer that stands and to which offer it is, as counted."""

    name: str | None
    offered: tuple[Key, int] | None = None
    answer: tuple[Key, int, Cells] | None = None
    answered: tuple[Key, int] | None = None


class More(msgspec.Struct, gc=False):
    """What few contacts have."""

    issue: Issue | None = None
    joined: bool = False  # somebody has a leg, or had one, who is not among the contact's `people`
    chat: Chat | None = None
    callback: Callback | None = None
    surveys: tuple[Survey, ...] = ()


def more_of(contact: "Contact") -> More:
    """Return what few contacts have, to be set."""
    if contact.more is None:
        contact.more = More()
    return contact.more


def issue_of(contact: "Contact") -> Issue | None:
    """Return what the contact is about."""
    return None if contact.more is None else contact.more.issue
