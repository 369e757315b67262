"""The settings: one frozen tree, from a TOML file and the environment.

The environment wins over the file, the file over the defaults. Unknown keys are refused.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.catalogue import Goals
from models.errors import ConfigError
from models.folding import FoldSettings


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class KafkaSettings(_Section):
    """Where the events come from."""

    bootstrap: str = "127.0.0.1:9092"
    """Addresses of brokers, HOST:PORT with commas between; environment FLOORPULSE_BOOTSTRAP."""
    partitions: Annotated[int, Field(ge=1, le=512)] = 8
    """Partitions of every source topic and of the partials; fixed at a topic's birth."""
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    """Copies of each partition that the brokers keep."""


class ServiceLevelSettings(_Section):
    """What the queues are measured against."""

    threshold_s: Annotated[float, Field(ge=0, le=86_400)] = 20
    """Answered within so many seconds is in time, the limit included."""
    short_abandon_s: Annotated[float, Field(ge=0, le=86_400)] = 5
    """Hung up within so many seconds is a short abandon, the limit included."""
    formula: Literal[
        "sl_v1",
        "sl_v2",
        "sl_v3",
        "sl_v4",
        "sl_v5",
        "sl_v6",
        "sl_v7",
        "sl_v8",
        "sl_v9_ignore",
        "sl_v9_negative",
        "sl_v9_positive",
    ] = "sl_v2"
    """The variant shown as `service_level` (docs/metrics.md)."""


class FoldingSettings(_Section):
    """What enters the fold: a worker refuses a state that was folded with other values."""

    lateness_h: Annotated[float, Field(gt=0, le=72)] = 6
    """Events older than this against the newest of their partition go to cc.late."""
    skew_s: Annotated[float, Field(ge=0, le=86_400)] = 600
    """Events further ahead of their append time are refused as dead letters."""


class Settings(_Section):
    """All settings of Floorpulse."""

    app: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,64}$")] = "floorpulse"
    """Name of the consumer group and prefix of its own topics."""
    site: Annotated[str, Field(max_length=64)] = "main"
    """The label `site` of all queues."""
    kafka: KafkaSettings = KafkaSettings()
    service_level: ServiceLevelSettings = ServiceLevelSettings()
    folding: FoldingSettings = FoldingSettings()

    def goals(self) -> Goals:
        """Return what the catalogue needs."""
        level = self.service_level
        return Goals(level.threshold_s, level.short_abandon_s, level.formula)

    def fold(self) -> FoldSettings:
        """Return what the fold of the calls needs."""
        folding = self.folding
        return FoldSettings(lateness_ms=int(folding.lateness_h * 3_600_000), skew_ms=int(folding.skew_s * 1_000))


def load(path: Path | None, env: Mapping[str, str], bootstrap: str | None = None) -> Settings:
    """Read the settings; `bootstrap` (from the command line) wins over all. Raises `ConfigError`."""
    tree = _read(path) if path else {}
    address = bootstrap or env.get("FLOORPULSE_BOOTSTRAP")
    if address:
        section = tree.setdefault("kafka", {})
        if isinstance(section, dict):
            section["bootstrap"] = address
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        what = (
            f"unknown key, known: {', '.join(_known(fault['loc']))}"
            if fault["type"] == "extra_forbidden"
            else fault["msg"]
        )
        raise ConfigError(f"{path or 'settings'}: {key}: {what} (got {fault['input']!r})") from None


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def _known(where: tuple[int | str, ...]) -> list[str]:
    """List the keys allowed beside the one at `where`."""
    section: type[BaseModel] = Settings
    for part in where[:-1]:
        kind = section.model_fields[str(part)].annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            section = kind
    return list(section.model_fields)
