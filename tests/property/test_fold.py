"""What holds for any day of calls or chats, by any rules: order, repetition and batches change no figure (DESIGN 2)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from models import measures, snapshot
from models import partials as wire
from models.book import Book, Key
from models.codec import decoder
from models.contact import Contact
from models.contribution import Contribution
from models.events import ContactEvent
from models.folding import FoldSettings, QueueRules
from models.log import Line
from models.measures import Cells, accumulate
from models.merge import MergeState, QueueView
from models.panes import Live, Panes
from models.partition import PartitionState
from models.retention import MINUTE_MS, QUARTER_MS
from models.span import end_of
from tests.property.strategies import RULES, contacts, days, logs, mixed, split
from tests.unit.builders import FOREVER, blank, learn, prefix_of, record_of, records, summed

Parts = dict[tuple[Key, str], Cells | list[Live]]
KINDS: Final = st.booleans()  # are they chats
DECODERS: Final = {"voice": decoder("call"), "chat": decoder("chat")}


def settings_of(chats: bool, rules: Book[QueueRules], base: FoldSettings = FOREVER) -> FoldSettings:
    return replace(base, channel="chat" if chats else "voice", rules=rules)


def parts(panes: Panes) -> Parts:
    """Return all parts that hold anything."""
    found: Parts = {}
    for key, queue in panes.queues.items():
        names = [f"1m:{minute * MINUTE_MS}" for minute in queue.minutes]
        names += [f"15m:{quarter * QUARTER_MS}" for quarter in queue.quarters]
        for name in ("live", "total", *names):
            body = queue.part(name)
            if any(body):  # a pane's cells are not 0; the live part is a list of what is open
                found[key, name] = body
    return found


def fold(batches: Iterable[Iterable[Line]], settings: FoldSettings = FOREVER) -> PartitionState:
    state = PartitionState(DECODERS[settings.channel], settings)
    for batch in batches:
        state.fold(batch)
    return state


def lines(events: Iterable[ContactEvent], settings: FoldSettings) -> list[Line]:
    return records(events, prefix=prefix_of(settings))


def all_of(state: PartitionState) -> tuple[object, ...]:
    """Return everything that a state knows and that a snapshot must not lose."""
    held = {name: contact.packed for name, contact in state.contacts.items()}
    away = sorted(state.put_away.items())
    return parts(state.panes), held, away, state.orphans, state.counts, state.offset, state.newest


# ---------------------------------------------------------------- the record


@given(st.data(), KINDS, RULES)
def test_a_record_is_the_same_in_any_order_and_any_number_of_times(
    data: st.DataObject, chats: bool, rules: Book[QueueRules]
) -> None:
    events = data.draw(contacts(chats=chats))
    record, sums = record_of(events, chats, rules)
    other, other_sums = record_of(data.draw(mixed(events)), chats, rules)
    assert other.packed == record.packed
    assert other_sums == sums


@given(st.data(), KINDS, RULES)
def test_the_fast_way_and_the_general_way_agree(data: st.DataObject, chats: bool, rules: Book[QueueRules]) -> None:
    """What was contributed on the way is the contribution of the facts, whichever way each step took."""
    events = data.draw(mixed(data.draw(contacts(chats=chats))))
    record, on_the_way = record_of(events, chats, rules)
    general, out = Contact(), blank(chats, rules)
    for event in events:
        general.merge(event.fact("chat" if chats else "voice"), out)
    assert on_the_way == summed(out)
    assert on_the_way == summed(record.contribution(blank(chats, rules)))
    assert record.packed == general.packed
    steps = list(record.history(blank(chats, rules)))
    assert [at for at, _ in steps] == sorted(fact[0] for fact in record.facts())
    assert summed(*(step for _, step in steps)) == on_the_way


@given(st.data(), KINDS, RULES)
def test_a_record_put_away_at_any_moment_goes_on_as_before(
    data: st.DataObject, chats: bool, rules: Book[QueueRules]
) -> None:
    events = data.draw(mixed(data.draw(contacts(chats=chats))))
    expected, sums = record_of(events, chats, rules)
    record, out = Contact(), blank(chats, rules)
    for event in events:
        if data.draw(st.booleans()):
            record = Contact(record.packed)
        learn(record, event, out)
    assert record.packed == expected.packed
    assert summed(out) == sums


@given(st.data(), KINDS, RULES)
def test_nothing_stands_open_of_a_closed_record_and_its_ratings_stay(
    data: st.DataObject, chats: bool, rules: Book[QueueRules]
) -> None:
    """What is remembered counts as it did, and is remembered alike however often it is cut short."""
    record, _ = record_of(data.draw(contacts(chats=chats)), chats, rules)
    over, before = record.is_over, record.contribution(blank(chats, rules))
    after = record.contribution(blank(chats, rules))
    record.close(after)
    assert all(where[2] >= measures.LIVE for where in summed(after))
    if over:
        assert summed(after) == summed(before)
    stub = record.stub(blank(chats, rules))
    ratings = summed(Contact(stub).contribution(blank(chats, rules)))
    assert ratings == {where: n for where, n in summed(after).items() if where[2] in OF_SURVEYS}
    again = Contact(stub)
    again.wake(blank(chats, rules))
    assert summed(Contact(again.stub(blank(chats, rules))).contribution(blank(chats, rules))) == ratings


OF_SURVEYS: Final = frozenset(
    {
        *range(measures.SURVEYS_ANSWERED, measures.RATED_UNRESOLVED + 1),
        measures.SURVEYS_OFFERED,
        measures.COHORT_SURVEYS_ANSWERED,
    }
)


# ---------------------------------------------------------------- the fold


@given(st.data(), KINDS, RULES)
def test_any_order_repetition_and_split_gives_the_same_panes(
    data: st.DataObject, chats: bool, rules: Book[QueueRules]
) -> None:
    events, settings = data.draw(days(chats=chats)), settings_of(chats, rules)
    expected = fold([lines(events, settings)], settings)
    state = fold(data.draw(split(lines(data.draw(mixed(events)), settings))), settings)
    assert parts(state.panes) == parts(expected.panes)
    assert state.counts.orphans == expected.counts.orphans


@given(st.data(), KINDS, RULES)
def test_panes_are_what_their_records_contribute_all_at_once(
    data: st.DataObject, chats: bool, rules: Book[QueueRules]
) -> None:
    events, settings = data.draw(mixed(data.draw(days(chats=chats)))), settings_of(chats, rules)
    state = fold([lines(events, settings)], settings)
    panes = Panes(settings.retention)
    panes.advance(state.newest)
    for _, contact in state.records():
        panes.add(contact.contribution(state.blank()))
    assert parts(panes) == parts(state.panes)


# With the default horizons: panes leave their tiers, events are late, records are put away, closed and remembered.


@given(st.data(), KINDS, RULES)
def test_batches_do_not_matter(data: st.DataObject, chats: bool, rules: Book[QueueRules]) -> None:
    settings = settings_of(chats, rules, FoldSettings())
    log = data.draw(logs(prefix_of(settings)))
    expected, state = fold([log], settings), fold(data.draw(split(log)), settings)
    assert all_of(state) == all_of(expected)
    assert state.letters == expected.letters


@given(st.data(), KINDS, RULES)
def test_a_restored_state_goes_on_as_before(data: st.DataObject, chats: bool, rules: Book[QueueRules]) -> None:
    settings = settings_of(chats, rules, FoldSettings(survey_days=data.draw(st.sampled_from([0, 1, 7]))))
    log = data.draw(logs(prefix_of(settings)))
    expected = fold([log], settings)
    base, *later = data.draw(st.lists(st.integers(0, len(log)), min_size=1, max_size=4).map(sorted))
    before = fold([log[:base]], settings)
    pieces = [snapshot.whole(before)]
    for cut in later:
        before.fold(log[:cut])
        pieces.append(snapshot.changes(before))
    restored = fold([], settings)
    snapshot.restore(restored, *pieces)
    assert all_of(restored) == all_of(before)
    restored.fold(log)  # from the beginning: what was folded already is passed over
    assert all_of(restored) == all_of(expected)
    assert before.letters + restored.letters == expected.letters


@given(st.data(), KINDS, RULES)
def test_parts_left_over_and_parts_changed_since_bring_a_reader_up_to_date(
    data: st.DataObject, chats: bool, rules: Book[QueueRules]
) -> None:
    """A crash after a snapshot loses no part: replacing what was sent before the cut by what is sent after gives all."""
    settings = settings_of(chats, rules, FoldSettings())
    log = data.draw(logs(prefix_of(settings)))
    cut = data.draw(st.integers(0, len(log)))
    state, restored = fold([log[:cut]], settings), fold([], settings)
    seen: Parts = {}
    _send(state, seen)
    state.fold(log[cut : cut + 2])
    snapshot.restore(restored, snapshot.whole(state))  # what changed in those two was never sent
    restored.fold(log)
    _send(restored, seen)
    assert {name: body for name, body in seen.items() if any(body)} == parts(restored.panes)


def _send(state: PartitionState, seen: Parts) -> None:
    for key, part in state.collect():
        seen[key, part] = wire.partial(state, key, part).body


# ---------------------------------------------------------------- stage 2


def flush(state: PartitionState, merge: MergeState, partition: int) -> None:
    """Send what changed as stage 1 does, through the codec."""
    source = ("cc.calls", partition)
    for record in wire.flush(state):
        if isinstance(record, wire.Progress):
            key_bytes = wire.progress_key(source)
        else:
            key_bytes = wire.partial_key(source, record.key, record.part)
        said = wire.decode(key_bytes, wire.encode(record))
        assert not isinstance(said, wire.Shown)
        decoded_source, decoded = said
        assert (decoded_source, decoded) == (source, record)
        merge.apply(decoded_source, decoded)


def views(merge: MergeState) -> dict[Key, QueueView]:
    return {view.key: view for view in merge.views() if view.total or any(_open(view))}


def _open(view: QueueView) -> list[list[tuple[int, int, int]]]:
    """Return what stands open of each live cell, over all sources: start, end, how many."""
    found = []
    for cell in range(measures.LIVE):
        spans: dict[tuple[int, int], int] = {}
        for start, end, n in view.open.of(cell):
            spans[start, end] = spans.get((start, end), 0) + n
        found.append(sorted((*span, n) for span, n in spans.items()))
    return found


@given(st.data(), KINDS, RULES)
def test_several_sources_merged_equal_all_events_in_one(
    data: st.DataObject, chats: bool, rules: Book[QueueRules]
) -> None:
    events, settings = data.draw(days(within_s=7_200, chats=chats)), settings_of(chats, rules)
    everything = MergeState(settings.retention)
    flush(fold([lines(events, settings)], settings), everything, 0)
    merge = MergeState(settings.retention)
    for partition in range(3):
        ours = [event for event in events if int(event.contact_id[1:]) % 3 == partition]
        state = fold([], settings)
        for batch in data.draw(split(lines(data.draw(mixed(ours)), settings))):
            state.fold(batch)
            flush(state, merge, partition)
    merged, expected = views(merge), views(everything)
    assert merged.keys() == expected.keys()
    for key, view in expected.items():
        assert merged[key].total == view.total
        assert _open(merged[key]) == _open(view)
        for start_ms in quarters(event.at for event in events):
            assert _without_zeros(merged[key].quarter(start_ms)) == _without_zeros(view.quarter(start_ms))


def _without_zeros(cells: Cells) -> Cells:
    return {cell: n for cell, n in cells.items() if n}


def quarters(times: Iterable[int]) -> list[int]:
    """Return the starts of all quarters that any of the times lies in, and of those between."""
    numbers = [at // QUARTER_MS for at in times] or [0]
    return [number * QUARTER_MS for number in range(min(numbers), max(numbers) + 1)]


# ---------------------------------------------------------------- identities (DESIGN 6)

Stay = tuple[Key, int, int | None]  # of an offered visit: queue, entry, and when it ended, if it did
HISTOGRAMS: Final = {
    "answered": (measures.ANSWER_WAIT,),
    "abandoned": (measures.ABANDON_WAIT,),
    "exited": (measures.EXIT_WAIT,),
    "cohort": (
        measures.COHORT_ANSWER_WAIT,
        measures.COHORT_ABANDON_WAIT,
        measures.COHORT_CALLBACK_WAIT,
        measures.COHORT_EXIT_WAIT,
    ),
}


def counted(cells: Cells, name: str) -> int:
    return sum(n for cell, n in cells.items() for first in HISTOGRAMS[name] if first <= cell < first + measures.SPAN)


def stays(events: list[ContactEvent], rules: Book[QueueRules], chats: bool) -> Iterator[tuple[Contact, list[Stay]]]:
    """Yield each record, and its offered visits as its steps show them; those answered elsewhere are none."""
    for name in {event.contact_id for event in events}:
        record, _ = record_of([event for event in events if event.contact_id == name], chats, rules)
        found: list[Stay] = []
        waiting: dict[tuple[Key, int], int] = {}
        for at, step in record.history(blank(chats, rules)):
            for key, entry, cells, factor in step.counted:
                if len(key) == 2 and (measures.OFFERED, 1) in cells:
                    waiting[key, entry] = waiting.get((key, entry), 0) + factor
            still: dict[tuple[Key, int], int] = {}
            for visit in record.visits:
                if visit.offered:
                    still[visit.key, visit.at] = still.get((visit.key, visit.at), 0) + 1
            for where, n in waiting.items():
                found += [(*where, at)] * (n - still.get(where, 0))
            waiting = still
        found += [(*where, None) for where, n in waiting.items() for _ in range(n)]
        yield record, found


@given(st.data(), KINDS, RULES, st.booleans())
def test_nobody_is_lost_in_any_quarter(
    data: st.DataObject, chats: bool, rules: Book[QueueRules], closing: bool
) -> None:
    """Cohort: offered = answered + abandoned + other exits + lost + waiting, of those who entered in the quarter.
    Flow: waiting at its start + offered = answered + abandoned + other exits + lost + waiting at its end.

    Each also when what waits still is given up: then it was lost, when its allowance was used up."""
    events = data.draw(days(within_s=7_200, chats=chats))
    sums: dict[tuple[Key, int], Cells] = {}
    seen: list[Stay] = []
    for record, found in stays(events, rules, chats):
        out = record.contribution(blank(chats, rules))
        lost = [(visit.key, visit.at, end_of(visit.span)) for visit in record.visits if visit.offered]
        if closing:
            record.close(out)
            found = [*(stay for stay in found if stay[2] is not None), *lost]
        seen += found
        add_by_quarter(sums, out)
    times = [at for _, entry, end in seen for at in (entry, end or entry)]
    for key in {key for key, _, _ in seen}:
        of_queue = [(entry, end) for other, entry, end in seen if other == key]
        for start_ms in quarters(times):
            cells, end_ms = sums.get((key, start_ms), {}), start_ms + QUARTER_MS
            entered = [end for entry, end in of_queue if start_ms <= entry < end_ms]
            offered = cells.get(measures.OFFERED, 0)
            assert offered == len(entered)
            assert offered == counted(cells, "cohort") + cells.get(measures.COHORT_LOST, 0) + entered.count(None)
            left = sum(counted(cells, name) for name in ("answered", "abandoned", "exited"))
            left += cells.get(measures.LOST, 0)
            assert _waiting(of_queue, start_ms) + offered == left + _waiting(of_queue, end_ms)


def add_by_quarter(sums: dict[tuple[Key, int], Cells], out: Contribution) -> None:
    for key, at, cells, factor in out.counted:
        pane = sums.setdefault((key, at // QUARTER_MS * QUARTER_MS), {})
        for cell, n in cells:
            accumulate(pane, {cell: n}, factor)


def _waiting(of_queue: list[tuple[int, int | None]], at_ms: int) -> int:
    return sum(1 for entry, end in of_queue if entry < at_ms and (end is None or end >= at_ms))


@given(st.data(), KINDS, RULES)
def test_each_contact_is_answered_or_given_up_at_most_once(
    data: st.DataObject, chats: bool, rules: Book[QueueRules]
) -> None:
    """Of those of an entry: contacts = answered + given up + those of which neither is known."""
    record, sums = record_of(data.draw(contacts(chats=chats)), chats, rules)
    entered = sum(n for (key, _, cell), n in sums.items() if cell == measures.CONTACTS and len(key) == 2)
    first = measures.CONTACT_ANSWER_WAIT
    settled = sum(n for (_, _, cell), n in sums.items() if first <= cell < first + 2 * measures.SPAN)
    assert settled <= entered <= 1
    assert entered == (record.entry is not None)
