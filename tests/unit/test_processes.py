"""A recording in several processes: the same report to the byte, the same letters, and a process that fails is said in words.

Each process has contacts of its own, told apart by their id; calls and chats, waits, issues, what was never begun and what is
lost are in the recording, so that all that a shard tells is added up.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from models.codec import encode
from models.errors import FloorpulseError
from models.events import ContactEvent, Prefix
from models.settings import Settings
from streams.processes import Shards, counted
from streams.replay import Replay, to_json
from streams.report import Frame
from streams.shard import Shard
from tests.unit.builders import (
    answered,
    callback_requested,
    ended,
    exited,
    held,
    message,
    ms,
    queued,
    rated,
    resumed,
    ringing,
    wrapped,
)

SETTINGS = Settings.model_validate(
    {
        "queues": [{"wrap_up": "event"}, {"queue": "tech", "hours": "06:15-07:00", "threshold_s": 60}],
        "groups": {"floor": ["*"]},
    }
)


def contact(n: int) -> Iterator[ContactEvent]:
    """Yield one of five kinds of calls, by its number."""
    c, at, queue = f"c{n}", 7.0 * n, ("sales", "tech")[n % 2]
    if n % 5:
        yield queued(at, queue, issue="billing" if n % 3 else None, c=c)
    if n % 5 in (0, 1):  # the first of these has no beginning but its answer
        yield ringing(at + 1, c=c)
        yield answered(at + 12, c=c)
        yield held(at + 20, c=c)
        yield resumed(at + 25, c=c)
        yield ended(at + 60, "customer", c=c)
        yield rated(at + 70, 4, c=c)
    if n % 5 == 2:
        yield ended(at + 3 + n % 40, "customer", c=c)
    if n % 5 == 3:
        yield exited(at + 30, "callback_accepted", c=c)
        yield callback_requested(at + 30, at + 600, c=c)
    if n % 10 == 4:
        yield wrapped(at + 1_000, "nobody", c=f"orphan{n}")


def chat(n: int) -> Iterator[ContactEvent]:
    c, at = f"c{n}", 11.0 * n
    yield queued(at, "help", c=c)
    yield message(at, c=c)
    if n % 3:
        yield answered(at + 5, c=c)
        yield message(at + 40 + n, "agent", c=c)
    if n % 4:
        yield ended(at + 200, c=c)


def written(prefix: Prefix, events: Iterator[ContactEvent]) -> list[bytes]:
    return [encode(prefix, event) + b"\n" for event in events]


CALLS = [line for n in range(400) for line in written("call", contact(n))]
CHATS = [line for n in range(100) for line in written("chat", chat(n))]
BAD = [
    b"nonsense\n",
    b'{"type":"call.sung","contact_id":"c7"}\n',
    b"\xff\n",
    b'{"contact_id":7}\n',
    b"[" * 5_000 + b"\n",
]
FILES = {
    "calls": [*CALLS[:300], BAD[0], *CALLS[300:], BAD[1], *CALLS[:50]],  # the last ones once more
    "chats": [BAD[2], *CHATS[:100], b"\n", BAD[3], *CHATS[100:], BAD[4]],
}
Named = list[tuple[str, int, str]]


def replayed(processes: int, frame: Frame, as_of_ms: int | None) -> tuple[bytes, Named]:
    """Return the report as JSON, and the letters with file and line."""
    refused: Named = []
    replay = Replay(
        SETTINGS, lambda name, line, letter: refused.append((name, line, letter.code)), frame, as_of_ms, processes
    )
    with closing(replay.shards):
        for name, lines in FILES.items():
            replay.read(name, lines)
        return to_json(replay.report()), refused


@pytest.mark.parametrize(
    ("frame", "as_of_ms"),
    [(Frame(), None), (Frame(60, ms(0), ms(3_600)), ms(2_000))],
    ids=["all", "an hour, as of then"],
)
def test_any_number_of_processes_gives_the_same_bytes(frame: Frame, as_of_ms: int | None) -> None:
    alone, letters = replayed(1, frame, as_of_ms)
    together, theirs = replayed(3, frame, as_of_ms)
    assert together == alone
    assert sorted(theirs) == sorted(letters)


def test_letters_keep_file_and_line_in_the_order_of_the_files() -> None:
    _, letters = replayed(2, Frame(), None)
    assert letters == [
        ("calls", 301, "json"),
        ("calls", len(CALLS) + 2, "type"),
        ("chats", 1, "json"),
        ("chats", 103, "type"),
        ("chats", len(CHATS) + 4, "json"),
    ]


def test_every_shard_has_contacts_and_none_has_them_all() -> None:
    with closing(Shards(SETTINGS, 3)) as shards:
        shards.fold(range(len(CALLS)), CALLS)
        contacts = shards.ask("tests.unit.test_processes:ids_of")
        counts = counted(shards.said())
    assert all(0 < len(ids) < len(set().union(*contacts)) for ids in contacts)
    assert sum(map(len, contacts)) == len(set().union(*contacts))
    assert counts.events == len(CALLS)


def ids_of(shard: Shard) -> set[str]:
    return {contact_id for _, contact_id, _ in shard.contacts()}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_question_to_each_shard(processes: int) -> None:
    with closing(Shards(SETTINGS, processes)) as shards:
        shards.fold([0], CALLS[:1])
        found = shards.ask("tests.unit.test_processes:with_arguments", 3, "x")
    assert found == [(["call", "chat"], 3, "x")] * processes


def with_arguments(shard: Shard, *arguments: Any) -> tuple[Any, ...]:
    return (list(shard.states), *arguments)


# ---------------------------------------------------------------- a process that fails


def fail(_: Shard) -> None:
    raise FloorpulseError("the shard has had enough")


def vanish(_: Shard) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_shard_raises_is_raised_here(processes: int) -> None:
    with (
        closing(Shards(SETTINGS, processes)) as shards,
        pytest.raises(FloorpulseError, match=r"^the shard has had enough$"),
    ):
        shards.ask("tests.unit.test_processes:fail")


def test_what_went_wrong_in_the_fold_is_heard_at_the_next_question() -> None:
    """Lines without numbers: what only a fault in the program can bring about."""
    with closing(Shards(SETTINGS, 2)) as shards:
        broken: Sequence[Any] = [None] * 4
        shards.fold(broken, CALLS[:4])
        with pytest.raises(TypeError):
            shards.letters()


ENDED = "a process of the replay ended with exit code -9; where memory ran out, fewer of them need less (--processes)"


def test_a_process_that_was_killed_is_said_in_words() -> None:
    """By the system, where memory runs out."""
    with closing(Shards(SETTINGS, 2)) as shards, pytest.raises(FloorpulseError) as refused:
        shards.ask("tests.unit.test_processes:vanish")
    assert str(refused.value) == ENDED


def test_a_process_that_was_killed_between_two_questions_is_said_in_words() -> None:
    with closing(Shards(SETTINGS, 2)) as shards:
        for other in shards._others:
            other._process.kill()
            other._process.join()
        with pytest.raises(FloorpulseError) as refused:
            shards.letters()
    assert str(refused.value) == ENDED
