"""Callbacks: promised, attempted, made or cancelled.

Steps of the record (models/contact.py), as in models/visits.py.
"""

from typing import TYPE_CHECKING, Final

from models.contribution import Contribution
from models.facts import Fact
from models.measures import (
    CALLBACK_DELAY,
    CALLBACK_WAIT_MS,
    CALLBACKS,
    CALLBACKS_ATTEMPTED,
    CALLBACKS_CANCELLED,
    CALLBACKS_CONNECTED,
    CALLBACKS_FAILED,
    CALLBACKS_MADE,
    CALLBACKS_REQUESTED,
)
from models.more import Callback, more_of
from models.places import begin, key_of
from models.span import span
from models.visits import settle

LONGEST_DELAY_S: Final = 3_601  # above every tolerance
if TYPE_CHECKING:
    from models.contact import Contact


def requested(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, due_at = fact[0], fact[5]
    more = more_of(contact)
    owed = more.callback
    begin(contact, at)
    if owed is None:
        owed = more.callback = Callback(key_of(contact, None, None, out), at, at)
        out.counted.append((owed.key, at, ((CALLBACKS_REQUESTED, 1),), 1))
    else:
        out.opened.append((owed.key, CALLBACKS, owed.span, -1))
    owed.due_at = due_at or at
    owed.span = span(owed.at, max(0, owed.due_at - owed.at + 999) // 1_000)
    out.opened.append((owed.key, CALLBACKS, owed.span, 1))
    return True


def attempted(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    at, result = fact[0], fact[5]
    owed = contact.more.callback if contact.more is not None else None
    key = owed.key if owed is not None else key_of(contact, None, None, out)
    ending = CALLBACKS_CONNECTED if result == "connected" else CALLBACKS_FAILED
    out.counted.append((key, at, ((CALLBACKS_ATTEMPTED, 1), (ending, 1)), 1))
    if owed is not None and result == "connected":
        late_s = min(max(0, at - owed.due_at + 999) // 1_000, LONGEST_DELAY_S)
        made = (CALLBACKS_MADE, 1), (CALLBACK_WAIT_MS, at - owed.at), (CALLBACK_DELAY + late_s, 1)
        out.counted.append((key, at, made, 1))
        give_up(contact, out)
    return True


def cancelled(contact: "Contact", fact: Fact, out: Contribution) -> bool:
    owed = contact.more.callback if contact.more is not None else None
    if owed is not None:
        out.counted.append((owed.key, fact[0], ((CALLBACKS_CANCELLED, 1),), 1))
        give_up(contact, out)
        if contact.ended:
            settle(contact, fact[0], False, out)
    return True


def give_up(contact: "Contact", out: Contribution) -> None:
    """Owe no callback any more."""
    more = contact.more
    if more is not None and more.callback is not None:
        out.opened.append((more.callback.key, CALLBACKS, more.callback.span, -1))
        more.callback = None
