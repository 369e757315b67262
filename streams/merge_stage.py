"""Stage 2 at work: the partitions of the partials that this worker owns, and the view that it shows.

The topic is compacted and is itself the table: it is read from the beginning on every start, and a partition's queues are
shown only once the end seen at the assignment was reached.
"""

from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.book import Key
from models.errors import ConfigError
from models.folding import FoldSettings
from models.merge import MergeState, QueueView
from models.other import OTHER, limited
from models.partials import Gone, Shown, decode, encode, partial_key, shown_key
from sinks.prometheus import COUNTS, FloorView, SourceView
from sinks.telemetry import Telemetry
from streams.fold_stage import FoldStage, Produce, place
from streams.outbox import Row
from streams.topics import PARTIALS


@dataclass
class Merging:
    """One partition of the partials that is ours; `end` was the log's end when it was assigned."""

    end: int
    state: MergeState
    agreed: bool = False  # those who wrote the past fold with our settings

    @property
    def ready(self) -> bool:
        """Tell whether the past was read."""
        return self.state.offset + 1 >= self.end


class MergeStage:
    """The partitions of the partials that this worker owns."""

    def __init__(
        self,
        produce: Produce,
        settings: Mapping[str, FoldSettings],
        partitions: int,
        most_queues: int,
        configured: Iterable[Key],
        telemetry: Telemetry,
    ) -> None:
        """Take the fold settings of each source topic, how many queues are shown by name, and which from the start."""
        self._partitions = partitions
        self._most_queues = most_queues
        self._configured = {key: QueueView(key, {}, {}, {}, ()) for key in configured}
        self.owned: dict[int, Merging] = {}
        self.view = FloorView()
        self._produce = produce
        self._settings = settings
        [self._retention] = {fold.retention for fold in settings.values()}
        self._telemetry = telemetry
        self._changed = True

    def take(self, partition: int, end: int) -> int:
        """Own a partition; return the next offset to read."""
        held = self.owned.get(partition)
        if held is None:
            held = self.owned[partition] = Merging(end, MergeState(self._retention))
        return held.state.offset + 1

    def drop_all_but(self, partitions: set[int]) -> None:
        """Forget the partitions that went elsewhere."""
        self.owned = {partition: held for partition, held in self.owned.items() if partition in partitions}
        self._changed = True

    def merge(self, partition: int, records: Iterable[Any]) -> Awaitable[None] | None:
        """Take the records of one fetch; return what is to be awaited where something must be written back.

        Raises `ValueError` where a record is none of ours, and `ConfigError` where those who wrote the past fold with other
        settings: so who comes later is refused.
        """
        held = self.owned.get(partition)
        if held is None:
            return None
        state, rows = held.state, []
        with self._telemetry.merge.time():
            for record in records:
                if record.offset <= state.offset:
                    continue
                state.offset = record.offset
                if record.value is None:
                    continue
                said = decode(record.key, record.value)
                if isinstance(said, Shown):
                    if repair := state.keep(said):
                        rows.append(Row(record.key, encode(repair)))
                    continue
                source, body = said
                for word in state.apply(source, body):
                    key = partial_key(source, word.key, word.part)
                    rows.append(Row(key, None if isinstance(word, Gone) else encode(word)))
        self._changed = True
        if held.ready and not held.agreed:
            self._check_settings(held)
        return self._produce(PARTIALS, {partition: rows}) if rows else None

    def _check_settings(self, held: Merging) -> None:
        for source, progress in held.state.progress.items():
            ours = self._settings[source[0]].digest_text(progress.newest_ms)
            if progress.settings != ours:
                raise ConfigError(
                    f"folding: {source[0]}[{source[1]}] is folded with {progress.settings}, not with {ours}; "
                    "all workers need the same settings under folding"
                )
        held.agreed = True

    def hide(self) -> None:
        """Show nothing until the next `publish`."""
        self.view = FloorView()
        self._changed = True

    def publish(self, folding: Iterable[FoldStage]) -> None:
        """Replace the view where something changed."""
        ready = [held for held in self.owned.values() if held.ready]
        recovering = len(ready) < len(self.owned) or not self.owned
        queues, kept = self.view.queues, self.view.kept
        if self._changed:
            self._changed = False
            queues = tuple(limited(self._views(ready), self._most_queues))
            kept = {key: values for held in ready for key, values in held.state.shown.items()}
        fresh = [held.state.fresh_ms() for held in ready]
        fresh_ms = min((at for at in fresh if at is not None), default=None)
        sources = tuple(_counted(view, ready) for stage in folding for view in stage.views())
        self.view = FloorView(queues, sources, recovering, fresh_ms, kept)

    def _views(self, ready: Iterable[Merging]) -> list[QueueView]:
        """Return the views of all queues that are ours, those with them that the settings name."""
        views = {view.key: view for held in ready for view in held.state.views()}
        for key, nothing in self._configured.items():
            if self._place(key) in self.owned:
                views.setdefault(key, nothing)
        return list(views.values())

    def _place(self, key: Key) -> int:
        return place(key[0].encode(), self._partitions)

    async def keep(self, shown: Mapping[Key, Mapping[str, int]]) -> bool:
        """Keep the highest values that counters of our queues were shown with; returns when all are acknowledged.

        Returns whether all of them are still ours. What is shown of several queues together is of this worker, not of a
        queue: no other could go on from it.
        """
        rows: defaultdict[int, list[Row]] = defaultdict(list)
        for key, values in shown.items():
            if key[0] != OTHER:
                rows[self._place(key)].append(Row(shown_key(key), encode(Shown(key, dict(values)))))
        if ours := {partition: kept for partition, kept in rows.items() if partition in self.owned}:
            await self._produce(PARTIALS, ours)
        return rows.keys() <= self.owned.keys()


def _counted(view: SourceView, ready: Iterable[Merging]) -> SourceView:
    """Let the counts of a source go on from what it said last: after a crash its owner reads again what was counted."""
    told = [known.counts for held in ready if (known := held.state.progress.get((view.topic, view.partition)))]
    return replace(view, **{name: max([getattr(view, name), *(getattr(c, name) for c in told)]) for name in COUNTS})
