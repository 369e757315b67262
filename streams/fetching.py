"""Takes what was fetched of a batched topic as it was parsed, all at once.

aiokafka hands records on one by one, through three functions each, and copies them: a tenth of what a worker does when it
catches up. Overrides a name of aiokafka 0.14.0 (tests/contract).
"""

from typing import Any, Final

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import CorruptRecordException

from streams.topics import PARTIALS, SOURCES

BATCHED: Final = frozenset({*SOURCES, PARTIALS})

_stock_getall = FetchResult.getall


def _getall(result: Any, max_records: int | None = None) -> list[Any]:
    """Return all records of a fetch of one partition; a limit, and topics that are not batched, are left to aiokafka."""
    fetched = result._partition_records
    if result._topic_partition.topic not in BATCHED or max_records is not None or fetched is None:
        stock: list[Any] = _stock_getall(result, max_records)
        return stock
    if not result.check_assignment(result._topic_partition):
        return []
    records = unpacked(fetched)
    result._update_position()
    result._partition_records = None
    return records


FetchResult.getall = _getall


def unpacked(fetched: Any) -> list[Any]:
    """Return the records of aiokafka's `PartitionRecords` from its offset on, and move that past them.

    A fetch begins with the whole batch that holds the offset, and has the ends of transactions, which are no records.
    """
    assert fetched._isolation_level != READ_COMMITTED, "what was aborted is not told apart here"
    records: list[Any] = []
    while fetched._records.has_next():
        batch = fetched._records.next_batch()
        if fetched._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")
        if not batch.is_control_batch:
            first = fetched.next_fetch_offset
            found = list(batch)
            records += found if found and found[0].offset >= first else [one for one in found if one.offset >= first]
        fetched.next_fetch_offset = batch.next_offset
    return records
