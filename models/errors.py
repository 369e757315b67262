"""The errors of Floorpulse, one tree.

    FloorpulseError
    ├── ConfigError      a setting, a topic or an address is not what it must be
    └── DecodeError      a record is not an event; goes to the dead letters

A message names the thing, the value and what was allowed. Whoever catches decides by type, never by text.
"""


class FloorpulseError(Exception):
    """Base of all errors that Floorpulse raises on purpose."""


class ConfigError(FloorpulseError):
    """A setting, a topic or an address is not what it must be."""


class DecodeError(FloorpulseError):
    """A record is not an event.

    `code` is one of a small fixed set (`json`, `type`, `field`, `future`), fit for a metric label.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
