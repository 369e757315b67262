"""What holds for any day of calls (DESIGN 2, GLOSSARY 0): order, repetition and batches change no figure."""

from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from models import partials as wire
from models.book import Key
from models.catalogue import Goals, amounts
from models.codec import decoder, encode
from models.contact import Contact, Contribution
from models.events import ContactEvent
from models.folding import FoldSettings
from models.measures import OFFERED, WAITING, Cells
from models.merge import MergeState, QueueView
from models.panes import QUARTER_MS, Live
from models.partials import Partial, Progress
from models.partition import Line, PartitionState
from tests.property.strategies import any_event, contacts, days, logs, mixed, split
from tests.unit.builders import DECODE, FOREVER, learn, record_of, records, summed

Parts = dict[tuple[Key, str], Cells | list[Live]]


def parts(state: PartitionState) -> Parts:
    """Return all parts that hold anything."""
    found: Parts = {}
    for key, panes in state.panes.queues.items():
        names = [f"1m:{minute * 60_000}" for minute in panes.minutes]
        names += [f"15m:{quarter * QUARTER_MS}" for quarter in panes.quarters]
        for name in ("live", "total", *names):
            body = panes.part(name)
            if any(body):  # a pane's cells are not 0; the live part is a list of what is open
                found[key, name] = body
    return found


def fold(batches: Iterable[Iterable[Line]], settings: FoldSettings = FOREVER) -> PartitionState:
    state = PartitionState(DECODE, settings)
    for batch in batches:
        state.fold(batch)
    return state


def all_of(state: PartitionState) -> tuple[object, ...]:
    """Return everything that a state knows and that a snapshot must not lose."""
    records = {name: contact.packed for name, contact in state.contacts.items()}
    return parts(state), records, state.finished, state.counts, state.offset, state.newest


# ---------------------------------------------------------------- the record


@given(st.data())
def test_a_record_is_the_same_in_any_order_and_any_number_of_times(data: st.DataObject) -> None:
    events = data.draw(contacts())
    record, sums = record_of(events)
    other, other_sums = record_of(data.draw(mixed(events)))
    assert other.packed == record.packed
    assert other_sums == sums


@given(st.data())
def test_the_fast_way_and_the_general_way_agree(data: st.DataObject) -> None:
    """What was contributed on the way is the contribution of the facts, whichever way each step took."""
    events = data.draw(mixed(data.draw(contacts())))
    record, on_the_way = record_of(events)
    general, out = Contact(), Contribution()
    for event in events:
        general.merge(event.fact("voice"), out)
    assert on_the_way == summed(record.contribution()) == summed(out)
    assert record.packed == general.packed
    assert [at for at, _ in record.history()] == sorted(fact[0] for fact in record.facts())


@given(st.data())
def test_a_record_put_away_at_any_moment_goes_on_as_before(data: st.DataObject) -> None:
    events = data.draw(mixed(data.draw(contacts())))
    expected, sums = record_of(events)
    record, out = Contact(), Contribution()
    for event in events:
        if data.draw(st.booleans()):
            record = Contact(record.packed)
        learn(record, event, out)
    assert record.packed == expected.packed
    assert summed(out) == sums


# ---------------------------------------------------------------- the fold


@given(st.data())
def test_any_order_repetition_and_split_gives_the_same_panes(data: st.DataObject) -> None:
    events = data.draw(days())
    expected = fold([records(events)])
    state = fold(data.draw(split(records(data.draw(mixed(events))))))
    assert parts(state) == parts(expected)


@given(st.data())
def test_batches_do_not_matter(data: st.DataObject) -> None:
    """With the default horizons: panes leave their tiers, events are late, records are put away."""
    log = data.draw(logs())
    expected, state = fold([log], FoldSettings()), fold(data.draw(split(log)), FoldSettings())
    assert all_of(state) == all_of(expected)
    assert state.letters == expected.letters


@given(st.data())
def test_a_restored_state_goes_on_as_before(data: st.DataObject) -> None:
    log = data.draw(logs())
    expected = fold([log], FoldSettings())
    cut = data.draw(st.integers(0, len(log)))
    before = fold([log[:cut]], FoldSettings())
    restored = PartitionState(DECODE, FoldSettings())
    restored.restore(before.snapshot())
    assert all_of(restored) == all_of(before)
    restored.fold(log)  # from the beginning: what was folded already is passed over
    assert all_of(restored) == all_of(expected)
    assert before.letters + restored.letters == expected.letters


@given(st.data())
def test_parts_left_over_and_parts_changed_since_bring_a_reader_up_to_date(data: st.DataObject) -> None:
    """A crash after a snapshot loses no part: replacing what was sent before the cut by what is sent after gives all."""
    log = data.draw(logs())
    cut = data.draw(st.integers(0, len(log)))
    state, restored = fold([log[:cut]], FoldSettings()), PartitionState(DECODE, FoldSettings())
    seen: Parts = {}
    _send(state, seen)
    state.fold(log[cut : cut + 2])
    restored.restore(state.snapshot())  # what changed in those two was never sent
    restored.fold(log)
    _send(restored, seen)
    assert {name: body for name, body in seen.items() if any(body)} == parts(restored)


def _send(state: PartitionState, seen: Parts) -> None:
    for key, part in state.collect():
        seen[key, part] = wire.partial(state, key, part).body


# ---------------------------------------------------------------- stage 2


def flush(state: PartitionState, merge: MergeState, partition: int) -> None:
    """Send what changed as stage 1 does, through the codec."""
    source = ("cc.calls", partition)
    sent: list[tuple[bytes, Partial | Progress]] = [
        (wire.partial_key(source, key, part), wire.partial(state, key, part)) for key, part in state.collect()
    ]
    sent.append((wire.progress_key(source), Progress(0, state.offset, state.newest, 0, state.counts, "")))
    for key_bytes, record in sent:
        decoded_source, decoded = wire.decode(key_bytes, wire.encode(record))
        assert (decoded_source, decoded) == (source, record)
        merge.apply(decoded_source, decoded)


def views(merge: MergeState) -> dict[Key, QueueView]:
    """Return the views that show anything; of a queue that a later revision took back there is an empty one."""
    shown = (view for view in merge.views() if view.total or any(live_of(view)))
    return {(view.queue, view.channel): view for view in shown}


def live_of(view: QueueView) -> list[Counter[int]]:
    return [sum((Counter(live[cell]) for live in view.live), Counter()) for cell in (0, 1)]


@given(st.data())
def test_several_sources_merged_equal_all_events_in_one(data: st.DataObject) -> None:
    events = data.draw(days(within_s=7_200))
    everything = MergeState(FOREVER.retention)
    flush(fold([records(events)]), everything, 0)
    merge = MergeState(FOREVER.retention)
    for partition in range(3):
        ours = [event for event in events if int(event.contact_id[1:]) % 3 == partition]
        state = fold([])
        for batch in data.draw(split(records(data.draw(mixed(ours))))):
            state.fold(batch)
            flush(state, merge, partition)
    merged, expected = views(merge), views(everything)
    assert merged.keys() == expected.keys()
    for key, view in expected.items():
        assert merged[key].total == view.total
        assert live_of(merged[key]) == live_of(view)
        for start_ms in _quarters(events):
            assert merged[key].quarter(start_ms) == _without_zeros(view.quarter(start_ms))


def _without_zeros(cells: Cells) -> Cells:
    return {cell: n for cell, n in cells.items() if n}


def _quarters(events: Iterable[ContactEvent]) -> list[int]:
    """Return the starts of all quarters that any of the events lies in, and of those between."""
    numbers = [event.at // QUARTER_MS for event in events] or [0]
    return [number * QUARTER_MS for number in range(min(numbers), max(numbers) + 1)]


# ---------------------------------------------------------------- identities (GLOSSARY 0)


def visits(state: PartitionState) -> list[tuple[Key, int, int | None]]:
    """Return entry and exit of each offered visit, read off the records; those answered elsewhere are none."""
    every = [
        *state.contacts.values(),
        *(Contact(packed) for held in state.finished.values() for packed in held.values()),
    ]
    found: list[tuple[Key, int, int | None]] = []
    for contact in every:
        waiting: Counter[tuple[Key, int]] = Counter()
        for at, out in contact.history():
            never = Counter(
                (key, start) for key, start, cells, factor in out.counted if factor < 0 and (OFFERED, 1) in cells
            )
            for key, cell, start, n in out.opened:
                if cell == WAITING:
                    waiting[key, start] += n
                    if n < 0 and never[key, start]:
                        never[key, start] -= 1
                    elif n < 0:
                        found.append((key, start, at))
        found += [(key, start, None) for key, start in waiting.elements()]
    return found


@given(days(within_s=7_200))
def test_nobody_is_lost_in_any_quarter(events: list[ContactEvent]) -> None:
    """Cohort: offered = answered + abandoned + other exits + waiting, of those who entered in the quarter.
    Flow: waiting at its start + offered = answered + abandoned + other exits + waiting at its end."""
    state = fold([records(events)])
    seen, merge = visits(state), MergeState(FOREVER.retention)
    flush(state, merge, 0)
    for key, view in views(merge).items():
        of_queue = [(entry, exit_) for other, entry, exit_ in seen if other == key]
        for start_ms in _quarters(events):
            end_ms = start_ms + QUARTER_MS
            found = amounts(view.quarter(start_ms), Goals())
            entered = [exit_ for entry, exit_ in of_queue if start_ms <= entry < end_ms]
            assert found["offered"] == len(entered)
            gone = found["cohort_answered"] + found["cohort_abandoned"] + found["cohort_exited"]
            assert found["offered"] == gone + entered.count(None)
            left = found["answered"] + found["abandoned"] + found["exited"]
            assert _waiting(of_queue, start_ms) + found["offered"] == left + _waiting(of_queue, end_ms)


def _waiting(of_queue: list[tuple[int, int | None]], at_ms: int) -> int:
    return sum(1 for entry, exit_ in of_queue if entry < at_ms and (exit_ is None or exit_ >= at_ms))


# ---------------------------------------------------------------- codecs


@given(any_event(), st.sampled_from(["call", "chat"]))
def test_events_there_and_back(event: ContactEvent, prefix: str) -> None:
    decoded = decoder(prefix)(encode(prefix, event))
    assert isinstance(decoded, type(event))
    assert fields_of(decoded) == fields_of(event)
    assert encode(prefix, decoded) == encode(prefix, event)


def fields_of(event: ContactEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}
