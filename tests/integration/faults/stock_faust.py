"""Contacts offered by queue, counted as Faust's documentation does it: an agent, a table, and nothing of ours.

Run by test_stock_faust.py: `python -m tests.integration.faults.stock_faust BOOTSTRAP FOLDER`.
"""

import json
import sys
from typing import Any, Final

import faust

TOPIC: Final = "stock.queued"
APP: Final = "stock"
CHANGELOG: Final = f"{APP}-offered-changelog"
PARTITIONS: Final = 8


def stock_app(bootstrap: str, folder: str) -> Any:
    """Return the app, with the stock driver and its defaults but for a short session."""
    app = faust.App(
        APP,
        broker=f"kafka://{bootstrap}",
        store="memory://",
        datadir=folder,
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        table_standby_replicas=0,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
    )
    topic = app.topic(TOPIC, key_type=str, key_serializer="raw", value_serializer="raw", value_type=bytes)
    offered = app.Table("offered", default=int, partitions=PARTITIONS)

    @app.agent(topic)  # type: ignore[untyped-decorator]  # Faust's
    async def count(events: Any) -> None:
        async for event in events:
            offered[json.loads(event)["queue"]] += 1

    return app


if __name__ == "__main__":
    bootstrap, folder = sys.argv[1:]
    sys.argv[1:] = ["worker", "-l", "warn"]
    stock_app(bootstrap, folder).main()
