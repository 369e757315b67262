"""The sections of the settings, each key with its meaning. What contradicts another key is told in models/clauses.py."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from models.calendars import holidays_of
from models.errors import ConfigError
from models.folding import WrapUp
from models.goals import Formula, Live
from models.local_time import span_of, spans_of, zone_of
from models.settings_source import ContradictionError

SHOWN_SECRET: Final = "**********"  # as pydantic prints one


class Section(BaseModel):
    """A table of the settings: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def said_in_words(read: Callable[[Any], object]) -> AfterValidator:
    """Return a check that a value can be read, though it stays as it was written."""

    def check(value: Any) -> Any:
        try:
            read(value)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return value

    return AfterValidator(check)


def _date(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ConfigError("no date, allowed: such as 2026-12-24") from None


def _moment(value: object) -> object:
    if not isinstance(value, date):  # a datetime is one
        raise ValueError("no time, allowed: a date or a date with a time, without quotes: 2026-01-31T06:00:00")
    return value


def _not_what_is_shown(secret: SecretStr) -> None:
    if secret.get_secret_value() == SHOWN_SECRET:
        raise ConfigError("this is what `floorpulse config show` prints in place of a secret")


Name = Annotated[str, Field(min_length=1, max_length=128)]
File = Annotated[str, Field(min_length=1, max_length=4_096)]
Secret = Annotated[SecretStr, Field(min_length=1), said_in_words(_not_what_is_shown)]
Zone = Annotated[str, said_in_words(zone_of), Field(examples=["Europe/Zurich"])]
Span = Annotated[str, said_in_words(span_of), Field(examples=["08:00-18:00"])]
Spans = Annotated[tuple[str, ...], said_in_words(spans_of), Field(examples=[["08:00-12:00", "13:00-17:00"]])]
Day = Annotated[str, said_in_words(_date)]
Moment = Annotated[datetime | date, BeforeValidator(_moment)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
Share = Annotated[float, Field(ge=0, le=1)]


class KafkaSettings(Section):
    """Where the events come from."""

    bootstrap: str = "127.0.0.1:9092"
    """Addresses of brokers, HOST:PORT with commas between; FLOORPULSE_BOOTSTRAP says it too."""
    partitions: Annotated[int, Field(ge=1, le=512)] = 8
    """Partitions of every source topic and of the partials; fixed at a topic's birth."""
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    """Copies of each partition that the brokers keep."""
    tls: bool = False
    """Whether connections are by TLS, with the brokers' certificates checked."""
    tls_ca: File | None = None
    """Certificates (PEM) of the authorities that are trusted, in place of the system's own."""
    tls_cert: File | None = None
    """Our own certificate (PEM), for brokers that ask for one."""
    tls_key: File | None = None
    """The key of `tls_cert` (PEM), where that file does not hold it."""
    tls_key_password: Secret | None = None
    """What `tls_key` is encrypted with."""
    tls_check_hostname: bool = True
    """Whether a broker's certificate must name the host that we connect to."""
    sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """How we log in; without `tls` PLAIN sends the password as it is."""
    username: Name | None = None
    """Who logs in by `sasl`."""
    password: Secret | None = None
    """What `username` logs in with; better said in the environment than in a file."""

    @model_validator(mode="after")
    def _contradictions(self) -> Self:
        """Refuse what would be passed over in silence: half a login, or half of TLS."""
        for key in ("tls_ca", "tls_cert", "tls_key", "tls_key_password"):
            if getattr(self, key) is not None and not self.tls:
                raise ContradictionError(f"kafka.{key}", "is said, but not that connections are by TLS (tls)", self.tls)
        if not self.tls and not self.tls_check_hostname:
            raise ContradictionError("kafka.tls_check_hostname", "is said, but not tls", self.tls)
        if self.tls_cert is None and (self.tls_key or self.tls_key_password):
            raise ContradictionError("kafka.tls_cert", "missing, though its key is said", None)
        for key in ("username", "password"):
            if (getattr(self, key) is None) != (self.sasl is None):
                what = "missing, though sasl is said" if self.sasl else "is said, but not how to log in (sasl)"
                raise ContradictionError(f"kafka.{key}", what, self.sasl)
        return self


class ServiceLevelSettings(Section):
    """What all queues are measured against, where no `[[queues]]` says otherwise."""

    threshold_s: Seconds = 20
    """Answered within so many seconds is in time, the limit included."""
    short_abandon_s: Seconds = 5
    """Hung up within so many seconds is a short abandon, the limit included."""
    formula: Formula = "sl_v2"
    """The variant shown as `service_level` (docs/metrics.md)."""
    live: Live = "negative"
    """What an abandon within the threshold is to `service_level_live`: left out, against it, or for it."""
    goal: Share = 0.8
    """The share that the service level is to reach."""
    first_response_s: Seconds = 60
    """The first response of a chat within so many seconds is in time, the limit included."""


class FoldingSettings(Section):
    """What enters the fold: a worker refuses a state that was folded with other values."""

    calls_lateness_h: Annotated[float, Field(gt=0, le=72)] = 6
    """Events of calls older than this against the newest of their partition go to cc.late."""
    chats_lateness_h: Annotated[float, Field(gt=0, le=168)] = 48
    """Events of chats older than this against the newest of their partition go to cc.late."""
    skew_s: Annotated[float, Field(ge=0, le=86_400)] = 600
    """Events further ahead of their append time are refused as dead letters."""
    survey_days: Annotated[int, Field(ge=0, le=90)] = 7
    """A rating finds the contact that it is about for so many days after the lateness horizon; 0: not at all."""
    minute_panes_min: Annotated[int, Field(ge=15, le=1_440, multiple_of=15)] = 75
    """Sums are kept by the minute for so many minutes; `/metrics` shows the windows that are 15 minutes shorter at least."""
    quarter_panes_min: Annotated[int, Field(ge=15, le=44_640, multiple_of=15)] = 2_880
    """Sums are kept by the quarter of an hour for so many minutes, and after that as one total."""


class LimitSettings(Section):
    """What keeps the output bounded."""

    queues: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Queues and channels shown under their own name, the busiest first; the others are shown together as `_other`."""
    dead_letters: Share = 0.5
    """A worker stops where more than this share of a partition's newest records are no events; 1: never."""
    dead_letters_of: Annotated[int, Field(ge=100, le=100_000)] = 10_000
    """So many records are the newest ones; until there are 500, nothing is judged."""


class QueueSettings(Section):
    """What is said of some queues, in place of what was said of them before: of two clauses the later one wins.

    A clause says which queues, from when and in which hours, and changes only what it names.
    A queue that is named outright, by no pattern, is on `/metrics` with 0 from the start, before any event: in the channels
    that its clauses name, in `voice` where they name none.
    Messages call the first clause of a file `queues[0]`.
    Limits and goals may differ by weekday and hour; what enters a contact's record over its life may not.
    `threshold_s`, `short_abandon_s` and all from `callbacks_in_offered` to `calendar` enter the fold, as `[folding]` does.
    """

    queue: Name = "*"
    """A queue by its name, or several by a pattern such as `sales-*`."""
    channel: Name | None = None
    """Only this channel: `voice`, `chat`, `messaging`, `email`, …"""
    valid_from: Moment | None = None
    """From then on, in the `zone` of the settings unless it names an offset; on a quarter of an hour."""
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    """On these weekdays, in the `zone` of the settings."""
    hours: Span | None = None
    """In these hours of the day, in the `zone` of the settings; on quarters of an hour."""
    threshold_s: Seconds | None = None
    """As in `[service_level]`; may differ by weekday and hour, as may all to `callback_tolerance_s`."""
    short_abandon_s: Seconds | None = None
    """As in `[service_level]`."""
    formula: Formula | None = None
    """As in `[service_level]`."""
    live: Live | None = None
    """As in `[service_level]`."""
    goal: Share | None = None
    """As in `[service_level]`."""
    first_response_s: Seconds | None = None
    """As in `[service_level]`."""
    callback_tolerance_s: Annotated[int, Field(ge=0, le=3_600)] | None = None
    """A callback is kept on time up to so many seconds after it was due; 900 unless told."""
    callbacks_in_offered: bool | None = None
    """Whether callbacks count as offered; `false` unless told."""
    wrap_up: WrapUp | None = None
    """What ends wrap-up (docs/counting.md); `none` unless told."""
    wrap_up_limit_s: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Wrap-up of which no end is heard ends after so many seconds; 600 unless told."""
    expires_min: Annotated[int, Field(ge=1, le=43_200)] | None = None
    """A wait of which nothing was heard for so many minutes is lost; voice 60, chat 240, all else 4,320 unless told."""
    wait_clock: Literal["calendar", "open_hours"] | None = None
    """Waits go by the calendar, day and night, or only by the open hours of `calendar`.

    Open hours unless told for `email` and `messaging` where there is a `calendar`.
    """
    calendar: Name | None = None
    """The name of one of `[calendars]`."""
    site: Annotated[str, Field(max_length=64)] | None = None
    """The label `site` of these queues; it holds at all times and in all channels."""


class CalendarSettings(Section):
    """When a queue is open: the hours of each weekday, without holidays and closed dates, and exceptions by date."""

    zone: Zone | None = None
    """The zone of its hours; the `zone` of the settings unless told."""
    mon: Spans = ()
    """Open on Mondays; none: closed."""
    tue: Spans = ()
    """Open on Tuesdays."""
    wed: Spans = ()
    """Open on Wednesdays."""
    thu: Spans = ()
    """Open on Thursdays."""
    fri: Spans = ()
    """Open on Fridays."""
    sat: Spans = ()
    """Open on Saturdays."""
    sun: Spans = ()
    """Open on Sundays."""
    holidays: Annotated[str, said_in_words(holidays_of), Field(examples=["CH-ZH"])] | None = None
    """Closed on the public holidays of a country, or a part of one, by its ISO 3166 code."""
    closed: tuple[date, ...] = ()
    """Dates on which it is closed too."""
    open: dict[Day, Spans] = {}
    """What is open on a date in place of all else, holidays too."""
