"""Stage 1: the state of one source partition, a function of the prefix of its log.

`fold` takes the log's records in order, each once; records at or below the offset already folded are dropped. What comes
out: changed parts of the panes (`collect`), and refused records (`letters`), which whoever carries them must hand on before
a snapshot that no longer holds them counts. Time is the newest event time seen, never a clock.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.archive import Archive
from models.book import Key
from models.codec import Decode
from models.contact import ASLEEP, Contact, stub_of
from models.contribution import Contribution
from models.errors import DecodeError
from models.folding import FoldSettings
from models.kept import Kept, decode_kept, encode_kept
from models.letter_limit import RefusedLately
from models.log import Counts, Letter, Record
from models.panes import Panes
from models.places import people_of
from models.retention import MINUTE_MS, QUARTER_MS
from models.span import end_of

FOREVER_MS: Final = 1 << 62
AT_ONCE: Final = (
    500  # contributions that are added to the panes together: few enough to be still in the processor's cache
)
QUIET_MS: Final = 10 * MINUTE_MS  # so long after a contact's end its wrap-up is waited for
SILENT_MS: Final = (
    60 * MINUTE_MS
)  # a contact of which nothing was heard for so long is put away, whatever is open of it
DAY_MS: Final = 86_400_000


@dataclass
class Changes:
    """What changed since the state was last saved, beside the contacts that had events (see models/snapshot.py)."""

    left: set[str] = field(default_factory=set)  # contacts that were put away
    taken: set[str] = field(default_factory=set)  # out of the archive again
    dropped_ms: int = 0  # the archive's records before this were dropped
    put: dict[str, tuple[int, bytes]] = field(default_factory=dict)  # what was put away: its time in ms, and the record
    parts: set[tuple[Key, str]] = field(default_factory=set)  # of the panes


class PartitionState:
    """The contacts and panes of one source partition."""

    def __init__(self, decode: Decode, settings: FoldSettings | None = None) -> None:
        self.settings = settings or FoldSettings()
        self.offset = -1
        self.newest = 0  # event time in ms
        self.counts = Counts()
        self.letters: list[Letter] = []
        self.refused = RefusedLately()  # kept up by whoever limits them (models/letter_limit.py)
        self.contacts: dict[str, Contact] = {}
        self.put_away = Archive()  # contacts of which little more is expected, as `Kept`
        self.orphans: set[str] = set()
        self.changes = Changes()
        self.unsent: set[tuple[Key, str]] = set()  # parts that were in flight when the state was saved
        self._decode = decode
        self.panes = Panes(self.settings.retention)
        self.ended: dict[int, list[str]] = {}  # when to see whether they can be put away -> ids
        self._minute_end = 0  # of the minute that `newest` is in, ms
        self._quarter = 0  # that `newest` is in

    def fold(self, records: Iterable[Record]) -> None:
        """Fold the next records of the log.

        A record that is no event, is late or claims to be from the future becomes a letter and is counted. Everything a
        worker does an ordinary event for is in this loop or one call away: it decides how fast a worker is.
        """
        decode, contacts, channel = self._decode, self.contacts, self.settings.channel
        skew_ms = FOREVER_MS if self.settings.skew_ms is None else self.settings.skew_ms
        lateness_ms = FOREVER_MS if self.settings.lateness_ms is None else self.settings.lateness_ms
        out, events, orphans = self.blank(), 0, self.orphans
        for record in records:
            offset, value = record.offset, record.value
            if offset <= self.offset:
                continue
            self.offset = offset
            try:
                event = decode(value)
            except DecodeError as error:
                self._refuse(offset, error.code, str(error), value)
                continue
            at = event.at
            if at > self.newest:
                appended_at = record.timestamp
                if at > appended_at + skew_ms and appended_at > 0:
                    ahead = f"at: {at} is {(at - appended_at) // 1_000} s ahead of its append time"
                    self._refuse(offset, "future", f"{ahead}, allowed: {skew_ms // 1_000}", value)
                    continue
                self.newest = at
                if at >= self._minute_end:
                    self.panes.add(out)  # first: else it would depend on the batch which parts change
                    out.clear()
                    self._turn_minute()
            events += 1
            if at < self.newest - lateness_ms:
                self.counts.late += 1
                self.letters.append(Letter(offset, "late", f"at: {self.newest - at} ms behind the newest", value))
                continue
            contact_id = event.contact_id
            contact = contacts.get(contact_id) or self._take_up(contact_id)
            fact = event.fact(channel)
            if not contact.append(fact, out) and not contact.merge(fact, out):
                self.counts.duplicates += 1
            if contact.start is None:
                if contact_id not in orphans and contact.last_at != ASLEEP:
                    orphans.add(contact_id)
                    self.counts.orphans += 1
            elif orphans and contact_id in orphans:
                orphans.discard(contact_id)
                self.counts.orphans -= 1
            if contact.ended:
                self.ended.setdefault(self._minute_end, []).append(contact_id)
            if len(out.counted) > AT_ONCE:
                self.panes.add(out)
                out.clear()
        self.counts.events += events
        self.panes.add(out)

    def pass_over(self, offset: int) -> int:
        """Go on at a later offset; what lies before was deleted and is counted as lost. Returns how many records."""
        lost = offset - self.offset - 1
        self.counts.lost += lost
        self.offset = offset - 1
        return lost

    def _refuse(self, offset: int, code: str, reason: str, value: bytes | None) -> None:
        self.counts.invalid += 1
        self.letters.append(Letter(offset, code, reason, value))

    def records(self) -> Iterator[tuple[str, Contact]]:
        """Yield id and record of every contact that is held."""
        yield from self.contacts.items()
        for contact_id, kept in self.put_away.items():
            yield contact_id, Contact(decode_kept(kept).packed)

    def across(self, moments: Sequence[int]) -> Iterator[Contact]:
        """Yield the records of which something may have been open at one of the moments, which are in order.

        Most contacts lie between two of them and are over: what these opened and closed needs no reading again.
        """
        yield from self.contacts.values()
        for _, kept in self.put_away.items():  # noqa: PERF102  an archive is no dict
            record = decode_kept(kept)
            contact = Contact(record.packed)
            if record.over:
                facts = contact.facts()
                after = bisect_right(moments, facts[0][0])
                if after == len(moments) or moments[after] > facts[-1][0]:
                    continue
            yield contact

    def blank(self) -> Contribution:
        """Return an empty contribution by the rules of this state."""
        return Contribution(self.settings.rules, self.settings.channel == "chat")

    def _turn_minute(self) -> None:
        """Do what time alone does: panes leave their tier, contacts are put away, and given up past the horizon."""
        self._minute_end = (self.newest // MINUTE_MS + 1) * MINUTE_MS
        self.panes.advance(self.newest)
        for ended_before in [minute_end for minute_end in self.ended if minute_end <= self.newest]:
            still_open = [name for name in self.ended.pop(ended_before) if not self._finish(name)]
            if still_open:
                self.ended.setdefault(self._minute_end + QUIET_MS, []).extend(still_open)
        if self.newest // QUARTER_MS > self._quarter:
            self._quarter = self.newest // QUARTER_MS
            self._put_silent_away()
            if self.settings.lateness_ms is not None:
                self._drop_before(self.newest - self.settings.lateness_ms)

    def _take_up(self, contact_id: str) -> Contact:
        """Hold the record of a contact that was put away again, else a new one."""
        kept = self.put_away.take(contact_id)
        if kept is None:
            contact = Contact()
        else:
            self.changes.taken.add(contact_id)
            self.changes.put.pop(contact_id, None)
            contact = Contact(decode_kept(kept).packed)
            contact.saved = -1
            self.ended.setdefault(self._minute_end, []).append(contact_id)  # to be put away again
        self.contacts[contact_id] = contact
        return contact

    def _finish(self, contact_id: str) -> bool:
        """Put a contact away unless more is to come of it; return False where that must be asked again."""
        contact = self.contacts.get(contact_id)
        if contact is None:
            return True
        if contact.last_at == ASLEEP:
            contact.wake(self.blank())
        if contact.ended and contact.legs and contact.last_at > self.newest - QUIET_MS:
            return False
        if contact.ended:
            self._put_away(contact_id, contact)
        return True

    def _put_silent_away(self) -> None:
        by = self.blank()
        for contact_id, contact in list(self.contacts.items()):
            contact.wake(by)
            if contact.last_at < self.newest - SILENT_MS:
                self._put_away(contact_id, contact)

    def _put_away(self, contact_id: str, contact: Contact) -> None:
        del self.contacts[contact_id]
        self.changes.left.add(contact_id)
        kept_ms = contact.last_at
        if contact.more is not None and contact.more.callback is not None:
            kept_ms = max(kept_ms, end_of(contact.more.callback.span))
        over = contact.is_over
        kept = Kept(contact.packed, True, contact.key, people_of(contact)) if over else Kept(contact.packed)
        self._keep(contact_id, kept_ms, encode_kept(kept))

    def _keep(self, contact_id: str, last_ms: int, record: bytes) -> None:
        self.put_away.put(contact_id, last_ms, record)
        self.changes.put[contact_id] = last_ms, record

    def _drop_before(self, horizon_ms: int) -> None:
        """Close the records of contacts of which nothing was heard since the horizon; remember whose ratings are whose."""
        out = self.blank()
        stay_ms = self.settings.survey_days * DAY_MS
        self.changes.dropped_ms = horizon_ms
        for contact_id, quarter_ms, kept in list(self.put_away.drop_before(horizon_ms)):
            record = decode_kept(kept)
            self.changes.put.pop(contact_id, None)
            self.orphans.discard(contact_id)
            if record.past:
                continue  # its days are over
            if record.over:
                stub = stub_of(record.key, record.people)
            else:
                contact = Contact(record.packed)
                contact.wake(out)
                contact.close(out)
                stub = contact.stub(out)
            if stay_ms:
                self._keep(contact_id, quarter_ms + stay_ms, encode_kept(Kept(stub, past=True)))
        self.panes.add(out)

    def collect(self) -> list[tuple[Key, str]]:
        """Return the parts that changed since the last call, and those left over from before a restore."""
        found = list(self.panes.collect())
        self.changes.parts.update(found)
        changed = self.unsent.union(found)
        self.unsent = set()
        return sorted(changed)

    def resume_at(self, newest_ms: int) -> None:
        """Go on from a restored state whose newest event time this was; the panes' tiers are as they were then."""
        self.newest = newest_ms
        self._minute_end = (newest_ms // MINUTE_MS + 1) * MINUTE_MS
        self._quarter = newest_ms // QUARTER_MS
        self.panes.advance(newest_ms)
