"""Workers that are paused past their session while another one takes over, and come back; and two of one name."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.faults import changelog, floor
from tests.integration.faults.load import EVENTS_PER_S, Load
from tests.integration.faults.scrapes import EACH_S, Scrapes
from tests.integration.faults.verdict import assert_exact
from tests.integration.harness import Worker, wait_until
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

TRIES = 40


def test_a_worker_paused_past_its_session_while_another_took_over(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    with (
        floor.workers(bootstrap, tmp_path, 2) as workers,
        Load(bootstrap, floor.SEED) as load,
        Scrapes(workers) as scrapes,
    ):
        zombie, other = workers
        zombie.start()
        floor.wait_shared([zombie])
        other.start()
        floor.wait_shared(workers)
        load.wait_for(EVENTS_PER_S)
        scrapes.paused.add(zombie.port)
        with paused(zombie):
            wait_until(lambda: floor.owned(other) == floor.SOURCES, floor.MOVED_S, "all at the other one")
            load.wait_for(EVENTS_PER_S)
        scrapes.paused.clear()
        floor.wait_shared(workers)
        load.wait_for(EVENTS_PER_S)
        load.stop()
        assert_exact(f"seed {floor.SEED}", bootstrap, *workers)
        scrapes.stop()
    report = scrapes.report()
    print(f"\nshown by two at once for {report.overlap_s:.2f} s at most")
    assert report.overlap_s <= EACH_S, sorted(report.overlaps)[-3:]


def test_a_worker_paused_between_its_chunks_and_its_manifest(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """Afterwards both are killed, so that what it wrote as a zombie is what the next owners find."""
    bootstrap = kafka_broker.bootstrap
    with floor.workers(bootstrap, tmp_path, 2) as workers, Load(bootstrap, floor.SEED) as load:
        zombie, other = workers
        zombie.start()
        floor.wait_shared([zombie])
        pause_between(bootstrap, zombie)
        with paused(zombie):
            unnamed = changelog.unnamed(bootstrap)
            assert unnamed, "it was paused, but its manifests were there"
            other.start()
            wait_until(lambda: floor.owned(other) == floor.SOURCES, floor.MOVED_S, "all at the other one")
            load.wait_for(EVENTS_PER_S)
        floor.wait_shared(workers)
        load.wait_for(EVENTS_PER_S)
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.start()
        load.wait_for(EVENTS_PER_S)
        load.stop()
        floor.wait_shared(workers)
        assert_exact(f"seed {floor.SEED}, paused with {sorted(unnamed)} written", bootstrap, *workers)


def test_two_workers_of_one_name_under_load(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    """The older one ends in words; what it had is folded on by the newer one."""
    bootstrap = kafka_broker.bootstrap
    with floor.workers(bootstrap, tmp_path, 1) as [older], Load(bootstrap, floor.SEED) as load:
        older.start()
        floor.wait_shared([older])
        load.wait_for(EVENTS_PER_S)
        with Worker(bootstrap, tmp_path / "newer.log", options=older.options) as newer:
            assert older.ended(within_s=30) == 2
            assert "has the name 'worker-0'" in older.stderr().splitlines()[-1]
            floor.wait_shared([newer])
            load.wait_for(EVENTS_PER_S)
            load.stop()
            assert_exact(f"seed {floor.SEED}", bootstrap, newer)


@contextmanager
def paused(worker: Worker) -> Iterator[None]:
    """Stop a process as it stands (SIGSTOP), and let it go on afterwards."""
    assert worker.process is not None
    worker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        worker.process.send_signal(signal.SIGCONT)


def pause_between(bootstrap: str, worker: Worker) -> None:
    """Pause a worker when chunks of a snapshot are on the broker and its manifest is not; it stays paused.

    A manifest follows its chunks within ms: the worker is paused at the first chunk that is seen, and goes on where the log
    says that this was too late.
    """
    process = worker.process
    assert process is not None
    for _ in range(TRIES):
        changelog.at_next_chunk(bootstrap, lambda: process.send_signal(signal.SIGSTOP), within_s=60)
        first = changelog.unnamed(bootstrap)
        if first and changelog.unnamed(bootstrap) == first:  # read twice: what was on its way has arrived
            return
        process.send_signal(signal.SIGCONT)
    raise AssertionError(f"not paused between chunks and manifest in {TRIES} tries")
