"""The Faust agents: each hands the batches of one topic to its stage. A fault in a stage ends the worker."""

from collections.abc import Callable, Iterable
from typing import Any

import faust

from streams.fold_stage import FoldStage
from streams.merge_stage import MergeStage
from streams.topics import PARTIALS

Fail = Callable[[str, BaseException], None]


def install(app: faust.App, folding: Iterable[FoldStage], merging: MergeStage, fail: Fail) -> None:
    """Add the agents to the app; `fail` is told where in which topic a fault happened, and does not return."""
    for stage in folding:
        _install_fold(app, stage, fail)

    @app.agent(_batches(app, PARTIALS), name="merge_partials")  # type: ignore[untyped-decorator]  # Faust's
    async def merge_partials(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            try:
                repairs = merging.merge(message.partition, message.value)
                if repairs is not None:
                    await repairs
            except Exception as error:
                fail(_where(message), error)


def _install_fold(app: faust.App, stage: FoldStage, fail: Fail) -> None:
    name = f"fold_{stage.topic.rpartition('.')[2]}"

    @app.agent(_batches(app, stage.topic), name=name)  # type: ignore[untyped-decorator]  # Faust's
    async def fold_contacts(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            try:
                stage.fold(message.partition, message.value)
            except Exception as error:
                fail(_where(message), error)


def _batches(app: faust.App, topic: str) -> Any:
    """Return a topic of batches; `acks=False` leaves Faust's commits out of it."""
    return app.topic(topic, value_serializer="raw", value_type=bytes, acks=False)


def _where(message: Any) -> str:
    return f"{message.topic}[{message.partition}] in the batch up to offset {message.offset}"
