"""The settings: one frozen tree, from a TOML file and the environment.

The environment wins over the file, the file over the defaults. Unknown keys and contradictions are refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from models import clauses
from models.book import Book, Key, matches
from models.business_days import BusinessDays, start_minutes
from models.errors import ConfigError
from models.folding import FoldSettings
from models.goals import Goals
from models.retention import MINUTE_MS, Retention
from models.sections import (
    CalendarSettings,
    FoldingSettings,
    KafkaSettings,
    LimitSettings,
    Name,
    QueueSettings,
    Section,
    ServiceLevelSettings,
    Zone,
    said_in_words,
)
from models.settings_source import in_words, overlay, put, read


def _group(queues: Any) -> None:
    if not queues:
        raise ConfigError("a group without queues, allowed: at least one name or pattern")


class Settings(Section):
    """All settings of Floorpulse."""

    app: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,64}$")] = "floorpulse"
    """Name of the consumer group and prefix of its own topics."""
    site: Annotated[str, Field(max_length=64)] = "main"
    """The label `site` of all queues of which `[[queues]]` says no other."""
    zone: Zone = "UTC"
    """The zone of business days, and of all times here that name no other."""
    day_starts: Annotated[str, said_in_words(start_minutes), Field(examples=["00:00", "06:00"])] = "00:00"
    """When a business day begins by the clock of `zone`; on a quarter of an hour."""
    kafka: KafkaSettings = KafkaSettings()
    service_level: ServiceLevelSettings = ServiceLevelSettings()
    folding: FoldingSettings = FoldingSettings()
    limits: LimitSettings = LimitSettings()
    queues: tuple[QueueSettings, ...] = ()
    """What is said of some queues."""
    groups: dict[Name, Annotated[tuple[Name, ...], said_in_words(_group)]] = Field(default_factory=dict)
    """Sets of queues that reports add up, each by names and patterns."""
    calendars: dict[Name, CalendarSettings] = Field(default_factory=dict)
    """Open hours by name."""

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        clauses.check(self.queues, clauses.open_hours(self.calendars, self.zone), self.zone)
        return self

    def goals(self) -> Book[Goals]:
        """Return what each queue is measured against."""
        calendars = clauses.open_hours(self.calendars, self.zone)
        return clauses.goals(self.service_level, self.queues, calendars, self.zone)

    def fold(self, prefix: Literal["call", "chat"]) -> FoldSettings:
        """Return what the fold of a topic needs, by the prefix of its events."""
        calendars = clauses.open_hours(self.calendars, self.zone)
        lateness_h = self.folding.calls_lateness_h if prefix == "call" else self.folding.chats_lateness_h
        return FoldSettings(
            channel="voice" if prefix == "call" else "chat",
            lateness_ms=int(lateness_h * 3_600_000),
            skew_ms=int(self.folding.skew_s * 1_000),
            retention=self.retention(),
            survey_days=self.folding.survey_days,
            rules=clauses.rules(self.service_level, self.queues, calendars, self.zone),
        )

    def retention(self) -> Retention:
        """Return how long sums stay in panes."""
        minutes, quarters = self.folding.minute_panes_min, self.folding.quarter_panes_min
        return Retention(minutes * MINUTE_MS, quarters * MINUTE_MS)

    @property
    def longest_window_min(self) -> int:
        """Return the longest window that the panes of a minute cover, though the newest event may be ahead of the clock."""
        return self.folding.minute_panes_min - 15

    def business_days(self) -> BusinessDays:
        """Return the days of the reports."""
        return BusinessDays(self.zone, self.day_starts)

    def configured_queues(self) -> tuple[Key, ...]:
        """Return the queues and channels that are named outright, by no pattern: `voice` where no clause names a channel."""
        channels: dict[str, list[str]] = {}
        for clause in self.queues:
            if not set(clause.queue) & set("*?["):
                named = channels.setdefault(clause.queue, [])
                if clause.channel is not None and clause.channel not in named:
                    named.append(clause.channel)
        return tuple((queue, channel) for queue, named in channels.items() for channel in named or ["voice"])

    def groups_of(self, queue: str) -> tuple[str, ...]:
        """Return the names of the groups that a queue is in."""
        return tuple(name for name, queues in self.groups.items() if any(matches(queue, part) for part in queues))

    def site_of(self, queue: str) -> str:
        """Return the site of a queue: the last clause that names one for it wins."""
        said = (
            clause.site for clause in reversed(self.queues) if clause.site is not None and matches(queue, clause.queue)
        )
        return next(said, self.site)


def load(path: Path | None, env: Mapping[str, str], bootstrap: str | None = None) -> Settings:
    """Read the settings; `bootstrap` (from the command line) wins over all. Raises `ConfigError`."""
    tree = read(path) if path else {}
    said = overlay(tree, env, Settings)
    if bootstrap:
        put(tree, ("kafka", "bootstrap"), bootstrap)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise in_words(error, str(path or "settings"), said, Settings) from None
