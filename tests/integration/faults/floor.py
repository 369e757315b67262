"""Workers on one broker, under load: started, stopped and looked at together."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.integration import harness
from tests.integration.harness import PARTITIONS, Worker, wait_until

SEED: Final = int(os.environ.get("FAULTS_SEED", "1"))
SESSION_S: Final = 10.0
MOVED_S: Final = 60.0
SOURCES: Final = 2 * PARTITIONS


@contextmanager
def workers(bootstrap: str, folder: Path, count: int) -> Iterator[list[Worker]]:
    """Make topics and so many workers, none of them started; those that run in the end are killed."""
    harness.ensure_topics(bootstrap)
    made = [Worker(bootstrap, folder / f"worker-{n}.log", options=("--instance", f"worker-{n}")) for n in range(count)]
    with ExitStack() as stack:
        for worker in made:
            stack.callback(worker.kill)
        yield made


def owned(worker: Worker) -> int:
    """Return how many source partitions a worker shows."""
    return len(worker.page().sources)


def wait_shared(running: Sequence[Worker], least: int = 1, within_s: float = MOVED_S) -> None:
    """Return when all partitions are owned, each worker owns at least so many, and all have read their past."""

    def shared() -> bool:
        counts = [owned(worker) for worker in running]
        return sum(counts) == SOURCES and min(counts) >= least and all(worker.ready for worker in running)

    def state() -> str:
        logs = "\n".join(f"--- {worker.log.name}\n{worker.stderr()[-4_000:]}" for worker in running)
        return f"all partitions shared among {len(running)}: {[owned(worker) for worker in running]}\n{logs}"

    wait_until(shared, within_s, state)
