"""Turn the call log of PwC Switzerland's "Call centre trends" exercise into events of cc.calls, one JSON object a line.

    python -m examples.pwc_calls calls.csv > pwc.jsonl
    python -m examples.pwc_calls --queue agent calls.csv > agents.jsonl

Columns: call_id, agent, date, time, topic, answered and resolved (Y or N), speed_s (to the answer), talk_s, csat (1 to 5).
Times are local; they are taken as UTC. The queue is the topic; with `--queue agent` it is the person, so that the figures by
queue are those by person. When the callers hung up whom nobody answered is not known: they do so at once, after a wait of 0.
Nothing is said of work after the call, so that it ends with the call.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from examples.csv_events import rows, write
from models.events import Answered, ContactEvent, Ended, Queued, Rated, Started, Wrapped


def events(rows: Iterable[Mapping[str, str]], queue: str = "topic") -> Iterator[ContactEvent]:
    """Yield the events of all calls, call by call; `queue` is the column that names the queue."""
    for row in rows:
        yield from _begin(row, row[queue])
        yield from _answer(row, row[queue]) if row["answered"] == "Y" else _give_up(row)


def _begin(row: Mapping[str, str], queue: str) -> Iterator[ContactEvent]:
    call, at = row["call_id"], _ms(row)
    yield Started(id=f"{call}:started", at=at, contact_id=call, direction="inbound")
    yield Queued(id=f"{call}:queued", at=at, contact_id=call, queue=queue, issue_type=row["topic"])


def _answer(row: Mapping[str, str], queue: str) -> Iterator[ContactEvent]:
    call, agent = row["call_id"], row["agent"]
    answered_at = _ms(row) + 1_000 * int(row["speed_s"])
    ended_at = answered_at + 1_000 * int(row["talk_s"])
    resolved = row["resolved"] == "Y"
    yield Answered(id=f"{call}:answered", at=answered_at, contact_id=call, agent=agent, queue=queue)
    yield Ended(id=f"{call}:ended", at=ended_at, contact_id=call)
    yield Wrapped(id=f"{call}:wrapped", at=ended_at, contact_id=call, agent=agent, resolved=resolved)
    if row["csat"]:
        yield Rated(id=f"{call}:rated", at=ended_at, contact_id=call, agent=agent, csat=int(row["csat"]))


def _give_up(row: Mapping[str, str]) -> Iterator[ContactEvent]:
    yield Ended(id=f"{row['call_id']}:ended", at=_ms(row), contact_id=row["call_id"], by="customer")


def _ms(row: Mapping[str, str]) -> int:
    return int(datetime.fromisoformat(f"{row['date']}T{row['time']}").replace(tzinfo=UTC).timestamp()) * 1_000


def main() -> None:
    """Read the CSV files named on the command line, write events to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queue", choices=("topic", "agent"), default="topic")
    parser.add_argument("paths", nargs="+", metavar="calls.csv")
    asked = parser.parse_args()
    write("call", events(rows(asked.paths), asked.queue))


if __name__ == "__main__":
    main()
