"""An independent recount: what docs/counting.md says, once more, in DuckDB's SQL, from raw events and nothing else.

It imports nothing of the project, so that it can convict the engine: each rule of docs/counting.md is written here a second
time, by subject in the `.sql` files beside this module, and they run in the order of `SUBJECTS`. Each puts what it counts
into one table, `counts`; `figures.sql` adds up, by the quarter of an hour, and `tally` by the minute.

What is not here: `wrap_up = "agent_state"`, and the horizons, which `replay` has not either.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final, Literal, TypedDict, Unpack

import duckdb
from xxhash import xxh3_64_digest

SUBJECTS: Final = (
    "facts", "visits", "callbacks", "contacts", "offers", "legs", "chats", "surveys",
)  # fmt: skip
HOUR_MS: Final = 3_600_000
EXPIRY_MS: Final = {"voice": HOUR_MS, "chat": 4 * HOUR_MS}
Key = tuple[str | None, str | None, int | None]
Figures = dict[Key, dict[str, int]]
WrapUp = Literal["none", "event"]


class Rules(TypedDict, total=False):
    """What the settings may say; `_counted` has what holds where they say nothing."""

    threshold_s: int
    short_s: int
    wrap_up: WrapUp
    callbacks_in_offered: bool
    tolerance_s: int
    expiry_ms: Mapping[str, int]
    other_expiry_ms: int
    first_response_s: int
    hours: Sequence[tuple[int, int]]


def recount(events: Iterable[bytes], now_ms: int, **rules: Unpack[Rules]) -> tuple[Figures, dict[str, int]]:
    """Return the figures of events, one line each, in any order, as known at `now_ms`; and the quality of the data.

    Keys are queue, channel and start of a quarter of an hour (UTC); without a start over all time, without queue and channel
    over all. Counts, sums in ms (`…_ms`), durations of nearest rank in ms; names that are not there are 0. A state (`waiting`,
    `ringing`, `in_progress`, `in_acw`, `unanswered`, `callbacks_…`; `oldest_…` of each in epoch ms) is that of the quarter's
    end, or of `now_ms` where that is earlier. With `hours`, from when to when it is open, waits go by them only.
    """
    with _counted(events, now_ms, **rules) as con:
        con.execute(_sql("figures"))
        figures: Figures = {}
        for queue, channel, start_ms, name, n in con.execute("FROM figures").fetchall():
            figures.setdefault((queue, channel, start_ms), {})[name] = n
        return figures, dict(con.execute("FROM quality").fetchall())


@dataclass(frozen=True)
class Tally:
    """What events come to by the minute, with the rules that hold unless told otherwise."""

    minutes: dict[tuple[str, str, int], dict[str, int]]
    """By queue, channel and start of a minute, in ms."""
    states: dict[tuple[str, str], dict[str, int]]
    """By queue and channel: how many `waiting`, `ringing`, `in_progress`, … there were at a moment."""
    quality: dict[str, int]


def tally(events: Iterable[bytes], now_ms: int, state_at_ms: int) -> Tally:
    """Count events, one line each, in any order, as known at `now_ms`; and what stood open at `state_at_ms`, not later."""
    minutes: defaultdict[tuple[str, str, int], dict[str, int]] = defaultdict(dict)
    states: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    with _counted(events, now_ms) as con:
        by_minute = (
            "SELECT queue, channel, at_ms // 60000 * 60000, name, sum(n)::BIGINT AS total FROM counts GROUP BY ALL"
            " HAVING total <> 0"
        )
        for queue, channel, start_ms, name, n in con.execute(by_minute).fetchall():
            minutes[queue, channel, start_ms][name] = n
        open_then = (
            "SELECT queue, channel, kind, count(*) FROM spans"
            " WHERE from_ms <= $1 AND coalesce(to_ms > $1, true) GROUP BY ALL"
        )
        for queue, channel, kind, n in con.execute(open_then, [state_at_ms]).fetchall():
            states[queue, channel][kind] = n
        quality = dict(con.execute("FROM quality").fetchall())
    return Tally(dict(minutes), dict(states), quality)


@contextmanager
def _counted(
    events: Iterable[bytes],
    now_ms: int,
    *,
    threshold_s: int = 20,
    short_s: int = 5,
    wrap_up: WrapUp = "none",
    callbacks_in_offered: bool = False,
    tolerance_s: int = 900,
    expiry_ms: Mapping[str, int] = EXPIRY_MS,
    other_expiry_ms: int = 72 * HOUR_MS,
    first_response_s: int = 60,
    hours: Sequence[tuple[int, int]] = (),
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Run the subjects: what is counted is in the tables `counts`, `durations` and `spans` then."""
    lines = [_text(event) for event in events]
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute(
            "CREATE TEMP TABLE lines AS SELECT unnest($1::VARCHAR[]) AS body, generate_subscripts($1, 1) AS line",
            [lines],
        )
        con.execute(
            "CREATE TEMP TABLE settings AS SELECT $1::BIGINT AS now_ms, $2::BIGINT * 1000 AS threshold_ms,"
            " $3::BIGINT * 1000 AS short_ms, $4::VARCHAR AS wrap_up, 600000 AS acw_limit_ms,"
            " $5::BOOLEAN AS callbacks_in_offered, $6::BIGINT * 1000 AS tolerance_ms, $7::BIGINT AS other_expiry_ms,"
            " $8::BIGINT * 1000 AS first_response_ms,"
            " $9::STRUCT(from_ms BIGINT, to_ms BIGINT, before_ms BIGINT)[] AS hours",
            [
                now_ms,
                threshold_s,
                short_s,
                wrap_up,
                callbacks_in_offered,
                tolerance_s,
                other_expiry_ms,
                first_response_s,
                _opened(hours),
            ],
        )
        con.execute(
            "CREATE TEMP TABLE expiries AS SELECT unnest($1::VARCHAR[]) AS channel, unnest($2::BIGINT[]) AS limit_ms",
            [list(expiry_ms), list(expiry_ms.values())],
        )
        _mark(con)
        for subject in SUBJECTS:
            con.execute(_sql(subject))
        yield con


def _sql(subject: str) -> str:
    return (Path(__file__).parent / f"{subject}.sql").read_text(encoding="utf-8")


def _opened(hours: Sequence[tuple[int, int]]) -> list[dict[str, int]]:
    """Return the open hours, each with how much was open before it."""
    before = accumulate((until - since for since, until in hours), initial=0)
    return [
        {"from_ms": since, "to_ms": until, "before_ms": ms} for (since, until), ms in zip(hours, before, strict=False)
    ]


def _text(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None  # no JSON


def _mark(con: duckdb.DuckDBPyConnection) -> None:
    """Give each id its mark, which orders facts of one kind and time: 8 bytes of xxh3, as DuckDB has not."""
    found = con.execute(
        "SELECT DISTINCT json_extract_string(body, '$.id') FROM lines WHERE json_valid(body)"
    ).fetchall()
    ids = [one for (one,) in found if one is not None]
    marks = [xxh3_64_digest(one).hex() for one in ids]
    con.execute(
        "CREATE TEMP TABLE marks AS SELECT unnest($1::VARCHAR[]) AS id, unnest($2::VARCHAR[]) AS mark", [ids, marks]
    )
