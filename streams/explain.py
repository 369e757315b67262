"""What is behind a figure: the contacts that a row of `replay --json` is made of, and what each of them adds to it.

Each contact's record says what it contributes; of that the cells of the queue and the interval are read as the report reads
them, against the goals of the time. So the parts add up to the row. How it is asked and printed is in streams/explanation.py.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import ceil
from typing import Final

from models import live, measures
from models.amounts import NAMES, Amounts, AmountsReader, add_open
from models.book import Book, Key
from models.catalogue import BY_NAME, LIVE_SERVICE_LEVEL
from models.contact import Contact
from models.contribution import Contribution
from models.goals import Goals
from models.histogram import SECONDS, UPPER_EDGES_MS
from models.measures import SPAN, Cells
from models.metric import Metric, Value
from models.opened import Opened
from models.other import standing_in
from models.retention import MINUTE_MS, QUARTER_MS
from models.span import end_of, start_of
from streams.shard import Shard, opened_by

_LIVE_CELLS: Final = {
    "waiting": (measures.WAITING,),
    "longest_wait": (measures.WAITING,),
    "sl_v12": (measures.WAITING,),
    "longest_contact_age": (measures.WAITING, measures.WAITING_CONTACT),
    "ringing": (measures.RINGING,),
    "in_progress": (measures.IN_PROGRESS,),
    "in_acw": (measures.IN_ACW,),
    "callbacks_scheduled": (measures.CALLBACKS,),
    "callbacks_due": (measures.CALLBACKS,),
    "callbacks_overdue": (measures.CALLBACKS,),
    "oldest_callback": (measures.CALLBACKS,),
    "unanswered": (measures.UNANSWERED,),
    "wait_for_reply_now": (measures.UNANSWERED,),
}
_OVER_AT_THE_END: Final = (measures.WAITING, measures.WAITING_CONTACT, measures.RINGING, measures.IN_ACW)  # of the span


@dataclass(frozen=True)
class Question:
    """A figure: of which metric, queue and channel, and interval; `shown` are the queues and channels of the report."""

    name: str
    key: Key
    start_ms: int
    end_ms: int
    now_ms: int
    goals: Book[Goals]
    shown: frozenset[Key]

    @property
    def moment(self) -> tuple[int, int]:
        """When it is seen what stands open, and up to when what happened is read: at the interval's end, or now."""
        return (self.end_ms, self.end_ms) if self.end_ms <= self.now_ms else (self.now_ms, self.now_ms + 1)

    @cached_property
    def terms(self) -> Goals:
        """What the queue is measured against."""
        return self.goals.of(self.key, self.start_ms)

    @property
    def metric(self) -> Metric:
        """The metric as it is called."""
        return BY_NAME[self.name]

    @property
    def formula(self) -> Metric:
        """The metric that it is made as: where the goals choose, the chosen one."""
        if self.metric.chosen in ("headline", "gap"):
            return BY_NAME[self.terms.headline]
        return LIVE_SERVICE_LEVEL[self.terms.live] if self.metric.chosen == "live" else self.metric

    @property
    def is_live(self) -> bool:
        """Tell whether it is of what stands open at the end of the interval."""
        return self.metric.attribution == "live"

    @property
    def is_ranked(self) -> bool:
        """Tell whether it is one of several durations: a quantile, or the longest."""
        return self.metric.share is not None or (self.is_live and self.metric.unit == "seconds")

    def is_about(self, key: Key) -> bool:
        """Tell whether what is counted for a key is in the row; what is counted once more for an issue is not."""
        return len(key) == 2 and standing_in(key, self.shown) == self.key

    def is_in(self, at_ms: int) -> bool:
        """Tell whether a time is in the interval, and not ahead of now."""
        return self.start_ms <= at_ms < self.end_ms and at_ms // MINUTE_MS <= self.now_ms // MINUTE_MS


@dataclass(frozen=True)
class Part:
    """What a contact adds: to numerator and denominator (counts, or ms), or durations of which one is the figure.

    `amounts` are the terms of the formula that it counts for, `at_ms` is when the first of them counts.
    """

    at_ms: int
    above: int = 0
    below: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    durations: tuple[tuple[float, int], ...] = ()  # in s, each with its time
    contact_id: str = ""
    prefix: str = ""  # of its events: call or chat


@dataclass(frozen=True)
class Sum:
    """All parts together: counts, or ms; of durations how many there are, and the how manyth of them is the figure."""

    value: Value
    above: int = 0
    below: int = 0
    durations: int = 0
    rank: int = 0


def parts_in(shard: Shard, question: Question) -> list[Part]:
    """Return the parts of the contacts of a shard."""
    read = _reader(question)
    found = []
    for prefix, contact_id, contact in shard.contacts():
        if (part := read(contact, shard.states[prefix].blank())) is not None:
            named = contact_id, prefix
            found.append(Part(part.at_ms, part.above, part.below, part.amounts, part.durations, *named))
    return found


def added_up(question: Question, parts: Sequence[Part]) -> Sum:
    """Add the parts up to the figure."""
    above, below = sum(part.above for part in parts), sum(part.below for part in parts)
    if question.is_ranked:
        durations = sorted(duration_s for part in parts for duration_s, _ in part.durations)
        share = 1 if question.metric.share is None else question.metric.share
        rank = ceil(share * len(durations))
        return Sum(durations[rank - 1] if durations else None, durations=len(durations), rank=rank)
    if question.is_live:
        share_of_waiting = above / below if below else None
        return Sum(share_of_waiting if question.name == "sl_v12" else above, above, below)
    amounts = Counter(dict.fromkeys(NAMES, 0))
    for part in parts:
        amounts.update(part.amounts)
    formula = question.formula
    value = formula.missing(amounts, question.terms.goal) if question.metric.chosen == "gap" else formula.value(amounts)
    return Sum(value, above, below)


def _reader(question: Question) -> Callable[[Contact, Contribution], Part | None]:
    if question.is_live:
        return partial(_standing, question)
    if question.metric.share is not None:
        return partial(_durations, question)
    return partial(_counting, question, {})


def _counting(
    question: Question, readers: dict[Goals, AmountsReader], contact: Contact, by: Contribution
) -> Part | None:
    """Return what a contact adds to a formula of amounts."""
    out, formula = contact.contribution(by), question.formula
    terms = (*formula.numerator, *formula.minus, *(formula.denominator or ()))
    total: Counter[str] = Counter()
    times = []
    for at_ms, found in (*_counted_amounts(question, readers, out), *_open_amounts(question, out)):
        used = {name: found[name] for name in terms if found[name]}
        if used:
            total.update(used)
            times.append(at_ms)
    if not any(total.values()):
        return None
    above = sum(total[name] for name in formula.numerator) - sum(total[name] for name in formula.minus)
    below = sum(total[name] for name in formula.denominator or ())
    return Part(min(times), above, below, {name: n for name, n in total.items() if n})


def _counted_amounts(
    question: Question, readers: dict[Goals, AmountsReader], out: Contribution
) -> Iterator[tuple[int, Amounts]]:
    """Yield what is counted, by its time."""
    for at_ms, cells in _cells(question, out).items():
        goals = question.goals.of(question.key, at_ms // QUARTER_MS * QUARTER_MS)
        if goals not in readers:
            readers[goals] = AmountsReader(goals)
        yield at_ms, readers[goals].read(cells)


def _cells(question: Question, out: Contribution) -> dict[int, Cells]:
    """Return the cells of the row by time; what was taken back is not in them."""
    found: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for key, at_ms, cells, factor in out.counted:
        if question.is_in(at_ms) and question.is_about(key):
            for cell, n in cells:
                found[at_ms][cell] += factor * n
    return {at_ms: kept for at_ms, cells in found.items() if (kept := {cell: n for cell, n in cells.items() if n})}


def _open_amounts(question: Question, out: Contribution) -> Iterator[tuple[int, Amounts]]:
    """Yield what waits at the end of the recording, or was lost by then, by its entry."""
    spans: Counter[tuple[int, int]] = Counter()
    for key, cell, span, n in out.opened:
        if question.is_about(key) and cell in (measures.WAITING, measures.NO_RESPONSE):
            spans[cell, span] += n
    for (cell, span), n in spans.items():
        yield (
            start_of(span),
            add_open(
                dict.fromkeys(NAMES, 0),
                Opened([defaultdict(dict, {cell: {span: n}})]),
                lambda at_ms: question.goals.of(question.key, at_ms),
                question.now_ms,
                question.start_ms,
                question.end_ms,
            ),
        )


def _durations(question: Question, contact: Contact, by: Contribution) -> Part | None:
    """Return the durations of a contact that a quantile is of, as the histogram holds them."""
    durations: list[tuple[float, int]] = []
    longest = question.metric.share == 1  # of those that the histogram does not hold to the second it is known exactly
    for at_ms, cells in _cells(question, contact.contribution(by)).items():
        for cell, n in cells.items():
            bucket = cell % SPAN
            if longest and cell >= measures.LONG_WAIT:
                durations += [((cell - measures.LONG_WAIT) / 1_000, at_ms)] * n
            elif cell - bucket in question.metric.histograms and not (longest and bucket > SECONDS):
                durations += [(UPPER_EDGES_MS[bucket] / 1_000, at_ms)] * n
    return Part(min(at_ms for _, at_ms in durations), durations=tuple(durations)) if durations else None


def _standing(question: Question, contact: Contact, by: Contribution) -> Part | None:
    """Return what of a contact stood open in the row's queue at the end of the interval."""
    at_ms, until_ms = question.moment
    opened: defaultdict[Key, defaultdict[int, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    for changed_ms, key, cell, span, n in opened_by(contact, by):
        if changed_ms < until_ms and question.is_about(key):
            opened[key][cell][span] += n
    each = [
        live.of_queue(Opened([cells]), at_ms, question.goals.of(key, at_ms), until_ms) for key, cells in opened.items()
    ]
    figures = live.of_all(each)
    wanted = _LIVE_CELLS[question.name]
    starts = [
        start_of(span)
        for cells in opened.values()
        for cell in wanted
        for span, n in cells[cell].items()
        if n and (cell not in _OVER_AT_THE_END or end_of(span) >= until_ms)
    ]
    if question.name == "sl_v12":
        return Part(min(starts), figures.waiting_within, figures.waiting) if figures.waiting else None
    value = getattr(figures, question.name)
    if value is None or not starts:
        return None
    if question.is_ranked:
        return Part(min(starts), durations=((value / 1_000, min(starts)),))
    return Part(min(starts), value) if value else None
