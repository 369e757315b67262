"""Turn the export of a chat desk with a bot in front into events of cc.chats, one JSON object a line.

    python -m examples.support_chats chats.csv > chats.jsonl

Columns: room, closed_by (System, Bot or an agent), comment, start_raw, end_raw, assigned_raw, bot_frt, agent_frt (time to the
first message, H:MM:SS or -), csat (0: none). Stamps come in two layouts, `YYYY-DD-MM` up to the twelfth of a month and
`DD-MM-YYYY` after it; both are local times, taken as UTC. A chat that no agent got never entered a queue: the bot dealt with
it. Of the others it is not known when the bot handed over, nor what was written later: they wait in `support` from their
start, and the customer's question is that of the moment in which an agent had it. Ratings of the bot are left out.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from examples.csv_events import rows, write
from models.events import Answered, ContactEvent, Ended, Message, Queued, Rated, Started, Wrapped

QUEUE = "support"
REPLIED, CLOSED = 1, 2  # seq: what is of one second was asked, then replied to, then closed


def events(rows: Iterable[Mapping[str, str]]) -> Iterator[ContactEvent]:
    """Yield the events of all chats, chat by chat."""
    for row in rows:
        yield from _to_the_bot(row)
        if row["assigned_raw"] == "-":
            yield from _by_the_bot(row)
        else:
            yield from _by_an_agent(row)


def _to_the_bot(row: Mapping[str, str]) -> Iterator[ContactEvent]:
    room, started_at = row["room"], _ms(row["start_raw"])
    yield Started(id=f"{room}:started", at=started_at, contact_id=room, customer=row["user"], direction="inbound")
    if row["bot_frt"] != "-":
        yield Message(id=f"{room}:greeted", at=started_at + _span_ms(row["bot_frt"]), contact_id=room, by="bot")


def _by_the_bot(row: Mapping[str, str]) -> Iterator[ContactEvent]:
    room, at, words = row["room"], _ms(row["end_raw"]), row["comment"]
    yield Ended(id=f"{room}:ended", at=at, seq=CLOSED, contact_id=room, by="system", outcome="self_service", raw=words)


def _by_an_agent(row: Mapping[str, str]) -> Iterator[ContactEvent]:
    room, agent = row["room"], row["closed_by"]
    assigned_at, ended_at = _ms(row["assigned_raw"]), _ms(row["end_raw"])
    yield Queued(id=f"{room}:queued", at=_ms(row["start_raw"]), contact_id=room, queue=QUEUE)
    yield Answered(id=f"{room}:answered", at=assigned_at, contact_id=room, agent=agent, queue=QUEUE)
    if row["agent_frt"] != "-":
        replied_at = assigned_at + _span_ms(row["agent_frt"])
        yield Message(id=f"{room}:asked", at=assigned_at, contact_id=room, by="customer")
        yield Message(id=f"{room}:replied", at=replied_at, seq=REPLIED, contact_id=room, by="agent", agent=agent)
    yield Ended(id=f"{room}:ended", at=ended_at, seq=CLOSED, contact_id=room, by="agent", raw=row["comment"])
    completed = row["comment"] == "Completed"
    yield Wrapped(id=f"{room}:wrapped", at=ended_at, seq=CLOSED, contact_id=room, agent=agent, resolved=completed)
    if row["csat"] != "0":
        yield Rated(id=f"{room}:rated", at=ended_at, seq=CLOSED, contact_id=room, agent=agent, csat=int(row["csat"]))


def _ms(stamp: str) -> int:
    layout = "%Y-%d-%m %H:%M:%S" if stamp[4] == "-" else "%d-%m-%Y %H:%M:%S"
    return int(datetime.strptime(stamp, layout).replace(tzinfo=UTC).timestamp()) * 1_000


def _span_ms(clock: str) -> int:
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000


def main() -> None:
    """Read the CSV files named on the command line, write events to standard output."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    write("chat", events(rows(sys.argv[1:])))


if __name__ == "__main__":
    main()
