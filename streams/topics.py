"""The topics: names, partitions, and what they keep; made and checked with kafka-python.

Source topics carry the broker's append time, so that "in the future" and retention mean the same each time the log is read.
Partition counts are fixed at birth: a key's place must never change. `ensure` makes what is missing and changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from models.errors import ConfigError
from models.events import Prefix
from models.sections import KafkaSettings
from models.settings import Settings
from streams.kafka_clients import connected

CALLS: Final = "cc.calls"
CHATS: Final = "cc.chats"
SOURCES: Final[dict[str, Prefix]] = {CALLS: "call", CHATS: "chat"}  # and the prefix of their events
PARTIALS: Final = "cc.partials"
DEAD_LETTERS: Final = "cc.dead_letters"
LATE: Final = "cc.late"
SNAPSHOTS: Final = "snapshots"
TOPIC_OF: Final[dict[Prefix, str]] = {prefix: topic for topic, prefix in SOURCES.items()}
LETTER_BYTES: Final = 2 << 20  # a letter is a record, as large as brokers take it, and why it was refused
SESSION_S: Final = 10  # a worker that is silent for so long has lost its partitions
_DAY_MS: Final = 86_400_000


class Bounds(NamedTuple):
    """The offsets of a partition's log at some moment: of its first record, and after its last."""

    start: int
    end: int


@dataclass(frozen=True)
class Topic:
    """One topic as it should be."""

    name: str
    partitions: int
    key: str
    holds: str
    config: dict[str, str] = field(default_factory=dict)


def snapshots_topic(settings: Settings) -> str:
    """Return the topic behind the Faust table of the snapshots."""
    return f"{settings.app}-{SNAPSHOTS}-changelog"


def wanted(settings: Settings) -> list[Topic]:
    """Return all topics that a worker needs."""
    partitions = settings.kafka.partitions
    appended = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(14 * _DAY_MS)}
    letters = {"retention.ms": str(30 * _DAY_MS), "max.message.bytes": str(LETTER_BYTES)}
    compacted = {
        "cleanup.policy": "compact",
        # A zombie's last word must not be compacted over the newer one before the newer one was repaired.
        "min.compaction.lag.ms": str(10 * SESSION_S * 1_000),
        # Both are read from their beginning at every start: the less lies there uncompacted the better.
        "segment.bytes": str(64 << 20),
        "min.cleanable.dirty.ratio": "0.1",
    }
    as_it_was = "as the record had it"
    return [
        *(Topic(source, partitions, "contact id", f"{SOURCES[source]} events", appended) for source in SOURCES),
        Topic(PARTIALS, partitions, "source partition and queue", "what each source partition knows", compacted),
        Topic(DEAD_LETTERS, partitions, as_it_was, "records that were no events", letters),
        Topic(LATE, partitions, as_it_was, "events past the lateness horizon", letters),
        Topic(snapshots_topic(settings), partitions, "source partition", "snapshots of stage 1", compacted),
    ]


@contextmanager
def admin(kafka: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """Connect to the brokers; raises `ConfigError` where none lets us in."""
    client = connected(kafka, KafkaAdminClient, client_id="floorpulse")
    try:
        yield client
    except KafkaError as error:
        raise ConfigError(f"kafka {kafka.bootstrap}: {type(error).__name__}: {error}") from None
    finally:
        client.close()


def ensure(settings: Settings) -> list[str]:
    """Make the topics that are missing; return their names. Raises `ConfigError` where one is there and wrong."""
    with admin(settings.kafka) as client:
        missing = _missing(settings, _wanted_and_there(client, settings))
        for topic in missing:
            with suppress(TopicAlreadyExistsError):  # another one was faster
                make(client, topic, settings.kafka.replication)
    return [topic.name for topic in missing]


def make(client: KafkaAdminClient, topic: Topic, replication: int) -> None:
    """Make one topic, and return when the brokers know it. Raises `TopicAlreadyExistsError`."""
    spec = {"num_partitions": topic.partitions, "replication_factor": replication, "configs": topic.config}
    client.create_topics({topic.name: spec}, wait_for_metadata=True)


def check(settings: Settings) -> dict[str, str]:
    """Return the id of each topic, which a topic of the same name made anew does not have; "" where brokers give none.

    Raises `ConfigError` unless all topics are there with the right number of partitions.
    """
    with admin(settings.kafka) as client:
        found = _wanted_and_there(client, settings)
    if missing := _missing(settings, found):
        names = ", ".join(topic.name for topic in missing)
        raise ConfigError(
            f"topics missing: {names}; run: floorpulse topics ensure --bootstrap {settings.kafka.bootstrap}"
        )
    return {name: id_of(topic) for name, topic in found.items()}


def _wanted_and_there(client: KafkaAdminClient, settings: Settings) -> dict[str, dict[str, Any]]:
    return described(client, [topic.name for topic in wanted(settings)])


def _missing(settings: Settings, found: Mapping[str, dict[str, Any]]) -> list[Topic]:
    missing = []
    for topic in wanted(settings):
        if topic.name not in found:
            missing.append(topic)
        elif (count := len(found[topic.name]["partitions"])) != topic.partitions:
            raise ConfigError(
                f"topic {topic.name}: has {count} partitions, allowed: {topic.partitions} (kafka.partitions); "
                f"set kafka.partitions = {count}, or delete the topic and run: floorpulse topics ensure"
            )
    return missing


def described(client: KafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what the brokers say of those of the topics that are there: `partitions`, `topic_id` and more."""
    known = set(client.list_topics())
    there = [name for name in names if name in known]
    return {topic["name"]: topic for topic in client.describe_topics(there)} if there else {}


def id_of(topic: Mapping[str, Any]) -> str:
    """Return the id of a described topic; "" where brokers give none."""
    return str(topic.get("topic_id") or "")
