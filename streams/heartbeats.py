"""What the group answers to our heartbeats. Overrides a private name of aiokafka 0.14.0 (tests/contract)."""

import time
from typing import Any

from aiokafka import errors
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.group import HeartbeatRequest

from streams.topics import SESSION_S


def silent_s(coordinator: Any) -> float:
    """Return for how long the group has not answered; 0 before the first answer, and where there is no coordinator."""
    now = time.monotonic()
    silent: float = now - getattr(coordinator, "heard_at", now)
    return silent


def replaced(coordinator: Any) -> bool:
    """Tell whether another worker has our name, or somebody said that we have left."""
    return getattr(coordinator, "replaced", False)


_stock_send = GroupCoordinator._send_req


async def _send(coordinator: Any, request: Any) -> Any:
    """Remember when the group last answered a heartbeat, and whether it then no longer knew us though it had just before.

    Kafka forgets a member with a name of its own only after a session of silence, when another one comes with the same
    name, or when told that it has left for good. aiokafka would join again, and so would the other, for ever.
    """
    response = await _stock_send(coordinator, request)
    if isinstance(request, HeartbeatRequest):
        now, error = time.monotonic(), errors.for_code(response.error_code)
        if error in (errors.NoError, errors.RebalanceInProgressError):
            coordinator.heard_at = now
        elif error is errors.UnknownMemberIdError and now - getattr(coordinator, "heard_at", -SESSION_S) < SESSION_S:
            coordinator.replaced = True
    return response


GroupCoordinator._send_req = _send
