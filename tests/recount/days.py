"""Random days of calls and chats, the same for the same seed: ordinary stories, and nonsense.

A day is lines of JSON by time, those of both topics in one. Some facts are said again under the same id, the same or with
other content; of two of one id and contact, revision and time are never both the same unless all is.
"""

import json
import random
from collections.abc import Callable
from typing import Any, Final

START_MS: Final = 1_717_999_200_000  # 10 June 2024, 06:00 UTC
QUEUES: Final = ("sales", "tech", "billing")
PEOPLE: Final = ("ann", "bob", "cid")
GAPS_MS: Final = (0, 0, 250, 1_000, 4_500, 5_000, 15_000, 20_000, 20_001, 31_000, 240_000)
EXITS: Final = (
    "abandoned", "callback_accepted", "moved", "overflow", "voicemail", "key_exit", "timeout", "leave_empty",
    "answered_elsewhere", "withdrawn", "system_drop", "other",
)  # fmt: skip
DECLINES: Final = (None, "no_answer", "rejected", "busy", "error", "rescinded", "caller_left", "other")
KINDS: Final = (None, "blind", "consult", "queue", "external", "other")
PARTIES: Final = (None, "customer", "customer", "agent", "agent", "system", "other")
AUTHORS: Final = ("customer", "customer", "agent", "agent", "bot", "system", "other")
Event = dict[str, Any]


def day(seed: int, contacts: int = 60, hours: float = 5) -> list[bytes]:
    """Return the lines of a day of so many contacts that begin within so many hours, by time."""
    rng = random.Random(seed)
    events = [event for number in range(contacts) for event in _Contact(rng, number, round(hours * 3_600_000)).events()]
    return [
        json.dumps(event, separators=(",", ":")).encode() for event in sorted(events, key=lambda event: event["at"])
    ]


def shuffled(lines: list[bytes], seed: int) -> list[bytes]:
    """Return the lines in another order, a tenth of them twice."""
    rng = random.Random(seed)
    again = [*lines, *rng.choices(lines, k=len(lines) // 10)]
    rng.shuffle(again)
    return again


class _Contact:
    """Writes the events of one contact: `say` says what happens now, `pause` lets time pass."""

    def __init__(self, rng: random.Random, number: int, within_ms: int) -> None:
        self._rng = rng
        self._chat = rng.random() < 0.45
        self._name = f"{'h' if self._chat else 'c'}{number}"
        self._now = START_MS + rng.randrange(within_ms // 250) * 250
        self._channel = rng.choice([None, None, None, "messaging" if self._chat else "video"])
        self._said: list[Event] = []

    def events(self) -> list[Event]:
        tell: Callable[[], None] = self._rng.choices(
            [self._ordinary, self._nonsense, self._orphan, self._outbound], [14, 5, 1, 1]
        )[0]
        tell()
        self._repeat()
        return self._said

    def say(self, what: str, **fields: Any) -> None:
        event = {
            "type": f"{'chat' if self._chat else 'call'}.{what}",
            "id": f"{self._name}.{len(self._said)}",
            "at": self._now,
            "contact_id": self._name,
            "channel": self._channel,
            **fields,
        }
        self._said.append({name: value for name, value in event.items() if value is not None})

    def pause(self, most_ms: int = 240_000) -> None:
        gap_ms = self._rng.choice([gap for gap in GAPS_MS if gap <= most_ms])
        self._now += gap_ms if self._chance(0.8) else self._rng.randrange(most_ms)

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _ordinary(self) -> None:
        rng = self._rng
        if self._chance(0.5):
            self.say("started", direction=rng.choice([None, "inbound"]))
            self.pause(20_000)
        if self._chat:
            for author in rng.choice([("customer",), ("bot", "customer"), ("customer", "bot", "customer"), ()]):
                self.say("message", by=author)
                self.pause(20_000)
        if self._chance(0.06):
            self.say(
                "blocked",
                reason=rng.choice(["queue_closed", "queue_full", "no_agent", "other"]),
                queue=self._maybe(QUEUES),
            )
            return
        for _ in range(rng.choice([1, 1, 1, 2, 3])):  # once more for each transfer
            person = self._wait()
            if person is None or not self._talk(person):
                break
        self._after()

    def _wait(self) -> str | None:
        """Wait in one queue or several; return who answered."""
        rng = self._rng
        queues = rng.sample(QUEUES, rng.choice([1, 1, 1, 1, 2, 3]))
        for queue in queues:
            self.say("queued", queue=queue, **self._issue(0.3))
            if self._chance(0.3):
                self.pause(5_000)
        self.pause()
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            self.say("ringing", agent=rng.choice(PEOPLE), queue=rng.choice([None, *queues]))
            self.pause(20_000)
            if self._chance(0.5):
                self.say("declined", agent=rng.choice(PEOPLE), reason=rng.choice(DECLINES))
                self.pause(5_000)
        if self._chance(0.04):
            self._now += (
                rng.choice([59, 60, 61, 250]) * 60_000
            )  # so long that it may be lost until it is heard of again
        fate = rng.random()
        if fate < 0.72:
            person = rng.choice(PEOPLE)
            self.say("answered", agent=person, queue=rng.choice([None, None, *queues]))
            return person
        if fate < 0.9:
            self.say("exited", reason=rng.choice(EXITS), queue=rng.choice([None, *queues]))
            if self._chance(0.5):
                self._callback()
        if fate < 0.97 and self._chance(0.8):
            self.say("ended", by=rng.choice(PARTIES))
        return None

    def _talk(self, person: str) -> bool:
        """Talk with a person; return whether the contact goes on to another queue."""
        rng = self._rng
        others = [other for other in PEOPLE if other != person]
        for _ in range(rng.choice([0, 1, 2, 4])):
            self.pause()
            match rng.choice(["hold", "hold", "consult", "conference", "watch", "ring", "classify", "write", "write"]):
                case "hold":
                    self.say("held", agent=self._maybe([person]))
                    self.pause()
                    if self._chance(0.8):
                        self.say("resumed", agent=self._maybe([person]))
                case "consult":
                    self.say("answered", agent=rng.choice(others), role="consult")
                    self.pause()
                    if self._chance(0.5):
                        self.say("left", agent=rng.choice(others))
                case "conference":
                    self.say("answered", agent=rng.choice(others), role="conference")
                case "watch":
                    self.say("answered", agent=rng.choice(others), role=rng.choice(["monitor", "coach", "other"]))
                case "ring":
                    self.say("ringing", agent=rng.choice(others))
                case "classify":
                    self.say("classified", **self._issue(0.9))
                case "write" if self._chat:
                    for _ in range(rng.choice([1, 2, 3])):
                        self.say("message", by=rng.choice(AUTHORS))
                        self.pause(31_000)
        self.pause()
        if self._chance(0.3):
            kind = rng.choice(KINDS)
            to_agent = rng.choice([None, *others])
            self.say("transferred", agent=self._maybe([person]), kind=kind, to_agent=to_agent)
            if self._chance(0.3):
                self.say("left", agent=person, reason="transfer")
            if kind == "queue" or self._chance(0.3):
                self.pause(5_000)
                return True
        elif self._chance(0.1):
            self.say("left", agent=person)
            return self._chance(0.5)
        if self._chance(0.95):
            self.pause(31_000)
            self.say("ended", by=rng.choice(PARTIES))
        return False

    def _after(self) -> None:
        rng = self._rng
        for _ in range(rng.choice([0, 1, 1, 2])):
            self.pause(31_000)
            self.say("wrapped", agent=self._maybe(PEOPLE), resolved=rng.choice([None, True, True, False]))
        if self._chance(0.3):
            self._survey()
        if self._chance(0.1):
            self._callback()
        if self._chat and self._chance(0.1):  # it goes on later
            self.pause()
            for author in ("customer", "agent", "customer")[: rng.randrange(4)]:
                self.say("message", by=author)
                self.pause(31_000)
            self.say("ended", by="customer")

    def _survey(self) -> None:
        rng = self._rng
        survey = rng.choice([None, "s1"])
        for _ in range(rng.choice([1, 1, 2])):
            if self._chance(0.8):
                self.say(
                    "survey_offered", survey=survey, agent=self._maybe(PEOPLE, 0.2), queue=self._maybe(QUEUES, 0.2)
                )
                self.pause()
            if self._chance(0.6):
                scale = rng.choice([None, 5, 10, 100])
                self.say(
                    "rated",
                    survey=rng.choice([survey, survey, "s2"]),
                    agent=self._maybe(PEOPLE, 0.2),
                    queue=self._maybe(QUEUES, 0.2),
                    csat=rng.choice([None, rng.randint(1, scale or 5)]),
                    scale=scale,
                    nps=rng.choice([None, rng.randint(0, 10)]),
                    ces=rng.choice([None, rng.randint(1, 7)]),
                    resolved=rng.choice([None, True, False]),
                )

    def _callback(self) -> None:
        rng = self._rng
        for _ in range(rng.choice([1, 1, 2])):
            self.say("callback_requested", due_at=rng.choice([None, self._now + rng.randrange(7_200_000)]))
            self.pause()
        for _ in range(rng.choice([0, 1, 2])):
            self._now += rng.randrange(3_600_000)
            result = rng.choice(["connected", "no_answer", "busy", "failed", "other", None])
            self.say("callback_attempted", agent=rng.choice(PEOPLE), result=result)
        if self._chance(0.2):
            self.say("callback_cancelled", by="customer")

    def _outbound(self) -> None:
        rng = self._rng
        self.say("started", direction=rng.choice(["outbound", "callback", "other"]))
        if self._chance(0.7):
            self.say("queued", queue=rng.choice(QUEUES), direction=rng.choice([None, None, "inbound", "callback"]))
            self.pause()
            self.say("ringing", agent="ann")
            self.pause(20_000)
        self.say("answered", agent="ann")
        self._talk("ann")
        self._after()

    def _orphan(self) -> None:
        for what in self._rng.sample(("held", "resumed", "ended", "wrapped", "classified", "survey_offered"), 3):
            self.pause()
            self.say(what)

    def _nonsense(self) -> None:
        """Say anything in any order."""
        rng = self._rng
        person: Callable[[], str] = lambda: rng.choice(PEOPLE)  # noqa: E731
        anything: dict[str, Callable[[], Event]] = {
            "started": lambda: {"direction": rng.choice([None, None, "inbound", "outbound"])},
            "queued": lambda: {"queue": rng.choice(QUEUES), **self._issue(0.3)},
            "ringing": lambda: {"agent": person(), "queue": self._maybe(QUEUES)},
            "declined": lambda: {"agent": person(), "reason": rng.choice(DECLINES)},
            "answered": lambda: {
                "agent": person(),
                "queue": self._maybe(QUEUES),
                "role": rng.choice(["primary", "primary", "primary", "consult", "conference", "monitor"]),
            },
            "held": lambda: {"agent": self._maybe(PEOPLE, 0.8)},
            "resumed": lambda: {"agent": self._maybe(PEOPLE, 0.8)},
            "transferred": lambda: {
                "agent": self._maybe(PEOPLE, 0.8), "kind": rng.choice(KINDS), "to_agent": self._maybe(PEOPLE, 0.3)
            },
            "left": lambda: {"agent": person()},
            "exited": lambda: {"reason": rng.choice(EXITS), "queue": self._maybe(QUEUES)},
            "blocked": lambda: {"reason": "no_agent", "queue": self._maybe(QUEUES)},
            "ended": lambda: {"by": rng.choice(PARTIES)},
            "wrapped": lambda: {"agent": self._maybe(PEOPLE, 0.6), "resolved": rng.choice([None, True, False])},
            "classified": lambda: self._issue(0.9),
            "escalated": lambda: {"level": "2"},
            "callback_requested": dict,
            "callback_attempted": lambda: {"result": rng.choice([None, "connected", "busy"])},
            "callback_cancelled": dict,
            "survey_offered": lambda: {"agent": self._maybe(PEOPLE)},
            "rated": lambda: {"csat": rng.randint(1, 5), "agent": self._maybe(PEOPLE)},
        }  # fmt: skip
        if self._chat:
            anything["message"] = lambda: {"by": rng.choice(AUTHORS)}
        often = [
            "queued",
            "queued",
            "queued",
            "ringing",
            "ringing",
            "answered",
            "answered",
            "answered",
            "ended",
            "exited",
        ]
        for _ in range(rng.randint(1, 14)):
            what = rng.choice([*anything, *often])
            self.say(what, seq=rng.choice([None, None, None, None, 1]), **anything[what]())
            self.pause(rng.choice([0, 31_000, 240_000]) or 1)

    def _repeat(self) -> None:
        """Say some facts again: the same, or another time, content or fact under the same id."""
        rng = self._rng
        versions = {(event["id"], event.get("rev", 0), event["at"]) for event in self._said}
        for event in list(self._said):
            if not self._chance(0.06):
                continue
            if self._chance(0.4):
                self._said.append(event)
                continue
            content = rng.choice(self._said) if self._chance(0.2) else event
            again = {**content, "id": event["id"], "at": event["at"] + rng.choice([-1_000, 0, 250, 5_000, 31_000])}
            if "agent" in again and self._chance(0.3):
                again["agent"] = rng.choice(PEOPLE)
            if self._chance(0.6):
                again["rev"] = rng.randint(0, 2)
            while (again["id"], again.get("rev", 0), again["at"]) in versions:
                again["rev"] = again.get("rev", 0) + 1
            versions.add((again["id"], again.get("rev", 0), again["at"]))
            self._said.append(again)

    def _issue(self, share: float) -> Event:
        if not self._chance(share):
            return {}
        return {"issue_type": self._rng.choice(["bill", "line"]), "issue_reason": self._rng.choice([None, "wrong"])}

    def _maybe(self, choices: tuple[str, ...] | list[str], share: float = 0.6) -> str | None:
        return self._rng.choice(choices) if self._chance(share) else None
