"""Workers that come and go under load: a rolling restart, one that becomes three and then two, and who shows what meanwhile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration import harness
from tests.integration.faults import floor
from tests.integration.faults.load import EVENTS_PER_S, Load
from tests.integration.faults.scrapes import EACH_S, Report, Scrapes
from tests.integration.faults.verdict import assert_exact
from tests.integration.harness import Worker, wait_until
from tests.kafka_broker import KafkaBroker

pytestmark = pytest.mark.kafka

STOP_S = 15.0
LOOKS_S = 1.0  # from one look at all workers to the next, on a busy machine
Recovery = tuple[str, float, float]  # what happened, from when until when all was read back


def test_a_rolling_restart_of_three(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    bootstrap = kafka_broker.bootstrap
    with floor.workers(bootstrap, tmp_path, 3) as workers, Load(bootstrap, floor.SEED) as load:
        for worker in workers:
            worker.start()
        floor.wait_shared(workers)
        for worker in workers:
            load.wait_for(EVENTS_PER_S)
            assert worker.terminate(within_s=STOP_S) == 0
            worker.start()
            worker.wait_ready()
        load.stop()
        floor.wait_shared(workers)
        assert_exact(f"seed {floor.SEED}", bootstrap, *workers)


def test_one_becomes_three_and_then_two_and_each_queue_is_shown_by_one(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    """Each queue is shown by one worker, but for a scrape; nobody shows it only while partitions move."""
    bootstrap, recoveries = kafka_broker.bootstrap, list[Recovery]()

    @contextmanager
    def recovery(what: str, running: list[Worker]) -> Iterator[None]:
        since = time.monotonic()
        yield
        floor.wait_shared(running)
        recoveries.append((what, since, time.monotonic()))

    with (
        floor.workers(bootstrap, tmp_path, 3) as workers,
        Load(bootstrap, floor.SEED) as load,
        Scrapes(workers) as scrapes,
    ):
        first, second, third = workers
        first.start()
        floor.wait_shared([first])
        load.wait_for(2 * EVENTS_PER_S)
        with recovery("two more", workers):
            second.start()
            third.start()
        load.wait_for(2 * EVENTS_PER_S)
        with recovery("one killed and started again", workers):
            second.kill()
            second.start()
            wait_until(lambda: floor.owned(second) > 0, floor.MOVED_S, "the killed one has partitions again")
        load.wait_for(2 * EVENTS_PER_S)
        with recovery("one left for good", [first, second]):
            assert third.terminate(within_s=STOP_S) == 0
            done = harness.run("worker", "--leave", "--instance", "worker-2", "--bootstrap", bootstrap)
            assert done.returncode == 0, done.stderr
        load.wait_for(EVENTS_PER_S)
        with recovery("one killed for good", [first]):
            second.kill()
        load.wait_for(EVENTS_PER_S)
        load.stop()
        assert_exact(f"seed {floor.SEED}", bootstrap, first)
        scrapes.stop()
    report = scrapes.report()
    moved = [(what, round(since - scrapes.looks[0].asked, 2)) for what, since, _ in recoveries]
    _print(report, recoveries)
    assert not scrapes.falls, "\n".join(
        [f"seed {floor.SEED}, {moved}: {len(scrapes.falls)} falls", *scrapes.falls[:20]]
    )
    assert report.overlap_s <= EACH_S, sorted(report.overlaps)[-10:]
    late = [
        gap
        for gap in report.gaps
        if not any(since - LOOKS_S <= gap[0] and gap[1] <= until + LOOKS_S for _, since, until in recoveries)
    ]
    assert not late, late


def _print(report: Report, recoveries: list[Recovery]) -> None:
    print(f"\nshown by two at once for {report.overlap_s:.2f} s at most, by none for {report.gap_s:.2f} s at most")
    for what, since, until in recoveries:
        gaps = [gap for gap in report.gaps if since - LOOKS_S <= gap[0] <= until]
        longest_s = max((end - begin for begin, end, _ in gaps), default=0.0)
        print(f"{what}: {until - since:.2f} s until all was read back, {len(gaps)} gaps, the longest {longest_s:.2f} s")
