"""Turn the call log of the "Anonymous Bank" (Technion, 1999) into events of cc.calls, one JSON object a line.

    python -m examples.bank_calls calls.csv > bank.jsonl

Columns as its documentation names them (I. Guedj, A. Mandelbaum, Technion, 2000): vru_line, call_id, type (here: the
queue), date, vru_entry, vru_exit, q_time, outcome (AGENT, HANG, PHANTOM), q_start, ser_time, server. Clock times are local;
they are taken as UTC. A call is offered at vru_exit and answered or abandoned q_time later; its talk lasts ser_time. PHANTOM
rows are no calls, and a HANG without a queue entry never asked for a person.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from examples.csv_events import rows, write
from models.events import Answered, ContactEvent, Ended, Queued, Started

HALF_DAY_MS = 12 * 3_600_000


def events(rows: Iterable[Mapping[str, str]]) -> Iterator[ContactEvent]:
    """Yield the events of all calls, call by call."""
    for row in rows:
        if row["outcome"] != "PHANTOM":
            yield from _call(row)


def _call(row: Mapping[str, str]) -> Iterator[ContactEvent]:
    contact = f"{row['vru_line']}-{row['call_id']}"
    started_at = _ms(row["date"], row["vru_entry"])
    offered_at = _ms(row["date"], row["vru_exit"])
    if offered_at < started_at - HALF_DAY_MS:  # over midnight
        offered_at += 2 * HALF_DAY_MS
    queued = row["outcome"] == "AGENT" or row["q_start"] != "0:00:00"
    waited_ms = 1_000 * int(row["q_time"]) if row["q_start"] != "0:00:00" else 0
    left_at = offered_at + waited_ms
    yield Started(id=f"{contact}:started", at=min(started_at, offered_at), contact_id=contact, direction="inbound")
    if queued:
        yield Queued(id=f"{contact}:queued", at=offered_at, contact_id=contact, queue=row["type"])
    if row["outcome"] == "AGENT":
        yield Answered(id=f"{contact}:answered", at=left_at, contact_id=contact, agent=row["server"], queue=row["type"])
        left_at += 1_000 * int(row["ser_time"])
    yield Ended(id=f"{contact}:ended", at=left_at, contact_id=contact, by="customer")


def _ms(date: str, clock: str) -> int:
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    day = datetime.fromisoformat(date).replace(tzinfo=UTC)
    return int(day.timestamp()) * 1_000 + ((hours * 60 + minutes) * 60 + seconds) * 1_000


def main() -> None:
    """Read the CSV files named on the command line, write events to standard output."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    write("call", events(rows(sys.argv[1:])))


if __name__ == "__main__":
    main()
