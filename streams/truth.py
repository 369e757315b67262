"""What the simulator knows to be true: counted where it lets a thing happen, never read off the events that it sends.

The names are those of the catalogue where it has them; docs/simulator.md explains them, and docs/counting.md the rules.
Durations are in milliseconds. Waits go by the calendar, day and night.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from models.book import Book, Key
from models.goals import Goals

COUNTED: Final = {
    "contacts": "contacts whose first queue this was",
    "offered": "entries into the queue",
    "answered": "of these, answered",
    "answered_in_threshold": "answered within T",
    "abandoned": "hung up while waiting",
    "short_abandoned": "hung up within S",
    "abandoned_in_threshold": "hung up within T",
    "exited": "left the queue otherwise, by reason",
    "blocked": "turned away before the queue, by reason",
    "waiting": "waiting at the end",
    "answer_wait_ms": "waits of the answered",
    "abandon_wait_ms": "waits of those who hung up",
    "exit_wait_ms": "waits of those who left otherwise",
    "offers": "offers to a person that ended",
    "ring_ms": "their ring time",
    "declined": "offers that were not taken",
    "rona": "offers that a person let ring",
    "handled": "handlings that ended, one for each person",
    "in_progress": "handlings that go on at the end",
    "talk_ms": "talk time without hold",
    "hold_ms": "hold time",
    "wrap_up_ms": "wrap-up time of those who have wrapped up",
    "holds": "times on hold",
    "held": "handlings with a hold",
    "hold_abandoned_customer": "hung up while on hold",
    "agent_disconnect_first": "ended by the person",
    "transferred": "handlings that ended in a transfer, by kind",
    "consults": "consultations of a second person",
    "consult_ms": "their time",
    "resolved": "wrapped up as resolved",
    "unresolved": "wrapped up as not resolved",
    "escalated": "escalations",
    "callbacks_requested": "callbacks asked for",
    "callbacks_attempted": "attempts to call back",
    "callbacks_connected": "attempts that reached the customer",
    "callbacks_failed": "attempts that did not",
    "callbacks_cancelled": "callbacks given up",
    "callbacks_kept": "callbacks made within the tolerance after they were due",
    "callback_wait_ms": "from request to connected callback",
    "completed": "chats that ended served, with the last word replied to",
    "missed": "chats that ended before anybody served them",
    "dropped": "served chats that ended with the customer unanswered",
    "responses": "first responses",
    "response_ms": "their waits, after a bot from the entry",
    "replies": "replies",
    "reply_ms": "the waits for them",
    "surveys_offered": "surveys offered",
    "surveys_answered": "surveys answered",
    "csat_rated": "ratings of satisfaction",
    "csat_good": "ratings of 4 and 5",
}
BY_REASON: Final = frozenset({"exited", "blocked", "transferred"})
Tally = Counter[str]


@dataclass
class Truth:
    """Tallies by queue and channel, against the goals of the settings. What is counted by reason is `exited:overflow`."""

    goals: Book[Goals]
    tallies: defaultdict[Key, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each queue and channel, with every name of `COUNTED`."""
        return [self._row(key) for key in sorted(self.tallies)]

    def _row(self, key: Key) -> dict[str, Any]:
        tally = self.tallies[key]
        row: dict[str, Any] = {"queue": key[0], "channel": key[1]}
        for name in COUNTED:
            row[name] = _by_reason(tally, f"{name}:") if name in BY_REASON else tally[name]
        return row


def _by_reason(tally: Tally, start: str) -> dict[str, int]:
    return {name.removeprefix(start): n for name, n in sorted(tally.items()) if name.startswith(start)}
