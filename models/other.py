"""Too many queues: the busiest under their own names, the others together as `_other`."""

from collections.abc import Iterable, Set
from typing import Final

from models import measures
from models.book import Key
from models.measures import Cells, accumulate
from models.merge import QueueView

OTHER: Final = "_other"


def limited(views: Iterable[QueueView], most: int) -> list[QueueView]:
    """Return the views of the `most` queues and channels that had most contacts; the rest is one for each channel.

    Views by issue are counted apart, so many of them too; of the rest neither queue nor issue is told.
    """
    kept: list[QueueView] = []
    for of_issues in (False, True):
        views_alike = [view for view in views if bool(view.issue) == of_issues]
        ranked = (
            sorted(views_alike, key=lambda view: (-_size(view), view.key)) if len(views_alike) > most else views_alike
        )
        kept += ranked[:most]
        rest: dict[Key, list[QueueView]] = {}
        for view in ranked[most:]:
            rest.setdefault((OTHER, view.channel, *(OTHER for _ in view.issue)), []).append(view)
        kept += [_together(key, several) for key, several in rest.items()]
    return kept


def standing_in(key: Key, shown: Set[Key]) -> Key:
    """Return the key under which something of a queue and channel is shown, among the keys of limited views."""
    return key if key in shown else (OTHER, key[1])


def _size(view: QueueView) -> int:
    return view.total.get(measures.OFFERED, 0) + view.total.get(measures.CONTACTS, 0)


def _together(key: Key, views: list[QueueView]) -> QueueView:
    total: Cells = {}
    minutes: dict[int, Cells] = {}
    quarters: dict[int, Cells] = {}
    for view in views:
        accumulate(total, view.total)
        for panes, more in ((minutes, view.minutes), (quarters, view.quarters)):
            for number, cells in more.items():
                accumulate(panes.setdefault(number, {}), cells)
    return QueueView(key, total, minutes, quarters, tuple(live for view in views for live in view.live))
