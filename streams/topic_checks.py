"""What the topics are beside what they should be, and how the derived ones are made anew.

A difference is said, with what to run; nothing is changed here that holds what cannot be computed again.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kafka import TopicPartition
from kafka.admin import ConfigFilterType, ConfigResource, KafkaAdminClient, OffsetSpec
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

from models.errors import ConfigError
from models.settings import Settings
from streams.topics import PARTIALS, Topic, admin, described, id_of, make, snapshots_topic, wanted

MADE_ANEW_S: Final = 30
_POLL_S: Final = 0.1
_AT_LEAST: Final = frozenset({"retention.ms", "min.compaction.lag.ms", "max.message.bytes"})
_OF_TASTE: Final = frozenset({"segment.bytes", "min.cleanable.dirty.ratio"})  # when, not whether, is cleaned up
_FOR_EVER: Final = -1  # as retention


@dataclass(frozen=True)
class Found:
    """One topic as it is; `config` has what is wanted of it, and how it is cleaned up."""

    id: str
    partitions: int
    replication: int
    config: dict[str, str]
    records: int
    """From the beginning to the end of the log; of a compacted one some are gone."""


@dataclass(frozen=True)
class Checked:
    """One topic, wanted and found, and each difference with what to do."""

    topic: Topic
    found: Found | None
    wrong: tuple[str, ...]


def inspect(settings: Settings) -> list[Checked]:
    """Look at every topic. Raises `ConfigError` where the brokers cannot be asked."""
    topics = wanted(settings)
    with admin(settings.kafka) as client:
        found = _found(client, topics)
    return [
        Checked(topic, found.get(topic.name), tuple(_wrong(topic, found.get(topic.name), settings))) for topic in topics
    ]


def _found(client: KafkaAdminClient, topics: list[Topic]) -> dict[str, Found]:
    there = described(client, [topic.name for topic in topics])
    if not there:
        return {}
    resources = [ConfigResource("topic", name) for name in there]
    configs = client.describe_configs(resources, config_filter=ConfigFilterType.ALL)["topic"]
    looked_at = {topic.name: {"cleanup.policy", *topic.config} for topic in topics}
    found = {}
    for name, said in there.items():
        partitions = said["partitions"]
        places = [TopicPartition(name, partition["partition_index"]) for partition in partitions]
        starts = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
        ends = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        found[name] = Found(
            id=id_of(said),
            partitions=len(partitions),
            replication=min(len(partition["replica_nodes"]) for partition in partitions),
            config={key: configs[name][key]["value"] for key in sorted(looked_at[name])},
            records=sum(ends[place].offset - starts[place].offset for place in places),
        )
    return found


def _wrong(topic: Topic, found: Found | None, settings: Settings) -> Iterator[str]:
    """Say each difference that matters, with what to run."""
    bootstrap = settings.kafka.bootstrap
    if found is None:
        yield f"missing; run: floorpulse topics ensure --bootstrap {bootstrap}"
        return
    if found.partitions != topic.partitions:
        yield (
            f"{found.partitions} partitions, wanted {topic.partitions}; set kafka.partitions = {found.partitions}, "
            f"or delete the topic and run: floorpulse topics ensure --bootstrap {bootstrap}"
        )
    if found.replication < settings.kafka.replication:
        yield (
            f"{found.replication} copies, wanted {settings.kafka.replication}; "
            f"run: kafka-reassign-partitions.sh --bootstrap-server {bootstrap}"
        )
    for key, right in {"cleanup.policy": "delete", **topic.config}.items():
        if not _fits(key, found.config[key], right):
            yield (
                f"{key}={found.config[key]}, wanted {'at least ' if key in _AT_LEAST else ''}{right}; "
                f"run: kafka-configs.sh --bootstrap-server {bootstrap} --alter --topic {topic.name} "
                f"--add-config {key}={right}"
            )


def _fits(key: str, value: str, right: str) -> bool:
    if key in _OF_TASTE:
        return True
    if key in _AT_LEAST:
        return int(value) >= int(right) or (key == "retention.ms" and int(value) == _FOR_EVER)
    return value == right


def reset(settings: Settings) -> list[str]:
    """Delete what workers derived, and make it anew and empty; return the names.

    Raises `ConfigError` while a worker is a member of the group: it would go on with the old state.
    """
    derived = [topic for topic in wanted(settings) if topic.name in (PARTIALS, snapshots_topic(settings))]
    with admin(settings.kafka) as client:
        group = client.describe_groups([settings.app])[settings.app]
        members = sorted(str(member["group_instance_id"] or member["member_id"]) for member in group["members"])
        if members:
            raise ConfigError(
                f"the group {settings.app} has {len(members)} workers ({', '.join(members)}), allowed: none; "
                "stop them, and where one will not come back run: floorpulse worker --leave"
            )
        known = set(client.list_topics())
        for topic in derived:
            if topic.name in known:
                client.delete_topics([topic.name])
            _make_once_it_is_gone(client, topic, settings.kafka.replication)
    return [topic.name for topic in derived]


def _make_once_it_is_gone(client: KafkaAdminClient, topic: Topic, replication: int) -> None:
    """Make a topic of which the brokers may still be deleting the one before."""
    deadline = time.monotonic() + MADE_ANEW_S
    while True:
        try:
            make(client, topic, replication)
        except (TopicAlreadyExistsError, UnknownTopicOrPartitionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
        else:
            return
