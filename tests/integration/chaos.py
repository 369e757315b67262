"""Random faults for as long as one likes, then the comparison: `python -m tests.integration.chaos --minutes 10 --seed 3`.

Three workers under load on a broker of their own are killed, stopped, paused past their session, fed poison and given damaged
snapshots, in an order that the seed decides. In the end all must be as in the recount of the raw log; exit code 1 where not.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.integration import harness
from tests.integration.faults import changelog, floor
from tests.integration.faults.load import Load
from tests.integration.faults.scrapes import Scrapes
from tests.integration.faults.test_poison import POISON
from tests.integration.faults.verdict import differences
from tests.integration.harness import CALLS, CHATS, Worker
from tests.kafka_broker import KafkaBroker

WORKERS: Final = 3
REST_S: Final = 6.0  # at most, between two faults
STOP_S: Final = 15.0
PAST_SESSION_S: Final = floor.SESSION_S + 2


class Chaos:
    """One run: workers, and the faults that befall one of them."""

    def __init__(self, bootstrap: str, workers: list[Worker], scrapes: Scrapes, seed: int) -> None:
        self._bootstrap = bootstrap
        self._workers = workers
        self._scrapes = scrapes
        self._chance = random.Random(seed)
        self._faults: list[Callable[[Worker], None]] = [
            self._kill, self._kill, self._restart, self._pause, self._poison, self._damage,
        ]  # fmt: skip

    def run(self, seconds: float) -> None:
        """Let faults happen for so long; returns with all workers running."""
        began = time.monotonic()
        while (now_s := time.monotonic() - began) < seconds:
            fault, worker = self._chance.choice(self._faults), self._chance.choice(self._workers)
            print(f"{now_s:6.1f} s {fault.__name__[1:]} {worker.log.stem}", flush=True)
            fault(worker)
            time.sleep(self._chance.uniform(0, REST_S))

    def _kill(self, worker: Worker) -> None:
        worker.kill()
        worker.start()

    def _restart(self, worker: Worker) -> None:
        worker.terminate(STOP_S)
        worker.start()

    def _pause(self, worker: Worker) -> None:
        assert worker.process is not None
        self._scrapes.paused.add(worker.port)
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(PAST_SESSION_S)
        worker.process.send_signal(signal.SIGCONT)
        self._scrapes.paused.discard(worker.port)

    def _poison(self, _worker: Worker) -> None:
        for topic in (CALLS, CHATS):
            with harness.feeder(self._bootstrap, topic) as feeder:
                feeder.send((what.encode(), value) for what, value in POISON.items())
                feeder.flush()

    def _damage(self, worker: Worker) -> None:
        """Cut the newest manifest of each source partition while a worker is down."""
        worker.kill()
        with harness.feeder(self._bootstrap, changelog.TOPIC) as feeder:
            for (_, partition), saved in changelog.snapshots(self._bootstrap).items():
                feeder.send([(saved[-1].key, saved[-1].value[:-5])], partition)
            feeder.flush()
        worker.start()


def main() -> int:
    """Run and return the exit code."""
    options = argparse.ArgumentParser(prog="python -m tests.integration.chaos", description=__doc__)
    options.add_argument("--minutes", type=float, default=5, help="so long faults happen (default: %(default)s)")
    options.add_argument("--seed", type=int, default=1, help="the same seed, the same faults (default: %(default)s)")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="floorpulse-chaos-") as name, KafkaBroker(Path(name)) as broker:
        with (
            floor.workers(broker.bootstrap, Path(name), WORKERS) as workers,
            Load(broker.bootstrap, chosen.seed) as load,
            Scrapes(workers) as scrapes,
        ):
            for worker in workers:
                worker.start()
            floor.wait_shared(workers)
            Chaos(broker.bootstrap, workers, scrapes, chosen.seed).run(60 * chosen.minutes)
            load.stop()
            floor.wait_shared(workers, least=0)
            wrong = differences(broker.bootstrap, *workers)
            scrapes.stop()
            logs = "\n".join(f"--- {worker.log.stem}\n{worker.stderr()}" for worker in workers)
        report = scrapes.report()
    print(f"{load.sent:,} events; shown by two at once for {report.overlap_s:.2f} s at most")
    wrong += [f"counter fell: {fall}" for fall in scrapes.falls]
    print(
        "\n".join([f"seed {chosen.seed}: {len(wrong)} differences", *wrong, logs]) if wrong else "all as in the recount"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
