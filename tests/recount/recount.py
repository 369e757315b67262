"""An independent recount: what docs/counting.md says, once more, in DuckDB's SQL, from raw events and nothing else.

It imports nothing of the project, so that it can convict the engine: each rule of docs/counting.md is written here a second
time, by subject in the `.sql` files beside this module, and they run in the order of `SUBJECTS`. Each puts what it counts
into one table, `counts`; `figures.sql` adds up.

What is not here: `wrap_up = "agent_state"`, and the horizons, which `replay` has not either.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final, Literal

import duckdb
from xxhash import xxh3_64_digest

SUBJECTS: Final = (
    "facts", "visits", "callbacks", "contacts", "offers", "legs", "chats", "surveys", "figures",
)  # fmt: skip
HOUR_MS: Final = 3_600_000
EXPIRY_MS: Final = {"voice": HOUR_MS, "chat": 4 * HOUR_MS}
Key = tuple[str | None, str | None, int | None]
Figures = dict[Key, dict[str, int]]
WrapUp = Literal["none", "event"]


def recount(
    events: Iterable[bytes],
    now_ms: int,
    threshold_s: int = 20,
    short_s: int = 5,
    *,
    wrap_up: WrapUp = "none",
    callbacks_in_offered: bool = False,
    tolerance_s: int = 900,
    expiry_ms: Mapping[str, int] = EXPIRY_MS,
    other_expiry_ms: int = 72 * HOUR_MS,
    first_response_s: int = 60,
    hours: Sequence[tuple[int, int]] = (),
) -> tuple[Figures, dict[str, int]]:
    """Return the figures of events, one line each, in any order, as known at `now_ms`; and the quality of the data.

    Keys are queue, channel and start of a quarter of an hour (UTC); without a start over all time, without queue and channel
    over all. Counts, sums in ms (`…_ms`), durations of nearest rank in ms; names that are not there are 0. A state (`waiting`,
    `ringing`, `in_progress`, `in_acw`, `unanswered`, `callbacks_…`; `oldest_…` of each in epoch ms) is that of the quarter's
    end, or of `now_ms` where that is earlier. With `hours`, from when to when it is open, waits go by them only.
    """
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
            con.execute((Path(__file__).parent / f"{subject}.sql").read_text(encoding="utf-8"))
        figures: Figures = {}
        for queue, channel, start_ms, name, n in con.execute("FROM figures").fetchall():
            figures.setdefault((queue, channel, start_ms), {})[name] = n
        return figures, dict(con.execute("FROM quality").fetchall())


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
