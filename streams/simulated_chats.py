"""A simulated chat, but for its queue: the bot answers, a person and the customer write in turn, one of them ends it."""

from functools import partial
from typing import Final

from models.events import Message, Started
from streams.center import ChatQueue
from streams.floor import Floor
from streams.floor_state import Chat, Contact, Line, Person
from streams.handling import Handling
from streams.queueing import Queueing

_CUSTOMER_ENDS: Final = 0.6  # share of the chats
_BOT_S: Final = (1.0, 3.0)
_BESIDE: Final = 0.4  # so much longer takes a reply for each other chat that the person has
_GOODBYE_S: Final = (3.0, 20.0)


class Chats:
    """What happens to chats."""

    def __init__(self, floor: Floor, handling: Handling, queueing: Queueing) -> None:
        self._floor = floor
        self._handling = handling
        self._queueing = queueing

    def arrive(self, line: Line) -> None:
        """Let a chat come: the customer writes, and the bot answers where there is one."""
        floor, profile = self._floor, _profile(line)
        chat = floor.new_contact(line)
        assert isinstance(chat, Chat)
        floor.tell(chat, Started(**floor.fact(chat), direction="inbound", entry=f"page-{profile.name}"))
        self._customer_writes(chat)
        chat.response_due_ms = floor.now
        if profile.bot_turns:
            floor.plan(chat, floor.seconds_ms(*_BOT_S), partial(self._bot_writes, chat, profile.bot_turns))
        else:
            self._queueing.enter(chat)

    def _customer_writes(self, chat: Chat) -> None:
        self._floor.tell(chat, Message(**self._floor.fact(chat), by="customer"))
        if chat.asked_ms is None:
            chat.asked_ms = self._floor.now

    def _bot_writes(self, chat: Chat, turns: int) -> None:
        floor, profile = self._floor, _profile(chat.line)
        floor.tell(chat, Message(**floor.fact(chat), by="bot"))
        chat.bot_wrote = True
        if turns > 1:
            floor.plan(chat, profile.thinking.draw_ms(floor.rng), partial(self._tell_bot, chat, turns - 1))
        elif floor.chance(profile.bot_share):
            floor.plan(chat, floor.seconds_ms(*_GOODBYE_S), partial(self._end_with_bot, chat))
        else:
            self._queueing.enter(chat)

    def _tell_bot(self, chat: Chat, turns: int) -> None:
        self._customer_writes(chat)
        self._floor.plan(chat, self._floor.seconds_ms(*_BOT_S), partial(self._bot_writes, chat, turns))

    def _end_with_bot(self, chat: Chat) -> None:
        self._handling.end(chat, "customer", "self_service")

    # A person handles it

    def answered(self, contact: Contact, person: Person) -> None:
        """Go on with a chat that a person has taken."""
        assert isinstance(contact, Chat)
        floor = self._floor
        self._handling.begin(contact, person)
        contact.to_write = 1 + round(floor.rng.expovariate(1 / _profile(contact.line).replies))
        self._begin_to_type(contact)

    def _begin_to_type(self, chat: Chat) -> None:
        floor, profile, person = self._floor, _profile(chat.line), chat.person
        assert person is not None
        typing_ms = round(profile.typing.draw_ms(floor.rng) * (1 + _BESIDE * (len(person.contacts) - 1)))
        patience_ms = profile.reply_patience.draw_ms(floor.rng)
        if patience_ms < typing_ms:
            floor.plan(chat, patience_ms, partial(self._handling.end, chat, "customer"))
        else:
            floor.plan(chat, typing_ms, partial(self._person_writes, chat))

    def _person_writes(self, chat: Chat) -> None:
        floor, tally, person = self._floor, chat.line.tally, chat.person
        assert person is not None
        floor.tell(chat, Message(**floor.fact(chat), by="agent", agent=person.id))
        if not chat.responded:
            chat.responded = True
            tally["responses"] += 1
            tally["response_ms"] += floor.now - chat.response_due_ms
        if chat.asked_ms is not None:
            tally["replies"] += 1
            tally["reply_ms"] += floor.now - chat.asked_ms
            chat.asked_ms = None
        chat.to_write -= 1
        if chat.to_write:
            floor.plan(chat, _profile(chat.line).thinking.draw_ms(floor.rng), partial(self._tell_person, chat))
        else:
            floor.plan(chat, floor.seconds_ms(*_GOODBYE_S), partial(self._queueing.finish, chat, _CUSTOMER_ENDS))

    def _tell_person(self, chat: Chat) -> None:
        self._customer_writes(chat)
        self._begin_to_type(chat)


def _profile(line: Line) -> ChatQueue:
    assert isinstance(line.profile, ChatQueue)
    return line.profile
