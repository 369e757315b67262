"""Chats: who waits for whose reply, from the first message to the end.

Steps of the record (models/contact.py), as in models/visits.py. A conversation ends with `ended`; what follows is a new one.
"""

from typing import TYPE_CHECKING

from models.contribution import Contribution
from models.facts import Fact
from models.histogram import bucket_of
from models.measures import (
    COHORT_NO_RESPONSE,
    COHORT_RESPONSE,
    COMPLETED,
    CONVERSATION_MS,
    CONVERSATIONS,
    DROPPED,
    MISSED,
    NO_RESPONSE,
    REPLY,
    REPLY_MS,
    RESPONSE,
    RESPONSE_MS,
    TOTAL_RESPONSE_MS,
    TOTAL_RESPONSES,
    UNANSWERED,
)
from models.more import Chat, more_of
from models.places import key_of
from models.span import BITS

if TYPE_CHECKING:
    from models.contact import Contact


def chat_of(contact: "Contact") -> Chat:
    """Return the conversation that goes on, else a new one."""
    more = more_of(contact)
    if more.chat is None:
        more.chat = Chat()
    return more.chat


def entered(contact: "Contact", at: int, out: Contribution) -> None:
    """Count the chat in the queue that it enters."""
    chat = chat_of(contact)
    if not chat.queued and chat.bot_first and not chat.responded:
        _respond(chat, out)  # who was in a queue before waits there no more
        chat.due_at = at
    chat.queued = True
    place(contact, out)


def place(contact: "Contact", out: Contribution) -> None:
    """Let what is waited for stand in the contact's queue, once it has one."""
    key = contact.key
    if key is None or contact.more is None or contact.more.chat is None:
        return
    chat = contact.more.chat
    if chat.asked_at is not None and chat.asked_key is None:
        chat.asked_key = key
        out.opened.append((key, UNANSWERED, chat.asked_at << BITS, 1))
    if chat.due_at is not None and chat.due_key is None:
        chat.due_key = key
        out.opened.append((key, NO_RESPONSE, chat.due_at << BITS, 1))


def message(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, by = fact[0], fact[5]
    chat = chat_of(contact)
    if by == "bot":
        chat.bot_first |= not chat.queued
    elif by == "customer":
        if chat.first_at is None:
            chat.first_at = at
            if not chat.bot_first and not chat.responded:
                chat.due_at = at
        if chat.asked_at is None:
            chat.asked_at = at
        place(contact, out)
    elif by == "agent":
        _reply(contact, chat, at, out)
    return True


def _reply(contact: "Contact", chat: Chat, at: int, out: Contribution) -> None:
    key = key_of(contact, None, None, out)
    if chat.bot_first and not chat.queued and not chat.responded and chat.due_at is None:
        chat.due_at = chat.first_at  # a person took over from the bot without a queue
    if chat.due_at is not None and not chat.responded:
        chat.responded = True
        wait_ms = at - chat.due_at
        bucket = bucket_of(wait_ms)
        out.counted.append((key, at, ((RESPONSE + bucket, 1), (RESPONSE_MS, wait_ms)), 1))
        out.counted.append((chat.due_key or key, chat.due_at, ((COHORT_RESPONSE + bucket, 1),), 1))
        if chat.first_at is not None:
            out.counted.append((key, at, ((TOTAL_RESPONSES, 1), (TOTAL_RESPONSE_MS, at - chat.first_at)), 1))
        _respond(chat, out)
    if chat.asked_at is not None:
        wait_ms = at - chat.asked_at
        out.counted.append((key, at, ((REPLY + bucket_of(wait_ms), 1), (REPLY_MS, wait_ms)), 1))
        _unask(chat, out)


def _respond(chat: Chat, out: Contribution) -> None:
    if chat.due_at is not None and chat.due_key is not None:
        out.opened.append((chat.due_key, NO_RESPONSE, chat.due_at << BITS, -1))
    chat.due_at = chat.due_key = None


def _unask(chat: Chat, out: Contribution) -> None:
    if chat.asked_at is not None and chat.asked_key is not None:
        out.opened.append((chat.asked_key, UNANSWERED, chat.asked_at << BITS, -1))
    chat.asked_at = chat.asked_key = None


def closed(contact: "Contact", at: int, out: Contribution) -> None:
    """Count what became of the conversation, and begin anew."""
    more = contact.more
    if more is None or more.chat is None:
        return
    chat = more.chat
    key = key_of(contact, None, None, out)
    if chat.queued:
        outcome = MISSED if not chat.served else DROPPED if chat.asked_at is not None else COMPLETED
        out.counted.append((key, at, ((outcome, 1),), 1))
    if chat.first_at is not None:
        out.counted.append((key, at, ((CONVERSATIONS, 1), (CONVERSATION_MS, at - chat.first_at)), 1))
    if chat.due_at is not None:
        out.counted.append((chat.due_key or key, chat.due_at, ((COHORT_NO_RESPONSE, 1),), 1))
    give_up(contact, out)
    more.chat = None


def give_up(contact: "Contact", out: Contribution) -> None:
    """Wait for no reply any more."""
    if contact.more is not None and contact.more.chat is not None:
        _respond(contact.more.chat, out)
        _unask(contact.more.chat, out)
