"""Who a worker is to its group: a name that stays the same over restarts, so that a killed worker gets its partitions back.

The other side of it: the group keeps the partitions of a worker that was stopped until its session ends. Whoever knows that
it will not come back says so (`leave`), and the others take over at once.
"""

import re
import socket
from typing import Final

from kafka.admin import MemberToRemove
from kafka.errors import GroupIdNotFoundError, UnknownMemberIdError

from models.errors import ConfigError
from models.settings import Settings
from streams.topics import admin

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")


def instance_name(instance: str | None, web_port: int) -> str:
    """Return the name of a worker: the one that is asked for, else host and web port. Raises `ConfigError`."""
    name = f"{socket.gethostname()}-{web_port}" if instance is None else instance
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--instance: {name!r} is no name, allowed: 1 to 200 letters, digits, points, - and _")
    return name


def leave(settings: Settings, instance: str) -> None:
    """Tell the group that a worker that was stopped will not come back. Raises `ConfigError` where it is no member."""
    with admin(settings.kafka) as client:
        members = [MemberToRemove(group_instance_id=instance, reason="floorpulse worker --leave")]
        try:
            [found] = client.remove_group_members(settings.app, members).values()
        except GroupIdNotFoundError:
            found = UnknownMemberIdError
        if found is UnknownMemberIdError:
            raise ConfigError(f"the group {settings.app} has no worker {instance!r}; it left, or its session has ended")
        if found.errno:
            raise found()
