"""Whether memory grows: `python -m bench.soak --minutes 30 --speed 10`.

One worker with a short horizon and short retention folds simulated traffic, faster than the clock. What it holds is bounded by
event time, so after the first minutes its memory must stay: printed is its size every half minute, and the slope after that.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.process import rss_mb
from tests.integration.faults import ledger
from tests.integration.harness import Worker, command, ensure_topics, environment, read, settle
from tests.kafka_broker import ROOT, KafkaBroker

EACH_S: Final = 30.0
SETTINGS: Final = """[folding]
calls_lateness_h = {horizon_h}
chats_lateness_h = {horizon_h}
survey_days = 0
minute_panes_min = 30
quarter_panes_min = 30
"""


def main() -> None:
    """Run and print the sizes and the slope."""
    options = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    options.add_argument("--minutes", type=float, default=30, help="how long (default: %(default)s)")
    options.add_argument("--speed", type=float, default=10, help="times the clock (default: %(default)s)")
    options.add_argument("--volume", type=float, default=10, help="size of the floor (default: %(default)s)")
    options.add_argument("--warm-up", type=float, default=10, help="minutes before the slope (default: %(default)s)")
    options.add_argument("--horizon", type=float, default=10, help="minutes of event time (default: %(default)s)")
    options.add_argument("--json", action="store_true", help="print JSON at the end")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="floorpulse-soak-") as name, KafkaBroker(Path(name)) as broker:
        settings = Path(name) / "floorpulse.toml"
        settings.write_text(SETTINGS.format(horizon_h=chosen.horizon / 60))
        ensure_topics(broker.bootstrap)
        with Worker(broker.bootstrap, Path(name) / "worker.log", options=("--settings", str(settings))) as worker:
            worker.wait_ready()
            simulate = command("simulate", "--bootstrap", broker.bootstrap, "--settings", str(settings))
            simulate += ["--speed", str(chosen.speed), "--volume", str(chosen.volume), "--shuffle", "30"]
            simulate += ["--hours", str(chosen.minutes * chosen.speed / 60), "--duplicate", "0.01"]
            traffic = subprocess.Popen(simulate, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
            try:
                samples = _samples(worker, chosen.minutes)
            finally:
                traffic.terminate()
                traffic.wait()
            [page] = settle(broker.bootstrap, worker)
        words = ledger.newest(read(broker.bootstrap, "cc.partials"))
    parts = [key.rsplit(b"|", 1)[1] for key, said in words.items() if not key.startswith(b"progress|") and said[4]]
    late = [(minute, size) for minute, size in samples if minute >= chosen.warm_up]
    sizes = [size for _, size in late]
    found = {
        "events": sum(page.sources.values()),
        "least_mb": min(sizes, default=0.0),
        "most_mb": max(sizes, default=0.0),
        "slope_kb_per_min": 1_000 * _slope(late),
        "minute_panes": sum(part.startswith(b"1m:") for part in parts),
        "quarter_panes": sum(part.startswith(b"15m:") for part in parts),
    }
    print(json.dumps(found) if chosen.json else "\n".join(f"{name} {value:,.1f}" for name, value in found.items()))


def _samples(worker: Worker, minutes: float) -> list[tuple[float, float]]:
    """Return minute and resident MB, over and over."""
    began, samples = time.monotonic(), list[tuple[float, float]]()
    while (minute := (time.monotonic() - began) / 60) <= minutes:
        samples.append((minute, rss_mb(worker)))
        print(f"{minute:5.1f} min {samples[-1][1]:7.1f} MB", file=sys.stderr, flush=True)
        time.sleep(EACH_S)
    return samples


def _slope(samples: list[tuple[float, float]]) -> float:
    """Return MB a minute, as the straight line through the samples has it."""
    if len(samples) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*samples, strict=True)).slope


if __name__ == "__main__":
    main()
